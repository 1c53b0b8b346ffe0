/* SPDX-License-Identifier: MIT
 *
 * A fuzzing engine that needs only gcc. The parent process keeps the corpus in shared memory. A
 * forked worker runs one input after the other. So a crash, a report of a sanitizer or a hang ends
 * only the worker, and the parent knows the input that caused it. Inputs that reach new code join
 * the corpus; objects that are compiled with -fsanitize-coverage=trace-pc report this.
 *
 *     fuzz_NAME [OPTION...] [CORPUS-DIRECTORY...]     fuzzes
 *     fuzz_NAME FILE...                               runs only these inputs
 *
 * The options have the names of libFuzzer's, so that one rule of the Makefile runs both engines.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/units.h"
#include "tests/fuzz/fuzz.h"

#define INPUT_MAX    8192u
#define POOL_MAX     (32u << 20)
#define ENTRIES_MAX  65536u
#define EDGES        65536u
#define FINDINGS_MAX 20u
#define HANG_SECONDS 25u           /* maximum duration of an input */
#define MEMORY_MAX   (3ull << 30)  /* maximum resident bytes of a worker */
#define FILE_MAX     (64ull << 20) /* maximum bytes of a file */
#define LEAK_CHECKS  4096u         /* number of executions between two checks for leaks */
#define DESCRIPTORS  64u           /* maximum number of descriptors that a harness keeps open */

/* Memory that parent and worker share. Only one of them writes at a time. */
struct shared {
	uint64_t executions; /* inputs that were run */
	uint64_t begun;      /* inputs that were begun */
	uint64_t slowest;    /* duration of the slowest input, in nanoseconds */
	size_t size;         /* size of `input` */
	uint32_t entries;    /* number of inputs in the pool */
	/* Number of inputs that were read from the corpus, and the next of them to run
	 * unchanged. */
	uint32_t given, next_given;
	uint32_t edge_count; /* edges that some input has reached */
	size_t used;         /* bytes of `pool` */
	struct {
		uint32_t offset, size;
	} entry[ENTRIES_MAX];
	uint8_t input[INPUT_MAX]; /* the current input */
	uint8_t edges[EDGES];     /* 1: some input has reached the edge */
	uint8_t pool[POOL_MAX];   /* the bytes of all entries */
};

static struct {
	uint64_t seconds, runs, seed;
	uint64_t slow;         /* milliseconds; a slower input is written to `artifacts` */
	const char *artifacts; /* folder for inputs that failed */
	const char *keep;      /* folder for inputs that reach new code, or NULL */
	const char *name;      /* name of the harness */
} options = {.seconds = 60, .runs = UINT64_MAX, .slow = 5000, .artifacts = "."};

static struct shared *shared;
static uint64_t random_state;
static char directory[64];
static volatile sig_atomic_t stopped;

#pragma weak LLVMFuzzerCustomMutator
#pragma weak fuzz_clean
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));
const char *__asan_default_options(void);

/* Makes an allocation of more than 1 GiB a finding, because no input justifies it. */
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=1024:allocator_may_return_null=0:handle_abort=1:"
	       "detect_stack_use_after_return=0:quarantine_size_mb=16:malloc_context_size=8";
}

/* ---- coverage ---- */

static uint8_t no_edges[EDGES], *edges = no_edges;
static uint32_t new_edges;
static uintptr_t previous;
void __sanitizer_cov_trace_pc(void);

/* clang lacks this attribute. It does not build this file, but clang-tidy reads it. */
#if __has_attribute(no_sanitize_coverage)
__attribute__((no_sanitize_coverage))
#endif
__attribute__((no_sanitize("address"), no_sanitize("undefined"))) void
__sanitizer_cov_trace_pc(void)
{
	uintptr_t here = (uintptr_t)__builtin_return_address(0);
	size_t edge = (here ^ here >> 16 ^ previous << 3) % EDGES;

	previous = here;
	if (edges[edge] == 0) {
		edges[edge] = 1;
		new_edges++;
	}
}

/* ---- the pool ---- */

