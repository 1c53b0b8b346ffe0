/* SPDX-License-Identifier: MIT
 *
 * Places where a tracer may look on: perf, bpftrace and SystemTap find them by their names
 * (provider "stele"), and docs/tracing.md has what each tells. A place is one instruction that
 * does nothing until a tracer puts a breakpoint there, and a note of where its arguments are;
 * so arguments are what is at hand, never something computed for a probe. Where the library is
 * compiled without <sys/sdt.h> there are none. */
#ifndef LIB_BASE_PROBE_H
#define LIB_BASE_PROBE_H

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
/* The first argument is the region's name; an array would be noted as what is in it. */
#define PROBE2(name, region, a)       DTRACE_PROBE2(stele, name, (const char *)(region), a)
#define PROBE3(name, region, a, b)    DTRACE_PROBE3(stele, name, (const char *)(region), a, b)
#define PROBE4(name, region, a, b, c) DTRACE_PROBE4(stele, name, (const char *)(region), a, b, c)
#else
#define PROBE2(name, region, a)       ((void)(region), (void)(a))
#define PROBE3(name, region, a, b)    ((void)(region), (void)(a), (void)(b))
#define PROBE4(name, region, a, b, c) ((void)(region), (void)(a), (void)(b), (void)(c))
#endif

#endif
