/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tools/netlink/kernel_attributes.h"

void kernel_attributes_scan(const void *payload, size_t size, struct kernel_attributes *ret)
{
	const uint8_t *end = (const uint8_t *)payload + size;

	memset(ret, 0, sizeof(*ret));
	for (const struct nlattr *at = payload; mnl_attr_ok(at, (int)(end - (const uint8_t *)at));
	     at = mnl_attr_next(at)) {
		if (mnl_attr_get_type(at) < KERNEL_ATTRIBUTES)
			ret->of[mnl_attr_get_type(at)] = at;
	}
}

bool kernel_attributes_read(const struct nlmsghdr *message, size_t header,
                            struct kernel_attributes *ret)
{
	size_t size = mnl_nlmsg_get_payload_len(message), start = NLMSG_ALIGN(header);

	if (size < header)
		return false;
	kernel_attributes_scan(mnl_nlmsg_get_payload_offset(message, header),
	                       size > start ? size - start : 0, ret);
	return true;
}

void kernel_attributes_nested(const struct nlattr *outer, struct kernel_attributes *ret)
{
	kernel_attributes_scan(outer ? mnl_attr_get_payload(outer) : NULL,
	                       outer ? mnl_attr_get_payload_len(outer) : 0, ret);
}

uint32_t kernel_attribute_u32(const struct nlattr *attribute, uint32_t otherwise)
{
	return attribute && mnl_attr_get_payload_len(attribute) >= 4 ? mnl_attr_get_u32(attribute)
	                                                             : otherwise;
}

uint16_t kernel_attribute_u16(const struct nlattr *attribute, uint16_t otherwise)
{
	return attribute && mnl_attr_get_payload_len(attribute) >= 2 ? mnl_attr_get_u16(attribute)
	                                                             : otherwise;
}

bool kernel_attribute_bytes(const struct nlattr *attribute, void *ret, size_t size)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != size)
		return false;
	memcpy(ret, mnl_attr_get_payload(attribute), size);
	return true;
}

void kernel_attribute_text(const struct nlattr *attribute, char ret[16])
{
	if (attribute) {
		size_t size = mnl_attr_get_payload_len(attribute);
		size_t length = strnlen(mnl_attr_get_payload(attribute), size < 16 ? size : 16);

		memcpy(ret, mnl_attr_get_payload(attribute), length);
	}
}
