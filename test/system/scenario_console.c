/*
 * Scenarios of the demo's console (app/console.h): what it answers, and clients that mean no good. Whatever one of them
 * does, the others and the page are served.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/scenario.h"

#include <stdio.h>
#include <string.h>

#include "lwip/tcp.h"

#define PORT           2323
#define CLIENTS        4    /* app/console.h promises so many */
#define ANSWER_MS      500  /* an answer takes no longer, whatever others do */
#define PAGE_MS        1500 /* nor the page */
#define LINE_BYTES_MAX 64
#define IDLE_S         120  /* one that says nothing is closed then */
#define SEND_S         20   /* a client that takes nothing is reset then */
#define REOPENED_MS    1500 /* after its window has opened, a client waits no longer */
#define COMMANDS       1000
#define RUBBISH        20000

static const char help[] = "*IDN?, help, leds, led N on|off, button, uptime, quit\r\n";
static struct client clients[CLIENTS + 1];
static struct ghost ghosts[CLIENTS];

static bool has_line(void *context)
{
    const struct client *client = context;
    return memchr(client->in, '\n', client->in_length) != NULL || client->ended || client->failed;
}

/* Its next line, without CR LF; fails the test if none comes. */
static const char *line_take(struct client *client, uint32_t limit_ms)
{
    static char line[200];
    rig_run_until(client->rig, has_line, client, limit_ms);
    const uint8_t *end = memchr(client->in, '\n', client->in_length);
    if (end == NULL) {
        rig_fail(client->rig, "no line of \"%.*s\" within %u ms (connected %d, ended %d, failed %d)",
                 (int)client->out_length, (const char *)client->out, limit_ms, client->connected,
                 client->ended, client->failed);
    }
    size_t length = (size_t)(end - client->in);
    RIG_CHECK(client->rig, length >= 1 && length < sizeof line && client->in[length - 1] == '\r');
    memcpy(line, client->in, length - 1);
    line[length - 1] = 0;
    client->in_length -= length + 1;
    memmove(client->in, end + 1, client->in_length);
    return line;
}

static void expect(struct client *client, const char *command, const char *start)
{
    client_text(client, command);
    const char *line = line_take(client, ANSWER_MS);
    if (strncmp(line, start, strlen(start)) != 0) {
        rig_fail(client->rig, "%s was answered: %s", command, line);
    }
}

static void console_open(struct client *client, struct rig *rig)
{
    RIG_CHECK(rig, client_open(client, rig, PORT));
    RIG_CHECK(rig, client_wait_connected(client, 2000));
}

static void page_is_there(struct rig *rig)
{
    struct reply reply;
    uint64_t begin = rig_ms(rig);
    http_get(rig, "/", &reply);
    RIG_CHECK(rig, reply.status == 200 && rig_ms(rig) - begin <= PAGE_MS);
}

/* ---- What it says ---- */

static void led_is(struct rig *rig, bool on)
{
    struct reply reply;
    http_get(rig, "/api/leds", &reply);
    const char *text = (const char *)reply.body, *first = strstr(text, "\"on\":");
    RIG_CHECK(rig, reply.status == 200 && first != NULL);
    bool only = strstr(first + 1, "\"on\":") == NULL; /* then it is the one that blinks */
    RIG_CHECK(rig, only || strncmp(first + 5, on ? "true" : "false", on ? 4 : 5) == 0);
}

