/* SPDX-License-Identifier: MIT
 *
 * stele mirror and an etcd that asks for a password, or for TLS. */
#include "tests/support/etcd/etcd_cluster.h"

static struct cli_process mirror;
static char password[64];

static void begin(void)
{
	cli_begin();
}

static void end(void)
{
	unlink(password);
	cli_end();
}

TestSuite(etcd_access, .init = begin, .fini = end, .timeout = 300);

/* Waits until the mirror has written this text to standard error. */
static void await_error(const char *text)
{
	for (int tries = 0; tries < CLI_PATIENCE / 50; tries++) {
		if (strstr(cli_read_all(dup(mirror.err)), text))
			return;
		usleep(50000);
	}
	cr_assert_fail("\"%s\" is not in: %s", text, cli_read_all(dup(mirror.err)));
}

static void stop(void)
{
	kill(mirror.pid, SIGTERM);
	cr_expect(cli_wait(&mirror) == 0);
}

/* Starts etcd with a table that the user "reader" may read. */
static void begin_users(void)
{
	etcd_begin(1, NULL);
	ETCDCTL("put", "/stele/net/schema/t", "t(a: u8 key, b: u8)");
	ETCDCTL("put", "/stele/net/rows/t/1", "{\"a\": 1, \"b\": 2}");
	ETCDCTL_WITH("secret\nsecret\n", "user", "add", "root", "--interactive=false");
	ETCDCTL_WITH("word\n", "user", "add", "reader", "--interactive=false");
	ETCDCTL("role", "add", "read");
	ETCDCTL("role", "grant-permission", "read", "read", "/stele/net/", "/stele/net0");
	ETCDCTL("user", "grant-role", "reader", "read");
	ETCDCTL("user", "grant-role", "root", "root");
	ETCDCTL("auth", "enable");
	setenv("ETCDCTL_USER", "root:secret", 1);
}

Test(etcd_access, a_password_is_needed_and_read_from_a_file)
{
	begin_users();
	STELE_START(&mirror, "mirror", "--from", etcd_url, region);
	await_error("user name is empty; trying again");
	stop();
	cli_temporary(password, ".password", "wrong\n");
	STELE_START(&mirror, "mirror", "--from", etcd_url, "--user", "reader", "--password-file",
	            password, region);
	await_error("invalid user ID or password; trying again");
	stop();
	unlink(password);
	cli_temporary(password, ".password", "word\n");
	STELE_START(&mirror, "mirror", "--from", etcd_url, "--user", "reader", "--password-file",
	            password, region);
	EXPECT_HAS(cli_any_line(&mirror), ": follows etcd ");
	etcd_await_rows(region, "t", "a,b\n1,2\n");
	/* A member that starts again knows no token. */
	etcd_kill(0);
	etcd_start(0);
	etcd_await();
	ETCDCTL("put", "/stele/net/rows/t/2", "{\"a\": 2, \"b\": 2}");
	etcd_await_rows(region, "t", "a,b\n1,2\n2,2\n");
	stop();
}

Test(etcd_access, a_missing_permission_is_told)
{
	begin_users();
	setenv("STELE_ETCD_PASSWORD", "word", 1);
	STELE_START(&mirror, "mirror", "--from", "etcd://127.0.0.1/other", "--user", "reader",
	            region);
	await_error("permission denied; trying again");
	stop();
}

Test(etcd_access, the_options_of_secrets_are_checked)
{
	etcd_begin(1, NULL);
	EXPECT_FAILURE(STELE("mirror", "--from", etcd_url, "--user", "reader", region), 2,
	               "--user needs a password");
	EXPECT_FAILURE(STELE("mirror", "--from", etcd_url, "--user", "reader", "--password-file",
	                     "/nowhere/file", region),
	               2, "/nowhere/file");
	EXPECT_STATUS(STELE("mirror", "--from", etcd_url, "--password-file", "x", region), 2);
	EXPECT_STATUS(STELE("mirror", "--from", etcd_url, "--key", "x", region), 2);
	EXPECT_STATUS(STELE("mirror", region), 2);
	EXPECT_STATUS(STELE("mirror", "--from", etcd_url, "--to", etcd_url, region), 2);
	EXPECT_FAILURE(STELE("mirror", "--from", "http://a/x", region), 2, "http://a/x");
}

Test(etcd_access, tls_is_verified)
{
	etcd_begin(1, "--auto-tls=true");
	ETCDCTL("put", "/stele/net/schema/t", "t(a: u8 key, b: u8)");
	ETCDCTL("put", "/stele/net/rows/t/1", "{\"a\": 1, \"b\": 2}");
	/* The system's authorities have not signed the certificate. */
	STELE_START(&mirror, "mirror", "--from", etcd_url, "--tls", region);
	await_error("certificate");
	stop();
	STELE_START(&mirror, "mirror", "--from", etcd_url, region);
	await_error("; trying again");
	stop();
	STELE_START(&mirror, "mirror", "--from", etcd_url, "--authority", ETCD_CERTIFICATE, region);
	EXPECT_HAS(cli_any_line(&mirror), ": follows etcd ");
	etcd_await_rows(region, "t", "a,b\n1,2\n");
	stop();
	/* What was mirrored from a prefix is not written there. */
	EXPECT_FAILURE(STELE("mirror", "--to", etcd_url, "--tls", region), 2,
	               "is mirrored from the prefix /stele/net/");
}

Test(etcd_access, authority_replaces_those_of_the_system)
{
	/* In the mount namespace of etcd_begin(), the system trusts etcd's certificate. All files
	 * are written to its tmpfs. */
	static char script[] =
		"set -e; mkdir /mnt/certs; cd /mnt/certs\n"
		"cp " ETCD_CERTIFICATE " \"$(openssl x509 -hash -noout <" ETCD_CERTIFICATE ").0\"\n"
		"cp " ETCD_CERTIFICATE " ca-certificates.crt\n"
		"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other -keyout /mnt/key "
		"-out /mnt/other.pem 2>/dev/null\n"
		"mount --bind /mnt/certs /etc/ssl/certs\n";

	etcd_begin(1, "--auto-tls=true");
	ETCDCTL("put", "/stele/net/schema/t", "t(a: u8 key, b: u8)");
	if (cli_run(NULL, (char *[]){"sh", "-c", script, NULL}).status != 0)
		cr_skip_test("no openssl, or no /etc/ssl/certs");
	STELE_START(&mirror, "mirror", "--from", etcd_url, "--tls", region);
	EXPECT_HAS(cli_any_line(&mirror), ": follows etcd ");
	stop();
	STELE_START(&mirror, "mirror", "--from", etcd_url, "--authority", "/mnt/other.pem", region);
	await_error("certificate");
	stop();
}
