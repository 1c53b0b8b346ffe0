/* SPDX-License-Identifier: MIT
 *
 * Lookups in the index of an IPv4 table, for index.c to choose from: one of each kind for every
 * processor, and those for better ones. */
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
