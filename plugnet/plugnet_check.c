/*
 * A product's configuration, looked at once at start: what could only fail later, in front of a user, stops here, and the
 * log says why. One rule, one text.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet_check.h"

#include <string.h>

#include "os/os.h"

#define LEASE_S_MIN 20 /* dhcpcd takes no shorter lease: facts.md F1 */
#define NAME_LENGTH_MAX                                                                                      \
    (HTTP_TEXT_MAX < 63 ? HTTP_TEXT_MAX : 63) /* of `names`: a Host header's, and so no label is too long */

#define TEXT_LENGTH_MAX 126 /* characters of a USB string */
#define WANTED_MAX      8   /* header fields of a route, and of the check */
#define KEEP_EACH_MIN   3   /* bytes of HTTP_KEEP_MAX that a value of one character takes */
#define URL_LENGTH_MAX  258 /* with https:// */

_Static_assert(PLUGNET_FUNCTIONS_MAX >= 1 && PLUGNET_FUNCTIONS_MAX <= 32, "PLUGNET_FUNCTIONS_MAX: 1 to 32");
_Static_assert(PLUGNET_BLOCKS >= 2, "PLUGNET_BLOCKS: one is filled while another is read");

/* Too many characters: UTF-8 has one first byte for each. */
static bool check_is_long(const char *text, unsigned characters_max)
{
    unsigned characters = 0;

    while (text != NULL && *text != 0) {
        characters += (*text++ & 0xC0) != 0x80;
    }
    return characters > characters_max;
}

