/* SPDX-License-Identifier: MIT
 *
 * The slow path of lpm_answers(): finds out why an index may not answer, and sets the error
 * message. For lpm.c and for the lookups. */
#ifndef SUBSCRIBER_INDEX_LPM_VALIDATE_H
#define SUBSCRIBER_INDEX_LPM_VALIDATE_H

#include "subscriber/index/lpm_state.h"

/* Returns 0 if the index may answer. Otherwise returns -ECHILD, -ESTALE or -EBADMSG. */
int lpm_validate(const struct stele_lpm *index);

/* The slow path of stele_lpm_match(): looks up an address after lpm_validate(). */
int lpm_match_checked(const struct stele_lpm *index, const void *address, uint32_t *ret);

#endif
