/* SPDX-License-Identifier: MIT
 *
 * Support for tests with several real processes, in four parts: assertions (ipc_check.h), processes
 * (ipc_process.h), the test's region (ipc_region.h), and its table (ipc_rows.h). Includes the
 * headers that such tests need. Every wait is for a condition, and fails after IPC_PATIENCE. */
#ifndef TESTS_SUPPORT_IPC_IPC_H
#define TESTS_SUPPORT_IPC_IPC_H

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stele/stele.h>

#include "lib/layout.h"
#include "lib/units.h"
#include "notifier/notifier.h"
#include "tests/support/ipc/ipc_check.h"
#include "tests/support/ipc/ipc_process.h"
#include "tests/support/ipc/ipc_region.h"
#include "tests/support/ipc/ipc_rows.h"
#include "tests/support/sanitized.h"

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#define IPC_NOBODY 65534u

#endif