/* Labels of letters, digits and inner hyphens, with dots between them; `dot` 0: one label. */
static bool check_name_good(const char *name, size_t length_max, char dot)
{
    size_t at = 0;
    char before = dot;

    for (;; at++) {
        char c = name[at], lower = (char)(c | 0x20);
        if (c == dot || c == '-' || c == 0) {
            if (before == dot || (before == '-' && c != '-')) {
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

/* Each returns the rule that is broken, NULL where all is well; `*value` is the text in question. */

static const char *check_path(const char *path, bool whole)
{
    size_t at = 0;

    while (path != NULL && path[at] != 0 && path[at] != '?' && path[at] != '#') {
        at++;
    }
    return at == 0 || *path != '/' || path[at] != 0 || at > HTTP_TEXT_MAX ? ".path: /, no ? or #, too long"
           : !whole                                                       ? ".type, and .output or .body"
                                                                          : NULL;
}

__attribute__((noinline)) static size_t check_count(const char *const *names)
{
    size_t count = 0;

    while (names != NULL && names[count] != NULL) {
        count++;
    }
    return count;
}

static const char *check_route(const struct plugnet_config *c, const struct http_route *r)
{
    const char *star = strchr(r->path, '*');
    uint8_t methods = r->methods != 0 ? r->methods : HTTP_GET;
    size_t names = check_count(r->headers), kept = names + check_count(c->check_headers);

    kept += (r->query ? 1 : 0) + (star != NULL ? 1 : 0);
    if (star != NULL && star[1] != 0) {
        return ".path: * at its end only";
    }
    if ((methods & HTTP_TRACE) != 0 || (methods & (HTTP_GET | HTTP_HEAD)) == HTTP_HEAD) {
        return ".methods: TRACE, or HEAD without GET";
    }
    if (names > WANTED_MAX) {
        return ".headers: 8 at most";
    }
    if (kept * KEEP_EACH_MIN > HTTP_KEEP_MAX) {
        return ".query, .headers: more than HTTP_KEEP_MAX has room for";
    }
    if (r->body != NULL && (methods & (HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)) == 0) {
        return ".body: .methods have none";
    }
    if (r->upgrade != NULL && methods != HTTP_GET) {
        return ".upgrade: by GET only";
    }
    for (const struct http_route *other = c->routes; other != r; other++) {
        if (strcmp(other->path, r->path) == 0) {
            return ".path: twice; the first serves it";
        }
    }
    return NULL;
}

/* "https://host" or "https://host:port", as browsers write it: no slash behind it. */
static bool check_origin_good(const char *origin)
{
    static const char scheme[] = "https://";
    size_t length = strlen(origin), port = 0;
    const char *host = origin + sizeof scheme - 1, *at = host;

    if (length > HTTP_TEXT_MAX || strncmp(origin, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    while ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '.' || *at == '-') {
        at++;
    }
    if (at == host || *at == 0) {
        return at != host;
    }
    while (*at == ':' && at[1 + port] >= '0' && at[1 + port] <= '9') {
        port++;
    }
    return port >= 1 && port <= 5 && at[1 + port] == 0;
}

/* Each line has a name and a colon, and ends in CR LF. */
static bool check_lines_good(const char *lines)
{
    while (lines != NULL && *lines != 0) {
        size_t length = strcspn(lines, "\r\n"), name = strcspn(lines, ":");
        if (name == 0 || name >= length || lines[length] != '\r' || lines[length + 1] != '\n') {
            return false;
        }
        lines += length + 2;
    }
    return true;
}

static const char *check_access(const struct plugnet_config *c, const char **value)
{
    *value = c->security;
    if (!check_lines_good(c->security)) {
        return ".security: lines \"Name: value\\r\\n\"";
    }
    for (size_t i = 0; i < check_count(c->origins); i++) {
        *value = c->origins[i];
        if (!check_origin_good(*value)) {
            return ".origins: https://host or https://host:port";
        }
    }
    *value = c->check_headers != NULL ? c->check_headers[0] : NULL;
    if (check_count(c->check_headers) > WANTED_MAX || (c->check_headers != NULL && c->check == NULL)) {
        return ".check_headers: 8 at most, with .check";
    }
    return c->check != NULL && c->challenge == NULL ? ".challenge: needed by .check" : NULL;
}

static const char *check_answers(const struct plugnet_config *c, const char **value)
{
    const struct http_resource *resource = c->resources;
    const struct http_route *route = c->routes;
    const char *rule = NULL;

    for (size_t i = c->route_count; i > 0 && rule == NULL; i--, route++) {
        const struct http_route *r = route;
        *value = r->path;
        rule = check_path(r->path, r->output == NULL || r->type != NULL);
        rule = rule != NULL ? rule : check_route(c, r);
    }
    for (size_t i = c->resource_count; i > 0 && rule == NULL; i--, resource++) {
        const struct http_resource *r = resource;
        *value = r->path;
        rule = check_path(r->path, r->type != NULL && (r->body != NULL || r->length == 0));
    }
    return rule;
}

static const char *check_texts(const struct plugnet_config *c, const char **value)
{
    const char *const *names = c->names;

    if (check_is_long(*value = c->product, TEXT_LENGTH_MAX) ||
        check_is_long(*value = c->manufacturer, TEXT_LENGTH_MAX) ||
        check_is_long(*value = c->landing_url, URL_LENGTH_MAX)) {
        return ".product, .manufacturer: 126; .landing_url: 258 at most";
    }
    *value = c->name;
    if (c->name != NULL && !check_name_good(c->name, PLUGNET_NAME_MAX, 0)) {
        return ".name: 1 to " OS_TEXT(PLUGNET_NAME_MAX) " letters, digits, inner hyphens";
    }
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        *value = names[i];
        if (i == PLUGNET_NAMES_MAX || !check_name_good(names[i], NAME_LENGTH_MAX, '.')) {
            return ".names: " OS_TEXT(PLUGNET_NAMES_MAX) " of labels as .name";
        }
    }
    return NULL;
}

static const char *check_lists(const struct plugnet_config *c, const char **value)
{
    size_t functions = 0, services = 0, networks = 0;

    if (c->functions == NULL || c->services == NULL) {
        return ".functions, .services: none; begin with PLUGNET_DEFAULT_FUNCTIONS, _SERVICES";
    }
    for (; c->functions[functions] != NULL; functions++) {
        networks += c->functions[functions] == &plugnet_ncm;
        if (functions == PLUGNET_FUNCTIONS_MAX || c->functions[functions]->init == NULL) {
            *value = c->functions[functions]->name;
            return ".functions: " OS_TEXT(PLUGNET_FUNCTIONS_MAX) " (PLUGNET_FUNCTIONS_MAX) with .init";
        }
    }
    for (; c->services[services] != NULL; services++) {
        if (services == PLUGNET_SERVICES_MAX || c->services[services]->start == NULL) {
            *value = c->services[services]->name;
            return ".services: " OS_TEXT(PLUGNET_SERVICES_MAX) " with .start";
        }
    }
    return networks == 1 ? NULL : ".functions: plugnet_ncm once";
}

static const char *check_numbers(const struct plugnet_config *c)
{
    uint32_t network = c->subnet >> 24;

    if (c->vendor_id != 0 && c->product_id == 0) {
        return ".vendor_id: needs .product_id";
    }
    if (c->subnet != 0 && ((c->subnet & 7) != 0 || network - 1 >= 223 || network == 127)) {
        return ".subnet: no unicast /29";
    }
    if (c->lease_s != 0 && c->lease_s < LEASE_S_MIN) {
        return ".lease_s: below 20";
    }
    if ((c->oui[0] & 3) != 0) {
        return ".oui: local or multicast";
    }
    if ((c->routes == NULL && c->route_count > 0) || (c->resources == NULL && c->resource_count > 0)) {
        return ".routes, .resources: NULL";
    }
    return NULL;
}

/* Once at start; inlined there, it would be a fifth larger. */
__attribute__((noinline)) void plugnet_check(const struct plugnet_config *c)
{
    const char *value = NULL, *rule = check_numbers(c);

    rule = rule != NULL ? rule : check_lists(c, &value);
    rule = rule != NULL ? rule : check_texts(c, &value);
    rule = rule != NULL ? rule : check_access(c, &value);
    rule = rule != NULL ? rule : check_answers(c, &value);
    if (rule != NULL) {
        board_log("plugnet_config: \"");
        board_log(value != NULL ? value : "");
        board_log("\"\n");
        os_panic(rule);
    }
    if (c->landing_url != NULL && strncmp(c->landing_url, "https://", 8) != 0) {
        board_log(".landing_url: not https, left out\n");
    }
}
