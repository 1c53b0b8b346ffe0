/* SPDX-License-Identifier: MIT
 *
 * Which sanitizers a test is compiled with. GCC and clang define different macros for them. */
#ifndef TESTS_SUPPORT_SANITIZED_H
#define TESTS_SUPPORT_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZED 1
#endif
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZED 1
#endif
#endif

#if !defined(ADDRESS_SANITIZED) && defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZED 1
#elif !defined(ADDRESS_SANITIZED)
#define ADDRESS_SANITIZED 0
#endif

#if !defined(THREAD_SANITIZED) && defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZED 1
#elif !defined(THREAD_SANITIZED)
#define THREAD_SANITIZED 0
#endif

#define SANITIZED (ADDRESS_SANITIZED || THREAD_SANITIZED)

#endif
