/* SPDX-License-Identifier: MIT
 *
 * The one file that owns atomics. It follows the C11 memory model (ISO 9899:2011, 5.1.2.4 and
 * 7.17); the builtins are GCC's and Clang's because the words live in shared memory and are plain
 * integers there. Three kinds of access, and nothing else in the project touches memory that
 * another process may change:
 *
 * SYNCHRONISING words (head, oldest, reclaimed, kept, tickets, pins). Each use names its order:
 *
 *   load_acquire     what was stored before the store_release that it reads from is seen after it
 *   store_release    what was stored before it is seen by who load_acquires its value
 *   load_relaxed     no order; a fence next to it says which
 *   store_relaxed
 *   fence_full       a store before it is seen by others before a load after it is done (StoreLoad).
 *                    Acquire and release do not give this: `mfence` or a locked instruction on
 *                    x86, `dmb ish` on ARM
 *   fence_acquire    a load before it is done before any load after it
 *   fence_release    a store after it is seen only after every store before it
 *
 * DATA words: the contents of the arena. The publisher may reuse memory that a reader without a pin
 * is still looking at; such a reader judges its result afterwards (reclaimed, after fence_acquire)
 * and throws it away. The accesses themselves must therefore be atomic, though not ordered:
 * data_load and data_store are relaxed. A reader sees a finished node because the whole of it was
 * stored before the release store of the head through which it came. ThreadSanitizer does not
 * understand fences, so there they are acquire and release; on x86 these are the same plain moves.
 *
 * Bytes that the publisher alone may write are read by the publisher with plain loads.
 *
 * Pairs whose order is not obvious have a litmus test in tests/litmus.
 */
#ifndef LIB_BASE_ATOMIC_H
#define LIB_BASE_ATOMIC_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* gcc says by macros which sanitizer it builds for, clang by features. */
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
#define STELE_SANITIZED 1 /* a sanitizer does not see what assembly loads */
#endif

#ifdef STELE_TSAN
#define DATA_LOAD_ORDER  __ATOMIC_ACQUIRE
#define DATA_STORE_ORDER __ATOMIC_RELEASE
#else
#define DATA_LOAD_ORDER  __ATOMIC_RELAXED
#define DATA_STORE_ORDER __ATOMIC_RELAXED
#endif

/* libatomic's own locks, which would take their place, are of one process. */
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
	/* TSan has no fences and GCC refuses them: a locked instruction on a word of this thread's
	 * own orders the machine all the same, and the words around it are atomic. */
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

/* For a loop that looks at a word again and again: lets the core's other thread go on, and takes
 * less power. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield" ::: "memory");
#endif
}

/* Asks for the line at an address, which may be any, as it will be needed soon. The empty assembly
 * stays: a function that did nothing else, GCC 12 takes for one without effect, and leaves it out. */
static inline void prefetch(const void *at)
{
	__builtin_prefetch(at);
	__asm__ __volatile__("");
}

/* The same for one of so many lines that they wait for each other: into the second cache, which has more
 * on their way at a time than the first. */
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

/* Eight bytes from any address, in the order they stand in memory: each is loaded once, but not all of
 * them at the same moment. Elsewhere than on x86, whose one instruction for it C has no words for, they
 * are put together from the aligned words that they lie in; it may touch up to seven bytes past them,
 * never a word that holds none of them. */
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

/* Touches a byte that may change meanwhile, for the fault that this may raise. It stays where it is:
 * a load of what nobody asks for would be left out. */
static inline void data_touch(const unsigned char *at)
{
	(void)__atomic_load_n((const volatile unsigned char *)at, DATA_LOAD_ORDER);
}

/* Copies bytes out of memory that may change meanwhile. */
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

/* Copies bytes into memory that readers may be looking at, to any address, also one that overlaps where
 * they are. They come in any order, and in pieces of any size: who looks meanwhile either throws away what
 * it finds, as with all data words, or is told by another word what to believe. */
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
	/* Of memcpy gcc makes `rep movs`, which is slow to start. */
	memmove(to, from, size);
#endif
}

/* The same, whole words: zeros follow the last byte. `to` is aligned to 8. */
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

/* True when `size` bytes at `at`, which may change meanwhile, equal those at `bytes`. */
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
