/* SPDX-License-Identifier: MIT
 *
 * A comparison with a hash table in shared memory behind a process-shared read-write lock. One of
 * two readers is measured, beside 1,000 updates a second. */
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/support/bench/bench_rows.h"

#define ROWS    1000u
#define SLOTS   2048u
#define GETS    1000000u
#define UPDATES 1000.0
#define RENEWAL 1000u /* lookups in one snapshot, before the newest is opened */

enum reading { READ_STELE = 1, READ_HASH };

static struct shared {
	pthread_rwlock_t lock;
	struct {
		unsigned char key[16];
		struct item item;
		bool taken;
	} slots[SLOTS];
	_Atomic int reading; /* which store the other reader reads */
	_Atomic uint64_t updates;
} * shared;

static unsigned char queries[65536][16];
static struct stele_subscriber *subscriber;

/* ---- the peer ---- */

static struct item *hash_find(const unsigned char *key)
{
	uint32_t at;

	memcpy(&at, key, sizeof(at));
	for (;; at++) {
		at %= SLOTS;
		if (!shared->slots[at].taken)
			return NULL;
		if (memcmp(shared->slots[at].key, key, 16) == 0)
			return &shared->slots[at].item;
	}
}

static void hash_make(void)
{
	pthread_rwlockattr_t attributes;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	check(shared != MAP_FAILED);
	pthread_rwlockattr_init(&attributes);
	pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	/* By default two readers can starve the writer. */
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&shared->lock, &attributes);
	for (uint64_t i = 0; i < ROWS; i++) {
		unsigned char key[16];
		uint32_t at;

		key_id(i, key);
		memcpy(&at, key, sizeof(at));
		for (at %= SLOTS; shared->slots[at].taken;)
			at = (at + 1) % SLOTS;
		memcpy(shared->slots[at].key, key, sizeof(key));
		shared->slots[at].item = item_of(i, 0);
		shared->slots[at].taken = true;
	}
}

static void hash_update(uint64_t number, uint64_t round)
{
	unsigned char key[16];

	key_id(number, key);
	pthread_rwlock_wrlock(&shared->lock);
	*hash_find(key) = item_of(number, round);
	pthread_rwlock_unlock(&shared->lock);
}

/* ---- the two readers ---- */

/* Reads the entire row. The sum has only the parts that updates leave unchanged. */
static inline uint64_t stable_sum(const void *value, uint64_t *any)
{
	struct item item;

	memcpy(&item, value, sizeof(item));
	*any += item.a + item.d;
	return item.b + (item.c - item.a) + (item.e - item.a) + (item.f - item.a);
}

static double read_hash(size_t gets, uint64_t *ret_sum)
{
	uint64_t sum = 0, any = 0;
	double begin = bench_seconds();

	for (size_t i = 0; i < gets; i++) {
		const struct item *item;

		pthread_rwlock_rdlock(&shared->lock);
		item = hash_find(queries[i % 65536]);
		if (!item)
			bench_fail("a row is missing");
		sum += stable_sum(item, &any);
		pthread_rwlock_unlock(&shared->lock);
	}
	check(any != 0);
	*ret_sum = sum;
	return (bench_seconds() - begin) / (double)gets;
}

static double read_stele(size_t gets, uint64_t *ret_sum)
{
	uint64_t sum = 0, any = 0;
	double begin = bench_seconds();

	for (size_t i = 0; i < gets; i += RENEWAL) {
		struct stele_snapshot *snapshot;
		struct stele_table table;

		must(stele_snapshot_open(subscriber, 0, &snapshot));
		must(stele_table_open(snapshot, "items", &schema_id, &table));
		for (size_t j = i; j < i + RENEWAL; j++) {
			struct stele_row row;

			if (stele_table_get(&table, queries[j % 65536], 128, &row) != 1)
				bench_fail("a row is missing");
			sum += stable_sum(row.value, &any);
		}
		must(stele_snapshot_check(snapshot));
		stele_snapshot_close(snapshot);
	}
	check(any != 0);
	*ret_sum = sum;
	return (bench_seconds() - begin) / (double)gets;
}

static double measure_hash(uint64_t *ret_sum)
{
	shared->reading = READ_HASH;
	return read_hash(GETS, ret_sum);
}

static double measure_stele(uint64_t *ret_sum)
{
	shared->reading = READ_STELE;
	return read_stele(GETS, ret_sum);
}

static void other_reader(void)
{
	uint64_t sum;

	bench_stay_on_core(1);
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	for (;;)
		shared->reading == READ_HASH ? read_hash(RENEWAL, &sum) : read_stele(RENEWAL, &sum);
}

/* Updates both stores in each round: one commit, and one update of the peer. */
static void updater(struct stele_publisher *publisher)
{
	struct pace pace = pace_start(UPDATES);
	uint64_t random = 9;

	for (uint64_t round = 1;; round++) {
		uint64_t number = random_from(&random) % ROWS;

		item_commit(publisher, &kind_id, number, round);
		hash_update(number, round);
		shared->updates++;
		pace_wait(&pace);
	}
}

static pid_t start(bool publishes)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (publishes)
		updater(items_publish(&kind_id, ROWS));
	other_reader();
	return 0;
}

static void stop(pid_t child)
{
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

int main(void)
{
	const struct side sides[] = {{"stele", measure_stele, 0},
	                             {"hash_behind_rwlock", measure_hash, 5}};
	uint64_t random = 4;
	pid_t publisher, reader;
	double begin;

	snprintf(bench_region, sizeof(bench_region), "bench-hash-%ld", (long)getpid());
	hash_make();
	for (size_t i = 0; i < 65536; i++)
		key_id(random_from(&random) % ROWS, queries[i]);
	publisher = start(true);
	while (shared->updates == 0) {
		check(waitpid(-1, NULL, WNOHANG) == 0);
		usleep(1000);
	}
	reader = start(false);
	bench_stay_on_core(0); /* after the forks: child processes inherit the core */
	must(stele_subscriber_open(bench_region, NULL, &subscriber));
	begin = bench_seconds();
	shared->updates = 0;
	bench_compare("get/1000_rows_beside_updates", sides, 2);
	bench_print("get/1000_rows_beside_updates/updates",
	            (double)shared->updates / (bench_seconds() - begin), "a second");
	stele_subscriber_close(subscriber);
	stop(reader);
	stop(publisher);
	must(stele_region_remove(bench_region));
	return 0;
}
