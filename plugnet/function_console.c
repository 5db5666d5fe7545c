/*
 * A console on a serial port, as a USB function. See acm_console.h.
 *
 *   bytes have come, bytes have left, a millisecond ─→ console_serve: step after step, while there is room for what one may put
 *
 * While a program has the port open, the console waits for room, and its input with it. Else its answers are dropped, and what
 * came before the port was closed is still done: a shell's "echo … > /dev/ttyACM0" opens, writes and closes.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/acm_console.h"

#include <string.h>

#include "board/board.h"

_Static_assert(PLUGNET_CONSOLE_RING >= CONSOLE_STEP_MAX,
               "PLUGNET_CONSOLE_RING: smaller than CONSOLE_STEP_MAX");
_Static_assert((PLUGNET_CONSOLE_RING & (PLUGNET_CONSOLE_RING - 1)) == 0,
               "PLUGNET_CONSOLE_RING: not a power of 2");
_Static_assert(PLUGNET_CONSOLE_OUT > 0 && PLUGNET_CONSOLE_OUT % ACM_PACKET_SIZE == 0,
               "PLUGNET_CONSOLE_OUT: not whole packets");

#define STEPS_A_TURN 8  /* then the rest of the loop comes first */
#define LOG_LINE_MAX 96 /* longer lines of the log come in parts */

_Static_assert(LOG_LINE_MAX <= CONSOLE_PIECE_MAX, "CONSOLE_PIECE_MAX: smaller than a line of the log");

/* The next whole line of the log, above the one that is edited. True: shown, or passed by, since its begin is gone. */
static bool console_log(struct plugnet_console_state *p, struct text *out)
{
    char line[LOG_LINE_MAX];
    uint32_t at = p->log_at;
    size_t length = board_log_read(&at, line, sizeof line), shown = length;
    const char *end = memchr(line, '\n', length);
    bool cut = at - (uint32_t)length != p->log_at; /* older bytes are gone */

    if (end == NULL && length < sizeof line) {
        return false; /* it isn't whole yet */
    }
    if (end != NULL) {
        shown = (size_t)(end - line);
        at -= (uint32_t)(length - shown - 1);
    }
    if (cut) {
        p->log_at = at;
        return true;
    }
    if (!console_note(&p->console, line, shown, out)) {
        return false;
    }
    p->log_at = at;
    return true;
}

/* One step. False: nothing is left to do, or no room to do it in. */
static bool console_step_once(struct plugnet_console_state *p)
{
    char bytes[CONSOLE_STEP_MAX];
    struct text out = text_over(bytes, sizeof bytes);
    size_t length, taken;
    const uint8_t *in;

    if (p->settle_ms > 0 || (p->open && acm_room(&p->port) < CONSOLE_STEP_MAX)) {
        return false;
    }
    in = acm_peek(&p->port, &length);
    taken = console_step(&p->console, in, length, &out);
    if (taken > 0) {
        acm_take(&p->port, taken);
    } else if (out.length == 0 && !(p->of->log && p->open && console_log(p, &out))) {
        return false;
    }
    acm_write(&p->port, bytes, out.length);
    return true;
}

static void console_serve(struct plugnet_console_state *p, unsigned steps)
{
    for (; steps > 0 && console_step_once(p); steps--) {
    }
}

static void console_changed(void *context, uint8_t what)
{
    struct plugnet_console_state *p = context;
    bool open = acm_is_open(&p->port);

    if ((what & ACM_BREAK) != 0) {
        console_interrupt(&p->console);
    }
    if (open != p->open) {
        p->open = open;
        p->settle_ms = open ? PLUGNET_CONSOLE_SETTLE_MS : 0;
        if (open) {
            console_open(&p->console);
        } else {
            console_interrupt(&p->console);
        }
    }
    console_serve(p, STEPS_A_TURN);
}

struct usb_function *plugnet_console_init(void *console, struct plugnet *plugnet)
{
    const struct plugnet_console *of = console;
    struct plugnet_console_state *p = of->state;

    (void)plugnet;
    p->of = of;
    p->port_config = (struct acm_config){
        .ring = p->ring,
        .ring_size = sizeof p->ring,
        .out = p->out,
        .out_size = sizeof p->out,
        .changed = console_changed,
        .context = p,
    };
    acm_init(&p->port, &p->port_config);
    console_init(&p->console, of->config);
    return &p->port.function;
}

void plugnet_console_tick(void *console, uint32_t now_ms)
{
    struct plugnet_console_state *p = ((const struct plugnet_console *)console)->state;

    (void)now_ms;
    p->settle_ms -= p->settle_ms > 0;
    console_serve(p, p->open ? STEPS_A_TURN : 1); /* a command that nobody listens to has time */
}
