/*
 * Shared command line options: see options.h.
 */
/* SPDX-License-Identifier: MIT */
#include "host/options.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "host/lines.h"
#include "host/usbip.h"
#include "host/usbredir.h"

const char options_help[] =
    "  --forward LOCAL:BOARD  lead TCP port LOCAL of this machine's loopback to port BOARD of the board;\n"
    "                         LOCAL 0: any free port, printed; up to 8 times; udp:LOCAL:BOARD: a UDP port\n"
    "  --tap NAME             give the board's frames to TAP device NAME instead (needs CAP_NET_ADMIN)\n"
    "  --usbip [ADDRESS:]PORT give the board to a Linux machine by USB/IP instead: usbip attach -r ADDRESS -b 1-1;\n"
    "                         3240 is the usual port, 127.0.0.1 the default address: USB/IP asks nobody who he is\n"
    "  --usbredir [ADDRESS:]PORT  give the board to a guest in QEMU by usbredir instead, on a host controller of\n"
    "                         QEMU's: -device qemu-xhci -chardev socket,id=board,host=ADDRESS,port=PORT -device\n"
    "                         usb-redir,chardev=board (docs/vboard.md); further boards at the ports after it\n"
    "  --pcap FILE            write a pcapng trace of frames (LINKTYPE_ETHERNET) and of USB transfers\n"
    "                         (LINKTYPE_USB_LINUX_MMAPPED), for tshark or Wireshark\n"
    "  --control PATH         UNIX socket that takes commands, a line each; `help` lists them (docs/control.md)\n"
    "  --address A.B.C.D[/N]  give the PC this address instead of asking by DHCP\n"
    "  --eager                send at once instead of collecting frames for 400 µs as Linux does\n"
    "  --block-end HOW        end NTBs and transfers as other hosts than Linux do: none (Windows 10, iPXE), byte\n"
    "                         (Windows 11: one beyond wBlockLength) or empty (an empty packet); linux is the default\n"
    "  --fast                 run as fast as this machine can, not in real time\n"
    "  --stopped              let time stand still until the control socket says `run` or `pace` (docs/control.md)\n"
    "  --for SECONDS          end after so many seconds of the board's time\n";

void options_init(struct pc_options *options)
{
    memset(options, 0, sizeof *options);
}

bool options_number(const char *text, unsigned long min, unsigned long max, unsigned long *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    *value = strtoul(text, &end, 10);
    return *end == 0 && *value >= min && *value <= max;
}

static int wrong(const char *option, const char *value, const char *why)
{
    fprintf(stderr, "%s %s: %s\n", option, value, why);
    return -1;
}

static int take_forward(struct pc_options *options, const char *value)
{
    char local[8];
    unsigned long from, to;
    const char *given = value;
    bool udp = strncmp(value, "udp:", 4) == 0;
    value += udp ? 4 : 0;
    const char *colon = strchr(value, ':');
    size_t length = colon != NULL ? (size_t)(colon - value) : sizeof local;
    if (length >= sizeof local) {
        return wrong("--forward", given, "expected LOCAL:BOARD or udp:LOCAL:BOARD, for example 8080:80");
    }
    memcpy(local, value, length);
    local[length] = 0;
    if (!options_number(local, 0, 65535, &from) || !options_number(colon + 1, 1, 65535, &to)) {
        return wrong("--forward", given, "a port is a number from 1 to 65535");
    }
    if (options->config.forward_count == PC_FORWARDS_MAX) {
        return wrong("--forward", given, "8 forwards are the most");
    }
    options->config.forwards[options->config.forward_count++] =
        (struct pc_forward){(uint16_t)from, (uint16_t)to, udp};
    return 2;
}

static int take_address(struct pc_options *options, const char *value)
{
    char text[32];
    unsigned long prefix = 24;
    const char *slash = strchr(value, '/');
    size_t length = slash != NULL ? (size_t)(slash - value) : strlen(value);
    if (length >= sizeof text || (slash != NULL && !options_number(slash + 1, 1, 30, &prefix))) {
        return wrong("--address", value, "expected an address such as 192.168.7.2/24");
    }
    memcpy(text, value, length);
    text[length] = 0;
    if (inet_pton(AF_INET, text, options->config.address) != 1 || options->config.address[0] == 0) {
        return wrong("--address", value, "expected an address such as 192.168.7.2/24");
    }
    options->config.prefix = (uint8_t)prefix;
    return 2;
}

