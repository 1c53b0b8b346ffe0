/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/units.h"
#include "tools/kernel/kernel_fpm.h"
#include "tools/netlink/kernel_frame.h"
#include "tools/netlink/kernel_local.h"

/* Bytes of the buffer: many of the longest messages, which have 65,535. */
#define BUFFER_SIZE (1u << 20)
/* Bytes in options.quiet_ns below which FRR does not walk its tables. Changes of routes may go on
 * meanwhile. */
#define BUSY_BYTES 65536u
/* The first message after QUIET_NS of silence is applied at once. Then messages are collected until
 * none has come for SETTLE_MS, or for SETTLE_MAX_NS, so that a burst is one version. */
#define QUIET_NS      (20 * NSEC_PER_MSEC)
#define SETTLE_MS     2
#define SETTLE_MAX_NS (10 * NSEC_PER_MSEC)
/* Nanoseconds between two reports about strangers. */
#define REFUSED_NS (10 * NSEC_PER_SEC)
/* Nanoseconds to wait after a connection could not be accepted. */
#define ACCEPT_NS NSEC_PER_SEC
/* The pause between two reads of the tables, as a multiple of their duration: peers that connect
 * all the time cost at most a fifth of it. */
#define LOAD_FACTOR 4
/* Seconds until a peer whose host does not answer is given up: KEEP_IDLE + 3 * KEEP_INTERVAL. */
#define KEEP_IDLE     10
#define KEEP_INTERVAL 5

/* ---- addresses ---- */

