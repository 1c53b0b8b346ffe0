/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tools/etcd/etcd_url.h"

#define ETCD_URL_SCHEME "etcd://"
#define ETCD_URL_PORT   "2379"

/* Returns true if `text` is a port, of `length` characters. */
static bool etcd_url_is_port(const char *text, size_t length)
{
	unsigned long port = strtoul(text, NULL, 10);

	return length >= 1 && length <= 5 && strspn(text, "0123456789") == length && port >= 1 &&
	       port <= 65535;
}

/* Returns the length of the host at the start of an endpoint, or 0 if there is none. */
static size_t etcd_url_host(const char *text, size_t length)
{
	size_t host = strcspn(text, ":,/");

	if (*text == '[')
		host = strcspn(text, "],/") + 1;
	if (host > length || (*text == '[' && (host < 4 || text[host - 1] != ']')))
		return 0;
	for (size_t i = 0; i < host; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("@?#\\", text[i]))
			return 0;
	return host;
}

static const char *etcd_url_add(struct etcd_url *url, const char *text, size_t length)
{
	size_t host = etcd_url_host(text, length);
	const char *port = text + host;

	if (host == 0 || length > ETCD_HOST - sizeof(":" ETCD_URL_PORT))
		return "expected HOST or HOST:PORT, with IPv6 addresses in brackets";
	if (host < length && (*port != ':' || !etcd_url_is_port(port + 1, length - host - 1)))
		return "expected a port from 1 to 65535 after the colon";
	if (url->count == ETCD_ENDPOINTS)
		return "more than 16 endpoints are not supported";
	snprintf(url->endpoints[url->count++], ETCD_HOST, "%.*s%s", (int)length, text,
	         host < length ? "" : ":" ETCD_URL_PORT);
	return NULL;
}

const char *etcd_url_parse(const char *text, struct etcd_url *ret)
{
	size_t scheme = strlen(ETCD_URL_SCHEME), length;
	struct etcd_url url = {.count = 0};
	const char *why;

	if (strncmp(text, ETCD_URL_SCHEME, scheme) != 0)
		return "expected etcd://HOST:PORT[,HOST:PORT...]/PREFIX";
	for (text += scheme;; text++) {
		length = strcspn(text, ",/");
		why = etcd_url_add(&url, text, length);
		if (why)
			return why;
		text += length;
		if (*text != ',')
			break;
	}
	length = strlen(text);
	while (length > 1 && text[length - 1] == '/')
		length--;
	if (length < 2)
		return "expected a /PREFIX after the endpoints";
	if (length + 2 > sizeof(url.prefix))
		return "the prefix has more than 254 characters";
	snprintf(url.prefix, sizeof(url.prefix), "%.*s/", (int)length, text);
	*ret = url;
	return NULL;
}
