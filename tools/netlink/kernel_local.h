/* SPDX-License-Identifier: MIT
 *
 * Whether an address is one of this network namespace. kernel_fpm.c asks this about the peer. */
#ifndef TOOLS_NETLINK_KERNEL_LOCAL_H
#define TOOLS_NETLINK_KERNEL_LOCAL_H

#include <stdbool.h>
#include <sys/socket.h>

/* Asks the kernel for its route to an IPv4 or IPv6 address, and returns true if packets to it stay
 * on this host. Unlike bind(2), this does not depend on net.ipv4.ip_nonlocal_bind. Returns false
 * after an error. */
bool kernel_address_is_local(const struct sockaddr *address);

#endif
