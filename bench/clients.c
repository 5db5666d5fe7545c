/* The benchmark's clients on the PC's lwIP (clients.h). */
/* SPDX-License-Identifier: MIT */
#include "bench/clients.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/pc.h"
#include "lwip/dhcp.h"
#include "lwip/inet_chksum.h"
#include "lwip/pbuf.h"
#include "lwip/raw.h"
#include "lwip/tcp.h"

#define ICMP_HEADER       8
#define ICMP_ECHO_ASK     8
#define ICMP_ECHO_ANSWER  0
#define ICMP_ID           0x706E
#define IPERF_PORT        5001
#define IPERF_BACK_PORT   5002
#define IPERF_HEADER      24
#define IPERF_VERSION1    0x80000000u /* the header is there */
#define IPERF_RUN_NOW     0x00000001u /* connect back at once */
#define IPERF_SECONDS_MAX 3600
#define PING_PAUSES       10 /* 0 ms to 9 ms, in turn: no ping keeps step with what it is beside */

static uint8_t pattern[16384];

void load_init(struct load *load, struct pc *pc, const uint8_t board[4])
{
    memset(load, 0, sizeof *load);
    load->pc = pc;
    IP_ADDR4(&load->board, board[0], board[1], board[2], board[3]);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)('0' + i % 10);
}

static void load_begin(struct load *load, enum load_kind kind)
{
    load->kind = kind;
    load->count = load->bytes = load->lost = load->errors = load->first_ns = 0;
    load->latency_count = 0;
}

/* ---- echo ---- */

static bool echo_send(struct load *load, struct load_echo *echo)
{
    struct pbuf *p = pbuf_alloc(PBUF_IP, (uint16_t)(ICMP_HEADER + load->echo_bytes), PBUF_RAM);
    if (p == NULL)
        return false;
    uint8_t *bytes = p->payload;
    uint16_t sequence = ++load->sequence;
    memset(bytes, 0, ICMP_HEADER);
    bytes[0] = ICMP_ECHO_ASK;
    bytes[4] = ICMP_ID >> 8, bytes[5] = ICMP_ID & 0xFF;
    bytes[6] = (uint8_t)(sequence >> 8), bytes[7] = (uint8_t)sequence;
    memcpy(bytes + ICMP_HEADER, pattern + sequence % 10, load->echo_bytes);
    uint16_t sum = inet_chksum(bytes, p->len);
    memcpy(bytes + 2, &sum, 2);
    bool sent = raw_sendto(load->raw, p, &load->board) == ERR_OK;
    pbuf_free(p);
    echo->sent_ns = sent ? pc_time_ns(load->pc) : 0;
    echo->sequence = sequence;
    return sent;
}

static uint8_t echo_received(void *context, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
    struct load *load = context;
    static uint8_t bytes[2048];
    uint16_t length = pbuf_copy_partial(p, bytes, sizeof bytes, 0);
    (void)pcb;
    (void)from;
    uint16_t header = (uint16_t)((bytes[0] & 0xF) * 4);
    const uint8_t *icmp = bytes + header;
    if (length < header + ICMP_HEADER || icmp[0] != ICMP_ECHO_ANSWER || icmp[5] != (ICMP_ID & 0xFF))
        return 0;
    uint16_t sequence = (uint16_t)(icmp[6] << 8 | icmp[7]);
    for (unsigned i = 0; i < load->outstanding; i++) {
        struct load_echo *echo = &load->echoes[i];
        if (echo->sent_ns == 0 || echo->sequence != sequence)
            continue;
        if (length - header != ICMP_HEADER + load->echo_bytes ||
            memcmp(icmp + ICMP_HEADER, pattern + sequence % 10, load->echo_bytes) != 0)
            load->errors++;
        load->count++;
        load->bytes += load->echo_bytes;
        if (load->latency_count < LOAD_LATENCIES_MAX)
            load->latencies_ns[load->latency_count++] = (uint32_t)(pc_time_ns(load->pc) - echo->sent_ns);
        if (load->pauses) {
            echo->sent_ns = 0;
            echo->due_ns = pc_time_ns(load->pc) + sequence * 7u % PING_PAUSES * 1000000u;
        } else {
            echo_send(load, echo);
        }
        break;
    }
    pbuf_free(p);
    return 1;
}

