/* SPDX-License-Identifier: MIT
 *
 * The library's SIGBUS handler in a program that has handlers of its own, and that unloads the
 * library. Each case runs in a process of its own, as a signal may end it. */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>

#include "lib/base/atomic.h"
#include "tests/support/ipc/ipc.h"

TestSuite(ipc_sigbus, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* ---- the program's own faults and handlers ---- */

/* Returns a page of a mapping past the end of its file. */
static volatile char *bad_page(void)
{
	int fd = memfd_create("bad", MFD_CLOEXEC);
	void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(fd >= 0 && page != MAP_FAILED, "%s", strerror(errno));
	close(fd);
	return page;
}

static void touch(volatile char *page)
{
	(void)*page;
}

static _Thread_local sigjmp_buf after_fault;
static _Thread_local volatile char *expected;
static _Thread_local volatile unsigned first_calls, second_calls;
static struct sigaction first_before, second_before;

static void call(const struct sigaction *action, int number, siginfo_t *info, void *context)
{
	if (action->sa_flags & SA_SIGINFO)
		action->sa_sigaction(number, info, context);
	else if (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN)
		action->sa_handler(number);
	else
		signal(SIGBUS, SIG_DFL);
}

/* Never returns. */
static void jump(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	first_calls++;
	if (info->si_addr != (void *)(uintptr_t)expected)
		_exit(3);
	siglongjmp(after_fault, 1);
}

/* Handles no fault, but ends a circular chain of handlers. */
static void chain_first(int number, siginfo_t *info, void *context)
{
	if (++first_calls > 3)
		_exit(4);
	call(&first_before, number, info, context);
}

static void chain_second(int number, siginfo_t *info, void *context)
{
	if (++second_calls > 3)
		_exit(5);
	call(&second_before, number, info, context);
}

static void install(void (*handler)(int, siginfo_t *, void *), int flags,
                    struct sigaction *ret_before)
{
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};

	CHECK(sigaction(SIGBUS, &action, ret_before) == 0, "%s", strerror(errno));
}

static bool is_installed(void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction now;

	CHECK(sigaction(SIGBUS, NULL, &now) == 0, "%s", strerror(errno));
	return now.sa_sigaction == handler;
}

static bool is_default(void)
{
	struct sigaction now;

	CHECK(sigaction(SIGBUS, NULL, &now) == 0, "%s", strerror(errno));
	return now.sa_handler == SIG_DFL;
}

/* The program's own fault reaches jump() once. */
static void fault_and_jump(volatile char *page)
{
	unsigned before = first_calls;

	expected = page;
	if (sigsetjmp(after_fault, 1) == 0) {
		touch(page);
		CHECK(false, "no fault");
	}
	CHECK(first_calls == before + 1, "the handler was called %u times", first_calls - before);
}

/* ---- regions ---- */

static struct stele_subscriber *subscribe(void)
{
	return ipc_subscribe(STELE_UNREGISTERED, NULL);
}

/* Truncates the region's file under a reader, which must get an error and survive. */
static void truncate_under(struct stele_subscriber *subscriber)
{
	struct stele_snapshot *snapshot;
	char path[128];

	ipc_path(path, "");
	CHECK(truncate(path, 0) == 0, "%s", strerror(errno));
	RETURNS(stele_snapshot_open(subscriber, 0, &snapshot), -EBADMSG, "truncated");
}

static void begin_with(void (*handler)(int))
{
	signal(SIGBUS, handler);
	stele_publisher_close(ipc_publish(region, NULL));
}

static void begin_with_default(void)
{
	begin_with(SIG_DFL);
	CHECK(is_default(), "the action was not restored");
}

/* Checks that a process that runs `work` ends by SIGBUS. */
static void dies_of_sigbus(void (*work)(unsigned), unsigned argument)
{
	int status = ipc_reap(ipc_spawn(work, argument));

	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "status 0x%x", status);
}

/* ---- handlers and opens, in every order ---- */

static void own_handler_first(unsigned argument)
{
	volatile char *page = bad_page();
	struct stele_subscriber *subscriber;

	(void)argument;
	begin_with_default();
	install(jump, 0, NULL);
	for (unsigned i = 0; i < 100; i++) {
		subscriber = subscribe();
		CHECK(!is_installed(jump), "no handler of the library's");
		fault_and_jump(page);
		stele_subscriber_close(subscriber);
		CHECK(is_installed(jump), "the program's handler was not restored");
		fault_and_jump(page);
	}
	truncate_under(subscribe());
}

