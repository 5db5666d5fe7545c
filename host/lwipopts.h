/*
 * lwIP as the PC's TCP/IP: large windows, memory from malloc, every checksum made and checked, no threads.
 *
 * Chosen to behave like a PC: MSS 1460, 64 kB windows without scaling, ACK every second segment, DHCP without
 * an ARP probe (as NetworkManager and dhclient do by default).
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_LWIPOPTS_H
#define PLUGNET_HOST_LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#define LWIP_TIMERS          1

#define MEM_ALIGNMENT       8
#define MEM_LIBC_MALLOC     1
#define MEMP_MEM_MALLOC     1
#define MEMP_OVERFLOW_CHECK 0

#define LWIP_IPV4                1
#define LWIP_IPV6                0
#define LWIP_ARP                 1
#define ARP_TABLE_SIZE           32
#define ARP_QUEUEING             1
#define LWIP_ICMP                1
#define LWIP_RAW                 1
#define LWIP_IGMP                1
#define LWIP_DHCP                1
#define DHCP_DOES_ARP_CHECK      0
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* the same for 2.2 */
#define LWIP_DNS                 0
#define IP_REASSEMBLY            1
#define IP_FRAG                  1
#define IP_REASS_MAX_PBUFS       64
#define MEMP_NUM_REASSDATA       16

#define LWIP_UDP             1
#define LWIP_TCP             1
#define TCP_MSS              1460
#define TCP_WND              (44 * TCP_MSS)
#define TCP_SND_BUF          (44 * TCP_MSS)
#define TCP_SND_QUEUELEN     400
#define MEMP_NUM_TCP_SEG     400
#define TCP_QUEUE_OOSEQ      1
#define LWIP_TCP_SACK_OUT    1
#define TCP_LISTEN_BACKLOG   1
#define TCP_TMR_INTERVAL     40   /* ms: a delayed ACK waits about as long as Linux lets it */
#define TCP_MSL              5000 /* ms; TIME-WAIT 10 s, so that many connections don't use up the ports */
#define MEMP_NUM_SYS_TIMEOUT 32

#define LWIP_NETIF_STATUS_CALLBACK         1
#define LWIP_NETIF_LINK_CALLBACK           1
#define LWIP_NETIF_HOSTNAME                1
#define LWIP_SINGLE_NETIF                  0
#define LWIP_HAVE_LOOPIF                   0
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1
#define LWIP_STATS                         0

#endif