static void echo_start(struct load *load, unsigned outstanding, uint16_t bytes, bool pauses)
{
    load_begin(load, LOAD_ECHO);
    load->pauses = pauses;
    load->outstanding = outstanding;
    load->echo_bytes = bytes;
    memset(load->echoes, 0, sizeof load->echoes);
    load->raw = raw_new(IP_PROTO_ICMP);
    raw_recv(load->raw, echo_received, load);
    for (unsigned i = 0; i < outstanding; i++)
        echo_send(load, &load->echoes[i]);
}

void load_echo_start(struct load *load, unsigned outstanding, uint16_t bytes)
{
    echo_start(load, outstanding, bytes, false);
}

void load_ping_start(struct load *load, uint16_t bytes)
{
    echo_start(load, 1, bytes, true);
}

static void echo_tick(struct load *load)
{
    for (unsigned i = 0; i < load->outstanding; i++) {
        struct load_echo *echo = &load->echoes[i];
        uint64_t now_ns = pc_time_ns(load->pc);
        bool lost = echo->sent_ns != 0 && now_ns - echo->sent_ns > LOAD_ECHO_LOST_MS * UINT64_C(1000000);
        load->lost += lost;
        if (lost || (echo->sent_ns == 0 && now_ns >= echo->due_ns))
            echo_send(load, echo);
    }
}

/* ---- HTTP ---- */

static void connection_failed(void *context, err_t error)
{
    struct load_connection *c = context;
    (void)error;
    c->pcb = NULL;
    c->load->errors++;
}

/* The answer is complete. */
static void http_count(struct load_connection *c)
{
    c->load->count++;
    c->load->answer_bytes = c->answer;
}

static void http_ask(struct load_connection *c)
{
    const char *request = c->load->request;
    c->head_length = 0;
    c->in_body = false;
    tcp_write(c->pcb, request, (uint16_t)strlen(request), 0);
    tcp_output(c->pcb);
}

/* The head is complete: how long is the body? */
static void http_head(struct load_connection *c)
{
    struct load *load = c->load;
    c->head[c->head_length] = '\0';
    bool old = strncmp(c->head, "HTTP/1.0", 8) == 0;
    if ((strncmp(c->head, "HTTP/1.1", 8) != 0 && !old) || strncmp(c->head + 8, " 200", 4) != 0)
        load->errors++;
    const char *length = strcasestr(c->head, "\r\nContent-Length:");
    c->closes = strcasestr(c->head, "\r\nConnection: close") != NULL ||
                (old && strcasestr(c->head, "\r\nConnection: keep-alive") == NULL);
    c->chunked = strcasestr(c->head, "\r\nTransfer-Encoding: chunked") != NULL;
    c->until_close = length == NULL && !c->chunked && c->closes;
    if (length == NULL && !c->chunked && !c->closes)
        load->errors++;
    c->body_left = length != NULL ? (uint32_t)strtoul(length + 17, NULL, 10) : 0;
    c->in_body = true;
    c->in_size = c->chunked;
    c->chunk = 0;
    c->answer = c->head_length + c->body_left;
}

static void http_open(struct load_connection *c);

