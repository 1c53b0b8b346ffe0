/* SPDX-License-Identifier: MIT
 *
 * Lookups in the index of an IPv4 table, in one variant for every processor and in one that uses
 * the popcnt instruction. index.c chooses the variant when it opens an index. */
#ifndef SUBSCRIBER_INDEX_INDEX_IPV4_MATCH_H
#define SUBSCRIBER_INDEX_INDEX_IPV4_MATCH_H

#include "subscriber/index/index_state.h"

index_lookup ipv4_match_portable;
index_lookup_many ipv4_match_many_portable;
#ifdef __x86_64__
index_lookup ipv4_match_popcnt;
index_lookup_many ipv4_match_many_popcnt;
#endif

#endif
