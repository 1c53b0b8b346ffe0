/* SPDX-License-Identifier: MIT
 * stele doctor: finds what keeps regions from working well. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/format.h"
#include "tools/base/heap.h"
#include "tools/base/status.h"
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_examine.h"
#include "tools/doctor/doctor_kernel.h"
#include "tools/doctor/doctor_logind.h"
#include "tools/doctor/doctor_memory.h"
#include "tools/doctor/doctor_queues.h"
#include "tools/doctor/doctor_region.h"
#include "tools/doctor/doctor_report.h"
#include "tools/output/output.h"
#include "tools/region/fail_region.h"
#include "tools/region/leftovers.h"
#include "tools/output/colour.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

static const char doc[] =
	"Examples:\n"
	"  stele doctor\n"
	"  stele doctor net --format ndjson | jq -r 'select(.verdict != \"ok\").fix'\n"
	"\n"
	"Checks what keeps a region, or all regions, from working well: limits of message "
	"queues, RemoveIPC= of systemd-logind, space and pages of shared memory, publishers, "
	"namespaces, and leftovers of dead processes. Each check prints a line with a "
	"verdict, and the command that solves a problem."
	"\v"
	"The verdicts are 'ok'; 'note' for what works but could work better; and 'problem', "
	"with which the exit status is 1. Nothing is changed.\n";

/* ---- leftovers ---- */

/* Counts of leftovers. */
struct left {
	const char *region;       /* the checked region; NULL: all are checked */
	size_t count;             /* leftovers of checked regions */
	size_t others;            /* leftovers of other regions */
	size_t hidden;            /* leftovers that this user cannot examine */
	char first[NAME_MAX + 1]; /* name of the first leftover of checked regions */
};

static void doctor_count_leftover(void *context, const struct leftover *leftover)
{
	struct left *left = context;

	if (leftover->error < 0)
		left->hidden++;
	else if (left->region && strcmp(leftover->region, left->region) != 0)
		left->others++;
	else if (left->count++ == 0)
		snprintf(left->first, sizeof(left->first), "%s", leftover->name);
}

static void doctor_check_leftovers(struct doctor *doctor, const char *region)
{
	struct left left = {.region = region};
	int result = leftovers_each(doctor->place, true, doctor_count_leftover, &left);
	char fix[512];

	snprintf(fix, sizeof(fix), "stele clean%s%.400s", doctor->place->directory ? " -D " : "",
	         doctor->place->directory ? doctor->place->directory : "");
	if (left.count)
		doctor_report(doctor, VERDICT_PROBLEM, "leftovers", NULL, fix,
		              "dead processes left %zu files, slots and queues, among them %s",
		              left.count, left.first);
	else if (left.others)
		doctor_report(doctor, VERDICT_NOTE, "leftovers", NULL, fix,
		              "dead processes left %zu files, slots and queues of other regions",
		              left.others);
	else if (left.hidden || result < 0)
		doctor_report(doctor, VERDICT_OK, "leftovers", NULL, NULL,
		              "no leftovers that this user can see; root sees more");
	else
		doctor_report(doctor, VERDICT_OK, "leftovers", NULL, NULL, "no leftovers");
}

/* ---- the command ---- */

static void doctor_add_region(struct doctor *doctor, const struct examined *region)
{
	doctor->regions = heap_realloc(doctor->regions,
	                               (doctor->region_count + 1) * sizeof(*doctor->regions));
	doctor->regions[doctor->region_count++] = *region;
}

/* Adds a region to the checked ones. If all regions are checked, one that cannot be read is a
 * finding: a note if only this user may not read it, else a problem. */
static int doctor_gather_one(const char *name, void *context)
{
	struct doctor *doctor = context;
	struct examined region;
	int result = examine_region(doctor->place, name, &region);

	if (result == 0)
		doctor_add_region(doctor, &region);
	else if (result != -ENOENT)
		doctor_report(doctor, result == -EACCES ? VERDICT_NOTE : VERDICT_PROBLEM, "region",
		              name, NULL, "%s", stele_last_error());
	return 0;
}

static enum status doctor_gather_all(struct doctor *doctor)
{
	int result = stele_region_each(doctor->place->directory, doctor_gather_one, doctor);

	return result < 0 ? fail_library(result) : STATUS_DONE;
}

static enum status doctor_gather(struct doctor *doctor, const char *name)
{
	struct examined region;
	int result;

	if (!name)
		return doctor_gather_all(doctor);
	result = examine_region(doctor->place, name, &region);
	if (result < 0)
		return fail_region(doctor->place, name, result);
	doctor_add_region(doctor, &region);
	return STATUS_DONE;
}

static enum status doctor_run_checks(struct doctor *doctor, const char *name)
{
	enum status status = doctor_gather(doctor, name);

	if (status != STATUS_DONE)
		return status;
	doctor_check_kernel(doctor);
	doctor_check_queues(doctor);
	doctor_check_logind(doctor);
	doctor_check_memory(doctor);
	for (size_t i = 0; i < doctor->region_count; i++)
		doctor_check_region(doctor, &doctor->regions[i]);
	doctor_check_leftovers(doctor, name);
	return doctor->status;
}

static enum status doctor_run(int argc, char **argv)
{
	enum output_format format = OUTPUT_TABLE;
	struct doctor doctor = {0};
	enum status status;
	struct call call;
	int count;

	count = options_parse(&command_doctor, argc, argv, &format, &call);
	if (count > 1)
		return fail_usage("doctor", "expected at most one REGION");
	doctor.place = &call.place;
	doctor.directory = place_directory(&call.place);
	if (format != OUTPUT_TABLE)
		doctor_report_open(&doctor, format);
	doctor.colour = colour_is_wanted();
	status = doctor_run_checks(&doctor, count ? call.operands[0] : NULL);
	for (size_t i = 0; i < doctor.region_count; i++)
		free(doctor.regions[i].slots);
	free(doctor.regions);
	if (doctor.output)
		status = output_end(doctor.output, status);
	if (status == STATUS_DONE && doctor.problems)
		return STATUS_NOT_THERE;
	return status;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "find what keeps regions from working well",
	.usage = "[REGION]",
	.doc = doc,
	.common = &options_format,
	.run = doctor_run,
};
