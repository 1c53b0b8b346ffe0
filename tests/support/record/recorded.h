/* SPDX-License-Identifier: MIT
 *
 * A recorder of the region of cli.h, its files, and what a replay of them gives. For the tests of
 * stele record and stele replay. */
#ifndef TESTS_SUPPORT_RECORD_RECORDED_H
#define TESTS_SUPPORT_RECORD_RECORDED_H

#include <stele/stele.h>
#include <sys/types.h>
#include "tests/support/cli.h"

extern char folder[64];             /* of the recordings */
extern char trial[64];              /* the region of recorded_replay() */
extern struct cli_process recorder; /* the last one that was started */

/* The start and the end of each test. */
void recorded_begin(void);
void recorded_end(void);

/* Calls `each` for the path of each recording, oldest first, and fills `paths`, if they are not
 * NULL. Returns the number of recordings. */
int recorded_list(void (*each)(const char *path), char paths[][300], int capacity);

/* Removes all recordings. */
void recorded_remove(void);

/* Starts a recorder that makes one file, or one with this option, and waits for its first file. */
void recorded_start(void);
void recorded_start_with(char *option, char *value);
/* Ends the recorder with SIGTERM. */
void recorded_stop(void);

/* Waits until the recorder has reported that it recorded this version. */
void recorded_until(uint64_t version);

/* Waits until a file is larger than this, and returns its size. */
off_t recorded_until_larger(const char *path, off_t than);

/* Replays all recordings into a new region. */
struct cli_result recorded_replay(void);

/* Returns the rows of a table in a version of a region; NULL: in the newest. */
char *recorded_dump(const char *of, const char *table, const char *version);

/* ---- a publisher in this process, whose versions can be told from their rows ---- */

/* Creates the region, with one table. */
struct stele_publisher *numbered_open(const struct stele_publisher_options *options);

/* Commits a version, in which each of the first rows has the version's number. Returns it. */
uint64_t numbered_commit(struct stele_publisher *publisher, uint32_t rows);

/* Expects that the replayed region is one recorded version, and returns its number. */
uint64_t numbered_expect(uint32_t rows);

#endif
