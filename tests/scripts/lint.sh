#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs the linters. Each argument but the first is a list of files. clang-tidy takes its flags from
# compile_commands.json, and its checks, with reasons, from .clang-tidy.
#
# lint.sh JOBS SCRIPTS MANUALS SOURCES
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

jobs=$1
read -ra scripts <<<"$2"
read -ra manuals <<<"$3"
read -ra sources <<<"$4"
status=0

# lint NAME COMMAND...: runs a linter, and prints whether it succeeded.
lint()
{
	local name=$1
	shift
	if "$@"; then echo "$name: ok"; else echo "$name: failed"; status=1; fi
}

# shellcheck disable=SC2317 # called by lint()
tidy()
{
	# standard error only has the numbers of suppressed warnings
	printf '%s\n' "${sources[@]}" | xargs -P "$jobs" -n 8 clang-tidy -p . --quiet 2>/dev/null
}

lint clang-tidy tidy
lint shellcheck shellcheck -x "${scripts[@]}"
lint mandoc mandoc -T lint -W warning "${manuals[@]}"
# whatis and apropos read the line of NAME as lexgrog does
lint lexgrog lexgrog "${manuals[@]}"
lint codespell codespell .
exit "$status"
