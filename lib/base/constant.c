/* SPDX-License-Identifier: MIT */
#include "lib/base/constant.h"

#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>

/* Returns true if a segment stays as it is. PT_GNU_RELRO is the part of a writable segment that the
 * loader makes read-only after it has relocated the pointers there: constants that contain pointers
 * are in it. */
static bool constant_segment(const ElfW(Phdr) * segment)
{
	return (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W)) ||
	       segment->p_type == PT_GNU_RELRO;
}

bool constant_memory(const void *at, size_t size)
{
	const ElfW(Phdr) *segments = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	size_t count = segments ? getauxval(AT_PHNUM) : 0;
	uintptr_t begin = (uintptr_t)at, bias = 0;

	/* The address at which the program was loaded, less the one in its file. */
	for (size_t i = 0; i < count; i++)
		if (segments[i].p_type == PT_PHDR)
			bias = (uintptr_t)segments - segments[i].p_vaddr;
	for (size_t i = 0; i < count; i++) {
		uintptr_t start = bias + segments[i].p_vaddr;

		if (constant_segment(&segments[i]) && begin >= start &&
		    begin + size <= start + segments[i].p_memsz)
			return true;
	}
	return false;
}
