/* SPDX-License-Identifier: MIT
 * Writes a module from a template. A template has lines of the target language. In them, @NAME@
 * stands for a property of the table, or of the column or word that the line is repeated for: the
 * tables in template.c have all of them. Lines that begin with % control the others:
 *
 *     %for columns, keys, values, members, words ... %end
 *                   once for each: columns in the order of the schema; key columns; value columns
 *                   of a fixed size, in the order of their offsets; these with padding; words of
 *                   the column
 *     %if PROPERTY ... %end, %if !PROPERTY ... %end
 *     %+TEXT        continues the line before
 */
#ifndef TOOLS_GENERATE_TEMPLATE_H
#define TOOLS_GENERATE_TEMPLATE_H

struct model;
struct text;

/* Appends the module of the model's language. */
void template_write(const struct model *model, struct text *text);

#endif
