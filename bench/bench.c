/*
 * The benchmark's measuring half: runs an image on the virtual board at the end of the user-space PC's cable,
 * puts one load after the other on it, and writes raw counts as JSON. bench.py makes figures of them.
 *
 *   bench [--eager] [OPTIONS] IMAGE.elf FOLDER
 *       FOLDER/raw-HOST.json              counts of every run
 *       FOLDER/profile-HOST-RUN.txt       address, executions and lowest stack pointer, same window
 *   further options: --echo-only (the image knows ARP and ping alone), --only RUN, --ms WINDOW,
 *   --verbose (what the PC says), --pcap FILE
 *
 * HOST is "linux" (sends as cdc_ncm does, 400 µs timer) or "eager" (sends at once). A run is: start the load,
 * WARM_MS without counting, the window of --ms (a ping's is PING_TIMES as long), stop, SETTLE_MS of rest. All in virtual
 * time: same image, same counts.
 */
/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clients.h"
#include "host/pc.h"
#include "host/usb_host.h"
#include "vboard/board.h"
#include "vboard/cpu.h"

#define ATTACH_MS  10000
#define WARM_MS    300
#define SETTLE_MS  200
#define WINDOW_MS  1000
#define STATUS_MS  2000
#define PING_TIMES 5
#define PING_BYTES 56
#define CODE_BASE  0x08000000u /* the part of flash that is counted */
#define CODE_SIZE  0x40000u

/* The PC's address where there is no DHCP; the net is a /24, the board .1 in it. */
static const uint8_t echo_pc[4] = {192, 168, 7, 2};

/* Everything that is counted, at one moment. */
struct snapshot {
    struct vboard_stats board;
    struct bus_counters bus;
    struct pc_net_counters net;
    uint64_t count, bytes, lost, errors;
};

struct bench {
    struct vboard *board;
    struct pc *pc;
    struct load load, ping;
    const char *folder, *host, *only;
    uint32_t window_ms;
    FILE *out;
    bool first, verbose, echo_only;
    uint64_t counts[CODE_SIZE / 2]; /* executions of each halfword of code */
    uint32_t lowest_sp[CODE_SIZE / 2];
};

struct run {
    const char *name;
    enum load_kind kind;
    unsigned parallel; /* echoes or connections under way */
    uint16_t bytes;    /* of an echo */
    const char *path;  /* of HTTP */
    bool browser;      /* its headers */
    bool ping;         /* beside it */
    bool suspended;    /* the PC sleeps meanwhile */
};

static const struct run runs[] = {
    {.name = "idle"},
    {.name = "echo_1472x1", .kind = LOAD_ECHO, .parallel = 1, .bytes = 1472},
    {.name = "echo_1472x4", .kind = LOAD_ECHO, .parallel = 4, .bytes = 1472},
    {.name = "echo_1472x8", .kind = LOAD_ECHO, .parallel = 8, .bytes = 1472},
    {.name = "echo_18x8", .kind = LOAD_ECHO, .parallel = 8, .bytes = 18},
    {.name = "tcp_up", .kind = LOAD_IPERF_UP},
    {.name = "tcp_down", .kind = LOAD_IPERF_DOWN},
    {.name = "http_page", .kind = LOAD_HTTP, .parallel = 1, .path = "/"},
    {.name = "http_page_x6", .kind = LOAD_HTTP, .parallel = 6, .path = "/"},
    {.name = "http_script", .kind = LOAD_HTTP, .parallel = 1, .path = "/app.js"},
    {.name = "http_browser", .kind = LOAD_HTTP, .parallel = 1, .path = "/", .browser = true},
    {.name = "http_status", .kind = LOAD_HTTP, .parallel = 1, .path = "/api/status"},
    {.name = "http_status_x6", .kind = LOAD_HTTP, .parallel = 6, .path = "/api/status"},
    {.name = "http_status_x12", .kind = LOAD_HTTP, .parallel = 12, .path = "/api/status"},
    {.name = "tcp_both", .kind = LOAD_IPERF_BOTH},
    {.name = "ping_up", .kind = LOAD_IPERF_UP, .ping = true},
    {.name = "ping_down", .kind = LOAD_IPERF_DOWN, .ping = true},
    {.name = "dhcp", .kind = LOAD_DHCP},
    {.name = "suspended", .suspended = true},
};

