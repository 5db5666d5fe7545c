/*
 * The rig: see rig.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/rig.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lwip/netif.h"

#include "test/system/client.h"
#include "test/system/ghost.h"
#include "vboard/board.h"

#define HEAP_SLACK 64 /* bytes: the answer that is just being made is in the heap, and its numbers grow */
#define IDLE_MS_MAX                                                                                          \
    66000 /* the server keeps a connection for 60 s whose client vanished between two requests */

/* ---- Ends ---- */

_Noreturn void rig_fail(struct rig *rig, const char *format, ...)
{
    va_list list;
    printf("not ok %s %s: ", rig->config.board, rig->config.scenario);
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    if (rig->pc != NULL) {
        printf(" (at %llu ms)", (unsigned long long)rig_ms(rig));
    }
    printf("\n");
    fflush(NULL); /* a trace, too */
    if (rig->process > 0) {
        kill(rig->process, SIGTERM);
    }
    _exit(1);
}

void rig_say(struct rig *rig, const char *format, ...)
{
    size_t length = strlen(rig->said);
    va_list list;
    va_start(list, format);
    vsnprintf(rig->said + length, sizeof rig->said - length, format, list);
    va_end(list);
}

/* ---- The cable in between ---- */

static void rig_cable_advance(void *device, uint64_t time_ns)
{
    struct rig_cable *c = device;
    c->time_ns = time_ns + c->shift_ns;
    c->inner.ops->advance(c->inner.device, c->time_ns);
}

void rig_cable_wait(struct rig_cable *c, uint64_t ns)
{
    c->shift_ns += ns;
    c->time_ns += ns;
    c->inner.ops->advance(c->inner.device, c->time_ns);
}

static void rig_cable_vbus(void *device, bool on)
{
    struct rig_cable *c = device;
    c->inner.ops->vbus(c->inner.device, on);
}

static bool rig_cable_pulled_up(void *device)
{
    struct rig_cable *c = device;
    return c->inner.ops->pulled_up(c->inner.device);
}

static void rig_cable_bus_reset(void *device, bool active)
{
    struct rig_cable *c = device;
    c->inner.ops->bus_reset(c->inner.device, active);
}

static void rig_cable_frame(void *device, uint16_t number)
{
    struct rig_cable *c = device;
    c->inner.ops->frame(c->inner.device, number);
}

static void rig_cable_bus_suspend(void *device, bool suspended)
{
    struct rig_cable *c = device;
    c->inner.ops->bus_suspend(c->inner.device, suspended);
}

static bool rig_cable_wakes(void *device)
{
    struct rig_cable *c = device;
    bool signal = c->inner.ops->wakes(c->inner.device);
    c->signals += signal && !c->signalled;
    c->signalled = signal;
    return signal && !c->deaf;
}

static enum cable_answer rig_cable_setup(void *device, uint8_t address, uint8_t endpoint,
                                         const uint8_t packet[8])
{
    struct rig_cable *c = device;
    return c->inner.ops->setup(c->inner.device, address, endpoint, packet);
}

static enum cable_answer rig_cable_out(void *device, uint8_t address, uint8_t endpoint, bool data1,
                                       const uint8_t *packet, uint16_t length)
{
    struct rig_cable *c = device;
    if (c->out != NULL && endpoint != 0) {
        c->out(c->context, endpoint, length);
    }
    return c->inner.ops->out(c->inner.device, address, endpoint, data1, packet, length);
}

static enum cable_answer rig_cable_in(void *device, uint8_t address, uint8_t endpoint, bool *data1,
                                      uint8_t packet[CABLE_PACKET_MAX], uint16_t *length)
{
    struct rig_cable *c = device;
    enum cable_answer answer = c->inner.ops->in(c->inner.device, address, endpoint, data1, packet, length);
    if (c->in != NULL && endpoint != 0) {
        c->in(c->context, endpoint, answer, *length);
    }
    return answer;
}

