/* SPDX-License-Identifier: MIT
 * The machine that is measured on. The command calls it before it measures. */
#ifndef TOOLS_BENCH_BENCH_MACHINE_H
#define TOOLS_BENCH_BENCH_MACHINE_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* Chooses the cores (of those that are allowed, where they are not given, -1), binds this process
 * to the publisher's, and keeps idle ones awake if permitted. */
enum status machine_prepare(struct bench *bench);
/* Sets .line_us. On a virtual machine that may change as cores move about. */
enum status machine_measure_line(struct bench *bench);

#endif