static struct snapshot snapshot_take(struct bench *b)
{
    return (struct snapshot){
        .board = vboard_stats(b->board),
        .bus = *pc_bus_counters(b->pc),
        .net = *pc_net_counters(b->pc),
        .count = b->load.count,
        .bytes = b->load.bytes,
        .lost = b->load.lost + b->ping.lost,
        .errors = b->load.errors + b->ping.errors,
    };
}

static bool tick(void *context)
{
    struct bench *b = context;
    load_tick(&b->load);
    load_tick(&b->ping);
    return false;
}

static void live(struct bench *b, uint32_t ms)
{
    pc_run_until(b->pc, tick, b, ms);
}

/* How often each instruction was executed, and the lowest stack pointer there. */
static void profile_save(struct bench *b, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/profile-%s-%s.txt", b->folder, b->host, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    for (uint32_t i = 0; i < CODE_SIZE / 2; i++)
        if (b->counts[i] != 0)
            fprintf(file, "%x %" PRIu64 " %x\n", CODE_BASE + 2 * i, b->counts[i], b->lowest_sp[i]);
    fclose(file);
}

static void profile_clear(struct bench *b)
{
    memset(b->counts, 0, sizeof b->counts);
    memset(b->lowest_sp, 0xFF, sizeof b->lowest_sp);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* What half of the pings, 99 % of them, and all took at most. */
static void latency_write(FILE *out, struct load *ping)
{
    unsigned last = ping->latency_count == 0 ? 0 : ping->latency_count - 1;
    qsort(ping->latencies_ns, ping->latency_count, sizeof ping->latencies_ns[0], compare);
    fprintf(out,
            "\"pings\": %u, \"ping_p50_ns\": %" PRIu32 ", \"ping_p99_ns\": %" PRIu32
            ", \"ping_max_ns\": %" PRIu32 ", ",
            ping->latency_count, ping->latencies_ns[last / 2], ping->latencies_ns[last * 99 / 100],
            ping->latencies_ns[last]);
}

static void run_write(struct bench *b, const char *name, const struct snapshot *a, const struct snapshot *z)
{
    fprintf(b->out, "%s\n  \"%s\": {", b->first ? "" : ",", name);
    b->first = false;
#define FIELD(NAME, PLACE) fprintf(b->out, "\"" NAME "\": %" PRIu64 ", ", (uint64_t)(z->PLACE - a->PLACE))
    FIELD("time_ns", board.time_ns);
    FIELD("cycles", board.cycles);
    FIELD("sleep_cycles", board.sleep_cycles);
    FIELD("instructions", board.instructions);
    FIELD("usb_stopped_ns", board.usb_stopped_ns);
    FIELD("count", count);
    FIELD("bytes", bytes);
    FIELD("lost", lost);
    FIELD("frames", bus.frames);
    FIELD("packets_in", bus.packets_in);
    FIELD("packets_out", bus.packets_out);
    FIELD("naks_in", bus.naks_in);
    FIELD("naks_out", bus.naks_out);
    FIELD("in_blocks", net.rx_blocks);
    FIELD("in_frames", net.rx_frames);
    FIELD("out_blocks", net.tx_blocks);
    FIELD("out_frames", net.tx_frames);
    FIELD("rx_errors", net.rx_errors);
    FIELD("tx_dropped", net.tx_dropped);
#undef FIELD
    if (b->ping.kind == LOAD_ECHO)
        latency_write(b->out, &b->ping);
    fprintf(b->out, "\"errors\": %" PRIu64 ", ",
            z->errors); /* since the load's start: a refused connection, too */
    fprintf(b->out, "\"answer_bytes\": %" PRIu32 ", \"clock_hz\": %" PRIu32 "}", b->load.answer_bytes,
            z->board.clock_hz);
}

static void load_start(struct bench *b, const struct run *run)
{
    switch (run->kind) {
    case LOAD_NONE:
    case LOAD_FETCH: break;
    case LOAD_ECHO: load_echo_start(&b->load, run->parallel, run->bytes); break;
    case LOAD_HTTP: load_http_start(&b->load, run->parallel, run->path, run->browser); break;
    case LOAD_IPERF_UP: load_iperf_up_start(&b->load); break;
    case LOAD_IPERF_DOWN: load_iperf_down_start(&b->load); break;
    case LOAD_IPERF_BOTH: load_iperf_both_start(&b->load); break;
    case LOAD_DHCP: load_dhcp_start(&b->load); break;
    }
    if (run->ping)
        load_ping_start(&b->ping, PING_BYTES);
}

static void run_measure(struct bench *b, const struct run *run)
{
    load_start(b, run);
    if (run->suspended)
        pc_suspend(b->pc);
    live(b, WARM_MS);
    profile_clear(b);
    b->ping.latency_count = 0;
    struct snapshot before = snapshot_take(b);
    live(b, b->window_ms * (run->ping ? PING_TIMES : 1));
    struct snapshot after = snapshot_take(b);
    profile_save(b, run->name);
    run_write(b, run->name, &before, &after);
    load_stop(&b->load);
    load_stop(&b->ping);
    if (run->suspended)
        pc_resume(b->pc);
    live(b, SETTLE_MS);
}

/* ---- from attach to the first page ---- */

static bool first_answer(void *context)
{
    struct bench *b = context;
    return b->load.first_ns != 0;
}

static bool attached(void *context)
{
    struct bench *b = context;
    return pc_usb(b->pc)->attached_ns != 0;
}

static int attach_measure(struct bench *b)
{
    uint8_t address[4];
    pc_run_until(b->pc, attached, b, ATTACH_MS);
    struct vboard_stats before = vboard_stats(b->board);
    if (!pc_run_until(b->pc, pc_is_leased, b->pc, ATTACH_MS) || !pc_board_address(b->pc, address)) {
        fprintf(stderr, "bench: no address leased within %d ms\n", ATTACH_MS);
        profile_save(b, "failed");
        return 1;
    }
    load_init(&b->load, b->pc, address);
    load_init(&b->ping, b->pc, address);
    if (!b->echo_only)
        load_http_start(&b->load, 1, "/", false);
    if (!b->echo_only && !pc_run_until(b->pc, first_answer, b, ATTACH_MS)) {
        fprintf(stderr, "bench: no answer to GET / within %d ms\n", ATTACH_MS);
        return 1;
    }
    const struct pc_times *times = pc_times(b->pc);
    fprintf(b->out,
            "{\"host\": \"%s\",\n\"attach\": {\"attached_ns\": %" PRIu64 ", \"configured_ns\": %" PRIu64
            ", \"link_ns\": %" PRIu64 ", \"leased_ns\": %" PRIu64 ", \"http_ns\": %" PRIu64
            ", \"instructions\": %" PRIu64 "},\n\"runs\": {",
            b->host, times->attached, times->configured, times->link, times->leased, b->load.first_ns,
            vboard_stats(b->board).instructions - before.instructions);
    profile_save(b, "attach");
    live(b, WARM_MS);
    load_stop(&b->load);
    live(b, SETTLE_MS);
    return 0;
}

static bool fetch_over(void *context)
{
    struct bench *b = context;
    return load_fetch_over(&b->load);
}

/* The board's own counters, as it tells them; bench.py takes the text apart. */
static void status_write(struct bench *b)
{
    if (!b->echo_only) {
        load_fetch_start(&b->load, "/api/status");
        pc_run_until(b->pc, fetch_over, b, STATUS_MS);
    }
    fprintf(b->out, "},\n\"status\": \"");
    for (uint32_t i = 0; i < b->load.text_length; i++) {
        unsigned char c = (unsigned char)b->load.text[i];
        fprintf(b->out, c < ' ' || c == '"' || c == '\\' || c > '~' ? "\\u%04x" : "%c", c);
    }
    fprintf(b->out, "\"}\n");
    load_stop(&b->load);
}

static void board_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                        const char *text)
{
    (void)context;
    (void)value;
    if (event == VBOARD_UNMODELLED || event == VBOARD_WARNING || event == VBOARD_LOCKUP)
        fprintf(stderr, "bench: at %" PRIu64 " us: %s\n", time_ns / 1000, text);
}

