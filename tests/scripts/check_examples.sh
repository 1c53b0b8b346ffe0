#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check_examples.sh 'DOCUMENT...' EXAMPLE...: checks that the documents show each example, which the Makefile
# has compiled, word for word in a ```c block (without its first comment's licence line).
set -eu
documents=$1
shift
failed=0
for example; do
	# one of the documents' blocks must be the file as a whole
	# shellcheck disable=SC2086 # a list of documents
	if ! awk -v example="$example" '
		BEGIN { while ((getline line <example) > 0) if (line !~ /SPDX-License/) wanted = wanted line "\n" }
		/^```c$/ { inside = 1; block = ""; next }
		/^```$/ { if (inside && block == wanted) found = 1; inside = 0; next }
		inside { block = block $0 "\n" }
		END { exit !found }' $documents; then
		echo "none of $documents shows $example as it is"
		failed=1
	fi
done
[ "$failed" -eq 0 ] && echo 'check-examples: ok'
exit "$failed"
