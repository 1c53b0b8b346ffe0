#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks that each compiler's AddressSanitizer reports a data_load_bytes() past the end of a block.
# Without a sanitizer this function is inline assembly, which AddressSanitizer can't check.
#
# check_sanitizers.sh COMPILER...
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0 checked=

cat >"$folder/load.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "lib/base/atomic.h"

int main(void)
{
	unsigned char *block = malloc(16);

	if (!block)
		return 2;
	printf("%llu\n", (unsigned long long)data_load_bytes(block + 12));
	free(block);
	return 0;
}
C
echo 'int main(void) { return 0; }' >"$folder/nothing.c"
for compiler in "$@"; do
	# skipped if the compiler or its sanitizer's library is not installed
	$compiler -fsanitize=address -o "$folder/nothing" "$folder/nothing.c" 2>/dev/null || continue
	if ! $compiler -std=c17 -D_GNU_SOURCE -I. -g -fsanitize=address -o "$folder/load" "$folder/load.c"; then
		failed=1
	elif "$folder/load" >/dev/null 2>"$folder/report"; then
		echo "check-sanitizers: $compiler: AddressSanitizer does not report a load past the end of a block" >&2
		failed=1
	elif ! grep -q heap-buffer-overflow "$folder/report"; then
		cat "$folder/report" >&2
		failed=1
	fi
	checked="$checked $compiler"
done
[ "$failed" = 0 ] && echo "check-sanitizers: ok (${checked# })"
exit "$failed"
