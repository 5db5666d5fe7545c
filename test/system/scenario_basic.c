/*
 * Scenarios of everyday life: plug in, get the page, every answer that HTTP has for what is not right, many
 * connections, two boards, the same run twice.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/ncm_host.h"
#include "host/usb_host.h"
#include "lwip/tcp.h"
#include "test/system/load.h"
#include "vboard/board.h"

/* A board that nothing has happened to says that it has lost nothing: what the host doesn't read while it binds is no drop. */
static void no_drops(struct rig *rig)
{
    unsigned counters = 0;
    for (size_t i = 0; i < rig->baseline.count; i++) {
        const struct json_leaf *leaf = &rig->baseline.leaves[i];
        if (strstr(leaf->path, ".drops.") != NULL) {
            counters++;
            if (leaf->number != 0) {
                rig_fail(rig, "%s is %llu", leaf->path, (unsigned long long)leaf->number);
            }
        }
    }
    RIG_CHECK(rig, counters >= 15);
}

/* From the cable on; README's table of boards takes the last of these times. */
static void basic(struct rig *rig)
{
    struct rig_config config = rig->config;
    struct reply reply;
    char value[64];
    rig_start(rig, &config);
    rig_lease(rig);
    const struct pc_times *times = pc_times(rig->pc);
    http_get(rig, "/", &reply);
    uint64_t page_ms = rig_ms(rig) - times->attached / 1000000;
    RIG_CHECK(rig, reply.status == 200 && reply_header(&reply, "Content-Type", value, sizeof value));
    RIG_CHECK(rig, strncmp(value, "text/html", 9) == 0);
    rig_baseline(rig);
    no_drops(rig);
    int small_ms = rig_ping(rig, 56, 1000), large_ms = rig_ping(rig, 1472, 1000);
    RIG_CHECK(rig, small_ms >= 0 && large_ms >= 0);
    RIG_CHECK(rig, json_find(&rig->baseline, "serial") != NULL);
    RIG_CHECK(rig, strcmp(json_find(&rig->baseline, "serial")->text, pc_usb(rig->pc)->serial) == 0);
    RIG_CHECK(rig, strcmp(json_find(&rig->baseline, "address")->text, rig_board_text(rig)) == 0);
    RIG_CHECK(rig, rig_number_of(rig, &rig->baseline, "usb.link") == 1);
    const struct pc_net_counters *net = pc_net_counters(rig->pc);
    RIG_CHECK(rig, net->rx_errors == 0 && net->tx_dropped == 0);
    rig_say(
        rig,
        "configured %llu ms, link %llu ms, lease %llu ms, page %llu ms after attach; echo of 56 bytes %d ms, "
        "of 1472 %d ms",
        (unsigned long long)(times->configured - times->attached) / 1000000,
        (unsigned long long)(times->link - times->attached) / 1000000,
        (unsigned long long)(times->leased - times->attached) / 1000000, (unsigned long long)page_ms,
        small_ms, large_ms);
    rig_healthy(rig);
    rig_finish(rig);
}

/* ---- HTTP ---- */

struct question {
    const char *request; /* %H is the board's address */
    int status;
};

