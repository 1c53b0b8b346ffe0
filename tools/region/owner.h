/* SPDX-License-Identifier: MIT
 * Whose regions the command reads: the option --owner. Readers of regions apply it. */
#ifndef TOOLS_REGION_OWNER_H
#define TOOLS_REGION_OWNER_H

#include <argp.h>
#include <stele/stele.h>

/* Reads --owner, which says whose regions reader_open() and its like may read. */
extern const struct argp options_owner;
/* Makes a subscriber refuse regions of other owners than --owner asks for. */
void owner_apply(struct stele_subscriber_options *options);
/* A user for people: "user 65534 (nobody)". */
#define OWNER_SIZE 64
const char *owner_name(uid_t user, char name[OWNER_SIZE]);
/* Says on standard error whose region is read, if that is neither asked for nor a trusted owner's. */
void owner_report(const char *region, struct stele_subscriber *subscriber);

#endif
