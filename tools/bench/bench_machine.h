/* SPDX-License-Identifier: MIT
 * Prepares and describes the machine on which the benchmark runs. Called by cmd_bench.c and
 * bench_latency.c. */
#ifndef TOOLS_BENCH_BENCH_MACHINE_H
#define TOOLS_BENCH_BENCH_MACHINE_H

#include "tools/base/status.h"
#include "tools/bench/bench.h"

/* Chooses the two cores, unless they are given (not -1), binds this process to the publisher's,
 * and keeps idle cores awake if this user may. */
enum status machine_prepare(struct bench *bench);
/* Sets bench->line_us. On a virtual machine the figure changes when its cores move. */
enum status machine_measure_line(struct bench *bench);

#endif
