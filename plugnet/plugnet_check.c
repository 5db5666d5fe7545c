/*
 * A product's configuration, looked at once at start: what could only fail later, in front of a user, stops here, and the
 * log says why. One rule, one text.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet_check.h"

#include <string.h>

#include "os/os.h"
#include "wire/dns_msg.h"

#define LEASE_S_MIN 20 /* dhcpcd takes no shorter lease: FACTS F1 */
#define PATH_RULE   ".path: a slash, then no ? or #, at most as HTTP_TEXT_MAX says"

/* Our developer's fault: the value goes before the rule, where it is a text. */
static void check_that(bool good, const char *value, const char *rule)
{
    if (!good) {
        board_log("plugnet_config: \"");
        board_log(value);
        board_log("\"\n");
        os_panic(rule);
    }
}

/* One label or more, of letters, digits and inner hyphens, with dots between them. */
static bool check_name_good(const char *name, size_t length_max)
{
    size_t label = 0, at = 0;

    for (;; at++) {
        char c = name[at], lower = (char)(c | 0x20);
        bool end = c == '.' || c == 0;
        if (end || c == '-') {
            if (label == 0 || (end && name[at - 1] == '-')) {
                return false;
            }
        } else if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9')) {
            return false;
        }
        if (c == 0) {
            return at <= length_max;
        }
        label = end ? 0 : label + 1;
        if (label > 63) {
            return false;
        }
    }
}

static void check_names(const struct plugnet_config *c)
{
    const char *const *name = c->names;

    if (c->name != NULL) {
        check_that(check_name_good(c->name, PLUGNET_NAME_MAX) && strchr(c->name, '.') == NULL, c->name,
                   ".name: 1 to 32 letters, digits, inner hyphens");
    }
    for (size_t i = 0; name != NULL && name[i] != NULL; i++) {
        check_that(i < PLUGNET_NAMES_MAX && check_name_good(name[i], HTTP_TEXT_MAX), name[i],
                   ".names: at most 3, of letters, digits, inner hyphens, dots between");
    }
}

static void check_path(const char *path)
{
    check_that(path != NULL && path[0] == '/' && strpbrk(path, "?#") == NULL && strlen(path) <= HTTP_TEXT_MAX,
               path != NULL ? path : "", PATH_RULE);
}

static void check_pages(const struct plugnet_config *c)
{
    check_that((c->routes != NULL || c->route_count == 0) && (c->resources != NULL || c->resource_count == 0),
               "", ".routes, .resources: NULL, but counted");
    for (size_t i = 0; i < c->route_count; i++) {
        const struct http_route *route = &c->routes[i];
        check_path(route->path);
        check_that(route->part != NULL ? route->type != NULL : route->post != NULL, route->path,
                   ".routes: .part with .type, or .post");
    }
    for (size_t i = 0; i < c->resource_count; i++) {
        const struct http_resource *resource = &c->resources[i];
        check_path(resource->path);
        check_that(resource->type != NULL && (resource->body != NULL || resource->length == 0),
                   resource->path, ".resources: .type and .body");
    }
}

void plugnet_check(const struct plugnet_config *c)
{
    uint32_t network = c->subnet >> 24;

    check_that(c->vendor_id == 0 || c->product_id != 0, "", ".vendor_id: needs its .product_id");
    check_that(c->subnet == 0 || ((c->subnet & 7) == 0 && network != 0 && network != 127 && network < 224),
               "", ".subnet: a unicast /29, its base in host order");
    check_that(c->lease_s == 0 || c->lease_s >= LEASE_S_MIN, "", ".lease_s: at least 20");
    check_that((c->oui[0] & 3) == 0, "", ".oui: universal and unicast");
    check_that(c->http_port != DNS_PORT && (c->http_port != IPERF_PORT || c->no_iperf), "",
               ".http_port: taken");
    check_names(c);
    check_pages(c);
}
