/* SPDX-License-Identifier: MIT
 *
 * The slow path of index_answers(): finds out why an index may not answer, and sets the error
 * message. For index.c and for the lookups. */
#ifndef SUBSCRIBER_INDEX_INDEX_VALIDATE_H
#define SUBSCRIBER_INDEX_INDEX_VALIDATE_H

#include "subscriber/index/index_state.h"

/* Returns 0 if the index may answer. Otherwise returns -ECHILD, -ESTALE or -EBADMSG. */
int index_validate(const struct stele_index *index);

/* The slow path of stele_index_match(): looks up an address after index_validate(). */
int index_match_checked(const struct stele_index *index, const void *address, uint32_t *ret);

#endif
