/* SPDX-License-Identifier: MIT
 *
 * The storage backend whose memory is a System V segment of the region's maximum size (shmget(2),
 * ipcs -m). The data file records the segment's shmid and its IPC namespace.
 *
 * The kernel can't create a segment and its name in one step, and keeps a segment whose creator
 * died. So the segment's key is derived from the region's uuid. The publisher file holds the uuid
 * before the segment is created and as long as it exists. The next process that attaches to that
 * file or removes the region finds the segment by its key (storage_sysv_remove()). The magic of the
 * header in the segment is stored last, so a segment without it is known to be unfinished.
 */
#include "lib/storage/storage_sysv.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "lib/base/atomic.h"
#include "lib/base/checksum.h"
#include "lib/base/error.h"
#include "lib/storage/file.h"

/* Size in bytes of the header's immutable part, which the data file and the segment share. */
#define FIXED (offsetof(struct layout_header, checksum) + sizeof(uint64_t))

static_assert(offsetof(struct layout_header, uuid) == offsetof(struct layout_publisher_file, uuid),
              "storage_sysv_remove() reads the uuid of either file");

key_t storage_sysv_key(const uint8_t uuid[16])
{
	uint32_t hash = UINT32_C(0x811c9dc5);

	for (unsigned i = 0; i < 16; i++)
		hash = (hash ^ uuid[i]) * UINT32_C(0x01000193);
	return hash == (uint32_t)IPC_PRIVATE ? 1 : (key_t)hash;
}

/* ---- making and removing ---- */

static int storage_sysv_refuse_make(const struct layout_header *header, key_t key, int errnum)
{
	unsigned long long size = header->maximum_size;

	switch (errnum) {
	case EEXIST:
		return error_set(
			EEXIST,
			"another System V segment has the key 0x%08x, which region \"%s\" needs; "
			"remove the region and create it again, to get another key",
			(unsigned)key, header->name);
	case EINVAL:
		return error_set(
			ENOSPC,
			"a System V segment of %llu bytes is larger than this system allows; use "
			"a smaller maximum size, or raise the sysctl kernel.shmmax",
			size);
	case ENOSPC:
		return error_set(
			ENOSPC,
			"cannot make a System V segment of %llu bytes: the system's limit on the "
			"number of segments or on their pages is reached; remove some (ipcs -m), or "
			"raise the sysctls kernel.shmmni and kernel.shmall",
			size);
	case ENOMEM:
		return error_set(ENOSPC,
		                 "this system has no memory for a System V segment of %llu bytes",
		                 size);
	default:
		return error_set(errnum, "cannot make a System V segment of %llu bytes: %s", size,
		                 strerror(errnum));
	}
}

/* Allocates memory for a part of a mapped segment, so that no later access can fail for lack of
 * memory. */
static int storage_sysv_populate(unsigned char *base, uint64_t from, uint64_t to)
{
	from -= from % (uint64_t)sysconf(_SC_PAGESIZE);
	/* Kernels before 5.14 return EINVAL. There, memory is allocated when it is first
	 * written. */
	if (madvise(base + from, (size_t)(to - from), MADV_POPULATE_WRITE) == 0 || errno == EINVAL)
		return 0;
	return errno == ENOMEM ? -ENOSPC : -errno;
}

/* Writes the header into a new segment, and checks that the system keeps the segment. */
static int storage_sysv_fill(int segment, const struct layout_header *header)
{
	struct layout_header *to = shmat(segment, NULL, 0);
	int r;

	if (to == (void *)-1)
		return error_set(errno, "cannot attach a System V segment of %llu bytes: %s",
		                 (unsigned long long)header->maximum_size, strerror(errno));
	r = storage_sysv_populate((unsigned char *)to, 0, header->arena_end + LAYOUT_GUARD);
	if (r < 0)
		r = error_set(-r, "no memory for region \"%s\": %s", header->name, strerror(-r));
	else
		memcpy((unsigned char *)to + sizeof(to->magic),
		       (const unsigned char *)header + sizeof(to->magic),
		       sizeof(*header) - sizeof(to->magic));
	/* The contract with storage_sysv_is_of(): a process that finds the magic also finds the
	 * uuid. */
	if (r == 0)
		store_release(&to->magic, header->magic);
	shmdt(to);
	if (r == 0 && shmctl(segment, IPC_STAT, &(struct shmid_ds){0}) < 0)
		r = error_set(ENOTSUP,
		              "this system removes a System V segment as soon as no process has it "
		              "attached; set the sysctl kernel.shm_rmid_forced to 0");
	return r;
}

