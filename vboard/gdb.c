/*
 * GDB's remote protocol: see gdb.h. A packet is `$data#checksum`; what does not fit our buffer, or is not well
 * formed, is answered by an error and forgotten. Source: "Debugging with GDB", appendix "Remote Serial Protocol"
 * [unread here beyond what gdb-multiarch shows on the wire].
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/gdb_core.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MEMORY_MAX    ((GDB_PACKET_MAX - 16) / 2)
#define SEND_WAIT_MS  1000
#define SECOND_MS_MAX 2000 /* for a further debugger to send the packet that is answered by a refusal */
#define REGISTERS     49   /* as in the target description */
#define FIRST_XPSR    25
#define FIRST_SYSTEM  26
#define FIRST_DOUBLE  32
#define LAST_REGISTER 48

static const char target_xml[] =
    "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target><architecture>arm</architecture>"
    "<feature name=\"org.gnu.gdb.arm.m-profile\">"
    "<reg name=\"r0\" bitsize=\"32\" regnum=\"0\"/><reg name=\"r1\" bitsize=\"32\"/><reg name=\"r2\" bitsize=\"32\"/>"
    "<reg name=\"r3\" bitsize=\"32\"/><reg name=\"r4\" bitsize=\"32\"/><reg name=\"r5\" bitsize=\"32\"/>"
    "<reg name=\"r6\" bitsize=\"32\"/><reg name=\"r7\" bitsize=\"32\"/><reg name=\"r8\" bitsize=\"32\"/>"
    "<reg name=\"r9\" bitsize=\"32\"/><reg name=\"r10\" bitsize=\"32\"/><reg name=\"r11\" bitsize=\"32\"/>"
    "<reg name=\"r12\" bitsize=\"32\"/><reg name=\"sp\" bitsize=\"32\" type=\"data_ptr\"/>"
    "<reg name=\"lr\" bitsize=\"32\"/><reg name=\"pc\" bitsize=\"32\" type=\"code_ptr\"/>"
    "<reg name=\"xpsr\" bitsize=\"32\" regnum=\"25\"/></feature>"
    "<feature name=\"org.gnu.gdb.arm.m-system\">"
    "<reg name=\"msp\" bitsize=\"32\" type=\"data_ptr\" regnum=\"26\"/>"
    "<reg name=\"psp\" bitsize=\"32\" type=\"data_ptr\"/>"
    "<reg name=\"primask\" bitsize=\"8\" type=\"int8\"/><reg name=\"basepri\" bitsize=\"8\" type=\"int8\"/>"
    "<reg name=\"faultmask\" bitsize=\"8\" type=\"int8\"/><reg name=\"control\" bitsize=\"8\" type=\"int8\"/></feature>"
    "<feature name=\"org.gnu.gdb.arm.vfp\">"
    "<reg name=\"d0\" bitsize=\"64\" type=\"ieee_double\" regnum=\"32\"/>"
#define D(n) "<reg name=\"d" #n "\" bitsize=\"64\" type=\"ieee_double\"/>"
    D(1) D(2) D(3) D(4) D(5) D(6) D(7) D(8) D(9) D(10) D(11) D(12) D(13) D(14) D(15)
#undef D
        "<reg name=\"fpscr\" bitsize=\"32\" type=\"int\" group=\"float\"/></feature></target>";

/* Hexadecimal. */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A number of 1 to 8 digits; moves `text` behind it. */
bool gdb_number_read(const char **text, uint32_t *value)
{
    unsigned digits = 0;

    *value = 0;
    for (; digit(**text) >= 0; (*text)++) {
        if (++digits > 8)
            return false;
        *value = *value << 4 | (uint32_t)digit(**text);
    }
    return digits > 0;
}

