/*
 * The board's own commands on the control socket: see control.h, and docs/control.md for what they say.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/control.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 6

struct output {
    uint64_t next; /* number of the next byte; n is at n % CONTROL_SERIAL_MAX */
    uint8_t bytes[CONTROL_SERIAL_MAX];
};

struct control_board {
    struct vboard *board;
    uint64_t serial_events, led_events;
    struct output output[PORTS];
};

struct control_board *control_board_new(void)
{
    return calloc(1, sizeof(struct control_board));
}

void control_board_free(struct control_board *control)
{
    free(control);
}

void control_board_set(struct control_board *control, struct vboard *board)
{
    control->board = board;
}

void control_board_serial(struct control_board *control, unsigned usart, uint8_t byte)
{
    if (usart >= PORTS)
        return;
    struct output *output = &control->output[usart];
    output->bytes[output->next++ % CONTROL_SERIAL_MAX] = byte;
    control->serial_events++;
}

void control_board_leds(struct control_board *control)
{
    control->led_events++;
}

/* ---- Pins ---- */

bool control_pin_parse(const char *name, unsigned *pin)
{
    unsigned number = 0;
    if (toupper((unsigned char)name[0]) != 'P' || !isalpha((unsigned char)name[1]) || !name[2])
        return false;
    for (const char *at = name + 2; *at; at++) {
        if (!isdigit((unsigned char)*at) || at > name + 3)
            return false;
        number = 10 * number + (unsigned)(*at - '0');
    }
    if (number > 15)
        return false;
    *pin = (unsigned)(toupper((unsigned char)name[1]) - 'A') * 16 + number;
    return true;
}

static const char *do_pin(void *context, struct control_call *call)
{
    struct control_board *control = context;
    unsigned pin;
    if (!control_pin_parse(call->value[0].word, &pin) || !vboard_pin_exists(control->board, pin))
        return "no such pin; a name is PA0 to what the chip has";
    if (call->count == 1) {
        sprintf(call->reply, "%d", vboard_pin_level(control->board, pin));
        return NULL;
    }
    const char *level = call->value[1].word;
    bool floats = strcmp(level, "float") == 0;
    if (!floats && strcmp(level, "0") != 0 && strcmp(level, "1") != 0)
        return "a level is 0, 1 or float";
    vboard_pin_drive(control->board, pin, !floats, level[0] == '1');
    return NULL;
}

/* ---- Memory ---- */

static const char *do_peek(void *context, struct control_call *call)
{
    struct control_board *control = context;
    uint8_t bytes[CONTROL_BYTES_MAX];
    uint32_t address = call->value[0].number, length = call->value[1].number;
    if (length == 0 || length > sizeof bytes)
        return "1 to 2048 bytes at once";
    if (!vboard_peek(control->board, address, bytes, length))
        return "not mapped";
    call->reply[0] = 0;
    control_reply_hex(call->reply, bytes, length);
    return NULL;
}

static const char *do_poke(void *context, struct control_call *call)
{
    struct control_board *control = context;
    const struct control_value *bytes = &call->value[1];
    return vboard_poke(control->board, call->value[0].number, bytes->word, bytes->length) ? NULL
                                                                                          : "not mapped";
}

/* ---- Serial ports ---- */

static bool port_find(struct control_board *control, const char *word, unsigned *port)
{
    for (unsigned i = 0; i < PORTS; i++) {
        const char *name = vboard_serial_name(control->board, i);
        if (name && strcmp(name, word) == 0) {
            *port = i;
            return true;
        }
    }
    return false;
}

static const char *do_serial_send(void *context, struct control_call *call)
{
    struct control_board *control = context;
    const struct control_value *bytes = &call->value[1];
    unsigned port;
    if (!port_find(control, call->value[0].word, &port))
        return "no such port";
    sprintf(call->reply, "%zu",
            vboard_serial_in(control->board, port, (const uint8_t *)bytes->word, bytes->length));
    return NULL;
}