static int take_given(struct pc_options *options, const char *option, const char *value)
{
    static const char expected[] = "expected a port, or ADDRESS:PORT such as 127.0.0.1:3240";
    const char *colon = strchr(value, ':'), *address = "127.0.0.1", *port = colon != NULL ? colon + 1 : value;
    size_t length = colon != NULL ? (size_t)(colon - value) : strlen(address);
    unsigned long number;
    uint8_t bytes[4];
    if (options->given != PC_GIVEN_NOBODY) {
        return wrong(option, value, "one of --usbip and --usbredir, once");
    }
    if (colon != NULL) {
        address = value;
    }
    if (length >= sizeof options->given_address || !options_number(port, 0, 65535, &number)) {
        return wrong(option, value, expected);
    }
    memcpy(options->given_address, address, length);
    options->given_address[length] = 0;
    if (inet_pton(AF_INET, options->given_address, bytes) != 1) {
        return wrong(option, value, expected);
    }
    options->given_port = (uint16_t)number;
    options->given = strcmp(option, "--usbip") == 0 ? PC_GIVEN_USBIP : PC_GIVEN_USBREDIR;
    return 2;
}

bool options_block_end(const char *text, enum pc_block_end *end)
{
    static const char *const names[] = {"linux", "none", "byte", "empty"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *end = (enum pc_block_end)i;
            return true;
        }
    }
    return wrong("--block-end", text, "expected linux, none, byte or empty") > 0;
}

static int take_seconds(struct pc_options *options, const char *value)
{
    char *end;
    options->seconds = strtod(value, &end);
    if (end == value || *end != 0 || !(options->seconds > 0 && options->seconds <= 1e6)) {
        return wrong("--for", value, "expected seconds, more than 0");
    }
    return 2;
}

int options_take(struct pc_options *options, int argc, char *const argv[], int at)
{
    struct pc_config *config = &options->config;
    const char *name = argv[at];
    if (strcmp(name, "--eager") == 0) {
        config->eager = true;
        return 1;
    }
    if (strcmp(name, "--fast") == 0) {
        config->pace = PC_PACE_FAST;
        return 1;
    }
    if (strcmp(name, "--stopped") == 0) {
        config->pace = PC_PACE_STOPPED;
        return 1;
    }
    static const char *const with_value[] = {"--forward",  "--tap",       "--pcap",
                                             "--control",  "--address",   "--usbip",
                                             "--usbredir", "--block-end", "--for"};
    const size_t count = sizeof with_value / sizeof with_value[0];
    size_t which = 0;
    while (which < count && strcmp(name, with_value[which]) != 0) {
        which++;
    }
    if (which == count) {
        return 0;
    }
    if (at + 1 >= argc) {
        fprintf(stderr, "%s: a value is missing\n", name);
        return -1;
    }
    const char *value = argv[at + 1];
    switch (which) {
    case 0: return take_forward(options, value);
    case 1: config->tap = value; return 2;
    case 2: config->pcap = value; return 2;
    case 3: config->control = value; return 2;
    case 4: return take_address(options, value);
    case 5:
    case 6: return take_given(options, name, value);
    case 7: return options_block_end(value, &config->block_end) ? 2 : -1;
    default: return take_seconds(options, value);
    }
}

static void log_to_stdout(void *context, uint64_t time_ns, const char *line)
{
    (void)context;
    printf("%7" PRIu64 ".%03u s  %s\n", time_ns / 1000000000, (unsigned)(time_ns / 1000000 % 1000), line);
    fflush(stdout);
}