static struct cable rig_cable_ends(struct rig_cable *c)
{
    static const struct cable_ops ops = {
        rig_cable_advance,     rig_cable_vbus,  rig_cable_pulled_up, rig_cable_bus_reset, rig_cable_frame,
        rig_cable_bus_suspend, rig_cable_wakes, rig_cable_setup,     rig_cable_out,       rig_cable_in,
    };
    return (struct cable){&ops, c};
}

/* ---- The fixture of the virtual board ---- */

static void rig_fixture_button(void *board, unsigned number, bool pressed)
{
    if (number == 0) {
        vboard_button(board, pressed);
    }
}

static uint32_t rig_fixture_leds(void *board)
{
    return vboard_leds(board);
}

static void rig_fixture_reset(void *board)
{
    vboard_reset_button(board, true);
    vboard_reset_button(board, false);
}

static void rig_fixture_power(void *board, bool on)
{
    if (on) {
        vboard_power_cycle(board);
    }
}

/* ---- Start ---- */

static void rig_log(void *context, uint64_t time_ns, const char *line)
{
    const struct rig *rig = context;
    if (rig->config.talk) {
        fprintf(stderr, "%10.3f  pc: %s\n", (double)time_ns / 1e6, line);
    }
}

static void rig_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                      const char *text)
{
    const struct rig *rig = context;
    if (rig->config.talk || event == VBOARD_UNMODELLED || event == VBOARD_WARNING || event == VBOARD_LOCKUP) {
        fprintf(stderr, "%10.3f  board: event %d %x %s\n", (double)time_ns / 1e6, (int)event, value,
                text != NULL ? text : "");
    }
}

static void rig_sniff(void *context, bool to_pc, const uint8_t *frame, size_t length)
{
    struct rig *rig = context;
    struct packet packet;
    if (to_pc && rig->each_frame != NULL) {
        rig->each_frame(rig->each_frame_context, frame, length);
    }
    if (!to_pc || !packet_read(&packet, frame, length)) {
        return;
    }
    ghost_frame(rig, &packet);
    if (!rig->watched && rig->watch != NULL && rig->watch(rig->watch_context, &packet)) {
        rig->watched = true;
        rig->watched_ns = pc_time_ns(rig->pc);
    }
}

static void rig_start_vboard(struct rig *rig, struct pc_config *pc)
{
    static const struct fixture_ops fixture = {rig_fixture_button, rig_fixture_leds, rig_fixture_reset,
                                               rig_fixture_power};
    static const uint8_t no_uid[RIG_UID];
    char error[256] = "";
    struct vboard_config config = {
        .model = rig->config.model, .image = rig->config.path, .event = rig_event, .context = rig};
    if (memcmp(rig->config.uid, no_uid, RIG_UID) != 0) {
        config.uid = rig->config.uid;
    }
    rig->board = vboard_new(&config, error, sizeof error);
    if (rig->board == NULL) {
        rig_fail(rig, "%s", error);
    }
    rig->cable.inner = vboard_cable(rig->board);
    pc->fixture = (struct fixture){&fixture, rig->board};
}

static void rig_start_native(struct rig *rig, struct pc_config *pc)
{
    static const uint8_t no_uid[RIG_UID];
    char error[256] = "", uid[2 * RIG_UID + 1], path[512];
    snprintf(path, sizeof path, "%s", rig->config.path);
    char *argv[] = {path, NULL, NULL, NULL};
    if (memcmp(rig->config.uid, no_uid, RIG_UID) != 0) {
        for (unsigned i = 0; i < RIG_UID; i++) {
            snprintf(uid + 2 * i, 3, "%02X", rig->config.uid[i]);
        }
        argv[1] = "--uid";
        argv[2] = uid;
    }
    rig->process = cable_client_spawn(&rig->client, argv, error, sizeof error);
    if (rig->process < 0) {
        rig_fail(rig, "%s", error);
    }
    rig->cable.inner = cable_client_cable(&rig->client);
    pc->fixture = cable_client_fixture(&rig->client);
}

