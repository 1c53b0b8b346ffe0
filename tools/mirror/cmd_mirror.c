/* SPDX-License-Identifier: MIT
 * stele mirror: keeps a region and a prefix of etcd equal. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stele/stele.h>
#include "tools/base/command.h"
#include "tools/base/fail.h"
#include "tools/base/heap.h"
#include "tools/base/parse.h"
#include "tools/base/status.h"
#include "tools/base/stop.h"
#include "tools/mirror/etcd_follow.h"
#include "tools/mirror/etcd_writer.h"
#include "tools/etcd/etcd_http.h"
#include "tools/etcd/etcd_url.h"
#include "tools/region/options.h"
#include "tools/region/place.h"
#include "tools/region/target.h"

static const char doc[] =
	"Examples:\n"
	"  stele mirror --to etcd://10.0.0.1:2379,10.0.0.2:2379/stele/net net\n"
	"  stele mirror --from etcd://10.0.0.1:2379,10.0.0.2:2379/stele/net net\n"
	"  etcdctl put /stele/net/schema/ports 'ports(port: u16 key, service: text)'\n"
	"  etcdctl put /stele/net/rows/ports/22 '{\"port\": 22, \"service\": \"ssh\"}'\n"
	"\n"
	"Keeps a prefix of etcd equal to a region (--to), or a region equal to a prefix of etcd "
	"(--from), until SIGINT, SIGTERM or SIGHUP. With --from the region is created if it does "
	"not exist."
	"\v"
	"A table is declared by the key PREFIX/schema/TABLE, and has a row for each key "
	"PREFIX/rows/TABLE/KEY, whose value is the row as JSON. Each revision of etcd becomes one "
	"version of the region, whose message names the revision.\n"
	"\n"
	"With --to each version is one transaction of etcd. One that is too large for etcd is "
	"written in parts, which the mirrors that follow show as one version, or not at all. A lock "
	"in etcd lets one mirror write; others wait until it is gone.\n"
	"\n"
	"A key whose value does not fit is refused alone: it has a row in the table "
	"\"mirror_rejects\", with the reason. The table \"mirror_status\" says whether the tables "
	"are current, or since when they are stale, and why.\n"
	"\n"
	"While etcd is away the region keeps its last version. The mirror tries all endpoints, with "
	"growing pauses, and then goes on where it was.\n"
	"\n"
	"The password is read from the file of --password-file, or from the environment variable "
	"STELE_ETCD_PASSWORD.\n";

/* Keys of options, which have no short forms. */
enum {
	MIRROR_FROM = OPTION_OTHERS,
	MIRROR_TO,
	MIRROR_WAIT,
	MIRROR_USER,
	MIRROR_PASSWORD_FILE,
	MIRROR_TLS,
	MIRROR_AUTHORITY,
	MIRROR_CERTIFICATE,
	MIRROR_KEY,
};

struct mirror {
	const char *from, *to;
	int64_t wait; /* deadline; 0: do not wait */
	const char *password_file;
	char password[1024];
	struct etcd_url url;
	struct etcd_http_options http;
};

static enum status mirror_parse_url(const char *option, const char *text, struct mirror *mirror)
{
	const char *why = etcd_url_parse(text, &mirror->url);

	return why ? fail(STATUS_INPUT, "%s: invalid URL \"%s\" (%s)", option, text, why)
	           : STATUS_DONE;
}

