/* SPDX-License-Identifier: MIT
 *
 * The table of all notifiers, by kind and by name. For publishers and subscribers; no notifier
 * calls it. */
#include "notifier/notifier.h"

#include <stdio.h>
#include <string.h>

static const struct notifier *const notifiers[] = {
	&notifier_mq,        &notifier_socket, &notifier_fifo,  &notifier_signal,
	&notifier_semaphore, &notifier_sysv,   &notifier_futex,
};

const struct notifier *notifier_of_kind(uint32_t kind)
{
	for (size_t i = 0; i < sizeof(notifiers) / sizeof(notifiers[0]); i++)
		if (notifiers[i]->kind == kind)
			return notifiers[i];
	return NULL;
}

const struct notifier *notifier_of_name(const char *name)
{
	for (size_t i = 0; i < sizeof(notifiers) / sizeof(notifiers[0]); i++)
		if (strcmp(notifiers[i]->name, name) == 0)
			return notifiers[i];
	return NULL;
}

void notifier_names(char ret[NOTIFIER_NAMES_SIZE])
{
	size_t count = sizeof(notifiers) / sizeof(notifiers[0]);
	size_t length = (size_t)snprintf(ret, NOTIFIER_NAMES_SIZE, "auto");

	for (size_t i = 0; i < count && length < NOTIFIER_NAMES_SIZE; i++)
		length += (size_t)snprintf(ret + length, NOTIFIER_NAMES_SIZE - length, "%s%s",
		                           i + 1 < count ? ", " : " and ", notifiers[i]->name);
}

void notifiers_remove(const struct region_paths *names, const uint8_t region_uuid[16])
{
	for (size_t i = 0; i < sizeof(notifiers) / sizeof(notifiers[0]); i++)
		if (notifiers[i]->remove)
			notifiers[i]->remove(names, region_uuid);
}
