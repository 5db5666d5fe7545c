/*
 * What a product's HTTP carries, in virtual time: examples/meter on the virtual board, and a PC in user space that uploads,
 * downloads, reads events beside both, and sends messages to a WebSocket that sends them back.
 *
 *   bench_meter [--board NAME] [--eager] [--only ROW] [--profile FOLDER] IMAGE.elf
 *
 * Prints a JSON object with a member for each row. Rates are payload of TCP, heads included, in bytes per millisecond. An
 * event's lateness is the time from the board's `ms` in it to its arrival at the PC's program, less that of the quickest
 * one: what it waited behind others. Of events and pages the reader that got fewest is told apart (…_least). A WebSocket's
 * client has one message of MESSAGE bytes under way; the samples that come besides aren't counted.
 */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/pc.h"
#include "lwip/tcp.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#define ATTACH_MS     10000
#define WARM_MS       500
#define WINDOW_MS     2000
#define EVENTS_MS     10000
#define SETTLE_MS     300
#define FLOWS_MAX     12
#define EVENTS_MAX    4096 /* in one row, of all readers */
#define FLOW_LINE_MAX 256
#define FRAME_HEAD    2 /* a short message from the board; those to it have MASK bytes more */
#define MASK          4
#define MESSAGE       32
#define CODE_BASE     0x08000000u
#define CODE_SIZE     0x40000u

enum flow_kind { FLOW_DOWN, FLOW_UP, FLOW_EVENTS, FLOW_PAGES, FLOW_SOCKET };

/* One connection. */
struct flow {
    enum flow_kind kind;
    struct tcp_pcb *pcb; /* NULL: closed */
    uint64_t bytes;      /* that came, or were acknowledged */
    uint32_t page_left;  /* FLOW_PAGES: of the answer that comes */
    uint32_t got;        /* whole pages, events or messages, since counting began */
    bool open;           /* FLOW_SOCKET: the head of the answer has come */
    char line[FLOW_LINE_MAX];
    unsigned length;
};

/* How many of each kind, all at once. */
struct row {
    const char *name;
    unsigned down, up, events, pages, sockets;
    uint32_t ms;
};

static const struct row rows[] = {
    {.name = "idle", .ms = WINDOW_MS},
    {.name = "upload", .up = 1, .ms = WINDOW_MS},
    {.name = "download", .down = 1, .ms = WINDOW_MS},
    {.name = "upload_download", .down = 1, .up = 1, .ms = WINDOW_MS},
    {.name = "events_alone", .events = 1, .ms = EVENTS_MS},
    {.name = "events6", .events = 6, .ms = WINDOW_MS},
    {.name = "events_upload", .up = 1, .events = 1, .ms = EVENTS_MS},
    {.name = "events_download", .down = 1, .events = 1, .ms = EVENTS_MS},
    {.name = "events6_pages6", .events = 6, .pages = 6, .ms = EVENTS_MS},
    {.name = "socket", .sockets = 1, .ms = WINDOW_MS},
    {.name = "socket4", .sockets = 4, .ms = WINDOW_MS},
};

static struct meter_bench {
    struct vboard *board;
    struct pc *pc;
    ip_addr_t address;
    struct flow flows[FLOWS_MAX];
    unsigned flow_count;
    uint64_t errors, pages, messages;
    bool counting;
    uint64_t lateness[EVENTS_MAX]; /* ns, by the board's clock and ours: only differences mean something */
    unsigned events, gaps;
    uint32_t last_n[FLOWS_MAX];
    uint64_t counts[CODE_SIZE / 2];
    uint32_t lowest_sp[CODE_SIZE / 2];
} bench;

static uint8_t pattern[16384];

static void flow_failed(void *context, err_t error)
{
    struct flow *flow = context;

    (void)error;
    flow->pcb = NULL;
    bench.errors++;
}

static void flow_say(struct flow *flow, const char *target)
{
    static const char *const headers[] = {
        [FLOW_DOWN] = "",
        [FLOW_UP] = "Content-Length: 4000000000\r\n",
        [FLOW_EVENTS] = "",
        [FLOW_PAGES] = "",
        [FLOW_SOCKET] = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
    };
    char request[256];
    int length =
        snprintf(request, sizeof request, "%s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n%s\r\n",
                 target, ipaddr_ntoa(&bench.address), headers[flow->kind]);

    tcp_write(flow->pcb, request, (uint16_t)length, TCP_WRITE_FLAG_COPY);
    tcp_output(flow->pcb);
}

