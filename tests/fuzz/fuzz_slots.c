/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the publisher with a forged subscribers file. Every user who may read the region may
 * write, truncate and lock this file, and create files in the region's folder. This may cost pins
 * and notices of subscribers, but no commit may fail, and readers must find the correct rows.
 *
 * Publisher and reader stay open from one input to the next. The file is restored for each
 * input. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <stele/stele.h>
#include "tests/fuzz/forge.h"
#include "lib/storage/folder.h"
#include "lib/storage/paths.h"
#include "publisher/state/state.h"

#define OPERATIONS      16u
#define SUBSCRIBERS_MAX 4u /* maximum number of subscribers that one input opens */

static struct {
	struct region_paths names;
	char region[512];
	struct stele_publisher *publisher;
	struct stele_subscriber *reader; /* is not registered */
	struct stele_subscriber *subscribers[SUBSCRIBERS_MAX];
	struct stele_snapshot *pinned[SUBSCRIBERS_MAX];
	unsigned char pristine[65536];
	size_t size;
	int file, locks; /* descriptors of the subscribers file, for edits and for locks */
	uint64_t number; /* the value of the row */
} state = {.file = -1, .locks = -1};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
	return forge_mutate(data, size, capacity, seed, OPERATIONS);
}

static int must(int result)
{
	FUZZ_CHECK(result >= 0, "%s", stele_last_error());
	return result;
}

/* ---- edits ---- */

static off_t slot_at(uint32_t slot)
{
	return (off_t)(sizeof(struct layout_subscribers_header) +
	               slot * sizeof(struct layout_slot));
}

/* Returns the slot that a step edits: mostly one of the first, which the library uses. */
static uint32_t slot_of(uint32_t number)
{
	return number & 0x300 ? number % 8 : number % LAYOUT_SLOTS_MAX;
}

static void store(off_t at, const void *bytes, size_t size)
{
	struct stat status;

	/* Does not make the file longer; forge_size() does that. */
	if (fstat(state.file, &status) == 0 && at + (off_t)size <= status.st_size)
		(void)!pwrite(state.file, bytes, size, at);
}

/* Writes one of four UUIDs, so that some slots have equal ones. */
static void make_uuid(uint8_t uuid[16], uint64_t number)
{
	memset(uuid, (int)(number % 4), 16);
	uuid[6] = 0x40;
	uuid[8] = 0x80;
}

static void forge_slot(const struct forge_step *step)
{
	struct layout_slot slot = {
		.state = LAYOUT_SLOT_TAKEN,
		.notifier = step->a % 9u,
		.pid = (uint32_t)getpid(),
		.tables = step->a / 9 % 3u,
		.ticket = step->b * 2u + 1,
		.seen = state.number - step->value % 8,
	};

	make_uuid(slot.uuid, step->value);
	for (unsigned i = 0; i < LAYOUT_PINS && step->a & 1; i++)
		slot.pins[i] = step->value % 7 ? state.number - i * (step->b % 5u) : step->value;
	for (uint32_t i = 0; i <= step->b / 64 % 32u; i++)
		store(slot_at(slot_of(step->place) + i), &slot, sizeof(slot));
}

/* Creates some file with the name of a subscriber's channel. */
static void forge_channel(const struct forge_step *step)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[NAMES_PATH_SIZE];
	uint8_t uuid[16];
	int fd;

	make_uuid(uuid, step->value);
	folder_entry(&state.names, uuid, path);
	remove(path);
	switch (step->a % 6) {
	case 0:
		mkfifo(path, 0666);
		break;
	case 1:
		close(open(path, O_RDWR | O_CREAT | O_CLOEXEC, step->b % 2 ? 0600 : 0666));
		break;
	case 2:
		mkdir(path, 0700);
		break;
	case 3:
		(void)!symlink("/dev/null", path);
		break;
	case 4:
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
		bind(fd, (struct sockaddr *)&address, sizeof(address));
		close(fd);
		break;
	default:
		break;
	}
}