static void console_answers(struct rig *rig)
{
    struct client *client = &clients[0];
    console_open(client, rig);
    client_text(client, "*IDN?\n");
    const char *identity = line_take(client, ANSWER_MS);
    RIG_CHECK(rig, strncmp(identity, "plugnet,", 8) == 0);
    rig_say(rig, "%s", identity);
    expect(client, "  *idn? \t\r\n", "plugnet,");
    expect(client, "help\r", "*IDN?, help");
    expect(client, "led 0 on\r\n", "ok");
    led_is(rig, true);
    expect(client, "LED 0 OFF\n", "ok");
    led_is(rig, false);
    expect(client, "leds\n", "");
    expect(client, "led 4000 on\n", "error: no such LED");
    expect(client, "led 0 up\n", "error: wrong words");
    expect(client, "led 99999999999 on\n", "error: wrong words");
    expect(client, "help me\n", "error: wrong words");
    expect(client, "uptime\n", "");
    expect(client, "button\n", "released");
    expect(client, "\xFF\xFB\x01rubbish\n", "error: unknown");
    client_text(client, "\n\r\n\r");
    client_text(client, "upt");
    rig_run_ms(rig, 300);
    expect(client, "ime\n", "");
    char text[LINE_BYTES_MAX + 3];
    memset(text, 'a', sizeof text);
    text[LINE_BYTES_MAX] = '\n', text[LINE_BYTES_MAX + 1] = 0;
    expect(client, text, "error: unknown");
    text[LINE_BYTES_MAX] = 'a', text[LINE_BYTES_MAX + 1] = '\n', text[LINE_BYTES_MAX + 2] = 0;
    expect(client, text, "error: the line is too long");
    expect(client, "quit\nuptime\n", "bye");
    RIG_CHECK(rig, client_wait_ended(client, 2000) && !client->failed && client->in_length == 0);
    client_free(client);
    console_open(client, rig); /* half closed: everything before it is answered */
    client_text(client, "help\nled 0 off\n*IDN");
    RIG_CHECK(rig, tcp_shutdown(client->pcb, 0, 1) == ERR_OK);
    RIG_CHECK(rig, strncmp(line_take(client, ANSWER_MS), "*IDN?", 5) == 0);
    RIG_CHECK(rig, strcmp(line_take(client, ANSWER_MS), "ok") == 0);
    RIG_CHECK(rig, client_wait_ended(client, 2000) && !client->failed && client->in_length == 0);
    client_free(client);
}

/* ---- A thousand commands at once, in their order. ---- */

static void console_pipeline(struct rig *rig)
{
    struct client *client = &clients[0];
    int longest = 0;
    console_open(client, rig);
    uint64_t begin = rig_ms(rig);
    for (unsigned i = 0; i < COMMANDS; i++) {
        client_text(client, i % 3 == 0 ? "help\n" : i % 3 == 1 ? "what\n" : "led 0 on\n");
    }
    for (unsigned i = 0; i < COMMANDS; i++) {
        const char *line = line_take(client, 2000);
        const char *start = i % 3 == 0 ? "*IDN?" : i % 3 == 1 ? "error: unknown" : "ok";
        if (strncmp(line, start, strlen(start)) != 0) {
            rig_fail(rig, "answer %u was: %s", i, line);
        }
        if (i % 100 == 0) {
            int ms = rig_ping(rig, 56, 1000);
            RIG_CHECK(rig, ms >= 0);
            longest = ms > longest ? ms : longest;
        }
    }
    rig_say(rig, "%u commands in %llu ms, echoes within %d ms", COMMANDS,
            (unsigned long long)(rig_ms(rig) - begin), longest);
    client_free(client);
}

/* ---- More than there is room for. ---- */

static void console_crowd(struct rig *rig)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        console_open(&clients[i], rig);
        expect(&clients[i], "uptime\n", "");
    }
    struct client *further = &clients[CLIENTS];
    for (unsigned i = 0; i < 10; i++) {
        console_open(further, rig);
        RIG_CHECK(rig, strcmp(line_take(further, ANSWER_MS), "error: busy") == 0);
        RIG_CHECK(rig, client_wait_ended(further, 2000) && !further->failed);
        client_free(further);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        expect(&clients[i], "help\n", "*IDN?");
        client_abort(&clients[i]);
        client_free(&clients[i]);
        rig_run_ms(rig, 50);
        console_open(&clients[i], rig);
        expect(&clients[i], "uptime\n", "");
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_free(&clients[i]);
    }
}

/* ---- Clients that mean no good. ---- */

static struct ghost *ghost_begin(struct rig *rig, unsigned i, struct ghost ghost)
{
    ghosts[i] = ghost;
    ghosts[i].port = (uint16_t)(5000 + i);
    ghosts[i].to_port = PORT;
    RIG_CHECK(rig, ghost_host(rig, &ghosts[i].host, i));
    ghost_open(rig, &ghosts[i]);
    rig_run_ms(rig, 50);
    RIG_CHECK(rig, ghosts[i].state == GHOST_OPEN);
    return &ghosts[i];
}

/* As many as the window takes, and none of the answers is wanted. */
static void ghost_flood(struct rig *rig, struct ghost *ghost)
{
    char text[1024] = "";
    for (unsigned i = 0; i < 200; i++) {
        strcat(text, "help\n");
    }
    ghost_send(rig, ghost, text, strlen(text));
}

static bool is_reset(void *context)
{
    const struct ghost *ghost = context;
    return ghost->state == GHOST_RESET;
}

