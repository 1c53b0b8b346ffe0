/* SPDX-License-Identifier: MIT
 * Checks the file system of the regions: whether it is memory, how much space it has left, and the
 * size of its pages. */
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include "tools/base/describe.h"
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_examine.h"
#include "tools/doctor/doctor_memory.h"
#include "tools/doctor/doctor_report.h"

#define SPACE_MIN  (UINT64_C(128) << 10) /* bytes, more than an empty region takes */
#define FILES      4                     /* inodes of a region, its folder included */
#define HUGE_PAGES "/sys/kernel/mm/transparent_hugepage/"

/* Returns the bytes by which the regions may grow, each to the maximum size of its file. */
static uint64_t memory_growth(const struct doctor *doctor)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < doctor->region_count; i++) {
		const struct stele_region_info *info = &doctor->regions[i].info;

		/* The sizes of another user's region may be any. */
		if (info->maximum_size > info->file_size &&
		    __builtin_add_overflow(sum, info->maximum_size - info->file_size, &sum))
			return UINT64_MAX;
	}
	return sum;
}

static void memory_check_space(struct doctor *doctor, const struct statfs *status)
{
	uint64_t size = status->f_blocks * (uint64_t)status->f_bsize;
	uint64_t left = status->f_bavail * (uint64_t)status->f_bsize, more = memory_growth(doctor);
	char sizes[3][DESCRIBED_MAX], fix[512];
	bool tmpfs = status->f_type == TMPFS_MAGIC;

	if (tmpfs && size == 0) {
		doctor_report(doctor, VERDICT_OK, "space", NULL, NULL, "%s has no limit of its own",
		              doctor->directory);
		return;
	}
	describe_size(size, sizes[0]);
	describe_size(left, sizes[1]);
	describe_size(more, sizes[2]);
	snprintf(fix, sizeof(fix), "mount -o remount,size=%lluM %.400s",
	         (unsigned long long)((size - left + more + SPACE_MIN) >> 20) + 64,
	         doctor->directory);
	if (left < SPACE_MIN)
		doctor_report(
			doctor, VERDICT_PROBLEM, "space", NULL, tmpfs ? fix : NULL,
			"%s is full: %s of %s are left, too little for a new region, and its regions "
			"cannot grow",
			doctor->directory, sizes[1], sizes[0]);
	else if (left < more)
		doctor_report(
			doctor, VERDICT_NOTE, "space", NULL, tmpfs ? fix : NULL,
			"%s has %s of %s left, and the regions may grow by %s: a commit that finds "
			"no space fails",
			doctor->directory, sizes[1], sizes[0], sizes[2]);
	else
		doctor_report(doctor, VERDICT_OK, "space", NULL, NULL, "%s has %s of %s left",
		              doctor->directory, sizes[1], sizes[0]);
}

static void memory_check_files(struct doctor *doctor, const struct statfs *status)
{
	char fix[512];

	/* 0: the file system has no limit on inodes. */
	if (status->f_files == 0 || status->f_ffree >= FILES)
		return;
	snprintf(fix, sizeof(fix), "mount -o remount,nr_inodes=%llu %.400s",
	         (unsigned long long)status->f_files * 2 + 1024, doctor->directory);
	doctor_report(doctor, VERDICT_PROBLEM, "files", NULL,
	              status->f_type == TMPFS_MAGIC ? fix : NULL,
	              "%s has inodes for %llu more files, and a region needs %d", doctor->directory,
	              (unsigned long long)status->f_ffree, FILES);
}

/* ---- pages ---- */

/* Reads the option huge= of the mount that holds the directory, from mountinfo (see proc(5));
 * "never" if there is none. */
