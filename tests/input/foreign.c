/* SPDX-License-Identifier: MIT
 *
 * stele publish: files in the forms in which others publish them, and what other programs print.
 * The rows are made up, in the form of the real ones. */
#include "tests/support/cli.h"

TestSuite(input_foreign, .init = cli_begin, .fini = cli_end);

/* Creates a table of the test's region, and returns its name. */
static char *create(const char *declaration)
{
	static char name[96];

	EXPECT_STATUS(STELE("create", region, "--table", (char *)declaration), 0);
	snprintf(name, sizeof(name), "%s/%.*s", region, (int)strcspn(declaration, "("),
	         declaration);
	return name;
}

static const char *dump_of(char *table)
{
	return STELE("dump", "--format", "csv", table).out;
}

/* The list of the IEEE: assignments of MAC addresses. Lines end with CR LF; addresses of
 * organizations are quoted, and have commas, quotation marks and spaces at their ends. */
Test(input_foreign, ieee_oui)
{
	static const char file[] =
		"Registry,Assignment,Organization Name,Organization Address\r\n"
		"MA-L,02005E,\"Example, Inc.\",\"1 Example Road  Anytown  US 00001 \"\r\n"
		"MA-L,0A0B0C,Beispiel GmbH,\"\"\"Haus 7\"\", Beispielweg 2 Musterstadt  DE 01234 \"\r\n"
		"MA-L,FEDCBA,Muster AG,\r\n";
	char *table = create("oui(assignment: char[6] key, organization: char[64])");

	EXPECT_STATUS(STELE_WITH(file, "publish", "--columns",
	                         "Assignment=assignment,Organization Name=organization",
	                         "--ignore-unknown", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "assignment,organization\n02005E,\"Example, Inc.\"\n"
	                            "0A0B0C,Beispiel GmbH\nFEDCBA,Muster AG\n");
	/* The same assignments as bytes. */
	table = create("bytes(oui: bytes key, address: char[64])");
	EXPECT_STATUS(STELE_WITH(file, "publish", "--columns",
	                         "Assignment=oui,Organization Address=address", "--ignore-unknown",
	                         table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table),
	            "oui,address\n"
	            "02005e,\"1 Example Road  Anytown  US 00001 \"\n"
	            "0a0b0c,\"\"\"Haus 7\"\", Beispielweg 2 Musterstadt  DE 01234 \"\n"
	            "fedcba,\"\"\n");
}

/* What validators of the RPKI export: both families in one file. */
static const char vrps[] = "ASN,IP Prefix,Max Length,Trust Anchor\n"
			   "AS64496,192.0.2.0/24,24,example\n"
			   "AS64497,2001:db8::/32,48,example\n"
			   "AS64497,198.51.100.0/22,24,\"other, example\"\n"
			   "AS0,203.0.113.0/24,32,example\n"
			   "AS4294967295,2001:db8:8000::/33,33,example\n";
#define VRPS_COLUMNS "ASN=asn,IP Prefix=prefix,Max Length=max_length"

Test(input_foreign, rpki_vrps_of_one_family)
{
	char *table = create("vrps(asn: u32 key, prefix: ipv4net key, max_length: u8)");

	EXPECT_FAILURE(
		STELE_WITH("ASN,IP Prefix,Max Length,Trust Anchor\nAS64497,2001:db8::/32,48,x\n",
	                   "publish", "--columns", VRPS_COLUMNS, "--ignore-unknown", table, "-"),
		2, "standard input:2: column \"prefix\": ", "2001:db8::/32");
	EXPECT_STATUS(STELE_WITH(vrps, "publish", "--columns", VRPS_COLUMNS, "--ignore-unknown",
	                         "--skip-other-family", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "asn,prefix,max_length\n0,203.0.113.0/24,32\n"
	                            "64496,192.0.2.0/24,24\n64497,198.51.100.0/22,24\n");
	/* A row of neither family is wrong. */
	EXPECT_FAILURE(STELE_WITH("asn,prefix,max_length\nAS1,192.0.2/24,24\nAS1,default,0\n",
	                          "publish", "--skip-other-family", table, "-"),
	               2, "standard input:2: column \"prefix\": ");
}

/* Blocks of addresses with the places where they are used: many fields are empty. */
Test(input_foreign, geographic_blocks)
{
	static const char file[] =
		"network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,"
		"is_anonymous_proxy,is_satellite_provider,postal_code,latitude,longitude\n"
		"192.0.2.0/25,1000001,1000002,,0,0,\"AB1 2\",51.5,-0.25\n"
		"192.0.2.128/25,,1000002,,0,1,,,\n";
	char *table = create("blocks(network: ipv4net key, geoname_id: u32, "
	                     "is_satellite_provider: bool, postal_code: char[8], latitude: f64, "
	                     "longitude: f64)");

	EXPECT_STATUS(STELE_WITH(file, "publish", "--ignore-unknown", "--empty-as", "geoname_id=0",
	                         "--empty-as", "latitude=nan", "--empty-as", "longitude=nan", table,
	                         "-"),
	              0);
	EXPECT_TEXT(dump_of(table),
	            "network,geoname_id,is_satellite_provider,postal_code,latitude,longitude\n"
	            "192.0.2.0/25,1000001,false,AB1 2,51.5,-0.25\n"
	            "192.0.2.128/25,0,true,\"\",nan,nan\n");
}

/* ---- iproute2 ---- */

#define ROUTES_COLUMNS "dst=prefix,gateway=next_hop,dev=interface"

/* `ip -j route' in its form; then the real command in a network namespace of its own. */
Test(input_foreign, ip_json_route)
{
	static const char output[] =
		"[{\"dst\":\"default\",\"gateway\":\"192.0.2.1\",\"dev\":\"eth0\",\"protocol\":\"dhcp\","
		"\"prefsrc\":\"192.0.2.7\",\"metric\":100,\"flags\":[]},"
		"{\"dst\":\"10.0.0.0/8\",\"gateway\":\"192.0.2.2\",\"dev\":\"eth0\",\"flags\":[\"onlink\"]},"
		"{\"dst\":\"192.0.2.0/24\",\"dev\":\"eth0\",\"protocol\":\"kernel\",\"scope\":\"link\","
		"\"prefsrc\":\"192.0.2.7\",\"flags\":[]},"
		"{\"dst\":\"203.0.113.7\",\"flags\":[],\"metrics\":[{\"mtu\":1400}],"
		"\"nexthops\":[{\"gateway\":\"192.0.2.1\",\"dev\":\"eth0\",\"weight\":1,\"flags\":[]}]}]\n";
	char *table = create(ROUTES);

	EXPECT_STATUS(STELE_WITH(output, "publish", "--columns", ROUTES_COLUMNS, "--ignore-unknown",
	                         "--empty-as", "next_hop=0.0.0.0", "--empty-as",
	                         "interface=", "--empty-as", "metric=0", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "prefix,next_hop,interface,metric\n"
	                            "0.0.0.0/0,192.0.2.1,eth0,100\n"
	                            "10.0.0.0/8,192.0.2.2,eth0,0\n"
	                            "192.0.2.0/24,0.0.0.0,eth0,0\n"
	                            "203.0.113.7/32,0.0.0.0,\"\",0\n");
}

/* Runs a line of /bin/sh in a network namespace of its own. */
static struct cli_result run_in_namespace(const char *line)
{
	char *arguments[] = {"unshare", "-n", "/bin/sh", "-ec", (char *)line, NULL};

	return cli_run(NULL, arguments);
}

#define SCENE \
	"ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up; " \
	"ip link set v1 up; ip address add 192.0.2.7/24 dev v0; " \
	"ip route add default via 192.0.2.1 metric 50; " \
	"ip route add unreachable 198.51.100.0/24; " \
	"ip -6 route add 2001:db8::/32 dev v0; "

Test(input_foreign, real_ip_json_route)
{
	char *table = create(ROUTES), line[512];

	if (geteuid() != 0)
		cr_skip_test("needs root, for a network namespace");
	snprintf(line, sizeof(line),
	         SCENE "ip -j -4 route | '%s' publish --columns " ROUTES_COLUMNS
	               " --ignore-unknown --empty-as next_hop=0.0.0.0 --empty-as interface= "
	               "--empty-as metric=0 '%s' -",
	         cli_command(), table);
	EXPECT_STATUS(run_in_namespace(line), 0);
	EXPECT_TEXT(dump_of(table), "prefix,next_hop,interface,metric\n"
	                            "0.0.0.0/0,192.0.2.1,v0,50\n"
	                            "192.0.2.0/24,0.0.0.0,v0,0\n"
	                            "198.51.100.0/24,0.0.0.0,\"\",0\n");
}

#define FDB \
	"fdb(mac: mac key, ifname: char[16] key, master: char[16] key, vlan: u16 key, " \
	"state: char[16])"
#define FDB_OPTIONS "--ignore-unknown --empty-as master= --empty-as vlan=0 --empty-as state="

Test(input_foreign, bridge_json_fdb)
{
	static const char output[] =
		"[{\"mac\":\"02:00:5e:10:00:01\",\"ifname\":\"eth0\",\"vlan\":7,\"flags\":[],"
		"\"master\":\"br0\",\"state\":\"\"},"
		"{\"mac\":\"02:00:5e:10:00:01\",\"ifname\":\"eth0\",\"flags\":[\"self\"],"
		"\"state\":\"permanent\"}]\n";
	char *table = create(FDB);

	EXPECT_STATUS(STELE_WITH(output, "publish", "--ignore-unknown", "--empty-as",
	                         "master=", "--empty-as", "vlan=0", table, "-"),
	              0);
	EXPECT_TEXT(dump_of(table), "mac,ifname,master,vlan,state\n"
	                            "02:00:5e:10:00:01,eth0,\"\",0,permanent\n"
	                            "02:00:5e:10:00:01,eth0,br0,7,\"\"\n");
}

Test(input_foreign, real_bridge_json_fdb)
{
	char *table = create(FDB), line[1024];

	if (geteuid() != 0)
		cr_skip_test("needs root, for a network namespace");
	snprintf(line, sizeof(line),
	         "ip link add v0 type veth peer name v1; ip link add br0 type bridge; "
	         "ip link set v0 master br0; "
	         "bridge fdb add 02:00:5e:10:00:09 dev v0 master static; "
	         "bridge -j fdb | '%s' publish " FDB_OPTIONS " '%s' -",
	         cli_command(), table);
	EXPECT_STATUS(run_in_namespace(line), 0);
	EXPECT_HAS(dump_of(table), "02:00:5e:10:00:09,v0,br0,0,static\n");
}
