/*
 * The console's thread; see the header. One thread serves all clients and waits for an event of any of them, never for one
 * of them. What each has: unread lines (as long as its TCP window), answers not sent yet, times.
 */
/* SPDX-License-Identifier: MIT */
#include "console.h"

#include "lwip/opt.h"

#if LWIP_NETCONN
#include <string.h>

#include "board/board.h"
#include "command.h"
#include "lwip/api.h"
#include "lwip/sys.h"
#include "net/netconn_guard.h"
#include "os/os.h"
#include "plugnet/plugnet.h"
#include "wire/text.h"

#define WINDOW         NETCONN_GUARD_WINDOW_MIN
#define ANSWER_MAX     96  /* bytes of one line */
#define OUT_MAX        192 /* bytes of answers, several lines */
#define LINES_A_TURN   32  /* then others come first */
#define RECEIVES_MAX   8   /* pbufs in one turn: lwIP's mailbox has no more */
#define STACK          768
#define PRIORITY       2
#define WAIT_MS        1000
#define WAIT_MEMORY_MS 20

/* Free while conn is NULL. */
struct client {
    struct netconn *conn;
    uint32_t said_ms, sent_ms; /* when its last line came, when its last bytes were taken */
    uint16_t in_length, out_length;
    bool overlong; /* the rest of a line that was too long is still to come */
    bool finished; /* it has sent FIN */
    bool quits;
    char in[WINDOW];
    char out[OUT_MAX];
};

/* netconn's callback has no argument of ours. */
static struct {
    const struct plugnet *plugnet;
    sys_sem_t event;
    struct client clients[CONSOLE_CLIENTS];
} console;

/* lwIP's thread. */
static void console_event(struct netconn *conn, enum netconn_evt event, u16_t length)
{
    (void)conn;
    (void)length;
    if (event != NETCONN_EVT_RCVMINUS && event != NETCONN_EVT_SENDMINUS) {
        sys_sem_signal(&console.event);
    }
}

/* ---- Answers: each is one line. ---- */

static void put_leds(struct text *t)
{
    const struct board_info *info = board_info();

    for (unsigned i = 0; i < info->led_count; i++) {
        text_put(t, i > 0 ? " " : "");
        text_put(t, info->led_names[i]);
        text_put(t, board_led_get(i) ? "=on" : "=off");
    }
}

static void put_identity(struct text *t)
{
    text_put(t, "plugnet,");
    text_put(t, board_info()->name);
    text_put(t, ",");
    text_put(t, console.plugnet->serial);
    text_put(t, "," PLUGNET_VERSION);
}

static void put_led(struct text *t, const struct command *command)
{
    if (command->led >= board_info()->led_count) {
        text_put(t, "error: no such LED");
        return;
    }
    board_led_set(command->led, command->on);
    text_put(t, "ok");
}

static void put_uptime(struct text *t)
{
    text_put_u32(t, board_time_ms());
    text_put(t, " ms");
}

static void put_answer(struct text *t, const struct command *command)
{
    switch (command->kind) {
    case COMMAND_EMPTY: return;
    case COMMAND_TOO_LONG: text_put(t, "error: the line is too long"); break;
    case COMMAND_USAGE: text_put(t, "error: wrong words, try help"); break;
    case COMMAND_IDENTIFY: put_identity(t); break;
    case COMMAND_HELP: text_put(t, "*IDN?, help, leds, led N on|off, button, uptime, quit"); break;
    case COMMAND_LEDS: put_leds(t); break;
    case COMMAND_LED: put_led(t, command); break;
    case COMMAND_BUTTON: text_put(t, board_button() ? "pressed" : "released"); break;
    case COMMAND_UPTIME: put_uptime(t); break;
    case COMMAND_QUIT: text_put(t, "bye"); break;
    default: text_put(t, "error: unknown command, try help"); break;
    }
    text_put(t, "\r\n");
}

/* ---- A client's turn. ---- */

/* Bytes of its input are done with: its window opens by them. */
static void client_used(struct client *c, size_t length)
{
    memmove(c->in, c->in + length, c->in_length - length);
    c->in_length = (uint16_t)(c->in_length - length);
    netconn_guard_used(c->conn, length);
}

static void client_answer(struct client *c, const struct command *command)
{
    struct text t = text_over(c->out + c->out_length, ANSWER_MAX);

    put_answer(&t, command);
    os_assert(!t.overflow);
    c->out_length = (uint16_t)(c->out_length + t.length);
    c->quits |= command->kind == COMMAND_QUIT;
    c->said_ms = sys_now();
}

/* Answer lines as far as there is room for answers. */
static void client_lines(struct client *c)
{
    size_t at = 0;

    for (unsigned n = 0; n < LINES_A_TURN && !c->quits && c->out_length + ANSWER_MAX <= OUT_MAX; n++) {
        size_t length = command_line_end(c->in + at, c->in_length - at);
        bool ended = at + length < c->in_length;
        if (!ended && !c->overlong && length <= COMMAND_LINE_MAX) {
            break; /* more of it is still to come */
        }
        if (!c->overlong) {
            struct command command = command_parse(c->in + at, length);
            client_answer(c, &command);
        }
        c->overlong = !ended;
        at += length + ended;
        if (!ended) {
            break;
        }
    }
    if (at > 0) {
        client_used(c, at);
    }
}

