/* SPDX-License-Identifier: MIT */
#include "lib/base/crc32c.h"

#include <criterion/criterion.h>
#include <string.h>

/* The vectors of RFC 3720, B.4. */
Test(crc32c, known_values)
{
	_Alignas(8) unsigned char bytes[32] = {0};

	cr_expect_eq(crc32c(bytes, 32), UINT32_C(0x8a9136aa));
	cr_expect_eq(crc32c_by_table(bytes, 32), UINT32_C(0x8a9136aa));
	memset(bytes, 0xff, sizeof(bytes));
	cr_expect_eq(crc32c(bytes, 32), UINT32_C(0x62a8ab43));
	cr_expect_eq(crc32c_by_table(bytes, 32), UINT32_C(0x62a8ab43));
	for (unsigned i = 0; i < 32; i++)
		bytes[i] = (unsigned char)i;
	cr_expect_eq(crc32c(bytes, 32), UINT32_C(0x46dd794e));
	cr_expect_eq(crc32c_by_table(bytes, 32), UINT32_C(0x46dd794e));
	cr_expect_eq(crc32c(bytes, 0), 0);
	cr_expect_eq(crc32c_by_table(bytes, 0), 0);
}

Test(crc32c, every_changed_bit_is_noticed)
{
	_Alignas(8) unsigned char bytes[64];

	memset(bytes, 0x5a, sizeof(bytes));
	for (unsigned bit = 0; bit < sizeof(bytes) * 8; bit++) {
		uint32_t before = crc32c(bytes, sizeof(bytes));
		bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		cr_expect_neq(crc32c(bytes, sizeof(bytes)), before);
		cr_expect_eq(crc32c(bytes, sizeof(bytes)), crc32c_by_table(bytes, sizeof(bytes)));
	}
}
