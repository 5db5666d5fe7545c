/*
 * lwIP's view of this flavour: one thread, no operating system, GCC. Included by lwIP's headers.
 *
 * Source: lwip/arch.h of lwIP 2.1.3, which lists what a port may define.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_NONE_CC_H
#define PLUGNET_OS_NONE_CC_H

#include <stdint.h>

#include "os/os.h"

#define LWIP_NO_INTTYPES_H 1 /* nothing is printed, so no formats are needed */
#define X8_F               "02x"
#define U16_F              "u"
#define S16_F              "d"
#define X16_F              "x"
#define U32_F              "u"
#define S32_F              "d"
#define X32_F              "x"
#define SZT_F              "u"

#ifndef __linux__ /* there lwIP takes ssize_t from it */
#define LWIP_NO_UNISTD_H 1
#endif
#define LWIP_NO_CTYPE_H 1
#define LWIP_PLATFORM_DIAG(text)
#ifdef PLUGNET_PANIC_TEXT /* a few kB of text in the image: for the native board */
#ifdef __linux__
#define LWIP_PLATFORM_ASSERT(text) os_panic(text)
#else
#define LWIP_PLATFORM_ASSERT(text) os_panic("lwIP") /* the checks stay, 6 kB of words go */
#endif
#else
#define LWIP_PLATFORM_ASSERT(text) os_panic_here()
#endif
#define LWIP_RAND() os_random()

#endif