bool gdb_expect(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

void gdb_hex_write(char *text, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    text[2 * length] = '\0';
}

bool gdb_hex_read(const char *text, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

        if (low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Connection. */

static unsigned watch_kinds(char kind)
{
    return kind == '2' ? CPU_WATCH_WRITE : kind == '3' ? CPU_WATCH_READ : CPU_WATCH_READ | CPU_WATCH_WRITE;
}

static bool point_set(struct gdb *gdb, const struct gdb_point *point, bool set)
{
    if (point->kind < '2')
        return cpu_breakpoint(gdb->cpu, point->address, set) || !set;
    return cpu_watchpoint(gdb->cpu, point->address, point->size, watch_kinds(point->kind), set) || !set;
}

static void points_clear(struct gdb *gdb)
{
    while (gdb->point_count)
        point_set(gdb, &gdb->points[--gdb->point_count], false);
}

void gdb_client_drop(struct gdb *gdb, enum gdb_state then)
{
    if (gdb->client >= 0)
        close(gdb->client);
    gdb->client = -1;
    points_clear(gdb);
    cpu_debugger(gdb->cpu, false);
    gdb->state = then;
    gdb->resumed = gdb->unseen = gdb->extended = gdb->step_sync = false;
}

static void bytes_send(struct gdb *gdb, const char *bytes, size_t length)
{
    while (length > 0 && gdb->client >= 0) {
        ssize_t sent = send(gdb->client, bytes, length, MSG_NOSIGNAL);
        struct pollfd poll_client = {.fd = gdb->client, .events = POLLOUT};

        if (sent > 0) {
            bytes += sent;
            length -= (size_t)sent;
        } else if (sent == 0 || (errno != EAGAIN && errno != EINTR) ||
                   poll(&poll_client, 1, SEND_WAIT_MS) <= 0) {
            gdb_client_drop(gdb, GDB_RUN);
        }
    }
}

void gdb_reply(struct gdb *gdb, const char *data)
{
    char frame[GDB_PACKET_MAX + 8];
    uint8_t sum = 0;
    size_t length = strlen(data);

    if (length > GDB_PACKET_MAX)
        length = GDB_PACKET_MAX;
    for (size_t i = 0; i < length; i++)
        sum = (uint8_t)(sum + (uint8_t)data[i]);
    frame[0] = '$';
    memcpy(frame + 1, data, length);
    snprintf(frame + 1 + length, 4, "#%02x", sum);
    bytes_send(gdb, frame, length + 4);
}

void gdb_reply_ok(struct gdb *gdb, bool ok)
{
    gdb_reply(gdb, ok ? "OK" : "E01");
}

static void stop_reply(struct gdb *gdb)
{
    char text[48];
    uint32_t hit = cpu_watch_hit(gdb->cpu);

    gdb->resumed = gdb->unseen = gdb->step_sync = false;
    if (hit)
        snprintf(text, sizeof text, "T%02xwatch:%x;", (unsigned)gdb->last_signal, hit);
    else
        snprintf(text, sizeof text, "S%02x", (unsigned)gdb->last_signal);
    gdb_reply(gdb, text);
}

/* Halt, and tell a debugger that waits for it; another one is told when it asks to go on. */
static void halt(struct gdb *gdb, int signal)
{
    gdb->state = GDB_HALT;
    gdb->last_signal = signal;
    if (gdb->resumed)
        stop_reply(gdb);
    else
        gdb->unseen = true;
}

/* Reset the board, and halt before its first instruction or let it run. */
void gdb_reset(struct gdb *gdb, bool run)
{
    gdb->callbacks.reset(gdb->callbacks.context);
    cpu_debugger(gdb->cpu, true);
    gdb->state = run ? GDB_RUN : GDB_HALT;
    gdb->last_signal = 5;
    gdb->resumed = gdb->unseen = false;
}

/* Registers. Returns how many bytes it has, 0: no such register. */

static unsigned register_size(unsigned number)
{
    if (number < 16 || number == FIRST_XPSR || number == FIRST_SYSTEM || number == FIRST_SYSTEM + 1 ||
        number == LAST_REGISTER)
        return 4;
    if (number > FIRST_SYSTEM + 1 && number < FIRST_DOUBLE)
        return 1;
    return number >= FIRST_DOUBLE && number < LAST_REGISTER ? 8 : 0;
}

/* Our number in cpu.h of a register of 4 bytes. */
static unsigned cpu_number(unsigned number)
{
    return number < 16 ? number : number == LAST_REGISTER ? 64 : number - FIRST_XPSR + 16;
}

static unsigned register_read(struct gdb *gdb, unsigned number, uint8_t bytes[8])
{
    unsigned size = register_size(number);
    uint32_t values[2] = {0, 0};

    if (size == 4) {
        values[0] = cpu_register_get(gdb->cpu, cpu_number(number));
    } else if (size == 1) {
        values[0] = cpu_register_get(gdb->cpu, 19) >> 8 * (number - FIRST_SYSTEM - 2);
    } else if (size == 8) {
        values[0] = cpu_register_get(gdb->cpu, 32 + 2 * (number - FIRST_DOUBLE));
        values[1] = cpu_register_get(gdb->cpu, 33 + 2 * (number - FIRST_DOUBLE));
    }
    memcpy(bytes, values, 8);
    return size;
}

static void register_write(struct gdb *gdb, unsigned number, const uint8_t bytes[8])
{
    unsigned size = register_size(number);
    uint32_t values[2];

    memcpy(values, bytes, 8);
    if (size == 4) {
        cpu_register_set(gdb->cpu, cpu_number(number), values[0]);
    } else if (size == 1) {
        unsigned shift = 8 * (number - FIRST_SYSTEM - 2);
        uint32_t packed = cpu_register_get(gdb->cpu, 19);

        cpu_register_set(gdb->cpu, 19, (packed & ~(0xFFu << shift)) | (values[0] & 0xFF) << shift);
    } else if (size == 8) {
        cpu_register_set(gdb->cpu, 32 + 2 * (number - FIRST_DOUBLE), values[0]);
        cpu_register_set(gdb->cpu, 33 + 2 * (number - FIRST_DOUBLE), values[1]);
    }
}

static void registers_read_all(struct gdb *gdb)
{
    char text[GDB_PACKET_MAX];
    size_t at = 0;

    for (unsigned i = 0; i < REGISTERS; i++) {
        uint8_t bytes[8];
        unsigned size = register_read(gdb, i, bytes);

        gdb_hex_write(text + at, bytes, size);
        at += 2 * size;
    }
    gdb_reply(gdb, text);
}

static void registers_write_all(struct gdb *gdb, const char *text)
{
    for (unsigned i = 0; i < REGISTERS && *text; i++) {
        uint8_t bytes[8] = {0};
        unsigned size = register_size(i);

        if (!gdb_hex_read(text, bytes, size)) {
            gdb_reply_ok(gdb, false);
            return;
        }
        if (size)
            register_write(gdb, i, bytes);
        text += 2 * size;
    }
    gdb_reply_ok(gdb, !*text);
}

static void register_read_one(struct gdb *gdb, const char *text)
{
    uint8_t bytes[8];
    char hex[17];
    uint32_t number;
    unsigned size;

    if (!gdb_number_read(&text, &number) || *text || !(size = register_read(gdb, number, bytes))) {
        gdb_reply_ok(gdb, false);
        return;
    }
    gdb_hex_write(hex, bytes, size);
    gdb_reply(gdb, hex);
}

static void register_write_one(struct gdb *gdb, const char *text)
{
    uint8_t bytes[8] = {0};
    uint32_t number;
    bool ok = gdb_number_read(&text, &number) && gdb_expect(&text, '=') && register_size(number) &&
              gdb_hex_read(text, bytes, register_size(number)) && !text[2 * register_size(number)];

    if (ok)
        register_write(gdb, number, bytes);
    gdb_reply_ok(gdb, ok);
}

/* Memory. */

static void memory_read(struct gdb *gdb, const char *text)
{
    uint8_t bytes[MEMORY_MAX];
    char hex[2 * MEMORY_MAX + 1];
    uint32_t address, length;

    if (!gdb_number_read(&text, &address) || !gdb_expect(&text, ',') || !gdb_number_read(&text, &length) ||
        *text) {
        gdb_reply_ok(gdb, false);
        return;
    }
    if (length > MEMORY_MAX)
        length = MEMORY_MAX;
    if (!cpu_memory_read(gdb->cpu, address, bytes, length)) {
        gdb_reply_ok(gdb, false);
        return;
    }
    gdb_hex_write(hex, bytes, length);
    gdb_reply(gdb, hex);
}

/* Bytes as they are, but $, #, } and * as } and the byte ^ 0x20. */
size_t gdb_binary_read(const char *text, const char *end, uint8_t *bytes, size_t size)
{
    size_t length = 0;

    while (text < end) {
        bool escaped = *text == '}';

        if (length == size || (escaped && ++text == end))
            return SIZE_MAX;
        bytes[length++] = (uint8_t)(escaped ? *text ^ 0x20 : *text);
        text++;
    }
    return length;
}

static void memory_write(struct gdb *gdb, const char *text, bool binary)
{
    uint8_t bytes[GDB_PACKET_MAX];
    const char *end = gdb->packet + gdb->length;
    uint32_t address, length;
    bool ok = gdb_number_read(&text, &address) && gdb_expect(&text, ',') && gdb_number_read(&text, &length) &&
              gdb_expect(&text, ':') && length <= GDB_PACKET_MAX;

    if (ok)
        ok = binary ? gdb_binary_read(text, end, bytes, sizeof bytes) == length
                    : (size_t)(end - text) == 2 * (size_t)length && gdb_hex_read(text, bytes, length);
    gdb_reply_ok(gdb, ok && cpu_memory_write(gdb->cpu, address, bytes, length));
}

/* Breakpoints and watchpoints. */

static bool point_same(const struct gdb_point *a, const struct gdb_point *b)
{
    return a->kind == b->kind && a->address == b->address && a->size == b->size;
}

static void point_change(struct gdb *gdb, const char *text, bool set)
{
    struct gdb_point point = {.kind = text[0]};
    unsigned i = 0;

    if (text[0] < '0' || text[0] > '4') {
        gdb_reply(gdb, "");
        return;
    }
    text++;
    if (!gdb_expect(&text, ',') || !gdb_number_read(&text, &point.address) || !gdb_expect(&text, ',') ||
        !gdb_number_read(&text, &point.size) || *text) {
        gdb_reply_ok(gdb, false);
        return;
    }
    while (i < gdb->point_count && !point_same(&gdb->points[i], &point))
        i++;
    if (set == (i < gdb->point_count)) {
        gdb_reply_ok(gdb, true); /* as it is already */
        return;
    }
    if ((set && gdb->point_count == GDB_POINTS_MAX) || !point_set(gdb, &point, set)) {
        gdb_reply_ok(gdb, false);
        return;
    }
    if (set)
        gdb->points[gdb->point_count++] = point;
    else
        gdb->points[i] = gdb->points[--gdb->point_count];
    gdb_reply_ok(gdb, true);
}

/* Queries. */

void gdb_reply_part(struct gdb *gdb, const char *request, const char *text, size_t size)
{
    uint32_t offset, length;
    char part[GDB_PACKET_MAX];

    if (!gdb_number_read(&request, &offset) || !gdb_expect(&request, ',') ||
        !gdb_number_read(&request, &length) || *request) {
        gdb_reply_ok(gdb, false);
        return;
    }
    if (offset > size)
        offset = (uint32_t)size;
    if (length > sizeof part - 2)
        length = sizeof part - 2;
    if (length > size - offset)
        length = (uint32_t)(size - offset);
    part[0] = offset + length < size ? 'm' : 'l';
    memcpy(part + 1, text + offset, length);
    part[1 + length] = '\0';
    gdb_reply(gdb, part);
}

bool gdb_begins(const char *text, const char *with, const char **rest)
{
    size_t length = strlen(with);

    if (strncmp(text, with, length) != 0)
        return false;
    *rest = text + length;
    return true;
}

static void query(struct gdb *gdb, const char *text)
{
    const char *rest;
    char features[140];

    if (gdb_begins(text, "qSupported", &rest)) {
        snprintf(features, sizeof features,
                 "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+%s", GDB_PACKET_MAX,
                 gdb->callbacks.flash_area ? ";qXfer:memory-map:read+" : "");
        gdb_reply(gdb, features);
    } else if (gdb_begins(text, "qXfer:features:read:target.xml:", &rest)) {
        gdb_reply_part(gdb, rest, target_xml, sizeof target_xml - 1);
    } else if (gdb_begins(text, "qXfer:memory-map:read::", &rest)) {
        gdb_memory_map(gdb, rest);
    } else if (gdb_begins(text, "qRcmd,", &rest)) {
        gdb_monitor(gdb, rest);
    } else if (gdb_begins(text, "qAttached", &rest)) {
        gdb_reply(gdb, "1");
    } else if (strcmp(text, "qC") == 0) {
        gdb_reply(gdb, "QC1");
    } else if (gdb_begins(text, "qfThreadInfo", &rest)) {
        gdb_reply(gdb, "m1");
    } else if (gdb_begins(text, "qsThreadInfo", &rest)) {
        gdb_reply(gdb, "l");
    } else if (gdb_begins(text, "qSymbol", &rest)) {
        gdb_reply(gdb, "OK");
    } else if (strcmp(text, "QStartNoAckMode") == 0) {
        gdb->no_acknowledge = true;
        gdb_reply(gdb, "OK");
    } else {
        gdb_reply(gdb, "");
    }
}

/* An address after c or s sets PC. */
static void resume(struct gdb *gdb, const char *text, bool step)
{
    uint32_t address;
    bool moves = *text != '\0';
    enum cpu_stop stop;

    if (moves && (!gdb_number_read(&text, &address) || *text)) {
        gdb_reply_ok(gdb, false);
        return;
    }
    gdb->resumed = true;
    if (gdb->unseen || (gdb->step_sync && step)) {
        gdb->state = GDB_HALT;
        stop_reply(gdb);
        return;
    }
    gdb->step_sync = false;
    if (gdb->state == GDB_HALT && moves)
        cpu_register_set(gdb->cpu, 15, address);
    if (!step) {
        gdb->state = GDB_RUN;
        return;
    }
    stop = gdb->callbacks.step ? gdb->callbacks.step(gdb->callbacks.context) : cpu_step(gdb->cpu);
    halt(gdb, stop == CPU_LOCKUP ? 11 : 5);
}

/* C and S bring a signal first, which has no meaning here. */
static const char *after_signal(const char *text)
{
    const char *semicolon = strchr(text, ';');

    return semicolon ? semicolon + 1 : "";
}

/* With one thread, the first action is what is meant. GDB steps by itself, with breakpoints, where it doesn't know that
 * the other end can; it then steps from where it believes to be, not from where a reset has led. */
static void vcont_serve(struct gdb *gdb, const char *text)
{
    const char *action;

    if (strcmp(text, "vCont?") == 0)
        gdb_reply(gdb, "vCont;c;C;s;S");
    else if (gdb_begins(text, "vCont;", &action) && *action && strchr("cCsS", *action))
        resume(gdb, "", *action == 's' || *action == 'S');
    else
        gdb_reply_ok(gdb, false);
}

/* An extended debugger stays, and finds the board halted behind its reset; another one ends the program. */
static void kill_serve(struct gdb *gdb)
{
    if (!gdb->extended) {
        gdb_client_drop(gdb, GDB_KILL);
        return;
    }
    points_clear(gdb);
    gdb_reset(gdb, false);
}

static void detach_serve(struct gdb *gdb)
{
    gdb_reply(gdb, "OK");
    if (!gdb->extended) {
        gdb_client_drop(gdb, GDB_RUN);
        return;
    }
    points_clear(gdb);
    cpu_debugger(gdb->cpu, false);
    gdb->state = GDB_RUN;
    gdb->unseen = false;
}

/* What an extended debugger may ask besides. */
static void extended_serve(struct gdb *gdb, const char *text)
{
    const char *rest;

    if (strcmp(text, "!") == 0 && gdb->callbacks.reset) {
        gdb->extended = true;
        gdb_reply(gdb, "OK");
    } else if (gdb->extended && gdb_begins(text, "vRun;", &rest)) {
        gdb_reset(gdb, false); /* the image is in the board's flash already, whatever the file's name is */
        stop_reply(gdb);
    } else if (gdb->extended && gdb_begins(text, "vKill;", &rest)) {
        kill_serve(gdb);
        gdb_reply(gdb, "OK");
    } else if (gdb->extended && text[0] == 'R') {
        gdb_reset(gdb, false); /* has no reply */
    } else {
        gdb_reply(gdb, "");
    }
}

static void packet_serve(struct gdb *gdb)
{
    const char *text = gdb->packet + 1;
    char status[8];

    switch (gdb->packet[0]) {
    case '?':
        snprintf(status, sizeof status, "S%02x", (unsigned)gdb->last_signal & 0xFF);
        gdb_reply(gdb, status);
        break;
    case 'g': registers_read_all(gdb); break;
    case 'G': registers_write_all(gdb, text); break;
    case 'p': register_read_one(gdb, text); break;
    case 'P': register_write_one(gdb, text); break;
    case 'm': memory_read(gdb, text); break;
    case 'M': memory_write(gdb, text, false); break;
    case 'X': memory_write(gdb, text, true); break;
    case 'c': resume(gdb, text, false); break;
    case 's': resume(gdb, text, true); break;
    case 'C': resume(gdb, after_signal(text), false); break;
    case 'S': resume(gdb, after_signal(text), true); break;
    case 'Z': point_change(gdb, text, true); break;
    case 'z': point_change(gdb, text, false); break;
    case 'H':
    case 'T': gdb_reply(gdb, "OK"); break;
    case 'D': detach_serve(gdb); break;
    case 'k': kill_serve(gdb); break;
    case 'q':
    case 'Q': query(gdb, gdb->packet); break;
    case 'v':
        if (strncmp(text, "Cont", 4) == 0) {
            vcont_serve(gdb, gdb->packet);
            break;
        }
        if (strncmp(text, "Flash", 5) == 0) {
            gdb_flash_serve(gdb, gdb->packet);
            break;
        }
        /* fall through */
    default: extended_serve(gdb, gdb->packet); break;
    }
}

/* A whole packet has come; `right`: its checksum. */
static void packet_end(struct gdb *gdb, bool right)
{
    if (!gdb->no_acknowledge)
        bytes_send(gdb, right ? "+" : "-", 1);
    else if (!right)
        return;
    if (!right || gdb->client < 0)
        return;
    if (gdb->length > GDB_PACKET_MAX) {
        gdb_reply_ok(gdb, false);
        return;
    }
    gdb->packet[gdb->length] = '\0';
    if (!gdb->resumed)
        packet_serve(gdb);
}

static void byte_take(struct gdb *gdb, char c)
{
    int check;

    switch (gdb->parse) {
    case GDB_OUTSIDE:
        if (c == 3 && gdb->resumed)
            halt(gdb, 2);
        if (c != '$')
            return;
        gdb->length = 0;
        gdb->sum = 0;
        gdb->parse = GDB_DATA;
        return;
    case GDB_DATA:
        if (c == '#') {
            gdb->parse = GDB_CHECK_HIGH;
            return;
        }
        gdb->sum = (uint8_t)(gdb->sum + (uint8_t)c);
        if (gdb->length < GDB_PACKET_MAX)
            gdb->packet[gdb->length++] = c;
        else
            gdb->length = GDB_PACKET_MAX + 1;
        return;
    case GDB_CHECK_HIGH:
        gdb->sum_high = c;
        gdb->parse = GDB_CHECK_LOW;
        return;
    default:
        gdb->parse = GDB_OUTSIDE;
        check = digit(gdb->sum_high) * 16 + digit(c);
        packet_end(gdb, digit(gdb->sum_high) >= 0 && digit(c) >= 0 && check == gdb->sum);
    }
}

static void client_accept(struct gdb *gdb)
{
    int on = 1, client = accept(gdb->listener, NULL, NULL);

    if (client < 0)
        return;
    fcntl(client, F_SETFL, O_NONBLOCK);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    gdb->client = client;
    gdb->parse = GDB_OUTSIDE;
    gdb->no_acknowledge = false;
    gdb->last_signal = 5;
    gdb->state = GDB_HALT;
    gdb->resumed = gdb->unseen = gdb->extended = gdb->step_sync = false;
    cpu_debugger(gdb->cpu, true);
}

static void client_serve(struct gdb *gdb)
{
    char bytes[1024];
    ssize_t got = recv(gdb->client, bytes, sizeof bytes, 0);

    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        gdb_client_drop(gdb, GDB_RUN);
        return;
    }
    for (ssize_t i = 0; i < got && gdb->client >= 0; i++)
        byte_take(gdb, bytes[i]);
}

/* One processor has one debugger. A further one is told so in the answer to its first packet: GDB shows that text. */

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void second_accept(struct gdb *gdb)
{
    gdb->second = accept(gdb->listener, NULL, NULL);
    if (gdb->second < 0)
        return;
    fcntl(gdb->second, F_SETFL, O_NONBLOCK);
    gdb->second_ms = now_ms();
    gdb->second_check_digits = 3;
}

static void second_drop(struct gdb *gdb)
{
    if (gdb->second >= 0)
        close(gdb->second);
    gdb->second = -1;
}

static void second_serve(struct gdb *gdb)
{
    static const char text[] = "E.another debugger is connected";
    char bytes[1024], answer[sizeof text + 8];
    ssize_t got = recv(gdb->second, bytes, sizeof bytes, 0);
    uint8_t sum = 0;

    for (ssize_t i = 0; i < got && gdb->second_check_digits > 0; i++)
        if (gdb->second_check_digits < 3 || bytes[i] == '#')
            gdb->second_check_digits--;
    if (got > 0 && gdb->second_check_digits > 0)
        return;
    if (got > 0) {
        for (const char *c = text; *c; c++)
            sum = (uint8_t)(sum + (uint8_t)*c);
        snprintf(answer, sizeof answer, "+$%s#%02x", text, sum);
        if (send(gdb->second, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            errno = 0; /* it has gone */
    } else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    second_drop(gdb);
}

enum gdb_state gdb_poll(struct gdb *gdb, int wait_ms)
{
    enum { CLIENT, LISTENER, SECOND };
    for (unsigned rounds = 0; rounds < 64 && gdb->state != GDB_KILL; rounds++) {
        struct pollfd polled[] = {[CLIENT] = {.fd = gdb->client, .events = POLLIN},
                                  [LISTENER] = {.fd = gdb->second < 0 ? gdb->listener : -1, .events = POLLIN},
                                  [SECOND] = {.fd = gdb->second, .events = POLLIN}};
        int ready = poll(polled, 3, gdb->state == GDB_HALT && rounds == 0 ? wait_ms : 0);

        if (gdb->second >= 0 && now_ms() - gdb->second_ms > SECOND_MS_MAX)
            second_drop(gdb);
        if (ready <= 0)
            break;
        if (polled[CLIENT].revents)
            client_serve(gdb);
        if (polled[LISTENER].revents && gdb->client < 0)
            client_accept(gdb);
        else if (polled[LISTENER].revents)
            second_accept(gdb);
        if (polled[SECOND].revents && gdb->second >= 0)
            second_serve(gdb);
    }
    return gdb->state;
}

void gdb_stopped(struct gdb *gdb, enum cpu_stop reason)
{
    if (gdb->client >= 0 && gdb->state == GDB_RUN)
        halt(gdb, reason == CPU_LOCKUP ? 11 : 5);
}

struct gdb *gdb_open(unsigned port, struct cpu *cpu, const struct gdb_callbacks *callbacks, bool halted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct gdb *gdb = calloc(1, sizeof *gdb);
    int on = 1;

    if (!gdb)
        return NULL;
    gdb->cpu = cpu;
    if (callbacks)
        gdb->callbacks = *callbacks;
    gdb->client = gdb->second = -1;
    gdb->state = halted ? GDB_HALT : GDB_RUN;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    gdb->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (gdb->listener >= 0)
        setsockopt(gdb->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (gdb->listener < 0 || bind(gdb->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(gdb->listener, 16)) {
        int why = errno;

        if (gdb->listener >= 0)
            close(gdb->listener);
        free(gdb);
        errno = why;
        return NULL;
    }
    return gdb;
}

unsigned gdb_port(const struct gdb *gdb)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    if (getsockname(gdb->listener, (struct sockaddr *)&address, &length))
        return 0;
    return ntohs(address.sin_port);
}

void gdb_close(struct gdb *gdb)
{
    if (!gdb)
        return;
    gdb_client_drop(gdb, GDB_RUN);
    second_drop(gdb);
    close(gdb->listener);
    free(gdb);
}
