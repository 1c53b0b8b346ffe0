/* SPDX-License-Identifier: MIT */
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/netlink/kernel_words.h"

#define WORDS(array_) (array_), sizeof(array_) / sizeof((array_)[0])

static void words_find(const char *const *words, size_t count, uint8_t number, char *ret,
                       size_t size)
{
	if (number < count && words[number])
		snprintf(ret, size, "%s", words[number]);
	else
		snprintf(ret, size, "%u", (unsigned)number);
}

void kernel_word_state(uint8_t operstate, char ret[16])
{
	static const char *const words[] = {"unknown", "notpresent", "down", "lowerlayerdown",
	                                    "testing", "dormant",    "up"};

	words_find(WORDS(words), operstate, ret, 16);
}

void kernel_word_protocol(uint8_t protocol, char ret[12])
{
	static const char *const words[] = {
		[RTPROT_UNSPEC] = "unspec",
		[RTPROT_REDIRECT] = "redirect",
		[RTPROT_KERNEL] = "kernel",
		[RTPROT_BOOT] = "boot",
		[RTPROT_STATIC] = "static",
		[RTPROT_GATED] = "gated",
		[RTPROT_RA] = "ra",
		[RTPROT_MRT] = "mrt",
		[RTPROT_ZEBRA] = "zebra",
		[RTPROT_BIRD] = "bird",
		[RTPROT_DNROUTED] = "dnrouted",
		[RTPROT_XORP] = "xorp",
		[RTPROT_NTK] = "ntk",
		[RTPROT_DHCP] = "dhcp",
		[RTPROT_KEEPALIVED] = "keepalived",
		[RTPROT_BABEL] = "babel",
		[RTPROT_OPENR] = "openr",
		[RTPROT_BGP] = "bgp",
		[RTPROT_ISIS] = "isis",
		[RTPROT_OSPF] = "ospf",
		[RTPROT_RIP] = "rip",
		[RTPROT_EIGRP] = "eigrp",
	};

	words_find(WORDS(words), protocol, ret, 12);
}

void kernel_word_scope(uint8_t scope, char ret[12])
{
	static const char *const words[] = {
		[RT_SCOPE_UNIVERSE] = "global", [RT_SCOPE_SITE] = "site",
		[RT_SCOPE_LINK] = "link",       [RT_SCOPE_HOST] = "host",
		[RT_SCOPE_NOWHERE] = "nowhere",
	};

	words_find(WORDS(words), scope, ret, 12);
}

bool kernel_word_neighbour(uint16_t state, uint8_t flags, char ret[12])
{
	static const struct {
		uint16_t state;
		const char *word;
	} words[] = {{NUD_PERMANENT, "permanent"}, {NUD_REACHABLE, "reachable"},
	             {NUD_STALE, "stale"},         {NUD_DELAY, "delay"},
	             {NUD_PROBE, "probe"},         {NUD_FAILED, "failed"}};

	/* The kernel itself makes entries for addresses that need no resolution, without a message.
	 * It reports those that a program made. */
	if ((state & NUD_NOARP) && (flags & NTF_EXT_LEARNED)) {
		snprintf(ret, 12, "noarp");
		return true;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (state & words[i].state) {
			snprintf(ret, 12, "%s", words[i].word);
			return true;
		}
	}
	return false;
}
