/* SPDX-License-Identifier: MIT
 *
 * Memory that can't change as long as the process runs: the constants of the program itself, which
 * the loader mapped read-only. Those of a shared library can: once it is unloaded, another library
 * may have other constants at their addresses. Any part of the library may call this. */
#ifndef LIB_BASE_CONSTANT_H
#define LIB_BASE_CONSTANT_H

#include <stdbool.h>
#include <stddef.h>

/* Returns true if all `size` bytes at `at` are in one read-only segment of the program's own
 * file. */
bool constant_memory(const void *at, size_t size);

#endif