void rig_start(struct rig *rig, const struct rig_config *config)
{
    char error[256] = "";
    memset(rig, 0, sizeof *rig);
    rig->config = *config;
    rig->random = 0x9E3779B97F4A7C15u;
    rig->crowd_ms_max = config->kind == RIG_VBOARD && config->model != vboard_models[0]
                            ? RIG_CROWD_OTHER_MS_MAX
                            : RIG_CROWD_MS_MAX;
    struct pc_config pc = {
        .eager = !config->lazy,
        .block_end = config->block_end,
        .pace = PC_PACE_FAST,
        .pcap = config->pcap,
        .seed = 1,
        .log = rig_log,
        .sniff = rig_sniff,
        .context = rig,
    };
    if (config->own_stack) {
        memcpy(pc.address, (const uint8_t[]){192, 168, 7, 2}, 4);
        pc.prefix = 24;
    }
    if (config->kind == RIG_VBOARD) {
        rig_start_vboard(rig, &pc);
    } else {
        rig_start_native(rig, &pc);
    }
    pc.cable = rig_cable_ends(&rig->cable);
    rig->pc = pc_new(&pc, error, sizeof error);
    if (rig->pc == NULL) {
        rig_fail(rig, "%s", error);
    }
}

static bool rig_match_any(void *context, const struct packet *packet)
{
    struct rig *rig = context;
    if (memcmp(packet->from.ip, rig->peer.ip, 4) != 0) {
        return false;
    }
    memcpy(rig->peer.mac, packet->from.mac, 6);
    return true;
}

void rig_lease(struct rig *rig)
{
    if (!pc_run_until(rig->pc, pc_is_leased, rig->pc, 10000)) {
        rig_fail(rig, "no lease after 10 s (configured %d, link %d)", pc_is_configured(rig->pc),
                 pc_is_link_up(rig->pc));
    }
    const struct netif *netif = pc_netif(rig->pc);
    memcpy(rig->me.mac, netif->hwaddr, 6);
    RIG_CHECK(rig, pc_own_address(rig->pc, rig->me.ip));
    RIG_CHECK(rig, pc_board_address(rig->pc, rig->peer.ip));
    rig->netmask = packet_ip_number((const uint8_t *)&netif->netmask);

    /* The board's own hardware address, by ARP. */
    uint8_t frame[PACKET_MAX];
    struct packet_host anyone = {.mac = {0}};
    memcpy(anyone.ip, rig->peer.ip, 4);
    rig_frame_send(rig, frame, packet_arp(frame, &rig->me, &anyone, false));
    if (!rig_frame_wait(rig, rig_match_any, rig, 1000)) {
        rig_fail(rig, "no answer to ARP within 1 s");
    }
}

void rig_baseline(struct rig *rig)
{
    if (rig->config.own_stack) {
        return;
    }
    rig_run_ms(rig, 200);
    rig_status(rig, &rig->baseline);
    rig_run_ms(rig, RIG_PAUSE_S * 1000);
    rig_status(rig, &rig->baseline);
}

/* ---- Time ---- */

uint64_t rig_ms(const struct rig *rig)
{
    return pc_time_ns(rig->pc) / 1000000;
}

