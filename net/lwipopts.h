/*
 * lwIP 2.1.3 or 2.2 as this house uses it: IPv4 only, its raw API, no heap from libc, pools that a product sees on
 * its page. Sizes are for one fast stream and a browser's six connections at once, in about 6 kB.
 *
 *   received frames   live in the NTB block they came in (netif_ncm.c), so PBUF_POOL is unused
 *   sent data         lies in flash; a segment costs its header in the heap (80 bytes), a TCP_SEG, a PBUF
 *
 * Each is a default: a product sets others in its plugnet_options.h (docs/options.md). What plugnet can't work with is
 * refused at the end of this file.
 *
 * Source: lwip/opt.h of lwIP 2.1.3 and 2.2.1. The bare build has one thread; other flavours set PLUGNET_THREADS.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_LWIPOPTS_H
#define PLUGNET_NET_LWIPOPTS_H

#if defined NO_SYS || defined SYS_LIGHTWEIGHT_PROT || defined LWIP_NETCONN
#error "NO_SYS, SYS_LIGHTWEIGHT_PROT, LWIP_NETCONN follow from the flavour (make OS=)"
#endif

#ifdef PLUGNET_THREADS
#define NO_SYS               0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_NETCONN         1

/* Threads, in the flavour's units: bytes of stack, priorities 1 to 4 (docs/freertos.md). */
#ifndef TCPIP_THREAD_STACKSIZE
#define TCPIP_THREAD_STACKSIZE 2048
#endif
#ifndef TCPIP_THREAD_PRIO
#define TCPIP_THREAD_PRIO 4
#endif
#ifndef TCPIP_THREAD_NAME
#define TCPIP_THREAD_NAME "tcpip"
#endif
#ifndef TCPIP_MBOX_SIZE
#define TCPIP_MBOX_SIZE 8
#endif
#ifndef DEFAULT_TCP_RECVMBOX_SIZE
#define DEFAULT_TCP_RECVMBOX_SIZE 8
#endif
#ifndef DEFAULT_UDP_RECVMBOX_SIZE
#define DEFAULT_UDP_RECVMBOX_SIZE 8
#endif
#ifndef DEFAULT_ACCEPTMBOX_SIZE
#define DEFAULT_ACCEPTMBOX_SIZE 8
#endif
#ifndef MEMP_NUM_TCPIP_MSG_API
#define MEMP_NUM_TCPIP_MSG_API 4
#endif
#ifndef MEMP_NUM_TCPIP_MSG_INPKT
#define MEMP_NUM_TCPIP_MSG_INPKT 1 /* frames are given to lwIP in its own thread */
#endif

/* The netconn API is for a product's own threads: HTTP and the other services need none of these. */
#ifndef MEMP_NUM_NETCONN
#define MEMP_NUM_NETCONN 6 /* connections and listeners of a product's threads */
#endif
#ifndef MEMP_NUM_NETBUF
#define MEMP_NUM_NETBUF 4 /* datagrams that they keep */
#endif
#define THREADS_TCP_PCB MEMP_NUM_NETCONN
#ifndef LWIP_TCP_PCB_NUM_EXT_ARGS
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1 /* net/netconn_guard.c */
#endif
#else
#define THREADS_TCP_PCB      0
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#endif
#ifndef LWIP_TCPIP_CORE_LOCKING
#define LWIP_TCPIP_CORE_LOCKING 0 /* so no foreign thread runs linkoutput */
#endif
#ifndef LWIP_SOCKET
#define LWIP_SOCKET 0
#endif

/* lwIP's own assertions, 830 bytes. They name broken rules between its parts and wrong calls; the native build, which all suites
 * run under sanitizers, has them. On a board what comes from outside is refused by checks that stay. docs/lwip.md tells which
 * check makes which assertion redundant. */
#ifndef PLUGNET_LWIP_ASSERT
#ifdef PLUGNET_PANIC_TEXT
#define PLUGNET_LWIP_ASSERT 1
#else
#define PLUGNET_LWIP_ASSERT 0
#endif
#endif
#if !PLUGNET_LWIP_ASSERT
#define LWIP_NOASSERT 1
#endif

