/*
 * lwIP 2.1.3 as this house uses it: IPv4 only, its raw API, no heap from libc, pools that a product sees on
 * its page. Sizes are for one fast stream and a browser's six connections at once, in about 6 kB.
 *
 *   received frames   live in the NTB block they came in (netif_ncm.c), so PBUF_POOL is unused
 *   sent data         lies in flash; a segment costs its header in the heap (80 bytes), a TCP_SEG, a PBUF
 *
 * Source: lwip/opt.h of lwIP 2.1.3. The bare build has one thread; other flavours set PLUGNET_THREADS.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_NET_LWIPOPTS_H
#define PLUGNET_NET_LWIPOPTS_H

#ifdef PLUGNET_THREADS
#define NO_SYS               0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_NETCONN         1

/* Threads, in the flavour's units: bytes of stack, priorities 1 to 4 (docs/freertos.md). */
#define TCPIP_THREAD_STACKSIZE    2048
#define TCPIP_THREAD_PRIO         4
#define TCPIP_THREAD_NAME         "tcpip"
#define TCPIP_MBOX_SIZE           8
#define DEFAULT_TCP_RECVMBOX_SIZE 8
#define DEFAULT_UDP_RECVMBOX_SIZE 8
#define DEFAULT_ACCEPTMBOX_SIZE   8
#define MEMP_NUM_TCPIP_MSG_API    4
#define MEMP_NUM_TCPIP_MSG_INPKT  1 /* frames are given to lwIP in its own thread */
#define LWIP_TCPIP_THREAD_ALIVE() os_loop_alive()

/* The netconn API is for a product's own threads: HTTP and the other services need none of these. */
#ifndef MEMP_NUM_NETCONN
#define MEMP_NUM_NETCONN 6 /* connections and listeners of a product's threads */
#endif
#ifndef MEMP_NUM_NETBUF
#define MEMP_NUM_NETBUF 4 /* datagrams that they keep */
#endif
#define THREADS_TCP_PCB           MEMP_NUM_NETCONN
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1 /* net/netconn_guard.c */
#else
#define THREADS_TCP_PCB      0
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#endif
#define LWIP_TCPIP_CORE_LOCKING 0 /* so no foreign thread runs linkoutput */
#define LWIP_SOCKET             0

/* Memory. MEM_SIZE in bytes, the rest in elements. */
#ifndef MEM_SIZE
#define MEM_SIZE 3072 /* segment headers, copied short frames, answers being sent */
#endif
#define MEM_ALIGNMENT    __SIZEOF_POINTER__
#define MEM_LIBC_MALLOC  0
#define MEMP_NUM_PBUF    24                     /* one for each segment of flash data in flight */
#define MEMP_NUM_UDP_PCB 4                      /* DHCP, DNS, mDNS, one for the product */
#define MEMP_NUM_TCP_PCB (18 + THREADS_TCP_PCB) /* 12 HTTP, 2 iperf, 2 DNS, 2 in their handshake */
#ifndef MEMP_NUM_TCP_PCB_LISTEN
#define MEMP_NUM_TCP_PCB_LISTEN 4
#endif
#ifndef MEMP_NUM_SYS_TIMEOUT
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 2) /* two for the product's sys_timeout */
#endif
#define MEMP_NUM_TCP_SEG         24
#define PBUF_POOL_SIZE           0
#define PBUF_POOL_BUFSIZE        128 /* unused, but lwIP insists on a sane value */
#define LWIP_SUPPORT_CUSTOM_PBUF 1

/* Layers. */
#define LWIP_IPV4                 1
#define LWIP_IPV6                 0
#define LWIP_RAW                  0
#define LWIP_ICMP                 1
#define LWIP_IGMP                 0 /* without it all multicast is taken; mDNS's group needs no report (RFC 4541) */
#define LWIP_MULTICAST_TX_OPTIONS 0 /* a pcb's ttl serves for multicast, too */
#ifndef LWIP_SINGLE_NETIF
#define LWIP_SINGLE_NETIF 1 /* 350 bytes of flash; a product with two network functions says 0 */
#endif
#define LWIP_DHCP 0
#define LWIP_IP_ACCEPT_UDP_PORT(port)                                                                        \
    ((port) == PP_NTOHS(67)) /* a client without an address asks from 0.0.0.0 */
#define LWIP_DNS                      0
#define IP_FORWARD                    0
#define IP_FRAG                       0 /* nothing of ours is longer than a frame */
#define IP_REASSEMBLY                 0 /* nor anything we serve; a fragment is dropped and counted */
#define IP_OPTIONS_ALLOWED            1
#define ARP_TABLE_SIZE                4
#define ARP_QUEUEING                  0
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define LWIP_BROADCAST_PING           0
#define LWIP_MULTICAST_PING           0
#define LWIP_NETIF_API                0
#define LWIP_NETIF_LINK_CALLBACK      0
#define LWIP_NETIF_STATUS_CALLBACK    0
#define LWIP_NETIF_LOOPBACK           0
#define LWIP_HAVE_LOOPIF              0
#define LWIP_ALTCP                    0

/* TCP. Received data is consumed at once, so the window costs nothing until a product keeps data. Eight
 * segments of 1460 bytes fill the wire: four in the block being sent, four waiting for their ACK. */
#define LWIP_TCP                       1
#define TCP_MSS                        1460
#define TCP_WND                        (8 * TCP_MSS)
#define TCP_SND_BUF                    (8 * TCP_MSS)
#define TCP_SND_QUEUELEN               20 /* pbufs of one connection: two a segment, and some small ones */
#define TCP_CALCULATE_EFF_SEND_MSS     0  /* every link of ours takes whole frames */
#define TCP_QUEUE_OOSEQ                0  /* nothing is lost on the way in: OUT is flow-controlled */
#define TCP_OVERSIZE                   0  /* copied data takes what it needs, not a whole segment */
#define TCP_LISTEN_BACKLOG             0  /* net/tcp_guard.c keeps PCBs free */
#define TCP_MSL                        1000UL /* ms; one cable: nothing lingers for a minute */
#define TCP_SYNMAXRTX                  4
#define TCP_MAXRTX                     5 /* half a minute: a cable loses nothing, so the PC sleeps or is gone */
#define LWIP_TCP_KEEPALIVE             0
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they measure TCP_WND by PBUF_POOL */

#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port) os_random()

/* Checksums: net/chksum.c, or the chip's own version in assembly. */
#include <stdint.h>
uint16_t net_chksum(const void *data, int length);
#define LWIP_CHKSUM           net_chksum
#define LWIP_CHECKSUM_ON_COPY 0

/* Statistics: pools and the few protocols the page shows. */
#define LWIP_STATS         1
#define LWIP_STATS_LARGE   0
#define LWIP_STATS_DISPLAY 0
#define MEM_STATS          1
#define MEMP_STATS         1
#define SYS_STATS          0
#define LINK_STATS         0
#define ETHARP_STATS       0
#define IP_STATS           0
#define IPFRAG_STATS       0
#define ICMP_STATS         0
#define UDP_STATS          0
#define TCP_STATS          1

#endif
