/* SPDX-License-Identifier: MIT
 * Reads the schemas of tables from whatever an operand names. `stele schema' and `stele generate'
 * use this. */
#ifndef TOOLS_INPUT_SOURCE_H
#define TOOLS_INPUT_SOURCE_H

#include "tools/base/status.h"
#include "tools/region/place.h"
#include "tools/rows/declarations.h"

/* Appends the tables of `text`: a region or saved file, or one table in it; a declaration; or a
 * file of declarations (with a path that has a '.' or starts with '/'; "-" is standard input).
 * `command` is the subcommand, for error messages. */
enum status source_read(const char *command, const struct place *place, const char *text,
                        struct declarations *ret);

#endif
