/* SPDX-License-Identifier: MIT
 * Formats numbers, sizes, times and processes as text. May be called from any folder of tools. */
#ifndef TOOLS_BASE_DESCRIBE_H
#define TOOLS_BASE_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>
#include <stele/region.h>

/* Size of the buffers of these functions. Each function writes its text to `buffer` and returns
 * `buffer`. */
#define DESCRIBED_MAX 72

const char *describe_number(uint64_t number, char *buffer);
/* Formats a size: "20.1 MiB". */
const char *describe_size(uint64_t bytes, char *buffer);
/* Formats a time since 1970: "2026-01-31T12:00:00Z". */
const char *describe_time(uint64_t nanoseconds, char *buffer);
/* Formats the age of a time since 1970: "2 h 3 min", or "" for 0 (not known). */
const char *describe_age(uint64_t nanoseconds, char *buffer);
const char *describe_uuid(const uint8_t uuid[16], char *buffer);
/* Formats a version with the UUID of its region, as stele_position_format() does, for programs. */
const char *describe_token(uint64_t version, const uint8_t uuid[16], char *buffer);
/* Formats a version with the first 8 digits of the UUID, for people. */
const char *describe_token_short(uint64_t version, const uint8_t uuid[16], char *buffer);
/* Formats the command and the pid of a process: "bgpd (1234)". */
const char *describe_process(uint32_t pid, const char *command, char *buffer);
/* Formats the user of a commit: the name, or the number if there is no name. Returns NULL if the
 * user is not known. */
const char *describe_user(const struct stele_commit *commit, char *buffer);
/* Formats the number of versions that could not be counted: "12 versions were reclaimed while they
 * were counted", or "0". */
const char *describe_given_up(uint64_t versions, char *buffer);

/* Returns true if this pid namespace has a process of this number and name that is stopped. The
 * number may be that of another process or another namespace, so this is only a hint to people. */
bool describe_is_stopped(uint32_t pid, const char *command);

/* Writes the number with commas between thousands ("1,179,648") to a buffer of GROUPED_SIZE bytes,
 * and returns `buffer`. */
#define GROUPED_SIZE 32
const char *describe_grouped(uint64_t number, char *buffer);

#endif