static void upload_fill(struct tcp_pcb *pcb)
{
    while (tcp_sndbuf(pcb) > 0) {
        uint16_t length = tcp_sndbuf(pcb) < sizeof pattern ? (uint16_t)tcp_sndbuf(pcb) : sizeof pattern;
        if (tcp_write(pcb, pattern, length, 0) != ERR_OK)
            break;
    }
    tcp_output(pcb);
}

static err_t flow_sent(void *context, struct tcp_pcb *pcb, uint16_t length)
{
    struct flow *flow = context;

    if (flow->kind == FLOW_UP) {
        flow->bytes += length;
        upload_fill(pcb);
    }
    return ERR_OK;
}

static void event_take(struct flow *flow, const char *line)
{
    uint32_t n, ms;
    unsigned index = (unsigned)(flow - bench.flows);

    if (sscanf(line, "data: {\"n\":%" SCNu32 ",\"ms\":%" SCNu32, &n, &ms) != 2 || !bench.counting)
        return;
    bench.gaps += bench.last_n[index] != 0 && n != bench.last_n[index] + 1;
    bench.last_n[index] = n;
    flow->got++;
    if (bench.events < EVENTS_MAX)
        bench.lateness[bench.events++] = pc_time_ns(bench.pc) - ms * UINT64_C(1000000);
}

/* The head of a page's answer, then its body. */
static void page_line(struct flow *flow, const char *line)
{
    if (strncmp(line, "Content-Length: ", 16) == 0)
        flow->page_left = (uint32_t)strtoul(line + 16, NULL, 10);
    if (strncmp(line, "HTTP/1.1 ", 9) == 0 && strncmp(line + 9, "200", 3) != 0)
        bench.errors++;
}

/* A text message of MESSAGE bytes, with a mask of 'x' to 'x' + 3. */
static void message_send(struct flow *flow)
{
    uint8_t frame[FRAME_HEAD + MASK + MESSAGE] = {0x81, 0x80 | MESSAGE};

    for (unsigned i = 0; i < MASK; i++)
        frame[FRAME_HEAD + i] = (uint8_t)('x' + i);
    for (unsigned i = 0; i < MESSAGE; i++)
        frame[FRAME_HEAD + MASK + i] = (uint8_t)('0' ^ ('x' + i % MASK));
    tcp_write(flow->pcb, frame, sizeof frame, TCP_WRITE_FLAG_COPY);
    tcp_output(flow->pcb);
}

/* The head of the answer ends with an empty line; then come frames: our message, or a sample. */
static void socket_byte(struct flow *flow, char byte)
{
    if (flow->open) {
        flow->line[flow->length++] = byte;
        unsigned whole = flow->length < FRAME_HEAD ? FLOW_LINE_MAX : FRAME_HEAD + (unsigned)flow->line[1];
        if (flow->length < whole)
            return;
        if (flow->line[1] == MESSAGE) {
            bench.errors += flow->line[FRAME_HEAD] != '0' || flow->line[whole - 1] != '0';
            bench.messages++;
            flow->got++;
            message_send(flow);
        }
        flow->length = 0;
    } else if (byte != '\n') {
        flow->length += byte != '\r';
    } else if (flow->length != 0) {
        flow->length = 0;
    } else {
        flow->open = true;
        message_send(flow);
    }
}

static void flow_bytes(struct flow *flow, const char *bytes, uint32_t length)
{
    bool body = false; /* of a page */

    for (uint32_t i = 0; i < length; i++) {
        if (flow->kind == FLOW_PAGES && flow->length == FLOW_LINE_MAX) {
            body = true;
        } else if (bytes[i] == '\n') {
            flow->line[flow->length] = 0;
            if (flow->kind == FLOW_EVENTS)
                event_take(flow, flow->line);
            else
                page_line(flow, flow->line);
            flow->length =
                flow->kind == FLOW_PAGES && flow->length == 0 ? FLOW_LINE_MAX : 0; /* that: the body */
        } else if (bytes[i] != '\r' && flow->length < FLOW_LINE_MAX - 1) {
            flow->line[flow->length++] = bytes[i];
        }
        if (body && --flow->page_left == 0) {
            flow->length = 0;
            bench.pages++;
            flow->got++;
            flow_say(flow, "GET /");
        }
        body = false;
    }
}

