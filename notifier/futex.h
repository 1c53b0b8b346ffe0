/* SPDX-License-Identifier: MIT
 *
 * Waking subscribers that wait on the head word of a region. Besides the notifier, for those who wake
 * and wait there without a channel: a publisher wakes all waiters of a version with one call, and a
 * subscriber says which versions are to wake it. */
#ifndef NOTIFIER_FUTEX_H
#define NOTIFIER_FUTEX_H

#include <stdint.h>

/* Wakes those who wait on the head word, with or without a slot, and whose bits are in the mask: who
 * named no tables has all of them, who did, those of the tables' hashes. With two names of one bit a
 * waiter may be woken for the other's table, and looks in vain. */
void notifier_futex_wake(const uint64_t *head, uint32_t mask);

/* The bit of a table in that mask. */
static inline uint32_t notifier_futex_bit(uint64_t table_hash)
{
	return UINT32_C(1) << (table_hash ^ table_hash >> 32) % 32;
}

#endif
