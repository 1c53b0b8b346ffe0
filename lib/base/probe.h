/* SPDX-License-Identifier: MIT
 *
 * Static tracepoints (USDT probes) of the provider "stele", for perf, bpftrace and SystemTap.
 * docs/tracing.md lists the probes and their arguments. A probe is one no-op instruction, which a
 * tracer replaces by a breakpoint, and an ELF note that says where the arguments are. The
 * arguments are values that the code has anyway, never computed for the probe, so an inactive
 * probe costs only the no-op. Without <sys/sdt.h> the library has no probes. Any part of the
 * library may use these macros. */
#ifndef LIB_BASE_PROBE_H
#define LIB_BASE_PROBE_H

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
/* `region` is the region's name. The cast turns an array into a pointer: an array would be recorded
 * by its contents. */
#define PROBE2(name, region, a)       DTRACE_PROBE2(stele, name, (const char *)(region), a)
#define PROBE3(name, region, a, b)    DTRACE_PROBE3(stele, name, (const char *)(region), a, b)
#define PROBE4(name, region, a, b, c) DTRACE_PROBE4(stele, name, (const char *)(region), a, b, c)
#else
#define PROBE2(name, region, a)       ((void)(region), (void)(a))
#define PROBE3(name, region, a, b)    ((void)(region), (void)(a), (void)(b))
#define PROBE4(name, region, a, b, c) ((void)(region), (void)(a), (void)(b), (void)(c))
#endif

#endif
