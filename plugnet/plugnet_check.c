/*
 * A product's configuration, looked at once at start: what could only fail later, in front of a user, stops here, and the
 * log says why. One rule, one text.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet_check.h"

#include <string.h>

#include "os/os.h"
#include "plugnet/plugnet_name.h"

#define LEASE_S_MIN 20 /* dhcpcd takes no shorter lease: facts.md F1 */
#define NAME_LENGTH_MAX                                                                                      \
    (HTTP_TEXT_MAX < 63 ? HTTP_TEXT_MAX : 63) /* of `names`: a Host header's, and so no label is too long */

#define TEXT_LENGTH_MAX 126 /* characters of a USB string */
#define WANTED_MAX      8   /* header fields of a route, and of the check */
#define KEEP_EACH_MIN   3   /* bytes of HTTP_KEEP_MAX that a value of one character takes */
#define URL_LENGTH_MAX  258 /* with https:// */

/* An option by its name, where to set it, and what it is. */
#define OPTION(name) #name " of plugnet_options.h, " OS_TEXT(name)

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

/* The end: `rule` is broken, `value` the text in question; NULL: none. */
__attribute__((noinline, noreturn)) static void check_refuse(const char *rule, const char *value)
{
    if (value != NULL) {
        board_log("plugnet_config: \"");
        board_log(value);
        board_log("\"\n");
    }
    os_panic(rule);
}

__attribute__((noinline)) static void check_that(bool good, const char *rule, const char *value)
{
    if (!good) {
        check_refuse(rule, value);
    }
}

static void check_path(const char *path)
{
    check_that(path != NULL && *path == '/', ".path: must begin with a slash", path);
    check_that(strpbrk(path, "?#") == NULL, ".path: without ? and #; .query asks for a route's query", path);
    check_that(strlen(path) <= HTTP_TEXT_MAX, ".path: longer than " OPTION(HTTP_TEXT_MAX), path);
}

#if HTTP_ROUTES || HTTP_CHECK
__attribute__((noinline)) static size_t check_count(const char *const *names)
{
    size_t count = 0;

    while (names != NULL && names[count] != NULL) {
        count++;
    }
    return count;
}
#endif

#if HTTP_ROUTES
static void check_route(const struct plugnet_config *c, const struct http_route *r)
{
    const char *path = r->path, *star = strchr(path, '*');
    uint8_t methods = r->methods != 0 ? r->methods : HTTP_GET;
    size_t names = check_count(r->headers), kept = names;

#if HTTP_CHECK
    kept += check_count(c->check_headers);
#endif

    kept += (r->query ? 1u : 0u) + (star != NULL ? 1u : 0u);
    check_that(r->output == NULL || r->type != NULL || r->head != NULL,
               ".type: missing; .output needs it, or a .head that puts Content-Type", path);
    check_that(star == NULL || star[1] == 0, ".path: * at its end only", path);
    check_that((methods & HTTP_TRACE) == 0, ".methods: HTTP_TRACE can't be served", path);
    check_that((methods & (HTTP_GET | HTTP_HEAD)) != HTTP_HEAD, ".methods: HTTP_HEAD needs HTTP_GET", path);
    check_that(names <= WANTED_MAX, ".headers: more than " OS_TEXT(WANTED_MAX), path);
    check_that(kept * KEEP_EACH_MIN <= HTTP_KEEP_MAX,
               ".query, .headers, .check_headers, *: raise " OPTION(HTTP_KEEP_MAX), path);
#if HTTP_BODIES
    check_that(r->body == NULL || (methods & (HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE)) != 0,
               ".body: .methods name none that has a body", path);
#endif
#if HTTP_UPGRADES
    check_that(r->upgrade == NULL || methods == HTTP_GET, ".upgrade: .methods must be HTTP_GET alone", path);
#endif
    for (const struct http_route *other = c->routes; other != r; other++) {
        check_that(strcmp(other->path, path) != 0, ".path: twice; one route serves all its .methods", path);
    }
}

