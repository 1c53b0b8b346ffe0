/* SPDX-License-Identifier: MIT
 *
 * Lookups in the index of an IPv6 table, in one variant for every processor and in variants for
 * AVX2 and AVX-512. lpm.c chooses the variant when it opens an index. */
#ifndef SUBSCRIBER_INDEX_LPM_IPV6_MATCH_H
#define SUBSCRIBER_INDEX_LPM_IPV6_MATCH_H

#include "subscriber/index/lpm_state.h"

lpm_lookup ipv6_match_portable;
lpm_lookup_many ipv6_match_many_portable;
#ifdef __x86_64__
lpm_lookup ipv6_match_avx2, ipv6_match_avx512;
lpm_lookup_many ipv6_match_many_avx2, ipv6_match_many_avx512;
#endif

#endif
