/* SPDX-License-Identifier: MIT
 *
 * Atomic access to shared memory. The accessors follow the C11 memory model (ISO 9899:2011, 5.1.2.4
 * and 7.17). They use the builtins of GCC and Clang, because the words in shared memory are plain
 * integers. Any part of the library may call them. Shared memory is accessed in three ways:
 *
 * SYNCHRONIZING words (head, oldest, reclaimed, kept, tickets, pins). Each access names its order:
 *
 *   load_acquire     later loads see all stores before the store_release that stored the value
 *   store_release    earlier stores are visible to every thread that load_acquires the value
 *   load_relaxed,    no order by themselves; a fence beside the access orders it
 *   store_relaxed
 *   fence_full       earlier stores are visible to others before later loads execute (StoreLoad).
 *                    Acquire and release do not guarantee this. Costs `mfence` or a locked
 *                    instruction on x86, `dmb ish` on ARM
 *   fence_acquire    earlier loads execute before later loads
 *   fence_release    earlier stores are visible before later stores
 *
 * DATA words: the contents of the arena. The publisher may reuse memory while a reader without a
 * pin still reads it. Such a reader re-checks `reclaimed` after its reads and a fence_acquire, as
 * readers of a seqlock do, and discards a stale result. Therefore these accesses must be atomic,
 * but need no order: data_load and data_store are relaxed. A reader sees complete nodes, because
 * the publisher stores a node before the release store of the head that leads to it.
 * ThreadSanitizer does not understand fences, so in its builds data accesses are acquire and
 * release, which are the same plain moves on x86.
 *
 * Bytes that only the publisher may WRITE: the publisher reads them with plain loads.
 *
 * Pairs of accesses whose order is not obvious have a litmus test in tests/litmus.
 */
#ifndef LIB_BASE_ATOMIC_H
#define LIB_BASE_ATOMIC_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* GCC announces a sanitizer by a macro, Clang by a feature. */
#if defined(__SANITIZE_THREAD__)
#define STELE_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define STELE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STELE_TSAN 1
#elif __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define STELE_SANITIZED 1
#endif
#endif

#ifdef STELE_TSAN
/* Sanitizers do not see loads in inline assembly, so data_load_bytes() avoids it for them. */
#define STELE_SANITIZED 1
#endif

#ifdef STELE_TSAN
#define DATA_LOAD_ORDER  __ATOMIC_ACQUIRE
#define DATA_STORE_ORDER __ATOMIC_RELEASE
#else
#define DATA_LOAD_ORDER  __ATOMIC_RELAXED
#define DATA_STORE_ORDER __ATOMIC_RELAXED
#endif

/* Without lock-free atomics, libatomic would use locks that exclude only threads of one process. */
static_assert(__atomic_always_lock_free(sizeof(uint64_t), 0),
              "this machine has no atomic access to 64 bits");

