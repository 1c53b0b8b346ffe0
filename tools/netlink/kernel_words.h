/* SPDX-License-Identifier: MIT
 *
 * Converts numbers of the kernel to the words that ip(8) prints. The kernel_word_ functions write
 * the word, or the number if there is no word for it, to `ret`, with a NUL at its end. The decoders
 * call them.
 *
 * The names of protocols, scopes and routing tables are those of iproute2's files rt_protos,
 * rt_scopes and rt_tables. A few names of these files are not used, and the number stands instead:
 * a name that an earlier line gave to another number, because rows tell routes of different
 * protocols apart by the name; one that does not fit the columns; and one that begins with a
 * digit. */
#ifndef TOOLS_NETLINK_KERNEL_WORDS_H
#define TOOLS_NETLINK_KERNEL_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/* The directories of iproute2's files: of the administrator, and of the distribution. */
#define KERNEL_WORDS_ETC    "/etc/iproute2"
#define KERNEL_WORDS_VENDOR "/usr/share/iproute2"

/* Bytes of the name of a routing table, with the NUL at its end. */
enum { KERNEL_WORD_TABLE_MAX = 32 };

/* Reads the files, as ip(8) does: those in the directory `etc`, or else in `vendor`; the names that
 * are built in, for numbers without a name; and the files of `rt_protos.d` and the like. A file
 * that is missing adds nothing, a malformed line ends its file, and no more than 64 KiB of a file
 * are read. Called by one thread, before the other functions; without it only the names that are
 * built in are known. */
void kernel_words_load(const char *etc, const char *vendor);

void kernel_word_state(uint8_t operstate, char ret[16]);
void kernel_word_protocol(uint8_t protocol, char ret[12]);
void kernel_word_scope(uint8_t scope, char ret[8]);
/* Of a routing table. */
void kernel_word_table(uint32_t table, char ret[KERNEL_WORD_TABLE_MAX]);

/* Return true if kernel_word_protocol() writes this word for the protocol, or kernel_word_scope()
 * for the scope. */
bool kernel_word_is_protocol(const char *word, uint8_t protocol);
bool kernel_word_is_scope(const char *word, uint8_t scope);

/* Read a name or a number of a protocol or a routing table. Return false if it is neither. */
bool kernel_parse_protocol(const char *text, uint8_t *ret);
bool kernel_parse_table(const char *text, uint32_t *ret);

/* Returns false for states that are not mirrored, because the kernel does not always report that an
 * entry enters them. */
bool kernel_word_neighbour(uint16_t state, uint8_t flags, char ret[12]);

#endif
