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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/control_usb.h"
#include "host/pc.h"

#define TABLES 4

struct control_client {
    int fd; /* -1: free */
    char line[CONTROL_LINE_MAX];
    size_t length;
    bool waits; /* for the end of its `run` */
    bool holds; /* the program ends with it */
};

/* A `run` under way: time passes until it is over. */
struct control_run {
    struct control_client *client; /* NULL: none */
    uint64_t until_ns;
    unsigned event_count;
    struct {
        const struct control_event *event;
        void *context;
        uint64_t before;
    } events[CONTROL_VALUES_MAX];
};

struct control {
    struct pc *pc;
    struct control_program tables[TABLES]; /* the protocol's own, the PC's, the program's, USB's */
    struct control_usb *usb;
    int listener, epoll;
    bool over;
    char path[sizeof((struct sockaddr_un *)0)->sun_path];
    struct control_client clients[CONTROL_CLIENTS_MAX];
    struct control_client *caller; /* whose line is being done */
    struct control_run run;
};

/* ---- Time ---- */

static void reply_time(struct pc *pc, const char *ended, char reply[CONTROL_REPLY_MAX])
{
    snprintf(reply, CONTROL_REPLY_MAX, "{\"ns\": %" PRIu64 ", \"ended\": \"%s\"}", pc_time_ns(pc), ended);
}

static bool run_event_add(struct control *control, const char *name)
{
    struct control_run *run = &control->run;
    for (unsigned t = 0; t < TABLES; t++) {
        const struct control_program *table = &control->tables[t];
        for (unsigned i = 0; i < table->event_count; i++) {
            if (strcmp(table->events[i].name, name) == 0) {
                run->events[run->event_count].event = &table->events[i];
                run->events[run->event_count].context = table->context;
                run->events[run->event_count].before = table->events[i].count(table->context);
                run->event_count++;
                return true;
            }
        }
    }
    return false;
}

static const char *do_run(void *context, struct control_call *call)
{
    struct control *control = context;
    if (control->run.client != NULL) {
        return "time runs for another client";
    }
    control->run.event_count = 0;
    for (unsigned i = 1; i < call->count; i++) {
        if (!run_event_add(control, call->value[i].word)) {
            return "no such event (docs/control.md lists them)";
        }
    }
    control->run.until_ns = pc_time_ns(control->pc) + (uint64_t)call->value[0].number * 1000000;
    if (call->value[0].number == 0) {
        reply_time(control->pc, "time", call->reply);
        return NULL;
    }
    control->run.client = control->caller;
    control->caller->waits = true;
    return NULL;
}

static const char *do_pace(void *context, struct control_call *call)
{
    static const char *const names[] = {"real", "fast", "stopped"};
    struct control *control = context;
    if (call->count == 0) {
        strcpy(call->reply, names[pc_pace(control->pc)]);
        return NULL;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(call->value[0].word, names[i]) == 0) {
            pc_pace_set(control->pc, (enum pc_pace)i);
            return NULL;
        }
    }
    return "pace is real, fast or stopped";
}

/* Why a `run` is over; NULL: it isn't. */
static const char *run_ended(const struct control *control)
{
    const struct control_run *run = &control->run;
    for (unsigned i = 0; i < run->event_count; i++) {
        if (run->events[i].event->count(run->events[i].context) != run->events[i].before) {
            return run->events[i].event->name;
        }
    }
    return pc_time_ns(control->pc) >= run->until_ns ? "time" : NULL;
}

/* ---- Commands ---- */

static const char *do_hello(void *context, struct control_call *call)
{
    struct control *control = context;
    snprintf(call->reply, CONTROL_REPLY_MAX,
             "{\"protocol\": %d, \"program\": \"%s\", \"version\": \"" PLUGNET_VERSION "\", \"pid\": %ld}",
             CONTROL_PROTOCOL, control->tables[2].name != NULL ? control->tables[2].name : "pc",
             (long)getpid());
    return NULL;
}

static const char *do_hold(void *context, struct control_call *call)
{
    struct control *control = context;
    (void)call;
    control->caller->holds = true;
    return NULL;
}

static const char *do_quit(void *context, struct control_call *call)
{
    struct control *control = context;
    (void)call;
    control->over = true;
    return NULL;
}

static const char *do_help(void *context, struct control_call *call);

static const struct control_command own_commands[] = {
    {"hello", "", "", do_hello},
    {"run", "MS [EVENT …]", "n?wwwww", do_run},
    {"pace", "[real|fast|stopped]", "?w", do_pace},
    {"hold", "", "", do_hold},
    {"quit", "", "", do_quit},
    {"help", "", "", do_help},
};

/* All commands in one line, behind what `reply` holds. */
static void reply_commands(const struct control *control, char *reply)
{
    const char *separator = "";
    for (unsigned t = 0; t < TABLES; t++) {
        for (unsigned i = 0; i < control->tables[t].command_count; i++) {
            const struct control_command *c = &control->tables[t].commands[i];
            control_reply(reply, "%s%s%s%s", separator, c->name, c->arguments[0] != 0 ? " " : "",
                          c->arguments);
            separator = ", ";
        }
    }
}

static const char *do_help(void *context, struct control_call *call)
{
    call->reply[0] = 0;
    reply_commands(context, call->reply);
    return NULL;
}

