/* SPDX-License-Identifier: MIT
 *
 * What the output of an example may differ in from the one that its page shows. */
#include <criterion/criterion.h>

#include "tests/support/manual/shown.h"

#define UUID  "3f2a9c1e-8d0b-4c57-9a65-0b1c2d3e4f50"
#define OTHER "01234567-89ab-cdef-0123-456789abcdef"

Test(manual_shown, the_same_text_matches_and_others_do_not)
{
	cr_expect(shown_matches("net: 2 rows\n", "net: 2 rows\n"));
	cr_expect(!shown_matches("net: 2 rows\n", "net: 3 rows\n"));
	cr_expect(!shown_matches("net: 2 rows\n", "net: 2 rows\nnet: 2 rows\n"));
	cr_expect(!shown_matches("a\nb\n", "a\n"));
	cr_expect(!shown_matches("a\n", ""));
}

Test(manual_shown, spaces_in_a_row_do_not_matter_but_their_places_do)
{
	cr_expect(shown_matches("a   b\nc\n", "a b  \nc\n"));
	cr_expect(!shown_matches("a b\n", "ab\n"));
	cr_expect(!shown_matches("a\nb\n", "a b\n"));
}

Test(manual_shown, dots_stand_for_text_of_a_line_or_for_lines)
{
	cr_expect(shown_matches("a ... d\n", "a b c d\n"));
	cr_expect(shown_matches("a ...\n", "a b c\n"));
	cr_expect(!shown_matches("a ...\nd\n", "a b\nc\nd\n"));
	cr_expect(!shown_matches("a ... d\n", "a b c e\n"));
	cr_expect(shown_matches("a\n...\nd\n", "a\nd\n"));
	cr_expect(shown_matches("a\n...\nd\n", "a\nb\nc\nd\n"));
	cr_expect(!shown_matches("a\n...\nd\n", "a\nb\nc\n"));
	cr_expect(shown_matches("...\nd\n", "a\nb\nd\n"));
	cr_expect(shown_matches("a\n...\n", "a\nb\nd\n"));
}

Test(manual_shown, uuids_times_and_durations_may_be_others)
{
	cr_expect(shown_matches("7@3f2a9c1e " UUID "\n", "7@01234567 " OTHER "\n"));
	cr_expect(shown_matches("7@" UUID "\n", "7@" OTHER "\n"));
	cr_expect(!shown_matches("7@3f2a9c1e\n", "8@3f2a9c1e\n"));
	cr_expect(!shown_matches("7@3f2a9c1e\n", "7@" UUID "\n"));
	cr_expect(
		shown_matches("at 2026-01-31T12:03:17Z\n", "at 2027-11-30T01:02:03.123456789Z\n"));
	cr_expect(!shown_matches("at 2026-01-31T12:03:17Z\n", "at 2026-01-31\n"));
	cr_expect(shown_matches("for 2 s\n", "for 127 ms\n"));
	cr_expect(!shown_matches("for 2 s\n", "for 127\n"));
	cr_expect(!shown_matches("2 rows\n", "3 rows\n"));
}

Test(manual_shown, a_process_and_a_user_may_be_others)
{
	cr_expect(shown_matches("alice stele (4711)\n", "root stele (12)\n"));
	cr_expect(shown_matches("\"user\": \"alice\"\n", "\"user\": \"1000\"\n"));
	cr_expect(!shown_matches("stele (4711)\n", "stele (x)\n"));
	cr_expect(!shown_matches("stele (12)\n", "stele (13)\n"));
}
