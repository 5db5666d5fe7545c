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

/* The end: `rule` is broken, `value` the text in question; NULL: none. */
__attribute__((noinline, noreturn)) static void check_refuse(const char *rule, const char *value)
{
    board_log("plugnet_config: \"");
    board_log(value != NULL ? value : "");
    board_log("\"\n");
    os_panic(rule);
}

static void check_path(const char *path, bool whole)
{
    size_t at = 0;

    while (path != NULL && path[at] != 0 && path[at] != '?' && path[at] != '#') {
        at++;
    }
    if (at == 0 || *path != '/' || path[at] != 0 || at > HTTP_TEXT_MAX) {
        check_refuse(".path: /, no ? or #, too long", path);
    }
    if (!whole) {
        check_refuse(".type, and .output or .body", path);
    }
}

__attribute__((noinline)) static void check_that(bool good, const char *rule, const char *value)
{
    if (!good) {
        check_refuse(rule, value);
    }
}

__attribute__((noinline)) static size_t check_count(const char *const *names)
{
    size_t count = 0;

    while (names != NULL && names[count] != NULL) {
        count++;
    }
    return count;
}

static void check_route(const struct plugnet_config *c, const struct http_route *r)
{
    const char *path = r->path, *star = strchr(path, '*');
    uint8_t methods = r->methods != 0 ? r->methods : HTTP_GET;
    size_t names = check_count(r->headers), kept = names + check_count(c->check_headers);

    kept += (r->query ? 1u : 0u) + (star != NULL ? 1u : 0u);
    check_that(star == NULL || star[1] == 0, ".path: * at its end only", path);
    check_that((methods & HTTP_TRACE) == 0 && (methods & (HTTP_GET | HTTP_HEAD)) != HTTP_HEAD,
               ".methods: TRACE, or HEAD without GET", path);
    check_that(names <= WANTED_MAX, ".headers: 8 at most", path);
    check_that(kept * KEEP_EACH_MIN <= HTTP_KEEP_MAX, ".query, .headers: HTTP_KEEP_MAX has no room", path);
    check_that(r->body == NULL || (methods & (HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)) != 0,
               ".body: .methods have none", path);
    check_that(r->upgrade == NULL || methods == HTTP_GET, ".upgrade: by GET only", path);
    for (const struct http_route *other = c->routes; other != r; other++) {
        check_that(strcmp(other->path, path) != 0, ".path: twice", path);
    }
}

/* "https://host" or "https://host:port", as browsers write it: no slash behind it. */
static bool check_origin_good(const char *origin)
{
    static const char scheme[] = "https://";
    const char *at = origin + sizeof scheme - 1, *host = at, *port;

    if (strlen(origin) > HTTP_TEXT_MAX || strncmp(origin, scheme, sizeof scheme - 1) != 0) {
        return false;
    }
    while ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '.' || *at == '-') {
        at++;
    }
    if (at == host || *at == 0) {
        return at != host;
    }
    port = at + 1;
    for (at = port; *at >= '0' && *at <= '9'; at++) {
    }
    return port[-1] == ':' && at != port && at - port <= 5 && *at == 0;
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

static void check_access(const struct plugnet_config *c)
{
    const char *const *origin = c->origins;

    check_that(check_lines_good(c->security), ".security: lines \"Name: value\\r\\n\"", c->security);
    for (; origin != NULL && *origin != NULL; origin++) {
        check_that(check_origin_good(*origin), ".origins: https://host[:port]", *origin);
    }
    check_that(check_count(c->check_headers) <= WANTED_MAX && (c->check_headers == NULL || c->check != NULL),
               ".check_headers: 8 at most, with .check", c->check_headers != NULL ? *c->check_headers : NULL);
    check_that(c->check == NULL || c->challenge != NULL, ".challenge: needed by .check", NULL);
}