/* Writes an address and port as text. */
static void fpm_describe(const struct sockaddr *address, socklen_t length, char *ret, size_t size)
{
	char host[48] = "?", port[8] = "?";

	getnameinfo(address, length, host, sizeof(host), port, sizeof(port),
	            NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(ret, size, address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

/* ---- opening ---- */

static int fpm_listen(struct kernel_fpm *fpm)
{
	const struct sockaddr *address = (const void *)&fpm->options->address;
	int on = 1;

	fpm->listener = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fpm->listener < 0)
		return -errno;
	(void)setsockopt(fpm->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fpm->listener, address, fpm->options->address_size) < 0 ||
	    listen(fpm->listener, 4) < 0)
		return -errno;
	return 0;
}

int kernel_fpm_open(struct kernel_fpm *fpm, struct kernel_region *region,
                    const struct kernel_fpm_options *options)
{
	char address[64];
	int r;

	fpm->region = region;
	fpm->options = options;
	fpm->push.store = region->store;
	fpm->listener = fpm->connection = -1;
	fpm->reason = "FRR has not connected yet";
	fpm->buffer = malloc(BUFFER_SIZE);
	if (!fpm->buffer)
		return kernel_region_fail(region, -ENOMEM, "no memory for the kernel publisher");
	fpm_describe((const void *)&options->address, options->address_size, address,
	             sizeof(address));
	r = fpm_listen(fpm);
	if (r == -EADDRINUSE)
		return kernel_region_fail(
			region, r,
			"cannot listen on %s for FRR: the port is in use, perhaps by another "
			"publisher; end that program (\"ss -ltnp\" shows it), or choose another "
			"port with --fpm and with FRR's command \"fpm address\"",
			address);
	if (r == -EADDRNOTAVAIL)
		return kernel_region_fail(
			region, r,
			"cannot listen on %s for FRR: no interface of this network namespace has "
			"this address; choose one that \"ip address\" shows, and check that the "
			"interface is up",
			address);
	if (r < 0)
		return kernel_region_fail(region, r, "cannot listen on %s for FRR: %s", address,
		                          strerror(-r));
	return 0;
}

void kernel_fpm_note(const struct kernel_fpm *fpm)
{
	char address[64], note[128];

	fpm_describe((const void *)&fpm->options->address, fpm->options->address_size, address,
	             sizeof(address));
	snprintf(note, sizeof(note), "listens on %s; FRR has not connected yet", address);
	kernel_region_note(fpm->region, KERNEL_NOTED, note);
}

static void fpm_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void kernel_fpm_close(struct kernel_fpm *fpm)
{
	/* Never opened. */
	if (!fpm->region)
		return;
	fpm_close(&fpm->connection);
	fpm_close(&fpm->listener);
	free(fpm->buffer);
	kernel_push_free(&fpm->push);
}

/* ---- the connection ---- */

/* Returns true if something about a stranger may be reported: not too often. */
static bool fpm_may_report(struct kernel_fpm *fpm)
{
	int64_t now = kernel_now();

	if (fpm->refused_at && now < fpm->refused_at + REFUSED_NS)
		return false;
	fpm->refused_at = now;
	return true;
}

/* Ends the connection. The whole messages that have come remain to be applied. A peer that has sent
 * none was not FRR, and changes nothing. */
static void fpm_end(struct kernel_fpm *fpm, const char *reason)
{
	if (fpm->connection < 0)
		return;
	fpm_close(&fpm->connection);
	fpm->end = fpm->whole;
	if (!fpm->spoke)
		return;
	fpm->reason = reason;
	fpm->syncing = false;
	fpm->broke = fpm->pending = true;
	fpm->region->status.losses++;
}

/* Ends a connection after a malformed message. */
static void fpm_end_malformed(struct kernel_fpm *fpm)
{
	static const char reason[] = "FRR has sent a malformed message";

	fpm_end(fpm, reason);
	if (fpm->spoke)
		return;
	/* It may be FRR, with another module or format. */
	fpm->reason = reason;
	fpm->pending = true;
	fpm->broke = fpm_may_report(fpm);
}

void kernel_fpm_restart(struct kernel_fpm *fpm, const char *reason)
{
	fpm_end(fpm, reason);
	fpm->start = fpm->whole = fpm->end = 0;
	fpm->loaded = false;
	fpm->load_at = 0;
}

/* Makes a dead peer known: one that is gone without a word, such as a host without power. */
static void fpm_keep_alive(int fd)
{
	int on = 1, idle = KEEP_IDLE, interval = KEEP_INTERVAL, count = 3;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

/* Takes a connection. Something else than FRR may have connected, so nothing changes until a
 * message has come. */
static void fpm_take(struct kernel_fpm *fpm, int fd, const struct sockaddr_storage *peer,
                     socklen_t length)
{
	fpm_close(&fpm->connection);
	fpm_keep_alive(fd);
	fpm->address = *peer;
	fpm->address_size = length;
	fpm->connection = fd;
	fpm->start = fpm->whole = fpm->end = 0;
	fpm->busy_bytes = 0;
	fpm->spoke = false;
}

/* Begins the sync, with the first message: FRR sends all of its routes. */
static void fpm_begin_sync(struct kernel_fpm *fpm)
{
	const struct sockaddr *address = (const void *)&fpm->address;
	char peer[64];

	fpm_describe(address, fpm->address_size, peer, sizeof(peer));
	/* A peer in this namespace has the numbers of links that are the ones here. */
	fpm->region->store->foreign = !kernel_address_is_local(address);
	fpm->connected_at = fpm->busy_at = kernel_now();
	fpm->reason = "FRR sends its routes";
	fpm->loaded = false;
	fpm->spoke = fpm->syncing = fpm->pending = true;
	kernel_region_note(fpm->region, KERNEL_CONNECTED, peer);
}

/* Refuses a connection while FRR is connected. */
static void fpm_refuse(struct kernel_fpm *fpm, int fd, const struct sockaddr_storage *peer,
                       socklen_t length)
{
	char address[64];

	close(fd);
	if (!fpm_may_report(fpm))
		return;
	fpm_describe((const void *)peer, length, address, sizeof(address));
	kernel_region_note(fpm->region, KERNEL_REFUSED, address);
}

/* Leaves the listener alone for a time after a lack of descriptors or memory: the connection waits
 * there, so the listener stays readable. */
static void fpm_cannot_accept(struct kernel_fpm *fpm, int error)
{
	char note[128];

	if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
		return;
	fpm->accept_at = kernel_now() + ACCEPT_NS;
	if (!fpm_may_report(fpm))
		return;
	snprintf(note, sizeof(note), "cannot accept a connection of FRR: %s", strerror(error));
	kernel_region_note(fpm->region, KERNEL_NOTED, note);
}

/* Accepts a connection. A connection over which no whole message has come gives way to a new one,
 * so that a stranger who says nothing does not keep FRR out. */
static void fpm_accept(struct kernel_fpm *fpm)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int fd = accept4(fpm->listener, (struct sockaddr *)(void *)&peer, &length,
	                 SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		fpm_cannot_accept(fpm, errno);
		return;
	}
	if (fpm->connection >= 0 && fpm->spoke)
		fpm_refuse(fpm, fd, &peer, length);
	else
		fpm_take(fpm, fd, &peer, length);
}

/* ---- messages ---- */

/* Finds the whole messages that have come. Returns false if one is malformed. */
static bool fpm_check(struct kernel_fpm *fpm)
{
	int size;

	while ((size = kernel_frame_check(fpm->buffer + fpm->whole, fpm->end - fpm->whole)) > 0) {
		fpm->whole += (size_t)size;
		if (!fpm->spoke && size > (int)KERNEL_FRAME_HEADER)
			fpm_begin_sync(fpm);
	}
	return size == 0;
}

/* Reads until nothing more has come or the buffer is full. Ends the connection after an error. */
static void fpm_fill(struct kernel_fpm *fpm)
{
	while (fpm->connection >= 0 && fpm->end < BUFFER_SIZE) {
		ssize_t size =
			read(fpm->connection, fpm->buffer + fpm->end, BUFFER_SIZE - fpm->end);

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == EAGAIN)
			return;
		if (size <= 0) {
			fpm_end(fpm, size == 0            ? "FRR has closed the connection"
			             : errno == ETIMEDOUT ? "FRR does not answer"
			                                  : "the connection to FRR broke");
			return;
		}
		fpm->end += (size_t)size;
		fpm->busy_bytes += (size_t)size;
		if (fpm->busy_bytes >= BUSY_BYTES) {
			fpm->busy_at = kernel_now();
			fpm->busy_bytes = 0;
		}
		if (!fpm_check(fpm))
			fpm_end_malformed(fpm);
	}
}

