/* SPDX-License-Identifier: MIT
 *
 * Wakes subscribers that wait on the head word of a region. These functions need no channel: a
 * publisher wakes all waiters of the tables that changed with one call. Publishers and subscribers
 * compute the masks of their tables by notifier_futex_bit(). */
#ifndef NOTIFIER_FUTEX_H
#define NOTIFIER_FUTEX_H

#include <stdint.h>

/* Wakes the subscribers that wait on the head word, with or without a slot, and whose masks share a
 * bit with `mask`. A subscriber that named no tables has all bits; one that named tables has their
 * bits. If two tables share a bit, a waiter may be woken for the other table, and finds nothing
 * new. */
void notifier_futex_wake(const uint64_t *head, uint32_t mask);

/* Returns the bit of a table in the mask of notifier_futex_wake(). */
static inline uint32_t notifier_futex_bit(uint64_t table_hash)
{
	return UINT32_C(1) << (table_hash ^ table_hash >> 32) % 32;
}

#endif