/* Memory. MEM_SIZE in bytes, the rest in elements. */
#ifndef MEM_SIZE
#if defined PLUGNET_THREADS && __SIZEOF_POINTER__ > 4
#define MEM_SIZE 4608 /* a board's, with longer pointers */
#else
#define MEM_SIZE 3264 /* segment headers, copied short frames, answers being sent */
#endif
#endif
#ifndef MEM_ALIGNMENT
#define MEM_ALIGNMENT __SIZEOF_POINTER__
#endif
#ifndef MEM_LIBC_MALLOC
#define MEM_LIBC_MALLOC 0
#endif
#ifndef MEMP_NUM_PBUF
#define MEMP_NUM_PBUF 24 /* one for each segment of flash data in flight */
#endif
#ifndef MEMP_NUM_UDP_PCB
#define MEMP_NUM_UDP_PCB 4 /* DHCP, DNS, mDNS, one for the product */
#endif
#ifndef HTTP_RAW_CONNECTIONS
#define HTTP_RAW_CONNECTIONS 12 /* HTTP's; 164 bytes each, and 152 for lwIP's */
#endif
#ifndef MEMP_NUM_TCP_PCB
#define MEMP_NUM_TCP_PCB                                                                                     \
    (HTTP_RAW_CONNECTIONS + 6 + THREADS_TCP_PCB) /* HTTP's, 2 iperf, 2 DNS, 2 in their handshake */
#endif
#ifndef MEMP_NUM_TCP_PCB_LISTEN
#define MEMP_NUM_TCP_PCB_LISTEN 4
#endif
#ifndef MEMP_NUM_SYS_TIMEOUT
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 2) /* two for the product's sys_timeout */
#endif
#ifndef MEMP_NUM_TCP_SEG
#define MEMP_NUM_TCP_SEG 24
#endif
#ifndef PBUF_POOL_SIZE
#define PBUF_POOL_SIZE 0
#endif
#ifndef PBUF_POOL_BUFSIZE
#define PBUF_POOL_BUFSIZE 128 /* unused, but lwIP insists on a sane value */
#endif
#ifndef LWIP_SUPPORT_CUSTOM_PBUF
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#endif

/* Layers. */
#ifndef LWIP_IPV4
#define LWIP_IPV4 1
#endif
#ifndef LWIP_IPV6
#define LWIP_IPV6 0
#endif
#ifndef LWIP_RAW
#define LWIP_RAW 0
#endif
#ifndef LWIP_ICMP
#define LWIP_ICMP 1
#endif
#ifndef LWIP_IGMP
#define LWIP_IGMP 0 /* without it all multicast is taken; mDNS's group needs no report (RFC 4541) */
#endif
#ifndef LWIP_MULTICAST_TX_OPTIONS
#define LWIP_MULTICAST_TX_OPTIONS 0 /* a pcb's ttl serves for multicast, too */
#endif
#ifndef LWIP_SINGLE_NETIF
#define LWIP_SINGLE_NETIF 1 /* 350 bytes of flash; a product with two network functions says 0 */
#endif
#ifndef LWIP_DHCP
#define LWIP_DHCP 0
#endif
#ifndef LWIP_IP_ACCEPT_UDP_PORT
#define LWIP_IP_ACCEPT_UDP_PORT(port)                                                                        \
    ((port) == PP_NTOHS(67)) /* a client without an address asks from 0.0.0.0 */
#endif
#ifndef LWIP_DNS
#define LWIP_DNS 0
#endif
#ifndef IP_FORWARD
#define IP_FORWARD 0
#endif
#ifndef IP_FRAG
#define IP_FRAG 0 /* nothing of ours is longer than a frame */
#endif
#ifndef IP_REASSEMBLY
#define IP_REASSEMBLY 0 /* nor anything we serve; a fragment is dropped and counted */
#endif
#ifndef IP_OPTIONS_ALLOWED
#define IP_OPTIONS_ALLOWED 0 /* lwIP answers them wrongly (docs/lwip.md); IGMP has them all the same */
#endif
#ifndef ARP_TABLE_SIZE
#define ARP_TABLE_SIZE 4
#endif
#ifndef ARP_QUEUEING
#define ARP_QUEUEING 0
#endif
#ifndef ETHARP_SUPPORT_STATIC_ENTRIES
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#endif
#ifndef LWIP_BROADCAST_PING
#define LWIP_BROADCAST_PING 0
#endif
#ifndef LWIP_MULTICAST_PING
#define LWIP_MULTICAST_PING 0
#endif
#ifndef LWIP_NETIF_API
#define LWIP_NETIF_API 0
#endif
#ifndef LWIP_NETIF_LINK_CALLBACK
#define LWIP_NETIF_LINK_CALLBACK 0
#endif
#ifndef LWIP_NETIF_STATUS_CALLBACK
#define LWIP_NETIF_STATUS_CALLBACK 0
#endif
#ifndef LWIP_NETIF_LOOPBACK
#define LWIP_NETIF_LOOPBACK 0
#endif
#ifndef LWIP_HAVE_LOOPIF
#define LWIP_HAVE_LOOPIF 0
#endif
#ifndef LWIP_ALTCP
#define LWIP_ALTCP 0
#endif

