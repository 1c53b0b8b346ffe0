/* SPDX-License-Identifier: MIT
 * The exit statuses of the command. Every part of the command returns them.
 *
 * A function that returns an `enum status` has printed an error message if the status is neither
 * STATUS_DONE nor documented otherwise. Its caller only passes the status on. */
#ifndef TOOLS_BASE_STATUS_H
#define TOOLS_BASE_STATUS_H

/* The exit statuses of the command; `stele --help` and stele(1) list them. */
enum status {
	STATUS_DONE = 0,
	STATUS_NOT_THERE =
		1,           /* no such row; nothing happened in time; the doctor found a problem */
	STATUS_INPUT = 2,    /* wrong usage or bad input */
	STATUS_NO_TABLE = 3, /* no such region, table or version */
	STATUS_BUSY = 4,     /* another publisher is attached, or the data changed too fast */
	STATUS_DENIED = 5,
	STATUS_NO_SPACE = 6,
	STATUS_DAMAGED = 7, /* the region is damaged, not a region, or of another layout */
	STATUS_SYSTEM = 8,
	STATUS_REFUSED = 9,    /* --check or --max-removed refused the changes */
	STATUS_CONDITION = 10, /* a condition (--if-...) does not hold */
};

#endif
