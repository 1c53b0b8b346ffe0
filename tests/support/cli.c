/* SPDX-License-Identifier: MIT */
#include "tests/support/cli.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stele/stele.h>

char target[64];

/* Texts are small and few, and live as long as the test's process. The list keeps them reachable
 * for leak checkers. */
static struct cli_text {
	struct cli_text *next;
	char text[];
} * cli_texts;

char *cli_command(void)
{
	char *command = getenv("STELE_COMMAND");

	if (!command)
		command = getenv("STELE");
	return command ? command : "build/stele";
}

/* ---- a process and its results ---- */

void cli_spawn_with(struct cli_process *process, char **arguments, int in, int out, int err)
{
	posix_spawn_file_actions_t actions;
	int error;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	error = posix_spawnp(&process->pid, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	cr_assert(error == 0, "can't run %s: %s", arguments[0], strerror(error));
}

int cli_file(const char *content)
{
	int fd = memfd_create("cli", MFD_CLOEXEC);
	size_t length = content ? strlen(content) : 0;

	cr_assert(fd >= 0);
	if (length) {
		cr_assert(write(fd, content, length) == (ssize_t)length);
		lseek(fd, 0, SEEK_SET);
	}
	return fd;
}

char *cli_read_all(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	struct cli_text *text = malloc(sizeof(*text) + (size_t)size + 1);

	cr_assert(text && pread(fd, text->text, (size_t)size, 0) == size);
	text->text[size] = '\0';
	text->next = cli_texts;
	cli_texts = text;
	close(fd);
	return text->text;
}

int cli_wait(struct cli_process *process)
{
	struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, process->pid, 0),
	                       .events = POLLIN};
	int status, result;

	cr_assert(ended.fd >= 0);
	do {
		result = poll(&ended, 1, CLI_PATIENCE);
	} while (result < 0 && errno == EINTR);
	close(ended.fd);
	cr_expect(result == 1, "process %d did not end in time", (int)process->pid);
	if (result != 1)
		kill(process->pid, SIGKILL);
	while (waitpid(process->pid, &status, 0) < 0)
		cr_assert(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct cli_result cli_run(const char *input, char **arguments)
{
	struct cli_process process = {.out = cli_file(NULL), .err = cli_file(NULL)};
	struct cli_result result;
	int in = cli_file(input);

	cli_spawn_with(&process, arguments, in, process.out, process.err);
	close(in);
	result.status = cli_wait(&process);
	result.out = cli_read_all(process.out);
	result.err = cli_read_all(process.err);
	return result;
}

struct cli_result cli_stele(const char *input, ...)
{
	char *arguments[CLI_ARGUMENTS] = {cli_command()};
	va_list list;
	int count = 1;

	va_start(list, input);
	while ((arguments[count] = va_arg(list, char *)) != NULL)
		cr_assert(++count < CLI_ARGUMENTS);
	va_end(list);
	return cli_run(input, arguments);
}

/* ---- a process in the background, its output in a pipe ---- */

static void cli_start_with(struct cli_process *process, char **arguments)
{
	int pipes[2], in = cli_file(NULL);

	cr_assert(pipe2(pipes, O_CLOEXEC) == 0);
	process->out = pipes[0];
	process->err = cli_file(NULL);
	cli_spawn_with(process, arguments, in, pipes[1], process->err);
	close(pipes[1]);
	close(in);
}

void cli_start_list(struct cli_process *process, char *first, ...)
{
	char *arguments[CLI_ARGUMENTS] = {cli_command(), first};
	va_list list;
	int count = 2;

	va_start(list, first);
	while ((arguments[count] = va_arg(list, char *)) != NULL)
		cr_assert(++count < CLI_ARGUMENTS);
	va_end(list);
	cli_start_with(process, arguments);
}

const char *cli_any_line(struct cli_process *process)
{
	static char line[4096];
	struct pollfd ready = {.fd = process->out, .events = POLLIN};
	size_t length = 0;

	while (length + 1 < sizeof(line)) {
		cr_assert(poll(&ready, 1, CLI_PATIENCE) == 1,
		          "no line came in time; until then: %.*s", (int)length, line);
		if (read(process->out, line + length, 1) != 1 || line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
	return line;
}

const char *cli_line(struct cli_process *process)
{
	static const char *const marks[] = {"\"change\": \"initial\"", "\"change\": \"created\"",
	                                    "\"change\": \"initial_end\"", "\"change\": \"end\""};
	const char *line = cli_any_line(process);

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strstr(line, marks[i]))
			return cli_line(process);
	return line;
}

/* ---- assertions about results ---- */

char *cli_plain(char *text)
{
	static const char member[] = ", \"token\": \"", format[] = ", \"format\": 1";
	char *to = text, *from = text;

	while (*from) {
		size_t digits = *from == '@' ? strspn(from + 1, "0123456789abcdef") : 0;

		if (strncmp(from, member, strlen(member)) == 0)
			from = strchr(from + strlen(member), '"') + 1;
		else if (strncmp(from, format, strlen(format)) == 0)
			from += strlen(format);
		else if (digits == 8)
			from += from[9] == '-' ? 37 : 9;
		else
			*to++ = *from++;
	}
	*to = '\0';
	return text;
}

void expect_done(struct cli_result result, const char *out)
{
	EXPECT_STATUS(result, 0);
	EXPECT_TEXT(result.err, "");
	cli_plain(result.out);
	EXPECT_TEXT(result.out, out);
}

void expect_failure(struct cli_result result, int status, ...)
{
	const char *part, *feed;
	va_list parts;

	EXPECT_STATUS(result, status);
	EXPECT_TEXT(result.out, "");
	cr_expect(strncmp(result.err, "stele: ", 7) == 0, "not an error message of stele: %s",
	          result.err);
	feed = strchr(result.err, '\n');
	cr_expect(feed && (feed[1] == '\0' || strncmp(feed + 1, "Try 'stele ", 11) == 0),
	          "not one error message: %s", result.err);
	va_start(parts, status);
	while ((part = va_arg(parts, const char *)) != NULL)
		EXPECT_HAS(result.err, part);
	va_end(parts);
}

/* ---- the test's region ---- */

/* Runs the command to remove what is left of the region. */
static void cli_clean_after(void)
{
	char pattern[64];
	glob_t left;
	pid_t pid;

	snprintf(pattern, sizeof(pattern), "/dev/shm/stele.%s*", region);
	if (glob(pattern, 0, NULL, &left) != 0)
		return;
	globfree(&left);
	pid = fork();
	if (pid == 0) {
		execlp(cli_command(), "stele", "rm", region, (char *)NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	cleaner_unlink(pattern);
}

void cli_begin(void)
{
	snprintf(region, sizeof(region), "cli%d", (int)getpid());
	snprintf(target, sizeof(target), "%s/routes", region);
	/* Shells ignore these for the commands that they start in the background. Commands inherit
	 * that, and leave ignored signals alone. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	cleaner_start(cli_clean_after);
}

void cli_begin_routes(void)
{
	cli_begin();
	EXPECT_STATUS(STELE("create", region, "--table", ROUTES), 0);
	EXPECT_STATUS(STELE_WITH("prefix,next_hop,interface,metric\n"
	                         "0.0.0.0/0,192.0.2.1,eth0,100\n"
	                         "10.0.0.0/8,192.0.2.2,eth1,20\n"
	                         "10.1.0.0/16,192.0.2.3,eth1,5\n",
	                         "publish", target, "-"),
	              0);
}

void cli_end(void)
{
	STELE("rm", region);
}

char *cli_text(const char *content)
{
	int fd = cli_file(content);

	return cli_read_all(fd);
}

char *cli_uuid(void)
{
	char *json = STELE("show", "--format", "json", region).out;
	char *uuid = strstr(json, "\"uuid\": \"");

	cr_assert(uuid, "no uuid in: %s", json);
	uuid += strlen("\"uuid\": \"");
	uuid[36] = '\0';
	return uuid;
}

char *cli_token(uint64_t version)
{
	char text[64];

	snprintf(text, sizeof(text), "%llu@%s", (unsigned long long)version, cli_uuid());
	return cli_text(text);
}

char *cli_option(const char *option, uint64_t version)
{
	char text[128];

	snprintf(text, sizeof(text), "%s=%s", option, cli_token(version));
	return cli_text(text);
}

const char *cli_dump(void)
{
	struct cli_result result = STELE("dump", "--format", "ndjson", target);

	EXPECT_STATUS(result, 0);
	return result.out;
}

const char *cli_listed(char *format)
{
	static char found[4096];
	struct cli_result result = STELE("list", "--format", format);
	const size_t length = strlen(region);

	found[0] = '\0';
	for (char *line = strtok(result.out, "\n"); line; line = strtok(NULL, "\n")) {
		const char *name = strncmp(line, "{\"name\": \"", 10) == 0 ? line + 10 : line;

		if (strncmp(name, region, length) == 0 && strchr(" \"", name[length]))
			snprintf(found, sizeof(found), "%s", line);
	}
	return found;
}

void cli_temporary(char name[64], const char *suffix, const char *content)
{
	FILE *file;

	snprintf(name, 64, "/tmp/%s%s", region, suffix);
	file = fopen(name, "w");
	cr_assert(file && fputs(content, file) >= 0 && fclose(file) == 0);
}

void cli_begin_short_history(void)
{
	struct stele_publisher_options options = {.size = sizeof(options)};
	struct stele_publisher *publisher;
	struct stele_transaction *tx;

	EXPECT_STATUS(STELE("rm", region), 0);
	EXPECT_STATUS(STELE("create", region, "--history", "2", "--table", "t(a: u8 key, b: u32)"),
	              0);
	cr_assert(stele_publisher_open(region, &options, &publisher) == 0, "%s",
	          stele_last_error());
	for (uint32_t number = 1; number <= 200; number++) {
		cr_assert(stele_transaction_begin(publisher, &tx) == 0);
		cr_assert(stele_transaction_put(tx, "t", "a", 8, &number, sizeof(number)) == 1);
		cr_assert(stele_transaction_commit(tx, NULL, NULL) == 1);
	}
	stele_publisher_close(publisher);
}