/* TCP. Received data is consumed at once, so the window costs nothing until a product keeps data. Eight
 * segments of 1460 bytes fill the wire: four in the block being sent, four waiting for their ACK. */
#ifndef LWIP_TCP
#define LWIP_TCP 1
#endif
#ifndef TCP_MSS
#define TCP_MSS 1460
#endif
#ifndef TCP_WND
#define TCP_WND (8 * TCP_MSS)
#endif
#ifndef TCP_SND_BUF
#define TCP_SND_BUF (8 * TCP_MSS)
#endif
#ifndef TCP_SND_QUEUELEN
#define TCP_SND_QUEUELEN 20 /* pbufs of one connection: two a segment, and some small ones */
#endif
#ifndef TCP_CALCULATE_EFF_SEND_MSS
#define TCP_CALCULATE_EFF_SEND_MSS 0 /* every link of ours takes whole frames */
#endif
#ifndef TCP_QUEUE_OOSEQ
#define TCP_QUEUE_OOSEQ 0 /* nothing is lost on the way in: OUT is flow-controlled */
#endif
#ifndef TCP_OVERSIZE
#define TCP_OVERSIZE 0 /* copied data takes what it needs, not a whole segment */
#endif
#ifndef TCP_LISTEN_BACKLOG
#define TCP_LISTEN_BACKLOG 0 /* net/tcp_guard.c keeps PCBs free */
#endif
#ifndef TCP_MSL
#define TCP_MSL 1000UL /* ms; one cable: nothing lingers for a minute */
#endif
#ifndef TCP_SYNMAXRTX
#define TCP_SYNMAXRTX 4
#endif
#ifndef TCP_MAXRTX
#define TCP_MAXRTX 5 /* half a minute: a cable loses nothing, so the PC sleeps or is gone */
#endif
#ifndef LWIP_TCP_KEEPALIVE
#define LWIP_TCP_KEEPALIVE 0 /* these are for all connections then, which saves 8 bytes in each PCB */
#endif
#ifndef TCP_KEEPINTVL_DEFAULT
#define TCP_KEEPINTVL_DEFAULT                                                                                \
    5000UL /* ms between questions; with HTTP_RAW_KEEP_MS before, gone is known in 30 s */
#endif
#ifndef TCP_KEEPCNT_DEFAULT
#define TCP_KEEPCNT_DEFAULT 3U /* questions without an answer: the client is gone */
#endif
#ifndef LWIP_DISABLE_TCP_SANITY_CHECKS
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they measure TCP_WND by PBUF_POOL */
#endif

#ifndef LWIP_HOOK_TCP_ISN
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) os_random()
#endif

/* Byte order: an instruction, where lwIP has a function. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define lwip_htons(value) __builtin_bswap16(value)
#define lwip_htonl(value) __builtin_bswap32(value)
#endif

/* Checksums: wire/chksum.c, or the chip's own version in assembly. */
#include <stdint.h>
uint16_t chksum_sum(const void *data, int length);
#ifndef LWIP_CHKSUM
#define LWIP_CHKSUM chksum_sum
#endif
#ifndef LWIP_CHECKSUM_ON_COPY
#define LWIP_CHECKSUM_ON_COPY 0
#endif

/* Statistics: what memory is in use, which plugnet itself needs. */
#ifndef LWIP_STATS
#define LWIP_STATS 1
#endif
#ifndef LWIP_STATS_LARGE
#define LWIP_STATS_LARGE 0
#endif
#ifndef LWIP_STATS_DISPLAY
#define LWIP_STATS_DISPLAY 0
#endif
#ifndef MEM_STATS
#define MEM_STATS 1
#endif
#ifndef MEMP_STATS
#define MEMP_STATS 1
#endif
#ifndef SYS_STATS
#define SYS_STATS 0
#endif
#ifndef LINK_STATS
#define LINK_STATS 0
#endif
#ifndef ETHARP_STATS
#define ETHARP_STATS 0
#endif
#ifndef IP_STATS
#define IP_STATS 0
#endif
#ifndef IPFRAG_STATS
#define IPFRAG_STATS 0
#endif
#ifndef ICMP_STATS
#define ICMP_STATS 0
#endif
#ifndef UDP_STATS
#define UDP_STATS 0
#endif
#ifndef TCP_STATS
#define TCP_STATS 0 /* 1: segments sent, received and dropped, for 190 bytes of flash */
#endif

/* ---- What plugnet needs, whatever a product sets. ---- */

#if MEM_LIBC_MALLOC || (defined MEMP_MEM_MALLOC && MEMP_MEM_MALLOC) ||                                       \
    (defined MEM_USE_POOLS && MEM_USE_POOLS)
#error                                                                                                       \
    "MEM_LIBC_MALLOC, MEMP_MEM_MALLOC, MEM_USE_POOLS: firmware has no heap; lwIP's own and its pools are static"
