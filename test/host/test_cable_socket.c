/*
 * The socket transport: every call arrives as it was made, and a peer that dies or talks nonsense is survived.
 */
/* SPDX-License-Identifier: MIT */
#include "cable/cable_socket.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/pc.h"
#include "test/host/fake.h"
#include "test/test.h"

static struct fake fake;
static struct cable_server server;
static struct cable_client client;
static pthread_t thread;
static unsigned resets;
static bool powered;

static void board_button(void *board, unsigned number, bool pressed)
{
    struct fake *f = board;
    f->button_mask = pressed ? f->button_mask | 1u << number : f->button_mask & ~(1u << number);
}

static uint32_t board_leds(void *board)
{
    return ((struct fake *)board)->leds;
}

static void board_reset(void *board)
{
    (void)board;
    resets++;
}

static void board_power(void *board, bool on)
{
    (void)board;
    powered = on;
}

static void *serve(void *argument)
{
    (void)argument;
    while (cable_server_serve_one(&server)) {
    }
    return NULL;
}

static int pair(void)
{
    static const struct fixture_ops fixture = {board_button, board_leds, board_reset, board_power};
    int ends[2];
    fake_free(&fake);
    fake_init(&fake);
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    struct cable cable = fake_cable(&fake);
    server = (struct cable_server){
        .fd = ends[1], .ops = cable.ops, .device = cable.device, .fixture = {&fixture, &fake}};
    client = (struct cable_client){.fd = ends[0], .timeout_ms = 5000};
    return ends[1];
}

static void end(int fd)
{
    cable_client_close(&client);
    pthread_join(thread, NULL);
    CHECK(cable_server_gone(&server));
    close(fd);
}

TEST(socket_every_call)
{
    int fd = pair();
    pthread_create(&thread, NULL, serve, NULL);
    struct cable c = cable_client_cable(&client);
    struct fixture f = cable_client_fixture(&client);
    uint8_t packet[64], setup[8] = {0x80, 6, 0, 1, 0, 0, 64, 0};
    uint16_t length = 99;
    bool data1 = false;
    c.ops->advance(c.device, 123456789012345);
    c.ops->vbus(c.device, true);
    CHECK_EQUAL(fake.time_ns, 123456789012345);
    CHECK(c.ops->pulled_up(c.device));
    c.ops->bus_reset(c.device, true);
    CHECK(fake.reset);
    c.ops->advance(c.device, 123456799012345);
    c.ops->bus_reset(c.device, false);
    CHECK(!fake.reset);
    c.ops->frame(c.device, 2047);
    CHECK_EQUAL(fake.frame, 2047);
    c.ops->bus_suspend(c.device, true);
    CHECK(!c.ops->wakes(c.device));
    fake.wakes = true;
    CHECK(c.ops->wakes(c.device));
    c.ops->bus_suspend(c.device, false);
    CHECK_EQUAL(c.ops->setup(c.device, 0, 0, setup), CABLE_ACK);
    CHECK_EQUAL(c.ops->in(c.device, 0, 0, &data1, packet, &length), CABLE_ACK);
    CHECK(data1);
    CHECK_EQUAL(length, 18);
    CHECK_BYTES(packet, fake.device_descriptor, 18);
    CHECK_EQUAL(c.ops->in(c.device, 5, 0, &data1, packet, &length), CABLE_SILENCE);
    fake.ep[2].open = true;
    CHECK_EQUAL(c.ops->in(c.device, 0, 2, &data1, packet, &length), CABLE_NAK);
    for (unsigned i = 0; i < 64; i++)
        packet[i] = (uint8_t)(200 + i);
    CHECK_EQUAL(c.ops->out(c.device, 0, 2, false, packet, 64), CABLE_ACK);
    CHECK_EQUAL(c.ops->out(c.device, 0, 2, true, packet, 0), CABLE_ACK);
    CHECK_EQUAL(fake.ep[2].out_length, 64);
    CHECK_EQUAL(fake.ep[2].out_count, 1);
    CHECK_BYTES(fake.ep[2].out, packet, 64);
    fake.ep[2].out_answer = CABLE_STALL;
    CHECK_EQUAL(c.ops->out(c.device, 0, 2, true, packet, 1), CABLE_STALL);
    f.ops->button(f.board, 3, true);
    CHECK_EQUAL(fake.button_mask, 8);
    fake.leds = 0x80000005;
    CHECK_EQUAL(f.ops->leds(f.board), 0x80000005);
    f.ops->reset(f.board);
    f.ops->power(f.board, true);
    CHECK(cable_client_alive(&client));
    end(fd);
    CHECK_EQUAL(resets, 1);
    CHECK(powered);
    CHECK(fake.wrong == NULL);
}

