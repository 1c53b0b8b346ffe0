/* SPDX-License-Identifier: MIT */
#include "publisher/attach/attach_share.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/region/header.h"
#include "lib/storage/file.h"
#include "publisher/attach/attach_lock.h"

bool attach_share_expected(const struct region_paths *names,
                           const struct stele_publisher_options *options)
{
	struct layout_header header;
	struct stat status;
	bool read;
	int fd;

	if (options->flags & STELE_SHARED)
		return true;
	if (file_open(names->data, false, sizeof(header), &fd, &status) < 0)
		return options->flags & STELE_SHARED_REGION;
	read = pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header);
	close(fd);
	if (read && header.magic == LAYOUT_MAGIC_DATA && header.layout_version == LAYOUT_VERSION)
		return header.compatible & LAYOUT_SHARED_REGION;
	return options->flags & STELE_SHARED_REGION;
}

bool attach_share_changed(const struct attachment *attachment,
                          const struct stele_publisher_options *options)
{
	bool shared = options->flags & STELE_SHARED ||
	              attachment->region.header->compatible & LAYOUT_SHARED_REGION;

	return attachment->shared != shared;
}

int attach_let_others_in(struct attachment *attachment)
{
	int r;

	if (!attachment->shared || attachment->joined)
		return 0;
	/* The publisher file comes last: a publisher that gets its lock must find the data file's
	 * lock free. */
	attach_lock_data_shared(attachment->data_lock.fd);
	file_unlock(attachment->data_lock.fd, REGION_PUBLISHER_BYTE);
	r = file_lock_try_shared(attachment->publisher_lock.fd, LOCK_BYTE);
	return r < 0 ? error_set(-r, "cannot share the lock of region \"%s\": %s",
	                         attachment->region.names.region, strerror(-r))
	             : 0;
}

bool attach_is_last(struct attachment *attachment)
{
	return file_lock_try(attachment->publisher_lock.fd, LOCK_BYTE) == 0;
}
