/* SPDX-License-Identifier: MIT */
#include "lib/base/constant.h"

#include <link.h>
#include <stdint.h>

struct constant_search {
	uintptr_t begin, end;
};

/* Called for each loaded object. Returns 1, which ends the search, if one of the object's read-only
 * segments has the memory. */
static int constant_in_object(struct dl_phdr_info *info, size_t size, void *context)
{
	const struct constant_search *search = context;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + segment->p_vaddr;

		/* PT_GNU_RELRO is the part of a writable segment that the loader makes read-only
		 * after it has relocated the pointers there. Constants that contain pointers are in
		 * it. */
		if (!(segment->p_type == PT_LOAD && !(segment->p_flags & PF_W)) &&
		    segment->p_type != PT_GNU_RELRO)
			continue;
		if (search->begin >= begin && search->end <= begin + segment->p_memsz)
			return 1;
	}
	return 0;
}

bool constant_memory(const void *at, size_t size)
{
	struct constant_search search = {(uintptr_t)at, (uintptr_t)at + size};

	return dl_iterate_phdr(constant_in_object, &search) == 1;
}
