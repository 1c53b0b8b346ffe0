/* SPDX-License-Identifier: MIT
 * Handles keys, and updates the page. Called by the loop of cmd_top.c. */
#ifndef TOOLS_TOP_TOP_KEYS_H
#define TOOLS_TOP_TOP_KEYS_H

#include "tools/top/top.h"

/* Updates the contents of the page, and sets the time of the next update. */
void keys_refresh(struct top *top);
/* Handles a key that screen_key() returned. */
void keys_press(struct top *top, int key);

#endif
