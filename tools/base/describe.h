/* SPDX-License-Identifier: MIT
 * What stele list and stele show say of regions and tables, as text. */
#ifndef TOOLS_BASE_DESCRIBE_H
#define TOOLS_BASE_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

#define DESCRIBED_MAX 72

/* Each writes at most DESCRIBED_MAX bytes to `buffer` and returns it. */
const char *describe_number(uint64_t number, char *buffer);
const char *describe_size(uint64_t bytes, char *buffer); /* "20.1 MiB" */
const char *describe_time(uint64_t nanoseconds, char *buffer);
const char *describe_age(uint64_t nanoseconds,
                         char *buffer); /* "2 h 3 min"; empty for 0, not known */
const char *describe_duration(uint64_t nanoseconds, char *buffer); /* likewise: how long it is */
const char *describe_uuid(const uint8_t uuid[16], char *buffer);
const char *describe_process(uint32_t pid, const char *command, char *buffer); /* "bgpd (1234)" */
/* "12 versions were given up while they were counted" */
const char *describe_given_up(uint64_t versions, char *buffer);

/* True if there is a process of this number and name here, and it is stopped. A pid proves nothing:
 * this is a hint to people. */
bool describe_is_stopped(uint32_t pid, const char *command);

/* The number with commas between thousands, in a buffer of GROUPED_SIZE bytes; returns it. */
#define GROUPED_SIZE 32
const char *describe_grouped(uint64_t number, char *buffer);

#endif
