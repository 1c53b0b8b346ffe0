/* SPDX-License-Identifier: MIT
 * Allocates memory, or ends the process, because no caller could continue without it. May be called
 * from any folder of tools. */
#ifndef TOOLS_BASE_HEAP_H
#define TOOLS_BASE_HEAP_H

#include <stddef.h>

/* Resizes memory like realloc(). If that fails, prints an error message and exits with
 * STATUS_NO_SPACE. */
void *heap_realloc(void *memory, size_t size);

#endif
