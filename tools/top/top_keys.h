/* SPDX-License-Identifier: MIT
 * What keys do, and when the page is refreshed. The loop of cmd_top.c calls it. */
#ifndef TOOLS_TOP_TOP_KEYS_H
#define TOOLS_TOP_TOP_KEYS_H

#include "tools/top/top.h"

/* Looks at what the page shows, and says when to look next. */
void keys_refresh(struct top *top);
/* A key was pressed. */
void keys_press(struct top *top, int key);

#endif
