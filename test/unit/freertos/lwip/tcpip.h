/* See sys.h beside it. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_UNIT_TCPIP_H
#define PLUGNET_TEST_UNIT_TCPIP_H

#include "sys.h"

struct tcpip_callback_msg;

void tcpip_init(void (*done)(void *context), void *context);
struct tcpip_callback_msg *tcpip_callbackmsg_new(void (*function)(void *context), void *context);

#endif
