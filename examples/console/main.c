/*
 * A product with a text console on a serial port, beside the network: NCM, DFU and CDC-ACM in one device.
 *
 *   make BOARD=32l476gdiscovery APP=examples/console NAME=console
 *   picocom /dev/ttyACM0            or screen /dev/ttyACM0, PuTTY on COM5; any speed: there is no line
 *   > help                          Tab completes, arrows bring back what was typed before
 *
 * It needs four IN endpoints besides 0: the STM32L476 has five, an STM32F407 or F411 three. There it stops at start, and the log
 * says "IN endpoints, with endpoint 0: needed 5, there are 4".
 *
 * `source` and `sink` show how long answers and raw bytes are done; both give a CRC-32, by which the cable can be tested.
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "plugnet/acm_console.h"

static struct plugnet plugnet;
static struct plugnet_console_state state;

/* Decimal; false: not a number. */
static bool number_read(const char *word, uint32_t *value)
{
    *value = 0;
    for (const char *at = word; *at != 0; at++) {
        if (*at < '0' || *at > '9' || at - word > 8) {
            return false;
        }
        *value = *value * 10 + (uint32_t)(*at - '0');
    }
    return *word != 0;
}

/* CRC-32 as zip has it, half a byte at a time. */
static uint32_t crc_add(uint32_t crc, const uint8_t *bytes, size_t length)
{
    static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4,
                                       0x4DB26158, 0x5005713C, 0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};

    for (crc = ~crc; length > 0; length--) {
        crc ^= *bytes++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void crc_put(struct text *out, uint32_t crc)
{
    text_put(out, "crc32 ");
    text_put_hex(out, crc, 8);
    text_put(out, "\n");
}

/* ---- led, uptime, status, log, update ---- */

static const char *led_complete(unsigned number, unsigned index)
{
    static const char *const states[] = {"on", "off", "toggle"};

    if (number == 1) {
        return index < board_info()->led_count ? board_info()->led_names[index] : NULL;
    }
    return number == 2 && index < 3 ? states[index] : NULL;
}

static enum console_progress led_run(struct console_call *call, struct text *out)
{
    unsigned led = 0, wanted = 0;
    const char *name;

    if (call->count == 1) {
        for (; led < board_info()->led_count; led++) {
            text_put(out, board_info()->led_names[led]);
            text_put(out, board_led_get(led) ? " on\n" : " off\n");
        }
        return CONSOLE_END;
    }
    if (call->count != 3) {
        return CONSOLE_USAGE;
    }
    while ((name = led_complete(1, led)) != NULL && strcmp(name, call->words[1]) != 0) {
        led++;
    }
    while (led_complete(2, wanted) != NULL && strcmp(led_complete(2, wanted), call->words[2]) != 0) {
        wanted++;
    }
    if (name == NULL || led_complete(2, wanted) == NULL) {
        return CONSOLE_USAGE;
    }
    board_led_set(led, wanted == 2 ? !board_led_get(led) : wanted == 0);
    return CONSOLE_END;
}

static enum console_progress uptime_run(struct console_call *call, struct text *out)
{
    (void)call;
    text_put_u32(out, board_time_ms());
    text_put(out, " ms\n");
    return CONSOLE_END;
}

static void status_pair(struct text *out, const char *name, uint32_t value)
{
    text_put(out, name);
    text_put_u32(out, value);
}

/* Three pieces: who we are, the serial port, what it has counted. */
static enum console_progress status_run(struct console_call *call, struct text *out)
{
    const struct acm *port = &state.port;

    switch (call->step) {
    case 0:
        text_put(out, board_info()->name);
        text_put(out, ", http://");
        text_put(out, plugnet.local);
        text_put(out, plugnet.link_up ? "/, link up\n" : "/, link down\n");
        return CONSOLE_MORE;
    case 1:
        status_pair(out, "line ", port->coding.rate);
        status_pair(out, " ", port->coding.data_bits);
        text_put_bytes(out, &"NOEMS"[port->coding.parity], 1);
        text_put(out, port->coding.stop_bits == 0 ? "1" : port->coding.stop_bits == 1 ? "1.5" : "2");
        text_put(out, (port->lines & ACM_DTR) != 0 ? ", DTR" : "");
        text_put(out, (port->lines & ACM_RTS) != 0 ? ", RTS" : "");
        status_pair(out, ", break ", port->break_ms);
        text_put(out, "\n");
        return CONSOLE_MORE;
    default:
        status_pair(out, "in ", port->stats.in_bytes);
        status_pair(out, " dropped ", port->stats.in_dropped);
        status_pair(out, " lost ", port->stats.in_lost);
        status_pair(out, ", out ", port->stats.out_bytes);
        status_pair(out, " lost ", port->stats.out_lost);
        status_pair(out, ", opens ", port->stats.opens);
        status_pair(out, ", breaks ", port->stats.breaks);
        text_put(out, "\n");
        return CONSOLE_END;
    }
}

static enum console_progress log_run(struct console_call *call, struct text *out)
{
    (void)out;
    for (unsigned i = 1; i < call->count; i++) {
        board_log(call->words[i]);
        board_log(i + 1 < call->count ? " " : "\n");
    }
    return call->count > 1 ? CONSOLE_END : CONSOLE_USAGE;
}

static enum console_progress update_run(struct console_call *call, struct text *out)
{
    (void)call;
    text_put(out, plugnet_update(&plugnet) ? "leaving for the boot loader\n" : "this board has none\n");
    return CONSOLE_END;
}

/* ---- source: a long answer, piece by piece; sink: raw bytes ---- */

enum { LEFT, CRC, RANDOM }; /* of console_call.state */

/* So many printable characters, and then their CRC. */
static enum console_progress source_run(struct console_call *call, struct text *out)
{
    uint32_t *own = call->state;
    size_t from = out->length;

    if (call->step == 0) {
        if (call->count != 2 || !number_read(call->words[1], &own[LEFT])) {
            return CONSOLE_USAGE;
        }
        own[RANDOM] = 1;
    }
    for (; own[LEFT] > 0 && out->length < CONSOLE_PIECE_MAX; own[LEFT]--) {
        char c;
        own[RANDOM] = own[RANDOM] * 1664525u + 1013904223u;
        c = (char)('0' + (own[RANDOM] >> 26));
        text_put_bytes(out, &c, 1);
    }
    own[CRC] = crc_add(own[CRC], (const uint8_t *)out->bytes + from, out->length - from);
    if (own[LEFT] > 0 || out->length != from) {
        return CONSOLE_MORE;
    }
    text_put(out, "\n");
    crc_put(out, own[CRC]);
    return CONSOLE_END;
}

static size_t sink_input(struct console_call *call, const uint8_t *bytes, size_t length)
{
    size_t taken = length < call->state[LEFT] ? length : call->state[LEFT];

    call->state[LEFT] -= (uint32_t)taken;
    call->state[CRC] = crc_add(call->state[CRC], bytes, taken);
    return taken;
}

/* Take so many bytes, whatever they are, and put their CRC. A break ends it earlier. */
static enum console_progress sink_run(struct console_call *call, struct text *out)
{
    if (call->step == 0) {
        if (call->count != 2 || !number_read(call->words[1], &call->state[LEFT])) {
            return CONSOLE_USAGE;
        }
        text_put(out, "send them\n");
        return CONSOLE_MORE;
    }
    if (call->state[LEFT] > 0) {
        return CONSOLE_MORE;
    }
    crc_put(out, call->state[CRC]);
    return CONSOLE_END;
}

/* ---- The product ---- */

static const struct console_command commands[] = {
    {.name = "led",
     .usage = "[NAME on|off|toggle]",
     .help = "show them, or switch one",
     .run = led_run,
     .complete = led_complete},
    {.name = "log", .usage = "WORDS", .help = "write a line to the board's log", .run = log_run},
    {.name = "sink", .usage = "COUNT", .help = "take so many bytes", .run = sink_run, .input = sink_input},
    {.name = "source", .usage = "COUNT", .help = "send so many characters", .run = source_run},
    {.name = "status", .help = "name, serial port, counters", .run = status_run},
    {.name = "update", .help = "start the boot loader", .run = update_run},
    {.name = "uptime", .help = "since the start", .run = uptime_run},
};

static char history[256];

static const struct console_config console_config = {
    .prompt = "console> ",
    .greeting = "plugnet console, try help\n",
    .commands = commands,
    .command_count = sizeof commands / sizeof commands[0],
    .history = history,
    .history_size = sizeof history,
};

static const struct plugnet_console console = {.config = &console_config, .state = &state, .log = true};
static const struct plugnet_function console_function = PLUGNET_CONSOLE("console", &console);

/* The network's side of it: a page of one line. */
static enum http_progress page_output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "<!DOCTYPE html>\n<html lang=\"en\"><title>Console</title><p>Up for ");
    text_put_u32(out, board_time_ms() / 1000);
    text_put(out, " s; the console is on the serial port.</p></html>\n");
    return HTTP_END;
}

static const struct http_route routes[] = {{.path = "/", .type = "text/html", .output = page_output}};

static const struct plugnet_config config = {
    .product_id = 0x0008, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Console",
    .name = "console",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS, &console_function),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_iperf),
    .routes = routes,
    .route_count = 1,
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
