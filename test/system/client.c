/*
 * TCP clients on the PC's own stack: see client.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"

/* ---- lwIP's callbacks ---- */

static void client_pump(struct client *client)
{
    while (client->pcb != NULL && client->out_done < client->out_length) {
        size_t left = client->out_length - client->out_done;
        size_t room = tcp_sndbuf(client->pcb);
        u16_t now = (u16_t)(left < room ? left : room);
        if (now == 0 ||
            tcp_write(client->pcb, client->out + client->out_done, now, TCP_WRITE_FLAG_COPY) != ERR_OK) {
            break;
        }
        client->out_done += now;
    }
    if (client->pcb != NULL) {
        tcp_output(client->pcb);
    }
}

static err_t client_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct client *client = arg;
    (void)pcb;
    client->connected = error == ERR_OK;
    client_pump(client);
    return ERR_OK;
}

static err_t client_sent(void *arg, struct tcp_pcb *pcb, u16_t length)
{
    struct client *client = arg;
    (void)pcb;
    client->sent += length;
    client_pump(client);
    return ERR_OK;
}

static err_t client_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct client *client = arg;
    (void)error;
    if (p == NULL) {
        client->ended = true;
        return ERR_OK;
    }
    if (!client->discard) {
        size_t room = CLIENT_IN_MAX - client->in_length;
        size_t length = p->tot_len < room ? p->tot_len : room;
        pbuf_copy_partial(p, client->in + client->in_length, (u16_t)length, 0);
        client->in_length += length;
    }
    client->received += p->tot_len;
    if (client->paused) {
        client->unopened += p->tot_len;
    } else {
        tcp_recved(pcb, p->tot_len);
    }
    pbuf_free(p);
    return ERR_OK;
}

static void client_error(void *arg, err_t error)
{
    struct client *client = arg;
    (void)error;
    client->pcb = NULL; /* lwIP has freed it */
    client->failed = true;
}

/* ---- A client's life ---- */

bool client_open(struct client *client, struct rig *rig, uint16_t port)
{
    ip_addr_t to;
    memset(client, 0, sizeof *client);
    client->rig = rig;
    client->pcb = tcp_new();
    if (client->pcb == NULL) {
        return false;
    }
    client->in = malloc(CLIENT_IN_MAX);
    tcp_arg(client->pcb, client);
    tcp_recv(client->pcb, client_recv);
    tcp_sent(client->pcb, client_sent);
    tcp_err(client->pcb, client_error);
    IP4_ADDR(&to, rig->peer.ip[0], rig->peer.ip[1], rig->peer.ip[2], rig->peer.ip[3]);
    if (client->in == NULL || tcp_connect(client->pcb, &to, port, client_connected) != ERR_OK) {
        client_free(client);
        return false;
    }
    return true;
}

void client_send(struct client *client, const void *bytes, size_t length)
{
    if (client->out_done == client->out_length) {
        client->out_done = client->out_length = 0;
    }
    uint8_t *out = realloc(client->out, client->out_length + length);
    if (out == NULL) {
        rig_fail(client->rig, "no memory for %zu bytes to send", length);
    }
    memcpy(out + client->out_length, bytes, length);
    client->out = out;
    client->out_length += length;
    if (client->connected) {
        client_pump(client);
    }
}

void client_text(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

void client_resume(struct client *client)
{
    client->paused = false;
    while (client->pcb != NULL && client->unopened != 0) {
        u16_t now = (u16_t)(client->unopened < 0xFFFF ? client->unopened : 0xFFFF);
        tcp_recved(client->pcb, now);
        client->unopened -= now;
    }
    client->unopened = 0;
}

static void client_let_go(struct client *client)
{
    tcp_arg(client->pcb, NULL);
    tcp_recv(client->pcb, NULL);
    tcp_sent(client->pcb, NULL);
    tcp_err(client->pcb, NULL);
}

void client_shut(struct client *client)
{
    if (client->pcb == NULL || client->out_done < client->out_length ||
        tcp_shutdown(client->pcb, 0, 1) != ERR_OK) {
        rig_fail(client->rig, "a client can't send its FIN");
    }
}

void client_close(struct client *client)
{
    if (client->pcb != NULL) {
        client_let_go(client);
        if (tcp_close(client->pcb) != ERR_OK) {
            tcp_abort(client->pcb);
        }
        client->pcb = NULL;
    }
}

void client_abort(struct client *client)
{
    if (client->pcb != NULL) {
        client_let_go(client);
        tcp_abort(client->pcb);
        client->pcb = NULL;
    }
}

void client_vanish(struct client *client)
{
    if (client->pcb != NULL) {
        client_let_go(client);
        tcp_abandon(client->pcb, 0);
        client->pcb = NULL;
    }
    client_free(client);
}

void client_free(struct client *client)
{
    client_abort(client);
    free(client->in);
    free(client->out);
    client->in = client->out = NULL;
    client->in_length = client->out_length = client->out_done = 0;
}

static bool client_is_connected(void *context)
{
    const struct client *client = context;
    return client->connected || client->failed;
}

static bool client_is_over(void *context)
{
    const struct client *client = context;
    return client->ended || client->failed;
}

bool client_wait_connected(struct client *client, uint32_t limit_ms)
{
    return rig_run_until(client->rig, client_is_connected, client, limit_ms) && client->connected;
}

bool client_wait_ended(struct client *client, uint32_t limit_ms)
{
    return rig_run_until(client->rig, client_is_over, client, limit_ms);
}

/* ---- HTTP ---- */

bool reply_header(const struct reply *reply, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);
    for (const char *line = reply->head; line != NULL; line = strstr(line, "\r\n")) {
        line += line != reply->head ? 2 : 0;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            line += strspn(line, " ");
            snprintf(value, size, "%.*s", (int)strcspn(line, "\r"), line);
            return true;
        }
    }
    return false;
}

