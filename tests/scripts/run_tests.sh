#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs Criterion programs, JOBS at a time. Prints one line for each program, after the reasons of its
# skipped tests, and the output of a program that failed; the end of that output is repeated after
# all programs have run. The last line counts the tests of all programs. A sanitizer's report fails a
# program even if Criterion, which runs each test in a process of its own, counts the test as passed.
#
# As root, if the kernel allows namespaces, each program has its own /dev/shm, /dev/mqueue and IPC
# namespace. The program then neither sees nor touches the machine's other regions, and no other
# process uses its message queues, of which a system has few. A program that leaves objects there
# fails.
#
# run_tests.sh JOBS PROGRAM...
set -u

left()
{
	find /dev/shm /dev/mqueue -mindepth 1 2>/dev/null
	ipcs -m -q -s | grep '^0x'
}

if [ "${1:-}" = in-namespaces ]; then
	shift
	mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm || exit 125
	[ ! -d /dev/mqueue ] || mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue || exit 125
	"$@"
	status=$?
	# the test's own cleaner process may still be at work
	for ((tries = 0; tries < 600; tries++)); do
		[ -n "$(left)" ] || exit "$status"
		sleep 0.1
	done
	printf 'a test left these objects behind:\n%s\n' "$(left)"
	exit 98
fi

jobs=$1
shift
work=$(mktemp -d)
chmod 1777 "$work" # a test's child of another user writes its sanitizer's report here
trap 'rm -rf "$work"' EXIT
# a signal to this script also stops the programs
trap 'trap - TERM; kill $(jobs -p) 2>/dev/null; exit 143' INT TERM HUP

alone=(unshare --mount --ipc --propagation private -- "$BASH" "$0" in-namespaces)
if [ "$(id -u)" -ne 0 ] || ! "${alone[@]}" true 2>/dev/null; then alone=(); fi

run_one()
{
	local program=$1 name=${1#*tests/} begin end status counts failed passed tested skipped plain child
	local file=$work/${name//\//_} # KIND_NAME
	local log=$file.log report=$file.sanitizer

	export ASAN_OPTIONS="detect_leaks=1:log_path=$report:${ASAN_OPTIONS:-}"
	export UBSAN_OPTIONS="print_stacktrace=1:log_path=$report:${UBSAN_OPTIONS:-}"
	export TSAN_OPTIONS="log_path=$report:${TSAN_OPTIONS:-}"
	# ThreadSanitizer fails under some of the kernel's random address layouts
	plain=()
	if grep -q __tsan_init "$program" && setarch -R true 2>/dev/null; then plain=(setarch -R); fi
	begin=$(date +%s%N)
	timeout --kill-after=10 "${TEST_TIMEOUT:-1200}" "${alone[@]}" "${plain[@]}" "$program" --jobs 1 --verbose=1 >"$log" 2>&1 &
	child=$!
	trap 'kill "$child"; exit 143' TERM
	wait "$child"
	status=$?
	end=$(date +%s%N)
	cat "$report".* >>"$log" 2>/dev/null && status=99

	# Criterion's last line; a program that died before printing it has failed
	counts=$(sed -n 's/\x1b\[[0-9;]*m//g
		s/.*Synthesis: Tested: \([0-9]*\) | Passing: \([0-9]*\) | .*/\2 \1/p' "$log" | tail -1)
	read -r passed tested <<<"${counts:-0 1}"
	failed=$((tested - passed))
	skipped=$(grep -c '\[SKIP\]' "$log")
	[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
	if [ $((tested + skipped)) -eq 0 ]; then
		echo 'no test ran: Criterion needs /proc to be mounted' >>"$log"
		failed=1
	fi
	echo "$passed $failed $skipped" >"$file.counts"
	printf -v counts '%4d passed, %d failed, %d skipped' "$passed" "$failed" "$skipped"
	if [ "$failed" -ne 0 ]; then
		{ echo "---- $name (exit status $status)"; cat "$log"; echo "----"; } >"$file.out"
		{ echo "failed: $name (exit status $status)"; grep -v '\[PASS\]\|\[RUN \|\[SKIP\]' "$log" | tail -25; } >"$file.failed"
	fi
	grep '^\[SKIP\]' "$log" | sed 's/^\[SKIP\]/       skipped:/' >>"$file.out"
	printf '%-28s %s  %d.%03d s\n' "$name" "$counts" $(((end - begin) / 1000000000)) \
		$(((end - begin) / 1000000 % 1000)) >>"$file.out"
	cat "$file.out"
}

for program; do
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
	run_one "$program" &
done
wait

passed=0 failed=0 skipped=0
for counts in "$work"/*.counts; do
	[ -e "$counts" ] || continue
	read -r p f s <"$counts"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done
[ "$failed" -eq 0 ] || cat "$work"/*.failed
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