#endif
#if MEM_ALIGNMENT < 4 || (MEM_ALIGNMENT & (MEM_ALIGNMENT - 1)) != 0
#error "MEM_ALIGNMENT: a power of two from 4 on; USB's FIFO is read and written by words"
#endif
#if MEM_SIZE < 2048
#error "MEM_SIZE: below 2048; TCP leaves 1,024 bytes to others, and a piece of HTTP's answer takes up to 740"
#endif
#if !LWIP_SUPPORT_CUSTOM_PBUF
#error "LWIP_SUPPORT_CUSTOM_PBUF: needed by net/netif_ncm.c; received frames stay in their NTB block"
#endif
#if defined ETH_PAD_SIZE && ETH_PAD_SIZE != 0
#error "ETH_PAD_SIZE: not 0; received frames stay in their NTB block, where there is no room in front of them"
#endif
#if !LWIP_STATS || !MEM_STATS || !MEMP_STATS
#error "LWIP_STATS, MEM_STATS, MEMP_STATS: needed by net/tcp_guard.c, which shares memory by what is in use"
#endif

#if !LWIP_IPV4 || !LWIP_TCP || !LWIP_ICMP || (defined LWIP_UDP && !LWIP_UDP) ||                              \
    (defined LWIP_ARP && !LWIP_ARP) || (defined LWIP_ETHERNET && !LWIP_ETHERNET)
#error                                                                                                       \
    "LWIP_IPV4, LWIP_ARP, LWIP_ETHERNET, LWIP_ICMP, LWIP_UDP, LWIP_TCP: the device is an Ethernet host with a page"
#endif
#if LWIP_IPV6 || LWIP_DHCP || (defined LWIP_AUTOIP && LWIP_AUTOIP) || LWIP_DNS || LWIP_SOCKET ||             \
    LWIP_NETIF_API || LWIP_ALTCP
#error                                                                                                       \
    "LWIP_IPV6, _DHCP, _AUTOIP, _DNS, _SOCKET, _NETIF_API, _ALTCP: lwIP's sources for it are not in the build (LWIP_SRC)"
#endif
#if (defined LWIP_TIMERS && !LWIP_TIMERS) || (defined LWIP_EVENT_API && LWIP_EVENT_API)
#error "LWIP_TIMERS, LWIP_EVENT_API: plugnet's services are callbacks and timers"
#endif
#if (defined CHECKSUM_GEN_IP && !CHECKSUM_GEN_IP) || (defined CHECKSUM_GEN_UDP && !CHECKSUM_GEN_UDP) ||      \
    (defined CHECKSUM_GEN_TCP && !CHECKSUM_GEN_TCP) || (defined CHECKSUM_GEN_ICMP && !CHECKSUM_GEN_ICMP)
#error "CHECKSUM_GEN_IP, _UDP, _TCP, _ICMP: nothing behind lwIP computes checksums"
#endif

#if TCP_MSS < 536 || TCP_MSS > 1460
#error "TCP_MSS: 536 to 1460; a frame has 1,514 bytes, 54 of them headers, and each host takes 536"
#endif
#if TCP_WND < 2 * TCP_MSS || TCP_SND_BUF < 2 * TCP_MSS
#error                                                                                                       \
    "TCP_WND, TCP_SND_BUF: two segments (TCP_MSS) at least, or each one waits for a delayed acknowledgement"
#endif
#if (TCP_WND > 65535 && !(defined LWIP_WND_SCALE && LWIP_WND_SCALE)) || TCP_SND_BUF > 65535
#error "TCP_WND, TCP_SND_BUF: 65535 at most; the fields have 16 bits"
#endif
#if TCP_SND_QUEUELEN < 2 * TCP_SND_BUF / TCP_MSS || TCP_SND_QUEUELEN > MEMP_NUM_TCP_SEG
#error "TCP_SND_QUEUELEN: two pbufs for each segment of TCP_SND_BUF at least, and MEMP_NUM_TCP_SEG at most"
#endif

#ifdef PLUGNET_THREADS
#if LWIP_TCPIP_CORE_LOCKING
#error "LWIP_TCPIP_CORE_LOCKING: a foreign thread would call the network interface, which is the loop's alone"
#endif
#if LWIP_TCP_PCB_NUM_EXT_ARGS < 1
#error "LWIP_TCP_PCB_NUM_EXT_ARGS: the first one is taken by net/netconn_guard.c; add yours"
#endif
#if TCPIP_THREAD_PRIO < 4
#error "TCPIP_THREAD_PRIO: 4 at least; the loop comes before a product's threads, which have 1 to 3"
#endif
#endif

#endif