TEST(socket_device_dies)
{
    int fd = pair();
    struct cable c = cable_client_cable(&client);
    struct fixture f = cable_client_fixture(&client);
    uint8_t packet[64];
    uint16_t length;
    bool data1;
    close(fd);
    CHECK(!c.ops->pulled_up(c.device));
    CHECK(!cable_client_alive(&client));
    CHECK_EQUAL(c.ops->in(c.device, 0, 0, &data1, packet, &length), CABLE_SILENCE);
    CHECK_EQUAL(c.ops->out(c.device, 0, 1, false, packet, 5), CABLE_SILENCE);
    CHECK_EQUAL(c.ops->setup(c.device, 0, 0, packet), CABLE_SILENCE);
    CHECK_EQUAL(f.ops->leds(f.board), 0);
}

TEST(socket_device_talks_nonsense)
{
    static const struct {
        const char *reply;
        size_t length;
    } cases[] = {{"\x02", 1}, {"\x03\0\1\0", 4}, {"\x02\x09\1\0", 4}, {"", 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = pair();
        struct cable c = cable_client_cable(&client);
        send(fd, cases[i].reply, cases[i].length, 0);
        CHECK(!c.ops->pulled_up(c.device));
        CHECK(!cable_client_alive(&client));
        close(fd);
    }
    int fd = pair();
    uint8_t huge[300] = {CABLE_CALL_PULLED_UP};
    struct cable c = cable_client_cable(&client);
    send(fd, huge, sizeof huge, 0);
    CHECK(!c.ops->pulled_up(c.device));
    CHECK(!cable_client_alive(&client));
    close(fd);
}

TEST(socket_silent_device_times_out)
{
    int fd = pair();
    client.timeout_ms = 30;
    struct cable c = cable_client_cable(&client);
    CHECK(!c.ops->pulled_up(c.device));
    CHECK(!cable_client_alive(&client));
    close(fd);
}

TEST(socket_pc_talks_nonsense)
{
    static const struct {
        uint8_t call;
        size_t length;
    } cases[] = {{CABLE_CALL_SETUP, 12},
                 {CABLE_CALL_SETUP, 21},
                 {CABLE_CALL_IN, 13},
                 {CABLE_CALL_OUT, 77},
                 {CABLE_CALL_PULLED_UP, 11},
                 {0, 12},
                 {99, 12},
                 {CABLE_CALL_FRAME, 13},
                 {CABLE_CALL_OUT, 200},
                 {CABLE_CALL_BUS_SUSPEND, 13}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = pair();
        uint8_t request[200] = {cases[i].call};
        send(client.fd, request, cases[i].length, 0);
        CHECK(!cable_server_wait(&server, 1000));
        CHECK(cable_server_gone(&server));
        CHECK(!cable_server_answer(&server));
        close(fd);
        cable_client_close(&client);
    }
    int fd = pair(); /* time that runs backwards */
    uint8_t request[12] = {CABLE_CALL_ADVANCE, 0, 0, 0, 9};
    send(client.fd, request, sizeof request, 0);
    CHECK(cable_server_wait(&server, 1000));
    CHECK(cable_server_wait(&server, 0)); /* still the same one */
    CHECK(cable_server_answer(&server));
    CHECK(!cable_server_wait(&server, 10)); /* nothing there: a timeout */
    CHECK(!cable_server_gone(&server));
    request[4] = 8;
    send(client.fd, request, sizeof request, 0);
    CHECK(!cable_server_wait(&server, 1000));
    CHECK(cable_server_gone(&server));
    close(fd);
    cable_client_close(&client);
}

TEST(socket_whole_pc_over_it)
{
    char error[200];
    int fd = pair();
    pthread_create(&thread, NULL, serve, NULL);
    struct pc_config config = {.cable = cable_client_cable(&client)};
    struct pc *pc = pc_new(&config, error, sizeof error);
    CHECK(pc != NULL);
    CHECK(pc_run_until(pc, pc_is_link_up, pc, 1000));
    close(client.fd); /* the device's process dies in the middle */
    client.fd = -1;
    pc_run_ms(pc, 10);
    CHECK(!pc_is_configured(pc));
    pc_free(pc);
    end(fd);
}

TEST(socket_spawn_errors)
{
    char error[200];
    char *const missing[] = {(char[]){"/nonexistent/program"}, NULL};
    CHECK_EQUAL(cable_client_spawn(&client, missing, error, sizeof error), -1);
    CHECK(strstr(error, "/nonexistent/program: No such file") != NULL);
    CHECK(!cable_client_open(&client, "/nonexistent/socket", error, sizeof error));
    CHECK(strstr(error, "/nonexistent/socket: No such file") != NULL);
    setenv(CABLE_SOCKET_ENV, "1x", 1);
    CHECK(cable_server_open(NULL, error, sizeof error) < 0);
    unsetenv(CABLE_SOCKET_ENV);
    CHECK(cable_server_open(NULL, error, sizeof error) < 0);
}

TEST_MAIN()