/* Take what has come: lwIP's buffers are few, so it is copied at once. False: no connection any more. */
static bool client_receive(struct client *c)
{
    err_t error = ERR_OK;
    struct pbuf *p;

    for (unsigned i = 0; i < RECEIVES_MAX && error == ERR_OK && !c->finished; i++) {
        error = netconn_recv_tcp_pbuf_flags(c->conn, &p, NETCONN_NOAUTORCVD | NETCONN_DONTBLOCK);
        if (error != ERR_OK) {
            break;
        }
        if (p->tot_len > sizeof c->in - c->in_length) { /* lwIP's window lets nobody */
            pbuf_free(p);
            return false;
        }
        pbuf_copy_partial(p, c->in + c->in_length, p->tot_len, 0);
        c->in_length = (uint16_t)(c->in_length + p->tot_len);
        pbuf_free(p);
    }
    c->finished |= error == ERR_CLSD;
    return error == ERR_OK || error == ERR_WOULDBLOCK || error == ERR_CLSD;
}

/* False: no connection any more. */
static bool client_send(struct client *c)
{
    int taken = 1;

    while (c->out_length > 0 && taken > 0) {
        taken = netconn_guard_write(c->conn, c->out, c->out_length);
        if (taken > 0) {
            c->out_length = (uint16_t)(c->out_length - taken);
            memmove(c->out, c->out + taken, c->out_length);
            c->sent_ms = sys_now();
        }
    }
    return taken >= 0;
}

static void client_close(struct client *c)
{
    netconn_guard_close(c->conn);
    c->conn = NULL;
}

static void client_abort(struct client *c)
{
    netconn_guard_abort(c->conn);
    c->conn = NULL;
}

static bool client_has_line(const struct client *c)
{
    return command_line_end(c->in, c->in_length) < c->in_length || c->in_length > COMMAND_LINE_MAX;
}

static void client_run(struct client *c)
{
    bool alive = client_receive(c);

    if (alive && c->out_length == 0) {
        c->sent_ms = sys_now(); /* what is answered now waits from now on */
    }
    for (unsigned n = 0; n < LINES_A_TURN && alive; n++) {
        uint16_t before = c->in_length;
        client_lines(c);
        alive = client_send(c);
        if (c->in_length == before || c->out_length > 0) {
            break;
        }
    }
    if (!alive || (c->out_length > 0 && sys_now() - c->sent_ms > CONSOLE_SEND_MS_MAX)) {
        client_abort(c);
    } else if (c->out_length == 0 && (c->quits || (c->finished && !client_has_line(c)) ||
                                      sys_now() - c->said_ms > CONSOLE_IDLE_MS_MAX)) {
        client_close(c);
    }
}

/* ---- All of them. ---- */

static void console_accepted(struct netconn *conn)
{
    static const char busy[] = "error: busy\r\n";

    for (size_t i = 0; i < CONSOLE_CLIENTS; i++) {
        struct client *c = &console.clients[i];
        if (c->conn == NULL) {
            memset(c, 0, sizeof *c);
            c->conn = conn;
            c->said_ms = sys_now();
            return;
        }
    }
    netconn_guard_write(conn, busy, sizeof busy - 1);
    netconn_guard_close(conn);
}

/* Returns after how many ms to look again though nothing happens; 0: never. */
static uint32_t console_round(struct netconn *listener)
{
    uint32_t wait_ms = 0;
    struct netconn *conn;
    err_t error = ERR_OK;

    for (unsigned i = 0; i <= DEFAULT_ACCEPTMBOX_SIZE && error != ERR_WOULDBLOCK; i++) {
        error = netconn_accept(listener, &conn);
        if (error == ERR_OK) {
            console_accepted(conn);
        }
    }
    for (size_t i = 0; i < CONSOLE_CLIENTS; i++) {
        struct client *c = &console.clients[i];
        if (c->conn != NULL) {
            client_run(c);
        }
        if (c->conn != NULL) {
            bool waits = c->out_length > 0 || client_has_line(c);
            wait_ms = waits || wait_ms == WAIT_MEMORY_MS ? WAIT_MEMORY_MS : WAIT_MS;
        }
    }
    return wait_ms;
}

static void console_run(void *context)
{
    struct netconn *listener = netconn_new_with_callback(NETCONN_TCP, console_event);
    uint32_t wait_ms = 0;

    (void)context;
    os_assert(listener != NULL && netconn_bind(listener, IP_ADDR_ANY, CONSOLE_PORT) == ERR_OK);
    netconn_guard_window(listener, WINDOW);
    netconn_set_nonblocking(listener, 1);
    os_assert(netconn_listen(listener) == ERR_OK);
    for (;;) {
        sys_arch_sem_wait(&console.event, wait_ms);
        wait_ms = console_round(listener);
    }
}

void console_start(const struct plugnet *plugnet)
{
    console.plugnet = plugnet;
    os_assert(sys_sem_new(&console.event, 0) == ERR_OK);
    os_thread_start("console", console_run, NULL, STACK, PRIORITY);
}
#else
void console_start(const struct plugnet *plugnet)
{
    (void)plugnet;
}
#endif
