/*
 * What the control socket does with any PC end: cable, bus, fixture, and what it knows of them.
 */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "host/control.h"
#include "host/lines.h"
#include "host/pc.h"
#include "host/usb_host.h"

#define STOP_IN_MS_MAX 3600000

static const char *const state_names[] = {"unplugged", "attached", "configured", "link", "leased"};

static unsigned state(struct pc *pc)
{
    return pc_is_leased(pc)                      ? 4
           : pc_is_link_up(pc)                   ? 3
           : pc_is_configured(pc)                ? 2
           : pc_usb(pc)->state == USB_HOST_EMPTY ? 0
                                                 : 1;
}

/* ---- Board and cable ---- */

static const char *do_button(void *context, struct control_call *call)
{
    const struct control_value *v = call->value;
    pc_button(context, call->count == 2 ? v[0].number : 0, v[call->count - 1].number != 0);
    return NULL;
}

static const char *do_leds(void *context, struct control_call *call)
{
    sprintf(call->reply, "%" PRIu32, pc_leds(context));
    return NULL;
}

static const char *do_reset(void *context, struct control_call *call)
{
    (void)call;
    pc_board_reset(context);
    return NULL;
}

static const char *do_power(void *context, struct control_call *call)
{
    pc_board_power(context, call->value[0].number != 0);
    return NULL;
}

static const char *do_replug(void *context, struct control_call *call)
{
    (void)call;
    pc_replug(context);
    return NULL;
}

static const char *do_plug(void *context, struct control_call *call)
{
    (void)call;
    pc_plug(context, true);
    return NULL;
}

static const char *do_unplug(void *context, struct control_call *call)
{
    (void)call;
    pc_plug(context, false);
    return NULL;
}

static const char *do_suspend(void *context, struct control_call *call)
{
    (void)call;
    pc_suspend(context);
    return NULL;
}

static const char *do_resume(void *context, struct control_call *call)
{
    (void)call;
    pc_resume(context);
    return NULL;
}

static const char *do_bus_reset(void *context, struct control_call *call)
{
    (void)call;
    pc_bus_reset(context);
    return NULL;
}

static const char *do_stop_in(void *context, struct control_call *call)
{
    uint32_t ms = call->value[0].number;
    pc_in_stop(context, ms > STOP_IN_MS_MAX ? STOP_IN_MS_MAX : ms);
    return NULL;
}

/* ---- What there is to know ---- */

static const char *do_time(void *context, struct control_call *call)
{
    sprintf(call->reply, "%" PRIu64, pc_time_ns(context));
    return NULL;
}

static const char *do_state(void *context, struct control_call *call)
{
    sprintf(call->reply, "%s", state_names[state(context)]);
    return NULL;
}

static const char *do_port(void *context, struct control_call *call)
{
    uint16_t port = pc_forward_port(context, call->value[0].number);
    sprintf(call->reply, "%u", port);
    return port != 0 ? NULL : "no such forward";
}

/* Lines from this number on, as many as have room: [number, ns, "source", "text"]. */
static const char *do_log(void *context, struct control_call *call)
{
    const struct lines *lines = pc_lines(context);
    if (lines == NULL) {
        return "no log is kept";
    }
    uint64_t first = lines_first(lines),
             number = call->count != 0 ? call->value[0].number : lines_next(lines);
    number = number < first ? first : number;
    call->reply[0] = 0;
    control_reply(call->reply, "{\"first\": %" PRIu64 ", \"lines\": [", first);
    for (unsigned i = 0; i < CONTROL_LOG_LINES_MAX; i++, number++) {
        const struct line *line = lines_get(lines, number);
        if (line == NULL) {
            break;
        }
        control_reply(call->reply, "%s[%" PRIu64 ", %" PRIu64 ", \"%s\", ", i == 0 ? "" : ", ", number,
                      line->time_ns, line->source);
        control_reply_string(call->reply, line->text);
        control_reply(call->reply, "]");
    }
    control_reply(call->reply, "], \"next\": %" PRIu64 "}", number);
    return NULL;
}

static const char *do_counters(void *context, struct control_call *call)
{
    const struct bus_counters *b = pc_bus_counters(context);
    const struct pc_net_counters *n = pc_net_counters(context);
    const struct pc_times *t = pc_times(context);
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {
        {"frames", b->frames},
        {"packets_in", b->packets_in},
        {"packets_out", b->packets_out},
        {"packets_setup", b->packets_setup},
        {"bytes_in", b->bytes_in},
        {"bytes_out", b->bytes_out},
        {"naks_in", b->naks_in},
        {"naks_out", b->naks_out},
        {"stalls", b->stalls},
        {"silences", b->silences},
        {"overflows", b->overflows},
        {"repeats_in", b->repeats_in},
        {"bulk_packets_frame_max", b->bulk_packets_frame_max},
        {"rx_blocks", n->rx_blocks},
        {"rx_frames", n->rx_frames},
        {"rx_bytes", n->rx_bytes},
        {"rx_errors", n->rx_errors},
        {"rx_sequence_jumps", n->rx_sequence_jumps},
        {"tx_blocks", n->tx_blocks},
        {"tx_frames", n->tx_frames},
        {"tx_bytes", n->tx_bytes},
        {"tx_dropped", n->tx_dropped},
        {"tx_reason_ntb_full", n->tx_reason_ntb_full},
        {"tx_reason_max_datagram", n->tx_reason_max_datagram},
        {"tx_reason_timeout", n->tx_reason_timeout},
        {"notifications", n->notifications},
        {"attached_ns", t->attached},
        {"configured_ns", t->configured},
        {"link_ns", t->link},
        {"leased_ns", t->leased},
    };
    call->reply[0] = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        control_reply(call->reply, "%c\"%s\": %" PRIu64, i == 0 ? '{' : ',', fields[i].name, fields[i].value);
    }
    control_reply(call->reply, "}");
    return NULL;
}

static const char *do_address(void *context, struct control_call *call)
{
    uint8_t board[4], own[4];
    if (!pc_board_address(context, board) || !pc_own_address(context, own)) {
        return "no address yet";
    }
    sprintf(call->reply, "%u.%u.%u.%u %u.%u.%u.%u", board[0], board[1], board[2], board[3], own[0], own[1],
            own[2], own[3]);
    return NULL;
}

static const struct control_command commands[] = {
    {"button", "[N] 0|1", "n?n", do_button},
    {"leds", "", "", do_leds},
    {"reset", "", "", do_reset},
    {"power", "0|1", "n", do_power},
    {"replug", "", "", do_replug},
    {"plug", "", "", do_plug},
    {"unplug", "", "", do_unplug},
    {"suspend", "", "", do_suspend},
    {"resume", "", "", do_resume},
    {"bus-reset", "", "", do_bus_reset},
    {"stop-in", "MS", "n", do_stop_in},
    {"time", "", "", do_time},
    {"state", "", "", do_state},
    {"port", "N", "n", do_port},
    {"address", "", "", do_address},
    {"log", "[FROM]", "?n", do_log},
    {"counters", "", "", do_counters},
};

/* ---- What can be waited for ---- */

static uint64_t count_log(void *context)
{
    const struct lines *lines = pc_lines(context);
    return lines != NULL ? lines_next(lines) : 0;
}

static uint64_t count_state(void *context)
{
    return state(context);
}

static uint64_t count_socket(void *context)
{
    return pc_socket_events(context);
}

static const struct control_event events[] = {
    {"log", count_log},
    {"state", count_state},
    {"socket", count_socket},
};

const struct control_program control_pc = {
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .events = events,
    .event_count = sizeof events / sizeof events[0],
};
