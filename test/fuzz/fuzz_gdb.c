/*
 * Fuzz the GDB server: each input is what one debugger sends; "%" stands for the right checksum of the packet
 * before it. Whatever it was, the server must answer the next debugger.
 *
 * LINK: vboard/gdb*.c vboard/cpu*.c
 * SECONDS: 20
 */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/gdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(CONDITION)                                                                                   \
    do {                                                                                                     \
        if (!(CONDITION))                                                                                    \
            abort();                                                                                         \
    } while (0)

#define CONNECT_TRIES 500 /* every 10 ms */

#define PIECE 256 /* of input between two looks at the answers, so that these never fill the socket */

static uint8_t flash[4096], ram[4096];

static enum cpu_bus bus_read(void *context, uint32_t address, unsigned size, uint32_t *value)
{
    (void)context, (void)address, (void)size;
    *value = 0;
    return CPU_BUS_FAULT;
}

static enum cpu_bus bus_write(void *context, uint32_t address, unsigned size, uint32_t value)
{
    (void)context, (void)address, (void)size, (void)value;
    return CPU_BUS_FAULT;
}

static struct cpu *cpu_fresh(void)
{
    static const struct cpu_config config = {
        .regions = {{0x08000000, sizeof flash, flash, false}, {0x20000000, sizeof ram, ram, true}},
        .irq_count = 82,
        .priority_bits = 4,
        .bus_read = bus_read,
        .bus_write = bus_write,
    };
    static const uint8_t start[] = {0, 0x10, 0, 0x20, 9, 0, 0, 8, 0xFE, 0xE7}; /* vectors; b . */
    memset(ram, 0, sizeof ram);
    memset(flash, 0, sizeof flash);
    memcpy(flash, start, sizeof start);
    static struct cpu *cpu; /* kept: its page tables are large */
    cpu = cpu != NULL ? cpu : cpu_new(&config);
    REQUIRE(cpu != NULL);
    cpu_code_changed(cpu, 0x08000000, sizeof flash);
    cpu_code_changed(cpu, 0x20000000, sizeof ram);
    cpu_reset(cpu, 0x08000000);
    for (unsigned number = 32; number <= 64; number++)
        cpu_register_set(cpu, number, 0);
    return cpu;
}

static int debugger_connect(struct gdb *gdb)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)gdb_port(gdb))};
    struct linger reset = {1, 0}; /* no TIME_WAIT: ports would run out */
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(fd >= 0);
    /* Other programs on a busy machine may have the last free port for a moment; libFuzzer's own timer interrupts, and then connect
     * goes on by itself. */
    for (unsigned tries = 0;
         connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EISCONN; tries++) {
        if ((errno != EADDRNOTAVAIL && errno != EAGAIN && errno != EINTR && errno != EALREADY) ||
            tries == CONNECT_TRIES) {
            perror("fuzz_gdb: connect");
            abort();
        }
        usleep(10000);
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return fd;
}

/* Send, serve, drop the answers. */
static void exchange(struct gdb *gdb, struct cpu *cpu, int fd, const char *bytes, size_t length)
{
    char answer[4096];
    ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
    (void)sent; /* the server may have hung up */
    for (int i = 0; i < 4 && gdb_poll(gdb, 0) == GDB_RUN; i++)
        gdb_stopped(gdb, cpu_run(cpu, cpu_cycles(cpu) + 20));
    while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0) {
    }
}

static void reset(void *context)
{
    cpu_reset(context, 0x08000000);
}

static bool flash_area(void *context, unsigned number, struct gdb_flash_area *area)
{
    (void)context;
    *area = (struct gdb_flash_area){0x08000000 + number * 1024, 1024, 512};
    return number < sizeof flash / 1024;
}

static bool flash_inside(uint32_t address, uint32_t size)
{
    return address - 0x08000000 < sizeof flash && size <= sizeof flash - (address - 0x08000000);
}

static bool flash_erase(void *context, uint32_t address, uint32_t size)
{
    if (!flash_inside(address, size))
        return false;
    memset(flash + (address - 0x08000000), 0xFF, size);
    cpu_code_changed(context, address, size);
    return true;
}

static bool flash_program(void *context, uint32_t address, const uint8_t *bytes, uint32_t size)
{
    if (!flash_inside(address, size))
        return false;
    memcpy(flash + (address - 0x08000000), bytes, size);
    cpu_code_changed(context, address, size);
    return true;
}

static bool peripheral(void *context, unsigned number, struct gdb_peripheral *it)
{
    (void)context;
    *it = (struct gdb_peripheral){"PERIPHERAL", number, number, true};
    return number < 3;
}

static void semihosting(void *context, bool on)
{
    (void)context, (void)on;
}

/* The input with its checksums: "%" becomes "#xx". */
static size_t expand(const uint8_t *data, size_t size, char out[3 * PIECE + 4], uint8_t *sum)
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '%') {
            length += (size_t)sprintf(out + length, "#%02x", *sum);
        } else {
            *sum = data[i] == '$' ? 0 : (uint8_t)(*sum + data[i]);
            out[length++] = (char)data[i];
        }
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cpu *cpu = cpu_fresh();
    const struct gdb_callbacks callbacks = {.reset = reset,
                                            .flash_area = flash_area,
                                            .flash_erase = flash_erase,
                                            .flash_program = flash_program,
                                            .peripheral = peripheral,
                                            .semihosting = semihosting,
                                            .jlink = size % 2 != 0,
                                            .context = cpu};
    struct gdb *gdb = gdb_open(0, cpu, &callbacks, true);
    char text[3 * PIECE + 4];
    uint8_t sum = 0;
    REQUIRE(gdb != NULL);
    int fd = debugger_connect(gdb);
    gdb_poll(gdb, 1000);
    for (size_t at = 0; at < size; at += PIECE) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        exchange(gdb, cpu, fd, text, expand(data + at, piece, text, &sum));
    }
    close(fd);
    enum gdb_state state = GDB_HALT; /* serve until the old one is gone */
    for (int i = 0; i < 10 && state == GDB_HALT; i++)
        state = gdb_poll(gdb, 100);
    REQUIRE(state != GDB_HALT);
    if (state != GDB_KILL) {
        char answer[8] = "";
        fd = debugger_connect(gdb);
        REQUIRE(send(fd, "$?#3f", 5, MSG_NOSIGNAL) == 5);
        for (int i = 0; i < 10 && gdb_poll(gdb, 100) == GDB_RUN; i++) {
        }
        for (int i = 0; i < 10 && recv(fd, answer, 6, MSG_DONTWAIT) < 6; i++)
            gdb_poll(gdb, 0);
        REQUIRE(memcmp(answer, "+$S05#", 6) == 0);
        close(fd);
    }
    gdb_close(gdb);
    return 0;
}
