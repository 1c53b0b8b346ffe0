/* SPDX-License-Identifier: MIT
 *
 * stele doctor, and the errors of an attach, where the kernel or a sandbox lacks what regions need.
 * Each lack is really brought about, in namespaces of the test's own. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/support/ipc/own_machine.h"
#include "tests/support/sanitized.h"

TestSuite(cli_doctor_kernel, .init = ipc_begin, .fini = ipc_end, .timeout = 120);

/* Makes fcntl() refuse the locks of open file descriptions, as an old kernel does. */
static void lose_locks(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fcntl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, F_OFD_GETLK, 0, 2),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, F_OFD_SETLKW, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "%s", strerror(errno));
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0, "%s", strerror(errno));
}

Test(cli_doctor_kernel, a_kernel_without_locks_is_named)
{
	own_machine("size=8g");
	EXITS(0, "create %s --table 't(a: u8 key)'", region);
	lose_locks();
	EXITS(1, "doctor");
	SAYS("problem  locks       there are no locks of open file descriptions");
	EXITS(8, "set %s/t 1", region);
	SAYS("cannot lock the files of region");
	SAYS("F_OFD_SETLK");
}

Test(cli_doctor_kernel, a_hidden_proc_is_named)
{
	if (SANITIZED)
		cr_skip_test("a sanitizer needs /proc");
	own_machine("size=8g");
	CHECK(mount("none", "/proc", "tmpfs", 0, NULL) == 0, "%s", strerror(errno));
	EXITS(1, "doctor");
	SAYS("problem  proc        /proc is not mounted, or hidden: no region can be created");
	SAYS("fix: mount -t proc proc /proc\n");
	CHECK(own_stele("create %s --table 't(a: u8 key)'", region) != 0, "%s", own_output);
	SAYS("/proc is not mounted, or hidden");
	CHECK(system("mount -t proc proc /proc") == 0, "%s", strerror(errno));
	EXITS(0, "create %s --table 't(a: u8 key)'", region);
	own_stele("doctor");
	SAYS_NOT("/proc");
}

Test(cli_doctor_kernel, a_limit_of_address_space_is_named)
{
	const struct rlimit limit = {1 << 30, RLIM_INFINITY};

	if (SANITIZED)
		cr_skip_test("a sanitizer needs more address space than this leaves");
	own_machine("size=8g");
	EXITS(0, "create %s --table 't(a: u8 key)'", region);
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "%s", strerror(errno));
	EXITS(1, "doctor");
	SAYS("problem  region");
	SAYS("RLIMIT_AS");
	SAYS("(--max-size)");
	CHECK(own_stele("dump %s/t", region) != 0, "%s", own_output);
	SAYS("RLIMIT_AS");
	EXITS(0, "create %s-small --max-size 64M --table 't(a: u8 key)'", region);
	EXITS(0, "doctor %s-small", region);
	EXITS(0, "rm %s-small", region);
}
