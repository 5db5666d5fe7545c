/*
 * The demo's routes. The status object is made in parts of at most HTTP_PART_MAX bytes; see API.md for its
 * shape.
 */
/* SPDX-License-Identifier: MIT */
#include "status.h"

#include <string.h>

#include "board/board.h"
#include "lwip/memp.h"
#include "lwip/stats.h"
#include "os/os.h"
#include "plugnet/plugnet.h"
#include "plugnet/report.h"
#include "tasks.h"

static void put_member(struct text *t, const char *name, const char *value)
{
    text_put_json_string(t, name);
    text_put(t, ":");
    text_put_json_string(t, value);
    text_put(t, ",");
}

static void put_address(struct text *t, const char *name, uint32_t address)
{
    text_put_json_string(t, name);
    text_put(t, ":\"");
    text_put_ip4(t, address);
    text_put(t, "\",");
}

static void put_leds(struct text *t)
{
    const struct board_info *info = board_info();

    text_put(t, "\"leds\":[");
    for (unsigned i = 0; i < info->led_count; i++) {
        text_put(t, i > 0 ? ",{\"name\":" : "{\"name\":");
        text_put_json_string(t, info->led_names[i]);
        text_put(t, ",\"on\":");
        text_put_bool(t, board_led_get(i));
        text_put(t, "}");
    }
    text_put(t, "],\"button\":");
    text_put_bool(t, board_button());
}

static void put_board(const struct plugnet *p, struct text *t)
{
    const struct board_info *info = board_info();

    text_put(t, "{");
    put_member(t, "board", info->name);
    put_member(t, "chip", info->chip);
    put_member(t, "flavour", os_name());
    put_member(t, "version", PLUGNET_VERSION);
    put_member(t, "serial", p->serial);
    text_put(t, "\"dfu\":");
    text_put_bool(t, plugnet_has_dfu(p));
    text_put(t, ",");
    put_address(t, "address", p->address);
    put_address(t, "host_address", p->host_address);
    text_put(t, "\"names\":[");
    for (size_t i = 0; p->hosts[i] != NULL && p->hosts[i] != p->address_text; i++) {
        text_put(t, i > 0 ? "," : "");
        text_put_json_string(t, p->hosts[i]);
    }
    text_put(t, "]");
    text_put_json_u32(t, "uptime_ms", board_time_ms());
    text_put_json_u32(t, "cpu_permille", p->load_permille);
}

static void put_pins(struct text *t)
{
    text_put(t, ",");
    put_leds(t);
    text_put(t, ",\"stack\":{");
    text_put_json_u32(t, "used", board_stack_used_max());
    text_put_json_u32(t, "size", board_stack_size());
    text_put(t, "}");
}

static void put_usb(const struct plugnet *p, struct text *t)
{
    const struct ncm_stats *s = ncm_stats(&p->ncm);

    text_put(t, ",\"usb\":{\"link\":");
    text_put_bool(t, ncm_link_up(&p->ncm));
    text_put_json_u32s(t, "resets\0setups\0stalls\0", &p->usb.stats.resets);
    text_put_json_u32s(t,
                       "out_blocks\0out_datagrams\0out_bytes\0in_blocks\0in_datagrams\0in_bytes\0"
                       "out_sequence_jumps\0out_starved\0in_unread\0",
                       &s->out_blocks);
    text_put(t, ",\"drops\":{");
    text_put_json_u32s(t,
                       "out_header\0out_length\0out_table\0out_chain\0out_bounds\0out_overlap\0out_oversize\0"
                       "out_count\0out_crc\0in_full\0in_down\0in_abort\0",
                       s->out_drops);
    text_put(t, "}}");
}

static void put_netif(const struct plugnet *p, struct text *t)
{
    const struct netif_ncm_stats *s = &p->netif.stats;

    text_put(t, ",\"netif\":{");
    text_put_json_u32s(t, "in_place\0copied\0waited\0sent\0sent_copied\0", &s->in_place);
    text_put(t, ",\"drops\":{");
    text_put_json_u32s(t, "no_memory\0arp_forged\0send_full\0send_no_memory\0", &s->drop_no_memory);
    text_put(t, "}}");
}

