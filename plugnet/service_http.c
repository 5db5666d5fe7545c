/*
 * The service "http": net/http/ on the configuration's port, with its resources and routes.
 */
/* SPDX-License-Identifier: MIT */
#include "net/http/http_raw.h"

#include "os/os.h"
#include "plugnet/plugnet.h"

struct http_service {
    struct http_raw http;
    struct http_config config;
};

static void http_service_broken(const char *path, const char *why)
{
    board_log("http: ");
    board_log(path);
    board_log(": ");
    board_log(why);
    board_log("\n");
}

static const char *http_service_start(void *state, struct plugnet *p)
{
    struct http_service *s = state;
    const struct plugnet_config *c = p->config;

    s->config = (struct http_config)
    {
        .resources = c->resources, .resource_count = c->resource_count,
#if HTTP_ROUTES
        .routes = c->routes, .route_count = c->route_count,
#endif
        .context = c->context, .hosts = p->hosts, .broken = http_service_broken, .wake = os_loop_wake,
#if HTTP_ORIGINS
        .origins = c->origins,
#endif
        .security = c->security,
#if HTTP_CHECK
        .check = c->check, .check_headers = c->check_headers, .challenge = c->challenge,
#endif
    };
    p->http = &s->http.site.stats;
    return http_raw_listen(&s->http, &s->config, c->http_port != 0 ? c->http_port : 80, &p->guard)
               ? NULL
               : PLUGNET_NO_TCP;
}

static void http_service_poll(void *state)
{
    http_raw_poll(&((struct http_service *)state)->http);
}

static void http_service_status(void *state, struct text *out)
{
    const struct http_service *s = state;
    const struct http_raw_stats *stats = &s->http.stats;

    text_put_json_u32(out, "connections", stats->connections);
    text_put_json_u32(out, "open", http_raw_open(&s->http));
    text_put_json_u32s(out, "requests\0errors\0broken\0", &s->http.site.stats.requests);
    text_put_json_u32s(out, "timeouts\0evicted\0", &stats->timeouts);
}

static struct http_service http_service_state;

const struct plugnet_service plugnet_http = {
    .name = "http",
    .state = &http_service_state,
    .start = http_service_start,
    .poll = http_service_poll,
    .status = PLUGNET_STATUS ? http_service_status : NULL,
};
