/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "tools/help/topics.h"

#define STATUSES \
	"  0  success\n" \
	"  1  the answer is no: no such row or route; nothing that was waited for in the given\n" \
	"     time (wait, watch); rows differ (diff --exit-code); there is a problem (doctor), an\n" \
	"     incompatible change (schema diff), or nothing could be measured (bench)\n" \
	"  2  wrong usage or bad input: arguments, a file or its contents, names, values\n" \
	"  3  no such region, table or version\n" \
	"  4  busy: another publisher is attached, the publisher was too fast for the read or the\n" \
	"     check, or the region was left by an earlier boot\n" \
	"  5  no permission\n" \
	"  6  no space: the maximum size of the region, the file system, a quota, or a limit on\n" \
	"     the size of files, memory or descriptors\n" \
	"  7  the region is damaged, is not a region, or was made by a library with another layout\n" \
	"  8  another error of the system, such as standard output that cannot be written\n" \
	"  9  publish --check or --max-removed refused the change\n" \
	" 10  a condition (--if-...) does not hold: the region or a row is at another version\n"

const char topic_statuses[] = STATUSES;

static const char regions[] =
	"  stele create net --table 'routes(prefix: ipv4net key, next_hop: ipv4)'\n"
	"  stele dump net/routes\n"
	"  stele dump /dev/shm/net/routes     # the same table, with the directory\n"
	"  stele dump ./net.stele/routes      # a table of a file that 'stele save' wrote\n"
	"  stele list -D /var/lib/stele       # regions on a disk\n"
	"\n"
	"A region is named by letters, digits, '_' and '-', and a table in it by\n"
	"REGION/TABLE. Regions are in /dev/shm, or in the directory of --directory.\n"
	"\n"
	"A path that starts with '/' or '.' is\n"
	"  - a saved file, or FILE/TABLE, if there is a file of this path;\n"
	"  - DIRECTORY/REGION/TABLE, where the command needs a table;\n"
	"  - DIRECTORY/REGION, where it takes none, or where it may have one and there is such\n"
	"    a directory.\n";

static const char formats[] =
	"  stele dump net/routes --format csv >routes.csv\n"
	"  stele publish net/routes routes.csv --format csv\n"
	"  stele watch net --format ndjson | jq -c 'select(.change == \"added\") | .row'\n"
	"\n"
	"  table   columns for people: sizes have units, and - is a missing value; may change\n"
	"  csv     a first line with names; \"\" is empty text, an empty field a missing value\n"
	"  json    an array of objects, or one object where there is one row\n"
	"  ndjson  an object on each line, written at once\n"
	"\n"
	"publish reads csv, ndjson and json, and knows them by the start of the file. In\n"
	"JSON, integers beyond 9007199254740991 are strings, and null is a missing value.\n"
	"Bytes that are no text are written and read as \\xHH.\n";

static const char types[] =
	"  stele create lan --table 'hosts(name: text key, address: ipv4, seen: time, load: f64)'\n"
	"  stele set lan/hosts printer address=192.0.2.7 seen=now load=0.5\n"
	"\n"
	"  u8 u16 u32 u64      42 or 0x2a; u32 also AS64496\n"
	"  i8 i16 i32 i64      -42\n"
	"  f64                 0.5\n"
	"  bool                true or false\n"
	"  time                2026-01-31T12:00:00Z, @1769860800 (seconds since 1970) or now\n"
	"  uuid                3f2a9c1e-8d0b-4c57-9a65-0b1c2d3e4f50\n"
	"  mac                 02:00:5e:10:00:ff\n"
	"  ipv4 ipv6           192.0.2.1 and 2001:db8::1\n"
	"  ipv4net ipv6net     10.0.0.0/8 or default; in a key, its last column, for 'stele lookup'\n"
	"  char[N]             text of at most N bytes\n"
	"  text bytes          any length, bytes as 00ff; the last column of the key or of the row\n"
	"  TYPE[N]             an array, not in a key: u32[3] is '1 2 3'\n"
	"\n"
	"'stele create --help' has the attributes of columns: enum, default, unit, doc,\n"
	"was, deprecated.\n";

static const char statuses[] =
	"  stele get net/routes 10.0.0.0/8 >/dev/null; [ $? -eq 1 ] && echo 'no such row'\n"
	"  stele publish --max-removed 10% net/routes new.csv || mail -s refused admin <new.csv\n"
	"\n" STATUSES;

static const char versions[] =
	"  stele diff net -1                        # what the version before the newest changed\n"
	"  stele tag net before-upgrade\n"
	"  stele rollback net --to before-upgrade\n"
	"  stele watch net --since 41@3f2a9c1e\n"
	"\n"
	"  41               version 41 of the present region\n"
	"  41@3f2a9c1e      a token: version 41 of the region with this UUID, which a region that\n"
	"                   is created again does not have; as get --tokens prints it\n"
	"  -1               the version before the newest; -2 the one before that\n"
	"  12:03            the newest version at this time ('stele help times')\n"
	"  before-upgrade   a name of 'stele tag'\n"
	"\n"
	"History holds the last versions ('stele create --history'); 'stele log REGION' lists them.\n"
	"Options that continue from a version that was kept (--since, --if-head) need a token.\n";

static const char times[] =
	"  stele get net/routes 10.0.0.0/8 --at 12:03\n"
	"  stele rollback net --to '2026-01-31 12:03'\n"
	"\n"
	"  12:03, 12:03:17.5             today or, if that is still to come, yesterday, local time\n"
	"  2026-01-31                    the start of the day, in local time\n"
	"  '2026-01-31 12:03'            local time; seconds may follow, or T instead of the space\n"
	"  2026-01-31T12:03:17Z          UTC, or with an offset such as +02:00\n"
	"  @1769861000                   seconds since 1970, as 'date +@%s' prints them\n"
	"  -90s, -5m, -1.5h, -2d         so long ago\n"
	"  now\n"
	"\n"
	"An option that takes a VERSION takes a time, too. Times are printed in UTC.\n"
	"Columns of the type time have a form with Z or an offset, @SECONDS, or now.\n";

const struct topic topics[] = {
	{"regions", "names of regions and tables, paths, and saved files", regions},
	{"formats", "table, csv, json and ndjson", formats},
	{"types", "types of columns, and how their values are written", types},
	{"versions", "numbers, tokens and names of versions", versions},
	{"times", "how a time is written", times},
	{"exit", "what the exit statuses mean", statuses},
};
const size_t topic_count = sizeof(topics) / sizeof(topics[0]);

const struct topic *topic_find(const char *name)
{
	for (size_t i = 0; i < topic_count; i++)
		if (strcmp(topics[i].name, name) == 0)
			return &topics[i];
	return NULL;
}
