/* SPDX-License-Identifier: MIT
 * Memory of the command. It ends the process if there is none: no caller could go on. Any part of
 * the command may call it. */
#ifndef TOOLS_BASE_HEAP_H
#define TOOLS_BASE_HEAP_H

#include <stddef.h>

/* Resizes memory like realloc(). Ends the process with STATUS_NO_SPACE if there is too little. */
void *heap_realloc(void *memory, size_t size);

#endif
