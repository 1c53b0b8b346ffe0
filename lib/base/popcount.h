/* SPDX-License-Identifier: MIT
 * The number of set bits in a word, in one instruction where the processor has it. */
#ifndef LIB_BASE_POPCOUNT_H
#define LIB_BASE_POPCOUNT_H

#include <stdint.h>

static inline unsigned popcount(uint64_t word)
{
#if defined(__POPCNT__) || defined(__aarch64__)
	return (unsigned)__builtin_popcountll(word);
#else
#ifdef __x86_64__
	/* Of all but the oldest processors, which are what the compiler builds for. */
	if (__builtin_cpu_supports("popcnt")) {
		__asm__("popcntq %0, %0" : "+r"(word) : : "cc");
		return (unsigned)word;
	}
#endif
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) + (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (unsigned)(word * UINT64_C(0x0101010101010101) >> 56);
#endif
}

#endif