static err_t flow_received(void *context, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct flow *flow = context;

    (void)error;
    if (p == NULL) {
        bench.errors++;
        flow->pcb = NULL;
        tcp_abort(pcb);
        return ERR_ABRT;
    }
    tcp_recved(pcb, p->tot_len);
    flow->bytes += flow->kind == FLOW_UP ? 0 : p->tot_len;
    for (const struct pbuf *q = p; q != NULL; q = q->next) {
        if (flow->kind == FLOW_EVENTS || flow->kind == FLOW_PAGES)
            flow_bytes(flow, q->payload, q->len);
        for (unsigned i = 0; flow->kind == FLOW_SOCKET && i < q->len; i++)
            socket_byte(flow, ((const char *)q->payload)[i]);
    }
    pbuf_free(p);
    return ERR_OK;
}

static err_t flow_connected(void *context, struct tcp_pcb *pcb, err_t error)
{
    static const char *const targets[] = {"GET /log.csv?rows=10000000", "PUT /upload", "GET /events", "GET /",
                                          "GET /ws"};
    struct flow *flow = context;

    (void)error;
    flow_say(flow, targets[flow->kind]);
    if (flow->kind == FLOW_UP)
        upload_fill(pcb);
    return ERR_OK;
}

static void flows_open(enum flow_kind kind, unsigned count)
{
    while (count-- > 0) {
        struct flow *flow = &bench.flows[bench.flow_count++];
        *flow = (struct flow){.kind = kind, .pcb = tcp_new()};
        if (flow->pcb == NULL) {
            bench.errors++;
            continue;
        }
        tcp_arg(flow->pcb, flow);
        tcp_err(flow->pcb, flow_failed);
        tcp_recv(flow->pcb, flow_received);
        tcp_sent(flow->pcb, flow_sent);
        tcp_nagle_disable(flow->pcb);
        tcp_connect(flow->pcb, &bench.address, 80, flow_connected);
    }
}

static void flows_close(void)
{
    for (unsigned i = 0; i < bench.flow_count; i++) {
        if (bench.flows[i].pcb != NULL) {
            tcp_err(bench.flows[i].pcb, NULL);
            tcp_abort(bench.flows[i].pcb);
        }
    }
    bench.flow_count = 0;
}

static bool never(void *context)
{
    (void)context;
    return false;
}

static void live(uint32_t ms)
{
    pc_run_until(bench.pc, never, NULL, ms);
}

static uint64_t flows_bytes(enum flow_kind kind)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < bench.flow_count; i++)
        bytes += bench.flows[i].kind == kind ? bench.flows[i].bytes : 0;
    return bytes;
}

/* What the reader got that got fewest; 0 without readers. */
static uint32_t flows_least(enum flow_kind kind)
{
    uint32_t least = UINT32_MAX;

    for (unsigned i = 0; i < bench.flow_count; i++)
        if (bench.flows[i].kind == kind && bench.flows[i].got < least)
            least = bench.flows[i].got;
    return least == UINT32_MAX ? 0 : least;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

/* Milliseconds later than the quickest one, of this share of all. */
static double late_ms(unsigned permille)
{
    unsigned at = bench.events == 0 ? 0 : (bench.events - 1) * permille / 1000;

    return bench.events == 0 ? 0 : (double)(bench.lateness[at] - bench.lateness[0]) / 1e6;
}

static void profile_save(const char *folder, const char *name)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s/profile-%s.txt", folder, name);
    file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    for (uint32_t i = 0; i < CODE_SIZE / 2; i++)
        if (bench.counts[i] != 0)
            fprintf(file, "%x %" PRIu64 " %x\n", CODE_BASE + 2 * i, bench.counts[i], bench.lowest_sp[i]);
    fclose(file);
}

