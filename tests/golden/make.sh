#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes the golden files of the features that a command gives to new regions: a region's data file
# (NAME.region) and a saved file (NAME.stele) with the same rows. Run it once for each set of features,
# when that set is final; never make the files of an older one again.
#
# The versions of the region are made from the files in steps/, whose names begin with the version that
# they make. tests/layout/golden.c reads the golden files in every build, and expects the same steps:
#
#   NN-TABLE.schema    creates the table, or alters it if it exists: its declaration from version NN on
#   NN-TABLE.ndjson    the rows of the table from version NN on, which are published unless NN-TABLE.schema
#                      makes the version: an alter keeps the rows
#
# New steps go after the last one, because golden files end at the step that was the last one then.
#
# make.sh STELE NAME     from the top of the tree, as in: tests/golden/make.sh build/stele 3-f
set -eu
stele=$1 name=$2 folder=tests/golden
region=golden-$$ work=$(mktemp -d) options='--history 8 --max-size 1M --limit 4M'
trap '"$stele" rm $region >/dev/null; rm -r "$work"' EXIT

# make_schemas VERSION: creates the new tables as one version, or alters tables
make_schemas()
{
	: >"$work"/new.schema
	for schema in "$folder"/steps/"$1"-*.schema; do
		table=$(basename "$schema" .schema)
		table=${table#*-}
		if "$stele" schema $region/"$table" >/dev/null 2>&1; then
			"$stele" alter $region/"$table" --to "$(cat "$schema")"
		else
			cat "$schema" >>"$work"/new.schema
		fi
	done
	# shellcheck disable=SC2086 # words
	[ ! -s "$work"/new.schema ] || "$stele" create $region $options --schema "$work"/new.schema
	options=
}

for step in $(find $folder/steps -type f | sed 's,.*/,,; s,-.*,,' | sort -u); do
	if ls $folder/steps/"$step"-*.schema >/dev/null 2>&1; then
		make_schemas "$step"
	else
		rows=$(ls $folder/steps/"$step"-*.ndjson)
		table=$(basename "$rows" .ndjson)
		"$stele" publish --message "step $step" $region/"${table#*-}" "$rows"
	fi
done

"$stele" compact $region >/dev/null
"$stele" save --replace $region ./$folder/"$name".stele >/dev/null
chmod 644 ./$folder/"$name".stele
cp --sparse=never /dev/shm/stele.$region ./$folder/"$name".region
# A file of memory without a boot id counts as one of this boot.
dd if=/dev/zero of=./$folder/"$name".region bs=1 seek=272 count=16 conv=notrunc status=none
chmod 644 ./$folder/"$name".region