/* Join the chunks in place. True: complete; *used counts all of it. */
static bool reply_chunks(uint8_t *body, size_t length, size_t *joined, size_t *used)
{
    size_t at = 0, out = 0;
    for (;;) {
        char *end;
        char size_text[12] = {0};
        uint8_t *line_end = memchr(body + at, '\n', length - at);
        if (line_end == NULL || line_end - (body + at) > 10) {
            return false;
        }
        memcpy(size_text, body + at, (size_t)(line_end - (body + at)));
        size_t size = strtoul(size_text, &end, 16);
        size_t begin = (size_t)(line_end - body) + 1;
        if (end == size_text || *end != '\r' || begin + size + 2 > length) {
            return false;
        }
        if (memcmp(body + begin + size, "\r\n", 2) != 0) {
            return false;
        }
        memmove(body + out, body + begin, size);
        out += size;
        at = begin + size + 2;
        if (size == 0) {
            *joined = out;
            *used = at;
            return true;
        }
    }
}

/* Try to read an answer from what has come. Works on a copy: a later try sees the bytes as they came. */
static bool client_reply_read(struct client *client, struct reply *reply, bool head_only)
{
    static uint8_t copy[CLIENT_IN_MAX + 1];
    char value[32];
    memcpy(copy, client->in, client->in_length);
    copy[client->in_length] = 0;
    char *head_end = strstr((char *)copy, "\r\n\r\n");
    if (head_end == NULL || strncmp((char *)copy, "HTTP/1.1 ", 9) != 0) {
        return false;
    }
    *head_end = 0;
    size_t head_length = (size_t)(head_end - (char *)copy) + 4;
    uint8_t *body = copy + head_length;
    size_t there = client->in_length - head_length;
    *reply = (struct reply){.status = atoi((char *)copy + 9), .head = (char *)copy, .body = body};
    reply->used = head_length;
    if (head_only || reply->status == 204 || reply->status == 304) {
        return true;
    }
    if (reply_header(reply, "Transfer-Encoding", value, sizeof value) && strcmp(value, "chunked") == 0) {
        size_t used = 0;
        bool whole = reply_chunks(body, there, &reply->length, &used);
        reply->used += used;
        return whole;
    }
    if (reply_header(reply, "Content-Length", value, sizeof value)) {
        reply->length = strtoul(value, NULL, 10);
        reply->used += reply->length;
        return reply->length <= there;
    }
    reply->length = there;
    reply->used += there;
    return client->ended;
}

bool client_take_reply(struct client *client, struct reply *reply, bool head_only)
{
    if (!client_reply_read(client, reply, head_only)) {
        return false;
    }
    client->in_length -= reply->used;
    memmove(client->in, client->in + reply->used, client->in_length);
    return true;
}

bool client_wait_reply(struct client *client, struct reply *reply, bool head_only, uint32_t limit_ms)
{
    size_t seen = SIZE_MAX;
    bool over = false;
    for (uint32_t ms = 0; ms <= limit_ms; ms++) {
        if (client->in_length != seen || client_is_over(client) != over) {
            seen = client->in_length;
            over = client_is_over(client);
            if (client_take_reply(client, reply, head_only)) {
                return true;
            }
        }
        if (over) {
            return false;
        }
        rig_step(client->rig);
    }
    return false;
}

const char *rig_board_text(struct rig *rig)
{
    static char text[16];
    const uint8_t *ip = rig->peer.ip;
    snprintf(text, sizeof text, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
    return text;
}

void http_ask(struct rig *rig, const char *request, struct reply *reply)
{
    static struct client client;
    client_free(&client);
    if (!client_open(&client, rig, 80)) {
        rig_fail(rig, "the PC has no connection left");
    }
    client_text(&client, request);
    if (!client_wait_reply(&client, reply, strncmp(request, "HEAD ", 5) == 0, 5000)) {
        rig_fail(rig, "no answer to \"%.*s\" (connected %d, ended %d, failed %d, %zu bytes: \"%.*s\")",
                 (int)strcspn(request, "\r"), request, client.connected, client.ended, client.failed,
                 client.in_length, client.in_length < 60 ? (int)client.in_length : 60, (char *)client.in);
    }
    client_close(&client);
}

void http_get(struct rig *rig, const char *path, struct reply *reply)
{
    char request[256];
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
             rig_board_text(rig));
    http_ask(rig, request, reply);
}
