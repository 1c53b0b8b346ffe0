/* SPDX-License-Identifier: MIT
 * Whose regions the command reads: the option --owner. Readers of regions apply it. */
#ifndef TOOLS_REGION_OWNER_H
#define TOOLS_REGION_OWNER_H

#include <argp.h>
#include <sys/types.h>
#include <stele/stele.h>

/* What --owner asks for. */
struct owner {
	unsigned flags; /* STELE_ANY_OWNER, STELE_ONE_OWNER, or 0: not given */
	uid_t user;     /* with STELE_ONE_OWNER */
};

/* A child that reads --owner into a struct owner. */
extern const struct argp options_owner;
/* Makes a subscriber refuse regions of other owners than --owner asks for. */
void owner_apply(const struct owner *owner, struct stele_subscriber_options *options);
/* A user for people: "user 65534 (nobody)". */
#define OWNER_SIZE 64
const char *owner_name(uid_t user, char name[OWNER_SIZE]);
/* Prints whose region a subscriber reads, if that is neither asked for nor a trusted owner's. */
void owner_report(const struct owner *owner, const char *region,
                  struct stele_subscriber *subscriber);

#endif
