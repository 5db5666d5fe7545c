/*
 * The HTTP server by the transport that lwIP is configured for: netconn where there are threads, else the raw API.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_HTTP_SERVER_H
#define PLUGNET_NET_HTTP_SERVER_H

#include "lwip/opt.h"

#if LWIP_NETCONN
#include "net/http_netconn.h"
#define http_server        http_netconn
#define http_server_stats  http_netconn_stats
#define http_server_listen http_netconn_listen
#define http_server_poll   http_netconn_poll
#define http_server_open   http_netconn_open
#else
#include "net/http_raw.h"
#define http_server        http_raw
#define http_server_stats  http_raw_stats
#define http_server_listen http_raw_listen
#define http_server_poll   http_raw_poll
#define http_server_open   http_raw_open
#endif

#endif
