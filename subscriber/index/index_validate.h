/* SPDX-License-Identifier: MIT
 *
 * Whether an index may answer, where index_answers() can't tell. For index.c, and for the slow path of
 * the lookups. */
#ifndef SUBSCRIBER_INDEX_INDEX_VALIDATE_H
#define SUBSCRIBER_INDEX_INDEX_VALIDATE_H

#include "subscriber/index/index_state.h"

/* 0, or why the index does not answer: -ECHILD, -ESTALE, -EBADMSG. */
int index_validate(const struct stele_index *index);

/* stele_index_match() after index_validate(). */
int index_match_checked(const struct stele_index *index, const void *address, uint32_t *ret);

#endif