static void memory_huge_option(const char *directory, char ret[32])
{
	char *line = NULL, wanted[32], device[32], *options;
	size_t capacity = 0;
	struct stat status;
	FILE *file = fopen("/proc/self/mountinfo", "re");

	strcpy(ret, "never");
	if (!file || stat(directory, &status) < 0)
		goto end;
	snprintf(wanted, sizeof(wanted), "%u:%u", major(status.st_dev), minor(status.st_dev));
	while (getline(&line, &capacity, file) > 0)
		if (sscanf(line, "%*s %*s %31s", device) == 1 && strcmp(device, wanted) == 0 &&
		    (options = strstr(line, " - ")) && (options = strstr(options, "huge=")))
			sscanf(options, "huge=%31[a-z_]", ret);
end:
	free(line);
	if (file)
		fclose(file);
}

/* Checks whether `word` is the present setting, which the file has in brackets. */
static bool memory_is_chosen(const char *path, const char *word)
{
	char line[128] = "", bracketed[32];
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	snprintf(bracketed, sizeof(bracketed), "[%s]", word);
	return strstr(line, bracketed) != NULL;
}

static void memory_check_pages(struct doctor *doctor)
{
	char option[32], fix[512], size[DESCRIBED_MAX];
	uint64_t huge, largest = 0;

	if (!examine_number(HUGE_PAGES "hpage_pmd_size", &huge)) {
		doctor_report(doctor, VERDICT_OK, "hugepages", NULL, NULL,
		              "this kernel has no transparent huge pages");
		return;
	}
	for (size_t i = 0; i < doctor->region_count; i++)
		if (doctor->regions[i].info.file_size > largest)
			largest = doctor->regions[i].info.file_size;
	memory_huge_option(doctor->directory, option);
	describe_size(huge, size);
	snprintf(fix, sizeof(fix), "mount -o remount,huge=within_size %.400s", doctor->directory);
	/* "force" and "deny" overrule the options of mounts. */
	if (memory_is_chosen(HUGE_PAGES "shmem_enabled", "force"))
		doctor_report(doctor, VERDICT_OK, "hugepages", NULL, NULL,
		              "all memory of tmpfs has huge pages (shmem_enabled is force)");
	else if (largest < huge)
		doctor_report(doctor, VERDICT_OK, "hugepages", NULL, NULL,
		              "no region is as large as a huge page (%s)", size);
	else if (memory_is_chosen(HUGE_PAGES "shmem_enabled", "deny"))
		doctor_report(
			doctor, VERDICT_NOTE, "hugepages", NULL,
			"echo never >" HUGE_PAGES "shmem_enabled",
			"huge pages are denied to every tmpfs (shmem_enabled is deny), even if the "
			"option huge= of a mount asks for them");
	else if (strcmp(option, "never") == 0)
		doctor_report(
			doctor, VERDICT_NOTE, "hugepages", NULL, fix,
			"%s has only small pages; with huge pages of %s, lookups in a large region "
			"miss the TLB less often, but the size of regions is rounded up. Only files "
			"created after the change have them; measure whether it helps",
			doctor->directory, size);
	else
		doctor_report(doctor, VERDICT_OK, "hugepages", NULL, NULL,
		              "%s is mounted with huge=%s", doctor->directory, option);
}

void doctor_check_memory(struct doctor *doctor)
{
	struct statfs status;
	char fix[512];

	if (statfs(doctor->directory, &status) < 0) {
		doctor_report(doctor, VERDICT_PROBLEM, "space", NULL, NULL,
		              "cannot read the file system of %s: %s", doctor->directory,
		              strerror(errno));
		return;
	}
	if (status.f_type != TMPFS_MAGIC && !doctor->place->directory) {
		snprintf(fix, sizeof(fix), "mount -t tmpfs none %.400s", doctor->directory);
		doctor_report(doctor, VERDICT_PROBLEM, "space", NULL, fix,
		              "%s is not a tmpfs, so its regions are on a disk", doctor->directory);
	}
	memory_check_space(doctor, &status);
	memory_check_files(doctor, &status);
	if (status.f_type == TMPFS_MAGIC)
		memory_check_pages(doctor);
}
