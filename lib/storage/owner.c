/* SPDX-License-Identifier: MIT */
#include "lib/storage/owner.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

#include <stele/subscriber.h>

#include "lib/base/error.h"

bool owner_is_trusted(const struct region_paths *names, uid_t owner)
{
	char path[NAMES_PATH_SIZE];
	struct stat status;

	if (owner == 0 || owner == geteuid())
		return true;
	snprintf(path, sizeof(path), "%s", names->data);
	return stat(dirname(path), &status) == 0 && status.st_uid == owner;
}

int owner_rule_make(unsigned flags, uid_t owner, struct owner_rule *ret)
{
	bool any = flags & STELE_ANY_OWNER, one = flags & STELE_ONE_OWNER;

	if (any && one)
		return error_set(EINVAL, "STELE_ANY_OWNER and STELE_ONE_OWNER exclude each other");
	if (owner != 0 && !one)
		return error_set(EINVAL, ".owner is set without the flag STELE_ONE_OWNER");
	ret->rule = one ? OWNER_ONE : any || geteuid() != 0 ? OWNER_ANY : OWNER_TRUSTED;
	ret->user = owner;
	return 0;
}

void owner_rule_flags(const struct owner_rule *rule, unsigned *ret_flags, uid_t *ret_owner)
{
	*ret_flags = rule->rule == OWNER_ONE   ? STELE_ONE_OWNER
	             : rule->rule == OWNER_ANY ? STELE_ANY_OWNER
	                                       : 0;
	*ret_owner = rule->user;
}

int owner_check(const struct region_paths *names, const struct stat *status)
{
	uid_t owner = status->st_uid;

	if (names->owner.rule == OWNER_ONE && owner != names->owner.user)
		return error_set(EPERM,
		                 "%s belongs to user %u, and user %u was asked for; ask for its "
		                 "actual owner, or let that user or root remove it",
		                 names->data, owner, names->owner.user);
	/* A saved file may have any owner, because the user chose the file by its path. */
	if (names->owner.rule != OWNER_TRUSTED || names->saved || owner_is_trusted(names, owner))
		return 0;
	return error_set(
		EPERM,
		"%s belongs to user %u, who is neither root nor the owner of its directory; "
		"root reads it only with STELE_ONE_OWNER and that user, or with STELE_ANY_OWNER",
		names->data, owner);
}
