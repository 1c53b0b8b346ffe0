/* SPDX-License-Identifier: MIT
 *
 * The values of a table before and after stele_transaction_alter_table() appended columns. The
 * schema before is NARROW, the schema after is WIDE. A wide value starts with the struct of the
 * narrow schema; a narrow value is extended by the defaults of the appended columns. Publishers
 * extend the rows of a table that they alter, and changes across an alter compare rows. */
#ifndef LIB_READING_EXTENSION_H
#define LIB_READING_EXTENSION_H

#include <stele/schema.h>

struct extension {
	/* Which side of extension_between() is narrow: 0 for `a`, 1 for `b`. */
	int narrow;
	size_t narrow_size; /* bytes of a narrow value */
	/* Bytes of a wide value. If the last column was appended and is variable, those of a value
	 * in which that column is empty. */
	size_t wide_size;
	bool appends;        /* wide values have more columns, or more padding at their end */
	unsigned char *rest; /* on the heap: the bytes that extend a narrow value; or NULL */
};

/* Fills in the extension from `narrow` to `wide`, which programs that were built for `narrow` can
 * read in place (stele_schema_compatible()). Returns 0 or -ENOMEM. */
int extension_init(struct extension *extension, const struct stele_schema *narrow,
                   const struct stele_schema *wide);

/* Fills in the extension between two versions of a table's schema. Returns 0. Errors: -EMEDIUMTYPE
 * (the rows of the schemas can't be compared; the error message shows both), -ENOMEM. */
int extension_between(const struct stele_schema *a, const struct stele_schema *b,
                      struct extension *ret);

/* Frees the memory of an extension. Does nothing if all members are zero. */
void extension_fini(struct extension *extension);

/* Extends the narrow value at `narrow`, which may be in shared memory, and writes it to `ret`. */
void extension_extend(const struct extension *extension, const unsigned char *narrow,
                      unsigned char *ret);

/* Returns true if a narrow value, extended, equals the wide value of `wide_size` bytes, at least
 * extension->wide_size. Both may be in shared memory. */
bool extension_equal(const struct extension *extension, const unsigned char *narrow,
                     const unsigned char *wide, size_t wide_size);

#endif