static const struct question questions[] = {
    {"GET / HTTP/1.1\r\nHost: %H\r\n\r\n", 200},
    {"GET /?x=%41 HTTP/1.1\r\nHost: %H\r\n\r\n", 200},
    {"GET /%61pi/status HTTP/1.1\r\nHost: %H\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: localhost:8080\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHOST:   plugnet.home.arpa  \r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: plugnet.local\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: plugnet.internal\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: www.lwip.home\r\n\r\n", 200},
    {"HEAD / HTTP/1.1\r\nHost: %H\r\n\r\n", 200},
    {"HEAD /api/status HTTP/1.1\r\nHost: %H\r\n\r\n", 200},
    {"GET /nothing HTTP/1.1\r\nHost: %H\r\n\r\n", 404},
    {"GET /../ HTTP/1.1\r\nHost: %H\r\n\r\n", 404},
    {"GET /%zz HTTP/1.1\r\nHost: %H\r\n\r\n", 400},
    {"GET /%00 HTTP/1.1\r\nHost: %H\r\n\r\n", 400},
    {"DELETE / HTTP/1.1\r\nHost: %H\r\n\r\n", 405},
    {"OPTIONS /api/leds HTTP/1.1\r\nHost: %H\r\nOrigin: http://evil.example\r\n\r\n", 403},
    {"OPTIONS /api/leds HTTP/1.1\r\nHost: %H\r\n\r\n", 204},
    {"GET /app.js HTTP/1.1\r\nHost: %H\r\nRange: bytes=0-9\r\n\r\n", 206},
    {"GET /app.js HTTP/1.1\r\nHost: %H\r\nRange: bytes=999999-\r\n\r\n", 416},
    {"POST / HTTP/1.1\r\nHost: %H\r\nContent-Length: 0\r\n\r\n", 405},
    {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421},
    {"GET / HTTP/1.1\r\nHost: localhost.example\r\n\r\n", 421},
    {"GET / HTTP/1.1\r\nHost: app.localhost\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: [0:0:0:0:0:0:0:1]\r\n\r\n", 200},
    {"GET HTTP://%H/ HTTP/1.1\r\nHost: %H\r\n\r\n", 200},
    {"GET / HTTP/1.1\r\nHost: %H\r\nAccept-Encoding: identity\r\n\r\n", 200},
    {"GET /app.js HTTP/1.1\r\nHost: %H\r\nAccept-Encoding: identity\r\n\r\n", 406},
    {"GET / HTTP/1.1\r\nHost: %H\r\nIf-Match: \"no\"\r\n\r\n", 412},
    {"GET / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: %H\r\nHost: %H\r\n\r\n", 400},
    {"GET /\r\n\r\n", 400},
    {" / HTTP/1.1\r\n\r\n", 400},
    {"GET / HTTP/3.7\r\nHost: %H\r\n\r\n", 505},
    {"GET / HTTP/1.1\r\nHost: %H\r\nBad Name: 1\r\n\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: %H\r\nNoColon\r\n\r\n", 400},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nContent-Length: 19\r\n\r\n{\"led\":0,\"on\":true}", 200},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 19\r\n\r\n"
     "{\"led\":0,\"on\":true}",
     403},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nOrigin: http://evil.example\r\nContent-Length: 19"
     "\r\n\r\n{\"led\":0,\"on\":true}",
     403},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nOrigin: null\r\nContent-Length: 19\r\n\r\n"
     "{\"led\":0,\"on\":true}",
     403},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nContent-Length: 96\r\n\r\n"
     "{\"led\":0,\"on\":true                                                                             }",
     413},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nContent-Length: 4000000000\r\n\r\n{", 413},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nContent-Length: -1\r\n\r\n{", 400},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nContent-Length: 19\r\n\r\n{\"led\":9,\"on\":true}", 404},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nContent-Length: 19\r\n\r\n{\"led\":0,\"on\":torn}", 400},
    {"POST /api/leds HTTP/1.1\r\nHost: %H\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
    {"GET / HTTP/1.1\r\nHost: %H\r\nExpect: 200-ok\r\n\r\n", 417},
};

static size_t question_write(struct rig *rig, const char *text, char *out)
{
    size_t length = 0;
    for (; *text != 0; text++) {
        if (text[0] == '%' && text[1] == 'H') {
            length += (size_t)sprintf(out + length, "%s", rig_board_text(rig));
            text++;
        } else {
            out[length++] = *text;
        }
    }
    out[length] = 0;
    return length;
}

