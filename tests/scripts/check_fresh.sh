#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Follows the README's instructions on two machines with few packages: bare Debian trees, made with
# debootstrap, in namespaces. The first has only git and make, and runs `make run`, `make check`,
# `make install` and the README's programs. The second has gcc from the start, and runs only a part
# of the tests again. The tested sources are the files that git tracks, with their contents in this
# folder. The last line counts the steps and the tests in them.
#
# Needs root and a Debian mirror: this machine's own, if it uses one. Keeps the bare tree in
# /var/tmp for the next run.
set -eu
suite=bookworm
kept=/var/tmp/stele-fresh-$suite.tar

if [ "$(id -u)" -ne 0 ]; then
	echo 'check-fresh: needs root, for debootstrap and mounts' >&2
	exit 1
fi

# Processes and mounts are in namespaces, and end with them. Only a folder must be removed.
if [ "${1:-}" != in-namespaces ]; then
	cd "$(dirname "$0")/../.."
	build-aux/packages.sh fresh
	folder=$(mktemp -d /var/tmp/stele-fresh.XXXXXX)
	child=
	# shellcheck disable=SC2317 # called by the trap
	cleanup()
	{
		trap '' INT TERM HUP
		[ -z "$child" ] || { kill -KILL "$child" && wait "$child"; } 2>/dev/null || true
		rm -rf --one-file-system "$folder"
	}
	trap cleanup EXIT
	trap 'exit 143' INT TERM HUP
	unshare --mount --ipc --pid --fork --kill-child --propagation private \
		"$BASH" tests/scripts/check_fresh.sh in-namespaces "$folder" &
	child=$!
	status=0
	wait "$child" || status=$?
	child=
	exit "$status"
fi

folder=$2
tree=$folder/tree
where=
passed=0 failed=0 skipped=0

count()
{
	local p f s
	while read -r p _ f _ s _; do
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done < <(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$1")
}

finish()
{
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] || exit 1
	exit 0
}

wrong()
{
	echo "check-fresh: $where: $*" >&2
	[ "$failed" -ne 0 ] || failed=1
	finish
}

