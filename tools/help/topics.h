/* SPDX-License-Identifier: MIT
 * What several commands have in common, for `stele help TOPIC`: formats, types, exit statuses,
 * versions, times and names of regions. Each topic begins with an example. Called by main(), and by
 * completion. */
#ifndef TOOLS_HELP_TOPICS_H
#define TOOLS_HELP_TOPICS_H

#include <stddef.h>

struct topic {
	const char *name;
	const char *summary;
	const char *text;
};

/* All topics, and their number. */
extern const struct topic topics[];
extern const size_t topic_count;

/* The list of exit statuses, which `stele --help` prints, too. */
extern const char topic_statuses[];

/* Returns the topic with this name, or NULL. */
const struct topic *topic_find(const char *name);

#endif