/* Gives the segment and its data file to a group. */
static int storage_sysv_set_group(const struct region_paths *names, int segment, int fd,
                                  gid_t group)
{
	struct shmid_ds status;

	if (group == (gid_t)-1)
		return 0;
	if (shmctl(segment, IPC_STAT, &status) == 0) {
		status.shm_perm.gid = group;
		if (shmctl(segment, IPC_SET, &status) == 0)
			return file_set_group(fd, names->data, group);
	}
	return error_set(errno, "cannot give System V segment %d to group %u: %s", segment, group,
	                 strerror(errno));
}

/* Creates the segment and a data file that names it. Removes the segment after a failure. */
static int storage_sysv_make(const struct region_paths *names, struct layout_header *header,
                             gid_t group, int *ret_fd)
{
	key_t key = storage_sysv_key(header->uuid);
	int segment, fd, r;

	r = file_make(names->data, LAYOUT_PAGE, &fd);
	if (r < 0)
		return r;
	segment = shmget(key, (size_t)header->maximum_size,
	                 IPC_CREAT | IPC_EXCL | (int)(header->mode & 0777));
	if (segment < 0) {
		r = storage_sysv_refuse_make(header, key, errno);
		close(fd);
		return r;
	}
	header->memory = LAYOUT_MEMORY_SYSV;
	header->segment = segment;
	header->segment_namespace = paths_ipc_namespace();
	header->checksum = checksum_header(header);
	r = storage_sysv_fill(segment, header);
	if (r == 0)
		r = storage_sysv_set_group(names, segment, fd, group);
	if (r == 0 && pwrite(fd, header, FIXED, 0) != (ssize_t)FIXED)
		r = file_write_error(names->data, 0);
	if (r < 0) {
		shmctl(segment, IPC_RMID, NULL);
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* Returns 1 if the segment belongs to this owner, and to this region or is unfinished; 0 if not; or
 * a negative errno. */
static int storage_sysv_is_of(int segment, const uint8_t uuid[16], uid_t owner)
{
	struct shmid_ds status;
	struct layout_header *header = shmat(segment, NULL, SHM_RDONLY);
	uint8_t theirs[16];
	bool is;

	/* A segment that is gone, or that this process may not read, is not this region's. */
	if (header == (void *)-1)
		return errno == EACCES || errno == EINVAL || errno == EIDRM ? 0 : -errno;
	is = shmctl(segment, IPC_STAT, &status) == 0 && status.shm_perm.uid == owner &&
	     status.shm_perm.cuid == owner && status.shm_segsz >= sizeof(*header);
	if (is && load_acquire(&header->magic) != 0) {
		data_copy_out(theirs, header->uuid, sizeof(theirs));
		is = memcmp(theirs, uuid, sizeof(theirs)) == 0;
	}
	shmdt(header);
	return is;
}

int storage_sysv_remove(int fd)
{
	struct stat status;
	uint8_t uuid[16];
	int segment, r;

	if (fstat(fd, &status) < 0 ||
	    pread(fd, uuid, sizeof(uuid), offsetof(struct layout_header, uuid)) !=
	            (ssize_t)sizeof(uuid))
		return 0;
	segment = shmget(storage_sysv_key(uuid), 0, 0);
	if (segment < 0)
		return 0;
	r = storage_sysv_is_of(segment, uuid, status.st_uid);
	if (r == 1 && shmctl(segment, IPC_RMID, NULL) < 0 && errno != EIDRM && errno != EINVAL)
		r = -errno;
	return r < 0 ? error_set(-r, "cannot remove the System V segment %d of user %u: %s",
	                         segment, status.st_uid, strerror(-r))
	             : 0;
}

/* ---- opening ---- */

static int storage_sysv_refuse_gone(const struct region *region)
{
	return error_set(
		EBADMSG,
		"the memory of region \"%s\", System V segment %d, was removed; remove the "
		"region and publish again",
		region->names.region, region->segment);
}

static int storage_sysv_refuse_wrong(const struct region *region)
{
	return error_set(
		EBADMSG,
		"region \"%s\" is damaged: System V segment %d, which %s names, is not this region's; "
		"remove the region and publish again",
		region->names.region, region->segment, region->names.data);
}

/* Attaches the segment that the header names. Returns 0 or a negative errno. */
static int storage_sysv_attach(struct region *region, const struct layout_header *header,
                               bool writable)
{
	uint32_t theirs = header->segment_namespace, own = paths_ipc_namespace();
	int r;

	if (theirs != 0 && own != 0 && theirs != own)
		return error_set(
			EACCES,
			"the memory of region \"%s\" is a System V segment of another IPC namespace; use "
			"the region there (if that namespace has ended, remove %s and the files beside it)",
			region->names.region, region->names.data);
	r = mapping_open_segment(&region->mapping, region->segment, (size_t)header->maximum_size,
	                         writable);
	switch (r) {
	case 0:
		return 0;
	case -EBADMSG:
		return storage_sysv_refuse_wrong(region);
	case -EINVAL:
	case -EIDRM:
		return storage_sysv_refuse_gone(region);
	case -EACCES:
	case -EPERM:
		return error_set(
			EPERM,
			"may not attach the memory of region \"%s\", System V segment %d, for %s: ask "
			"its owner, or join its group",
			region->names.region, region->segment, writable ? "writing" : "reading");
	default:
		return error_set(-r, "cannot attach %llu bytes of System V segment %d: %s",
		                 (unsigned long long)header->maximum_size, region->segment,
		                 strerror(-r));
	}
}

/* Validates the owner, mode and header of the attached segment. While it is attached, its number
 * can't be reused for another segment. */
static int storage_sysv_validate(const struct region *region, const struct layout_header *header)
{
	unsigned char theirs[FIXED];
	struct shmid_ds status;

	if (shmctl(region->segment, IPC_STAT, &status) < 0)
		return storage_sysv_refuse_gone(region);
	if (status.shm_perm.mode & SHM_DEST)
		return storage_sysv_refuse_gone(region);
	if (status.shm_perm.uid != region->status.st_uid ||
	    status.shm_perm.cuid != region->status.st_uid ||
	    status.shm_perm.mode & (S_IWGRP | S_IWOTH))
		return error_set(
			EPERM,
			"System V segment %d (mode %04o, user %u) may be written by others than user %u, "
			"the owner of %s, and is not trusted",
			region->segment, status.shm_perm.mode & 0777u, status.shm_perm.uid,
			region->status.st_uid, region->names.data);
	data_copy_out(theirs, region->mapping.base, sizeof(theirs));
	return memcmp(theirs, header, sizeof(theirs)) == 0 ? 0 : storage_sysv_refuse_wrong(region);
}

static int storage_sysv_map(struct region *region, const struct layout_header *header,
                            bool writable, bool guarded)
{
	int r = storage_sysv_attach(region, header, writable);

	(void)guarded; /* a segment can't be truncated */
	if (r < 0)
		return r;
	r = storage_sysv_validate(region, header);
	if (r < 0)
		mapping_close(&region->mapping);
	return r;
}

/* ---- using ---- */

static uint64_t storage_sysv_size(const struct region *region)
{
	return region->maximum_size;
}

/* Allocates memory up to `end`. The arena's end is the end of what was allocated before. */
static int storage_sysv_reserve(struct region *region, uint64_t end)
{
	uint64_t from = load_relaxed(&region->header->arena_end);

	if (end > region->maximum_size)
		return -ENOSPC;
	return end > from ? storage_sysv_populate(region->mapping.base, from, end) : 0;
}

static bool storage_sysv_gone(const struct region *region)
{
	struct shmid_ds status;

	return shmctl(region->segment, IPC_STAT, &status) < 0 || status.shm_perm.mode & SHM_DEST;
}

const struct storage storage_sysv = {
	.fixed = true,
	.make = storage_sysv_make,
	.size = storage_sysv_size,
	.map = storage_sysv_map,
	.reserve = storage_sysv_reserve,
	.gone = storage_sysv_gone,
};