static void http_long(struct rig *rig, unsigned target, unsigned header, int status)
{
    static char request[70000];
    struct reply reply;
    int length = sprintf(request, "GET /%0*d HTTP/1.1\r\nHost: %s\r\n", (int)target, 0, rig_board_text(rig));
    for (unsigned line = 0; line < header / 100; line++) {
        length += sprintf(request + length, "X-Long: %0*d\r\n", 90, 0);
    }
    sprintf(request + length, "\r\n");
    http_ask(rig, request, &reply);
    if (reply.status != status) {
        rig_fail(rig, "target of %u, headers of %u bytes: %d, wanted %d", target, header, reply.status,
                 status);
    }
}

/* As the board's status lists them. */
static unsigned led_count(const struct rig *rig)
{
    unsigned count = 0;
    for (unsigned i = 0; i < rig->baseline.count; i++) {
        const char *path = rig->baseline.leaves[i].path;
        size_t length = strlen(path);
        count += strncmp(path, "leds.", 5) == 0 && length > 8 && strcmp(path + length - 3, ".on") == 0;
    }
    return count;
}

/* Every LED on and off, bodies with a length and in chunks. */
static void http_leds(struct rig *rig)
{
    struct reply reply;
    char request[400], body[40];
    unsigned count = led_count(rig);
    RIG_CHECK(rig, count != 0);
    for (unsigned i = 0; i < 4 * count; i++) {
        unsigned led = i % count;
        bool on = i / count % 2 == 0;
        int size = sprintf(body, "{\"led\":%u,\"on\":%s}", led, on ? "true" : "false");
        int length = sprintf(request, "POST /api/leds HTTP/1.1\r\nHost: %s\r\nOrigin: http://%s\r\n",
                             rig_board_text(rig), rig_board_text(rig));
        if (i < 2 * count) {
            sprintf(request + length, "Content-Length: %d\r\n\r\n%s", size, body);
        } else {
            sprintf(request + length,
                    "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n%.5s\r\n%x\r\n%s\r\n0\r\nTrailer: 1\r\n\r\n",
                    body, (unsigned)size - 5, body + 5);
        }
        http_ask(rig, request, &reply);
        if (reply.status != 200 || ((pc_leds(rig->pc) >> led & 1) != 0) != on) {
            rig_fail(rig, "POST %s: %d, LEDs are %x", body, reply.status, pc_leds(rig->pc));
        }
    }
}

/* A client says that it sends no more, behind bytes that nobody reads: it gets its last answer whole. */
static void http_half_closed(struct rig *rig)
{
    static const char *const behind[] = {"", "\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"};
    static const char *const paths[] = {"/", "/app.js", "/api/status"};
    static char request[4096], text[512];
    static struct client client;
    struct reply reply;
    for (unsigned i = 0; i < 9; i++) {
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %%H\r\nConnection: close\r\n\r\n%s",
                 paths[i / 3], behind[i % 3]);
        question_write(rig, text, request);
        RIG_CHECK(rig, client_open(&client, rig, 80) && client_wait_connected(&client, 1000));
        client_text(&client, request);
        client_shut(&client);
        bool whole = client_wait_reply(&client, &reply, false, 3000) && reply.status == 200;
        if (!whole || !client_wait_ended(&client, 3000) || client.failed) {
            rig_fail(rig, "%s, %zu bytes and a FIN behind it: whole %d, failed %d", paths[i / 3],
                     strlen(behind[i % 3]), whole, client.failed);
        }
        client_free(&client);
    }
}

