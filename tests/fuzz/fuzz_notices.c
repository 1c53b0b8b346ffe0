/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the notices to a subscriber, for every notifier: sends arbitrary messages, which no
 * publisher has sent, to its channel, and writes arbitrary words to its slot. A wait that does not
 * block must still return exactly the committed versions.
 *
 * The subscribers, one for each notifier, stay open from one input to the next.
 */
#include "lib/base/clock.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <stele/stele.h>
#include "tests/fuzz/forge.h"
#include "lib/storage/folder.h"
#include "subscriber/state.h"

#define OPERATIONS 12u
#define KINDS      7u

static const char *const kinds[KINDS] = {"mq",        "socket", "fifo", "signal",
                                         "semaphore", "sysv",   "futex"};

static struct {
	char region[512];
	struct stele_publisher *publisher;
	/* NULL if the notifier is not available on this system. */
	struct stele_subscriber *subscribers[KINDS];
	uint64_t version;
	const struct forge_step *step;
} state;

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	return forge_mutate(data, size, capacity, seed, OPERATIONS);
}

void fuzz_clean(void)
{
	char region[512];

	snprintf(region, sizeof(region), "%s/fuzz", fuzz_directory());
	stele_region_remove(region);
}

static int must(int result)
{
	FUZZ_CHECK(result >= 0, "%s", stele_last_error());
	return result;
}

/* ---- forged notices ---- */

static const struct channel *channel(unsigned kind)
{
	return &state.subscribers[kind]->channel;
}