Test(ipc_sigbus, ipc_20_an_earlier_handler_gets_its_faults_and_is_restored)
{
	ipc_join(ipc_spawn(own_handler_first, 0));
}

static void own_handler_between(unsigned chains)
{
	volatile char *page = bad_page();
	struct stele_subscriber *subscriber, *other;

	begin_with_default();
	subscriber = subscribe();
	if (chains)
		install(chain_second, 0, &second_before);
	install(jump, 0, NULL);
	other = subscribe();
	fault_and_jump(page);
	truncate_under(subscriber);
	fault_and_jump(page);
	CHECK(second_calls == 0, "a handler was called to which no other chains");
	stele_subscriber_close(subscriber);
	stele_subscriber_close(other);
	CHECK(is_installed(jump), "the program's handler was not restored");
	fault_and_jump(page);
}

Test(ipc_sigbus, ipc_20_a_handler_installed_between_two_opens_gets_only_its_faults)
{
	ipc_join(ipc_spawn(own_handler_between, 0));
	OK(stele_region_remove(region));
	ipc_join(ipc_spawn(own_handler_between, 1));
}

/* Installs many more handlers than the library can chain to at a time. */
static void own_handlers_again_and_again(unsigned argument)
{
	volatile char *page = bad_page();
	struct stele_subscriber *subscriber, *first;

	(void)argument;
	begin_with_default();
	first = subscribe();
	for (unsigned i = 0; i < 100; i++) {
		install(i % 3 == 0 ? chain_second : jump, 0, i % 3 == 0 ? &second_before : NULL);
		subscriber = subscribe();
		CHECK(!is_installed(jump) && !is_installed(chain_second),
		      "no handler of the library's");
		if (i % 3 != 0)
			fault_and_jump(page);
		stele_subscriber_close(subscriber);
	}
	truncate_under(first);
}

Test(ipc_sigbus, ipc_20_handlers_are_installed_again_and_again)
{
	ipc_join(ipc_spawn(own_handlers_again_and_again, 0));
}

/* The program's two handlers and the library's call each other in turn, each only once. */
static void chained_both_ways(unsigned twice)
{
	struct stele_subscriber *subscriber;

	begin_with_default();
	install(chain_first, 0, &first_before);
	subscriber = subscribe();
	install(chain_second, 0, &second_before);
	subscribe();
	if (twice) {
		install(chain_first, 0, &first_before);
		subscribe();
		install(chain_second, 0, &second_before);
		subscribe();
	}
	truncate_under(subscriber);
	CHECK(first_calls == 0 && second_calls == 0, "the library's own fault was passed on");
	touch(bad_page());
}

static void chained_on_top(unsigned argument)
{
	struct stele_subscriber *subscriber;

	(void)argument;
	begin_with_default();
	subscriber = subscribe();
	install(chain_second, 0, &second_before);
	/* The program's handler then gets the fault first, and passes it to the library. */
	truncate_under(subscriber);
	CHECK(second_calls > 0, "the program's handler was not called");
}

/* Each handler is called once, then the default action follows. If one were called twice, the exit
 * status would differ. */
Test(ipc_sigbus, ipc_20_handlers_chained_both_ways_are_no_circle)
{
	dies_of_sigbus(chained_both_ways, 0);
	OK(stele_region_remove(region));
	dies_of_sigbus(chained_both_ways, 1);
	OK(stele_region_remove(region));
	ipc_join(ipc_spawn(chained_on_top, 0));
}

/* ---- signals that are sent, and handlers for one signal ---- */

static void sent(unsigned argument)
{
	(void)argument;
	begin_with_default();
	subscribe();
	kill(getpid(), SIGBUS);
	for (;;)
		pause();
}

static void sent_and_ignored(unsigned argument)
{
	struct stele_subscriber *subscriber;

	(void)argument;
	begin_with(SIG_IGN);
	subscriber = subscribe();
	raise(SIGBUS);
	truncate_under(subscriber);
}

static void once_only(unsigned argument)
{
	volatile char *page = bad_page();

	(void)argument;
	begin_with_default();
	install(jump, (int)SA_RESETHAND, NULL);
	subscribe();
	fault_and_jump(page);
	touch(page);
}

