/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <stele/stele.h>
#include "tools/base/fail.h"
#include "tools/base/status.h"
#include "tools/rows/keytext.h"

static enum status keytext_fail(const char *where, int result)
{
	return result < 0 ? fail(fail_status(result), "%s%s", where, stele_last_error())
	                  : STATUS_DONE;
}

enum status keytext_parse(const char *where, const char *text, const struct stele_schema *schema,
                          struct stele_key *ret)
{
	return keytext_fail(where, stele_key_parse(schema, text, strlen(text), ret));
}

enum status keytext_parse_address(const char *where, const char *text,
                                  const struct stele_schema *schema, struct stele_key *ret)
{
	return keytext_fail(where, stele_key_parse_address(schema, text, strlen(text), ret));
}

enum status keytext_parse_start(const char *where, const char *text,
                                const struct stele_schema *schema, struct stele_key *ret)
{
	return keytext_fail(where, stele_key_parse_start(schema, text, strlen(text), ret));
}
