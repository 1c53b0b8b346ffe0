/* SPDX-License-Identifier: MIT
 * The kernel's numbers as the words that ip(8) prints. `ret` is written and padded with NUL. */
#ifndef TOOLS_KERNEL_KERNEL_WORDS_H
#define TOOLS_KERNEL_KERNEL_WORDS_H

#include <stdbool.h>
#include <stdint.h>

void kernel_word_state(uint8_t operstate, char ret[16]);
void kernel_word_type(uint8_t type, char ret[12]);
void kernel_word_protocol(uint8_t protocol, char ret[12]);
void kernel_word_scope(uint8_t scope, char ret[12]);

/* False for the states that the kernel does not report each entry's way into. */
bool kernel_word_neighbour(uint16_t state, char ret[12]);

#endif