Test(ipc_sigbus, ipc_20_a_sent_signal_acts_as_without_the_library)
{
	dies_of_sigbus(sent, 0);
	OK(stele_region_remove(region));
	ipc_join(ipc_spawn(sent_and_ignored, 0));
	OK(stele_region_remove(region));
	dies_of_sigbus(once_only, 0);
}

static void no_handler(unsigned argument)
{
	struct stele_publisher_options options = {.size = sizeof(options),
	                                          .flags = STELE_NO_SIGBUS_HANDLER};
	struct stele_publisher *publisher, *second;

	(void)argument;
	begin_with_default();
	publisher = ipc_publish(region, &options);
	ipc_subscribe(STELE_NO_SIGBUS_HANDLER, NULL);
	options.attach_timeout_ns = -1;
	RETURNS(stele_publisher_open(region, &options, &second), -EBUSY, "another publisher");
	ipc_commit(publisher);
	CHECK(is_default(), "a handler was installed");
}

Test(ipc_sigbus, ipc_20_no_handler_is_installed_if_disabled)
{
	ipc_join(ipc_spawn(no_handler, 0));
}

/* ---- threads ---- */

static bool threads_end;

static void *open_and_close(void *argument)
{
	while (!__atomic_load_n(&threads_end, __ATOMIC_RELAXED))
		stele_subscriber_close(subscribe());
	return argument;
}

static void *fault_often(void *argument)
{
	volatile char *page = bad_page();

	for (unsigned i = 0; i < 2000; i++)
		fault_and_jump(page);
	return argument;
}

/* Runs in the test's own process: ThreadSanitizer lets no other process start threads. */
Test(ipc_sigbus, ipc_20_threads_open_and_close_while_others_fault)
{
	struct stele_subscriber *subscriber;
	pthread_t opening[3], faulting[3];

	begin_with_default();
	install(jump, 0, NULL);
	for (unsigned i = 0; i < 3; i++)
		CHECK(pthread_create(&opening[i], NULL, open_and_close, NULL) == 0 &&
		              pthread_create(&faulting[i], NULL, fault_often, NULL) == 0,
		      "no threads");
	for (unsigned i = 0; i < 3; i++)
		pthread_join(faulting[i], NULL);
	__atomic_store_n(&threads_end, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(opening[i], NULL);
	CHECK(is_installed(jump), "the program's handler was not restored");
	subscriber = subscribe();
	truncate_under(subscriber);
	stele_subscriber_close(subscriber);
	signal(SIGBUS, SIG_DFL);
}

/* ---- a library that is unloaded ---- */

/* The functions that a program calls after loading the shared library. */
static struct {
	void *handle;
	char path[512];
	__typeof__(&stele_publisher_open) publisher_open;
	__typeof__(&stele_publisher_close) publisher_close;
	__typeof__(&stele_subscriber_open) subscriber_open;
	__typeof__(&stele_subscriber_close) subscriber_close;
} library;

static void *symbol(const char *name)
{
	void *found = dlsym(library.handle, name);

	CHECK(found, "%s", dlerror());
	return found;
}

/* Loads the library from the build folder, above the folder of the tests. */
static void load(void)
{
	ssize_t length = readlink("/proc/self/exe", library.path, sizeof(library.path) - 1);
	char *end;

	CHECK(length > 0, "%s", strerror(errno));
	library.path[length] = '\0';
	/* Cut "/sigbus" and "/ipc" from the path; "/tests" is replaced below. */
	for (unsigned i = 0; i < 2; i++) {
		end = strrchr(library.path, '/');
		*end = '\0';
	}
	end = strrchr(library.path, '/');
	snprintf(end, sizeof(library.path) - (size_t)(end - library.path), "/libstele.so");
	library.handle = dlopen(library.path, RTLD_NOW);
	CHECK(library.handle, "%s", dlerror());
	library.publisher_open = (__typeof__(&stele_publisher_open))symbol("stele_publisher_open");
	library.publisher_close =
		(__typeof__(&stele_publisher_close))symbol("stele_publisher_close");
	library.subscriber_open =
		(__typeof__(&stele_subscriber_open))symbol("stele_subscriber_open");
	library.subscriber_close =
		(__typeof__(&stele_subscriber_close))symbol("stele_subscriber_close");
}

static bool is_loaded(void)
{
	return dlopen(library.path, RTLD_NOW | RTLD_NOLOAD) != NULL;
}

/* Returns true if a part of the library is mapped. */
static bool is_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[1024];

	CHECK(maps, "%s", strerror(errno));
	while (fgets(line, sizeof(line), maps))
		found |= strstr(line, "libstele.so") != NULL;
	fclose(maps);
	return found;
}

