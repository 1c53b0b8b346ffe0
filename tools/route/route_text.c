/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tools/netlink/kernel_words.h"
#include "tools/route/route_text.h"

static void text_add(char text[ROUTE_TEXT_MAX], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Appends to a text, after a space. */
static void text_add(char text[ROUTE_TEXT_MAX], const char *format, ...)
{
	size_t length = strlen(text);
	va_list arguments;

	if (length > 0 && length + 1 < ROUTE_TEXT_MAX) {
		strcpy(text + length, " ");
		length++;
	}
	va_start(arguments, format);
	vsnprintf(text + length, ROUTE_TEXT_MAX - length, format, arguments);
	va_end(arguments);
}

void route_text_prefix(const uint8_t *address, unsigned length, bool wide, char ret[ROUTE_TEXT_MAX])
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(wide ? AF_INET6 : AF_INET, address, text, sizeof(text));
	snprintf(ret, ROUTE_TEXT_MAX, "%s/%u", text, length);
}

/* Adds a prefix, a struct stele_ipv4net or struct stele_ipv6net, if it is set. */
static void text_add_prefix(char text[ROUTE_TEXT_MAX], const char *name, const uint8_t *net,
                            bool wide)
{
	char prefix[ROUTE_TEXT_MAX];

	route_text_prefix(net, net[wide ? 16 : 4], wide, prefix);
	if (net[wide ? 16 : 4])
		text_add(text, "%s %.64s", name, prefix);
}

static void text_add_ports(char text[ROUTE_TEXT_MAX], const char *name, unsigned first,
                           unsigned last)
{
	if (first && first == last)
		text_add(text, "%s %u", name, first);
	else if (first)
		text_add(text, "%s %u-%u", name, first, last);
}

void route_text_conditions(const struct kernel_rule *rule, bool wide, char ret[ROUTE_TEXT_MAX])
{
	*ret = '\0';
	if (rule->invert)
		text_add(ret, "not");
	text_add_prefix(ret, "from", rule->from, wide);
	text_add_prefix(ret, "to", rule->to, wide);
	if (*rule->iif)
		text_add(ret, "iif %.16s", rule->iif);
	if (*rule->oif)
		text_add(ret, "oif %.16s", rule->oif);
	if (rule->mask == UINT32_MAX)
		text_add(ret, "fwmark 0x%x", rule->mark);
	else if (rule->mask)
		text_add(ret, "fwmark 0x%x/0x%x", rule->mark, rule->mask);
	if (rule->tos)
		text_add(ret, "tos 0x%02x", rule->tos);
	if (rule->ip_protocol)
		text_add(ret, "ipproto %u", rule->ip_protocol);
	text_add_ports(ret, "sport", rule->sport_first, rule->sport_last);
	text_add_ports(ret, "dport", rule->dport_first, rule->dport_last);
	if (rule->uid_first > 0 || rule->uid_last < UINT32_MAX)
		text_add(ret, "uidrange %u-%u", rule->uid_first, rule->uid_last);
	if (rule->l3mdev)
		text_add(ret, "l3mdev");
	if (rule->other)
		text_add(ret, "(others)");
	if (!*ret || strcmp(ret, "not") == 0)
		text_add(ret, "from all");
}

void route_text_action(const struct kernel_rule *rule, char ret[ROUTE_TEXT_MAX])
{
	static const char *const words[] = {
		[FR_ACT_NOP] = "nop",
		[FR_ACT_BLACKHOLE] = "blackhole",
		[FR_ACT_UNREACHABLE] = "unreachable",
		[FR_ACT_PROHIBIT] = "prohibit",
	};

	char table[KERNEL_WORD_TABLE_MAX];

	*ret = '\0';
	kernel_word_table(rule->table, table);
	if (rule->action == FR_ACT_TO_TBL && rule->l3mdev)
		text_add(ret, "lookup the VRF's table");
	else if (rule->action == FR_ACT_TO_TBL)
		text_add(ret, "lookup %s", table);
	else if (rule->action == FR_ACT_GOTO)
		text_add(ret, "goto %u", rule->target);
	else if (rule->action < sizeof(words) / sizeof(words[0]) && words[rule->action])
		text_add(ret, "%s", words[rule->action]);
	else
		text_add(ret, "action %u", rule->action);
	if (rule->suppress_prefixlength != -1)
		text_add(ret, "suppress_prefixlength %d", rule->suppress_prefixlength);
	if (rule->suppress_ifgroup != -1)
		text_add(ret, "suppress_ifgroup %d", rule->suppress_ifgroup);
}
