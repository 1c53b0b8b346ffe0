#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the Spin models of docs/models. The correct variants must pass, and the variants that a -D
# flag breaks must fail. Prints the number of states of each correct variant. Needs spin.
#
# check_models.sh [COMPILER]
set -eu

models=$PWD/docs/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# run MODEL ERRORS FLAG...: checks that the search of a variant finds this number of errors.
run() {
	model=$1 errors=$2
	shift 2
	rm -f pan*
	spin "$@" -a "$models/$model.pml" >spin.out 2>&1 || { cat spin.out >&2; exit 1; }
	# Where an error is expected, optimizing takes longer than the search.
	[ "$errors" = 0 ] && optimize=-O1 || optimize=-O0
	"$compiler" "$optimize" -w -DSAFETY -o pan pan.c
	./pan -E -m1000000 -w22 >pan.out 2>&1 || { cat pan.out >&2; exit 1; }
	if grep -q 'search not completed\|max search depth too small\|out of memory' pan.out &&
		[ "$errors" = 0 ]; then
		echo "check-models: $model $*: the search did not complete" >&2
		exit 1
	fi
	found=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out)
	if [ "$found" != "$errors" ]; then
		echo "check-models: $model $*: found $found errors, expected $errors" >&2
		cat pan.out >&2
		exit 1
	fi
	states=$(sed -n 's/ *\([0-9]*\) states, stored.*/\1/p' pan.out)
	[ "$errors" = 0 ] && printf '  %-9s %-14s %10s states\n' "$model" "$*" "$states" ||
		printf '  %-9s %-14s fails as expected\n' "$model" "$*"
}

compiler=${1:-cc}
if ! command -v spin >/dev/null; then
	echo 'check-models: skipped, since spin is not installed'
	exit 0
fi

for kind in ONE MANY FIFO SEMAPHORE SYSV DESCRIPTOR; do
	run channels 0 -D$kind
done
run channels 1 -DFIFO -DGOES_ON
run channels 1 -DMANY -DGOES_ON
run channels 1 -DSYSV -DON_HEAD
run channels 1 -DSYSV -DSTALE
run channels 1 -DDESCRIPTOR -DDRAINS_LATE
run futex 0
run futex 0 -DDEATH
for broken in ONCE_A_TICKET MARK_APART REREAD SILENT; do
	run futex 1 -D$broken
done
# The full forms of pins and notices take many minutes. Their headers show how to run them.
run pins 0 -DHONEST
run pins 1 -DHONEST -DBROKEN_FENCE
run pins 1 -DHONEST -DBROKEN_GRANT
run pins 1 -DBROKEN_SCAN
run notices 1 -DREMEMBER
run notices 1 -DNOT_EVERYBODY
run claims 0
run claims 0 -DBOTH
run claims 0 -DROUNDS=2
run claims 0 -DSUBSCRIBER_DIES
run claims 0 -DPUBLISHER_DIES
for broken in LATE COUNTS_FIRST CLAIMS_FIRST TICKETS_FIRST ANY_OWNER STALE_TICKET; do
	run claims 1 -D$broken
done
run claims 1 -DBOTH -DSTOPS
run claims 1 -DBOTH -DRING=1 -DOVERFLOW
run claims 1 -DBOTH -DRING=1 -DRECOUNTS
run claims 1 -DPUBLISHER_DIES -DNEW_IS_OLD
echo 'check-models: ok'