static void forge_size(const struct forge_step *step)
{
	off_t size = step->a % 2 ? (off_t)(step->place % 20000)
	                         : slot_at(step->place % (LAYOUT_SLOTS_MAX + 2));

	if (step->b % 16 == 0)
		unlink(state.names.subscribers);
	else if (step->b % 16 == 1 && unlink(state.names.subscribers) == 0)
		mkfifo(state.names.subscribers, 0666);
	else
		(void)!ftruncate(state.file, size);
}

static void lock_slot(const struct forge_step *step)
{
	struct flock lock = {.l_type = step->a % 4 ? F_WRLCK : F_UNLCK,
	                     .l_whence = SEEK_SET,
	                     .l_start = step->b % 32 ? slot_at(slot_of(step->place)) : 0,
	                     .l_len = step->b % 32 ? 1 : 0};

	fcntl(state.locks, F_OFD_SETLK, &lock);
}

static void edit(const struct forge_step *step)
{
	static const uint8_t words[] = {0, 4, 24, 28};
	static const uint8_t header[] = {32, 32, 32, 0, 8, 12, 16};
	off_t at = slot_at(slot_of(step->place));

	switch (step->what % 12) {
	case 0:
		store(at + step->a % 32 * 8, &step->value, 8);
		break;
	case 1:
		store(at + words[step->a % 4], &step->value, 4);
		break;
	case 2:
		store(header[step->a % 7], &step->value, 8);
		break;
	case 3:
		store((off_t)(step->place % 65536), &step->value, 1 + step->a % 8u);
		break;
	case 4:
		if (step->a % 4 == 0)
			forge_size(step);
		break;
	case 5:
	case 6:
		forge_channel(step);
		break;
	case 7:
		lock_slot(step);
		break;
	default:
		forge_slot(step);
	}
}

/* ---- operations ---- */

static void do_commit(const struct forge_step *step)
{
	uint64_t found, version = 0, seen, number = state.number + 1;
	struct stele_transaction *tx;
	size_t size = sizeof(found);

	/* Makes the publisher check, as it does once a second, whether the file is still that of
	 * the region. */
	if (step->a % 4 == 0)
		state.publisher->checked_at = 0;
	must(stele_transaction_begin(state.publisher, &tx));
	must(stele_transaction_put(tx, "rows", &(uint32_t){0}, 32, &number, sizeof(number)));
	FUZZ_CHECK(stele_transaction_commit(tx, NULL, &version) == 1, "%s", stele_last_error());
	state.number = version;
	must(stele_subscriber_get_copy(state.reader, "rows", NULL, &(uint32_t){0}, 32, &found,
	                               &size, &seen));
	FUZZ_CHECK(found == number && seen == version, "a reader found %llu of version %llu",
	           (unsigned long long)found, (unsigned long long)seen);
}

static void do_reap(const struct forge_step *step)
{
	(void)step;
	must(stele_publisher_reap(state.publisher));
}

static void each(const struct stele_subscriber_info *info, void *context)
{
	(void)context;
	FUZZ_CHECK(info->notifier && strnlen(info->command, 16) < 16, "no text");
}

static void do_list(const struct forge_step *step)
{
	struct stele_region_info info = {.size = sizeof(info)};

	if (step->a % 2)
		fuzz_result(stele_region_subscribers(state.region, each, NULL));
	else
		must(stele_region_describe(state.region, &info));
}

static void do_open(const struct forge_step *step)
{
	static const char *const notifiers[] = {"semaphore", "futex", "socket",
	                                        "fifo",      NULL,    "semaphore"};
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .notifier = notifiers[step->a % 6]};
	unsigned which = step->b % SUBSCRIBERS_MAX;

	/* Without a name, the subscriber would use a message queue, of which the system has few. */
	if (!options.notifier)
		options.flags = STELE_UNREGISTERED;
	if (!state.subscribers[which] &&
	    fuzz_result(stele_subscriber_open(state.region, &options, &state.subscribers[which])) <
	            0)
		return;
	if (!state.pinned[which] &&
	    fuzz_result(stele_snapshot_open(state.subscribers[which], 0, &state.pinned[which])) < 0)
		return;
}

