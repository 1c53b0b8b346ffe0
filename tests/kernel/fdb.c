/* SPDX-License-Identifier: MIT
 *
 * The mirror of forwarding entries, neighbours and proxy neighbours against what `bridge -json fdb
 * show' and `ip -json neighbour show' print, entry for entry. Needs root. */
#include <arpa/inet.h>
#include <jansson.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "lib/units.h"
#include "tools/fib/kernel_tables.h"
#include "tests/support/clock.h"
#include "tests/support/kernel_source.h"
#include "tests/support/kernel_state.h"

/* ---- lines of text ---- */

static void __attribute__((format(printf, 2, 3)))
add_line(struct lines *lines, const char *format, ...)
{
	va_list list;
	char *line;

	va_start(list, format);
	cr_assert(vasprintf(&line, format, list) >= 0);
	va_end(list);
	lines->of = realloc(lines->of, (lines->count + 1) * sizeof(*lines->of));
	lines->of[lines->count++] = line;
}

static const char *text(const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);

	return value ? json_string_value(value) : "";
}

static unsigned number(const json_t *object, const char *member)
{
	return (unsigned)json_integer_value(json_object_get(object, member));
}

static json_t *run_json(const char *command)
{
	FILE *pipe = popen(command, "r");
	json_error_t error;
	json_t *found;

	cr_assert(pipe);
	found = json_loadf(pipe, 0, &error);
	pclose(pipe);
	/* Some versions print nothing for an empty list. */
	return found ? found : json_array();
}

static void run(const char *command)
{
	cr_assert_eq(system(command), 0, "%s", command);
}

/* ---- what the kernel has ---- */

/* Returns " word" if a list of words has it, or else "". */
static const char *flag(const json_t *entry, const char *word, char ret[32])
{
	json_t *value;
	size_t i;

	ret[0] = '\0';
	json_array_foreach(json_object_get(entry, "flags"), i,
	                   value) if (strcmp(json_string_value(value), word) == 0)
		snprintf(ret, 32, " %s", word);
	return ret;
}

/* Leaves out the addresses that network cards accept: those that are neither of a bridge nor of a
 * VXLAN interface. The names of the latter begin with "vx". */
static void kernel_fdb(struct lines *lines)
{
	json_t *all = run_json("bridge -json fdb show"), *entry;
	size_t i;

	json_array_foreach(all, i, entry)
	{
		bool master = json_object_get(entry, "master"), group;
		char self[32], learnt[32], sticky[32];
		const char *state = text(entry, "state"), *mac = text(entry, "mac");

		flag(entry, "self", self);
		if (!master && strncmp(text(entry, "ifname"), "vx", 2) != 0)
			continue;
		/* The kernel lists multicast addresses of the card with those of the tunnel. */
		group = strncmp(mac, "33:33", 5) == 0 || strncmp(mac, "01:00:5e", 8) == 0;
		if (!master && group && !json_object_get(entry, "dst"))
			continue;
		add_line(
			lines,
			"%s %s vlan %u dev %s dst %s port %u vni %u via %s nhid %u src_vni %u %s%s%s%s",
			master ? text(entry, "master") : text(entry, "ifname"), mac,
			number(entry, "vlan"), text(entry, "ifname"), text(entry, "dst"),
			number(entry, "port"), number(entry, "vni"), text(entry, "viaIf"),
			number(entry, "nhid"), number(entry, "src_vni"),
			strcmp(state, "permanent") == 0 ? "permanent"
			: strcmp(state, "static") == 0  ? "static"
							: "dynamic",
			self, flag(entry, "extern_learn", learnt), flag(entry, "sticky", sticky));
	}
	json_decref(all);
}

