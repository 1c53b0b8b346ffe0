/* SPDX-License-Identifier: MIT
 *
 * Public structs that grow: a later release appends members, and programs and libraries of
 * different releases still work together. Such a struct starts with its size as the caller knows
 * it. STRUCTS THAT GROW in <stele/error.h> is the contract with programs; openat2(2) has the same
 * one. Every function that takes or fills in such a struct uses these functions. They set the error
 * message.
 */
#ifndef LIB_BASE_EXTENSIBLE_H
#define LIB_BASE_EXTENSIBLE_H

#include <stddef.h>

/* Copies a struct of options from the caller, who may know fewer or more members than this library.
 * Members that the caller does not know are zero in `*ret`. If `from` is NULL, all members but the
 * size are zero. `tag` is the struct's name.
 *
 * Returns 0. Errors: -EINVAL (impossible size), -E2BIG (the caller set a member that this library
 * does not know). */
#define extensible_read(tag, from, ret) \
	({ \
		_Static_assert(offsetof(struct tag, size) == 0, "the size comes first"); \
		const struct tag *extensible_from = (from); \
		struct tag *extensible_ret = (ret); \
		extensible_read_bytes(#tag, extensible_from, extensible_ret, sizeof(struct tag)); \
	})
int extensible_read_bytes(const char *tag, const void *from, void *ret, size_t size);

/* Checks the size that the caller set in a struct to be filled in. Call this before any work.
 * Returns 0, or -EINVAL for an impossible size. */
#define extensible_check(tag, ret) extensible_check_size(#tag, ((const struct tag *)(ret))->size)
int extensible_check_size(const char *tag, size_t size);

/* Fills in the caller's struct `*ret`, whose size extensible_check() accepted: copies the members
 * that the caller knows, and sets to zero the members that this library does not know. ret->size
 * stays. */
#define extensible_write(tag, from, ret) \
	({ \
		_Static_assert(offsetof(struct tag, size) == 0, "the size comes first"); \
		const struct tag *extensible_from = (from); \
		struct tag *extensible_ret = (ret); \
		extensible_write_bytes(extensible_from, extensible_ret, sizeof(struct tag)); \
	})
void extensible_write_bytes(const void *from, void *ret, size_t size);

#endif