static unsigned threads(void)
{
	glob_t found;
	unsigned count =
		glob("/proc/self/task/*", 0, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;

	globfree(&found);
	return count;
}

#ifdef STELE_TSAN
#define THREADS 0 /* ThreadSanitizer lets no spawned process start threads */
#else
#define THREADS 1
#endif

/* Opens publishers and subscribers of every kind for which the library keeps something: threads,
 * more mappings than fit its first table, fork handlers. */
enum { CLOSES, CHAINS, LEAVES_OPEN };

static void use(unsigned how)
{
	struct stele_publisher_options publish = {.size = sizeof(publish),
	                                          .attach_timeout_ns = IPC_PATIENCE,
	                                          .flags = STELE_CREATE |
	                                                   (THREADS ? STELE_NOTIFIER_THREAD : 0)};
	struct stele_subscriber_options options = {.size = sizeof(options),
	                                           .notifier = THREADS ? "sysv" : "futex"};
	struct stele_publisher *publisher;
	struct stele_subscriber *subscribers[40];

	CHECK(library.publisher_open(region, &publish, &publisher) == 0, "no publisher");
	for (unsigned i = 0; i < 40; i++) {
		CHECK(library.subscriber_open(region, &options, &subscribers[i]) == 0,
		      "no subscriber");
		options.notifier = "futex";
	}
	if (how == LEAVES_OPEN)
		return;
	if (how == CHAINS)
		install(chain_second, 0, &second_before);
	for (unsigned i = 0; i < 40; i++)
		library.subscriber_close(subscribers[i]);
	library.publisher_close(publisher);
}

enum { BY_DEFAULT, BY_HANDLER, BY_CHAIN, BY_DEFAULT_OPEN, BY_HANDLER_OPEN };

static void unload(unsigned how)
{
	volatile char *page = bad_page();
	unsigned before;
	int status;
	pid_t pid;

	signal(SIGBUS, SIG_DFL);
	if (how == BY_HANDLER || how == BY_HANDLER_OPEN)
		install(jump, 0, NULL);
	load();
	before = threads();
	use(how == BY_CHAIN ? CHAINS : how >= BY_DEFAULT_OPEN ? LEAVES_OPEN : CLOSES);
	CHECK(how < BY_DEFAULT_OPEN || !THREADS || threads() == before + 2, "no threads");
	CHECK(dlclose(library.handle) == 0, "%s", dlerror());
	/* A program that chains to the library's handler may call it as long as the process lives,
	 * so the library stays loaded. */
	CHECK(is_loaded() == (how == BY_CHAIN), "loaded: %d", is_loaded());
	UNTIL(threads() == before);
	CHECK(is_mapped() == (how == BY_CHAIN), "mapped: %d", is_mapped());
	pid = fork();
	if (pid == 0)
		_exit(42);
	CHECK(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 42, "status 0x%x of a fork",
	      status);
	if (how == BY_HANDLER || how == BY_HANDLER_OPEN)
		fault_and_jump(page);
	else
		touch(page);
}

/* A plug-in is loaded and unloaded again and again: no memory is left. */
static void unload_often(unsigned argument)
{
	size_t used = 0;

	(void)argument;
	signal(SIGBUS, SIG_DFL);
	for (unsigned i = 0; i < 40; i++) {
		load();
		use(CLOSES);
		CHECK(dlclose(library.handle) == 0 && !is_loaded(), "not unloaded");
		if (i == 7)
			used = mallinfo2().uordblks;
	}
	CHECK(mallinfo2().uordblks < used + 32 * 1024, "%zu bytes more",
	      mallinfo2().uordblks - used);
}

Test(ipc_sigbus, ipc_19_nothing_of_an_unloaded_library_is_called)
{
	dies_of_sigbus(unload, BY_DEFAULT);
	ipc_join(ipc_spawn(unload, BY_HANDLER));
	dies_of_sigbus(unload, BY_CHAIN);
	dies_of_sigbus(unload, BY_DEFAULT_OPEN);
	ipc_join(ipc_spawn(unload, BY_HANDLER_OPEN));
	ipc_join(ipc_spawn(unload_often, 0));
}