/* Leaves out the entries that the kernel has made without a message. */
static void kernel_neighbours(struct lines *lines)
{
	json_t *all = run_json("ip -json neighbour show"), *entry;
	size_t i;

	json_array_foreach(all, i, entry)
	{
		const char *state =
			json_string_value(json_array_get(json_object_get(entry, "state"), 0));

		if (!state || strcmp(state, "INCOMPLETE") == 0)
			continue;
		add_line(lines, "%s dev %s %s %s proto %s%s%s", text(entry, "dst"),
		         text(entry, "dev"),
		         *text(entry, "lladdr") ? text(entry, "lladdr") : "00:00:00:00:00:00",
		         strcmp(state, "PERMANENT") == 0 ? "permanent"
		         : strcmp(state, "NOARP") == 0   ? "noarp"
		         : strcmp(state, "FAILED") == 0  ? "failed"
		                                         : "resolved",
		         text(entry, "protocol"), json_object_get(entry, "router") ? " router" : "",
		         json_object_get(entry, "extern_learn") ? " extern_learn" : "");
	}
	json_decref(all);
	all = run_json("ip -json neighbour show proxy");
	json_array_foreach(all, i, entry) add_line(
		lines, "proxy %s dev %s proto %s%s", text(entry, "dst"), text(entry, "dev"),
		text(entry, "protocol"), json_object_get(entry, "router") ? " router" : "");
	json_decref(all);
}

/* ---- what the region has ---- */

static const char *link_name(uint32_t ifindex, char ret[IF_NAMESIZE])
{
	ret[0] = '\0';
	if (ifindex && !if_indextoname(ifindex, ret))
		snprintf(ret, IF_NAMESIZE, "#%u", ifindex);
	return ret;
}

static void region_fdb(const struct stele_row *row, struct lines *lines)
{
	static const char *const states[] = {"dynamic", "static", "permanent"};
	static const uint8_t none[16];
	const struct kernel_fdb *value = row->value;
	const uint8_t *key = row->key, *mac = key + 10;
	char link[IF_NAMESIZE], name[IF_NAMESIZE], via[IF_NAMESIZE], dst[INET6_ADDRSTRLEN] = "";
	uint32_t owner, source_vni;
	uint16_t vlan;

	memcpy(&owner, key, 4);
	memcpy(&vlan, key + 4, 2);
	memcpy(&source_vni, key + 6, 4);
	if (memcmp(value->dst4, none, 4) != 0)
		inet_ntop(AF_INET, value->dst4, dst, sizeof(dst));
	else if (memcmp(value->dst6, none, 16) != 0)
		inet_ntop(AF_INET6, value->dst6, dst, sizeof(dst));
	cr_assert_str_eq(value->interface, link_name(value->ifindex, name));
	add_line(
		lines,
		"%s %02x:%02x:%02x:%02x:%02x:%02x vlan %u dev %s dst %s port %u vni %u via %s nhid %u "
		"src_vni %u %s%s%s%s",
		link_name(ntohl(owner), link), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5],
		ntohs(vlan), value->interface, dst, value->port, value->vni,
		link_name(value->via, via), value->nexthop_id, ntohl(source_vni),
		states[value->state], value->self ? " self" : "",
		value->extern_learn ? " extern_learn" : "", value->sticky ? " sticky" : "");
}

static void region_neighbour(const struct stele_row *row, struct lines *lines)
{
	const struct kernel_neighbour *value = row->value;
	const uint8_t *mac = value->mac;
	char address[INET6_ADDRSTRLEN];

	inet_ntop(row->key_bits == 64 ? AF_INET : AF_INET6, (const uint8_t *)row->key + 4, address,
	          sizeof(address));
	add_line(lines, "%s dev %s %02x:%02x:%02x:%02x:%02x:%02x %s proto %s%s%s", address,
	         value->interface, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], value->state,
	         value->protocol, value->router ? " router" : "",
	         value->extern_learn ? " extern_learn" : "");
}

static void region_proxy(const struct stele_row *row, struct lines *lines)
{
	const struct kernel_proxy *value = row->value;
	char address[INET6_ADDRSTRLEN];

	inet_ntop(row->key_bits == 64 ? AF_INET : AF_INET6, (const uint8_t *)row->key + 4, address,
	          sizeof(address));
	add_line(lines, "proxy %s dev %s proto %s%s", address, value->interface, value->protocol,
	         value->router ? " router" : "");
}