static void put_pool(struct text *t, const char *name, const struct stats_mem *s)
{
    text_put(t, "{\"name\":");
    text_put_json_string(t, name);
    text_put_json_u32s(t, "size\0used\0max\0errors\0", (uint32_t[]){s->avail, s->used, s->max, s->err});
    text_put(t, "}");
}

static const struct {
    memp_t pool;
    const char *name;
} pools[] = {
    {MEMP_TCP_PCB, "TCP_PCB"}, {MEMP_TCP_PCB_LISTEN, "TCP_PCB_LISTEN"},
    {MEMP_TCP_SEG, "TCP_SEG"}, {MEMP_PBUF, "PBUF"},
    {MEMP_UDP_PCB, "UDP_PCB"}, {MEMP_SYS_TIMEOUT, "SYS_TIMEOUT"},
};

/* As they were before the answer that shows them took some itself. */
static struct {
    struct stats_mem heap, pools[sizeof pools / sizeof pools[0]];
} before;

static void pools_note(void)
{
    before.heap = lwip_stats.mem;
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        before.pools[i] = *lwip_stats.memp[pools[i].pool];
    }
}

static void put_pools(struct text *t)
{
    text_put(t, ",\"pools\":[");
    put_pool(t, "HEAP", &before.heap);
    for (size_t i = 0; i < sizeof pools / sizeof pools[0]; i++) {
        text_put(t, ",");
        put_pool(t, pools[i].name, &before.pools[i]);
    }
    text_put(t, "],");
}

/* The member of service number `number`, from 0. False: there are no more. */
static bool put_service(const struct plugnet *p, unsigned number, struct text *t)
{
    const struct plugnet_service *service = p->config->services[number];

    if (service == NULL) {
        return false;
    }
    text_put(t, number == 0 ? "" : ",");
    text_put_json_string(t, service->name);
    text_put(t, ":{");
    if (service->status != NULL) {
        service->status(service->state, t);
    }
    text_put(t, "}");
    return true;
}

static void put_tcp(const struct plugnet *p, struct text *t)
{
    text_put(t, ",\"tcp\":{");
    text_put_json_u32s(
        t, "sent\0received\0dropped\0guarded\0",
        (uint32_t[]){lwip_stats.tcp.xmit, lwip_stats.tcp.recv, lwip_stats.tcp.drop, p->guard.guarded});
    text_put(t, "}}}\n");
}

static void put_threads(struct text *t)
{
    struct os_thread_info info;

    text_put(t, ",\"tasks\":[");
    for (unsigned i = 0; os_thread_info_get(i, &info); i++) {
        text_put(t, i > 0 ? ",{\"name\":" : "{\"name\":");
        text_put_json_string(t, info.name);
        text_put_json_u32(t, "stack", info.stack_size);
        text_put_json_u32(t, "stack_left", info.stack_left);
        text_put_json_u32(t, "cpu_permille", info.cpu_permille);
        text_put(t, "}");
    }
    text_put(t, "]");
    if (tasks_running() != NULL) {
        text_put_json_u32(t, "samples", __atomic_load_n(&tasks_running()->samples, __ATOMIC_RELAXED));
    }
}

/* Section number `section` of the status object, from 0. False: that was the last one. */
static bool put_section(const struct plugnet *p, unsigned section, struct text *t)
{
    switch (section) {
    case 0: put_board(p, t); return true;
    case 1:
        put_pins(t);
        if (os_thread_info_get(0, &(struct os_thread_info){0})) {
            put_threads(t);
        }
        return true;
    case 2: put_usb(p, t); return true;
    case 3: put_netif(p, t); return true;
    case 4: put_pools(t); return true;
    case 5:
        text_put(t, "\"report\":");
        plugnet_report_put(t);
        text_put(t, ",\"services\":{");
        return true;
    default:
        if (put_service(p, section - 6, t)) {
            return true;
        }
        put_tcp(p, t);
        return false;
    }
}

