/* SPDX-License-Identifier: MIT
 *
 * A BANK is a region whose every version can be told whole from half by looking at it alone.
 * Version g of a bank holds
 *
 *   left, right   BANK_ACCOUNTS accounts each, whose amounts add up to BANK_SUM over both tables;
 *                 a clock (the last key) that says g; and one extra row for each of the last
 *                 BANK_EXTRAS versions
 *   odd           only where g % 16 is 8 or more, with a row for each version since it was made
 */
#ifndef TESTS_SUPPORT_CRASH_BANK_H
#define TESTS_SUPPORT_CRASH_BANK_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <stele/stele.h>

#include "tests/support/crash/crash.h"
#include "tests/support/random.h"

#define BANK_ACCOUNTS     12u
#define BANK_EXTRAS       5u
#define BANK_SUM          ((int64_t)(2 * BANK_ACCOUNTS * 1000))
#define BANK_CLOCK        UINT32_MAX
#define BANK_ODD(version) ((version) % 16 >= 8)

struct account {
	int64_t amount;
	uint64_t generation;
};

extern const struct stele_schema account_schema;

/* Puts a row of a table in a transaction. 0, or a negative errno. */
int bank_put(struct stele_transaction *tx, const char *table, uint32_t id, int64_t amount,
             uint64_t generation);

/* Makes in a transaction what version g of the bank differs in from the one before it. */
int bank_change(struct stele_transaction *tx, uint64_t g, uint64_t *random);

/* One commit: the new version, or a negative errno. */
int64_t bank_commit(struct stele_publisher *publisher, uint64_t *random);

/* Commits until the publisher is at version `until`. Every commit must work. */
void bank_run(struct stele_publisher *publisher, uint64_t until, uint64_t *random);

/* Says what is wrong, and is 1. */
#define bank_wrong(...) (snprintf(why, 200, __VA_ARGS__), 1)

/* A version of the bank: 0: it is whole; 1 and why it isn't (200 bytes); or the library's error. */
int bank_check(const struct stele_snapshot *snapshot, char *why);

/* Reads a version of a bank (0: the newest) through a reader that leaves no trace, and asserts
 * that it is whole. Returns the version. */
uint64_t bank_assert_whole(const char *region, uint64_t version, const char *when);

/* Makes a region that is a bank with so many versions, of which it keeps two. */
void bank_create(const char *region, uint64_t versions);

#endif
