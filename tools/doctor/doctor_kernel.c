/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tools/doctor/doctor_kernel.h"
#include "tools/doctor/doctor_report.h"

static void kernel_check_locks(struct doctor *doctor)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = memfd_create("stele-doctor", MFD_CLOEXEC);

	if (fd < 0)
		return;
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0 && errno == EINVAL)
		doctor_report(
			doctor, VERDICT_PROBLEM, "locks", NULL, NULL,
			"there are no locks of open file descriptions (F_OFD_SETLK) here, by which "
			"publishers and subscribers find each other: Linux has them since 3.15, but "
			"some sandboxes do not");
	close(fd);
}

static void kernel_check_proc(struct doctor *doctor)
{
	if (access("/proc/self/fd", X_OK) < 0)
		doctor_report(doctor, VERDICT_PROBLEM, "proc", NULL, "mount -t proc proc /proc",
		              "/proc is not mounted, or hidden: no region can be created, because "
		              "new files get their names through /proc/self/fd");
	else if (access("/proc/1", F_OK) < 0)
		doctor_report(doctor, VERDICT_NOTE, "proc", NULL, NULL,
		              "/proc hides the processes of other users (hidepid=), so little is "
		              "known of the publishers and subscribers among them; root sees more");
}

void doctor_check_kernel(struct doctor *doctor)
{
	kernel_check_locks(doctor);
	kernel_check_proc(doctor);
}
