/* SPDX-License-Identifier: MIT
 *
 * `stele publish --fpm' when something else than FRR connects. Needs root. */
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <stele/stele.h>

#include "tests/support/kernel/fpm_peer.h"
#include "tests/support/kernel_source.h"

static struct fpm_batch batch;

static void send_route(int fd, const char *prefix)
{
	fpm_add_route(&batch, &(struct fpm_route){.prefix = prefix,
	                                          .gateway = {"10.0.0.2"},
	                                          .ifindex = {if_nametoindex("d0")}});
	fpm_send(fd, &batch);
}

/* Makes the mirror commit a version, and waits for it. */
static void commit(struct stele_subscriber *subscriber, const char *address)
{
	uint64_t addresses = fpm_count(subscriber, "addresses4");

	kernel_ip("address add %s dev d1", address);
	while (fpm_count(subscriber, "addresses4") != addresses + 1)
		sched_yield();
}

/* The routes of FRR stay, and status says that they are not followed. */
Test(kernel_fpm_stranger, a_peer_that_sends_no_route_deletes_none, .init = kernel_setup,
     .fini = kernel_teardown, .timeout = 120)
{
	struct kernel_fpm_options options = fpm_options(0.01, 0);
	struct stele_subscriber *subscriber;
	int fd;

	kernel_source_fpm = &options;
	kernel_source_start(0);
	subscriber = kernel_subscribe();
	fd = fpm_connect("127.0.0.1");
	send_route(fd, "10.50.0.0/16");
	fpm_expect_status(subscriber, true, "");
	close(fd);
	fpm_expect_status(subscriber, false, "FRR has closed the connection");
	fd = fpm_connect("127.0.0.1");
	cr_assert(fpm_send_bytes(fd, "\1\1\0\4", 4));
	fpm_expect_status(subscriber, false, "FRR sends its routes");
	commit(subscriber, "10.0.7.1/24");
	commit(subscriber, "10.0.8.1/24");
	fpm_expect_status(subscriber, false, "FRR sends its routes");
	fpm_expect(subscriber, "10.50.0.0/16", "unicast bgp d0 10.0.0.2");
	send_route(fd, "10.51.0.0/16");
	fpm_expect_status(subscriber, true, "");
	fpm_expect(subscriber, "10.50.0.0/16", "");
	close(fd);
	stele_subscriber_close(subscriber);
	kernel_source_stop();
}