/* The board has closed: an answer may end so, then the next one has a connection of its own. */
static err_t http_closed(struct load_connection *c, struct tcp_pcb *pcb)
{
    struct load *load = c->load;
    bool complete = c->in_body && c->closes && (c->until_close || c->body_left == 0);
    c->pcb = NULL;
    if (!complete) {
        load->errors++;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    http_count(c);
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_close(pcb);
    http_open(c);
    return ERR_OK;
}

/* A byte of the line before a chunk; behind the last chunk, of no bytes, comes an empty line. */
static void http_size(struct load_connection *c, uint8_t byte)
{
    unsigned digit = byte >= '0' && byte <= '9' ? byte - (unsigned)'0' : (byte | 0x20u) - 'a' + 10;
    if (byte == '\n') {
        c->in_size = false;
        c->body_left = c->chunk + 2;
    } else if (digit < 16) {
        c->chunk = c->chunk << 4 | digit;
    } else if (byte != '\r') {
        c->load->errors++;
    }
}

/* What the answer's body still has is here. */
static bool http_is_whole(struct load_connection *c)
{
    if (!c->in_body || c->in_size || c->body_left != 0)
        return false;
    if (!c->chunked || c->chunk == 0)
        return true;
    c->in_size = true;
    c->chunk = 0;
    return false;
}

static void http_bytes(struct load_connection *c, const uint8_t *bytes, uint32_t length)
{
    while (length > 0) {
        if (c->in_body && c->until_close) {
            c->answer += length;
            return;
        } else if (c->in_body && c->in_size) {
            c->answer++;
            http_size(c, *bytes++);
            length--;
        } else if (c->in_body) {
            uint32_t part = length < c->body_left ? length : c->body_left;
            c->body_left -= part;
            c->answer += c->chunked ? part : 0;
            bytes += part;
            length -= part;
            if (part == 0) {
                c->load->errors++; /* more than was announced */
                return;
            }
        } else if (c->head_length + 1 < LOAD_HEAD_MAX) {
            c->head[c->head_length++] = (char)*bytes++;
            length--;
            if (c->head_length == 12 && c->load->first_ns == 0)
                c->load->first_ns = pc_time_ns(c->load->pc);
            if (c->head_length >= 4 && memcmp(c->head + c->head_length - 4, "\r\n\r\n", 4) == 0)
                http_head(c);
        } else {
            c->load->errors++;
            return;
        }
        if (http_is_whole(c) && !c->closes) {
            http_count(c);
            http_ask(c);
        }
    }
}

static err_t http_received(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct load_connection *c = context;
    (void)error;
    if (p == NULL)
        return http_closed(c, pcb);
    tcp_recved(pcb, p->tot_len);
    c->load->bytes += p->tot_len;
    for (const struct pbuf *q = p; q != NULL; q = q->next)
        http_bytes(c, q->payload, q->len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t http_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
    (void)pcb;
    (void)error;
    http_ask(context);
    return ERR_OK;
}

static struct tcp_pcb *connection_open(struct load_connection *c, uint16_t port, tcp_connected_fn connected)
{
    struct load *load = c->load;
    c->pcb = tcp_new();
    if (c->pcb == NULL) {
        load->errors++;
        return NULL;
    }
    tcp_arg(c->pcb, c);
    tcp_err(c->pcb, connection_failed);
    tcp_nagle_disable(c->pcb);
    tcp_connect(c->pcb, &load->board, port, connected);
    return c->pcb;
}

static void http_open(struct load_connection *c)
{
    c->head_length = 0;
    c->in_body = false;
    if (connection_open(c, 80, http_connected) != NULL)
        tcp_recv(c->pcb, http_received);
}

/* Like those of a desktop's browser that opens a page: 450 bytes with the line of Host. */
static const char browser_headers[] =
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n"
    "DNT: 1\r\n"
    "Sec-GPC: 1\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Cache-Control: max-age=0\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Referer: http://plugnet.local/index.html\r\n";
static const char program_headers[] = "User-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n";

void load_http_start(struct load *load, unsigned connections, const char *path, bool browser)
{
    load_begin(load, LOAD_HTTP);
    snprintf(load->request, sizeof load->request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path,
             ipaddr_ntoa(&load->board), browser ? browser_headers : program_headers);
    for (unsigned i = 0; i < connections; i++) {
        struct load_connection *c = &load->connections[i];
        memset(c, 0, sizeof *c);
        c->load = load;
        http_open(c);
    }
}

static err_t fetch_received(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct load_connection *c = context;
    struct load *load = c->load;
    (void)error;
    if (p == NULL) {
        c->pcb = NULL;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    tcp_recved(pcb, p->tot_len);
    load->text_length += pbuf_copy_partial(p, load->text + load->text_length,
                                           (uint16_t)(LOAD_TEXT_MAX - load->text_length), 0);
    pbuf_free(p);
    return ERR_OK;
}

void load_fetch_start(struct load *load, const char *path)
{
    struct load_connection *c = &load->connections[0];
    load_begin(load, LOAD_FETCH);
    load->text_length = 0;
    snprintf(load->request, sizeof load->request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
             path, ipaddr_ntoa(&load->board));
    memset(c, 0, sizeof *c);
    c->load = load;
    if (connection_open(c, 80, http_connected) != NULL)
        tcp_recv(c->pcb, fetch_received);
}

bool load_fetch_over(const struct load *load)
{
    return load->connections[0].pcb == NULL;
}

/* ---- iperf ---- */

static void put_be32(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void iperf_header(uint8_t header[IPERF_HEADER], uint32_t flags)
{
    put_be32(header, flags);
    put_be32(header + 4, 1);                                     /* threads */
    put_be32(header + 8, IPERF_BACK_PORT);                       /* mPort */
    put_be32(header + 12, 0);                                    /* buffer length: the board's choice */
    put_be32(header + 16, 0);                                    /* window band */
    put_be32(header + 20, (uint32_t)(-100 * IPERF_SECONDS_MAX)); /* amount: negative is 10 ms units */
}

static void iperf_fill(struct tcp_pcb *pcb)
{
    while (tcp_sndbuf(pcb) > 0) {
        uint16_t length = tcp_sndbuf(pcb) < sizeof pattern ? (uint16_t)tcp_sndbuf(pcb) : sizeof pattern;
        if (tcp_write(pcb, pattern, length, 0) != ERR_OK)
            break;
    }
    tcp_output(pcb);
}

static err_t iperf_sent(void *context, struct tcp_pcb *pcb, uint16_t length)
{
    struct load_connection *c = context;
    c->load->bytes += length;
    iperf_fill(pcb);
    return ERR_OK;
}

static err_t iperf_received(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct load_connection *c = context;
    (void)error;
    if (p == NULL) {
        c->load->errors++;
        c->pcb = NULL;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    tcp_recved(pcb, p->tot_len);
    if (c->load->kind != LOAD_IPERF_UP)
        c->load->bytes += p->tot_len;
    pbuf_free(p);
    return ERR_OK;
}

static err_t iperf_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
    struct load_connection *c = context;
    uint8_t header[IPERF_HEADER];
    (void)error;
    iperf_header(header, c->load->kind != LOAD_IPERF_UP ? IPERF_VERSION1 | IPERF_RUN_NOW : 0);
    tcp_write(pcb, header, sizeof header, TCP_WRITE_FLAG_COPY);
    if (c->load->kind != LOAD_IPERF_DOWN) {
        tcp_sent(pcb, iperf_sent);
        iperf_fill(pcb);
    }
    tcp_output(pcb);
    return ERR_OK;
}

static err_t iperf_accepted(void *context, struct tcp_pcb *pcb, err_t error)
{
    struct load *load = context;
    struct load_connection *c = &load->connections[1];
    (void)error;
    if (pcb == NULL || c->pcb != NULL)
        return ERR_VAL;
    c->load = load;
    c->pcb = pcb;
    tcp_arg(pcb, c);
    tcp_err(pcb, connection_failed);
    tcp_recv(pcb, iperf_received);
    return ERR_OK;
}

static void iperf_start(struct load *load, enum load_kind kind)
{
    struct load_connection *c = &load->connections[0];
    load_begin(load, kind);
    memset(load->connections, 0, sizeof load->connections);
    if (kind != LOAD_IPERF_UP) {
        struct tcp_pcb *pcb = tcp_new();
        tcp_bind(pcb, IP_ADDR_ANY, IPERF_BACK_PORT);
        load->listener = tcp_listen(pcb);
        tcp_arg(load->listener, load);
        tcp_accept(load->listener, iperf_accepted);
    }
    c->load = load;
    if (connection_open(c, IPERF_PORT, iperf_connected) != NULL)
        tcp_recv(c->pcb, iperf_received);
}

void load_iperf_up_start(struct load *load)
{
    iperf_start(load, LOAD_IPERF_UP);
}

void load_iperf_down_start(struct load *load)
{
    iperf_start(load, LOAD_IPERF_DOWN);
}

void load_iperf_both_start(struct load *load)
{
    iperf_start(load, LOAD_IPERF_BOTH);
}

/* ---- DHCP ---- */

void load_dhcp_start(struct load *load)
{
    load_begin(load, LOAD_DHCP);
    if (dhcp_start(pc_netif(load->pc)) != ERR_OK)
        load->errors++;
}

static void dhcp_tick(struct load *load)
{
    if (dhcp_supplied_address(pc_netif(load->pc)) && dhcp_start(pc_netif(load->pc)) == ERR_OK)
        load->count++;
}

/* ---- all ---- */

void load_tick(struct load *load)
{
    if (load->kind == LOAD_ECHO)
        echo_tick(load);
    else if (load->kind == LOAD_DHCP)
        dhcp_tick(load);
}

void load_stop(struct load *load)
{
    if (load->raw != NULL)
        raw_remove(load->raw);
    load->raw = NULL;
    for (unsigned i = 0; i < LOAD_CONNECTIONS_MAX; i++) {
        struct load_connection *c = &load->connections[i];
        if (c->pcb != NULL) {
            tcp_err(c->pcb, NULL);
            tcp_abort(c->pcb);
            c->pcb = NULL;
        }
    }
    if (load->listener != NULL)
        tcp_close(load->listener);
    load->listener = NULL;
    load->kind = LOAD_NONE;
}