void rig_step(struct rig *rig)
{
    if (rig->process > 0 && !cable_client_alive(&rig->client)) {
        int status = 0;
        waitpid(rig->process, &status, 0);
        rig->process = 0;
        rig_fail(rig, "the device process ended with %s %d", WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    if (rig->board != NULL && rig_ms(rig) % 64 == 0 && vboard_stats(rig->board).locked_up) {
        rig_fail(rig, "the core is locked up");
    }
    pc_step(rig->pc);
    for (unsigned i = 0; i < rig->outbox_count; i++) {
        rig_frame_send(rig, rig->outbox[i].bytes, rig->outbox[i].length);
    }
    rig->outbox_count = 0;
    if (rig->each_step != NULL) {
        rig->each_step(rig);
    }
}

void rig_run_ms(struct rig *rig, uint32_t ms)
{
    while (ms-- != 0) {
        rig_step(rig);
    }
}

bool rig_run_until(struct rig *rig, bool (*condition)(void *context), void *context, uint32_t limit_ms)
{
    while (!condition(context)) {
        if (limit_ms-- == 0) {
            return false;
        }
        rig_step(rig);
    }
    return true;
}

/* xorshift64* */
uint32_t rig_random(struct rig *rig, uint32_t limit)
{
    rig->random ^= rig->random >> 12;
    rig->random ^= rig->random << 25;
    rig->random ^= rig->random >> 27;
    return (uint32_t)((rig->random * 0x2545F4914F6CDD1Du >> 32) % limit);
}

/* ---- Frames ---- */

void rig_frame_send(struct rig *rig, const uint8_t *frame, size_t length)
{
    pc_frame_send(rig->pc, frame, length);
}

void rig_frame_post(struct rig *rig, const uint8_t *frame, size_t length)
{
    if (rig->outbox_count < RIG_OUTBOX) {
        struct rig_frame *out = &rig->outbox[rig->outbox_count++];
        out->length = (uint16_t)length;
        memcpy(out->bytes, frame, length);
    }
}

static bool rig_is_watched(void *context)
{
    return ((struct rig *)context)->watched;
}

bool rig_frame_wait(struct rig *rig, bool (*match)(void *context, const struct packet *packet), void *context,
                    uint32_t limit_ms)
{
    rig->watch = match;
    rig->watch_context = context;
    rig->watched = false;
    bool seen = rig_run_until(rig, rig_is_watched, rig, limit_ms);
    rig->watch = NULL;
    return seen;
}

struct ping {
    uint16_t id, sequence;
    size_t size;
};

static bool rig_match_pong(void *context, const struct packet *packet)
{
    const struct ping *ping = context;
    if (packet->protocol != PACKET_ICMP || packet->icmp_type != 0 || packet->icmp_id != ping->id ||
        packet->icmp_sequence != ping->sequence || packet->length != ping->size || !packet->checksums_good) {
        return false;
    }
    for (size_t i = 0; i < ping->size; i++) {
        if (packet->payload[i] != (uint8_t)(i * 7 + ping->sequence)) {
            return false;
        }
    }
    return true;
}

int rig_ping(struct rig *rig, unsigned size, uint32_t limit_ms)
{
    uint8_t frame[PACKET_MAX];
    struct ping ping = {0x5049, (uint16_t)rig_random(rig, 0x10000), size};
    uint64_t begin_ms = rig_ms(rig);
    rig_frame_send(rig, frame, packet_echo(frame, &rig->me, &rig->peer, ping.id, ping.sequence, size));
    bool seen = rig_frame_wait(rig, rig_match_pong, &ping, limit_ms);
    return seen ? (int)(rig_ms(rig) - begin_ms) : -1;
}

void rig_ping_within_1s(struct rig *rig)
{
    for (unsigned i = 0; i < 10; i++) {
        if (rig_ping(rig, 56, 100) >= 0) {
            return;
        }
    }
    rig_fail(rig, "no ping answered within 1 s (configured %d, link %d, lease %d)", pc_is_configured(rig->pc),
             pc_is_link_up(rig->pc), pc_is_leased(rig->pc));
}

/* ---- Status ---- */

void rig_status(struct rig *rig, struct json *status)
{
    struct reply reply;
    http_get(rig, "/api/status", &reply);
    RIG_CHECK(rig, reply.status == 200);
    const char *error = json_read(status, (const char *)reply.body, reply.length);
    if (error != NULL) {
        rig_fail(rig, "/api/status: %s: %.200s", error, (const char *)reply.body);
    }
}

uint64_t rig_number_of(struct rig *rig, const struct json *status, const char *path)
{
    const struct json_leaf *leaf = json_find(status, path);
    if (leaf == NULL) {
        rig_fail(rig, "/api/status has no %s", path);
    }
    return leaf->number;
}

uint64_t rig_number(struct rig *rig, const char *path)
{
    static struct json status;
    rig_status(rig, &status);
    return rig_number_of(rig, &status, path);
}

/* The first pool that holds more or less than at the start; NULL: none. */
static const struct json_leaf *rig_pool_wrong(struct rig *rig, const struct json *status)
{
    for (unsigned i = 0; i < status->count; i++) {
        const struct json_leaf *leaf = &status->leaves[i];
        const char *last = strrchr(leaf->path, '.');
        bool in_pool = strncmp(leaf->path, "pools.", 6) == 0 && last != NULL && strcmp(last, ".used") == 0;
        bool home = strcmp(leaf->path, "usb.blocks_home") == 0 ||
                    strcmp(leaf->path, "netif.pbufs_held") == 0 ||
                    strcmp(leaf->path, "services.http.open") == 0;
        if (!in_pool && !home) {
            continue;
        }
        uint64_t was = rig_number_of(rig, &rig->baseline, leaf->path);
        uint64_t slack = strcmp(leaf->path, "pools.HEAP.used") == 0 ? HEAP_SLACK : 0;
        if (leaf->number > was + slack || (slack == 0 && leaf->number != was)) {
            return leaf;
        }
    }
    return NULL;
}

void rig_no_buffer_lost(struct rig *rig)
{
    static struct json status;
    const struct json_leaf *wrong = NULL;
    for (unsigned ms = 0; ms <= IDLE_MS_MAX; ms += RIG_PAUSE_S * 1000) {
        rig_run_ms(rig, RIG_PAUSE_S * 1000);
        rig_status(rig, &status);
        wrong = rig_pool_wrong(rig, &status);
        if (wrong == NULL) {
            return;
        }
    }
    rig_fail(rig, "%s is %llu, was %llu at the start", wrong->path, (unsigned long long)wrong->number,
             (unsigned long long)rig_number_of(rig, &rig->baseline, wrong->path));
}

void rig_healthy(struct rig *rig)
{
    struct reply reply;
    if (!rig_run_until(rig, pc_is_leased, rig->pc, 10000)) {
        rig_fail(rig, "no lease any more (configured %d, link %d)", pc_is_configured(rig->pc),
                 pc_is_link_up(rig->pc));
    }
    rig_ping_within_1s(rig);
    if (rig->config.own_stack) {
        return;
    }
    http_get(rig, "/", &reply);
    RIG_CHECK(rig, reply.status == 200 && reply.length > 200);
    rig_no_buffer_lost(rig);
}

void rig_finish(struct rig *rig)
{
    const char *kind = rig->config.board;
    pc_free(rig->pc);
    rig->pc = NULL;
    if (rig->board != NULL) {
        struct vboard_stats stats = vboard_stats(rig->board);
        if (stats.locked_up || stats.unmodelled != 0 || stats.warnings != 0) {
            rig_fail(rig, "locked up %d, %u registers not modelled, %u warnings", stats.locked_up,
                     stats.unmodelled, stats.warnings);
        }
        vboard_free(rig->board);
    } else {
        int status = 0;
        cable_client_close(&rig->client);
        if (waitpid(rig->process, &status, 0) == rig->process && status != 0) {
            rig->process = 0;
            rig_fail(rig, "the device process ended with %s %d", WIFSIGNALED(status) ? "signal" : "code",
                     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
    printf("ok %s %s%s%s%s\n", kind, rig->config.scenario, rig->said[0] != 0 ? " (" : "", rig->said,
           rig->said[0] != 0 ? ")" : "");
    fflush(stdout);
}