static void close_one(unsigned which)
{
	if (state.pinned[which])
		state.pinned[which] = stele_snapshot_close(state.pinned[which]);
	if (state.subscribers[which])
		state.subscribers[which] = stele_subscriber_close(state.subscribers[which]);
}

static void do_close(const struct forge_step *step)
{
	close_one(step->b % SUBSCRIBERS_MAX);
}

static void do_wait(const struct forge_step *step)
{
	struct stele_subscriber *subscriber = state.subscribers[step->b % SUBSCRIBERS_MAX];
	uint64_t version;

	if (!subscriber)
		return;
	fuzz_result(stele_subscriber_applied(subscriber, step->value));
	if (must(stele_subscriber_wait(subscriber, state.number - 1, 0, &version)) == 1)
		FUZZ_CHECK(version == state.number, "version %llu", (unsigned long long)version);
}

static void (*const operations[OPERATIONS])(const struct forge_step *step) = {
	do_commit, do_commit, do_commit, do_commit, do_commit, do_commit, do_reap, do_reap,
	do_reap,   do_list,   do_list,   do_open,   do_open,   do_close,  do_wait, do_wait,
};

/* ---- from one input to the next ---- */

static void start(void)
{
	const struct stele_publisher_options options = {.size = sizeof(options),
	                                                .flags = STELE_CREATE,
	                                                .history = 4,
	                                                .maximum_size = 1 << 20,
	                                                .mode = 0644};
	const struct stele_subscriber_options reader = {.size = sizeof(reader),
	                                                .flags = STELE_UNREGISTERED};
	struct stele_transaction *tx;
	struct stele_schema *schema;
	char name[STELE_NAME_MAX + 1];

	snprintf(state.region, sizeof(state.region), "%s/fuzz", fuzz_directory());
	/* An earlier worker that crashed may have left the region. */
	stele_region_remove(state.region);
	must(stele_publisher_open(state.region, &options, &state.publisher));
	must(stele_schema_parse("rows(id: u32 key, number: u64)", name, &schema));
	must(stele_transaction_begin(state.publisher, &tx));
	must(stele_transaction_create_table(tx, name, schema));
	must(stele_transaction_commit(tx, NULL, &state.number));
	stele_schema_free(schema);
	must(stele_subscriber_open(state.region, &reader, &state.reader));
	must(paths_make(state.region, &state.names));
	state.file = open(state.names.subscribers, O_RDWR | O_CLOEXEC);
	FUZZ_CHECK(state.file >= 0, "%s", strerror(errno));
	state.size = (size_t)pread(state.file, state.pristine, sizeof(state.pristine), 0);
	close(state.file);
}

static void open_file(void)
{
	state.file = open(state.names.subscribers, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	state.locks = open(state.names.subscribers, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	FUZZ_CHECK(state.file >= 0 && state.locks >= 0, "%s: %s", state.names.subscribers,
	           strerror(errno));
}

static void close_file(void)
{
	struct stele_transaction *tx;
	uint8_t uuid[16];
	char path[NAMES_PATH_SIZE];

	for (unsigned i = 0; i < SUBSCRIBERS_MAX; i++)
		close_one(i);
	for (unsigned i = 0; i < 4; i++) {
		make_uuid(uuid, i);
		folder_entry(&state.names, uuid, path);
		remove(path);
	}
	(void)!ftruncate(state.file, 0);
	(void)!pwrite(state.file, state.pristine, state.size, 0);
	close(state.file);
	close(state.locks);
	/* If the file has lost its name, the publisher creates another one now. */
	state.publisher->checked_at = 0;
	must(stele_transaction_begin(state.publisher, &tx));
	stele_transaction_abort(tx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forge_step steps[FORGE_STEPS_MAX];
	size_t count = forge_steps(data, size, steps);

	if (!state.publisher)
		start();
	open_file();
	for (size_t i = 0; i < count; i++)
		if (steps[i].what < FORGE_EDITS)
			edit(&steps[i]);
		else
			operations[(steps[i].what - FORGE_EDITS) % OPERATIONS](&steps[i]);
	close_file();
	return 0;
}
