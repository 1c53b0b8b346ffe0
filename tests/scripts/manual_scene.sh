#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The scene in which the examples of a page of the manual run (tests/manual/examples.c): a directory
# for regions, a working directory, and the region `net` of FIRST STEPS in stele(1). Each step leaves
# what it printed and its exit status in files.
#
# bash SCRIPT SCENE STELE PAGE, where SCRIPT sources this file
set -u

SCENE=$1 STELE=$2 page=$3
export SCENE STELE LC_ALL=C.UTF-8 TZ=UTC HOME=$SCENE/work
unset NO_COLOR STELE_RECORDINGS
mkdir "$SCENE/bin" "$SCENE/regions" "$SCENE/host" "$SCENE/work" "$SCENE/results"
cd "$SCENE/work" || exit 1
PATH=$SCENE/bin:$PATH:/usr/sbin:/sbin
# Programs of setups may still run, or be stopped.
scene_fini()
{
	local pid
	for pid in $(jobs -p); do kill "$pid"; kill -CONT "$pid"; done 2>/dev/null
	wait
}
trap scene_fini EXIT
exec 8>&1 9>&2 # while a step runs, its own output is in a file

# program NAME: writes a program of the scene from standard input
program()
{
	{ echo '#!/bin/bash'; cat; } >"$SCENE/bin/$1"
	chmod +x "$SCENE/bin/$1"
}

# The command, with the regions of the scene unless the example names a directory.
program stele <<'END'
case " $* " in
*" --directory"* | " help "* | " --"*) exec "$STELE" "$@" ;;
esac
command=$1
shift
exec "$STELE" "$command" --directory="${SCENE_REGIONS:-$SCENE/regions}" "$@"
END

# The other machine has regions of its own.
program ssh <<'END'
shift
SCENE_REGIONS=$SCENE/host exec bash -c "$*"
END

# `systemctl VERB UNIT` leaves a file.
program systemctl <<'END'
touch "$SCENE/work/.$1-$2"
END

# The same routes on every machine.
program ip <<'END'
case "$*" in
'-json -4 route')
	echo '[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","protocol":"dhcp","metric":100,"flags":[]},'
	echo '{"dst":"192.0.2.0/24","dev":"eth0","protocol":"kernel","scope":"link","flags":[]}]' ;;
*) exit 1 ;;
esac
END

# Draws nothing.
program dot <<'END'
grep -q '^digraph' && echo '<svg/>'
END

# ---- steps ----

# scene_begin STEP: what follows is a step of the page, and prints to the step's file
scene_begin()
{
	step=$1
	exec >"$SCENE/results/$step.output" 2>&1 </dev/null
	(exit "${status:-0}") # for the example's $?
}

scene_end()
{
	status=$?
	exec >&8 2>&9
	echo "$status" >"$SCENE/results/$step.status"
}

# Lines between these two are not in the page.
scene_begin_setup()
{
	step=$1
	exec >"$SCENE/results/$step.setup" 2>&1 </dev/null
}

scene_end_setup()
{
	exec >&8 2>&9
}

# A line of a setup must succeed.
scene_setup_failed()
{
	{ echo "$page: a line of the setup of step $1 failed:"; cat "$SCENE/results/$step.setup"; } >&9
}

# The command before this one runs in the background, in a process group of its own.
scene_started()
{
	leader=$(jobs -p %%)
	last=$!
	fifo=
	set +m
	exec >&8 2>&9
}

# scene_start_on_terminal STEP: runs the shell line of standard input on a terminal
scene_start_on_terminal()
{
	step=$1
	fifo=$SCENE/keys
	mkfifo "$fifo"
	: >"$SCENE/results/$step.output"
	# opened for both, so that neither end waits for the other
	exec 7<>"$fifo"
	TERM=xterm-256color COLUMNS=80 LINES=24 script -qefc "stty cols 80 rows 24; $(cat)" /dev/null \
		<"$fifo" >"$SCENE/results/$step.output" 2>&1 7>&- 8>&- 9>&- &
	leader=$!
	last=$!
}

# scene_stop TEXT: waits until the running step has printed TEXT (`nothing`: it may be stopped now),
# and ends it in order: by the key q on a terminal, else by SIGINT to its first process
scene_stop()
{
	until [ "$1" = nothing ] || grep -qF -e "$1" "$SCENE/results/$step.output"; do
		kill -0 "$leader" 2>/dev/null || break
		sleep 0.05
	done
	if [ -n "$fifo" ]; then
		printf q >&7
	else
		kill -INT "$leader" 2>/dev/null
	fi
	wait "$last"
	status=$?
	if [ -n "$fifo" ]; then
		exec 7>&-
		rm "$fifo"
	fi
	echo "$status" >"$SCENE/results/$step.status"
}

# ---- for setups ----

# subscribed REGION: waits until a subscriber of the region waits for a version
subscribed()
{
	until stele subscribers --format csv "$1" | grep -q ',waiting,'; do sleep 0.05; done
}

# published REGION: waits until the region has a version
published()
{
	until stele wait --timeout 0 "$1" >/dev/null 2>&1; do sleep 0.05; done
}

# stopped PID: waits until a process is stopped
stopped()
{
	until grep -q '^State:.T' "/proc/$1/status"; do sleep 0.05; done
}

# there PATH: waits for a file with content
there()
{
	until [ -s "$1" ]; do sleep 0.05; done
}

# done_by UNIT VERB: waits until systemctl was called so
done_by()
{
	until [ -e "$SCENE/work/.$2-$1" ]; do sleep 0.05; done
}

# first_steps: the region of FIRST STEPS in stele(1), and its file
first_steps()
{
	printf '%s\n' prefix,next_hop,metric 0.0.0.0/0,192.0.2.1,100 10.0.0.0/8,192.0.2.2,20 >routes.csv
	stele create net --table 'routes(prefix: ipv4net key, next_hop: ipv4, metric: u32)'
	stele publish net/routes routes.csv
}

case $page in
stele.1 | stele-create.1) ;;
*) first_steps >/dev/null || echo "$page: the region of the scene can't be created" >&2 ;;
esac