/* A descriptor that gets readable when this process is asked to end. */
static int stop_open(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void given_print(const struct pc_options *options, const struct server *server, unsigned count)
{
    const char *address = options->given_address;
    if (options->given == PC_GIVEN_USBIP) {
        printf("USB/IP at %s:%u: sudo modprobe vhci-hcd && sudo usbip --tcp-port %u attach -r %s -b 1-1\n",
               address, server_port(server, 0), server_port(server, 0), address);
    }
    for (unsigned i = 0; options->given == PC_GIVEN_USBREDIR && i < count; i++) {
        printf("usbredir at %s:%u: qemu-system-x86_64 -device qemu-xhci -chardev "
               "socket,id=board%u,host=%s,port=%u,reconnect=1 -device usb-redir,chardev=board%u\n",
               address, server_port(server, i), i + 1, address, server_port(server, i), i + 1);
    }
    fflush(stdout);
}

int options_serve_out(const struct pc_options *options, const struct cable *cables, unsigned count,
                      bool (*alive)(void *context), void *context)
{
    const struct pc_config *pc = &options->config;
    const struct server_config config = {.address = options->given_address,
                                         .port = options->given_port,
                                         .cables = cables,
                                         .count = count,
                                         .pcap = pc->pcap,
                                         .log = log_to_stdout};
    char error[256];
    if (pc->forward_count != 0 || pc->tap != NULL || pc->control != NULL || pc->address[0] != 0 ||
        pc->eager || pc->pace != PC_PACE_REAL || pc->block_end != PC_BLOCK_END_LINUX) {
        fprintf(stderr,
                "--%s gives the board to another machine: options of a PC (--forward, --tap, --control, "
                "--address, --eager, --block-end, --fast, --stopped) exclude it\n",
                options->given == PC_GIVEN_USBIP ? "usbip" : "usbredir");
        return 2;
    }
    int stop = stop_open();
    struct server *server = options->given == PC_GIVEN_USBIP ? usbip_new(&config, error, sizeof error)
                                                             : usbredir_new(&config, error, sizeof error);
    if (server == NULL) {
        fprintf(stderr, "%s\n", error);
        close(stop);
        return 2;
    }
    given_print(options, server, count);
    server_run(server, options->seconds, stop, alive, context);
    bool lives = alive == NULL || alive(context);
    server_free(server);
    close(stop);
    return lives ? 0 : 1;
}

static void forwards_print(struct pc *pc, const struct pc_config *config)
{
    for (unsigned i = 0; i < config->forward_count; i++) {
        const struct pc_forward *f = &config->forwards[i];
        bool page = f->board_port == 80 && !f->udp;
        printf("%slocalhost:%u%s leads to port %u of the board%s\n", page ? "http://" : "",
               pc_forward_port(pc, i), page ? "/" : "", f->board_port, f->udp ? " (UDP)" : "");
    }
}

static int serve(const struct pc_config *config, double seconds, bool (*alive)(void *context), void *context)
{
    char error[256];
    int stop = stop_open();
    struct pc *pc = pc_new(config, error, sizeof error);
    if (pc == NULL) {
        fprintf(stderr, "%s\n", error);
        close(stop);
        return 2;
    }
    forwards_print(pc, config);
    if (config->pcap != NULL) {
        printf("%s: frames (LINKTYPE_ETHERNET) and USB transfers (LINKTYPE_USB_LINUX_MMAPPED)\n",
               config->pcap);
    }
    fflush(stdout);
    pc_run(pc, seconds, stop, alive, context);
    bool lives = alive == NULL || alive(context);
    pc_free(pc);
    close(stop);
    return lives ? 0 : 1;
}

int options_serve(const struct pc_options *options, struct cable cable, struct fixture fixture,
                  bool (*alive)(void *context), void *context)
{
    struct pc_config config = options->config;
    config.cable = cable;
    config.fixture = fixture;
    config.log = config.log != NULL ? config.log : log_to_stdout;
    if (config.tap != NULL && config.forward_count != 0) {
        fprintf(stderr, "--tap and --forward exclude each other: with a TAP device the system itself has the "
                        "connection\n");
        return 2;
    }
    if (config.pace == PC_PACE_STOPPED && config.control == NULL) {
        fprintf(stderr, "--stopped without --control: nobody could let time run\n");
        return 2;
    }
    if (options->given != PC_GIVEN_NOBODY) {
        return options_serve_out(options, &cable, 1, alive, context);
    }
    struct lines *own_lines = config.lines == NULL ? lines_new() : NULL;
    config.lines = own_lines != NULL ? own_lines : config.lines;
    int code = serve(&config, options->seconds, alive, context);
    lines_free(own_lines);
    return code;
}
