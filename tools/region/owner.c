/* SPDX-License-Identifier: MIT
 * The option --owner, and names of users. */
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/region/options.h"
#include "tools/region/owner.h"
#include "tools/region/place.h"

/* Parses the number or the name of a user. */
static enum status owner_parse_user(const char *text, uid_t *ret)
{
	const struct passwd *entry;
	uint64_t number;

	if (*text >= '0' && *text <= '9') {
		enum status status = parse_count("--owner", text, 0, UINT_MAX - 1, &number);

		*ret = (uid_t)number;
		return status;
	}
	entry = getpwnam(text);
	if (!entry)
		return fail(STATUS_INPUT,
		            "--owner: there is no user \"%s\"; give a name, a number, or any",
		            text);
	*ret = entry->pw_uid;
	return STATUS_DONE;
}

static error_t owner_parse(int key, char *argument, struct argp_state *state)
{
	struct owner *owner = state->input;

	if (key != OPTION_OWNER)
		return ARGP_ERR_UNKNOWN;
	if (strcmp(argument, "any") == 0) {
		owner->flags = STELE_ANY_OWNER;
		return 0;
	}
	owner->flags = STELE_ONE_OWNER;
	return owner_parse_user(argument, &owner->user) == STATUS_DONE ? 0 : EINVAL;
}

const struct argp options_owner = {
	.options =
		(const struct argp_option[]){
			{"owner", OPTION_OWNER, "USER", 0,
                         "Read the region only if USER, a name or a number, owns it; any: read the "
                         "region of any owner. By default, root reads only regions of root and of "
                         "the owner of their directory, and other users read every region",
                         12},
			{0},
		},
	.parser = owner_parse,
};

void owner_apply(const struct owner *owner, unsigned *flags, uid_t *user)
{
	*flags |= owner->flags;
	*user = owner->flags & STELE_ONE_OWNER ? owner->user : 0;
}

void owner_report(const struct owner *owner, const char *region,
                  struct stele_subscriber *subscriber)
{
	struct stele_subscriber_state state = {.size = sizeof(state)};
	char name[OWNER_SIZE];

	if (owner->flags || place_is_path(region) ||
	    stele_subscriber_describe(subscriber, &state) < 0 || state.owner_trusted)
		return;
	note("region \"%s\" belongs to %s; use --owner %u to read only regions of this user",
	     region, owner_name(state.owner, name), state.owner);
}

bool owner_refused(const struct place *place, const char *region, int error,
                   char ret[OWNER_REFUSAL_SIZE])
{
	struct stele_region_info info = {.size = sizeof(info)};

	if (error != -EPERM || place->owner.flags || geteuid() != 0 || place_is_path(region) ||
	    stele_region_describe(place_path(place, region), &info) < 0 || info.owner_trusted)
		return false;
	snprintf(ret, OWNER_REFUSAL_SIZE,
	         "region \"%s\" belongs to user %u, who is neither root nor the owner of its "
	         "directory; root reads it only with --owner %u, or --owner any",
	         region, info.owner, info.owner);
	return true;
}

const char *owner_name(uid_t user, char name[OWNER_SIZE])
{
	const struct passwd *entry = getpwuid(user);

	if (entry)
		snprintf(name, OWNER_SIZE, "user %u (%.32s)", user, entry->pw_name);
	else
		snprintf(name, OWNER_SIZE, "user %u", user);
	return name;
}
