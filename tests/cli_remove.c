/* SPDX-License-Identifier: MIT
 *
 * stele rm: what can't be removed is told of, and the removal can be repeated.
 */
#include "lib/folder.h"
#include "lib/names.h"
#include "tests/own_machine.h"

TestSuite(cli_remove, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

#define TOO_DEEP 20 /* directories in each other, of which a removal goes down to 16 */

/* Makes directories in the region's folder, or removes them. */
static void nest(bool make)
{
	char path[NAMES_PATH_SIZE];

	for (unsigned i = 1; i <= TOO_DEEP; i++) {
		unsigned depth = make ? i : TOO_DEEP + 1 - i;
		ipc_path(path, ".channels");
		for (unsigned j = 0; j < depth; j++)
			strcat(path, "/d");
		CHECK((make ? mkdir(path, 0700) : rmdir(path)) == 0, "%s: %s", path, strerror(errno));
	}
}

Test(cli_remove, says_so_where_a_folder_stays)
{
	char path[128];

	ipc_path(path, ".channels");
	stele_publisher_close(ipc_publish(region, NULL));
	nest(true);
	EXITS(7, "rm %s", region);
	SAYS(path);
	SAYS("not empty");
	cr_expect(!is_there("") && is_there(".channels") && is_there(".publisher"));
	/* Again, and the same: what is left is not forgotten. */
	EXITS(7, "rm %s", region);
	nest(false);
	EXITS(0, "rm %s", region);
	cr_expect(!is_there(".channels") && !is_there(".publisher"));
	EXITS(3, "rm %s", region);
}

Test(cli_remove, hostile_26_a_directory_in_place_of_a_file)
{
	char path[128], inner[136];

	stele_publisher_close(ipc_publish(region, NULL));
	ipc_path(path, ".subscribers");
	snprintf(inner, sizeof(inner), "%s/inner", path);
	cr_assert(unlink(path) == 0 && mkdir(path, 0700) == 0 && mkdir(inner, 0700) == 0);
	EXITS(7, "rm %s", region);
	SAYS(path);
	SAYS("not empty");
	/* An empty one holds nothing. */
	cr_assert(rmdir(inner) == 0);
	EXITS(0, "rm %s", region);
	cr_expect(!is_there(".subscribers") && !is_there(".publisher"));
}

Test(cli_remove, clean_says_so_too)
{
	char path[128];

	own_machine("size=64m");
	ipc_path(path, ".channels");
	stele_publisher_close(ipc_publish(region, NULL));
	nest(true);
	remove_by_hand("");
	EXITS(7, "clean");
	SAYS(path);
	SAYS("not empty");
	nest(false);
	EXITS(0, "clean");
	cr_expect(!is_there(".channels") && !is_there(".publisher"));
}
