/* SPDX-License-Identifier: MIT
 * Keeps a prefix of etcd equal to a region: stele mirror --to. Called by cmd_mirror.c. */
#ifndef TOOLS_MIRROR_ETCD_WRITER_H
#define TOOLS_MIRROR_ETCD_WRITER_H

#include "tools/base/status.h"
#include "tools/etcd/etcd_http.h"

struct place;

struct etcd_writer_options {
	const struct etcd_http_options *http;
	const struct place *place;
	const char *region;
	const char *const *tables; /* names, ended by NULL; NULL: all tables */
	int64_t wait;              /* deadline until which to wait for the region; 0: not */
};

/* Writes until a signal comes. Goes on after all errors of etcd, and prints them. */
enum status etcd_writer(const struct etcd_writer_options *options);

#endif
