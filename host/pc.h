/*
 * The PC in user space: USB host, NCM driver, TCP/IP and what hangs on it, at the end of one cable.
 *
 *   pc_new ─→ pc_run (paced, until a signal)                     a program for people
 *          └→ pc_step, pc_run_until(condition) … ─→ pc_free      a test, a benchmark
 *
 *   cable ── bus ── usb_host ── ncm_host ──┬── lwIP netif: DHCP client, forwards, clients.h
 *                                          └── or a TAP device
 *
 * Everything happens in virtual time, one millisecond frame for each pc_step; only sockets and the TAP device
 * look outside, once in a frame. lwIP is all globals, so a process has one PC at most. One thread.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_HOST_PC_H
#define PLUGNET_HOST_PC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host/bus.h"
#include "cable/cable.h"
#include "cable/fixture.h"
#include "wire/usb_ch9.h"

#define PC_FORWARDS_MAX 8

/* Port `local_port` on this machine's loopback leads to `board_port`. */
struct pc_forward {
    uint16_t local_port; /* 0: the system chooses; see pc_forward_port */
    uint16_t board_port;
    bool udp; /* default false: TCP */
};

/* How the PC ends an NTB, and the transfer it makes. A device must do with each of them. */
enum pc_block_end {
    PC_BLOCK_END_LINUX, /* zeros that count: one after whole packets, many if hardly any room is left */
    PC_BLOCK_END_NONE,  /* nothing: Windows 10, iPXE, CherryUSB, EDK2 */
    PC_BLOCK_END_BYTE,  /* after whole packets a zero byte beyond wBlockLength: Windows 11 */
    PC_BLOCK_END_EMPTY, /* after whole packets an empty one: the BSDs */
};

/* How virtual time goes by in pc_run. */
enum pc_pace {
    PC_PACE_REAL,    /* as this machine's clock does */
    PC_PACE_FAST,    /* as fast as this machine can */
    PC_PACE_STOPPED, /* only while the control socket says `run`, and then as fast as it can */
};

struct pc_config {
    struct cable cable;
    struct fixture fixture; /* ops NULL: none */
    bool eager;             /* send at once instead of Linux's 400 µs batching; see ncm_host.h */
    enum pc_block_end block_end;
    enum pc_pace pace; /* pc_run begins so; `control` may change it */
    bool unplugged;    /* start without VBUS; pc_plug later */
    struct pc_forward forwards[PC_FORWARDS_MAX];
    unsigned forward_count;
    const char *tap;     /* name of a TAP device that gets the frames; NULL: the built-in TCP/IP */
    const char *pcap;    /* file for a pcapng trace of frames and USB; NULL: none */
    const char *control; /* path of a control socket; NULL: none */
    const struct control_program *program; /* what it can do besides; NULL: nothing */
    struct lines *lines;                   /* where each log line is added, for `log`; NULL: nowhere */
    uint8_t address[4];                    /* static IPv4 address of the PC; 0.0.0.0: DHCP */
    uint8_t prefix;                        /* with `address`: bits of the net, 1 to 30; 0: 24 */
    uint8_t board_address[4]; /* where forwards lead; 0.0.0.0: the DHCP server, or the net's first address */
    uint32_t seed;            /* of the PC's random numbers (ports, DHCP xid); same seed, same run */

    /* One line of what happened, without line end; may be NULL. */
    void (*log)(void *context, uint64_t time_ns, const char *line);
    /* Each Ethernet frame that crosses the cable; may be NULL. */
    void (*sniff)(void *context, bool to_pc, const uint8_t *frame, size_t length);
    void *context;
};

/* When things last happened, ns of virtual time; 0: not yet since the last attach. */
struct pc_times {
    uint64_t attached;   /* the pull-up was seen */
    uint64_t configured; /* SET_CONFIGURATION was acknowledged */
    uint64_t link;       /* NETWORK_CONNECTION arrived */
    uint64_t leased;     /* DHCP ACK, or the static address took effect */
};

/* Counts of the NCM driver since pc_new; names as in `ethtool -S` where Linux has them. */
struct pc_net_counters {
    uint64_t rx_blocks, rx_frames, rx_bytes; /* bytes of frames, not of blocks */
    uint64_t tx_blocks, tx_frames, tx_bytes;
    uint64_t tx_reason_ntb_full, tx_reason_max_datagram, tx_reason_timeout;
    uint64_t tx_dropped;        /* no carrier, or queue full */
    uint64_t rx_errors;         /* blocks or tables refused */
    uint64_t rx_sequence_jumps; /* wSequence was not the next one: counted, not refused */
    uint64_t notifications;
};

