/*
 * The control socket: see control.h.
 */
/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* accept4 */
#include "host/control.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/pc.h"
#include "host/usb_host.h"

struct control_client {
    int fd; /* -1: free */
    char line[CONTROL_LINE_MAX];
    size_t length;
};

struct control {
    struct pc *pc;
    int listener;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* ---- Lines ---- */

static void reply_counters(struct pc *pc, char reply[CONTROL_REPLY_MAX])
{
    const struct bus_counters *b = pc_bus_counters(pc);
    const struct pc_net_counters *n = pc_net_counters(pc);
    const struct pc_times *t = pc_times(pc);
    const struct {
        const char *name;
        uint64_t value;
    } fields[] = {
        {"frames", b->frames},
        {"packets_in", b->packets_in},
        {"packets_out", b->packets_out},
        {"packets_setup", b->packets_setup},
        {"bytes_in", b->bytes_in},
        {"bytes_out", b->bytes_out},
        {"naks_in", b->naks_in},
        {"naks_out", b->naks_out},
        {"stalls", b->stalls},
        {"silences", b->silences},
        {"overflows", b->overflows},
        {"repeats_in", b->repeats_in},
        {"bulk_packets_frame_max", b->bulk_packets_frame_max},
        {"rx_blocks", n->rx_blocks},
        {"rx_frames", n->rx_frames},
        {"rx_bytes", n->rx_bytes},
        {"rx_errors", n->rx_errors},
        {"rx_sequence_jumps", n->rx_sequence_jumps},
        {"tx_blocks", n->tx_blocks},
        {"tx_frames", n->tx_frames},
        {"tx_bytes", n->tx_bytes},
        {"tx_dropped", n->tx_dropped},
        {"tx_reason_ntb_full", n->tx_reason_ntb_full},
        {"tx_reason_max_datagram", n->tx_reason_max_datagram},
        {"tx_reason_timeout", n->tx_reason_timeout},
        {"notifications", n->notifications},
        {"attached_ns", t->attached},
        {"configured_ns", t->configured},
        {"link_ns", t->link},
        {"leased_ns", t->leased},
    };
    size_t at = 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        at += (size_t)snprintf(reply + at, CONTROL_REPLY_MAX - at, "%c\"%s\": %" PRIu64, i == 0 ? '{' : ',',
                               fields[i].name, fields[i].value);
    }
    snprintf(reply + at, CONTROL_REPLY_MAX - at, "}");
}

static const char *pc_state_name(struct pc *pc)
{
    return pc_is_leased(pc)                      ? "leased"
           : pc_is_link_up(pc)                   ? "link"
           : pc_is_configured(pc)                ? "configured"
           : pc_usb(pc)->state == USB_HOST_EMPTY ? "unplugged"
                                                 : "attached";
}

struct command {
    const char *name, *arguments;
    unsigned arguments_min, arguments_max;
    /* NULL: "ok"; else an error. `reply` may be filled instead. */
    const char *(*run)(struct pc *pc, const unsigned long *value, unsigned count, char *reply);
};

static const char *do_button(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)reply;
    pc_button(pc, count == 2 ? (unsigned)value[0] : 0, value[count - 1] != 0);
    return NULL;
}

static const char *do_leds(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    sprintf(reply, "%" PRIu32, pc_leds(pc));
    return NULL;
}

static const char *do_reset(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_board_reset(pc);
    return NULL;
}

static const char *do_power(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)count;
    (void)reply;
    pc_board_power(pc, value[0] != 0);
    return NULL;
}

static const char *do_replug(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_replug(pc);
    return NULL;
}

static const char *do_plug(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_plug(pc, true);
    return NULL;
}

static const char *do_unplug(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_plug(pc, false);
    return NULL;
}

static const char *do_suspend(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_suspend(pc);
    return NULL;
}

static const char *do_resume(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_resume(pc);
    return NULL;
}

static const char *do_bus_reset(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    (void)reply;
    pc_bus_reset(pc);
    return NULL;
}

static const char *do_stop_in(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)count;
    (void)reply;
    pc_in_stop(pc, value[0] > 3600000 ? 3600000 : (uint32_t)value[0]);
    return NULL;
}

static const char *do_time(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    sprintf(reply, "%" PRIu64, pc_time_ns(pc));
    return NULL;
}

static const char *do_state(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    strcpy(reply, pc_state_name(pc));
    return NULL;
}

static const char *do_port(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)count;
    uint16_t port = value[0] < PC_FORWARDS_MAX ? pc_forward_port(pc, (unsigned)value[0]) : 0;
    sprintf(reply, "%u", port);
    return port != 0 ? NULL : "no such forward";
}

static const char *do_counters(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)value;
    (void)count;
    reply_counters(pc, reply);
    return NULL;
}

static const char *do_help(struct pc *pc, const unsigned long *value, unsigned count, char *reply);

