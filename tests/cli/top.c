/* SPDX-License-Identifier: MIT
 *
 * stele top on a pseudo terminal: what it shows, its keys, and that it restores the terminal. */
#include <stele/stele.h>
#include <sys/resource.h>
#include "tests/support/cli.h"
#include "tests/support/mirror.h"
#include "lib/layout.h"
#include "tests/support/terminal.h"

#define LEAVES_SCREEN "\033[?1049l"
#define TAKES_SCREEN  "\033[?1049h"
#define SHOWS_CURSOR  "\033[?25h"

static struct terminal terminal;

static void start_on(int rows, int columns, const char *name)
{
	char *arguments[] = {cli_command(), "top", "--interval", "0.05", (char *)name, NULL};

	setenv("TERM", "xterm", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	cr_assert(terminal_start(&terminal, rows, columns, arguments));
}

static void start(void)
{
	start_on(30, 100, region);
}

static void fail_awaited(const char *text)
{
	cr_assert(false, "\"%s\" did not come; what was written ends: %.3000s", text,
	          terminal.length > 3000 ? terminal.written + terminal.length - 3000
	                                 : terminal.written);
}

/* Waits until the text is on the screen. */
static void await(const char *text)
{
	if (!terminal_await_screen(&terminal, text))
		fail_awaited(text);
}

/* Waits until the text is written after the first `from` bytes. */
static void await_from(size_t from, const char *text)
{
	if (!terminal_await(&terminal, from, text))
		fail_awaited(text);
}

static void type(const char *keys, const char *text)
{
	terminal_type(&terminal, keys);
	await(text);
}

static size_t written_until_now(void)
{
	while (terminal_read(&terminal, 0))
		;
	return terminal.length;
}

static void expect_end(void)
{
	int status = terminal_status(&terminal);

	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	written_until_now();
	await_from(0, LEAVES_SCREEN);
	cr_expect(terminal_is_restored(&terminal));
	terminal_close(&terminal);
}

static void quit(void)
{
	terminal_type(&terminal, "Q");
	expect_end();
}

Test(cli_top, shows_tables_and_subscribers)
{
	struct cli_process watch;
	char who[64];

	cli_begin_routes();
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=7"), 0);
	STELE_START(&watch, "watch", "--initial", region);
	cli_line(&watch);
	start();
	snprintf(who, sizeof(who), "(%d)", (int)watch.pid);
	await_from(0, TAKES_SCREEN);
	await(region);
	await("TABLE");
	await("routes");
	await("SUBSCRIBER");
	await(who);
	await("waits");
	kill(watch.pid, SIGSTOP);
	await("stopped");
	/* There is no publisher, so the dead subscriber is not reaped. */
	kill(watch.pid, SIGKILL);
	cli_wait(&watch);
	await("dead");
	quit();
	cli_end();
}

Test(cli_top, shows_the_state_of_a_mirror)
{
	struct stele_publisher *publisher;

	cli_begin_routes();
	cr_assert(stele_publisher_open(region, NULL, &publisher) == 0, "%s", stele_last_error());
	mirror_publish(region, publisher, "", 0);
	start();
	await("no messages lost");
	await("SUBSCRIBER");
	mirror_publish(region, publisher, "messages were lost", 0);
	await("(messages were lost)");
	mirror_publish(region, publisher, "", 0);
	await("no messages lost");
	/* The mirror ends. Another publisher stays attached. */
	mirror_end();
	await("but its publisher is gone");
	mirror_publish(region, publisher, "", 0);
	await("no messages lost");
	stele_publisher_close(publisher);
	await("but its publisher is gone");
	quit();
	start_on(12, 100, region);
	await("synced since 20");
	await("SUBSCRIBER");
	quit();
	cli_end();
}

/* A table that does not fit on the screen. */
static void publish_many(void)
{
	char line[64], *rows = malloc(64 * 1000);

	cr_assert(rows);
	strcpy(rows, "prefix,next_hop,interface,metric\n");
	for (int i = 0; i < 500; i++) {
		snprintf(line, sizeof(line), "10.%d.%d.0/24,192.0.2.%d,if%d,%d\n", i / 256, i % 256,
		         i % 200, i, i + 5000);
		strcat(rows, line);
	}
	EXPECT_STATUS(STELE_WITH(rows, "publish", target, "-"), 0);
	free(rows);
}

Test(cli_top, browses_a_table)
{
	cli_begin_routes();
	publish_many();
	start();
	await("routes");
	type("\r", "next_hop");
	await("10.0.25.0/24");
	type("\033OF", "10.1.243.0/24"); /* End */
	/* The same keys in the terminal's other mode. */
	type("\033[H", "10.0.1.0/24");
	type("\033[F", "10.1.243.0/24");
	type("\033[5~", "10.1.200.0/24"); /* Page Up */
	type("\033OH", "10.0.1.0/24");    /* Home */
	type("/if333\r", "10.1.77.0/24");
	type("/nothing like it\r", "no row from here on");
	type("g10.0.99.0/24\r", "10.0.99.0/24");
	type("gnonsense\r", "expected an IPv4 address");
	type("\033", "TABLE");
	quit();
	cli_end();
}

Test(cli_top, shows_units_and_words)
{
	char table[64];

	cli_begin();
	snprintf(table, sizeof(table), "%s/links", region);
	EXPECT_STATUS(STELE("create", region, "--table",
	                    "links(k: u8 key, load: u32[2] unit permille, s: u8 enum(up=1))"),
	              0);
	EXPECT_STATUS(STELE("set", table, "7", "load=12 34", "s=up"), 0);
	start();
	await("links");
	type("\r", "load [permille]");
	await("12 34");
	await("up");
	quit();
	cli_end();
}

Test(cli_top, searches_for_the_next_match)
{
	cli_begin_routes();
	publish_many();
	start();
	await("routes");
	type("\r", "10.0.25.0/24");
	type("/192.0.2.199\r", "10.0.199.0/24");
	type("n", "10.1.143.0/24");
	type("n", "no row from here on");
	quit();
	cli_end();
}

Test(cli_top, filters_and_pauses)
{
	cli_begin_routes();
	EXPECT_STATUS(STELE("create", region, "--table", "zebras(name: text key)"), 0);
	start();
	await("zebras");
	type("/rout", "1 of 2");
	type("\r", "filtered by \"rout\"");
	type(" ", "PAUSED");
	EXPECT_STATUS(STELE("set", target, "10.0.0.0/8", "metric=99"), 0);
	type(" ", "every 0.05s");
	type("\t", "SUBSCRIBER");
	quit();
	cli_end();
}

Test(cli_top, fits_any_terminal_size)
{
	static const int sizes[][2] = {{10, 40}, {100, 300}, {24, 80}, {2, 5}, {30, 100}};

	cli_begin_routes();
	start();
	await("routes");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t from;

		from = written_until_now();
		terminal_resize(&terminal, sizes[i][0], sizes[i][1]);
		await_from(from, sizes[i][0] > 2 ? "routes" : " stel");
	}
	type("\r", "192.0.2.3");
	quit();
	cli_end();
}

