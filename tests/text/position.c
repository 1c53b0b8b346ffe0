/* SPDX-License-Identifier: MIT
 *
 * Positions as text and back. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <stele/stele.h>

#define UUID "3f2a9c1e-51d0-4c0b-9d5e-6a8a4f3f1b20"

static const uint8_t uuid[16] = {0x3f, 0x2a, 0x9c, 0x1e, 0x51, 0xd0, 0x4c, 0x0b,
                                 0x9d, 0x5e, 0x6a, 0x8a, 0x4f, 0x3f, 0x1b, 0x20};

TestSuite(text_position, .timeout = 30);

static void expect_parsed(const char *text, const uint8_t *region, uint64_t version,
                          const uint8_t *expected)
{
	struct stele_position position;

	memset(&position, 0xa5, sizeof(position));
	cr_assert_eq(stele_position_parse(text, region, &position), 0, "%s: %s", text,
	             stele_last_error());
	cr_expect(position.version == version && position.reserved_[0] == 0, "%s", text);
	cr_expect(memcmp(position.region, expected, 16) == 0, "%s", text);
}

static void expect_refused(const char *text, const uint8_t *region, int error, const char *part)
{
	struct stele_position position, unchanged;

	memset(&position, 0xa5, sizeof(position));
	unchanged = position;
	cr_expect_eq(stele_position_parse(text, region, &position), error, "%s", text);
	cr_expect(strstr(stele_last_error(), part), "%s", stele_last_error());
	cr_expect(memcmp(&position, &unchanged, sizeof(position)) == 0, "%s", text);
}

Test(text_position, reads_what_was_formatted)
{
	static const uint64_t versions[] = {0, 1, 7, (UINT64_C(1) << 62) - 1, UINT64_MAX};
	static const uint8_t none[16];
	struct stele_position position;
	char text[STELE_POSITION_TEXT_MAX], small[4];

	for (size_t i = 0; i < 2 * sizeof(versions) / sizeof(versions[0]); i++) {
		const uint8_t *region = i % 2 ? none : uuid;

		position = (struct stele_position){.version = versions[i / 2]};
		memcpy(position.region, region, 16);
		cr_expect_lt(stele_position_format(&position, text, sizeof(text)), sizeof(text));
		expect_parsed(text, NULL, versions[i / 2], region);
	}
	position = (struct stele_position){.version = 7};
	memcpy(position.region, uuid, 16);
	cr_expect_eq(stele_position_format(&position, small, sizeof(small)), strlen("7@" UUID));
	cr_expect_str_eq(small, "7@3");
	cr_expect_eq(stele_position_format(&position, NULL, 0), strlen("7@" UUID));
	position = (struct stele_position){0};
	stele_position_format(&position, text, sizeof(text));
	cr_expect_str_eq(text, "0");
}

Test(text_position, a_short_uuid_means_the_region_that_is_given)
{
	static const char whole[] = "7@" UUID;
	char text[64];

	for (int length = 8; length <= 36; length++) {
		snprintf(text, sizeof(text), "%.*s", 2 + length, whole);
		expect_parsed(text, uuid, 7, uuid);
		if (length < 36)
			expect_refused(text, NULL, -EIDRM, "belongs to no region");
	}
	expect_parsed("7@3F2A9C1E-51D0", uuid, 7, uuid);
	/* A whole one is of its own region, whichever is given. */
	expect_parsed("7@" UUID, NULL, 7, uuid);
	expect_parsed("7@" UUID, (const uint8_t[16]){1}, 7, uuid);
	expect_refused("7@3f2a9c1f", uuid, -EIDRM,
	               "another region than the one with the UUID " UUID);
	expect_refused("0@3f2a9c1f", uuid, -EIDRM, "belongs to another region");
}

Test(text_position, refuses_all_else)
{
	static const char *const wrong[] = {
		"",
		"7",
		"00",
		"x",
		"7@",
		"@3f2a9c1e",
		"7@3f2a9c1",
		"7@3f2a9c1g",
		"7@-3f2a9c1e",
		"7@3f2a9c1e5",
		"7@3f2a9c1e-51d04",
		"7@3f2a9c1e51d04c0b9d5e6a8a4f3f1b20",
		"-7@3f2a9c1e",
		"+7@3f2a9c1e",
		" 7@3f2a9c1e",
		"7 @3f2a9c1e",
		"7@ 3f2a9c1e",
		"7@3f2a9c1e ",
		"07@3f2a9c1e",
		"0x7@3f2a9c1e",
		"18446744073709551616@3f2a9c1e",
		("7@" UUID "0"),
		("7@" UUID "\n"),
		(UUID ":7"),
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		expect_refused(wrong[i], NULL, -EINVAL, "invalid position \"");
		expect_refused(wrong[i], uuid, -EINVAL, "expected a version, @ and the UUID");
	}
}
