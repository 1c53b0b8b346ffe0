/* SPDX-License-Identifier: MIT
 *
 * A BANK is a region whose versions can each be checked for consistency without looking at any
 * other version. Version g of a bank holds
 *
 *   left, right   BANK_ACCOUNTS accounts each, whose amounts add up to BANK_SUM over both tables;
 *                 a clock (the last key) with the value g; and one extra row for each of the last
 *                 BANK_EXTRAS versions
 *   odd           only if g % 16 is 8 or more, with a row for each version since it was created */
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
#define BANK_APPENDED     64u
#define BANK_ODD(version) ((version) % 16 >= 8)

struct account {
	int64_t amount;
	uint64_t generation;
};

extern const struct stele_schema account_schema;

/* Puts a row of a table in a transaction; columns that were appended to the schema, of up to
 * BANK_APPENDED bytes, get zeros. Returns 0 or a negative errno. */
int bank_put(struct stele_transaction *tx, const char *table, uint32_t id, int64_t amount,
             uint64_t generation);

/* Makes the changes from version g - 1 to version g in a transaction. */
int bank_change(struct stele_transaction *tx, uint64_t g, uint64_t *random);

/* Appends a column to the accounts of a table, in a transaction. Returns 0 or a negative errno. */
int bank_alter(struct stele_transaction *tx, const char *table);

/* Makes one commit. Returns the new version, or a negative errno. */
int64_t bank_commit(struct stele_publisher *publisher, uint64_t *random);

/* Commits until the publisher is at version `until`. Every commit must succeed. */
void bank_run(struct stele_publisher *publisher, uint64_t until, uint64_t *random);

/* Writes a reason to `why`. Its value is 1. */
#define bank_wrong(...) (snprintf(why, 200, __VA_ARGS__), 1)

/* Checks a version of the bank. Returns 0 if it is consistent; 1 and the reason (200 bytes) if not;
 * or the library's error. */
int bank_check(const struct stele_snapshot *snapshot, char *why);

/* Reads a version of a bank (0: the newest) through an unregistered subscriber, and asserts that
 * the version is consistent. Returns the version. */
uint64_t bank_assert_whole(const char *region, uint64_t version, const char *when);

/* Creates a bank with `versions` versions, of which history keeps two. */
void bank_create(const char *region, uint64_t versions);

#endif