static inline uint64_t load_acquire(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline uint64_t load_relaxed(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline void store_release(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void store_relaxed(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline uint32_t load_acquire_32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void store_release_32(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void fence_full(void)
{
#ifdef STELE_TSAN
	/* ThreadSanitizer does not support fences, and GCC rejects them in its builds. A locked
	 * instruction on a thread-local word orders the processor as well, and the accesses around
	 * the fence are atomic anyway. */
	static _Thread_local uint64_t own;
	__atomic_fetch_add(&own, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static inline void fence_acquire(void)
{
#ifndef STELE_TSAN
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

static inline void fence_release(void)
{
#ifndef STELE_TSAN
	__atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

/* Pauses the processor for a moment in a loop that polls a word: leaves the core to its other
 * hardware thread and saves power. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield" ::: "memory");
#endif
}

/* Prefetches the cache line at `at`. Any address is allowed. The empty assembly is required: GCC 12
 * regards a function that only prefetches as free of effects, and drops calls to it. */
static inline void prefetch(const void *at)
{
	__builtin_prefetch(at);
	__asm__ __volatile__("");
}

/* Prefetches the cache line at `at` into the second-level cache. For many lines at a time: the
 * second level allows more outstanding loads than the first, in which the prefetches would
 * queue. */
static inline void prefetch_l2(const void *at)
{
	__builtin_prefetch(at, 0, 2);
	__asm__ __volatile__("");
}

/* ---- data words ---- */

static inline uint64_t data_load(const void *word)
{
	return __atomic_load_n((const uint64_t *)word, DATA_LOAD_ORDER);
}

static inline uint32_t data_load_32(const void *word)
{
	return __atomic_load_n((const uint32_t *)word, DATA_LOAD_ORDER);
}

static inline void data_store(void *word, uint64_t value)
{
	__atomic_store_n((uint64_t *)word, value, DATA_STORE_ORDER);
}

static inline void data_store_32(void *word, uint32_t value)
{
	__atomic_store_n((uint32_t *)word, value, DATA_STORE_ORDER);
}

static inline void data_store_byte(unsigned char *at, unsigned char value)
{
	__atomic_store_n(at, value, DATA_STORE_ORDER);
}

/* Loads eight bytes from any address, in memory order. Each byte is loaded once, but not all at the
 * same moment. On x86 this is one unaligned load, for which C has no atomic expression. Elsewhere
 * the bytes are combined from the one or two aligned words that contain them, so up to seven bytes
 * on either side are read as well. */
static inline uint64_t data_load_bytes(const unsigned char *at)
{
#if defined(__x86_64__) && !defined(STELE_SANITIZED)
	uint64_t word;

	__asm__("movq %1, %0" : "=r"(word) : "m"(*(const unsigned char(*)[8])at));
	return word;
#else
	unsigned shift = (unsigned)((uintptr_t)at & 7u) * 8u;
	const unsigned char *word = at - shift / 8u;
	uint64_t low = data_load(word);

	if (shift == 0)
		return low;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return low >> shift | data_load(word + 8) << (64u - shift);
#else
	return low << shift | data_load(word + 8) >> (64u - shift);
#endif
#endif
}

static inline unsigned char data_load_byte(const unsigned char *at)
{
	return __atomic_load_n(at, DATA_LOAD_ORDER);
}

/* Loads a byte only to raise SIGBUS if its page is gone. The load is volatile, because the compiler
 * would drop an unused one. */
static inline void data_touch(const unsigned char *at)
{
	(void)__atomic_load_n((const volatile unsigned char *)at, DATA_LOAD_ORDER);
}

/* Copies bytes out of memory that another process may change during the copy. */
static inline void data_copy_out(void *to, const unsigned char *from, size_t size)
{
	unsigned char *out = to;

	for (; size >= 8; size -= 8, from += 8, out += 8) {
		uint64_t word = data_load_bytes(from);
		memcpy(out, &word, 8);
	}
	for (; size > 0; size--)
		*out++ = data_load_byte(from++);
}

/* Copies bytes into memory that readers may read during the copy. `to` may have any alignment, and
 * may overlap `from`. The bytes are stored in any order and in pieces of any size. That is safe,
 * because a concurrent reader either discards what it read, as with all data words, or learns from
 * another word which bytes are valid. */
static inline void data_copy_bytes(unsigned char *to, const void *from, size_t size)
{
#ifdef STELE_TSAN
	const unsigned char *in = from;
	bool upwards = (uintptr_t)to > (uintptr_t)from;

	for (size_t i = 0; i < size; i++) {
		size_t at = upwards ? size - 1 - i : i;
		__atomic_store_n(to + at, in[at], DATA_STORE_ORDER);
	}
#else
	/* Not memcpy(): GCC would compile that to `rep movs`, which starts slowly. */
	memmove(to, from, size);
#endif
}

/* Copies bytes like data_copy_bytes(), and pads them with zeros to a multiple of 8. `to` must be
 * aligned to 8 bytes. */
static inline void data_copy_in(unsigned char *to, const void *from, size_t size)
{
	size_t whole = size & ~(size_t)7;

	data_copy_bytes(to, from, whole);
	if (size > whole) {
		uint64_t word = 0;
		memcpy(&word, (const unsigned char *)from + whole, size - whole);
		data_store(to + whole, word);
	}
}

/* Returns true if the `size` bytes at `at`, which another process may change, equal those at
 * `bytes`. */
static inline bool data_equal(const unsigned char *at, const void *bytes, size_t size)
{
	const unsigned char *own = bytes;
	uint64_t word;

	if (size >= 8) {
		/* The last word may overlap the one before it. */
		size -= 8;
		for (size_t i = 0; i < size; i += 8) {
			memcpy(&word, own + i, 8);
			if (data_load_bytes(at + i) != word)
				return false;
		}
		memcpy(&word, own + size, 8);
		return data_load_bytes(at + size) == word;
	}
	for (; size > 0; size--)
		if (data_load_byte(at++) != *own++)
			return false;
	return true;
}

#endif
