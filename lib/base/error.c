/* SPDX-License-Identifier: MIT */
#include "lib/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

/* Long enough for messages that show two schemas. */
static _Thread_local char error_text[2048];

void error_message(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error_text, sizeof(error_text), format, arguments);
	va_end(arguments);
}

int error_number(int errnum)
{
	switch (errnum) {
	case EINVAL:
	case EMEDIUMTYPE:
	case ERANGE:
	case ENOENT:
	case ENOTDIR:
	case EEXIST:
	case EBUSY:
	case EAGAIN:
	case EACCES:
	case EPERM:
	case ENOSPC:
	case EOVERFLOW:
	case EFBIG:
	case EDQUOT:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENXIO:
	case ENODATA:
	case ESTALE:
	case ETIME:
	case EIDRM:
	case EUCLEAN:
	case EBADMSG:
	case EPROTONOSUPPORT:
	case ECHILD:
	case ENOTSUP:
	case EMSGSIZE:
	case E2BIG:
		return errnum;
	case ELOOP:
	case ENAMETOOLONG:
		return EINVAL;
	case EROFS:
		return EACCES;
	case ENOBUFS:
		return ENOMEM;
	case EXDEV:
	case EISDIR:
	case ENODEV:
	case ENOSYS:
		return ENOTSUP;
	default:
		return EIO;
	}
}

int error_check_flags(const char *what, unsigned flags, unsigned known)
{
	if (!(flags & ~known))
		return 0;
	return error_set(EINVAL, "unknown flags 0x%x for %s", flags & ~known, what);
}

const char *stele_last_error(void)
{
	return error_text;
}
