/* SPDX-License-Identifier: MIT
 *
 * Checks the last error message, in tests without CHECK and RETURNS (ipc/ipc_check.h). */
#ifndef TESTS_SUPPORT_MESSAGE_H
#define TESTS_SUPPORT_MESSAGE_H

#include <criterion/criterion.h>
#include <string.h>

#include <stele/stele.h>

/* Expects that the last error message has this part. */
#define EXPECT_MESSAGE(part_) \
	cr_expect(strstr(stele_last_error(), part_), "\"%s\" is not in: %s", part_, \
	          stele_last_error())

#endif
