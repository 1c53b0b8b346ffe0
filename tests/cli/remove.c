/* SPDX-License-Identifier: MIT
 *
 * stele rm: what can't be removed is reported, and the removal can be repeated. */
#include "lib/storage/folder.h"
#include "lib/storage/paths.h"
#include "tests/support/ipc/outsider.h"
#include "tests/support/ipc/own_machine.h"

TestSuite(cli_remove, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define DEEP 40 /* nested directories */

/* Creates directories in the region's folder. */
static void nest(void)
{
	char path[NAMES_PATH_SIZE];

	ipc_path(path, ".channels");
	for (unsigned i = 0; i < DEEP; i++) {
		strcat(path, "/d");
		CHECK(mkdir(path, 0700) == 0, "%s: %s", path, strerror(errno));
	}
}

/* Creates a directory in the region's folder that can't be removed, because something is mounted
 * there. */
static void mount_inside(char path[NAMES_PATH_SIZE])
{
	ipc_path(path, ".channels/d");
	CHECK(mkdir(path, 0700) == 0 && mount("tmpfs", path, "tmpfs", 0, "size=64k") == 0, "%s: %s",
	      path, strerror(errno));
}

Test(cli_remove, rm_reports_a_remaining_folder)
{
	char path[128], inside[NAMES_PATH_SIZE];

	own_machine("size=64m");
	ipc_path(path, ".channels");
	stele_publisher_close(ipc_publish(region, NULL));
	mount_inside(inside);
	EXITS(7, "rm %s", region);
	SAYS(path);
	SAYS("user 0 has made a directory in it");
	cr_expect(!own_exists("") && own_exists(".channels") && own_exists(".publisher"));
	/* A second attempt still finds the rest of the region, and reports the same failure. */
	EXITS(7, "rm %s", region);
	cr_assert_eq(umount(inside), 0);
	EXITS(0, "rm %s", region);
	cr_expect(!own_exists(".channels") && !own_exists(".publisher"));
	EXITS(3, "rm %s", region);
}

Test(cli_remove, hostile_26_directories_of_any_depth_are_removed)
{
	stele_publisher_close(ipc_publish(region, NULL));
	nest();
	EXITS(0, "rm %s", region);
	cr_expect(!own_exists("") && !own_exists(".channels") && !own_exists(".publisher"));
}

/* Creates files in the region's folder as fast as it can, until it is ended. */
static void make_files(unsigned which)
{
	char folder[128], path[256];

	outsider_become(OUTSIDER);
	ipc_path(folder, ".channels");
	snprintf(path, sizeof(path), "%s/d-%d", folder, getpid());
	mkdir(path, 0777);
	for (uint64_t i = 0;; i++) {
		snprintf(path, sizeof(path), i % 2 ? "%s/%d-%llu" : "%s/d-%d/%llu", folder,
		         getpid(), (unsigned long long)i);
		close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		if (i == 20000)
			ipc_tell(which, i);
	}
}

Test(cli_remove, hostile_26_rm_ends_while_files_are_created)
{
	pid_t outsiders[2];

	own_machine("size=512m");
	EXITS(0, "create %s --mode 644 -t 't(a: u32 key)'", region);
	for (unsigned i = 0; i < 2; i++)
		outsiders[i] = ipc_spawn(make_files, i);
	for (unsigned i = 0; i < 2; i++)
		UNTIL(ipc_told(i) != 0);
	EXITS(0, "rm %s", region);
	cr_expect(!own_exists("") && !own_exists(".channels") && !own_exists(".publisher"));
	for (int i = 0; i < 2; i++)
		ipc_kill(outsiders[i]);
}

Test(cli_remove, hostile_26_a_directory_in_place_of_a_file_is_reported)
{
	char path[128], inner[136];

	stele_publisher_close(ipc_publish(region, NULL));
	ipc_path(path, ".subscribers");
	snprintf(inner, sizeof(inner), "%s/inner", path);
	cr_assert(unlink(path) == 0 && mkdir(path, 0700) == 0 && mkdir(inner, 0700) == 0);
	EXITS(7, "rm %s", region);
	SAYS(path);
	SAYS("not empty");
	/* An empty directory is removed. */
	cr_assert(rmdir(inner) == 0);
	EXITS(0, "rm %s", region);
	cr_expect(!own_exists(".subscribers") && !own_exists(".publisher"));
}

Test(cli_remove, clean_reports_a_remaining_folder)
{
	char path[128], inside[NAMES_PATH_SIZE];

	own_machine("size=64m");
	ipc_path(path, ".channels");
	stele_publisher_close(ipc_publish(region, NULL));
	mount_inside(inside);
	own_unlink("");
	EXITS(7, "clean");
	SAYS(path);
	SAYS("user 0 has made a directory in it");
	cr_assert_eq(umount(inside), 0);
	EXITS(0, "clean");
	cr_expect(!own_exists(".channels") && !own_exists(".publisher"));
}

Test(cli_remove, a_table_is_refused_with_the_command_that_drops_it)
{
	stele_publisher_close(ipc_publish(region, NULL));
	/* Nothing is removed, also if another operand is a region. */
	EXITS(2, "rm %s %s/t", region, region);
	SAYS("is a table, and rm removes whole regions; 'stele drop ");
	SAYS("/t' drops the table, 'stele rm ");
	cr_expect(own_exists(""));
	EXITS(0, "rm %s", region);
}
