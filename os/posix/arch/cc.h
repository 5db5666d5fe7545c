/*
 * lwIP's view of this flavour: a Linux process. Included by lwIP's headers.
 *
 * Source: lwip/arch.h of lwIP 2.1.3, which lists what a port may define.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_OS_POSIX_CC_H
#define PLUGNET_OS_POSIX_CC_H

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

#define LWIP_NO_CTYPE_H 1
#define LWIP_PLATFORM_DIAG(text)
#define LWIP_PLATFORM_ASSERT(text) os_panic(text)
#define LWIP_RAND()                os_random()

#endif