static void region_table(const struct stele_snapshot *snapshot, enum kernel_table which,
                         void (*add)(const struct stele_row *row, struct lines *lines),
                         struct lines *lines)
{
	struct stele_cursor *cursor;
	struct stele_table table;
	struct stele_row row;

	cr_assert_eq(stele_table_open(snapshot, kernel_table_names[which], kernel_schemas[which],
	                              &table),
	             0, "%s", stele_last_error());
	cr_assert_eq(stele_cursor_open(&table, &cursor), 0, "%s", stele_last_error());
	while (stele_cursor_next(cursor, &row) == 1)
		add(&row, lines);
	cursor = stele_cursor_close(cursor);
}

/* ---- waiting until both agree ---- */

static bool agrees(struct stele_subscriber *subscriber, char *ret_difference, size_t size)
{
	struct lines kernel_has[2] = {0}, region_has[2] = {0};
	struct stele_snapshot *snapshot;
	bool equal = true;

	kernel_fdb(&kernel_has[0]);
	kernel_neighbours(&kernel_has[1]);
	cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0, "%s", stele_last_error());
	region_table(snapshot, KERNEL_FDB, region_fdb, &region_has[0]);
	region_table(snapshot, KERNEL_NEIGHBOURS4, region_neighbour, &region_has[1]);
	region_table(snapshot, KERNEL_NEIGHBOURS6, region_neighbour, &region_has[1]);
	region_table(snapshot, KERNEL_PROXIES4, region_proxy, &region_has[1]);
	region_table(snapshot, KERNEL_PROXIES6, region_proxy, &region_has[1]);
	snapshot = stele_snapshot_close(snapshot);
	for (int i = 0; i < 2; i++) {
		const char *difference =
			equal ? lines_differ(&region_has[i], &kernel_has[i]) : NULL;

		if (difference) {
			snprintf(ret_difference, size, "%s", difference);
			equal = false;
		}
		lines_free(&kernel_has[i]);
		lines_free(&region_has[i]);
	}
	return equal;
}

static void wait_agreement(struct stele_subscriber *subscriber, const char *step)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;
	char difference[1200];

	while (!agrees(subscriber, difference, sizeof(difference)))
		cr_assert(clock_now() < deadline,
		          "after \"%s\" the region differs from the kernel in %s", step,
		          difference);
}

/* ---- tests ---- */

/* A bridge with the ports d0 and vx0, and VXLAN interfaces over d1. */
static void setup(void)
{
	kernel_setup();
	if (system("ip link add br0 type bridge && ip link set br0 up && ip link set d0 master br0") !=
	    0)
		cr_skip_test("this kernel has no bridges");
	if (system("ip link add vx0 type vxlan id 10 dstport 4789 local 10.0.1.1 dev d1") != 0)
		cr_skip_test("this kernel has no VXLAN interfaces");
	kernel_ip("link add vx1 type vxlan external dstport 4790");
	kernel_ip("link add vx6 type vxlan id 16 dstport 4791 local fd00::1");
	for (const char *const *link = (const char *const[]){"vx0", "vx1", "vx6", NULL}; *link;
	     link++)
		kernel_ip("link set %s up", *link);
	kernel_ip("link set vx0 master br0");
}