static void row_measure(const struct row *row, bool first, const char *profile)
{
    struct vboard_stats before, after;
    uint64_t down, up;
    double ms, awake;

    flows_open(FLOW_UP, row->up);
    flows_open(FLOW_DOWN, row->down);
    flows_open(FLOW_EVENTS, row->events);
    flows_open(FLOW_PAGES, row->pages);
    flows_open(FLOW_SOCKET, row->sockets);
    live(WARM_MS);
    memset(bench.counts, 0, sizeof bench.counts);
    memset(bench.lowest_sp, 0xFF, sizeof bench.lowest_sp);
    memset(bench.last_n, 0, sizeof bench.last_n);
    bench.events = bench.gaps = 0;
    bench.pages = bench.messages = bench.errors = 0;
    for (unsigned i = 0; i < bench.flow_count; i++)
        bench.flows[i].got = 0;
    down = flows_bytes(FLOW_DOWN), up = flows_bytes(FLOW_UP);
    bench.counting = true;
    before = vboard_stats(bench.board);
    live(row->ms);
    after = vboard_stats(bench.board);
    bench.counting = false;
    down = flows_bytes(FLOW_DOWN) - down, up = flows_bytes(FLOW_UP) - up;
    ms = (double)(after.time_ns - before.time_ns) / 1e6;
    awake = (double)(after.cycles - before.cycles - (after.sleep_cycles - before.sleep_cycles));
    qsort(bench.lateness, bench.events, sizeof bench.lateness[0], compare);
    printf(
        "%s\n  \"%s\": {\"ms\": %.1f, \"up_bytes_ms\": %.1f, \"down_bytes_ms\": %.1f, \"events_second\": %.2f, "
        "\"events_second_least\": %.2f, \"events_lost\": %u, \"late_p50_ms\": %.3f, \"late_p99_ms\": %.3f, "
        "\"late_max_ms\": %.3f, "
        "\"pages_second\": %.1f, \"pages_second_least\": %.1f, \"messages_second\": %.1f, \"awake_second\": %.0f, \"load_percent\": %.1f, \"instructions\": %" PRIu64
        ", \"errors\": %" PRIu64 "}",
        first ? "" : ",", row->name, ms, (double)up / ms, (double)down / ms,
        row->events > 0 ? bench.events * 1000.0 / ms / row->events : 0,
        flows_least(FLOW_EVENTS) * 1000.0 / ms, bench.gaps, late_ms(500), late_ms(990), late_ms(1000),
        (double)bench.pages * 1000 / ms, flows_least(FLOW_PAGES) * 1000.0 / ms,
        (double)bench.messages * 1000 / ms, awake * 1000.0 / ms,
        100.0 * awake / (double)(after.cycles - before.cycles), after.instructions - before.instructions,
        bench.errors);
    if (profile != NULL)
        profile_save(profile, row->name);
    flows_close();
    live(SETTLE_MS);
}

static int start(const struct vboard_model *model, const char *image, bool eager)
{
    char error[256] = "";
    uint8_t address[4];
    struct vboard_config board_config = {.model = model, .image = image};
    struct pc_config pc_config = {.eager = eager, .pace = PC_PACE_FAST, .seed = 1};

    bench.board = vboard_new(&board_config, error, sizeof error);
    if (bench.board != NULL) {
        pc_config.cable = vboard_cable(bench.board);
        bench.pc = pc_new(&pc_config, error, sizeof error);
    }
    if (bench.pc == NULL) {
        fprintf(stderr, "bench_meter: %s\n", error);
        return 2;
    }
    if (!pc_run_until(bench.pc, pc_is_leased, bench.pc, ATTACH_MS) || !pc_board_address(bench.pc, address)) {
        fprintf(stderr, "bench_meter: no address leased within %d ms\n", ATTACH_MS);
        return 1;
    }
    IP_ADDR4(&bench.address, address[0], address[1], address[2], address[3]);
    cpu_profile(vboard_cpu(bench.board), CODE_BASE, CODE_SIZE, bench.counts, bench.lowest_sp);
    return 0;
}

int main(int argc, char **argv)
{
    const struct vboard_model *model = NULL;
    const char *only = NULL, *profile = NULL;
    bool eager = false, first = true;
    int i = 1, result;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--eager") == 0) {
            eager = true;
        } else if (strcmp(argv[i], "--board") == 0 && i + 1 < argc &&
                   vboard_model_find(argv[i + 1]) != NULL) {
            model = vboard_model_find(argv[++i]);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (strcmp(argv[i], "--profile") == 0 && i + 1 < argc) {
            profile = argv[++i];
        } else {
            break;
        }
    }
    if (argc - i != 1) {
        fprintf(stderr,
                "usage: bench_meter [--board NAME] [--eager] [--only ROW] [--profile FOLDER] IMAGE.elf\n");
        return 2;
    }
    memset(pattern, 'x', sizeof pattern);
    result = start(model, argv[i], eager);
    if (result == 0) {
        flows_open(FLOW_PAGES,
                   1); /* so that the PC knows the board's MAC address: it keeps one SYN meanwhile */
        live(SETTLE_MS);
        flows_close();
        printf("{");
        for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
            if (only == NULL || strcmp(only, rows[row].name) == 0) {
                row_measure(&rows[row], first, profile);
                first = false;
            }
        }
        printf("\n}\n");
    }
    if (bench.pc != NULL)
        pc_free(bench.pc);
    if (bench.board != NULL)
        vboard_free(bench.board);
    return result;
}
