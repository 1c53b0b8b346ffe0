/* SPDX-License-Identifier: MIT */
#include <netdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <stele/stele.h>
#include "tools/base/describe.h"
#include "tools/base/fail.h"
#include "tools/base/parse.h"
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
	const struct kernel_routes *routes;
	unsigned long long dropped; /* lines that standard output did not take */
};

/* Prints a line with the token of `version` if it is not 0. Drops the line if standard output is
 * stuck: while the mirror waits, its tables are old, and messages of the kernel are lost. */
static void publish_kernel_print(struct mirrored *mirrored, uint64_t version, const char *format,
                                 ...) __attribute__((format(printf, 3, 4)));

static void publish_kernel_print(struct mirrored *mirrored, uint64_t version, const char *format,
                                 ...)
{
	struct stele_region_info info = {.size = sizeof(info)};
	const char *region = mirrored->region;
	char token[DESCRIBED_MAX];
	va_list arguments;

	if (stop_output_is_stuck()) {
		mirrored->dropped++;
		return;
	}
	if (mirrored->dropped)
		printf("%s: %llu line%s left out here, because standard output was stuck\n", region,
		       mirrored->dropped, mirrored->dropped == 1 ? " is" : "s are");
	mirrored->dropped = 0;
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

/* Prints a line for an event of the connection to FRR. */
static void publish_kernel_report_fpm(struct mirrored *mirrored, const struct kernel_report *report)
{
	const char *note = report->note;

	if (report->event == KERNEL_CONNECTED)
		publish_kernel_print(mirrored, 0, "FRR has connected from %s, and sends its routes",
		                     note);
	else if (report->event == KERNEL_REFUSED)
		publish_kernel_print(mirrored, 0,
		                     "refused a connection from %s, because FRR is connected",
		                     note);
	else
		publish_kernel_print(mirrored, 0,
		                     "%s; its routes stay as they are until it has connected again",
		                     note);
}

/* Returns whose state the tables are. */
static const char *publish_kernel_owner(const struct mirrored *mirrored)
{
	return mirrored->routes->pushed ? "FRR's and the kernel's" : "the kernel's";
}

/* Prints a line when the tables are the kernel's state: at the start, and after a doubt. */
static void publish_kernel_report_synced(struct mirrored *mirrored,
                                         const struct kernel_report *report)
{
	const char *owner = publish_kernel_owner(mirrored);

	if (mirrored->synced)
		publish_kernel_print(mirrored, report->version, "the tables are %s state again",
		                     owner);
	else if (mirrored->routes->pushed)
		publish_kernel_print(mirrored, report->version,
		                     "the tables are %s state, and follow it", owner);
	else
		publish_kernel_print(mirrored, report->version,
		                     "the tables are %s state, %u objects, and follow it", owner,
		                     report->objects);
	mirrored->synced = true;
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
			publish_kernel_print(
				mirrored, version, "applied %u %s messages", report->messages,
				mirrored->routes->pushed ? "FRR and kernel" : "kernel");
		break;
	case KERNEL_SYNCED:
		publish_kernel_report_synced(mirrored, report);
		break;
	case KERNEL_LOST:
		publish_kernel_print(mirrored, version,
		                     "the kernel lost messages; everything is read again, and the "
		                     "tables may differ from its state until then");
		break;
	case KERNEL_FULL:
		publish_kernel_print(mirrored, version,
		                     "the region is full: %llu rows are left out until there is "
		                     "space for them; the table status counts them, and 'stele "
		                     "create --limit' makes a larger region",
		                     (unsigned long long)status->refused);
		break;
	case KERNEL_CONNECTED:
	case KERNEL_DISCONNECTED:
	case KERNEL_REFUSED:
		publish_kernel_report_fpm(mirrored, report);
		break;
	case KERNEL_STOPPED:
		publish_kernel_print(
			mirrored, 0,
			"stopped after %llu messages of %s, %llu dumps and "
			"%llu losses of %s",
			(unsigned long long)status->messages,
			mirrored->routes->pushed ? "FRR and the kernel" : "the kernel",
			(unsigned long long)status->dumps, (unsigned long long)status->losses,
			mirrored->routes->pushed ? "messages or of the connection" : "messages");
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
	unsigned number;
	enum status status = parse_word("--family", argument, KERNEL_FAMILIES, &number);

	if (status == STATUS_DONE)
		routes->filter.family = number == 0 ? AF_INET : AF_INET6;
	return status;
}

/* ---- FRR ---- */

#define FPM_PORT "2620"

/* Splits "PORT", "ADDRESS" or "ADDRESS:PORT", in place. An IPv6 address before a port stands in
 * brackets. Returns false if the text has none of these forms. */
static bool publish_kernel_split(char *text, const char **ret_address, const char **ret_port)
{
	char *colon = strrchr(text, ':'), *bracket = strchr(text, ']');

	*ret_address = "127.0.0.1";
	*ret_port = FPM_PORT;
	if (*text == '[' && bracket) {
		*bracket++ = '\0';
		*ret_address = text + 1;
		if (*bracket == ':')
			*ret_port = bracket + 1;
		return *bracket == '\0' || *bracket == ':';
	}
	if (text[strspn(text, "0123456789")] == '\0') {
		*ret_port = text;
		return true;
	}
	*ret_address = text;
	if (colon && colon == strchr(text, ':')) {
		*colon = '\0';
		*ret_port = colon + 1;
	}
	return true;
}

/* Parses a port, from 1 to 65535. */
static bool publish_kernel_is_port(const char *text)
{
	unsigned long port = strtoul(text, NULL, 10);

	return *text && strlen(text) <= 5 && text[strspn(text, "0123456789")] == '\0' &&
	       port >= 1 && port <= 65535;
}

enum status publish_kernel_fpm(struct kernel_routes *routes, const char *argument)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	                               .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	const char *address, *port;
	char text[128];
	int size = snprintf(text, sizeof(text), "%s", argument);

	if (size >= (int)sizeof(text) || !publish_kernel_split(text, &address, &port) ||
	    !publish_kernel_is_port(port) || !*address ||
	    getaddrinfo(address, port, &hints, &found) != 0)
		return fail(STATUS_INPUT,
		            "--fpm: invalid value \"%s\" (expected PORT, ADDRESS or ADDRESS:PORT, "
		            "with an address in numbers, and IPv6 addresses in brackets)",
		            argument);
	memcpy(&routes->fpm.address, found->ai_addr, found->ai_addrlen);
	routes->fpm.address_size = found->ai_addrlen;
	freeaddrinfo(found);
	routes->pushed = true;
	return STATUS_DONE;
}

enum status publish_kernel_fpm_quiet(struct kernel_routes *routes, const char *argument)
{
	routes->timed = true;
	return parse_seconds("--fpm-quiet", argument, &routes->fpm.quiet_ns);
}

enum status publish_kernel_fpm_hold(struct kernel_routes *routes, const char *argument)
{
	routes->timed = true;
	return parse_seconds("--fpm-hold", argument, &routes->fpm.hold_ns);
}

enum status publish_kernel(const struct place *place, const char *region,
                           const struct stele_publisher_options *creation,
                           const struct options_writing *writing,
                           const struct kernel_routes *routes)
{
	struct mirrored mirrored = {
		.place = place, .region = region, .verbose = routes->verbose, .routes = routes};
	char error[1024] = "";
	struct stele_publisher_options publisher = *creation;
	struct kernel_options options = {
		.publisher = &publisher,
		.filter = &routes->filter,
		.fpm = routes->pushed ? &routes->fpm : NULL,
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
