/* SPDX-License-Identifier: MIT */
#include "lib/types/text_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/types/text_number.h"

static void address_format_prefix(int family, const uint8_t *net, unsigned length, char *ret)
{
	inet_ntop(family, net, ret, INET6_ADDRSTRLEN);
	snprintf(ret + strlen(ret), 5, "/%u", length);
}

static void address_format_mac(const uint8_t *mac, char *ret)
{
	for (size_t i = 0; i < 6; i++) {
		text_hex_format(mac + i, 1, ret + 3 * i);
		ret[3 * i + 2] = i < 5 ? ':' : '\0';
	}
}

/* The sizes of a UUID's groups, in bytes. Hyphens separate the groups. */
static const uint8_t uuid_groups[] = {4, 2, 2, 2, 6};

static void address_format_uuid(const uint8_t *uuid, char *ret)
{
	for (size_t i = 0; i < sizeof(uuid_groups); i++) {
		text_hex_format(uuid, uuid_groups[i], ret);
		uuid += uuid_groups[i];
		ret += 2 * uuid_groups[i];
		*ret++ = '-';
	}
	ret[-1] = '\0';
}

void text_address_format(enum stele_type type, const uint8_t *value, char *ret)
{
	switch (type) {
	case STELE_IPV4:
		inet_ntop(AF_INET, value, ret, TEXT_FIXED_MAX);
		break;
	case STELE_IPV6:
		inet_ntop(AF_INET6, value, ret, TEXT_FIXED_MAX);
		break;
	case STELE_IPV4NET:
		address_format_prefix(AF_INET, value, value[4], ret);
		break;
	case STELE_IPV6NET:
		address_format_prefix(AF_INET6, value, value[16], ret);
		break;
	case STELE_MAC:
		address_format_mac(value, ret);
		break;
	default:
		address_format_uuid(value, ret);
	}
}

static int address_parse_ip(int family, const char *text, size_t length, uint8_t *ret)
{
	char copy[INET6_ADDRSTRLEN];

	if (length >= sizeof(copy) || memchr(text, '\0', length))
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return inet_pton(family, copy, ret) == 1 ? 0 : -EINVAL;
}

/* Parses a prefix. An address without a length is the prefix of that one address, and "default" is
 * the prefix of all addresses. */
static int address_parse_prefix(int family, const char *text, size_t length, uint8_t *ret)
{
	unsigned width = family == AF_INET ? 4 : 16;
	const char *slash = length > 0 ? memchr(text, '/', length) : NULL;
	uint64_t bits = width * 8;
	int r;

	/* The word of iproute2. */
	if (length == strlen("default") && memcmp(text, "default", length) == 0) {
		memset(ret, 0, width + 1);
		return 0;
	}
	if (slash) {
		size_t after = length - (size_t)(slash + 1 - text);

		if (after > 1 && slash[1] == '0')
			return -EINVAL;
		r = text_decimal_parse(slash + 1, after, &bits);
		if (r < 0 || bits > width * 8)
			return -EINVAL;
		length = (size_t)(slash - text);
	}
	r = address_parse_ip(family, text, length, ret);
	if (r == 0)
		ret[width] = (uint8_t)bits;
	return r;
}

/* Parses a MAC address: six pairs of digits with colons or hyphens between them, three groups of
 * four digits with dots between them, or twelve digits. */
static int address_parse_mac(const char *text, size_t length, uint8_t *ret)
{
	size_t group = length == 17 ? 1 : length == 14 ? 2 : 6;
	char separator = length == 17 ? text[2] : '.';

	if (length != 17 && length != 14 && length != 12)
		return -EINVAL;
	if (length == 17 && separator != ':' && separator != '-')
		return -EINVAL;
	for (size_t i = 0; i < 6; i += group) {
		if (i > 0 && *text++ != separator)
			return -EINVAL;
		if (text_hex_parse(text, group, ret + i) < 0)
			return -EINVAL;
		text += 2 * group;
	}
	return 0;
}

static int address_parse_uuid(const char *text, size_t length, uint8_t *ret)
{
	if (length != 36)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(uuid_groups); i++) {
		if (i > 0 && *text++ != '-')
			return -EINVAL;
		if (text_hex_parse(text, uuid_groups[i], ret) < 0)
			return -EINVAL;
		text += 2 * uuid_groups[i];
		ret += uuid_groups[i];
	}
	return 0;
}

int text_address_parse(enum stele_type type, const char *text, size_t length, uint8_t *ret)
{
	switch (type) {
	case STELE_IPV4:
		return address_parse_ip(AF_INET, text, length, ret);
	case STELE_IPV6:
		return address_parse_ip(AF_INET6, text, length, ret);
	case STELE_IPV4NET:
		return address_parse_prefix(AF_INET, text, length, ret);
	case STELE_IPV6NET:
		return address_parse_prefix(AF_INET6, text, length, ret);
	case STELE_MAC:
		return address_parse_mac(text, length, ret);
	default:
		return address_parse_uuid(text, length, ret);
	}
}
