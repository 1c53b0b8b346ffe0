/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/segment.h"

#include "lib/storage/storage.h"
#include "tests/support/ipc/ipc.h"

const struct stele_publisher_options segment_options = {
	.size = sizeof(segment_options),
	.flags = STELE_CREATE,
	.history = 4,
	.memory = STELE_MEMORY_SYSV,
	.maximum_size = SEGMENT_SIZE,
};

void segment_needs_root(void)
{
	if (geteuid() != 0) {
		ipc_end();
		cr_skip_test("changing the user or a namespace takes root");
	}
}

/* ---- the kernel's view of segments ---- */

bool segment_find(int key, pid_t creator, struct segment *ret)
{
	FILE *file = fopen("/proc/sysvipc/shm", "re");
	struct segment found;
	char line[512];
	bool is = false;

	CHECK(file != NULL && fgets(line, sizeof(line), file), "%s", strerror(errno));
	while (!is && fgets(line, sizeof(line), file)) {
		CHECK(sscanf(line, "%d %d %o %lu %d %*d %d %u", &found.key, &found.id, &found.mode,
		             &found.size, &found.creator, &found.attached, &found.user) == 7,
		      "%s", line);
		is = creator ? found.creator == creator : found.key == key;
	}
	fclose(file);
	if (is && ret)
		*ret = found;
	return is;
}

void segment_read_header(const char *name, struct layout_header *ret)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/stele.%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && pread(fd, ret, sizeof(*ret), 0) == (ssize_t)sizeof(*ret), "%s: %s", path,
	      strerror(errno));
	close(fd);
}

int segment_region_key(const char *name)
{
	struct layout_header header;

	segment_read_header(name, &header);
	return storage_sysv_key(header.uuid);
}

struct stele_region_info segment_describe(void)
{
	struct stele_region_info info = {.size = sizeof(info)};

	OK(stele_region_describe(region, &info));
	return info;
}