static void check_routes(const struct plugnet_config *c)
{
    const struct http_route *route = c->routes;

    check_that(route != NULL || c->route_count == 0, ".routes: NULL, but .route_count isn't 0", NULL);
    for (size_t i = c->route_count; i > 0; i--, route++) {
        check_path(route->path);
        check_route(c, route);
    }
}
#endif

#if HTTP_ORIGINS
/* "https://host" or "https://host:port", as browsers write it: no slash behind it. */
static bool check_origin_good(const char *origin)
{
    static const char scheme[] = "https://";
    const char *at = origin + sizeof scheme - 1, *host = at, *port;

    if (strncmp(origin, scheme, sizeof scheme - 1) != 0) {
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

static void check_origins(const struct plugnet_config *c)
{
    const char *const *origin = c->origins;

    for (; origin != NULL && *origin != NULL; origin++) {
        check_that(check_origin_good(*origin), ".origins: https://host[:port], no slash behind it", *origin);
        check_that(strlen(*origin) <= HTTP_TEXT_MAX, ".origins: longer than " OPTION(HTTP_TEXT_MAX), *origin);
    }
}
#endif

/* Each line has a name and a colon, and ends in CR LF. */
static void check_lines(const char *lines)
{
    const char *at = lines;

    while (at != NULL && *at != 0) {
        size_t length = strcspn(at, "\r\n"), name = strcspn(at, ":");
        check_that(name != 0 && name < length, ".security: a line without \"Name:\"", lines);
        check_that(at[length] == '\r' && at[length + 1] == '\n', ".security: a line's end isn't \\r\\n",
                   lines);
        at += length + 2;
    }
}

#if HTTP_CHECK
static void check_access(const struct plugnet_config *c)
{
    const char *const *headers = c->check_headers;
    const char *first = headers != NULL ? *headers : NULL;

    check_that(check_count(headers) <= WANTED_MAX, ".check_headers: more than " OS_TEXT(WANTED_MAX), first);
    check_that(headers == NULL || c->check != NULL, ".check_headers: .check is missing", first);
    check_that(c->check == NULL || c->challenge != NULL, ".challenge: needed by .check", NULL);
}
#endif

static void check_resources(const struct plugnet_config *c)
{
    const struct http_resource *resource = c->resources;

    check_that(resource != NULL || c->resource_count == 0, ".resources: NULL, but .resource_count isn't 0",
               NULL);
    for (size_t i = c->resource_count; i > 0; i--, resource++) {
        check_path(resource->path);
        check_that(resource->type != NULL, ".type: missing, of a resource", resource->path);
        check_that(resource->body != NULL || resource->length == 0, ".body: NULL, but .length isn't 0",
                   resource->path);
    }
}

static void check_names(const struct plugnet_config *c)
{
    const char *const *names = c->names;

    if (c->name != NULL && !plugnet_name_good(c->name, PLUGNET_NAME_MAX, 0)) {
        check_refuse(".name: 1 to " OS_TEXT(PLUGNET_NAME_MAX) " letters, digits, inner hyphens", c->name);
    }
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        check_that(i < PLUGNET_NAMES_MAX, ".names: more than " OPTION(PLUGNET_NAMES_MAX), names[i]);
        check_that(strlen(names[i]) <= NAME_LENGTH_MAX, ".names: longer than 63 or HTTP_TEXT_MAX", names[i]);
        check_that(plugnet_name_good(names[i], NAME_LENGTH_MAX, '.'),
                   ".names: letters, digits, inner hyphens; single dots between", names[i]);
    }
}

static void check_functions(const struct plugnet_function *const *functions)
{
    bool network = false;

    check_that(functions != NULL, ".functions: none; PLUGNET_DEFAULT_FUNCTIONS", NULL);
    for (size_t i = 0; functions[i] != NULL; i++) {
        network |= functions[i] == &plugnet_ncm;
        check_that(i < PLUGNET_FUNCTIONS_MAX, ".functions: more than " OPTION(PLUGNET_FUNCTIONS_MAX),
                   functions[i]->name);
        check_that(functions[i]->init != NULL, ".functions: .init is missing", functions[i]->name);
    }
    check_that(network, ".functions: plugnet_ncm is missing", NULL);
}

static void check_services(const struct plugnet_service *const *services)
{
    check_that(services != NULL, ".services: none; PLUGNET_DEFAULT_SERVICES", NULL);
    for (size_t i = 0; services[i] != NULL; i++) {
        check_that(i < PLUGNET_SERVICES_MAX, ".services: more than " OS_TEXT(PLUGNET_SERVICES_MAX),
                   services[i]->name);
        for (size_t before = 0; before < i; before++) {
            check_that(services[before] != services[i], ".services: listed twice", services[i]->name);
        }
        check_that(services[i]->start != NULL, ".services: .start is missing; it may just return NULL",
                   services[i]->name);
    }
}

static void check_numbers(const struct plugnet_config *c)
{
    uint32_t network = c->subnet >> 24;

    if (c->vendor_id != 0 && c->product_id == 0) {
        check_refuse(".vendor_id: needs .product_id", NULL);
    }
    check_that((c->subnet & 7) == 0, ".subnet: not the base of a /29, its last 3 bits aren't 0", NULL);
    check_that(c->subnet == 0 || (network - 1 < 223 && network != 127), ".subnet: not a unicast network",
               NULL);
    if (c->lease_s != 0 && c->lease_s < LEASE_S_MIN) {
        check_refuse(".lease_s: below 20", NULL);
    }
    check_that((c->oui[0] & 1) == 0, ".oui: multicast, bit 0 of its first byte", NULL);
    check_that((c->oui[0] & 2) == 0, ".oui: locally administered, bit 1 of its first byte", NULL);
}

void plugnet_check_function(struct usb_function *const *before, size_t count,
                            const struct usb_function *function, const char *name)
{
    const struct usb_function_ops *ops = function->ops;
    bool endpoints = ops->in_endpoints + ops->out_endpoints > 0;

    for (size_t i = 0; i < count; i++) {
        check_that(before[i] != function, ".functions: listed twice, or two with the same state", name);
    }
    check_that(ops->describe != NULL && ops->configured != NULL && ops->alternate_set != NULL &&
                   ops->alternate_get != NULL,
               ".functions: .describe, .configured, .alternate_set or .alternate_get is missing", name);
    check_that(!endpoints || (ops->halted != NULL && ops->transferred != NULL),
               ".functions: .halted or .transferred is missing; endpoints need them", name);
    check_that(!ops->device_requests || ops->control != NULL,
               ".functions: .control is missing; .device_requests needs it", name);
}

/* Once at start; inlined there, it would be a fifth larger. */
__attribute__((noinline)) void plugnet_check(const struct plugnet_config *c)
{
    check_numbers(c);
    check_functions(c->functions);
    check_services(c->services);
    check_that(!check_is_long(c->product, TEXT_LENGTH_MAX), ".product: longer than 126 characters",
               c->product);
    check_that(!check_is_long(c->manufacturer, TEXT_LENGTH_MAX), ".manufacturer: longer than 126 characters",
               c->manufacturer);
    check_that(!check_is_long(c->landing_url, URL_LENGTH_MAX), ".landing_url: longer than 258 characters",
               c->landing_url);
    check_names(c);
    check_lines(c->security);
#if HTTP_ORIGINS
    check_origins(c);
#endif
#if HTTP_CHECK
    check_access(c);
#endif
#if HTTP_ROUTES
    check_routes(c);
#endif
    check_resources(c);
    if (c->landing_url != NULL && strncmp(c->landing_url, "https://", 8) != 0) {
        board_log(".landing_url: not https, left out\n");
    }
}
