/* SPDX-License-Identifier: MIT
 *
 * Runs etcd members in the test's own network namespace, with their data in a tmpfs of the test's
 * own. Both are gone once the test's processes are, even if the test crashed. */
#ifndef TESTS_SUPPORT_ETCD_ETCD_CLUSTER_H
#define TESTS_SUPPORT_ETCD_ETCD_CLUSTER_H

#include "tests/support/cli.h"

#define ETCD_MEMBERS     3
#define ETCD_CERTIFICATE "/mnt/m0/fixtures/client/cert.pem"

/* The argument of --from and --to: all members, and the prefix /stele/net. */
extern char etcd_url[256];

/* Prepares a cluster of this many members, and starts them. `option` (may be NULL) is a further
 * argument of each; after --auto-tls=true, the certificate of the first member is ETCD_CERTIFICATE.
 * Skips the test without root, etcd or etcdctl, or if the command was built
 * without the libraries of `stele mirror`. */
void etcd_begin(int members, const char *option);

/* Start a member from its data, kill it, stop and continue it. */
void etcd_start(int member);
void etcd_kill(int member);
void etcd_signal(int member, int signal);

/* Deletes the data of a member that was killed. */
void etcd_forget(int member);

/* Waits until the cluster answers. */
void etcd_await(void);

/* Returns the number of the leader. */
int etcd_leader(void);

/* Run etcdctl with these arguments, and return its output. ETCDCTL expects that it succeeds. */
struct cli_result etcd_ctl(const char *input, ...);
#define ETCDCTL(...) \
	do { \
		struct cli_result result_ = etcd_ctl(NULL, __VA_ARGS__, (char *)NULL); \
		cr_assert(result_.status == 0, "etcdctl: %s", result_.err); \
	} while (0)
#define ETCDCTL_WITH(input, ...) \
	do { \
		struct cli_result result_ = etcd_ctl(input, __VA_ARGS__, (char *)NULL); \
		cr_assert(result_.status == 0, "etcdctl: %s", result_.err); \
	} while (0)

/* Returns the newest revision of etcd. */
long etcd_revision(void);

/* Waits until `stele dump TABLE` of the region's table prints this text, as CSV. */
void etcd_await_rows(const char *region, const char *table, const char *csv);

#endif
