# Bare metal. SPDX-License-Identifier: MIT
OS_NET_OUT := net/http_netconn.c
