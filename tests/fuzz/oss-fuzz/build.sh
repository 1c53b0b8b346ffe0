#!/bin/bash -eu
# SPDX-License-Identifier: MIT
#
# Builds each harness with the engine and the flags of OSS-Fuzz, and packs its corpus. Run this in the
# folder of the sources, with CC, CFLAGS, LIB_FUZZING_ENGINE and OUT set. The engine is written in
# C++, so it needs the C++ library.
make -j"$(nproc)" BUILD=build/oss-fuzz CC="$CC" CFLAGS="$CFLAGS" CPPFLAGS=-Wno-error FUZZ_ENGINE="$LIB_FUZZING_ENGINE -lc++" fuzzers
for harness in tests/fuzz/fuzz_*.c; do
	name=$(basename "$harness" .c)
	cp "build/oss-fuzz/$name" "$OUT/"
	(cd "tests/fuzz/corpus/${name#fuzz_}" && zip -q "$OUT/${name}_seed_corpus.zip" ./*)
done
# Copies the libraries of this image, because the image that runs the harnesses does not have them.
mkdir -p "$OUT/lib"
for library in mnl ncursesw tinfo uuid; do
	find /usr/lib /lib -name "lib$library.so.*" -exec cp -t "$OUT/lib" {} +
done
for harness in tests/fuzz/fuzz_*.c; do
	patchelf --set-rpath "\$ORIGIN/lib" "$OUT/$(basename "$harness" .c)"
done