# inside COMMAND: runs a command in the tree, which becomes the root of a mount namespace. With
# chroot instead, the kernel would refuse to create user namespaces.
inside()
{
	# shellcheck disable=SC2016 # expanded by that shell
	unshare --mount --propagation private \
		sh -ec 'cd "$1"; pivot_root . .; umount -l .; shift; exec env -i "$@"' sh "$tree" \
		HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 MAKEFLAGS="$makeflags" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		DEBIAN_FRONTEND=noninteractive \
		${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
		bash -c "cd /root/stele && $1" </dev/null
}

# step COMMAND: runs a command in the tree, which must succeed.
step()
{
	local status=0
	printf '\n== %s: %s\n' "$where" "$1"
	SECONDS=0
	# a file, since a process left behind would keep a pipe open
	inside "$1" >"$folder/log" 2>&1 &
	tail -f --pid=$! "$folder/log" || true
	wait $! || status=$?
	count "$folder/log"
	[ "$status" -eq 0 ] || wrong "\`$1\` failed with $status"
	passed=$((passed + 1))
	echo "   $SECONDS s"
}

# silent COMMAND: runs a command with nothing to do, which must succeed and print nothing.
silent()
{
	local said
	printf '\n== %s: %s, with nothing to do\n' "$where" "$1"
	said=$(inside "$1" 2>&1) || wrong "\`$1\` failed: $said"
	[ -z "$said" ] || wrong "\`$1\` has nothing to do, but printed: $said"
	passed=$((passed + 1))
}

# ---- the machines ----

bootstrap()
{
	local mirror
	mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
		grep -E '^(URIs:|deb )' | tr ' ' '\n' | grep -E '^https?://.*/debian/?$' | head -n 1 || true)
	mirror=${mirror:-http://deb.debian.org/debian}
	echo "making a bare $suite from $mirror"
	debootstrap --variant=minbase --include=git,make,ca-certificates \
		"$suite" "$folder/bare" "$mirror" >"$folder/log" 2>&1 || {
		tail -n 20 "$folder/log" >&2
		wrong 'debootstrap failed'
	}
	rm -f "$folder"/bare/var/cache/apt/archives/*.deb
	tar -C "$folder/bare" --numeric-owner -cf "$folder/bare.tar" .
	rm -rf --one-file-system "$folder/bare"
	mv -fT "$folder/bare.tar" "$kept"
}

# machine NAME: makes a machine from the bare tree.
machine()
{
	where=$1
	makeflags=
	# run only a tree that root has made, since it runs as root
	if [ ! -f "$kept" ] || [ -L "$kept" ] || [ ! -O "$kept" ]; then bootstrap; fi
	rm -rf --one-file-system "$tree"
	mkdir "$tree"
	mount --bind "$tree" "$tree" # pivot_root needs a mount
	tar -C "$tree" --numeric-owner -xpf "$kept"
	mount -t proc proc "$tree/proc"
	mount -t sysfs -o ro sysfs "$tree/sys"
	mount -t devpts -o newinstance,ptmxmode=666 devpts "$tree/dev/pts"
	mount -t tmpfs -o nosuid,nodev tmpfs "$tree/dev/shm"
	cat /etc/resolv.conf >"$tree/etc/resolv.conf"
	cat /etc/hosts >"$tree/etc/hosts"
	apt-config dump | grep -E '^Acquire::(http|https|Retries|Check-|ForceIP)' \
		>"$tree/etc/apt/apt.conf.d/99machine" || true
	mkdir "$tree/root/stele"
	git -c safe.directory='*' ls-files -z | while IFS= read -r -d '' file; do
		[ ! -e "$file" ] || printf '%s\0' "$file"
	done | tar --no-recursion --null -T - -cf - |
		tar -C "$tree/root/stele" --no-same-owner -xf -
	[ -e "$tree/root/stele/Makefile" ] || wrong 'found no sources; run this in a git clone'
}

remove()
{
	umount -R "$tree"
	rm -rf --one-file-system "$tree"
}

# ---- the README's programs ----

# Extracts each C block that begins with a comment naming its file into that file.
extract()
{
	awk -v folder="$tree/root/example/" '
		/^```/ { file = ""; begins = $0 == "```c"; next }
		begins { begins = 0; if (match($0, /^\/\* [a-z]+\.c:/)) file = folder substr($0, 4, RLENGTH - 4) }
		file { print >file }' README.md
}

example()
{
	local build
	# shellcheck disable=SC2016 # backquotes of Markdown
	build=$(sed -n 's/.*Build each with `\(cc publisher\.c [^`]*\)`.*/\1/p' README.md)
	[ -n "$build" ] || wrong 'the README does not tell how to build its programs'
	mkdir "$tree/root/example"
	extract
	cat >"$tree/root/example/run" <<-EOF
		set -eux
		cd /root/example
		$build && ./a.out | tee published
		grep '^committed version' published
		${build/publisher.c/subscriber.c} -o subscriber
		./subscriber >seen 2>ended &
		sees()
		{
			for ((i = 0; i < 600; i++)); do ! grep "\$1" \$2 || return 0; sleep 0.1; done
			cat seen ended
			exit 1
		}
		sees 'via 192.0.2.1 dev eth0' seen
		stele set example/routes 203.0.113.0/24 next_hop=192.0.2.9
		sees 'via 192.0.2.9 dev eth0' seen
		stele rm example
		sees '^subscriber: ' ended
	EOF
	step 'bash /root/example/run'
}

installed()
{
	(cd "$tree/usr/local" && find . \( -type f -o -type l \) | sort)
}

install_and_use()
{
	installed >"$folder/before"
	step 'umask 077; make install'
	[ -z "$(find "$tree/usr/local" \( -type f ! -perm -444 \) -o \( -type d ! -perm -555 \))" ] ||
		wrong 'some installed files are not readable by all users'
	grep -q '^complete ' "$tree/usr/local/share/bash-completion/completions/stele" ||
		wrong 'make install did not install the completion for bash'
	example
	step 'make uninstall'
	installed >"$folder/after"
	cmp "$folder/before" "$folder/after" || wrong 'make uninstall left files behind'
	! inside 'ldconfig -p' | grep libstele || wrong 'the loader still lists the library after make uninstall'
}

# ---- the steps on each machine ----

machine 'git and make'
makeflags=-j2
step 'make run'
step 'make check'
step 'make'
silent 'make'
install_and_use
remove

machine 'gcc too'
# systemd mounts this on a machine that it has booted
mkdir "$tree/dev/mqueue"
mount -t mqueue mqueue "$tree/dev/mqueue"
step 'apt-get -qq update && apt-get -qq install -y --no-install-recommends gcc libc6-dev >/dev/null'
step 'make'
silent 'make'
step 'make check-static check-unit'
step 'make run'
silent 'make'
install_and_use
remove
finish