static bool pool_add(const void *bytes, size_t size)
{
	if (shared->entries == ENTRIES_MAX || size > INPUT_MAX || shared->used + size > POOL_MAX)
		return false;
	memcpy(shared->pool + shared->used, bytes, size);
	shared->entry[shared->entries].offset = (uint32_t)shared->used;
	shared->entry[shared->entries].size = (uint32_t)size;
	shared->used += size;
	shared->entries++;
	return true;
}

static size_t file_read(const char *path, uint8_t *buffer, size_t capacity)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, buffer, capacity);

	if (fd >= 0)
		close(fd);
	return got < 0 ? 0 : (size_t)got;
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Adds the inputs of a folder to the pool, sorted by name, so that a run with the same seed is
 * repeatable. */
static void pool_read(const char *path)
{
	struct dirent **names;
	int count = scandir(path, &names, not_hidden, alphasort);

	for (int i = 0; i < count; i++) {
		static uint8_t buffer[INPUT_MAX];
		char file[4096];
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		pool_add(buffer, file_read(file, buffer, sizeof(buffer)));
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

static void file_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(bytes, 1, size, file) != size)
		fprintf(stderr, "cannot write %s: %s\n", path, strerror(errno));
	if (file)
		fclose(file);
}

static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* Writes the current input to a folder. */
static void keep(const char *folder, const char *kind)
{
	char path[4096];

	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/%s%016llx", folder, kind,
	         (unsigned long long)hash_of(shared->input, shared->size));
	file_write(path, shared->input, shared->size);
}

/* ---- mutation ---- */

/* Returns a random number below `bound`, or 0. */
static size_t below(size_t bound)
{
	return bound ? (size_t)(random_from(&random_state) % bound) : 0;
}

static size_t insert(uint8_t *data, size_t size, size_t capacity, const void *bytes, size_t count)
{
	size_t at = below(size + 1);

	if (count > capacity - size)
		return size;
	memmove(data + at + count, data + at, size - at);
	memmove(data + at, bytes, count);
	return size + count;
}

static size_t erase(uint8_t *data, size_t size)
{
	size_t at = below(size), count = 1 + below(size - at);

	if (size < 2)
		return size;
	if (below(2))
		count = 1 + below(count < 8 ? count : 8) % count;
	memmove(data + at, data + at + count, size - at - count);
	return size - count;
}

/* Inserts a part of another entry of the pool, or overwrites bytes with it. */
static size_t cross_over(uint8_t *data, size_t size, size_t capacity)
{
	uint32_t entry = (uint32_t)below(shared->entries);
	size_t other = shared->entries ? shared->entry[entry].size : 0, from, count;
	const uint8_t *bytes = shared->pool + shared->entry[entry].offset;

	if (other == 0)
		return size;
	from = below(other);
	count = 1 + below(other - from);
	if (below(2) || size == 0)
		return insert(data, size, capacity, bytes + from, count);
	if (count > size)
		count = size;
	memcpy(data + below(size - count + 1), bytes + from, count);
	return size;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity)
{
	uint64_t value = fuzz_number(&random_state);
	size_t width = (size_t)1 << below(4);
	uint8_t bytes[16];

	if (size == 0 || below(8) == 0) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)below(256);
		return insert(data, size, capacity, bytes, 1 + below(sizeof(bytes)));
	}
	switch (below(6)) {
	case 0:
		data[below(size)] ^= (uint8_t)(1u << below(8));
		return size;
	case 1:
		data[below(size)] = (uint8_t)below(256);
		return size;
	case 2:
		if (width <= size)
			memcpy(data + below(size - width + 1), &value, width);
		return size;
	case 3:
		data[below(size)] = (uint8_t)(data[below(size)] + below(35) - 17);
		return size;
	case 4:
		return erase(data, size);
	default:
		return cross_over(data, size, capacity);
	}
}