static void http_answers(struct rig *rig)
{
    static char request[4096];
    struct reply reply;
    char value[64], length[16];
    unsigned count = sizeof questions / sizeof questions[0];
    for (unsigned i = 0; i < count; i++) {
        question_write(rig, questions[i].request, request);
        http_ask(rig, request, &reply);
        if (reply.status != questions[i].status) {
            request[strcspn(request, "\r")] = 0;
            rig_fail(rig, "question %u, \"%s\": %d, wanted %d", i, request, reply.status,
                     questions[i].status);
        }
        if (reply_header(&reply, "Access-Control-Allow-Origin", value, sizeof value)) {
            rig_fail(rig, "question %u has a CORS header", i);
        }
        if (reply.status == 405 && !reply_header(&reply, "Allow", value, sizeof value)) {
            rig_fail(rig, "question %u: 405 without Allow", i);
        }
    }
    http_get(rig, "/", &reply);
    snprintf(length, sizeof length, "%zu", reply.length);
    question_write(rig, "HEAD / HTTP/1.1\r\nHost: %H\r\n\r\n", request);
    http_ask(rig, request, &reply);
    RIG_CHECK(rig, reply_header(&reply, "Content-Length", value, sizeof value) && strcmp(value, length) == 0);
    if (reply_header(&reply, "ETag", value, sizeof value)) {
        char *end = request + question_write(rig, "GET / HTTP/1.1\r\nHost: %H\r\nIf-None-Match: ", request);
        sprintf(end, "%s\r\n\r\n", value);
        http_ask(rig, request, &reply);
        RIG_CHECK(rig, reply.status == 304);
    }
    http_long(rig, 1000, 0, 404);
    http_long(rig, 1100, 0, 414);
    http_long(rig, 10, 6000, 404);
    http_long(rig, 10, 60000, 404); /* field case 01: cookies of other programs */
    http_leds(rig);
    http_half_closed(rig);
    rig_say(rig, "%u questions, long ones, LEDs by POST", count);
}

#define PIPELINED 6

/* Keep-alive: many requests on one connection, also sent before the answers have come. */
#define PIPELINE_LONG 500

