/* SPDX-License-Identifier: MIT */
#include "lib/base/abi.h"

#include <errno.h>
#include <string.h>

#include "lib/base/error.h"

/* Offset of the futex word in a pthread_mutex_t: the first word in glibc, the second in musl. */
#ifdef __GLIBC__
#define LOCK_WORD 0u
#else
#define LOCK_WORD 4u
#endif

void abi_record(struct layout_publisher_file *file)
{
	file->word_size = sizeof(void *);
	file->mutex_size = sizeof(file->mutex);
	file->lock_word = LOCK_WORD;
}

bool abi_is_ours(const struct layout_publisher_file *file)
{
	return file->word_size == sizeof(void *) && file->mutex_size == sizeof(file->mutex) &&
	       file->lock_word == LOCK_WORD;
}

int abi_refuse(const struct layout_publisher_file *file, const char *path)
{
	if (file->word_size != sizeof(void *))
		return error_set(
			EPROTONOSUPPORT,
			"%s is in use by a %u-bit publisher, and a %zu-bit publisher cannot share "
			"its lock; stop the other publisher first, or run both with the same word "
			"size",
			path, file->word_size * 8, sizeof(void *) * 8);
	return error_set(
		EPROTONOSUPPORT,
		"%s is in use by a publisher with another C library, and this publisher cannot share "
		"its lock; stop the other publisher first, or run both with the same C library",
		path);
}

bool abi_lock_word(const void *bytes, uint32_t *ret)
{
	struct layout_publisher_file file;
	size_t at;

	memcpy(&file, bytes, sizeof(file));
	at = offsetof(struct layout_publisher_file, mutex) + file.lock_word;
	if (file.mutex_size < sizeof(*ret) || file.lock_word > file.mutex_size - sizeof(*ret) ||
	    file.mutex_size > LAYOUT_NOTICES_OFFSET - offsetof(struct layout_publisher_file, mutex))
		return false;
	memcpy(ret, (const char *)bytes + at, sizeof(*ret));
	return true;
}
