/* SPDX-License-Identifier: MIT
 *
 * Lookups in the index of an IPv6 table, for index.c to choose from: one of each kind for every
 * processor, and those for better ones. */
#ifndef SUBSCRIBER_INDEX_INDEX_IPV6_MATCH_H
#define SUBSCRIBER_INDEX_INDEX_IPV6_MATCH_H

#include "subscriber/index/index_state.h"

index_lookup ipv6_match_portable;
index_lookup_many ipv6_match_many_portable;
#ifdef __x86_64__
index_lookup ipv6_match_avx2, ipv6_match_avx512;
index_lookup_many ipv6_match_many_avx2, ipv6_match_many_avx512;
#endif

#endif
