/* SPDX-License-Identifier: MIT
 * Schemas in the form in which the catalog of a region stores them: for the publisher, which writes
 * them, and for all that read a region. */
#ifndef LIB_SCHEMA_SCHEMA_STORE_H
#define LIB_SCHEMA_SCHEMA_STORE_H

#include <stele/schema.h>

/* The longest schema in its stored form, in bytes. */
#define SCHEMA_STORED_MAX (16u + STELE_COLUMNS_MAX * (12u + STELE_NAME_MAX + 1u))

/* The stored form: fixed-width integers in the machine's byte order, then each column's name.
 * _store writes it and returns its size in bytes (a multiple of 8, at most SCHEMA_STORED_MAX).
 * _load judges bytes that may be anything: -EBADMSG for what no _store wrote or no
 * stele_schema_check() passes, -ENOMEM. The result is freed with stele_schema_free(). */
size_t schema_store(const struct stele_schema *schema, void *buffer);
int schema_load(const void *stored, size_t size, struct stele_schema **ret);

#endif
