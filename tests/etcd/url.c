/* SPDX-License-Identifier: MIT
 *
 * The URLs of stele mirror. */
#include <criterion/criterion.h>
#include <string.h>
#include "tools/etcd/etcd_url.c"

Test(etcd_url, endpoints_and_prefix)
{
	struct etcd_url url;

	cr_assert(etcd_url_parse("etcd://a,b:1,[::1]:2,[fe80::1%25eth0]/x/y//", &url) == NULL);
	cr_expect(url.count == 4);
	cr_expect(strcmp(url.endpoints[0], "a:2379") == 0);
	cr_expect(strcmp(url.endpoints[1], "b:1") == 0);
	cr_expect(strcmp(url.endpoints[2], "[::1]:2") == 0);
	cr_expect(strcmp(url.endpoints[3], "[fe80::1%25eth0]:2379") == 0);
	cr_expect(strcmp(url.prefix, "/x/y/") == 0);
}

Test(etcd_url, what_is_wrong_is_refused)
{
	static const char *const wrong[] = {
		"",
		"http://a/x",
		"etcd://",
		"etcd:///x",
		"etcd://a",
		"etcd://a/",
		"etcd://a//",
		"etcd://a:/x",
		"etcd://a:0/x",
		"etcd://a:65536/x",
		"etcd://a:1,/x",
		"etcd://a:1x/x",
		"etcd://u@a/x",
		"etcd://[::1/x",
		"etcd://a b/x",
		"etcd://[]/x",
		"etcd://[::1]2/x",
		"etcd://a:1:2/x",
	};
	struct etcd_url url;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect(etcd_url_parse(wrong[i], &url) != NULL, "%s", wrong[i]);
}

Test(etcd_url, limits)
{
	struct etcd_url url;
	char text[1024];

	memset(text, 'p', sizeof(text));
	memcpy(text, "etcd://a/", 9);
	text[8 + 254] = '\0';
	cr_assert(etcd_url_parse(text, &url) == NULL);
	cr_expect(strlen(url.prefix) == 255);
	text[8 + 254] = 'p';
	text[8 + 255] = '\0';
	cr_expect(etcd_url_parse(text, &url) != NULL);
	strcpy(text, "etcd://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16/x");
	cr_expect(etcd_url_parse(text, &url) == NULL && url.count == 16);
	strcpy(text, "etcd://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/x");
	cr_expect(etcd_url_parse(text, &url) != NULL);
	memset(text, 'h', sizeof(text));
	memcpy(text, "etcd://", 7);
	strcpy(text + 600, "/x");
	cr_expect(etcd_url_parse(text, &url) != NULL);
}