static const char *const entry_steps[] = {
	"bridge fdb add 02:00:00:00:00:01 dev d0 master static",
	"bridge fdb add 02:00:00:00:00:02 dev d0 master dynamic extern_learn",
	"bridge fdb add 02:00:00:00:00:03 dev d0 master static sticky",
	"bridge fdb add 02:00:00:00:00:04 dev br0 self local",
	/* The kernel only reports the new port. */
	"bridge fdb replace 02:00:00:00:00:01 dev vx0 master static",
	"bridge fdb add 02:00:00:00:00:01 dev vx0 self dst 10.9.9.1",
	/* The kernel only reports the new destination. */
	"bridge fdb replace 02:00:00:00:00:01 dev vx0 self dst 10.9.9.2 vni 77 port 999 via d1",
	"bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.9.1",
	"bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.9.2",
	"bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.9.2 port 555",
	"bridge fdb append 01:00:5e:01:02:03 dev vx0 dst 10.9.9.3",
	"bridge fdb append 01:00:5e:01:02:03 dev vx0 dst 10.9.9.4",
	"bridge fdb del 00:00:00:00:00:00 dev vx0 dst 10.9.9.1",
	"bridge fdb append 00:00:00:00:00:00 dev vx6 dst fd00::99",
	"bridge fdb add 02:00:00:00:00:05 dev vx6 dst fd00::98",
	"bridge fdb add 02:00:00:00:00:05 dev vx1 src_vni 5 vni 5 dst 10.9.9.5",
	"bridge fdb add 02:00:00:00:00:05 dev vx1 src_vni 6 vni 6 dst 10.9.9.6",
	"bridge fdb del 02:00:00:00:00:05 dev vx1 src_vni 5",
	"bridge fdb add 02:00:00:00:00:07 dev d1 self",
	"ip nexthop add id 10 via 10.9.9.9 fdb",
	"ip nexthop add id 12 group 10 fdb",
	"bridge fdb add 02:00:00:00:00:06 dev vx0 self nhid 12",
	"bridge fdb add 02:00:00:00:00:08 dev vx0 self nhid 12",
	/* The entries go without a message. */
	"ip nexthop del id 12",
	"ip link set vx0 address 02:00:00:00:01:01",
	"ip link set vx0 name vx9",
	"ip link set d0 name e0",
	"ip link set e0 down",
	"ip link set e0 up",
	"bridge fdb add 02:00:00:00:00:09 dev e0 master static",
	"ip link set e0 nomaster",
	"ip link set vx9 down",
	"ip link set vx9 up",
	"bridge fdb append 00:00:00:00:00:00 dev vx9 dst 10.9.9.7",
	"bridge fdb add 02:00:00:00:00:0a dev vx9 master static",
	"ip link del vx9",
	"ip link del br0",
	"ip link del d1",
	"ip link del vx6",
};