/* Three that don't take answers, each in its way: the fourth and the page don't notice; then they are reset. */
static void console_unread(struct rig *rig)
{
    struct ghost *mute = ghost_begin(rig, 0, (struct ghost){.mss = 20});
    struct ghost *shut = ghost_begin(rig, 1, (struct ghost){.mss = 1460});
    struct ghost *gone = ghost_begin(rig, 2, (struct ghost){.window = 2});
    struct client *client = &clients[0];
    unsigned longest = 0;
    mute->mute = true;
    shut->zero_window = true;
    ghost_flood(rig, mute);
    ghost_flood(rig, shut);
    ghost_flood(rig, gone);
    gone->mute = true;
    uint64_t begin = rig_ms(rig);
    console_open(client, rig);
    while (rig_ms(rig) - begin < 10000) {
        uint64_t asked = rig_ms(rig);
        expect(client, "help\n", "*IDN?");
        unsigned ms = (unsigned)(rig_ms(rig) - asked);
        longest = ms > longest ? ms : longest;
        page_is_there(rig);
        rig_run_ms(rig, 200);
    }
    for (unsigned i = 0; i < 3; i++) {
        RIG_CHECK(rig, rig_run_until(rig, is_reset, &ghosts[i], (SEND_S + 15) * 1000));
        ghost_forget(rig, &ghosts[i]);
    }
    expect(client, "help\n", "*IDN?");
    client_free(client);
    rig_say(rig, "answers within %u ms", longest);
}

struct received {
    const struct ghost *ghost;
    uint64_t bytes;
};

static bool has_received(void *context)
{
    const struct received *received = context;
    return received->ghost->received >= received->bytes;
}

/* ---- Clients that stop reading for a while. ---- */

enum reopening {
    REOPENING_TOLD,
    REOPENING_LOST, /* the segment that tells of it never arrives */
    REOPENING_SMALL /* by less than a segment */
};

/* A client's window is closed for so long, in the middle of its answers; milliseconds from its opening to the next byte. */
static uint64_t reopened(struct rig *rig, unsigned i, enum reopening reopening, uint32_t closed_ms)
{
    struct ghost *ghost =
        ghost_begin(rig, i, (struct ghost){.mss = 1460, .window = 300, .keeps_closed = true});
    struct received all = {ghost, 10 * (sizeof help - 1)};
    ghost_send(rig, ghost, "help\nhelp\nhelp\nhelp\nhelp\nhelp\nhelp\nhelp\nhelp\nhelp\n", 50);
    rig_run_ms(rig, closed_ms);
    RIG_CHECK(rig, ghost->state == GHOST_OPEN && ghost->received > 150 && ghost->received <= 300);
    struct received next = {ghost, ghost->received + 1};
    uint64_t begin = rig_ms(rig);
    if (reopening == REOPENING_SMALL) {
        ghost_window_widen(rig, ghost, 40);
    } else if (reopening == REOPENING_TOLD) {
        ghost_window_open(rig, ghost);
    } else {
        ghost->keeps_closed = false, ghost->window = 0;
    }
    if (!rig_run_until(rig, has_received, &next, REOPENED_MS)) {
        rig_fail(rig, "a window opened after %u ms (kind %d): nothing within %d ms, state %d", closed_ms,
                 reopening, REOPENED_MS, ghost->state);
    }
    uint64_t ms = rig_ms(rig) - begin;
    if (reopening == REOPENING_SMALL) {
        ghost_window_open(rig, ghost);
    }
    RIG_CHECK(rig, rig_run_until(rig, has_received, &all, 2 * REOPENED_MS));
    ghost_reset(rig, ghost);
    rig_run_ms(rig, 50);
    ghost_forget(rig, ghost);
    return ms;
}

static void console_reopens(struct rig *rig)
{
    static const uint32_t closed_ms[] = {1000, 3000, 6000, 12000, 18000};
    static struct client *client = &clients[0];
    uint64_t longest[3] = {0};
    for (unsigned i = 0; i < 3 * sizeof closed_ms / sizeof closed_ms[0]; i++) {
        uint64_t ms = reopened(rig, i % CLIENTS, (enum reopening)(i % 3), closed_ms[i / 3]);
        longest[i % 3] = ms > longest[i % 3] ? ms : longest[i % 3];
    }
    console_open(client, rig); /* the same with a whole TCP/IP, several times in a row */
    uint64_t lines = 0, asked = 0;
    for (unsigned i = 0; i < 4; i++) {
        client->paused = true;
        for (unsigned n = 0; n < 400; n++, asked++) {
            client_text(client, "help\n");
        }
        rig_run_ms(rig, 8000);
        client->paused = false;
        client_resume(client);
        for (; lines < asked; lines++) {
            RIG_CHECK(rig, strncmp(line_take(client, REOPENED_MS), "*IDN?", 5) == 0);
        }
    }
    client_free(client);
    rig_say(rig,
            "windows closed for 1 to 18 s: told of, answers after %llu ms; untold, %llu ms; small, %llu ms",
            (unsigned long long)longest[REOPENING_TOLD], (unsigned long long)longest[REOPENING_LOST],
            (unsigned long long)longest[REOPENING_SMALL]);
}