/* A signal that ends the process ends it with the terminal restored. */
Test(cli_top, restores_the_terminal_on_a_signal)
{
	const int signals[] = {SIGINT,  SIGTERM, SIGHUP,    SIGQUIT,  SIGPIPE,   SIGUSR1,
	                       SIGUSR2, SIGALRM, SIGXCPU,   SIGXFSZ,  SIGVTALRM, SIGPROF,
	                       SIGIO,   SIGPWR,  SIGSTKFLT, SIGRTMIN, SIGRTMAX};

	cli_begin_routes();
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		start();
		await("routes");
		cr_expect(!terminal_is_restored(&terminal));
		kill(terminal.program, signals[i]);
		expect_end();
	}
	/* Now and then the signal comes between the poll for a key and the read. */
	for (int i = 0; i < 20; i++) {
		start();
		await("routes");
		for (int j = 0; j < 20; j++)
			terminal_type(&terminal, "\f");
		terminal_type(&terminal, "\003");
		expect_end();
	}
	cli_end();
}

/* Signals that were ignored when top started, as SIGHUP is under nohup, do not end it. */
Test(cli_top, fault_20_goes_on_after_a_signal_that_was_ignored)
{
	static char shell[] = "/bin/sh", option[] = "-c";
	static char script[] = "trap '' HUP INT USR1 TSTP; exec \"$0\" top \"$1\"";
	char *arguments[] = {shell, option, script, cli_command(), region, NULL};
	const int signals[] = {SIGHUP, SIGINT, SIGUSR1, SIGTSTP};

	cli_begin_routes();
	setenv("TERM", "xterm", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	cr_assert(terminal_start(&terminal, 30, 100, arguments));
	await("routes");
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		kill(terminal.program, signals[i]);
	type("?", "redraw the screen");
	kill(terminal.program, SIGTERM);
	expect_end();
	cli_end();
}

/* A signal that reports a fault kills the process, with the terminal restored. */
Test(cli_top, restores_the_terminal_before_a_fault_kills_it)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
	static const struct rlimit no_core;

	cli_begin_routes();
	cr_assert(setrlimit(RLIMIT_CORE, &no_core) == 0);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int status;

		start();
		await("routes");
		kill(terminal.program, signals[i]);
		status = terminal_status(&terminal);
		cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == signals[i], "status %x",
		          (unsigned)status);
		written_until_now();
		await_from(0, LEAVES_SCREEN);
		await_from(0, SHOWS_CURSOR);
		cr_expect(terminal_is_restored(&terminal));
		terminal_close(&terminal);
	}
	cli_end();
}

