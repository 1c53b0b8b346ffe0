/* SPDX-License-Identifier: MIT
 * The option --owner: which user's regions the command reads. A name in /dev/shm may be taken by
 * any user, so everything that opens a region for reading applies this option. options.c parses it,
 * and listings print the owners' names by owner_name(). */
#ifndef TOOLS_REGION_OWNER_H
#define TOOLS_REGION_OWNER_H

#include <argp.h>
#include <stdbool.h>
#include <sys/types.h>
#include <stele/stele.h>

struct place;

/* The value of --owner. */
struct owner {
	unsigned flags; /* STELE_ANY_OWNER, STELE_ONE_OWNER, or 0: not given */
	uid_t user;     /* with STELE_ONE_OWNER */
};

/* An argp child that parses --owner into a struct owner. */
extern const struct argp options_owner;

/* Sets the members `flags` and `owner` of the library's options, so that it refuses regions of
 * owners that --owner excludes. Keeps the other flags. */
void owner_apply(const struct owner *owner, unsigned *flags, uid_t *user);

/* Returns true if opening a region for reading returned `error` because root reads only regions of
 * trusted owners (OWNERS in <stele/subscriber.h>). Writes an error message that names the option to
 * `ret`; the library's message names its own flags. */
#define OWNER_REFUSAL_SIZE 256
bool owner_refused(const struct place *place, const char *region, int error,
                   char ret[OWNER_REFUSAL_SIZE]);

/* Writes the number and the name of a user to `name`, as "user 65534 (nobody)", and returns it. */
#define OWNER_SIZE 64
const char *owner_name(uid_t user, char name[OWNER_SIZE]);

/* Prints a note with the owner of the region that a subscriber reads, if the owner is not trusted
 * and --owner was not given. */
void owner_report(const struct owner *owner, const char *region,
                  struct stele_subscriber *subscriber);

#endif
