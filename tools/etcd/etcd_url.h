/* SPDX-License-Identifier: MIT
 * Parses the URLs of `stele mirror`: etcd://HOST:PORT[,HOST:PORT...]/PREFIX. Called by
 * cmd_mirror.c. */
#ifndef TOOLS_ETCD_ETCD_URL_H
#define TOOLS_ETCD_ETCD_URL_H

#include <stddef.h>

enum { ETCD_ENDPOINTS = 16, ETCD_HOST = 260, ETCD_PREFIX = 256 };

struct etcd_url {
	char endpoints[ETCD_ENDPOINTS][ETCD_HOST]; /* HOST:PORT; IPv6 addresses in brackets */
	size_t count;
	char prefix[ETCD_PREFIX]; /* starts and ends with a slash */
};

/* Parses a URL. A port that is left out is 2379. Returns NULL, or why the text is no such URL. */
const char *etcd_url_parse(const char *text, struct etcd_url *ret);

#endif