/* Small segments and windows get their answers all the same. */
static void console_small(struct rig *rig)
{
    static const struct ghost kinds[] = {{.mss = 20}, {.mss = 8}, {.mss = 1}, {.window = 3}};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct ghost *ghost = ghost_begin(rig, i, kinds[i]);
        struct received all = {ghost, sizeof help - 1};
        ghost_send(rig, ghost, "help\n", 5);
        if (!rig_run_until(rig, has_received, &all, 5000) || memcmp(ghost->head, help, all.bytes) != 0) {
            rig_fail(rig, "client %u got %llu bytes: %s", i, (unsigned long long)ghost->received,
                     ghost->head);
        }
        ghost_reset(rig, ghost);
        rig_run_ms(rig, 50);
        ghost_forget(rig, ghost);
    }
}

static bool is_sent(void *context)
{
    const struct client *client = context;
    return client->sent == RUBBISH;
}

/* Rubbish without end, and a byte at a time. */
static void console_rubbish(struct rig *rig)
{
    struct client *client = &clients[0], *slow = &clients[1], *good = &clients[2];
    uint8_t bytes[RUBBISH / 20];
    console_open(client, rig);
    console_open(slow, rig);
    console_open(good, rig);
    for (unsigned n = 0; n < 20; n++) {
        for (unsigned i = 0; i < sizeof bytes; i++) {
            bytes[i] = n < 10 ? (uint8_t)rig_random(rig, 256) : 'x'; /* later no line ends */
        }
        client_send(client, bytes, sizeof bytes);
        client_send(slow, "*IDN?\n" + n % 6, 1);
        rig_run_ms(rig, 20);
        expect(good, "help\n", "*IDN?");
        page_is_there(rig);
    }
    RIG_CHECK(rig, strncmp(line_take(slow, ANSWER_MS), "plugnet,", 8) == 0);
    RIG_CHECK(rig, rig_run_until(rig, is_sent, client, 60000)); /* the PC's lwIP fills small windows slowly */
    client->in_length = 0;
    expect(client, "\nhelp\n", "*IDN?");
    client_free(slow);
    client_free(client);
    client_free(good);
}

/* All of them vanish, some in the middle of a line or of answers: their places come back. */
static void console_vanish(struct rig *rig)
{
    static const char *const last[CLIENTS] = {" ", "upti", "help\n", "help\nhelp\nled"};
    struct client *client = &clients[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct ghost *ghost = ghost_begin(rig, i, (struct ghost){.mss = 1460});
        ghost->mute = true;
        ghost_send(rig, ghost, last[i], strlen(last[i]));
        rig_run_ms(rig, 50);
        ghost_forget(rig, ghost);
    }
    uint64_t begin = rig_ms(rig);
    console_open(client, rig);
    RIG_CHECK(rig, strcmp(line_take(client, ANSWER_MS), "error: busy") == 0);
    client_free(client);
    rig_run_ms(rig, (IDLE_S + 3) * 1000);
    for (unsigned i = 0; i < CLIENTS; i++) {
        console_open(&clients[i], rig);
        expect(&clients[i], "help\n", "*IDN?");
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        client_free(&clients[i]);
        ghost_reset(rig, &ghosts[i]); /* else lwIP repeats its FIN for minutes */
    }
    rig_say(rig, "four places free again after %llu ms", (unsigned long long)(rig_ms(rig) - begin));
}

const struct scenario scenarios_console[] = {
    {"console_answers", SCENARIO_CONSOLE, console_answers, 120, false},
    {"console_pipeline", SCENARIO_CONSOLE, console_pipeline, 120, false},
    {"console_crowd", SCENARIO_CONSOLE, console_crowd, 120, false},
    {"console_unread", SCENARIO_CONSOLE, console_unread, 240, false},
    {"console_reopens", SCENARIO_CONSOLE, console_reopens, 240, false},
    {"console_small", SCENARIO_CONSOLE, console_small, 120, false},
    {"console_rubbish", SCENARIO_CONSOLE, console_rubbish, 120, false},
    {"console_vanish", SCENARIO_CONSOLE, console_vanish, 240, false},
    {0},
};