/* As many sections as there is room for: each part costs a chunk's frame and a pbuf. */
static enum http_progress status_output(struct http_request *r, struct text *t)
{
    uint8_t *section = http_state(r);
    bool more = true;

    if (*section == 0) {
        pools_note();
    }
    while (more) {
        size_t length = t->length;
        more = put_section(http_context(r), *section, t);
        if (t->overflow && length > 0) {
            t->length = length; /* it begins the next part */
            t->overflow = false;
            return HTTP_MORE;
        }
        ++*section;
    }
    return HTTP_END;
}

static enum http_progress leds_output(struct http_request *r, struct text *t)
{
    if (http_status(r) == 200) {
        text_put(t, "{");
        put_leds(t);
        text_put(t, "}\n");
    }
    return HTTP_END;
}

/* A strict reader of a small JSON text. */
struct reader {
    const char *at, *end;
};

static void read_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r' || *r->at == '\n')) {
        r->at++;
    }
}

static bool read_token(struct reader *r, const char *token)
{
    size_t length = strlen(token);

    read_space(r);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, token, length) != 0) {
        return false;
    }
    r->at += length;
    return true;
}

static bool read_number(struct reader *r, uint32_t *value)
{
    const char *start;

    read_space(r);
    start = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') {
        r->at++;
    }
    return http_number_parse(start, (size_t)(r->at - start), value) && (*start != '0' || r->at - start == 1);
}

/* {"led":0,"on":true}: exactly these two members, in either order. */
static bool read_led(struct reader *r, uint32_t *led, bool *on)
{
    bool has_led = false, has_on = false;

    if (!read_token(r, "{")) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (i == 1 && !read_token(r, ",")) {
            return false;
        }
        if (!has_led && read_token(r, "\"led\"")) {
            has_led = read_token(r, ":") && read_number(r, led);
        } else if (!has_on && read_token(r, "\"on\"") && read_token(r, ":")) {
            *on = read_token(r, "true");
            has_on = *on || read_token(r, "false");
        }
    }
    if (!has_led || !has_on || !read_token(r, "}")) {
        return false;
    }
    read_space(r);
    return r->at == r->end;
}

/* Each request has its own: one that stays half sent is nobody else's trouble. */
struct leds_body {
    uint8_t length;
    char bytes[HTTP_STATE_MAX - 1];
};

static size_t leds_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    struct leds_body *body = http_state(r);
    uint32_t whole = http_body_length(r);

    if (length > sizeof body->bytes - body->length || (whole != UINT32_MAX && whole > sizeof body->bytes)) {
        http_refuse(r, 413);
        return 0;
    }
    memcpy(body->bytes + body->length, bytes, length);
    body->length = (uint8_t)(body->length + length);
    return length;
}

static uint16_t leds_end(struct http_request *r)
{
    const struct leds_body *body = http_state(r);
    struct reader reader = {body->bytes, body->bytes + body->length};
    uint32_t led = 0;
    bool on = false;

    if (http_method(r) != HTTP_POST) {
        return 200;
    }
    if (!read_led(&reader, &led, &on)) {
        return 400;
    }
    if (led >= board_info()->led_count) {
        return 404;
    }
    board_led_set(led, on);
    return 200;
}

static uint16_t dfu_end(struct http_request *r)
{
    return plugnet_update(http_context(r)) ? 204 : 404;
}

struct updater demo_updater;

const struct http_route status_routes[STATUS_ROUTES] = {
    {.path = "/api/status", .type = "application/json", .output = status_output},
    {.path = "/api/leds",
     .methods = HTTP_GET | HTTP_POST,
     .type = "application/json",
     .body = leds_body,
     .end = leds_end,
     .output = leds_output},
    PLUGNET_UPDATER_ROUTE(&demo_updater),
    {.path = "/api/dfu", .methods = HTTP_POST, .end = dfu_end},
};