static void expect_stop(void)
{
	int status = terminal_status(&terminal);

	cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP, "status %x", (unsigned)status);
	written_until_now();
	await_from(0, LEAVES_SCREEN);
	cr_expect(terminal_is_restored(&terminal));
}

static void continue_it(void)
{
	size_t from = written_until_now();

	kill(terminal.program, SIGCONT);
	cr_assert(WIFCONTINUED(terminal_status(&terminal)));
	await_from(from, "routes");
	cr_expect(!terminal_is_restored(&terminal));
}

Test(cli_top, can_be_stopped)
{
	size_t from;

	cli_begin_routes();
	start();
	await("routes");
	terminal_type(&terminal, "\032");
	expect_stop();
	from = written_until_now();
	continue_it();
	await_from(from, TAKES_SCREEN);
	/* SIGSTOP can't be caught, so the screen stays. When the program continues, it draws the
	 * screen anew. */
	kill(terminal.program, SIGSTOP);
	cr_assert(WIFSTOPPED(terminal_status(&terminal)));
	tcsetattr(terminal.line, TCSANOW, &terminal.before);
	continue_it();
	quit();
	cli_end();
}

/* Types ^L, which makes the program draw, until the terminal's buffer is full. The program then
 * blocks while it draws. */
static void hold_while_it_draws(void)
{
	struct pollfd room = {.fd = terminal.line, .events = POLLOUT};
	struct pollfd keys = {.fd = terminal.fd, .events = POLLOUT};

	/* Type only while the terminal accepts keys. Otherwise this test would block until the
	 * program reads a key, and the program until this test reads the terminal. */
	while (poll(&room, 1, 10) == 1)
		if (poll(&keys, 1, 0) == 1)
			terminal_type(&terminal, "\f");
}

Test(cli_top, can_be_stopped_while_it_draws)
{
	cli_begin_routes();
	start();
	await("routes");
	hold_while_it_draws();
	kill(terminal.program, SIGTSTP);
	expect_stop();
	continue_it();
	quit();
	cli_end();
}

Test(cli_top, ends_with_its_terminal)
{
	int status;

	cli_begin_routes();
	start();
	await("routes");
	close(terminal.line);
	close(terminal.fd);
	terminal.fd = terminal.line = -1;
	status = terminal_status(&terminal);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
	terminal_close(&terminal);
	cli_end();
}

Test(cli_top, reports_a_removed_region)
{
	size_t from;

	cli_begin_routes();
	start();
	await("no publisher");
	await("changed/s");
	EXPECT_STATUS(STELE("rm", region), 0);
	await("ago: there is no region");
	from = written_until_now();
	terminal_type(&terminal, "\f");
	await_from(from, "ago: there is no region");
	cr_expect(!terminal_has(&terminal, from, "changed/s"), "what is gone has no rate");
	EXPECT_STATUS(STELE("create", region, "--table", "zebras(name: text key)"), 0);
	await("zebras");
	quit();
	cli_end();
}

Test(cli_top, continues_when_another_region_has_the_name)
{
	size_t from;

	cli_begin_routes();
	publish_many();
	start();
	await("routes");
	type("\r", "10.0.25.0/24");
	from = written_until_now();
	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--table", "zebras(name: text key)"), 0);
	await_from(from, "there is no table");
	type("\033", "zebras");
	quit();
	cli_end();
}

