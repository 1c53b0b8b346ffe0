/* SPDX-License-Identifier: MIT */
#include "tests/support/etcd/etcd_cluster.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define ETCD_DATA "/mnt"

char etcd_url[256];

static int etcd_members;
static const char *etcd_option;
static pid_t etcd_pids[ETCD_MEMBERS];
static char etcd_endpoints[128]; /* HOST:PORT,... */
static bool etcd_tls;

static void etcd_skip_unless(bool there, const char *why)
{
	if (!there)
		cr_skip_test("%s", why);
}

static bool etcd_has(char *program)
{
	struct cli_result result = cli_run(NULL, (char *[]){"sh", "-c", program, NULL});

	return result.status == 0;
}

/* Makes a network namespace whose loopback interface is up, and mounts a tmpfs for the data. */
static void etcd_unshare(void)
{
	struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	cr_assert(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "%s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &loopback) == 0, "%s", strerror(errno));
	close(fd);
	cr_assert(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "%s", strerror(errno));
	cr_assert(mount("none", ETCD_DATA, "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
}

void etcd_begin(int members, const char *option)
{
	struct cli_result mirror;
	size_t length = 0;

	etcd_skip_unless(geteuid() == 0, "a network namespace of one's own needs root");
	etcd_skip_unless(etcd_has("command -v etcd"), "no etcd (Debian: etcd-server)");
	etcd_skip_unless(etcd_has("command -v etcdctl"), "no etcdctl (Debian: etcd-client)");
	mirror = STELE("mirror", "--from", "etcd://127.0.0.1/x", "no/name");
	etcd_skip_unless(!strstr(mirror.err, "built without"),
	                 "stele was built without libcurl or yajl");
	etcd_unshare();
	setenv("ETCDCTL_API", "3", 1);
	setenv("GOMAXPROCS", "2", 1);
	etcd_members = members;
	etcd_option = option;
	etcd_tls = option && strcmp(option, "--auto-tls=true") == 0;
	if (etcd_tls) {
		setenv("ETCDCTL_INSECURE_TRANSPORT", "false", 1);
		setenv("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "true", 1);
	}
	for (int i = 0; i < members; i++)
		length += (size_t)snprintf(etcd_endpoints + length, sizeof(etcd_endpoints) - length,
		                           "%s127.0.0.1:%d", i ? "," : "", 2379 + i * 10);
	snprintf(etcd_url, sizeof(etcd_url), "etcd://%s/stele/net", etcd_endpoints);
	for (int i = 0; i < members; i++)
		etcd_start(i);
	etcd_await();
}

/* Becomes a member; in the child. */
static void etcd_run(int member, int log)
{
	char name[16], data[32], client[48], peer[48], cluster[256] = "";
	size_t length = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	snprintf(name, sizeof(name), "m%d", member);
	snprintf(data, sizeof(data), ETCD_DATA "/m%d", member);
	snprintf(client, sizeof(client), "%s://127.0.0.1:%d", etcd_tls ? "https" : "http",
	         2379 + member * 10);
	snprintf(peer, sizeof(peer), "http://127.0.0.1:%d", 2380 + member * 10);
	for (int i = 0; i < etcd_members; i++)
		length += (size_t)snprintf(cluster + length, sizeof(cluster) - length,
		                           "%sm%d=http://127.0.0.1:%d", i ? "," : "", i,
		                           2380 + i * 10);
	execlp("etcd", "etcd", "--name", name, "--data-dir", data, "--listen-client-urls", client,
	       "--advertise-client-urls", client, "--listen-peer-urls", peer,
	       "--initial-advertise-peer-urls", peer, "--initial-cluster", cluster,
	       "--max-txn-ops=128", etcd_option, (char *)NULL);
	_exit(127);
}

void etcd_start(int member)
{
	int log = open(ETCD_DATA "/log", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	pid_t pid = fork();

	cr_assert(log >= 0 && pid >= 0);
	if (pid == 0)
		etcd_run(member, log);
	close(log);
	etcd_pids[member] = pid;
}

void etcd_signal(int member, int signal)
{
	cr_assert(kill(etcd_pids[member], signal) == 0);
}

void etcd_kill(int member)
{
	etcd_signal(member, SIGKILL);
	cr_assert(waitpid(etcd_pids[member], NULL, 0) == etcd_pids[member]);
	etcd_pids[member] = 0;
}

void etcd_forget(int member)
{
	char data[32];

	snprintf(data, sizeof(data), ETCD_DATA "/m%d", member);
	cli_run(NULL, (char *[]){"rm", "-r", data, NULL});
}

struct cli_result etcd_ctl(const char *input, ...)
{
	char endpoints[160],
		*arguments[CLI_ARGUMENTS] = {"etcdctl", endpoints, "--command-timeout=60s"};
	size_t count = 3;
	va_list list;

	snprintf(endpoints, sizeof(endpoints), "--endpoints=%s", etcd_endpoints);
	va_start(list, input);
	do
		arguments[count] = va_arg(list, char *);
	while (arguments[count++]);
	va_end(list);
	return cli_run(input, arguments);
}

void etcd_await(void)
{
	struct cli_result result;

	for (int tries = 0; tries < 200; tries++) {
		result = etcd_ctl(NULL, "get", "/ready", "--command-timeout=5s", (char *)NULL);
		if (result.status == 0)
			return;
		usleep(50000);
	}
	cr_assert_fail("etcd does not answer: %s", result.err);
}

int etcd_leader(void)
{
	for (int tries = 0; tries < 200; tries++) {
		for (int i = 0; i < etcd_members; i++) {
			char endpoint[64];
			struct cli_result result;

			snprintf(endpoint, sizeof(endpoint), "--endpoints=127.0.0.1:%d",
			         2379 + i * 10);
			if (!etcd_pids[i])
				continue;
			result = cli_run(
				NULL, (char *[]){"etcdctl", endpoint, "endpoint", "status", NULL});
			/* ENDPOINT, ID, VERSION, SIZE, IS LEADER, ... */
			if (result.status == 0 && strstr(result.out, ", true, "))
				return i;
		}
		usleep(50000);
	}
	cr_assert_fail("there is no leader");
	return 0;
}

long etcd_revision(void)
{
	struct cli_result result =
		etcd_ctl(NULL, "get", "/ready", "--write-out=json", (char *)NULL);
	char *at = strstr(result.out, "\"revision\":");

	cr_assert(at, "%s%s", result.out, result.err);
	return strtol(at + strlen("\"revision\":"), NULL, 10);
}

void etcd_await_rows(const char *in, const char *table, const char *csv)
{
	char from[160];
	struct cli_result result = {.out = "", .err = ""};

	snprintf(from, sizeof(from), "%s/%s", in, table);
	for (int tries = 0; tries < CLI_PATIENCE / 100; tries++) {
		result = STELE("dump", from, "-f", "csv");
		if (result.status == 0 && strcmp(result.out, csv) == 0)
			return;
		usleep(50000);
	}
	cr_assert_fail("expected:\n%s\ngot:\n%s%s", csv, result.out, result.err);
}
