/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/commands/cmd_publish_kernel.h"
#include "tools/kernel/kernel.h"
#include "tools/fib/kernel_tables.h"
#include "tools/netlink/kernel_words.h"
#include "tools/region/options.h"
#include "tools/region/place.h"

/* The region that holds the kernel's tables. */
struct mirrored {
	const struct place *place;
	const char *region;
	bool verbose; /* print a line for each version too */
	bool synced;  /* the start is over */
};

/* Prints a line with the token of `version` if it is not 0. */
static void publish_kernel_print(const struct mirrored *mirrored, uint64_t version,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static void publish_kernel_print(const struct mirrored *mirrored, uint64_t version,
                                 const char *format, ...)
{
	struct stele_region_info info = {.size = sizeof(info)};
	const char *region = mirrored->region;
	char token[DESCRIBED_MAX];
	va_list arguments;

	/* This is the UUID of the region that has `version`: no other region can take the name
	 * while this publisher is attached. */
	if (version && stele_region_describe(place_path(mirrored->place, region), &info) == 0)
		printf("%s: version %s: ", region, describe_token_short(version, info.uuid, token));
	else if (version)
		printf("%s: version %llu: ", region, (unsigned long long)version);
	else
		printf("%s: ", region);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

/* Prints a line for an event of kernel_run(). */
static void publish_kernel_report(void *context, const struct kernel_report *report)
{
	const struct kernel_status *status = report->status;
	struct mirrored *mirrored = context;
	uint64_t version = report->version;

	switch (report->event) {
	case KERNEL_NOTED:
		publish_kernel_print(mirrored, 0, "%s", report->note);
		break;
	case KERNEL_DUMPED:
		if (mirrored->verbose)
			publish_kernel_print(mirrored, version, "read %u objects from the kernel",
			                     report->objects);
		break;
	case KERNEL_UPDATED:
		if (mirrored->verbose)
			publish_kernel_print(mirrored, version, "applied %u kernel messages",
			                     report->messages);
		break;
	case KERNEL_SYNCED:
		publish_kernel_print(mirrored, version, "the tables are %s",
		                     mirrored->synced ? "the kernel's state again"
		                                      : "the kernel's state, and follow it");
		mirrored->synced = true;
		break;
	case KERNEL_LOST:
		publish_kernel_print(mirrored, version,
		                     "the kernel lost messages; everything is read again, and the "
		                     "tables may differ from its state until then");
		break;
	case KERNEL_FULL:
		publish_kernel_print(mirrored, version,
		                     "the region is full: %llu rows are left out until there is "
		                     "space for them",
		                     (unsigned long long)status->refused);
		break;
	case KERNEL_STOPPED:
		publish_kernel_print(mirrored, 0,
		                     "stopped after %llu messages of the kernel, %llu dumps and "
		                     "%llu losses of messages",
		                     (unsigned long long)status->messages,
		                     (unsigned long long)status->dumps,
		                     (unsigned long long)status->losses);
		break;
	}
}

/* ---- filters ---- */

/* Reports that an option was given more often than a filter has places. */
static enum status publish_kernel_too_many(const char *option)
{
	return fail(STATUS_INPUT, "%s: more than %u are not supported", option, KERNEL_FILTER_MAX);
}

enum status publish_kernel_table(struct kernel_routes *routes, const char *argument)
{
	struct kernel_filter *filter = &routes->filter;

	if (filter->table_count == KERNEL_FILTER_MAX)
		return publish_kernel_too_many("--table");
	kernel_words_load(KERNEL_WORDS_ETC, KERNEL_WORDS_VENDOR);
	if (!kernel_parse_table(argument, &filter->tables[filter->table_count]))
		return fail(STATUS_INPUT,
		            "--table: invalid value \"%s\" (expected the number of a routing "
		            "table, or a name in /etc/iproute2/rt_tables)",
		            argument);
	filter->table_count++;
	return STATUS_DONE;
}

enum status publish_kernel_protocol(struct kernel_routes *routes, const char *argument)
{
	struct kernel_filter *filter = &routes->filter;

	if (filter->protocol_count == KERNEL_FILTER_MAX)
		return publish_kernel_too_many("--protocol");
	kernel_words_load(KERNEL_WORDS_ETC, KERNEL_WORDS_VENDOR);
	if (!kernel_parse_protocol(argument, &filter->protocols[filter->protocol_count]))
		return fail(STATUS_INPUT,
		            "--protocol: invalid value \"%s\" (expected a number to 255, or a name "
		            "in /etc/iproute2/rt_protos)",
		            argument);
	filter->protocol_count++;
	return STATUS_DONE;
}

enum status publish_kernel_family(struct kernel_routes *routes, const char *argument)
{
	if (strcmp(argument, "inet") != 0 && strcmp(argument, "inet6") != 0)
		return fail(STATUS_INPUT, "--family: invalid value \"%s\" (expected inet or inet6)",
		            argument);
	routes->filter.family = strcmp(argument, "inet") == 0 ? AF_INET : AF_INET6;
	return STATUS_DONE;
}

enum status publish_kernel(const struct place *place, const char *region,
                           const struct stele_publisher_options *creation,
                           const struct options_writing *writing,
                           const struct kernel_routes *routes)
{
	struct mirrored mirrored = {.place = place, .region = region, .verbose = routes->verbose};
	char error[1024] = "";
	struct stele_publisher_options publisher = *creation;
	struct kernel_options options = {
		.publisher = &publisher,
		.filter = &routes->filter,
		.message = writing->message,
		.report = publish_kernel_report,
		.context = &mirrored,
		.error = error,
		.error_size = sizeof(error),
	};
	int result;

	publisher.flags |= STELE_CREATE | writing->flags;
	publisher.attach_timeout_ns = writing->attach_timeout_ns;
	options.stop_fd = stop_descriptor();
	if (options.stop_fd < 0)
		return STATUS_SYSTEM;
	stop_guard_output();
	result = kernel_run(place_path(place, region), &options);
	return result < 0 ? fail(fail_status(result), "%s", error) : STATUS_DONE;
}
