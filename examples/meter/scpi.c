/*
 * A line service on TCP port 2323, as instruments have one: a question in, a line out. The only file here that knows lwIP.
 *
 *   $ nc meter.local 2323
 *   *IDN?
 *   Example,Meter,3A0029000E51383432383337,0.1.0
 *   MEAS:VOLT?
 *   0.413
 *
 * A line becomes a number as soon as it is there, and its answer is made when there is room for it: so a client may send as many
 * questions as it likes, and one that reads no answers is heard no further. One that says nothing for SILENT_MS gives way
 * when a place is needed.
 */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "board/board.h"
#include "meter.h"
#include "net/tcp_pcb.h"

#define PORT          2323
#define CLIENTS       4
#define COMMAND_MAX   64
#define ANSWER_MAX    96
#define ANSWERS_MAX   (4 * ANSWER_MAX)
#define QUESTIONS_MAX (TCP_MSS / 2) /* a segment of the shortest lines: one character and the line's end */
#define SILENT_MS     10000
#define POLL_INTERVAL 1 /* of 500 ms */

static struct scpi {
    struct plugnet *plugnet;
    uint32_t asked, refused, evicted;
    struct scpi_client {
        struct tcp_pcb *pcb; /* NULL: free */
        uint32_t heard_ms;
        uint8_t line_length; /* COMMAND_MAX + 1: it is too long */
        char line[COMMAND_MAX];
        uint8_t questions[QUESTIONS_MAX]; /* a ring of numbers */
        uint16_t first, count;            /* of them */
        char answers[ANSWERS_MAX];        /* that are to be sent */
        uint16_t length;                  /* of them */
        bool unfinished;                  /* its FIN was taken back with the bytes before it */
        bool finished;                    /* it sends no more */
    } clients[CLIENTS];
} scpi;

/* ---- The language ---- */

static void scpi_identify(struct text *out)
{
    text_put(out, "Example,Meter,");
    text_put(out, scpi.plugnet->serial);
    text_put(out, "," PLUGNET_VERSION);
}

static void scpi_volts(struct text *out)
{
    struct json_writer w = json_writer_over(out); /* a number looks the same in both languages */

    json_put_fixed(&w, sample_now()->millivolts, 3);
}

static void scpi_uptime(struct text *out)
{
    text_put_u32(out, board_time_ms() / 1000);
}

static void scpi_too_long(struct text *out)
{
    text_put(out, "ERROR: longer than 64 characters");
}

static void scpi_unknown(struct text *out)
{
    text_put(out, "ERROR: *IDN?, MEAS:VOLT? and SYST:UPT? are known");
}

enum { TOO_LONG, UNKNOWN, KNOWN };

static const struct scpi_question {
    const char *words;
    void (*answer)(struct text *out);
} language[] = {
    [TOO_LONG] = {NULL, scpi_too_long}, [UNKNOWN] = {NULL, scpi_unknown}, [KNOWN] = {"*IDN?", scpi_identify},
    {"MEAS:VOLT?", scpi_volts},         {"SYST:UPT?", scpi_uptime},
};

static uint8_t scpi_parse(const char *line, size_t length)
{
    for (size_t i = KNOWN; i < sizeof language / sizeof language[0]; i++) {
        if (text_equal_nocase(line, length, language[i].words)) {
            return (uint8_t)i;
        }
    }
    return length > COMMAND_MAX ? TOO_LONG : UNKNOWN;
}

/* ---- Clients ---- */

/* The place is free; returns the pcb, to be ended. */
static struct tcp_pcb *scpi_leave(struct scpi_client *c)
{
    struct tcp_pcb *pcb = c->pcb;

    c->pcb = NULL;
    return pcb;
}

/* Take bytes up to a line for which there is no room. Returns how many. */
static size_t scpi_take(struct scpi_client *c, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r') {
            if (c->line_length < COMMAND_MAX) {
                c->line[c->line_length] = bytes[i];
            }
            c->line_length = (uint8_t)(c->line_length + (c->line_length <= COMMAND_MAX));
        } else if (c->line_length > 0 && c->count == QUESTIONS_MAX) {
            return i;
        } else if (c->line_length > 0) {
            c->questions[(c->first + c->count++) % QUESTIONS_MAX] = scpi_parse(c->line, c->line_length);
            c->line_length = 0;
        }
    }
    return length;
}

