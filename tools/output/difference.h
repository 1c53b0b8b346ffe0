/* SPDX-License-Identifier: MIT
 * Prints changes, row by row. `stele watch`, `stele diff` and --check use this. */
#ifndef TOOLS_OUTPUT_DIFFERENCE_H
#define TOOLS_OUTPUT_DIFFERENCE_H

#include <stele/stele.h>
#include "tools/base/format.h"
#include "tools/base/status.h"
#include "tools/output/output.h"

struct difference {
	struct output *output; /* opened by difference_output() */
	uint64_t printed;      /* number of changes printed so far */
};

/* Opens an output for changes, on `stream`. */
struct output *difference_output(FILE *stream, enum output_format format);

/* Prints the change of an event, whose row must be consistent. The change has the event's version
 * and region. */
enum status difference_print(struct difference *difference, const struct stele_event *event);

/* Prints the changes that a transaction has made in a table, as changes of the position. If its
 * version is 0, first sets it to the version that the transaction would make. */
enum status difference_print_proposed(struct difference *difference, struct stele_writable *table,
                                      const char *name, const struct stele_schema *schema,
                                      struct stele_position *position);

/* Prints that a table was altered, for STELE_EVENT_ALTERED: a line "altered", and in tables what
 * differs. */
enum status difference_print_altered(struct difference *difference,
                                     const struct stele_event *event);

/* Prints a line that is no change of a row: "gap", and all rows of `version` follow; or "gone". `why`
 * explains it in tables. */
enum status difference_print_mark(struct difference *difference, const char *mark, const char *why,
                                  uint64_t version, const uint8_t *region);

#endif
