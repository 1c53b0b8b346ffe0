#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Checks that the documents show each example word for word in a ```c block, without the licence
# line of its first comment. The Makefile compiles the examples.
#
# check_examples.sh 'DOCUMENT...' EXAMPLE...
set -eu
documents=$1
shift
failed=0
for example; do
	# one block of the documents must be equal to the entire file
	# shellcheck disable=SC2086 # a list of documents
	if ! awk -v example="$example" '
		BEGIN { while ((getline line <example) > 0) if (line !~ /SPDX-License/) wanted = wanted line "\n" }
		/^```c$/ { inside = 1; block = ""; next }
		/^```$/ { if (inside && block == wanted) found = 1; inside = 0; next }
		inside { block = block $0 "\n" }
		END { exit !found }' $documents; then
		echo "check-examples: no block in $documents is equal to $example"
		failed=1
	fi
done
[ "$failed" -eq 0 ] && echo 'check-examples: ok'
exit "$failed"