/* Make as many answers as there is room for. */
static void scpi_answer(struct scpi_client *c)
{
    while (c->count > 0 && c->length + ANSWER_MAX <= ANSWERS_MAX) {
        struct text out = text_over(c->answers + c->length, ANSWER_MAX);
        language[c->questions[c->first]].answer(&out);
        text_put(&out, "\n");
        c->length = (uint16_t)(c->length + out.length);
        c->first = (uint16_t)((c->first + 1) % QUESTIONS_MAX);
        c->count--;
        scpi.asked++;
    }
}

/* Let it send no more than there is room for: each question has two bytes at least. */
static void scpi_narrow(struct scpi_client *c)
{
    tcp_pcb_narrow(c->pcb, 2u * c->count);
}

static err_t scpi_send(struct scpi_client *c)
{
    size_t taken;

    do {
        scpi_answer(c);
        taken =
            c->length > 0 ? tcp_guard_write(&scpi.plugnet->guard, c->pcb, c->answers, c->length, false) : 0;
        memmove(c->answers, c->answers + taken, c->length - taken);
        c->length = (uint16_t)(c->length - taken);
    } while (taken > 0);
    if (c->finished && c->length == 0) {
        c->pcb->rcv_wnd = TCP_WND; /* all was read; else lwIP would reset it */
        return tcp_pcb_close(scpi_leave(c));
    }
    scpi_narrow(c);
    tcp_output(c->pcb);
    return ERR_OK;
}

static err_t scpi_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct scpi_client *c = arg;
    size_t taken = 0, length;

    (void)error;
    if (p == NULL) {
        c->finished = !c->unfinished;
        c->unfinished = false;
        return scpi_send(c);
    }
    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        size_t part = scpi_take(c, q->payload, q->len);
        taken += part;
        if (part < q->len) {
            break;
        }
    }
    length = p->tot_len;
    pbuf_free(p);
    if (taken > 0) {
        c->heard_ms = board_time_ms();
    }
    if (taken < length) {
        c->unfinished = pcb->state == CLOSE_WAIT;
        if (!tcp_pcb_unreceive(pcb, length - taken)) { /* sent before it knew how little there is room for */
            return tcp_pcb_abort(scpi_leave(c));
        }
    }
    tcp_recved(pcb, (u16_t)taken);
    scpi_narrow(c);
    return scpi_send(c);
}

static err_t scpi_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    (void)pcb, (void)length;
    return scpi_send(arg);
}

static err_t scpi_polled(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    return scpi_send(arg);
}

static void scpi_failed(void *arg, err_t error)
{
    (void)error;
    scpi_leave(arg); /* lwIP has freed the pcb */
}

/* A free place, or that of the client who has been silent for longest; NULL: none has been silent for long. */
static struct scpi_client *scpi_place(uint32_t now_ms)
{
    struct scpi_client *place = &scpi.clients[0];

    for (struct scpi_client *c = scpi.clients; c < scpi.clients + CLIENTS; c++) {
        if (c->pcb == NULL) {
            return c;
        }
        place = now_ms - c->heard_ms > now_ms - place->heard_ms ? c : place;
    }
    if (now_ms - place->heard_ms < SILENT_MS) {
        return NULL;
    }
    scpi.evicted++;
    tcp_pcb_abort(scpi_leave(place));
    return place;
}

static err_t scpi_accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
    uint32_t now_ms = board_time_ms();
    struct scpi_client *c = error == ERR_OK ? scpi_place(now_ms) : NULL;

    (void)arg;
    if (c == NULL) {
        scpi.refused++;
        return ERR_MEM; /* lwIP resets it */
    }
    *c = (struct scpi_client){.pcb = pcb, .heard_ms = now_ms};
    tcp_arg(pcb, c);
    tcp_recv(pcb, scpi_received);
    tcp_sent(pcb, scpi_sent);
    tcp_err(pcb, scpi_failed);
    tcp_poll(pcb, scpi_polled, POLL_INTERVAL);
    return ERR_OK;
}

/* ---- The service ---- */

static const char *scpi_start(void *state, struct plugnet *p)
{
    scpi.plugnet = p;
    return tcp_pcb_listen(PORT, state, scpi_accepted) != NULL ? NULL : PLUGNET_NO_TCP;
}

static void scpi_status(void *state, struct text *out)
{
    (void)state;
    text_put_json_u32(out, "asked", scpi.asked);
    text_put_json_u32(out, "refused", scpi.refused);
    text_put_json_u32(out, "evicted", scpi.evicted);
}

const struct plugnet_service scpi_service = {
    .name = "scpi", .state = &scpi, .start = scpi_start, .status = scpi_status};
