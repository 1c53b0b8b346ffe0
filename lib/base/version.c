/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stele/version.h>

static_assert(STELE_VERSION_NUMBER == STELE_VERSION_MAJOR * 1000000 + STELE_VERSION_MINOR * 1000 +
                                              STELE_VERSION_PATCH,
              "the macros of <stele/version.h> differ");

const char *stele_version(void)
{
	return STELE_VERSION;
}

unsigned stele_version_number(void)
{
	return STELE_VERSION_NUMBER;
}
