/*
 * How fast the virtual board is on this machine: instructions a second, and its time to real time, for three loads.
 *
 *   speed [--board NAME] [--ms MS] IMAGE.elf
 *
 *   idle    leased, and nobody asks for anything
 *   page    GET / on 6 connections, each again as soon as it is answered
 *   tcp     TCP both ways at once, as iperf 2's -d
 *
 * Prints a table (docs/testkit.md, "Speed"). "bus" is how much of a full-speed bus's 19 bulk packets a millisecond the load
 * uses. The board's own time is not measured here: bench.c does that.
 */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/clients.h"
#include "host/pc.h"
#include "lwip/tcp.h"
#include "vboard/board.h"

#define ATTACH_MS      10000
#define WARM_MS        500
#define WINDOW_MS      5000
#define SETTLE_MS      300
#define PACKETS_PER_MS 19
#define CONNECTIONS    6

struct speed {
    struct vboard *board;
    struct pc *pc;
    struct load up, down; /* with TCP both ways `up` only counts; the other loads use it alone */
    uint32_t window_ms;
};

static double real_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void live(struct speed *s, uint32_t ms)
{
    while (ms-- != 0) {
        pc_step(s->pc);
        load_tick(&s->up);
        load_tick(&s->down);
    }
}

static uint64_t packets(const struct speed *s)
{
    return pc_bus_counters(s->pc)->packets_in + pc_bus_counters(s->pc)->packets_out;
}

/* False: nothing was carried, so the figure means nothing. */
static bool row(struct speed *s, const char *name)
{
    live(s, WARM_MS);
    uint64_t instructions = vboard_stats(s->board).instructions, sent = packets(s);
    uint64_t up = s->up.bytes, down = s->down.bytes;
    double begin = real_s();
    live(s, s->window_ms);
    double real = real_s() - begin;
    instructions = vboard_stats(s->board).instructions - instructions;
    sent = packets(s) - sent;
    up = s->up.bytes - up;
    down = s->down.bytes - down;
    printf("| %-4s | %7.2f | %6.1f | %5.1f | %7.1f | %7.1f | %6.1f × |\n", name,
           (double)instructions / 1e3 / s->window_ms, (double)instructions / 1e6 / real,
           100.0 * (double)sent / PACKETS_PER_MS / s->window_ms, (double)up / s->window_ms,
           (double)down / s->window_ms, s->window_ms / 1e3 / real);
    fflush(stdout);
    bool both = strcmp(name, "tcp") == 0,
         carried = strcmp(name, "idle") == 0 || (up != 0 && (down != 0) == both);
    load_stop(&s->up);
    load_stop(&s->down);
    live(s, SETTLE_MS);
    return carried && s->up.errors + s->down.errors == 0;
}

/* ---- iperf 2's -d: the connection that asked the board to call back sends, too ---- */

static void both_fill(struct tcp_pcb *pcb)
{
    static const uint8_t zeros[1460];
    while (tcp_sndbuf(pcb) >= sizeof zeros && tcp_write(pcb, zeros, sizeof zeros, 0) == ERR_OK)
        ;
    tcp_output(pcb);
}

static err_t both_sent(void *context, struct tcp_pcb *pcb, uint16_t length)
{
    const struct load_connection *c = context;
    struct speed *s = (struct speed *)((char *)c->load - offsetof(struct speed, down));
    s->up.bytes += length;
    both_fill(pcb);
    return ERR_OK;
}

static bool both_start(struct speed *s)
{
    load_iperf_down_start(&s->down);
    live(s, SETTLE_MS);
    struct tcp_pcb *pcb = s->down.connections[0].pcb;
    if (pcb == NULL)
        return false;
    tcp_sent(pcb, both_sent);
    both_fill(pcb);
    return true;
}

static int rows(struct speed *s)
{
    uint8_t address[4];
    if (!pc_run_until(s->pc, pc_is_leased, s->pc, ATTACH_MS) || !pc_board_address(s->pc, address)) {
        fprintf(stderr, "speed: no address leased within %d ms\n", ATTACH_MS);
        return 1;
    }
    load_init(&s->up, s->pc, address);
    load_init(&s->down, s->pc, address);
    printf(
        "| load | M instructions/s of the board's time | of real time | bus, %% | up, bytes/ms | down, bytes/ms | "
        "board's time to real time |\n|---|---|---|---|---|---|---|\n");
    bool right = row(s, "idle");
    load_http_start(&s->up, CONNECTIONS, "/", false);
    right &= row(s, "page");
    right &= both_start(s);
    right &= row(s, "tcp");
    if (!right)
        fprintf(stderr, "speed: a load carried nothing, or was answered wrongly\n");
    return right ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct vboard_model *model = NULL;
    struct speed s = {.window_ms = WINDOW_MS};
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--board") == 0)
            model = vboard_model_find(argv[i + 1]);
        else if (strcmp(argv[i], "--ms") == 0 && atoi(argv[i + 1]) > 0)
            s.window_ms = (uint32_t)atoi(argv[i + 1]);
    }
    if (argc - i != 1) {
        fprintf(stderr, "usage: speed [--board NAME] [--ms MS] IMAGE.elf\n");
        return 2;
    }
    char error[256] = "";
    struct vboard_config config = {.model = model, .image = argv[i]};
    s.board = vboard_new(&config, error, sizeof error);
    struct pc_config pc_config = {.pace = PC_PACE_FAST, .seed = 1};
    if (s.board) {
        pc_config.cable = vboard_cable(s.board);
        s.pc = pc_new(&pc_config, error, sizeof error);
    }
    if (!s.pc) {
        fprintf(stderr, "speed: %s\n", error);
        vboard_free(s.board);
        return 2;
    }
    int result = rows(&s);
    pc_free(s.pc);
    vboard_free(s.board);
    return result;
}