static const struct command commands[] = {
    {"button", "[N] 0|1", 1, 2, do_button}, {"leds", "", 0, 0, do_leds},
    {"reset", "", 0, 0, do_reset},          {"power", "0|1", 1, 1, do_power},
    {"replug", "", 0, 0, do_replug},        {"plug", "", 0, 0, do_plug},
    {"unplug", "", 0, 0, do_unplug},        {"suspend", "", 0, 0, do_suspend},
    {"resume", "", 0, 0, do_resume},        {"bus-reset", "", 0, 0, do_bus_reset},
    {"stop-in", "MS", 1, 1, do_stop_in},    {"time", "", 0, 0, do_time},
    {"state", "", 0, 0, do_state},          {"port", "N", 1, 1, do_port},
    {"counters", "", 0, 0, do_counters},    {"help", "", 0, 0, do_help},
};

/* All commands in one line, behind what `reply` holds. */
static void reply_commands(char *reply)
{
    size_t at = strlen(reply);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        at += (size_t)snprintf(reply + at, CONTROL_REPLY_MAX - at, "%s%s%s%s", i == 0 ? "" : ", ", c->name,
                               c->arguments[0] != 0 ? " " : "", c->arguments);
    }
}

static const char *do_help(struct pc *pc, const unsigned long *value, unsigned count, char *reply)
{
    (void)pc;
    (void)value;
    (void)count;
    reply[0] = 0;
    reply_commands(reply);
    return NULL;
}

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

void control_line(struct pc *pc, char *line, char reply[CONTROL_REPLY_MAX])
{
    char *save, *name = strtok_r(line, " \t\r", &save);
    const struct command *command = command_find(name);
    unsigned long values[2];
    unsigned count = 0;
    if (command == NULL) {
        snprintf(reply, CONTROL_REPLY_MAX,
                 "error: unknown command '%s'; there are: ", name != NULL ? name : "");
        reply_commands(reply);
        return;
    }
    for (char *word; (word = strtok_r(NULL, " \t\r", &save)) != NULL; count++) {
        char *end;
        unsigned long value = strtoul(word, &end, 10);
        if (count == 2 || *end != 0 || word[0] < '0' || word[0] > '9') {
            snprintf(reply, CONTROL_REPLY_MAX, "error: '%s' is not expected here: %s %s", word, name,
                     command->arguments);
            return;
        }
        values[count] = value;
    }
    if (count < command->arguments_min || count > command->arguments_max) {
        snprintf(reply, CONTROL_REPLY_MAX, "error: wrong number of arguments: %s %s", name,
                 command->arguments);
        return;
    }
    strcpy(reply, "ok");
    const char *error = command->run(pc, values, count, reply);
    if (error != NULL) {
        snprintf(reply, CONTROL_REPLY_MAX, "error: %s", error);
    }
}

/* ---- Clients ---- */

static void client_close(struct control_client *client)
{
    close(client->fd);
    client->fd = -1;
    client->length = 0;
}

/* Lines that are complete. A line that never ends, or a client that doesn't read, is cut off. */
static void client_read(struct control *control, struct control_client *client)
{
    ssize_t got =
        recv(client->fd, client->line + client->length, sizeof client->line - client->length, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            client_close(client);
        }
        return;
    }
    client->length += (size_t)got;
    char *end;
    while (client->fd >= 0 && (end = memchr(client->line, '\n', client->length)) != NULL) {
        char reply[CONTROL_REPLY_MAX];
        size_t used = (size_t)(end - client->line) + 1;
        *end = 0;
        control_line(control->pc, client->line, reply);
        size_t length = strlen(reply);
        reply[length < sizeof reply - 1 ? length++ : length - 1] = '\n';
        if (send(client->fd, reply, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length) {
            client_close(client);
            return;
        }
        memmove(client->line, client->line + used, client->length - used);
        client->length -= used;
    }
    if (client->length == sizeof client->line) {
        client_close(client);
    }
}

static void control_accept(struct control *control)
{
    int fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i].fd = fd;
            control->clients[i].length = 0;
            return;
        }
    }
    close(fd);
}

void control_poll(struct control *control)
{
    struct pollfd polled[1 + CONTROL_CLIENTS_MAX] = {{.fd = control->listener, .events = POLLIN}};
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        polled[1 + i] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
    }
    if (poll(polled, 1 + CONTROL_CLIENTS_MAX, 0) <= 0) {
        return;
    }
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (polled[1 + i].revents != 0) {
            client_read(control, &control->clients[i]);
        }
    }
    if (polled[0].revents != 0) {
        control_accept(control);
    }
}

struct control *control_new(struct pc *pc, const char *path, char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (strlen(path) == 0 || strlen(path) >= sizeof address.sun_path) {
        snprintf(error, error_size, "--control %s: a path has 1 to %zu bytes", path,
                 sizeof address.sun_path - 1);
        return NULL;
    }
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    control->pc = pc;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    strcpy(address.sun_path, path);
    strcpy(control->path, path);
    if (stat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        unlink(path);
    }
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (control->listener < 0 || bind(control->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(control->listener, CONTROL_CLIENTS_MAX) < 0) {
        snprintf(error, error_size, "--control %s: %s", path, strerror(errno));
        control->path[0] = 0;
        control_free(control);
        return NULL;
    }
    return control;
}

void control_free(struct control *control)
{
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0) {
            close(control->clients[i].fd);
        }
    }
    if (control->listener >= 0) {
        close(control->listener);
    }
    if (control->path[0] != 0) {
        unlink(control->path);
    }
    free(control);
}