static void pc_event(void *context, uint64_t time_ns, const char *line)
{
    struct bench *b = context;
    if (b->verbose)
        fprintf(stderr, "%10.3f ms  %s\n", (double)time_ns / 1e6, line);
}

static int usage(void)
{
    fprintf(stderr, "usage: bench [--board NAME] [--eager] [OPTIONS] IMAGE.elf FOLDER\n");
    return 2;
}

static int measure_all(struct bench *b)
{
    char path[512];
    snprintf(path, sizeof path, "%s/raw-%s.json", b->folder, b->host);
    b->out = fopen(path, "w");
    if (b->out == NULL) {
        perror(path);
        return 2;
    }
    b->first = true;
    profile_clear(b);
    cpu_profile(vboard_cpu(b->board), CODE_BASE, CODE_SIZE, b->counts, b->lowest_sp);
    if (attach_measure(b) != 0)
        return 1;
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        if ((b->only == NULL || strcmp(b->only, runs[i].name) == 0) &&
            (!b->echo_only || runs[i].kind == LOAD_NONE || runs[i].kind == LOAD_ECHO))
            run_measure(b, &runs[i]);
    status_write(b);
    fclose(b->out);
    return 0;
}

int main(int argc, char **argv)
{
    static struct bench b = {.host = "linux", .window_ms = WINDOW_MS};
    const char *pcap = NULL;
    const struct vboard_model *model = NULL; /* the first one */
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--eager") == 0)
            b.host = "eager";
        else if (strcmp(argv[i], "--verbose") == 0)
            b.verbose = true;
        else if (strcmp(argv[i], "--echo-only") == 0)
            b.echo_only = true;
        else if (strcmp(argv[i], "--board") == 0 && i + 1 < argc && vboard_model_find(argv[i + 1]) != NULL)
            model = vboard_model_find(argv[++i]);
        else if (strcmp(argv[i], "--pcap") == 0 && i + 1 < argc)
            pcap = argv[++i];
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            b.only = argv[++i];
        else if (strcmp(argv[i], "--ms") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0)
            b.window_ms = (uint32_t)atoi(argv[++i]);
        else
            return usage();
    }
    if (argc - i != 2)
        return usage();
    b.folder = argv[i + 1];

    char error[256] = "";
    struct vboard_config board_config = {.model = model, .image = argv[i], .event = board_event};
    b.board = vboard_new(&board_config, error, sizeof error);
    if (b.board == NULL) {
        fprintf(stderr, "bench: %s\n", error);
        return 2;
    }
    struct pc_config pc_config = {
        .cable = vboard_cable(b.board),
        .eager = strcmp(b.host, "eager") == 0,
        .pace = PC_PACE_FAST,
        .seed = 1,
        .pcap = pcap,
        .log = pc_event,
        .context = &b,
    };
    if (b.echo_only)
        memcpy(pc_config.address, echo_pc, sizeof echo_pc);
    b.pc = pc_new(&pc_config, error, sizeof error);
    if (b.pc == NULL) {
        fprintf(stderr, "bench: %s\n", error);
        return 2;
    }
    int result = measure_all(&b);
    pc_free(b.pc);
    vboard_free(b.board);
    return result;
}
