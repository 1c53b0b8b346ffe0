/* SPDX-License-Identifier: MIT
 *
 * Lets Criterion run under ThreadSanitizer. Linked only into the tests of `make check-tsan`.
 *
 * Criterion shares an arena with the processes that run its tests, at an address that it picks
 * between 2^45 and 2^47 where mincore() finds nothing mapped. ThreadSanitizer has reserved nearly
 * all of that range for its shadow memory, so Criterion gives up. The wrappers here redirect both
 * calls to addresses in the one part of that range that ThreadSanitizer leaves to the program, at
 * the lower end of the area of shared libraries. Criterion and the code under test call mmap64();
 * the code under test calls it also from its SIGBUS handler, where dlsym() is not allowed, so the
 * functions are looked up beforehand. */
#ifdef __x86_64__
#include <dlfcn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

#define CRITERION_LOW  0x200000000000u
#define CRITERION_HIGH 0x600000000000u
#define FREE_LOW       0x7e8000000000u
#define FREE_MASK      0x003fff000000u

__attribute__((visibility("default"))) void *mmap64(void *address, size_t length, int protection,
                                                    int flags, int fd, off64_t offset);
__attribute__((visibility("default"))) int mincore(void *address, size_t length,
                                                   unsigned char *pages);

static void *moved(void *address)
{
	uintptr_t place = (uintptr_t)address;

	if (place < CRITERION_LOW || place >= CRITERION_HIGH)
		return address;
	return (void *)(FREE_LOW + (place & FREE_MASK));
}

static void *(*next_mmap64)(void *, size_t, int, int, int, off64_t);

static void __attribute__((constructor)) look_up(void)
{
	next_mmap64 = (void *(*)(void *, size_t, int, int, int, off64_t))dlsym(RTLD_NEXT, "mmap64");
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	if (!next_mmap64)
		look_up();
	return next_mmap64((flags & MAP_FIXED) ? moved(address) : address, length, protection,
	                   flags, fd, offset);
}

int mincore(void *address, size_t length, unsigned char *pages)
{
	typedef int function(void *, size_t, unsigned char *);
	function *next = (function *)dlsym(RTLD_NEXT, "mincore");

	return next(moved(address), length, pages);
}
#endif
