/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "tools/base/heap.h"
#include "tools/usage/option_list.h"

void option_list_add(struct option_list *list, const struct argp *argp)
{
	const struct argp_option *option = argp->options;
	const struct argp_child *child = argp->children;

	for (; option && (option->name || option->key); option++) {
		list->options =
			heap_realloc(list->options, (list->count + 1) * sizeof(*list->options));
		list->options[list->count++] = *option;
	}
	for (; child && child->argp; child++)
		option_list_add(list, child->argp);
}

void option_list_free(struct option_list *list)
{
	free(list->options);
	*list = (struct option_list){0};
}

const struct argp_option *option_list_find(const struct option_list *list, const char *name,
                                           size_t length)
{
	const struct argp_option *found = NULL;

	for (size_t i = 0; i < list->count; i++) {
		const char *other = list->options[i].name;

		if (!other || strncmp(other, name, length) != 0)
			continue;
		if (strlen(other) == length)
			return &list->options[i];
		if (found)
			return NULL;
		found = &list->options[i];
	}
	return found;
}

const struct argp_option *option_list_find_letter(const struct option_list *list, char letter)
{
	for (size_t i = 0; i < list->count; i++)
		if (option_has_letter(&list->options[i]) && list->options[i].key == letter)
			return &list->options[i];
	return NULL;
}

bool option_has_letter(const struct argp_option *option)
{
	return option->key > 0 && option->key < 128 && isgraph(option->key);
}

bool option_is_shown(const struct argp_option *option)
{
	return option->name && !(option->flags & OPTION_HIDDEN);
}
