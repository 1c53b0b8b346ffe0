/* SPDX-License-Identifier: MIT
 *
 * Lookups in the index of an IPv4 table, in one variant for every processor and in one that uses
 * the popcnt instruction. lpm.c chooses the variant when it opens an index. */
#ifndef SUBSCRIBER_INDEX_LPM_IPV4_MATCH_H
#define SUBSCRIBER_INDEX_LPM_IPV4_MATCH_H

#include "subscriber/index/lpm_state.h"

lpm_lookup ipv4_match_portable;
lpm_lookup_many ipv4_match_many_portable;
#ifdef __x86_64__
lpm_lookup ipv4_match_popcnt;
lpm_lookup_many ipv4_match_many_popcnt;
#endif

#endif