struct pc;              /* from pc_new */
struct control_program; /* host/control_line.h */
struct lines;           /* host/lines.h */
struct netif;
struct usb_host;
struct ncm_host;

/* NULL: no (port in use, no TAP, …); `error` holds one line. `config` is copied, its strings are not. */
struct pc *pc_new(const struct pc_config *config, char *error, size_t error_size);
void pc_free(struct pc *pc);

/* Live one millisecond. */
void pc_step(struct pc *pc);

/* Step until condition(context) is true (asked after each step), at most limit_ms. Returns whether it was. */
bool pc_run_until(struct pc *pc, bool (*condition)(void *context), void *context, uint32_t limit_ms);
void pc_run_ms(struct pc *pc, uint32_t ms);

/* Step in real time (or fast) until `seconds` of virtual time have passed (0: for ever), until the file
 * descriptor `stop_fd` gets readable (-1: none), or until alive(context) is false (NULL: always alive). */
void pc_run(struct pc *pc, double seconds, int stop_fd, bool (*alive)(void *context), void *context);

enum pc_pace pc_pace(const struct pc *pc);
void pc_pace_set(struct pc *pc, enum pc_pace pace);

uint64_t pc_time_ns(const struct pc *pc);

/* Conditions for pc_run_until(pc, …, pc, …). */
bool pc_is_configured(void *pc);
bool pc_is_link_up(void *pc);
bool pc_is_leased(void *pc);

const struct pc_times *pc_times(const struct pc *pc);
const struct bus_counters *pc_bus_counters(const struct pc *pc);
const struct pc_net_counters *pc_net_counters(const struct pc *pc);

/* Of forwards so far: bytes given to a program's socket, and connections that ended. */
uint64_t pc_socket_events(const struct pc *pc);
void pc_socket_event(struct pc *pc);

const struct lines *pc_lines(const struct pc *pc); /* NULL: none kept */

/* Local port of forward `index`, for those given as 0. */
uint16_t pc_forward_port(const struct pc *pc, unsigned index);

/* The board's and the PC's IPv4 address; false: not known yet. */
bool pc_board_address(const struct pc *pc, uint8_t address[4]);
bool pc_own_address(const struct pc *pc, uint8_t address[4]);

/* ---- Cable and fixture ---- */

void pc_plug(struct pc *pc, bool plugged);
void pc_replug(struct pc *pc);    /* unplugged for 100 ms */
void pc_suspend(struct pc *pc);   /* as a PC going to sleep; remote wake-up is enabled if declared */
void pc_resume(struct pc *pc);    /* takes 30 ms */
void pc_bus_reset(struct pc *pc); /* 50 ms of SE0 now, then enumeration goes on from there */
void pc_bus_reset_after(struct pc *pc, uint32_t transactions); /* the same in the middle of a frame */
void pc_in_stop(struct pc *pc, uint32_t ms); /* no bulk IN is asked for so long; 0: read again */

void pc_button(struct pc *pc, unsigned number, bool pressed);
uint32_t pc_leds(struct pc *pc);
void pc_board_reset(struct pc *pc);
void pc_board_power(struct pc *pc, bool on);

/* ---- Raw transfers, for hostile tests: step until the transfer has ended. Not from callbacks. ---- */

/* A control request to the current address, 5 s at most. *actual (may be NULL): bytes of the data stage. */
enum urb_status pc_control(struct pc *pc, const struct usb_setup *setup, uint8_t *data, uint32_t *actual);

/* One transfer on any endpoint at the current address, bulk or interrupt, direction as in `endpoint`. */
enum urb_status pc_transfer(struct pc *pc, uint8_t endpoint, uint8_t *data, uint32_t length, bool zlp,
                            uint32_t timeout_ms, uint32_t *actual);

/* Bytes as one transfer on the NCM function's bulk OUT endpoint. */
enum urb_status pc_bulk_out(struct pc *pc, const uint8_t *data, uint32_t length, bool zlp,
                            uint32_t timeout_ms);

/* Send one Ethernet frame through the NCM driver; false: dropped (no carrier, queue full). */
bool pc_frame_send(struct pc *pc, const uint8_t *frame, size_t length);

/* ---- The parts, for tests that look inside ---- */
struct bus *pc_bus(struct pc *pc);
struct usb_host *pc_usb(struct pc *pc);
struct ncm_host *pc_ncm(struct pc *pc);
struct netif *pc_netif(struct pc *pc);

/* Write a line to the configured log. */
void pc_log(struct pc *pc, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