/* Writes the next input to shared->input: first the inputs of the corpus, then mutations. */
static void make_input(void)
{
	uint32_t entry;
	size_t size;

	if (shared->next_given < shared->given) {
		entry = shared->next_given++;
		shared->size = shared->entry[entry].size;
		memcpy(shared->input, shared->pool + shared->entry[entry].offset, shared->size);
		return;
	}
	/* Mutates one of the newest entries half of the time. */
	entry = (uint32_t)below(shared->entries);
	if (shared->entries > 32 && below(2))
		entry = shared->entries - 1 - (uint32_t)below(shared->entries / 8);
	size = shared->entries ? shared->entry[entry].size : 0;
	memcpy(shared->input, shared->pool + shared->entry[entry].offset, size);
	for (size_t count = (size_t)1 << below(5); count > 0; count--)
		size = LLVMFuzzerCustomMutator && below(8)
		               ? LLVMFuzzerCustomMutator(shared->input, size, INPUT_MAX,
		                                         (unsigned)random_from(&random_state))
		               : LLVMFuzzerMutate(shared->input, size, INPUT_MAX);
	shared->size = size;
}

/* ---- the worker ---- */

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
}

static size_t descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

/* Runs an input in memory of exactly its size, so that a sanitizer finds reads past its end. */
static void run_one(const uint8_t *bytes, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void check_leaks(void)
{
	FUZZ_CHECK(descriptors() < DESCRIPTORS, "descriptors stay open");
	if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
		abort();
}

/* Runs inputs until the end of the time. Never returns. */
static void work(uint64_t until)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	edges = shared->edges;
	random_state = options.seed + shared->begun * UINT64_C(0x9e3779b97f4a7c15);
	while (!stopped && now() < until && shared->executions < options.runs) {
		bool given = shared->next_given < shared->given;
		uint64_t began = now(), took;
		make_input();
		new_edges = 0;
		shared->begun++;
		run_one(shared->input, shared->size);
		shared->executions++;
		shared->edge_count += new_edges;
		took = now() - began;
		if (took > shared->slowest)
			shared->slowest = took;
		if (new_edges && !given && pool_add(shared->input, shared->size))
			keep(options.keep, "");
		if (took / NSEC_PER_MSEC >= options.slow)
			keep(options.artifacts, "slow-");
		if (shared->executions % LEAK_CHECKS == 0)
			check_leaks();
	}
	exit(0);
}