static void check_answers(const struct plugnet_config *c)
{
    const struct http_resource *resource = c->resources;
    const struct http_route *route = c->routes;

    if ((route == NULL && c->route_count > 0) || (resource == NULL && c->resource_count > 0)) {
        check_refuse(".routes, .resources: NULL", NULL);
    }
    for (size_t i = c->route_count; i > 0; i--, route++) {
        check_path(route->path, route->output == NULL || route->type != NULL || route->head != NULL);
        check_route(c, route);
    }
    for (size_t i = c->resource_count; i > 0; i--, resource++) {
        check_path(resource->path,
                   resource->type != NULL && (resource->body != NULL || resource->length == 0));
    }
}

static void check_text(const char *text, unsigned characters_max)
{
    if (check_is_long(text, characters_max)) {
        check_refuse(".product, .manufacturer: 126; .landing_url: 258 at most", text);
    }
}

static void check_names(const struct plugnet_config *c)
{
    const char *const *names = c->names;

    if (c->name != NULL && !check_name_good(c->name, PLUGNET_NAME_MAX, 0)) {
        check_refuse(".name: 1 to " OS_TEXT(PLUGNET_NAME_MAX) " letters, digits, inner hyphens", c->name);
    }
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (i == PLUGNET_NAMES_MAX || !check_name_good(names[i], NAME_LENGTH_MAX, '.')) {
            check_refuse(".names: " OS_TEXT(PLUGNET_NAMES_MAX) " of labels as .name", names[i]);
        }
    }
}

static void check_lists(const struct plugnet_config *c)
{
    const struct plugnet_function *const *functions = c->functions;
    const struct plugnet_service *const *services = c->services;
    size_t networks = 0;

    if (functions == NULL || services == NULL) {
        check_refuse(".functions, .services: none", NULL);
    }
    for (size_t i = 0; functions[i] != NULL; i++) {
        networks += functions[i] == &plugnet_ncm;
        if (i == PLUGNET_FUNCTIONS_MAX || functions[i]->init == NULL) {
            check_refuse(".functions: " OS_TEXT(PLUGNET_FUNCTIONS_MAX) " (PLUGNET_FUNCTIONS_MAX) with .init",
                         functions[i]->name);
        }
    }
    for (size_t i = 0; services[i] != NULL; i++) {
        if (i == PLUGNET_SERVICES_MAX || services[i]->start == NULL) {
            check_refuse(".services: " OS_TEXT(PLUGNET_SERVICES_MAX) " with .start", services[i]->name);
        }
    }
    if (networks != 1) {
        check_refuse(".functions: plugnet_ncm once", NULL);
    }
}

static void check_numbers(const struct plugnet_config *c)
{
    uint32_t network = c->subnet >> 24;

    if (c->vendor_id != 0 && c->product_id == 0) {
        check_refuse(".vendor_id: needs .product_id", NULL);
    }
    if (c->subnet != 0 && ((c->subnet & 7) != 0 || network - 1 >= 223 || network == 127)) {
        check_refuse(".subnet: no unicast /29", NULL);
    }
    if (c->lease_s != 0 && c->lease_s < LEASE_S_MIN) {
        check_refuse(".lease_s: below 20", NULL);
    }
    if ((c->oui[0] & 3) != 0) {
        check_refuse(".oui: local or multicast", NULL);
    }
}

/* Once at start; inlined there, it would be a fifth larger. */
__attribute__((noinline)) void plugnet_check(const struct plugnet_config *c)
{
    check_numbers(c);
    check_lists(c);
    check_text(c->product, TEXT_LENGTH_MAX);
    check_text(c->manufacturer, TEXT_LENGTH_MAX);
    check_text(c->landing_url, URL_LENGTH_MAX);
    check_names(c);
    check_access(c);
    check_answers(c);
    if (c->landing_url != NULL && strncmp(c->landing_url, "https://", 8) != 0) {
        board_log(".landing_url: not https, left out\n");
    }
}
