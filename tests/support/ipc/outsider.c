/* SPDX-License-Identifier: MIT */
#include "tests/support/ipc/outsider.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "tests/support/ipc/ipc.h"

void outsider_become(unsigned user)
{
	CHECK(setgroups(0, NULL) == 0 && setresgid(user, user, user) == 0 &&
	              setresuid(user, user, user) == 0,
	      "%s", strerror(errno));
	/* Changing the user reset both settings. Without the second, a leak checker can't inspect
	 * the process. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 1);
}

const char *const outsider_squatters[] = {
	"fifo",      "link",   "dangling link", "directory",  "full directory",
	"hard link", "socket", "empty",         "large file",
};

void outsider_victim_path(char path[128])
{
	ipc_path(path, "-victim");
}

void outsider_squat(enum squatter kind, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static const char bytes[8192] = "An outsider's.";
	char victim[128], inner[256];
	int fd = -1, r = 0;

	outsider_victim_path(victim);
	fd = open(victim, O_CREAT | O_RDWR | O_CLOEXEC, 0640);
	CHECK(fd >= 0 && write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes), "%s",
	      strerror(errno));
	close(fd);
	fd = -1;
	switch (kind) {
	case FIFO:
		r = mkfifo(path, 0600);
		break;
	case LINK:
		r = symlink(victim, path);
		break;
	case DANGLING:
		r = symlink("/dev/shm/stele.nobody-has-this-name", path);
		break;
	case DIRECTORY:
		r = mkdir(path, 0700);
		break;
	case FULL_DIRECTORY:
		snprintf(inner, sizeof(inner), "%s/inner", path);
		r = mkdir(path, 0700) < 0 ? -1 : mkdir(inner, 0700);
		break;
	case HARD_LINK:
		r = link(victim, path);
		break;
	case SOCKET:
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
		r = bind(fd, (struct sockaddr *)&address, sizeof(address));
		break;
	default:
		fd = r = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		CHECK(kind == EMPTY || ftruncate(fd, 1 << 20) == 0, "%s", strerror(errno));
		break;
	}
	CHECK(r >= 0, "%s as %s: %s", outsider_squatters[kind], path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void outsider_unsquat(const char *path)
{
	char victim[128], inner[256];

	snprintf(inner, sizeof(inner), "%s/inner", path);
	rmdir(inner);
	if (unlink(path) < 0)
		rmdir(path);
	outsider_victim_path(victim);
	unlink(victim);
}