static void http_pipeline(struct rig *rig)
{
    static struct client client;
    struct reply reply;
    char request[100];
    RIG_CHECK(rig, client_open(&client, rig, 80));
    sprintf(request, "GET /api/status HTTP/1.1\r\nHost: %s\r\n\r\n", rig_board_text(rig));
    for (unsigned i = 0; i < PIPELINED; i++) {
        client_text(&client, request);
    }
    for (unsigned i = 0; i < PIPELINED; i++) {
        if (!client_wait_reply(&client, &reply, false, 3000) || reply.status != 200) {
            rig_fail(rig, "pipelined request %u was not answered (ended %d, failed %d, %zu bytes: \"%.40s\")",
                     i, client.ended, client.failed, client.in_length, (const char *)client.in);
        }
    }
    /* One byte in a segment. */
    for (const char *c = request; *c != 0; c++) {
        client_send(&client, c, 1);
        rig_run_ms(rig, 2);
    }
    RIG_CHECK(rig, client_wait_reply(&client, &reply, false, 3000) && reply.status == 200);
    /* As much as its window takes at once, of four kinds in turn, and twice so many: it answers all. */
    static const char *const paths[] = {"/api/status", "/", "/nothing", "/"};
    for (unsigned i = 0; i < PIPELINE_LONG; i++) {
        sprintf(request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", paths[i % 4], rig_board_text(rig));
        client_text(&client, request);
    }
    for (unsigned i = 0; i < PIPELINE_LONG; i++) {
        if (!client_wait_reply(&client, &reply, false, 3000) || reply.status != (i % 4 == 2 ? 404 : 200)) {
            rig_fail(rig, "request %u of a long pipeline was not answered (ended %d, failed %d)", i,
                     client.ended, client.failed);
        }
    }
    RIG_CHECK(rig, !client.ended && !client.failed);
    client_free(&client);
    rig_say(rig, "%d requests at once, one byte by byte, %d at once, on one connection", PIPELINED,
            PIPELINE_LONG);
}

#define PIPELINED_LARGE   11
#define PIPELINED_CLIENTS 3

/* A request of two thirds of a segment, or a POST with the largest body of the demo. */
static void large_request(struct rig *rig, unsigned i, char *request)
{
    char *end = request;

    if (i % 3 == 2) {
        end += sprintf(end, "POST /api/leds HTTP/1.1\r\nHost: %s\r\nContent-Length: 60\r\n\r\n",
                       rig_board_text(rig));
        sprintf(end, "%-60s", "{\"led\":0,\"on\":true}");
        return;
    }
    end += sprintf(end, "GET /nothing/%u HTTP/1.1\r\nHost: %s\r\nCookie: ", i, rig_board_text(rig));
    memset(end, 'c', 900);
    strcpy(end + 900, "\r\n\r\n");
}

/* Far more than the board can keep waits behind an answer: the client sends the rest again, and nothing is lost. */
static void http_pipeline_large(struct rig *rig)
{
    static struct client clients[PIPELINED_CLIENTS];
    struct reply reply;
    char request[1200];
    for (unsigned half_closed = 0; half_closed < 2; half_closed++) {
        for (unsigned n = 0; n < PIPELINED_CLIENTS; n++) {
            RIG_CHECK(rig, client_open(&clients[n], rig, 80));
            RIG_CHECK(rig, client_wait_connected(&clients[n], 2000));
            for (unsigned i = 0; i < PIPELINED_LARGE; i++) {
                large_request(rig, i, request);
                client_text(&clients[n], request);
            }
            RIG_CHECK(rig, !half_closed || tcp_shutdown(clients[n].pcb, 0, 1) == ERR_OK);
        }
        for (unsigned i = 0; i < PIPELINED_LARGE * PIPELINED_CLIENTS; i++) {
            struct client *client = &clients[i / PIPELINED_LARGE];
            int wanted = i % PIPELINED_LARGE % 3 == 2 ? 200 : 404;
            if (!client_wait_reply(client, &reply, false, 8000) || reply.status != wanted) {
                rig_fail(rig, "large request %u got %d, not %d (ended %d, failed %d)", i, reply.status,
                         wanted, client->ended, client->failed);
            }
        }
        for (unsigned n = 0; n < PIPELINED_CLIENTS; n++) {
            RIG_CHECK(rig, half_closed ? client_wait_ended(&clients[n], 2000) : !clients[n].ended);
            RIG_CHECK(rig, !clients[n].failed && clients[n].in_length == 0);
            client_free(&clients[n]);
        }
    }
    rig_say(rig, "%d large requests at once from each of %d clients", PIPELINED_LARGE, PIPELINED_CLIENTS);
}

static void button_shown(struct rig *rig)
{
    for (unsigned i = 0; i < 6; i++) {
        pc_button(rig->pc, 0, i % 2 == 0);
        rig_run_ms(rig, 50);
        if (rig_number(rig, "button") != (i % 2 == 0)) {
            rig_fail(rig, "the button is %s, and not shown so", i % 2 == 0 ? "pressed" : "released");
        }
    }
}

/* ---- Runs that are compared ---- */

struct outcome {
    uint64_t instructions, cycles, time_ns;
    uint8_t board_mac[6], pc_mac[6], board_ip[4], pc_ip[4];
    char serial[USB_HOST_STRING_MAX];
};

static void outcome_of(struct rig *rig, const struct rig_config *config, struct outcome *outcome)
{
    rig_start(rig, config);
    rig_lease(rig);
    load_start(rig, LOAD_ALL);
    rig_run_ms(rig, 300);
    load_stop(rig);
    rig_baseline(rig);
    rig_healthy(rig);
    if (rig->board != NULL) {
        struct vboard_stats stats = vboard_stats(rig->board);
        outcome->instructions = stats.instructions;
        outcome->cycles = stats.cycles;
        outcome->time_ns = stats.time_ns;
    }
    memcpy(outcome->board_mac, rig->peer.mac, 6);
    memcpy(outcome->pc_mac, rig->me.mac, 6);
    memcpy(outcome->board_ip, rig->peer.ip, 4);
    memcpy(outcome->pc_ip, rig->me.ip, 4);
    snprintf(outcome->serial, sizeof outcome->serial, "%s", pc_usb(rig->pc)->serial);
}

/* In a process of its own, because a process has one PC. */
static bool outcome_get(struct rig *rig, const struct rig_config *config, struct outcome *outcome)
{
    int fds[2], status = 0;
    if (pipe(fds) != 0) {
        return false;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        outcome_of(rig, config, outcome);
        _exit(write(fds[1], outcome, sizeof *outcome) == (ssize_t)sizeof *outcome ? 0 : 1);
    }
    close(fds[1]);
    bool good = child > 0 && read(fds[0], outcome, sizeof *outcome) == (ssize_t)sizeof *outcome;
    close(fds[0]);
    waitpid(child, &status, 0);
    return good && status == 0;
}

static void alone_ok(struct rig *rig)
{
    printf("ok %s %s (%s)\n", rig->config.board, rig->config.scenario, rig->said);
}

static void two_boards(struct rig *rig)
{
    struct rig_config config = rig->config;
    struct outcome a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    memcpy(config.uid, "\x21\x00\x3A\x00\x0D\x51\x36\x32\x38\x31\x39\x30", RIG_UID);
    if (!outcome_get(rig, &config, &a)) {
        exit(1);
    }
    config.uid[0]++;
    if (!outcome_get(rig, &config, &b)) {
        exit(1);
    }
    rig->config = config;
    RIG_CHECK(rig, memcmp(a.board_mac, b.board_mac, 6) != 0);
    RIG_CHECK(rig, memcmp(a.pc_mac, b.pc_mac, 6) != 0);
    RIG_CHECK(rig, memcmp(a.board_mac, a.pc_mac, 6) != 0);
    RIG_CHECK(rig, (a.pc_mac[0] & 3) == 0 && (a.board_mac[0] & 3) == 2);
    RIG_CHECK(rig, memcmp(a.pc_mac, "\x00\x80\xE1", 3) == 0);
    RIG_CHECK(rig, memcmp(a.board_ip, b.board_ip, 4) != 0);
    RIG_CHECK(rig, strcmp(a.serial, b.serial) != 0 && a.serial[0] != 0);
    rig_say(rig, "%u.%u.%u.%u serial %s, %u.%u.%u.%u serial %s", a.board_ip[0], a.board_ip[1], a.board_ip[2],
            a.board_ip[3], a.serial, b.board_ip[0], b.board_ip[1], b.board_ip[2], b.board_ip[3], b.serial);
    alone_ok(rig);
}

static void same_twice(struct rig *rig)
{
    struct outcome a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    struct rig_config config = rig->config;
    if (!outcome_get(rig, &config, &a) || !outcome_get(rig, &config, &b)) {
        exit(1);
    }
    RIG_CHECK(rig, a.instructions != 0);
    if (a.instructions != b.instructions || a.cycles != b.cycles || a.time_ns != b.time_ns) {
        rig_fail(rig, "%llu and %llu instructions", (unsigned long long)a.instructions,
                 (unsigned long long)b.instructions);
    }
    rig_say(rig, "%llu instructions in %llu ms, twice", (unsigned long long)a.instructions,
            (unsigned long long)a.time_ns / 1000000);
    alone_ok(rig);
}

const struct scenario scenarios_basic[] = {
    {"basic", SCENARIO_BOTH, basic, 60, true},
    {"http_answers", SCENARIO_BOTH, http_answers, 60, false},
    {"http_pipeline", SCENARIO_BOTH, http_pipeline, 60, false},
    {"http_pipeline_large", SCENARIO_BOTH, http_pipeline_large, 120, false},
    {"button_shown", SCENARIO_BOTH, button_shown, 60, false},
    {"two_boards", SCENARIO_BOTH, two_boards, 60, true},
    {"same_twice", SCENARIO_VBOARD, same_twice, 60, true},
    {0},
};