Test(kernel_fdb, each_entry_is_mirrored, .init = setup, .fini = kernel_teardown, .timeout = 240)
{
	struct stele_subscriber *subscriber;
	struct kernel_status before, after;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	wait_agreement(subscriber, "start");
	before = read_status(subscriber);
	for (size_t i = 0; i < sizeof(entry_steps) / sizeof(entry_steps[0]); i++) {
		run(entry_steps[i]);
		wait_agreement(subscriber, entry_steps[i]);
	}
	after = read_status(subscriber);
	cr_assert_eq(after.dumps, before.dumps, "all of it follows from messages");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* The destinations of a group are in the kernel's order, whether the mirror was told of them or
 * has found them. */
Test(kernel_fdb, rows_do_not_depend_on_how_they_were_learnt, .init = setup, .fini = kernel_teardown,
     .timeout = 120)
{
	static const uint8_t group[16] = {0};
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	for (int i = 1; i < 5; i++) {
		char command[120];

		snprintf(command, sizeof(command),
		         "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.9.%d", i);
		run(command);
	}
	run("bridge fdb del 00:00:00:00:00:00 dev vx0 dst 10.9.9.2");
	run("bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.9.2");
	for (int start = 0; start < 2; start++) {
		struct stele_snapshot *snapshot;
		struct stele_row row;
		uint8_t key[18] = {0}, order[4] = {0};

		wait_agreement(subscriber, start ? "dumped" : "told");
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
		memcpy(key + 4, group, 14);
		memcpy(key, &(uint32_t){htonl(if_nametoindex("vx0"))}, 4);
		for (key[17] = 0; key[17] < 4; key[17]++) {
			cr_assert_eq(stele_snapshot_get(snapshot, "fdb", kernel_schemas[KERNEL_FDB],
			                                key, 144, &row),
			             1, "row %u", key[17]);
			order[key[17]] = ((const struct kernel_fdb *)row.value)->dst4[3];
		}
		cr_assert_eq(memcmp(order, (uint8_t[]){1, 3, 4, 2}, 4), 0, "%u %u %u %u", order[0],
		             order[1], order[2], order[3]);
		snapshot = stele_snapshot_close(snapshot);
		if (start == 1)
			break;
		subscriber = stele_subscriber_close(subscriber);
		kernel_source_stop();
		stele_region_remove(kernel_region);
		kernel_source_start(0);
		subscriber = kernel_subscribe();
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Sends an empty frame from an address, as a host behind the other end of a link does. */
static void send_frame(const char *link, const uint8_t from[6])
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(link)};
	uint8_t frame[60] = {0x02, 0, 0, 0, 0, 0x99, [12] = 0x88, [13] = 0xb5};

	memcpy(frame + 6, from, 6);
	cr_assert(fd >= 0);
	cr_assert_eq(sendto(fd, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
	             (ssize_t)sizeof(frame));
	close(fd);
}

/* Waits until frames to an address leave the bridge by a port. Sends frames from there until then:
 * the bridge drops them while the port is not forwarding yet. Without `link` and `port`, waits
 * until the bridge has forgotten the address. */
static void wait_learnt(struct stele_subscriber *subscriber, const uint8_t mac[6], const char *link,
                        const char *port)
{
	int64_t deadline = clock_now() + 60 * NSEC_PER_SEC;
	bool done = false;

	while (!done) {
		struct stele_snapshot *snapshot;
		struct stele_row row;
		uint8_t key[18] = {0};
		uint64_t version, newer;

		if (link)
			send_frame(link, mac);
		cr_assert(clock_now() < deadline, "not by %s", port ? port : "age");
		memcpy(key, &(uint32_t){htonl(if_nametoindex("br0"))}, 4);
		memcpy(key + 10, mac, 6);
		cr_assert_eq(stele_snapshot_open(subscriber, 0, &snapshot), 0);
		if (stele_snapshot_get(snapshot, "fdb", kernel_schemas[KERNEL_FDB], key, 144,
		                       &row) == 1)
			done = port &&
			       strcmp(((const struct kernel_fdb *)row.value)->interface, port) == 0;
		else
			done = !port;
		version = stele_snapshot_version(snapshot);
		snapshot = stele_snapshot_close(snapshot);
		if (!done)
			stele_subscriber_wait(subscriber, version, clock_now() + 50000000, &newer);
	}
}

/* Frames teach the bridge where an address is. Later frames come from elsewhere, and then none. */
Test(kernel_fdb, learnt_entries_move_and_go, .init = setup, .fini = kernel_teardown, .timeout = 120)
{
	static const uint8_t host[6] = {0x02, 0, 0, 0, 0, 0x77};
	struct stele_subscriber *subscriber;

	kernel_ip("link add p0 type veth peer name q0");
	kernel_ip("link set q0 up");
	kernel_ip("link set p0 master br0 up");
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	for (int i = 0; i < 3; i++) {
		wait_learnt(subscriber, host, "d1", "d0");
		wait_agreement(subscriber, "a frame from d1");
		wait_learnt(subscriber, host, "q0", "p0");
		wait_agreement(subscriber, "a frame from q0");
	}
	kernel_ip("link set br0 type bridge ageing_time 100");
	wait_learnt(subscriber, host, NULL, NULL);
	wait_agreement(subscriber, "the learnt entries age");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* When an entry goes that was dumped already, the kernel leaves another one out of the rest of the
 * dump. */
Test(kernel_fdb, deletions_during_a_dump_hide_nothing, .init = setup, .fini = kernel_teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;
	FILE *batch = popen("bridge -batch -", "w");
	char path[64], command[80];

	cr_assert(batch);
	for (int i = 0; i < 20000; i++)
		fprintf(batch, "fdb add 02:00:00:01:%02x:%02x dev d0 master static\n", i / 256,
		        i % 256);
	cr_assert_eq(pclose(batch), 0);
	snprintf(path, sizeof(path), "/tmp/stele-test-%d.batch", (int)getpid());
	batch = fopen(path, "w");
	cr_assert(batch);
	for (int i = 19999; i > 0; i -= 2)
		fprintf(batch, "fdb del 02:00:00:01:%02x:%02x dev d0 master\n", i / 256, i % 256);
	cr_assert_eq(fclose(batch), 0);
	snprintf(command, sizeof(command), "bridge -batch %s", path);
	batch = popen(command, "r");
	cr_assert(batch);
	kernel_source_start(0);
	cr_assert_eq(pclose(batch), 0);
	unlink(path);
	subscriber = kernel_subscribe();
	wait_agreement(subscriber, "10,000 entries went during a dump");
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

/* Messages are lost while thousands of entries come and go. */
Test(kernel_fdb, a_loss_is_recovered, .init = setup, .fini = kernel_teardown, .timeout = 240)
{
	struct stele_subscriber *subscriber;
	FILE *batch;

	kernel_source_start(1);
	subscriber = kernel_subscribe();
	wait_agreement(subscriber, "start");
	kill(source_pid, SIGSTOP);
	batch = popen("bridge -batch -", "w");
	cr_assert(batch);
	for (int i = 0; i < 3000; i++)
		fprintf(batch, "fdb add 02:00:00:01:%02x:%02x dev d0 master static\n", i / 256,
		        i % 256);
	for (int i = 0; i < 3000; i += 2)
		fprintf(batch, "fdb del 02:00:00:01:%02x:%02x dev d0 master\n", i / 256, i % 256);
	for (int i = 0; i < 300; i++)
		fprintf(batch, "fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.%d.%d\n", 1 + i / 200,
		        1 + i % 200);
	cr_assert_eq(pclose(batch), 0);
	kill(source_pid, SIGCONT);
	wait_agreement(subscriber, "thousands of entries");
	cr_assert_gt(read_status(subscriber).losses, 0u);
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}

static const char *const neighbour_steps[] = {
	"neighbour add 10.0.0.5 lladdr 02:00:00:00:00:05 dev d0 nud noarp extern_learn",
	"neighbour add fd00::6 lladdr 02:00:00:00:00:06 dev d0 nud noarp extern_learn router",
	"neighbour add fd00::7 lladdr 02:00:00:00:00:07 dev d0 nud reachable router proto 77",
	"neighbour add 10.0.0.7 lladdr 02:00:00:00:00:07 dev d0 nud stale proto zebra",
	"neighbour change 10.0.0.7 lladdr 02:00:00:00:00:08 dev d0 nud delay",
	"neighbour change 10.0.0.7 lladdr 02:00:00:00:00:08 dev d0 nud permanent",
	"neighbour change fd00::7 lladdr 02:00:00:00:00:07 dev d0 nud failed",
	"neighbour replace 10.0.0.5 lladdr 02:00:00:00:00:15 dev d0 nud noarp extern_learn",
	/* ip(8) does not list this entry: the kernel makes such ones by itself. */
	"neighbour add 10.0.0.8 lladdr 02:00:00:00:00:08 dev d0 nud noarp",
	"neighbour del 10.0.0.8 dev d0",
	"neighbour add proxy 10.0.0.9 dev d0",
	"neighbour add proxy fd00::9 dev d0 router",
	"neighbour add proxy fd00::8 dev d1 proto 77",
	"neighbour add proxy 10.0.0.9 dev d1",
	"neighbour del fd00::6 dev d0",
	"link set d1 down",
	"link set d1 name e1",
	"link set e1 up",
	"neighbour add proxy 10.0.0.10 dev e1",
	"link set e1 down",
	"link set e1 name d1",
	"neighbour del proxy 10.0.0.9 dev d0",
	"link del d0",
};

Test(kernel_fdb, neighbours_and_proxies_are_mirrored, .init = kernel_setup, .fini = kernel_teardown,
     .timeout = 240)
{
	struct stele_subscriber *subscriber;

	kernel_source_start(0);
	subscriber = kernel_subscribe();
	wait_agreement(subscriber, "start");
	for (size_t i = 0; i < sizeof(neighbour_steps) / sizeof(neighbour_steps[0]); i++) {
		kernel_ip("%s", neighbour_steps[i]);
		wait_agreement(subscriber, neighbour_steps[i]);
	}
	subscriber = stele_subscriber_close(subscriber);
	kernel_source_stop();
}