/* Reads a burst. */
static void fpm_read(struct kernel_fpm *fpm)
{
	int64_t start = kernel_now();
	bool quiet = start - fpm->read_at > QUIET_NS;

	fpm_fill(fpm);
	while (fpm->connection >= 0 && !quiet && fpm->start < fpm->whole &&
	       fpm->end < BUFFER_SIZE && kernel_now() < start + SETTLE_MAX_NS) {
		struct pollfd waiting = {.fd = fpm->connection, .events = POLLIN};

		if (poll(&waiting, 1, SETTLE_MS) <= 0)
			break;
		fpm_fill(fpm);
	}
	if (fpm->start < fpm->whole)
		fpm->read_at = kernel_now();
}

/* Applies the whole messages. */
static int fpm_apply_messages(struct kernel_fpm *fpm)
{
	int r = 0;

	while (fpm->start < fpm->whole && r >= 0) {
		const uint8_t *at = fpm->buffer + fpm->start;
		size_t size = (size_t)at[2] << 8 | at[3];
		const struct nlmsghdr *message = (const void *)(at + KERNEL_FRAME_HEADER);
		int left = (int)(size - KERNEL_FRAME_HEADER);

		for (; r >= 0 && mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			r = kernel_push_apply(&fpm->push, message);
			fpm->region->messages++;
		}
		fpm->start += size;
	}
	memmove(fpm->buffer, fpm->buffer + fpm->start, fpm->end - fpm->start);
	fpm->end -= fpm->start;
	fpm->start = fpm->whole = 0;
	return r < 0 ? r : kernel_push_settle(&fpm->push);
}

