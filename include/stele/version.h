/* SPDX-License-Identifier: MIT
 *
 * Versions of the library, and what stays compatible from one release to the next.
 *
 * COMPATIBILITY. From release 0.2.0 on, a program runs with every later release that has the same
 * SONAME, libstele.so.0, without being compiled again:
 *
 * - No function is removed, and none changes its parameters. Each function has the symbol version
 *   of the release that added it, such as STELE_0.2. The dynamic loader refuses a program that
 *   needs a function which the installed library is too old to have.
 * - Structs grow only as described below. Enumerators, flags and error numbers keep their values.
 * - A release that cannot keep this gets another SONAME. Both libraries can then be installed at
 *   the same time.
 *
 * A program also runs with an earlier library, down to 0.2.0, if it uses only functions, flags and
 * members that the earlier library has.
 *
 * STRUCTS THAT GROW. A struct whose first member is `size` gets more members in later releases, at
 * its end. Set .size to sizeof the struct:
 *
 *   options    Members that the program does not know have their default, which is zero. Members
 *              that the library does not know must be zero; else the call returns -E2BIG, and
 *              nothing has happened. Set all members that you don't use to zero, as a designated
 *              initialiser does.
 *   results    (structs that the library fills in) The library never writes more than .size bytes.
 *              Members that it does not know are set to zero. .size itself stays.
 *
 * A size that no such struct has, such as 0, is -EINVAL.
 *
 * Structs that only callbacks receive (stele_damage, stele_leftover) grow at their ends too. All
 * other structs keep their size, so that programs may have arrays of them. Their members
 * `reserved_` become members of later releases. A program must set them to zero in structs that it
 * fills in (else -EINVAL), and ignore them in structs that the library fills in. There they are
 * zero, except in struct stele_row, where they are not written.
 *
 * A member or parameter whose values are an enumeration has the type uint32_t, because the size of
 * an enum depends on the compiler's options. Later releases may add values; expect values that you
 * don't know.
 */
#ifndef STELE_VERSION_H
#define STELE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* The release that this header belongs to. STELE_VERSION_NUMBER is MAJOR * 1000000 + MINOR * 1000 +
 * PATCH, for #if. */
#define STELE_VERSION        "0.2.0"
#define STELE_VERSION_MAJOR  0
#define STELE_VERSION_MINOR  2
#define STELE_VERSION_PATCH  0
#define STELE_VERSION_NUMBER 2000

/* Stands before every function. Tools that parse the headers (cffi, bindgen) may define it as
 * empty. */
#ifndef STELE_API
#define STELE_API __attribute__((visibility("default")))
#endif

/* Returns the release of the library that the program runs with, such as "0.2.0". The string is
 * static. */
STELE_API const char *stele_version(void);

/* Returns the release of the library that the program runs with, as STELE_VERSION_NUMBER of that
 * release. */
STELE_API unsigned stele_version_number(void);

#ifdef __cplusplus
}
#endif

#endif
