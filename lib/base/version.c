/* SPDX-License-Identifier: MIT */
#include <stele/stele.h>

const char *stele_version(void)
{
	return STELE_VERSION;
}
