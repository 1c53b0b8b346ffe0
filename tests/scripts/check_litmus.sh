#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the litmus tests with herd7, and compares its observations with those in
# tests/litmus/expected.
set -u
folder=$(dirname "$0")/../litmus

if ! command -v herd7 >/dev/null; then
	echo 'check-litmus: skipped, since herd7 is not installed'
	exit 0
fi
failed=0 count=0
while read -r name model expected; do
	case $name in '' | '#'*) continue ;; esac
	observed=$(herd7 -model "$model" "$folder/$name.litmus" | sed -n 's/^Observation [^ ]* \([A-Za-z]*\) .*/\1/p')
	count=$((count + 1))
	if [ "$observed" != "$expected" ]; then
		echo "check-litmus: $name in model $model: observed ${observed:-nothing}, expected $expected" >&2
		failed=1
	fi
done <"$folder/expected"
for test in "$folder"/*.litmus; do
	grep -q "^$(basename "$test" .litmus) " "$folder/expected" && continue
	echo "check-litmus: $test is not in $folder/expected" >&2
	failed=1
done
[ "$failed" = 0 ] && echo "check-litmus: ok ($count)"
exit "$failed"
