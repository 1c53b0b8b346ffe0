#!/bin/bash
# SPDX-License-Identifier: MIT
#
# picture.sh FILE: runs `stele top` on $DEMO_NET in a tmux terminal of fixed size until its graphs
# are full, then draws the screen into FILE. tests/scripts/demo.sh runs this script.
set -eu
cd "$(dirname "$0")/.."
socket=picture-$$
tmux() { command tmux -L "$socket" -f /dev/null "$@"; }
trap 'tmux kill-server 2>/dev/null || true' EXIT

tmux new-session -d -x 104 -y 25 "LC_ALL=C.UTF-8 TERM=tmux-256color '$STELE' top -i 0.5 '$DEMO_NET'" ; true
tmux send-keys Down Down
# samples that fill a graph
sleep "${STELE_PICTURE_SECONDS:-40}"
tmux capture-pane -p -e -N | sed "s/$DEMO_NET/$(printf "%-${#DEMO_NET}s" demo-net)/" | build-aux/screen_svg.py 104 25 'stele top' >"$1.new"
mv "$1.new" "$1"