/* ---- the sync ---- */

/* Returns the nanoseconds until the sync is over if no more messages come. */
static int64_t fpm_sync_left(const struct kernel_fpm *fpm)
{
	int64_t until = fpm->busy_at + fpm->options->quiet_ns, left;

	if (fpm->push.unsent > 0 && fpm->connected_at + fpm->options->hold_ns > until)
		until = fpm->connected_at + fpm->options->hold_ns;
	left = until - kernel_now();
	return left > 0 ? left : 0;
}

static int fpm_end_sync(struct kernel_fpm *fpm)
{
	int r = kernel_push_sync_end(&fpm->push);

	fpm->syncing = false;
	fpm->reason = "";
	fpm->region->status.dumps++;
	return r;
}

/* ---- a round ---- */

/* Returns the nanoseconds until the rows of the tables may be read: at the start, after a restart,
 * and when a new connection has brought its first message. Messages wait until then. */
static int64_t fpm_load_left(const struct kernel_fpm *fpm)
{
	int64_t left = fpm->load_at - kernel_now();

	return left > 0 ? left : 0;
}

/* Returns the nanoseconds until kernel_fpm_apply() has something to do. */
static int64_t fpm_left(const struct kernel_fpm *fpm)
{
	if (fpm->pending)
		return 0;
	if (!fpm->loaded)
		return fpm_load_left(fpm);
	if (fpm->start < fpm->whole)
		return 0;
	return fpm->syncing ? fpm_sync_left(fpm) : INT64_MAX;
}

/* Returns true if a new connection may be accepted. Until then it leaves the listener readable. */
static bool fpm_may_accept(const struct kernel_fpm *fpm)
{
	/* A new connection waits until the messages of the last one are applied. */
	return (fpm->connection >= 0 || fpm->start == fpm->whole) && kernel_now() >= fpm->accept_at;
}

int64_t kernel_fpm_wait(const struct kernel_fpm *fpm, struct pollfd ret[2])
{
	int64_t now = kernel_now(), left = fpm->broke ? 0 : fpm_left(fpm);

	ret[0] = (struct pollfd){.fd = fpm->listener, .events = POLLIN};
	ret[1] = (struct pollfd){.fd = fpm->connection, .events = POLLIN};
	if (fpm->end == BUFFER_SIZE)
		ret[1].fd = -1;
	if (!fpm_may_accept(fpm))
		ret[0].fd = -1;
	if (now < fpm->accept_at && left > fpm->accept_at - now)
		left = fpm->accept_at - now;
	return left;
}

bool kernel_fpm_receive(struct kernel_fpm *fpm)
{
	fpm_read(fpm);
	if (fpm->broke)
		kernel_region_note(fpm->region, KERNEL_DISCONNECTED, fpm->reason);
	fpm->broke = false;
	if (fpm_may_accept(fpm))
		fpm_accept(fpm);
	return fpm_left(fpm) == 0;
}

/* Reads the rows of the tables. */
static int fpm_load(struct kernel_fpm *fpm)
{
	int64_t start = kernel_now(), end;
	int r = kernel_push_sync_start(&fpm->push);

	end = kernel_now();
	fpm->load_at = end + LOAD_FACTOR * (end - start);
	fpm->loaded = r >= 0;
	return r;
}

int kernel_fpm_apply(struct kernel_fpm *fpm)
{
	int r = 0;

	fpm->pending = false;
	if (!fpm->loaded && fpm_load_left(fpm) > 0)
		return 0;
	if (!fpm->loaded)
		r = fpm_load(fpm);
	if (r >= 0)
		r = fpm_apply_messages(fpm);
	if (r >= 0 && fpm->syncing && fpm_sync_left(fpm) == 0)
		r = fpm_end_sync(fpm);
	return r;
}
