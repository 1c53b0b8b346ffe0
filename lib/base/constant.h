/* SPDX-License-Identifier: MIT
 *
 * Memory that can't change, because the loader mapped it read-only: constants of the program and of
 * the shared libraries that it has loaded. Any part of the library may call this. */
#ifndef LIB_BASE_CONSTANT_H
#define LIB_BASE_CONSTANT_H

#include <stdbool.h>
#include <stddef.h>

/* Returns true if all `size` bytes at `at` are in one read-only segment of a loaded object. They
 * stay the same until the object is unloaded. Visits all loaded objects, so it takes about a
 * microsecond. */
bool constant_memory(const void *at, size_t size);

#endif
