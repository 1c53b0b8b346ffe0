/* SPDX-License-Identifier: MIT */
#include "tests/support/manual/scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/cli.h"

/* Regions are in a directory below /dev/shm, which has the abilities that regions need. */
static char scene_directory[64];

/* Removes the scene. Runs in the cleaner, after the test and its processes. */
static void scene_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scene_directory);
	(void)!system(command);
}

/* Writes the lines of a setup. Each must succeed. */
static void scene_write_setup(FILE *script, size_t number, const char *lines)
{
	fprintf(script, "scene_begin_setup %zu\n", number);
	while (lines && *lines) {
		size_t length = strcspn(lines, "\n");

		fprintf(script, "%.*s || scene_setup_failed %zu\n", (int)length, lines, number);
		lines += length + (lines[length] == '\n');
	}
	fprintf(script, "scene_end_setup\n");
}

/* Writes a step as lines of the script: what the page does not show, the command, and how to stop
 * it. */
static void scene_write_step(FILE *script, const struct manual_step *step, size_t number)
{
	fprintf(script, "\n# step %zu\n", number);
	scene_write_setup(script, number, step->setup);
	if (!step->until) {
		fprintf(script, "scene_begin %zu\n{\n%s}\nscene_end\n", number, step->command);
		return;
	}
	if (step->on_terminal)
		fprintf(script, "scene_start_on_terminal %zu <<'SCENE'\n%sSCENE\n", number,
		        step->command);
	else
		fprintf(script, "scene_begin %zu\nset -m\n%.*s &\nscene_started\n", number,
		        (int)strlen(step->command) - 1, step->command);
	scene_write_setup(script, number, step->meanwhile);
	fprintf(script, "scene_stop '%s'\n", step->until);
}

static char *scene_read(const char *kind, size_t number)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/results/%zu.%s", scene_directory, number, kind);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? NULL : cli_read_all(fd);
}

/* Replaces the directory of the scene's regions by that of the pages, in place. */
static void scene_replace_directory(char *output)
{
	static const char shown[] = "/dev/shm";
	char directory[128];
	size_t length;

	snprintf(directory, sizeof(directory), "%s/regions", scene_directory);
	length = strlen(directory);
	while ((output = strstr(output, directory)) != NULL) {
		memcpy(output, shown, strlen(shown));
		memmove(output + strlen(shown), output + length, strlen(output + length) + 1);
	}
}

void scene_run(const struct manual_page *page, const struct manual_step *steps, size_t count,
               struct scene_result *ret_results)
{
	char path[128], command[4096], name[64];
	char *arguments[] = {"bash", path, scene_directory, command, name, NULL};
	struct cli_result result;
	FILE *script;

	strcpy(scene_directory, "/dev/shm/stele-manual-XXXXXX");
	cr_assert(mkdtemp(scene_directory) != NULL);
	cleaner_start(scene_remove);
	cr_assert(realpath(cli_command(), command) != NULL);
	snprintf(name, sizeof(name), "%s", page->name);
	snprintf(path, sizeof(path), "%s/script", scene_directory);
	script = fopen(path, "we");
	cr_assert(script != NULL);
	/* The script goes on in the scene's working directory. */
	fprintf(script, ". tests/scripts/manual_scene.sh\n");
	for (size_t i = 0; i < count; i++)
		scene_write_step(script, &steps[i], i);
	cr_assert(fclose(script) == 0);
	result = cli_run("", arguments);
	cr_expect(result.status == 0 && *result.err == '\0', "%s: the scene ended with %d: %s%s",
	          page->name, result.status, result.out, result.err);
	for (size_t i = 0; i < count; i++) {
		char *status = scene_read("status", i), *output = scene_read("output", i);

		ret_results[i].status = status ? atoi(status) : -1;
		ret_results[i].output = output ? output : cli_text("");
		scene_replace_directory(ret_results[i].output);
	}
}