/* What the port has sent from byte FROM on, as much as has room. */
static const char *do_serial_read(void *context, struct control_call *call)
{
    struct control_board *control = context;
    unsigned port;
    if (!port_find(control, call->value[0].word, &port))
        return "no such port";
    const struct output *output = &control->output[port];
    uint64_t first = output->next > CONTROL_SERIAL_MAX ? output->next - CONTROL_SERIAL_MAX : 0;
    uint64_t at = call->value[1].number < first ? first : call->value[1].number;
    call->reply[0] = 0;
    control_reply(call->reply, "{\"first\": %" PRIu64 ", \"hex\": \"", first);
    for (unsigned i = 0; i < CONTROL_BYTES_MAX && at < output->next; i++, at++)
        control_reply_hex(call->reply, &output->bytes[at % CONTROL_SERIAL_MAX], 1);
    control_reply(call->reply, "\", \"next\": %" PRIu64 "}", at);
    return NULL;
}

/* ---- Flash, and what there is to know ---- */

static const char *do_power_cut_after(void *context, struct control_call *call)
{
    struct control_board *control = context;
    vboard_cut_after(control->board, call->value[0].number);
    return NULL;
}

static const char *do_flash_operations(void *context, struct control_call *call)
{
    struct control_board *control = context;
    sprintf(call->reply, "%" PRIu32, vboard_flash_operations(control->board));
    return NULL;
}

static const char *do_stats(void *context, struct control_call *call)
{
    struct control_board *control = context;
    struct vboard_stats s = vboard_stats(control->board);
    snprintf(call->reply, CONTROL_REPLY_MAX,
             "{\"ns\": %" PRIu64 ", \"cycles\": %" PRIu64 ", \"sleep_cycles\": %" PRIu64
             ", \"instructions\": %" PRIu64 ", \"clock_hz\": %" PRIu32 ", \"resets\": %" PRIu32
             ", \"unmodelled\": %" PRIu32 ", \"warnings\": %" PRIu32 ", \"usb_stopped_ns\": %" PRIu64
             ", \"locked_up\": %s, \"powered\": %s, \"rom\": %s}",
             s.time_ns, s.cycles, s.sleep_cycles, s.instructions, s.clock_hz, s.resets, s.unmodelled,
             s.warnings, s.usb_stopped_ns, s.locked_up ? "true" : "false", s.powered ? "true" : "false",
             s.rom ? "true" : "false");
    return NULL;
}

static const char *do_board(void *context, struct control_call *call)
{
    struct control_board *control = context;
    const struct vboard_model *model = vboard_model(control->board);
    call->reply[0] = 0;
    control_reply(call->reply, "{\"id\": \"%s\", \"name\": \"%s\", \"chip\": \"%s\", \"leds\": [", model->id,
                  model->name, vboard_chip_name(control->board));
    for (unsigned i = 0; i < VBOARD_LEDS_MAX && model->leds[i].name; i++)
        control_reply(call->reply, "%s\"%s\"", i ? ", " : "", model->leds[i].name);
    control_reply(call->reply, "], \"ports\": [");
    for (unsigned i = 0; vboard_serial_name(control->board, i); i++)
        control_reply(call->reply, "%s\"%s\"", i ? ", " : "", vboard_serial_name(control->board, i));
    control_reply(call->reply, "], \"uid\": \"");
    control_reply_hex(call->reply, vboard_uid(control->board), VBOARD_UID_LENGTH);
    control_reply(call->reply, "\"}");
    return NULL;
}

static const struct control_command commands[] = {
    {"board", "", "", do_board},
    {"pin", "NAME [0|1|float]", "w?w", do_pin},
    {"peek", "ADDRESS LENGTH", "an", do_peek},
    {"poke", "ADDRESS HEX", "ax", do_poke},
    {"serial-send", "PORT HEX", "wx", do_serial_send},
    {"serial-read", "PORT FROM", "wn", do_serial_read},
    {"power-cut-after", "COUNT", "n", do_power_cut_after},
    {"flash-operations", "", "", do_flash_operations},
    {"stats", "", "", do_stats},
};

static uint64_t count_serial(void *context)
{
    const struct control_board *control = context;
    return control->serial_events;
}

static uint64_t count_leds(void *context)
{
    const struct control_board *control = context;
    return control->led_events;
}

static const struct control_event events[] = {
    {"serial", count_serial},
    {"leds", count_leds},
};

struct control_program control_board_program(struct control_board *control)
{
    return (struct control_program){
        .name = "vboard",
        .commands = commands,
        .command_count = sizeof commands / sizeof commands[0],
        .events = events,
        .event_count = sizeof events / sizeof events[0],
        .context = control,
    };
}