static error_t mirror_parse(int key, char *argument, struct argp_state *state)
{
	struct mirror *mirror = state->input;

	switch (key) {
	case MIRROR_FROM:
		mirror->from = argument;
		return mirror_parse_url("--from", argument, mirror) == STATUS_DONE ? 0 : EINVAL;
	case MIRROR_TO:
		mirror->to = argument;
		return mirror_parse_url("--to", argument, mirror) == STATUS_DONE ? 0 : EINVAL;
	case MIRROR_WAIT:
		return parse_deadline("--wait", argument, &mirror->wait) == STATUS_DONE ? 0
		                                                                        : EINVAL;
	case MIRROR_USER:
		mirror->http.user = argument;
		return 0;
	case MIRROR_PASSWORD_FILE:
		mirror->password_file = argument;
		return 0;
	case MIRROR_TLS:
		mirror->http.tls = true;
		return 0;
	case MIRROR_AUTHORITY:
		mirror->http.authority = argument;
		mirror->http.tls = true;
		return 0;
	case MIRROR_CERTIFICATE:
		mirror->http.certificate = argument;
		mirror->http.tls = true;
		return 0;
	case MIRROR_KEY:
		mirror->http.key = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Reads the password from its file, without the line feed, or from the environment. */
static enum status mirror_read_password(struct mirror *mirror)
{
	const char *variable = getenv("STELE_ETCD_PASSWORD");
	FILE *file;

	if (!mirror->http.user)
		return mirror->password_file ? fail_usage("mirror", "--password-file needs --user")
		                             : STATUS_DONE;
	if (mirror->password_file) {
		file = fopen(mirror->password_file, "re");
		if (!file || !fgets(mirror->password, sizeof(mirror->password), file))
			*mirror->password = '\0';
		if (!file || ferror(file)) {
			int error = errno;

			if (file)
				fclose(file);
			return fail(STATUS_INPUT, "cannot read %s: %s", mirror->password_file,
			            strerror(error));
		}
		fclose(file);
		mirror->password[strcspn(mirror->password, "\r\n")] = '\0';
	} else if (variable) {
		snprintf(mirror->password, sizeof(mirror->password), "%s", variable);
	}
	if (!*mirror->password)
		return fail(STATUS_INPUT,
		            "--user needs a password, in the file of --password-file or in "
		            "STELE_ETCD_PASSWORD");
	mirror->http.password = mirror->password;
	return STATUS_DONE;
}

/* Returns an error message if the command was built without a library that it needs. */
static enum status mirror_check_build(void)
{
	const char *missing = etcd_http_missing() ? etcd_http_missing() : etcd_json_missing();

	if (!missing)
		return STATUS_DONE;
	return fail(STATUS_SYSTEM,
	            "this stele was built without %s, which mirror needs (Debian: "
	            "libcurl4-openssl-dev and libyajl-dev; then build it again)",
	            missing);
}

static enum status mirror_from(struct mirror *mirror, const struct call *call)
{
	const struct stele_publisher_options publisher = {.size = sizeof(publisher),
	                                                  .flags = STELE_CREATE};
	struct etcd_follow_options options = {
		.http = &mirror->http,
		.region = call->operands[0],
		.path = place_path(&call->place, call->operands[0]),
		.publisher = &publisher,
	};

	if (call->operands[1])
		return fail_usage("mirror", "expected one REGION after --from URL");
	if (stele_name_check("region", call->operands[0]) < 0)
		return fail_library(-EINVAL);
	return etcd_follow(&options);
}

/* Parses REGION or REGION/TABLE..., and writes them. */
static enum status mirror_to(struct mirror *mirror, const struct call *call, size_t count)
{
	struct target *targets = heap_realloc(NULL, count * sizeof(*targets));
	const char **tables = heap_realloc(NULL, (count + 1) * sizeof(*tables));
	struct etcd_writer_options options = {
		.http = &mirror->http, .place = &call->place, .wait = mirror->wait};
	enum status status = STATUS_DONE;

	for (size_t i = 0; status == STATUS_DONE && i < count; i++) {
		status = target_parse("mirror", call->operands[i], count > 1, &targets[i]);
		tables[i] = targets[i].table;
		if (status == STATUS_DONE && strcmp(targets[i].region, targets[0].region) != 0)
			status = fail_usage("mirror", "expected tables of one region");
	}
	tables[count] = NULL;
	options.region = targets[0].region;
	options.tables = *targets[0].table ? tables : NULL;
	if (status == STATUS_DONE)
		status = etcd_writer(&options);
	free(tables);
	free(targets);
	return status;
}

static enum status mirror_run(int argc, char **argv)
{
	struct mirror mirror = {.from = NULL};
	enum status status;
	struct call call;
	int count;

	count = options_parse(&command_mirror, argc, argv, &mirror, &call);
	if (count < 1)
		return fail_usage("mirror", "expected a REGION");
	if (!mirror.from == !mirror.to)
		return fail_usage("mirror", "expected --from URL or --to URL");
	if (mirror.http.key && !mirror.http.certificate)
		return fail_usage("mirror", "--key needs --certificate");
	mirror.http.url = &mirror.url;
	status = mirror_check_build();
	if (status == STATUS_DONE)
		status = mirror_read_password(&mirror);
	if (status != STATUS_DONE)
		return status;
	mirror.http.stop_fd = stop_descriptor();
	if (mirror.http.stop_fd < 0)
		return STATUS_SYSTEM;
	status = mirror.from ? mirror_from(&mirror, &call)
	                     : mirror_to(&mirror, &call, (size_t)count);
	explicit_bzero(mirror.password, sizeof(mirror.password));
	return status;
}

const struct command command_mirror = {
	.name = "mirror",
	.summary = "keep a region and a prefix of etcd equal",
	.usage = "--from URL REGION\n--to URL REGION\n--to URL REGION/TABLE...",
	.doc = doc,
	.options =
		(const struct argp_option[]){
			{"from", MIRROR_FROM, "URL", 0,
                         "Follow this prefix: etcd://HOST:PORT[,HOST:PORT...]/PREFIX", 0},
			{"to", MIRROR_TO, "URL", 0, "Write the region to this prefix", 0},
			{"wait", MIRROR_WAIT, "SECONDS", 0,
                         "With --to, wait this long for a region that does not exist yet (inf: "
                         "without end)",
                         0},
			{"user", MIRROR_USER, "NAME", 0, "Authenticate as this user of etcd", 0},
			{"password-file", MIRROR_PASSWORD_FILE, "FILE", 0,
                         "Read the user's password from the first line of this file", 0},
			{"tls", MIRROR_TLS, NULL, 0,
                         "Use TLS, with the system's certificate authorities", 0},
			{"authority", MIRROR_AUTHORITY, "FILE", 0,
                         "Use TLS, with the certificate authorities in this file", 0},
			{"certificate", MIRROR_CERTIFICATE, "FILE", 0,
                         "Use TLS, and show this client certificate", 0},
			{"key", MIRROR_KEY, "FILE", 0, "The private key of --certificate", 0},
			{0},
		},
	.parse = mirror_parse,
	.reads = true,
	.run = mirror_run,
};
