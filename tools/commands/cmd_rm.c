/* SPDX-License-Identifier: MIT
 * stele rm: removes regions. */
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/region/fail_region.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

static const char doc[] =
	"Example:\n"
	"  stele rm net services\n"
	"\n"
	"Removes regions with all their tables."
	"\v"
	"A region with an attached publisher is refused. A damaged region is removed. "
	"Regions are removed independently: a failure does not stop the rest, and the exit "
	"status is that of the last failure. Subscribers that wait are notified that the "
	"region is gone.\n";

static enum status rm_run(int argc, char **argv)
{
	enum status worst = STATUS_DONE;
	struct call call;
	int count;

	count = options_parse(&command_rm, argc, argv, NULL, &call);
	if (count == 0)
		return fail_usage("rm", "expected a REGION");
	for (int i = 0; i < count; i++) {
		int result = stele_region_remove(place_path(&call.place, call.operands[i]));

		if (result < 0)
			worst = fail_region(&call.place, call.operands[i], result);
	}
	return worst;
}

const struct command command_rm = {
	.name = "rm",
	.summary = "remove regions",
	.usage = "REGION...",
	.doc = doc,
	.run = rm_run,
};
