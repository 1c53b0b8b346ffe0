/* SPDX-License-Identifier: MIT
 * Converts numbers of the kernel to the words that ip(8) prints. Each function writes the word, or
 * the number if there is no word for it, to `ret`, with a NUL at its end. The decoders call
 * this. */
#ifndef TOOLS_NETLINK_KERNEL_WORDS_H
#define TOOLS_NETLINK_KERNEL_WORDS_H

#include <stdbool.h>
#include <stdint.h>

void kernel_word_state(uint8_t operstate, char ret[16]);
void kernel_word_protocol(uint8_t protocol, char ret[12]);
void kernel_word_scope(uint8_t scope, char ret[12]);

/* Returns false for states that are not mirrored, because the kernel does not always report that an
 * entry enters them. */
bool kernel_word_neighbour(uint16_t state, uint8_t flags, char ret[12]);

#endif