static void control_line(struct control *control, char *line, char reply[CONTROL_REPLY_MAX])
{
    char *rest, *name = control_name(line, &rest);
    struct control_call call = {.reply = reply};
    strcpy(reply, "ok");
    for (unsigned t = 0; t < TABLES; t++) {
        const struct control_program *table = &control->tables[t];
        for (unsigned i = 0; i < table->command_count; i++) {
            const struct control_command *command = &table->commands[i];
            if (strcmp(name, command->name) != 0) {
                continue;
            }
            if (control_parse(command, rest, &call)) {
                const char *error = command->run(table->context, &call);
                if (error != NULL) {
                    snprintf(reply, CONTROL_REPLY_MAX, "error: %s", error);
                }
            }
            return;
        }
    }
    snprintf(reply, CONTROL_REPLY_MAX, "error: unknown command '%.64s'; there are: ", name);
    reply_commands(control, reply);
}

/* ---- Clients ---- */

static void client_close(struct control *control, struct control_client *client)
{
    close(client->fd);
    client->fd = -1;
    client->length = 0;
    control->over |= client->holds;
    if (control->run.client == client) {
        control->run.client = NULL;
    }
    client->waits = client->holds = false;
}

static void client_reply(struct control *control, struct control_client *client,
                         char reply[CONTROL_REPLY_MAX])
{
    size_t length = strlen(reply);
    reply[length < CONTROL_REPLY_MAX - 1 ? length++ : length - 1] = '\n';
    if (send(client->fd, reply, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length) {
        client_close(control, client);
    }
}

/* The lines that are complete, up to one that waits. */
static void client_lines(struct control *control, struct control_client *client)
{
    char *end, reply[CONTROL_REPLY_MAX];
    while (client->fd >= 0 && !client->waits && (end = memchr(client->line, '\n', client->length)) != NULL) {
        size_t used = (size_t)(end - client->line) + 1;
        *end = 0;
        control->caller = client;
        control_line(control, client->line, reply);
        memmove(client->line, client->line + used, client->length - used);
        client->length -= used;
        if (!client->waits) {
            client_reply(control, client, reply);
        }
    }
}

/* A line that never ends, or a client that doesn't read, is cut off. */
static void client_read(struct control *control, struct control_client *client)
{
    size_t room = sizeof client->line - client->length;
    char gone;
    ssize_t got = room != 0 ? recv(client->fd, client->line + client->length, room, MSG_DONTWAIT)
                            : recv(client->fd, &gone, 1, MSG_DONTWAIT | MSG_PEEK);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            client_close(control, client);
        }
        return;
    }
    client->length += room != 0 ? (size_t)got : 0;
    client_lines(control, client);
    if (client->length == sizeof client->line && !client->waits) {
        client_close(control, client);
    }
}

static void control_accept(struct control *control)
{
    int fd = accept4(control->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (control->clients[i].fd < 0 && epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &event) == 0) {
            control->clients[i] = (struct control_client){.fd = fd};
            return;
        }
    }
    close(fd);
}

void control_frame_ended(struct control *control)
{
    char reply[CONTROL_REPLY_MAX];
    struct control_client *client = control->run.client;
    const char *ended = client != NULL ? run_ended(control) : NULL;
    if (ended == NULL) {
        return;
    }
    control->run.client = NULL;
    client->waits = false;
    reply_time(control->pc, ended, reply);
    client_reply(control, client, reply);
    client_lines(control, client);
}

int control_fd(const struct control *control)
{
    return control->epoll;
}

bool control_running(const struct control *control)
{
    return control->run.client != NULL;
}

bool control_over(const struct control *control)
{
    return control->over;
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

static bool control_listen(struct control *control, const struct sockaddr_un *address)
{
    struct epoll_event event = {.events = EPOLLIN};
    control->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    control->epoll = epoll_create1(EPOLL_CLOEXEC);
    return control->listener >= 0 && control->epoll >= 0 &&
           bind(control->listener, (const struct sockaddr *)address, sizeof *address) == 0 &&
           listen(control->listener, CONTROL_CLIENTS_MAX) == 0 &&
           epoll_ctl(control->epoll, EPOLL_CTL_ADD, control->listener, &event) == 0;
}

struct control *control_new(struct pc *pc, const char *path, const struct control_program *program,
                            char *error, size_t error_size)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (strlen(path) == 0 || strlen(path) >= sizeof address.sun_path) {
        snprintf(error, error_size, "--control %s: a path has 1 to %zu bytes", path,
                 sizeof address.sun_path - 1);
        return NULL;
    }
    struct control *control = calloc(1, sizeof *control);
    struct control_usb *usb = control_usb_new(pc_usb(pc));
    if (control == NULL || usb == NULL) {
        snprintf(error, error_size, "out of memory");
        control_usb_free(usb);
        free(control);
        return NULL;
    }
    control->usb = usb;
    control->pc = pc;
    control->tables[0] =
        (struct control_program){.commands = own_commands,
                                 .command_count = sizeof own_commands / sizeof own_commands[0],
                                 .context = control};
    control->tables[1] = control_pc;
    control->tables[1].context = pc;
    control->tables[2] = program != NULL ? *program : (struct control_program){0};
    control->tables[3] = control_usb_program(control->usb);
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    strcpy(address.sun_path, path);
    strcpy(control->path, path);
    if (stat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        unlink(path);
    }
    if (!control_listen(control, &address)) {
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
    if (control->epoll >= 0) {
        close(control->epoll);
    }
    if (control->path[0] != 0) {
        unlink(control->path);
    }
    control_usb_free(control->usb);
    free(control);
}