/* ---- the parent ---- */

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* Returns the resident bytes of a process. */
static uint64_t storage_of(pid_t pid)
{
	unsigned long size = 0, resident = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	if (file && fscanf(file, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void print_state(uint64_t began)
{
	double seconds = (double)(now() - began) / (double)NSEC_PER_SEC;

	printf("%s: %llu executions in %.0f s (%.0f a second), %u inputs, %u edges, slowest %.3f s\n",
	       options.name, (unsigned long long)shared->executions, seconds,
	       (double)shared->executions / (seconds > 0 ? seconds : 1), shared->entries,
	       shared->edge_count, (double)shared->slowest / (double)NSEC_PER_SEC);
	fflush(stdout);
}

/* Waits for a worker, and kills it if it hangs or uses too much memory. Returns its status. Counts
 * its own polls instead of measuring the time, so that a machine that was suspended is not taken
 * for a hang. */
static int watch(pid_t worker, uint64_t began)
{
	uint64_t begun = UINT64_MAX;
	unsigned polls = 0;
	int status;

	for (unsigned i = 1;; i++) {
		struct timespec pause = {.tv_nsec = 100 * NSEC_PER_MSEC};
		pid_t ended = waitpid(worker, &status, WNOHANG);
		if (ended == worker)
			return status;
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		polls = begun == shared->begun ? polls + 1 : 0;
		begun = shared->begun;
		if (polls == HANG_SECONDS * 10 || storage_of(worker) > MEMORY_MAX) {
			printf("%s: %s\n", options.name, polls ? "hangs" : "takes too much memory");
			kill(worker, SIGABRT);
			polls = 0;
			sleep(2);
			kill(worker, SIGKILL);
		}
		if (i % 600 == 0)
			print_state(began);
	}
}

static void save_finding(int status)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/crash-%s-%016llx", options.artifacts, options.name,
	         (unsigned long long)hash_of(shared->input, shared->size));
	file_write(path, shared->input, shared->size);
	printf("%s: FOUND after %llu executions (%s %d), to reproduce: %s %s\n", options.name,
	       (unsigned long long)shared->executions, WIFSIGNALED(status) ? "signal" : "status",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	       program_invocation_name, path);
	fflush(stdout);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

/* Removes what the workers left in the system. Runs the harness's fuzz_clean() in a child process,
 * because a crash in it must not kill the parent. */
static void clean(void)
{
	pid_t child = fork();

	if (child == 0) {
		if (fuzz_clean)
			fuzz_clean();
		_exit(0);
	}
	waitpid(child, NULL, 0);
	nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static unsigned fuzz(void)
{
	uint64_t began = now(), until = began + options.seconds * NSEC_PER_SEC;
	unsigned findings = 0;

	printf("%s: seed %llu, %u inputs\n", options.name, (unsigned long long)options.seed,
	       shared->entries);
	fflush(stdout);
	while (!stopped && now() < until && shared->executions < options.runs &&
	       findings < FINDINGS_MAX) {
		pid_t worker = fork();
		int status;
		if (worker == 0)
			work(until);
		status = watch(worker, began);
		if (status == 0 || stopped)
			continue;
		save_finding(status);
		findings++;
	}
	print_state(began);
	return findings;
}

/* ---- the command line ---- */

static bool option(const char *argument, const char *name, const char **ret)
{
	size_t length = strlen(name);

	if (strncmp(argument, name, length) != 0 || argument[length] != '=')
		return false;
	*ret = argument + length + 1;
	return true;
}

static void refuse(const char *argument)
{
	fprintf(stderr, "%s: no such option or file: %s\n", options.name, argument);
	exit(2);
}

/* Reads options and corpora. Moves the arguments that are files, whose inputs are to be run alone,
 * to argv[1] and on, and returns their number. */
static int read_arguments(int argc, char **argv)
{
	struct stat status;
	const char *value;
	int files = 0;

	for (int i = 1; i < argc; i++)
		if (option(argv[i], "-max_total_time", &value))
			options.seconds = strtoull(value, NULL, 10);
		else if (option(argv[i], "-runs", &value))
			options.runs = strtoull(value, NULL, 10);
		else if (option(argv[i], "-seed", &value))
			options.seed = strtoull(value, NULL, 10);
		else if (option(argv[i], "-slow", &value))
			options.slow = strtoull(value, NULL, 10);
		else if (option(argv[i], "-artifact_prefix", &value))
			options.artifacts = value;
		else if (option(argv[i], "-keep", &value))
			options.keep = value;
		else if (argv[i][0] == '-' || stat(argv[i], &status) < 0)
			refuse(argv[i]);
		else if (S_ISDIR(status.st_mode))
			pool_read(argv[i]);
		else
			argv[1 + files++] = argv[i];
	return files;
}

static void run_files(char **files, int count)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		for (int i = 0; i < count; i++) {
			size_t size = file_read(files[i], shared->input, INPUT_MAX);
			printf("%s: %zu bytes\n", files[i], size);
			fflush(stdout);
			run_one(shared->input, size);
		}
		exit(0);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	clean();
	exit(status == 0 ? 0 : 1);
}

int main(int argc, char **argv)
{
	struct rlimit files = {FILE_MAX, FILE_MAX};
	struct sigaction action = {.sa_handler = on_signal};
	unsigned findings;
	int count;

	options.name = program_invocation_short_name;
	options.seed = now() ^ (uint64_t)getpid();
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED)
		return 2;
	count = read_arguments(argc, argv);
	shared->given = shared->entries;
	random_state = options.seed;
	snprintf(directory, sizeof(directory), "/dev/shm/fuzz-XXXXXX");
	if (!mkdtemp(directory)) {
		perror(directory);
		return 2;
	}
	setenv("STELE_FUZZ_DIRECTORY", directory, 1);
	/* An input must not make the publisher fill the machine's memory with a file. */
	setrlimit(RLIMIT_FSIZE, &files);
	signal(SIGXFSZ, SIG_IGN);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (count > 0)
		run_files(argv + 1, count);
	findings = fuzz();
	clean();
	if (findings)
		printf("%s: %u FOUND\n", options.name, findings);
	return findings ? 1 : 0;
}
