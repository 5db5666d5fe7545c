# What a firmware is made of: one list for make (firmware.mk) and for CMake (cmake/).
#
# CMake reads this file, and each board.mk, chip.mk and os.mk, by itself (cmake/read_mk.cmake). So they hold no more than
#   NAME := words      also +=, =, ?=
#   include file       also -include
#   $(NAME)  $(wildcard pattern …)  $(NAME:pattern=pattern)  $(if $(NAME),words)
# SPDX-License-Identifier: MIT

# Paths are from the top of the tree.
SRC_WIRE   := $(wildcard wire/*.c)
SRC_USB    := $(wildcard usb/*.c)
SRC_STORE  := $(wildcard store/*.c)
SRC_UPDATE := $(wildcard update/*.c)
SRC_OS     := $(wildcard os/*.c os/$(OS)/os_*.c)
SRC_NET    := $(wildcard net/*.c)
SRC_HTTP   := $(wildcard net/http/*.c)
SRC_FACADE := $(wildcard plugnet/*.c)

# What a product may leave out even before the linker does: its services and functions. CMake has a target for each.
PART_http             := $(SRC_HTTP) plugnet/service_http.c plugnet/service_events.c
PART_service_dhcp     := plugnet/service_dhcp.c net/dhcpd.c wire/dhcp_msg.c
PART_service_dns      := plugnet/service_dns.c
PART_service_dns_tcp  := plugnet/service_dns_tcp.c net/dns_tcp.c
PART_service_mdns     := plugnet/service_mdns.c net/mdnsd.c
PART_service_iperf    := plugnet/service_iperf.c net/iperf.c
PART_function_dfu     := plugnet/function_dfu.c usb/dfu.c
PART_function_acm     := plugnet/function_acm.c usb/acm.c
PART_function_console := plugnet/function_console.c plugnet/console.c
PART_function_vendor  := plugnet/function_vendor.c usb/vendor.c
PART_service_update   := plugnet/updater.c $(SRC_UPDATE) wire/image.c wire/ed25519.c wire/sha512.c
PART_store            := $(SRC_STORE) wire/crc32.c
PARTS := http service_update service_dhcp service_dns service_dns_tcp service_mdns service_iperf function_dfu function_acm function_console \
    function_vendor store
SRC_PARTS := $(PART_http) $(PART_service_update) $(PART_service_dhcp) $(PART_service_dns) $(PART_service_dns_tcp) $(PART_service_mdns) \
    $(PART_service_iperf) $(PART_function_dfu) $(PART_function_acm) $(PART_function_console) $(PART_function_vendor) $(PART_store)

# Of lwIP, below its src/.
SRC_LWIP := core/def.c core/inet_chksum.c core/init.c core/ip.c core/mem.c core/memp.c core/netif.c core/pbuf.c \
    core/stats.c core/tcp.c core/tcp_in.c core/tcp_out.c core/timeouts.c core/udp.c core/raw.c core/sys.c \
    core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/igmp.c core/ipv4/ip4.c core/ipv4/ip4_addr.c \
    core/ipv4/ip4_frag.c netif/ethernet.c

# What lwIP has for threads: netconn, and its own thread.
SRC_LWIP_THREADS := api/api_lib.c api/api_msg.c api/netbuf.c api/tcpip.c

# For all of it. Small everywhere: six passes of GCC 12.2 are left out, which cost 900 bytes of flash and saved no instructions.
FW_FLAGS_PLAIN := -g -ffunction-sections -fdata-sections -fno-common -fno-strict-aliasing
FW_OPT := -Os -fno-move-loop-invariants -fno-tree-loop-optimize -fno-tree-forwprop -fno-if-conversion -fno-schedule-insns2 \
    -fno-caller-saves

# BOARD=native, and the tests.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# C++ of a product: nothing that needs a heap, unwinding tables or libstdc++. os/cxx/ is what it needs of a language's run time.
FW_CXX := -std=gnu++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics
SRC_CXX := os/cxx/cxx.cpp

# The virtual board and the PC's end of the cable: programs for this machine.
SRC_VBOARD := $(wildcard vboard/*.c)
SRC_HOST   := $(wildcard host/*.c) cable/cable_socket.c
SRC_HOST_LWIP := core/init.c core/def.c core/inet_chksum.c core/ip.c core/mem.c core/memp.c core/netif.c core/pbuf.c core/raw.c \
    core/stats.c core/sys.c core/tcp.c core/tcp_in.c core/tcp_out.c core/timeouts.c core/udp.c core/ipv4/dhcp.c \
    core/ipv4/etharp.c core/ipv4/icmp.c core/ipv4/igmp.c core/ipv4/ip4.c core/ipv4/ip4_addr.c core/ipv4/ip4_frag.c \
    netif/ethernet.c
