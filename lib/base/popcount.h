/* SPDX-License-Identifier: MIT
 *
 * Counts the set bits of a word, by one instruction if the processor has it. Any part of the
 * library may call this function. */
#ifndef LIB_BASE_POPCOUNT_H
#define LIB_BASE_POPCOUNT_H

#include <stdint.h>

/* Returns the number of set bits in the word. */
static inline unsigned popcount(uint64_t word)
{
#if defined(__POPCNT__) || defined(__aarch64__)
	return (unsigned)__builtin_popcountll(word);
#else
#ifdef __x86_64__
	/* All but the oldest x86-64 processors have popcnt, but the compiler also targets the
	 * oldest. */
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