static void send_to_queue(const uint8_t *bytes, size_t size)
{
	mqd_t queue = mq_open(channel(0)->name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (queue < 0)
		return;
	mq_send(queue, (const char *)bytes, size % 9, (unsigned)size);
	mq_close(queue);
}

static void send_to_socket(const uint8_t *bytes, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct iovec iov = {(void *)(uintptr_t)bytes, size};
	union {
		struct cmsghdr header;
		char buffer[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
	                        .cmsg_level = SOL_SOCKET,
	                        .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_name = &address,
	                         .msg_namelen = sizeof(address),
	                         .msg_iov = &iov,
	                         .msg_iovlen = 1};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", channel(1)->name);
	if (state.step->a & 1) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	sendmsg(fd, &message, MSG_NOSIGNAL);
	close(fd);
}

static void send_to_pipe(const uint8_t *bytes, size_t size)
{
	int fd = open(channel(2)->name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && i <= state.step->a % 8u; i++)
		(void)!write(fd, bytes, size);
	close(fd);
}

static void send_signal(void)
{
	union sigval value = {.sival_ptr = (void *)(uintptr_t)state.step->value};
	int number = SIGRTMAX - state.step->b % 8;

	if (state.step->a & 1)
		sigqueue(getpid(), number, value);
	else
		kill(getpid(), number);
}

static void send_to_sysv(const uint8_t *bytes, size_t size)
{
	struct {
		long type;
		uint8_t bytes[64];
	} message = {.type = 1 + state.step->b % 16};
	key_t key;
	int queue;

	memcpy(&key, channel(5)->region_uuid, sizeof(key));
	queue = msgget(key, 0);
	memcpy(message.bytes, bytes, size % 65);
	if (state.step->a & 1)
		message.type = (long)channel(5)->index + 1;
	if (queue >= 0)
		msgsnd(queue, &message, size % 65, IPC_NOWAIT);
}

/* Overwrites a word of the subscriber's slot. */
static void scribble(unsigned kind)
{
	struct layout_slot *slot = state.subscribers[kind]->slot;
	uint64_t *words = (uint64_t *)(void *)slot;

	if (state.subscribers[kind]->registered)
		__atomic_store_n(&words[state.step->b % (sizeof(*slot) / 8)], state.step->value,
		                 __ATOMIC_RELAXED);
}

static void do_send(unsigned kind)
{
	uint8_t bytes[64];
	size_t size = state.step->b % 65u;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(state.step->value >> i % 8 * 8);
	if (kind == 0)
		send_to_queue(bytes, size);
	else if (kind == 1)
		send_to_socket(bytes, size);
	else if (kind == 2)
		send_to_pipe(bytes, size);
	else if (kind == 3)
		send_signal();
	else if (kind == 4)
		__atomic_store_n(&state.subscribers[kind]->slot->semaphore, state.step->value,
		                 __ATOMIC_RELAXED);
	else if (kind == 5)
		send_to_sysv(bytes, size);
	else
		syscall(SYS_futex, &state.subscribers[kind]->region->header->head,
		        state.step->a & 1 ? FUTEX_WAKE : FUTEX_REQUEUE, 1, 1, channel(kind)->name,
		        0);
}

/* ---- operations ---- */

static void do_commit(unsigned kind)
{
	struct stele_transaction *tx;
	uint64_t number = state.version + 1;

	(void)kind;
	must(stele_transaction_begin(state.publisher, &tx));
	must(stele_transaction_put(tx, "rows", &(uint32_t){0}, 32, &number, sizeof(number)));
	FUZZ_CHECK(stele_transaction_commit(tx, NULL, &state.version) == 1, "%s",
	           stele_last_error());
}

static void do_wait(unsigned kind)
{
	struct stele_subscriber *subscriber = state.subscribers[kind];
	/* Sometimes waits until a time in the future. */
	int64_t until = state.step->a % 64 == 1 ? clock_monotonic() + 20000 : 0;
	uint64_t version = 0;
	int r = must(stele_subscriber_wait(subscriber, state.version - 1, until, &version));

	FUZZ_CHECK(r == 1 && version == state.version, "%s: %d, version %llu", kinds[kind], r,
	           (unsigned long long)version);
	r = must(stele_subscriber_wait(subscriber, state.version, until, &version));
	FUZZ_CHECK(r == 0, "%s: a version that does not exist", kinds[kind]);
}

static void do_descriptor(unsigned kind)
{
	/* open_subscribers() then closes the subscriber before the next input. */
	if (state.step->a % 16 == 0)
		fuzz_result(stele_subscriber_fd(state.subscribers[kind]));
}

static void do_reopen(unsigned kind)
{
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .notifier = kinds[kind]};

	stele_subscriber_close(state.subscribers[kind]);
	state.subscribers[kind] = NULL;
	fuzz_result(stele_subscriber_open(state.region, &options, &state.subscribers[kind]));
}

static void do_reap(unsigned kind)
{
	(void)kind;
	must(stele_publisher_reap(state.publisher));
}

static void (*const operations[OPERATIONS])(unsigned kind) = {
	do_send,   do_send, do_send, do_send, do_send,       do_commit,
	do_commit, do_wait, do_wait, do_wait, do_descriptor, do_reap,
};

/* ---- from one input to the next ---- */

/* Blocks the signals that the notifier `signal` uses. Otherwise they would end this process. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int number = SIGRTMAX - 7; number <= SIGRTMAX; number++)
		sigaddset(&set, number);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void start(void)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE,
	                                                .maximum_size = 1 << 20,
	                                                .mode = 0644};
	struct stele_transaction *tx;
	struct stele_schema *schema;
	char name[STELE_NAME_MAX + 1];

	block_signals();
	snprintf(state.region, sizeof(state.region), "%s/fuzz", fuzz_directory());
	/* An earlier worker that crashed may have left the region. */
	stele_region_remove(state.region);
	must(stele_publisher_open(state.region, &options, &state.publisher));
	must(stele_schema_parse("rows(id: u32 key, number: u64)", name, &schema));
	must(stele_transaction_begin(state.publisher, &tx));
	must(stele_transaction_create_table(tx, name, schema));
	must(stele_transaction_commit(tx, NULL, &state.version));
	stele_schema_free(schema);
}

/* Opens the subscribers that are not open. Reopens those with a descriptor, because they would stay
 * armed from one input to the next. */
static void open_subscribers(void)
{
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct stele_subscriber_options options = {.size = sizeof(options),
		                                           .notifier = kinds[kind]};
		if (state.subscribers[kind] && state.subscribers[kind]->epoll >= 0)
			state.subscribers[kind] = stele_subscriber_close(state.subscribers[kind]);
		if (!state.subscribers[kind] &&
		    fuzz_result(stele_subscriber_open(state.region, &options,
		                                      &state.subscribers[kind])) < 0)
			state.subscribers[kind] = NULL;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forge_step steps[FORGE_STEPS_MAX];
	size_t count = forge_steps(data, size, steps);

	if (!state.publisher)
		start();
	open_subscribers();
	for (size_t i = 0; i < count; i++) {
		unsigned kind = steps[i].place % KINDS;
		state.step = &steps[i];
		if (!state.subscribers[kind])
			continue;
		if (steps[i].what < FORGE_EDITS && steps[i].what % 64 == 0)
			do_reopen(kind);
		else if (steps[i].what < FORGE_EDITS)
			scribble(kind);
		else
			operations[(steps[i].what - FORGE_EDITS) % OPERATIONS](kind);
	}
	return 0;
}
