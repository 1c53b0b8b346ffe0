/* SPDX-License-Identifier: MIT
 *
 * Writes text to the caller's buffer as snprintf(3) does: counts all of it, and keeps what fits,
 * with a NUL at the end. For lib/schema and lib/text. */
#ifndef LIB_TYPES_SINK_H
#define LIB_TYPES_SINK_H

#include <stddef.h>
#include <string.h>

struct sink {
	char *buffer;
	size_t size;   /* of the buffer */
	size_t length; /* of the complete text until now */
};

static inline void sink_put(struct sink *sink, const char *text, size_t length)
{
	if (sink->length < sink->size) {
		size_t left = sink->size - sink->length - 1;
		size_t kept = length < left ? length : left;

		if (kept > 0)
			memcpy(sink->buffer + sink->length, text, kept);
		sink->buffer[sink->length + kept] = '\0';
	}
	sink->length += length;
}

static inline void sink_put_string(struct sink *sink, const char *text)
{
	sink_put(sink, text, strlen(text));
}

/* Starts a text, so that an empty one has its NUL too. */
static inline struct sink sink_start(char *buffer, size_t size)
{
	if (size > 0)
		buffer[0] = '\0';
	return (struct sink){.buffer = buffer, .size = size};
}

#endif
