/* SPDX-License-Identifier: MIT
 * Keeps a region equal to a prefix of etcd: stele mirror --from. Called by cmd_mirror.c. */
#ifndef TOOLS_MIRROR_ETCD_FOLLOW_H
#define TOOLS_MIRROR_ETCD_FOLLOW_H

#include "tools/base/status.h"
#include "tools/etcd/etcd_http.h"

struct stele_publisher_options;

struct etcd_follow_options {
	const struct etcd_http_options *http;
	const char *region; /* for messages */
	const char *path;   /* under which the library opens the region */
	const struct stele_publisher_options *publisher;
};

/* Follows until a signal comes. Goes on after all errors of etcd, and prints them. */
enum status etcd_follow(const struct etcd_follow_options *options);

#endif
