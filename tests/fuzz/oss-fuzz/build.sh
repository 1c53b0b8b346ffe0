#!/bin/bash -eu
# SPDX-License-Identifier: MIT
#
# Builds each harness with the engine and the flags that OSS-Fuzz gives, and packs its corpus. Run in
# the sources' folder with CC, CFLAGS, LIB_FUZZING_ENGINE and OUT set. The engine is C++, so clang++ links.
make -j"$(nproc)" BUILD=build/oss-fuzz CC="$CC" CFLAGS="$CFLAGS" CPPFLAGS=-Wno-error FUZZ_ENGINE="$LIB_FUZZING_ENGINE -lc++" fuzzers
for harness in tests/fuzz/fuzz_*.c; do
	name=$(basename "$harness" .c)
	cp "build/oss-fuzz/$name" "$OUT/"
	(cd "tests/fuzz/corpus/${name#fuzz_}" && zip -q "$OUT/${name}_seed_corpus.zip" ./*)
done
# The libraries are the image's; the runner has none of them.
mkdir -p "$OUT/lib"
for library in jansson csv mnl ncursesw tinfo uuid; do
	find /usr/lib /lib -name "lib$library.so.*" -exec cp -t "$OUT/lib" {} +
done
for harness in tests/fuzz/fuzz_*.c; do
	patchelf --set-rpath "\$ORIGIN/lib" "$OUT/$(basename "$harness" .c)"
done
