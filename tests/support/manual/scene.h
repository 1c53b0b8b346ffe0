/* SPDX-License-Identifier: MIT
 *
 * Runs the examples of a page of the manual by bash, one after the other, in a directory for
 * regions and a working directory that are new for each page. tests/scripts/manual_scene.sh
 * prepares them, and has the programs that stand for those of other machines, such as ssh. */
#ifndef TESTS_SUPPORT_MANUAL_SCENE_H
#define TESTS_SUPPORT_MANUAL_SCENE_H

#include <stddef.h>

#include "tests/support/manual/page.h"

struct scene_result {
	int status;   /* the exit status of the command, or -1 if it wasn't run */
	char *output; /* what it printed, standard error included */
};

/* Runs the steps of a page. Stores the result of each. The test fails if the steps take more than
 * CLI_PATIENCE. */
void scene_run(const struct manual_page *page, const struct manual_step *steps, size_t count,
               struct scene_result *ret_results);

#endif
