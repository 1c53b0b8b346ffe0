/* SPDX-License-Identifier: MIT
 * Checks RemoveIPC= of systemd-logind. When the last session of a user ends, and the user is not a
 * system user, systemd-logind removes the user's POSIX shared memory and message queues, including
 * those of a running publisher. See logind.conf(5). */
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "tools/doctor/doctor.h"
#include "tools/doctor/doctor_bus.h"
#include "tools/doctor/doctor_logind.h"
#include "tools/doctor/doctor_report.h"

/* The folders of systemd's settings, highest priority first. A file hides the files of the same
 * name in later folders. */
static const char *const places[] = {"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd",
                                     "/usr/lib/systemd"};
enum { PLACES = sizeof(places) / sizeof(places[0]) };
#define PATH_SIZE (NAME_MAX + 128)

/* ---- the setting ---- */

static bool logind_is_one_of(const char *word, const char *words)
{
	size_t length = strlen(word);

	for (; *words; words += strcspn(words, " "), words += *words == ' ')
		if (strcspn(words, " ") == length && strncasecmp(words, word, length) == 0)
			return true;
	return false;
}

/* Sets `*remove_ipc` if a file has the setting. Ignores invalid values, as systemd does. Returns
 * false if the file cannot be opened. */
static bool logind_read_settings(const char *path, bool *remove_ipc)
{
	char *line = NULL, value[16];
	bool login = false;
	size_t capacity = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return false;
	while (getline(&line, &capacity, file) > 0) {
		char section[16];

		if (sscanf(line, " [%15[^]]]", section) == 1)
			login = strcmp(section, "Login") == 0;
		if (!login || sscanf(line, " RemoveIPC = %15s", value) != 1)
			continue;
		if (logind_is_one_of(value, "1 yes y true t on"))
			*remove_ipc = true;
		else if (logind_is_one_of(value, "0 no n false f off"))
			*remove_ipc = false;
	}
	free(line);
	fclose(file);
	return true;
}

/* Finds the next drop-in file after `name` in the order in which systemd reads them. Stores its
 * name and its path. Returns false if there is none. */
static bool logind_next_drop_in(char name[NAME_MAX + 1], char path[PATH_SIZE])
{
	char best[NAME_MAX + 1] = "";

	for (size_t i = 0; i < PLACES; i++) {
		char folder[64];
		struct dirent *entry;
		DIR *directory;

		snprintf(folder, sizeof(folder), "%s/logind.conf.d", places[i]);
		directory = opendir(folder);
		while (directory && (entry = readdir(directory)) != NULL) {
			const char *dot = strrchr(entry->d_name, '.');

			if (!dot || strcmp(dot, ".conf") != 0 || strcmp(entry->d_name, name) <= 0 ||
			    (*best && strcmp(entry->d_name, best) >= 0))
				continue;
			snprintf(best, sizeof(best), "%s", entry->d_name);
			snprintf(path, PATH_SIZE, "%s/%s", folder, best);
		}
		if (directory)
			closedir(directory);
	}
	snprintf(name, NAME_MAX + 1, "%s", best);
	return *best;
}

/* Returns the setting of the files; systemd's default is true. */
static bool logind_files_remove_ipc(void)
{
	char path[PATH_SIZE], name[NAME_MAX + 1] = "";
	bool set = true;

	for (size_t i = 0; i < PLACES; i++) {
		snprintf(path, sizeof(path), "%s/logind.conf", places[i]);
		if (logind_read_settings(path, &set))
			break;
	}
	while (logind_next_drop_in(name, path))
		logind_read_settings(path, &set);
	return set;
}

/* Returns the setting that logind uses now. The files may have changed since logind read them, so
 * they decide only if logind cannot be asked. */
static bool logind_removes_ipc(void)
{
	bool set;

	return doctor_bus_remove_ipc(&set) ? set : logind_files_remove_ipc();
}

/* ---- the users ---- */

/* Returns the highest number of a system user. */
static uid_t logind_system_users(void)
{
	unsigned max = 999, found;
	char line[256];
	FILE *file = fopen("/etc/login.defs", "re");

	if (!file)
		return max;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " SYS_UID_MAX %u", &found) == 1)
			max = found;
	fclose(file);
	return max;
}

/* Checks whether a user lingers: systemd-logind never regards such a user as logged out. */
static bool logind_lingers(const char *user)
{
	char path[sizeof("/var/lib/systemd/linger/") + 64];

	snprintf(path, sizeof(path), "/var/lib/systemd/linger/%.63s", user);
	return access(path, F_OK) == 0;
}

static void logind_check_owner(struct doctor *doctor, uid_t owner, const char *region)
{
	const struct passwd *user = getpwuid(owner);
	char name[64], fix[256];

	if (user)
		snprintf(name, sizeof(name), "%.63s", user->pw_name);
	else
		snprintf(name, sizeof(name), "%u", owner);
	if (owner <= logind_system_users() || logind_lingers(name)) {
		doctor_report(doctor, VERDICT_OK, "removeipc", region, NULL,
		              "systemd-logind leaves user %s's shared memory alone", name);
		return;
	}
	snprintf(fix, sizeof(fix),
	         "loginctl enable-linger %s, or RemoveIPC=no under [Login] in "
	         "/etc/systemd/logind.conf and systemctl restart systemd-logind",
	         name);
	if (region)
		doctor_report(
			doctor, VERDICT_PROBLEM, "removeipc", region, fix,
			"user %s owns the region and is not a system user, so systemd-logind removes "
			"its files when this user logs out (RemoveIPC=yes)",
			name);
	else
		doctor_report(
			doctor, VERDICT_NOTE, "removeipc", NULL, fix,
			"systemd-logind removes what user %s publishes when this user logs out "
			"(RemoveIPC=yes)",
			name);
}

void doctor_check_logind(struct doctor *doctor)
{
	/* RemoveIPC= concerns only /dev/shm. The folder exists while systemd-logind runs. */
	if (doctor->place->directory || access("/run/systemd/seats/", F_OK) < 0) {
		doctor_report(doctor, VERDICT_OK, "removeipc", NULL, NULL, "%s",
		              doctor->place->directory
		                      ? "systemd-logind leaves this directory alone"
		                      : "systemd-logind does not run here");
		return;
	}
	if (!logind_removes_ipc()) {
		doctor_report(doctor, VERDICT_OK, "removeipc", NULL, NULL,
		              "systemd-logind leaves shared memory alone (RemoveIPC=no)");
		return;
	}
	for (size_t i = 0; i < doctor->region_count; i++)
		logind_check_owner(doctor, doctor->regions[i].info.owner,
		                   doctor->regions[i].info.name);
	if (doctor->region_count == 0)
		logind_check_owner(doctor, geteuid(), NULL);
}