static int published = -1;

static pid_t spawn_publisher(void)
{
	int pipes[2];
	char byte;
	pid_t pid;

	cr_assert(pipe(pipes) == 0);
	pid = fork();
	if (pid == 0) {
		struct stele_publisher_options options = {.size = sizeof(options)};
		struct stele_publisher *publisher;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "bgpd");
		if (stele_publisher_open(region, &options, &publisher) < 0 ||
		    write(pipes[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipes[1]);
	published = pipes[0];
	cr_assert(read(published, &byte, 1) == 1);
	return pid;
}

Test(cli_top, shows_that_the_publisher_died)
{
	char who[64];
	pid_t pid;

	cli_begin_routes();
	pid = spawn_publisher();
	snprintf(who, sizeof(who), "bgpd (%d)", (int)pid);
	start();
	await(who);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	await("no publisher; bgpd left");
	quit();
	close(published);
	cli_end();
}

/* Every user who may read a region may write anything into its subscribers file. */
Test(cli_top, shows_forged_slots_without_harm)
{
	struct layout_slot slot = {.state = LAYOUT_SLOT_TAKEN,
	                           .notifier = 99,
	                           .pid = 1,
	                           .command = "\033[31;5m\xff\x9b",
	                           .label = "\033[32;5m\xff\x9b\u202e",
	                           .ticket = 1,
	                           .seen = UINT64_MAX};
	struct layout_subscribers_header header;
	char path[96];
	int fd;

	cli_begin_routes();
	snprintf(path, sizeof(path), "/dev/shm/stele.%s.subscribers", region);
	fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0);
	cr_assert(pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header));
	header.slots_used = UINT64_MAX;
	cr_assert(pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header));
	cr_assert(pwrite(fd, &slot, sizeof(slot), sizeof(header)) == (ssize_t)sizeof(slot));
	start();
	await("?[32;5m??");
	cr_expect(memmem(terminal.written, terminal.length, "\033[32;5m", 7) == NULL);
	memset(slot.label, 0, sizeof(slot.label));
	cr_assert(pwrite(fd, &slot, sizeof(slot), sizeof(header)) == (ssize_t)sizeof(slot));
	await("?[31;5m??");
	cr_expect(memmem(terminal.written, terminal.length, "\033[31;5m", 7) == NULL);
	cr_assert(ftruncate(fd, 100) == 0);
	await("cannot be read");
	close(fd);
	quit();
	cli_end();
}

Test(cli_top, lists_all_regions)
{
	char keys[64];

	cli_begin_routes();
	start_on(30, 100, NULL);
	await("REGION");
	snprintf(keys, sizeof(keys), "/%s\r", region);
	type(keys, "filtered by");
	type("\r", "SUBSCRIBER");
	type("q", "PUBLISHER");
	quit();
	cli_end();
}

/* For a region that could never be read, only the complete reason is shown. */
Test(cli_top, reports_why_it_can_not_read)
{
	struct stele_region_info info = {.size = sizeof(info)};
	char keys[64];
	size_t from;
	int fd;

	cli_begin_routes();
	cr_assert(stele_region_describe(region, &info) == 0);
	fd = open(info.path, O_WRONLY | O_CLOEXEC);
	cr_assert(pwrite(fd, "not a region", 12, 0) == 12);
	close(fd);
	cr_assert(stele_region_describe(region, &info) < 0);
	start_on(30, 40, NULL);
	await("REGION");
	snprintf(keys, sizeof(keys), "/%s\r", region);
	type(keys, "filtered by");
	from = written_until_now();
	terminal_type(&terminal, "\r");
	await_from(from, strrchr(stele_last_error(), ' ') + 1);
	cr_expect(!terminal_has(&terminal, from, "version"));
	quit();
	EXPECT_STATUS(STELE("rm", region), 0);
}

Test(cli_top, needs_a_terminal_and_a_region)
{
	cli_begin_routes();
	EXPECT_FAILURE(STELE("top", region), 2, "needs a terminal", "stele show");
	EXPECT_FAILURE(STELE("top", "no-such-region"), 3, "there is no region");
	EXPECT_FAILURE(STELE("top", region, "another"), 2, "one REGION");
	EXPECT_FAILURE(STELE("top", "--interval", "0", region), 2, "0.05 to 60");
	cli_end();
}
