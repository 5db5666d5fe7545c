/*
 * A product's configuration, looked at once at start: what could only fail later, in front of a user, stops here, and the
 * log says why. One rule, one text.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet_check.h"

#include <string.h>

#include "os/os.h"
#include "wire/dns_msg.h"

#define LEASE_S_MIN 20 /* dhcpcd takes no shorter lease: facts.md F1 */
#define NAME_LENGTH_MAX                                                                                      \
    (HTTP_TEXT_MAX < 63 ? HTTP_TEXT_MAX : 63) /* of `names`: a Host header's, and so no label is too long */

/* A fault of the product's: the log gets the text in question, or "", and the rule. */
static void check_that(bool good, const char *value, const char *rule)
{
    if (!good) {
        board_log("plugnet_config: \"");
        board_log(value);
        board_log("\"\n");
        os_panic(rule);
    }
}

/* Labels of letters, digits and inner hyphens, with dots between them. */
static bool check_name_good(const char *name, size_t length_max)
{
    size_t at = 0;
    char before = '.';

    for (;; at++) {
        char c = name[at], lower = (char)(c | 0x20);
        if (c == '.' || c == '-' || c == 0) {
            if (before == '.' || (before == '-' && c != '-')) {
                return false;
            }
        } else if ((lower < 'a' || lower > 'z') && (c < '0' || c > '9')) {
            return false;
        }
        if (c == 0) {
            return at <= length_max;
        }
        before = c;
    }
}

static void check_names(const struct plugnet_config *c)
{
    const char *const *names = c->names;

    if (c->name != NULL) {
        check_that(check_name_good(c->name, PLUGNET_NAME_MAX) && strchr(c->name, '.') == NULL, c->name,
                   ".name: 1 to 32 letters, digits, inner hyphens");
    }
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        check_that(i < PLUGNET_NAMES_MAX && check_name_good(names[i], NAME_LENGTH_MAX), names[i],
                   ".names: 3 of labels as .name");
    }
}

static void check_path(const char *path, bool whole)
{
    size_t length = path != NULL ? strcspn(path, "?#") : 0;

    check_that(length > 0 && path[0] == '/' && path[length] == 0 && length <= HTTP_TEXT_MAX,
               path != NULL ? path : "", ".path: /, no ? or #, too long");
    check_that(whole, path, ".type, and .part, .post or .body");
}

void plugnet_check(const struct plugnet_config *c)
{
    uint32_t network = c->subnet >> 24;

    check_that(c->vendor_id == 0 || c->product_id != 0, "", ".vendor_id: needs .product_id");
    check_that(c->subnet == 0 || ((c->subnet & 7) == 0 && network - 1 < 223 && network != 127), "",
               ".subnet: no unicast /29");
    check_that(c->lease_s == 0 || c->lease_s >= LEASE_S_MIN, "", ".lease_s: below 20");
    check_that((c->oui[0] & 3) == 0, "", ".oui: local or multicast");
    check_that(c->http_port != DNS_PORT && (c->http_port != IPERF_PORT || c->no_iperf), "",
               ".http_port: taken");
    check_names(c);
    check_that((c->routes != NULL || c->route_count == 0) && (c->resources != NULL || c->resource_count == 0),
               "", ".routes, .resources: NULL");
    for (size_t i = 0; i < c->route_count; i++) {
        const struct http_route *route = &c->routes[i];
        check_path(route->path, route->part != NULL ? route->type != NULL : route->post != NULL);
    }
    for (size_t i = 0; i < c->resource_count; i++) {
        const struct http_resource *resource = &c->resources[i];
        check_path(resource->path,
                   resource->type != NULL && (resource->body != NULL || resource->length == 0));
    }
}
