/*
 * Firmware with a configuration that is refused at start, or just so good: PLUGNET_CASE in the environment names which.
 *
 *   make BOARD=native APP=test/config NAME=config             test_config.py runs it once for each case
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "plugnet/plugnet.h"
#include "usb/acm.h"
#include "usb/vendor.h"

static struct plugnet plugnet;

#define NAME_23 "abcdefghijklmnopqrstuvw"
#define NAME_24 "abcdefghijklmnopqrstuvwx"
#define NAME_32 "abcdefghijklmnopqrstuvwxyz-01234"
#define PATH_63 "/23456789-123456789-123456789-123456789-123456789-123456789-123"

static enum http_progress part(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{}");
    return HTTP_END;
}

static uint16_t post(struct http_request *r)
{
    (void)r;
    return 204;
}

static size_t body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    (void)r, (void)bytes;
    return length;
}

static const struct http_upgrade other = {.begin = post};

/* A function that asks for more than any controller has. */
static void greedy_describe(const struct usb_function *function, struct usb_writer *writer)
{
    (void)function, (void)writer;
}

static void own_configured(struct usb_function *function, bool on)
{
    (void)function, (void)on;
}

static bool own_alternate_set(struct usb_function *function, uint8_t number, uint8_t alternate)
{
    (void)function, (void)number;
    return alternate == 0;
}

static uint8_t own_alternate_get(const struct usb_function *function, uint8_t number)
{
    (void)function, (void)number;
    return 0;
}

static void own_halted(struct usb_function *function, uint8_t ep, bool on)
{
    (void)function, (void)ep, (void)on;
}

static void own_transferred(struct usb_function *function, uint32_t events)
{
    (void)function, (void)events;
}

#define OWN                                                                                                  \
    .describe = greedy_describe, .configured = own_configured, .alternate_set = own_alternate_set,           \
    .alternate_get = own_alternate_get
static struct usb_function
    greedy_state = {.ops = &(const struct usb_function_ops){OWN, .in_endpoints = 7, .halted = own_halted,
                                                            .transferred = own_transferred}},
    lame_state = {.ops = &(const struct usb_function_ops){.describe = greedy_describe,
                                                          .configured = own_configured}},
    deaf_state = {.ops = &(const struct usb_function_ops){OWN, .in_endpoints = 1, .halted = own_halted}},
    mute_state = {.ops = &(const struct usb_function_ops){OWN, .device_requests = true}};

static struct usb_function *own_init(void *state, struct plugnet *p)
{
    (void)p;
    return state;
}

static const struct plugnet_function greedy = {.name = "greedy", .state = &greedy_state, .init = own_init},
                                     lame = {.name = "own", .state = &lame_state, .init = own_init},
                                     deaf = {.name = "own", .state = &deaf_state, .init = own_init},
                                     mute = {.name = "own", .state = &mute_state, .init = own_init};

#define VENDOR(n, guid_)                                                                                     \
    PLUGNET_VENDOR("vendor", (&(const struct vendor_config){.vendor = &vendors[n], .guid = guid_}))
#define GUID "{01234567-89ab-cdef-0123-456789abcdef}"
static struct vendor vendors[2];
static const struct plugnet_function first = VENDOR(0, GUID), second = VENDOR(1, GUID);
static const struct plugnet_function braceless = VENDOR(0, "01234567-89ab-cdef-0123-456789abcdef"),
                                     nameless = VENDOR(0, NULL);

static const struct plugnet_function alias = VENDOR(0, GUID); /* another name for the first one's state */

static uint8_t ring[64], out[65] __attribute__((aligned(4)));
#define PORT(ring_, ring_size_, out_, out_size_)                                                             \
    PLUGNET_ACM(                                                                                             \
        "port",                                                                                              \
        (&(struct acm){.config = &(const struct acm_config){                                                 \
                           .ring = ring_, .ring_size = ring_size_, .out = out_, .out_size = out_size_}}))
static const struct plugnet_function ports[] = {PORT(ring, 64, out, 64),
                                                PORT(ring, 63, out, 64),
                                                PORT(ring, 0, out, 64),
                                                PORT(ring, 64, out + 1, 64),
                                                PORT(ring, 64, out, 32),
                                                PORT(NULL, 64, out, 64),
                                                PLUGNET_ACM("port", &(struct acm){.config = NULL})};

static const struct plugnet_function idle = {.name = "idle"};
static const struct plugnet_service silent = {.name = "silent"};

static const char *hum_start(void *state, struct plugnet *p)
{
    (void)state, (void)p;
    return NULL;
}

/* It is too early for this: services that follow haven't started. */
static const char *early_start(void *state, struct plugnet *p)
{
    (void)state;
    return plugnet_rename(p, "early") ? "renamed" : NULL;
}

/* From here on it works, with a name that is ours, too. */
static void named(void *context)
{
    struct plugnet *p = context;
    static char unique[PLUGNET_NAME_MAX + 1];

    if (!plugnet_rename(p, "abcdefghijklmnopqrstuvwxyz0")) {
        os_panic("not renamed");
    }
    strcpy(unique, p->unique_label);
    if (!plugnet_rename(p, p->unique_label) || strncmp(p->internal, unique, strlen(unique)) != 0 ||
        strcmp(p->internal + strlen(unique), ".internal") != 0) {
        os_panic("renamed wrongly");
    }
}

static const struct plugnet_service early = {.name = "early", .start = early_start};
#define HUM                                                                                                  \
    {                                                                                                        \
        .name = "hum", .start = hum_start                                                                    \
    }
#define HUMS_8 HUM, HUM, HUM, HUM, HUM, HUM, HUM, HUM
static const struct plugnet_service hums[33] = {HUMS_8, HUMS_8, HUMS_8, HUMS_8, HUM};
#define HUMS_4(n) &hums[n], &hums[n + 1], &hums[n + 2], &hums[n + 3]
#define HUMS_28   HUMS_4(0), HUMS_4(4), HUMS_4(8), HUMS_4(12), HUMS_4(16), HUMS_4(20), HUMS_4(24)

#define NAMES(...)                                                                                           \
    .names = (const char *const[])                                                                           \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }
#define TEXT_126                                                                                             \
    NAME_32 "\xC3\xA4\xC3\xB6\xE2\x82\xAC" NAME_32 NAME_32 "ABCDEFGHIJKLMNOPQRSTUVWXYZA" /* 130 bytes */
#define URL_242 PATH_63 PATH_63 PATH_63 "/23456789-123456789-123456789-123456789-123456789-123"
#define ROUTE(...)                                                                                           \
    .routes = (const struct http_route[]){{.path = "/", .type = "a/b", .output = part}, {__VA_ARGS__}},      \
    .route_count = 2
#define EIGHT                                                                                                \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        "A", "B", "C", "D", "E", "F", "G", "H", NULL                                                         \
    }
#define NINE                                                                                                 \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        "A", "B", "C", "D", "E", "F", "G", "H", "I", NULL                                                    \
    }
#define ORIGINS(...)                                                                                         \
    .origins = (const char *const[])                                                                         \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }
#define RESOURCE(...) .resources = (const struct http_resource[]){{__VA_ARGS__}}, .resource_count = 1
#define FUNCTIONS     PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS)
#define SERVICES      PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp, &plugnet_iperf)
#define BODY          .body = (const uint8_t *)"x", .length = 1

static const struct {
    const char *name;
    struct plugnet_config config;
} cases[] = {
    {"vendor without product", {.vendor_id = 0x1234}},
    {"name with a space", {.name = "my meter"}},
    {"name with a dot", {.name = "my.meter"}},
    {"name with a hyphen in front", {.name = "-meter"}},
    {"name with a hyphen at its end", {.name = "meter-"}},
    {"name of nothing", {.name = ""}},
    {"name with an underscore", {.name = "my_meter"}},
    {"name with a letter beyond ASCII", {.name = "z\xC3\xA4hler"}},
    {"name of 33", {.name = NAME_32 "5"}},
    {"names: four", {NAMES("a", "b", "c", "d")}},
    {"names: a space", {NAMES("good.example", "not good.example")}},
    {"names: an empty label", {NAMES("a..b")}},
    {"names: a last dot", {NAMES("a.example.")}},
    {"names: a first dot", {NAMES(".example")}},
    {"names: a hyphen before a dot", {NAMES("a-.example")}},
    {"names: a hyphen behind a dot", {NAMES("a.-example")}},
    {"names: 64 characters", {NAMES(NAME_32 "." NAME_32 "abcdefghijklmnopqrstuvwxyz")}},
    {"text: product of 127", {.product = TEXT_126 "B"}},
    {"text: manufacturer of 127", {.manufacturer = TEXT_126 "\xC3\xA4"}},
    {"text: landing page of 259", {.landing_url = "https://" URL_242 "123456789"}},
    {"lease of 19 s", {.lease_s = 19}},
    {"subnet: loopback", {.subnet = 0x7F000000}},
    {"subnet: multicast", {.subnet = 0xE0000000}},
    {"subnet: beyond", {.subnet = 0xFFFFFFF8}},
    {"subnet: zero net", {.subnet = 0x00A8C000}},
    {"subnet: not its base", {.subnet = 0xC0A80701}},
    {"oui of a group", {.oui = {1, 0x80, 0xE1}}},
    {"oui, locally administered", {.oui = {2, 0x80, 0xE1}}},
    {"functions: none", {.services = SERVICES}},
    {"services: none", {.functions = FUNCTIONS}},
    {"functions: without the network", {.functions = PLUGNET_FUNCTIONS(&plugnet_dfu), .services = SERVICES}},
    {"functions: the network twice",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &plugnet_ncm), .services = SERVICES}},
    {"functions: a vendor function twice",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &first, &first), .services = SERVICES}},
    {"functions: two with one state",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &first, &alias), .services = SERVICES}},
    {"functions: lame", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &lame), .services = SERVICES}},
    {"functions: deaf", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &deaf), .services = SERVICES}},
    {"functions: mute", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &mute), .services = SERVICES}},
    {"functions: five",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &plugnet_dfu, &plugnet_dfu, &plugnet_dfu, &plugnet_dfu),
      .services = SERVICES}},
    {"functions: without init", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &idle), .services = SERVICES}},
    {"services: without start", {.functions = FUNCTIONS, .services = PLUGNET_SERVICES(&silent)}},
    {"services: 33", {.functions = FUNCTIONS, .services = PLUGNET_SERVICES(HUMS_28, HUMS_4(28), &hums[32])}},
    {"services: DNS twice",
     {.functions = FUNCTIONS, .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &plugnet_dns)}},
    {"services: one's own twice",
     {.functions = FUNCTIONS, .services = PLUGNET_SERVICES(&early, PLUGNET_DEFAULT_SERVICES, &early)}},
    {"vendor function: GUID without braces",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &braceless), .services = SERVICES}},
    {"vendor function: no GUID",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &nameless), .services = SERVICES}},
    {"port: ring of 63", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[1]), .services = SERVICES}},
    {"port: ring of 0", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[2]), .services = SERVICES}},
    {"port: odd buffer", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[3]), .services = SERVICES}},
    {"port: half a packet", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[4]), .services = SERVICES}},
    {"port: no ring", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[5]), .services = SERVICES}},
    {"port: no configuration",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[6]), .services = SERVICES}},
    {"good: a port", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &ports[0]), .services = SERVICES}},
    {"good: a vendor function", {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &first), .services = SERVICES}},
    {"plan: too long descriptors",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &first, &second), .services = SERVICES}},
    {"plan: too many endpoints",
     {.functions = PLUGNET_FUNCTIONS(&plugnet_ncm, &greedy), .services = SERVICES}},
    {"service: port of DNS", {.functions = FUNCTIONS, .services = SERVICES, .http_port = 53}},
    {"service: port of iperf", {.functions = FUNCTIONS, .services = SERVICES, .http_port = 5001}},
    {"route: no slash", {ROUTE(.path = "uptime", .type = "a/b", .output = part)}},
    {"route: no path", {ROUTE(.type = "a/b", .output = part)}},
    {"route: empty path", {ROUTE(.path = "", .type = "a/b", .output = part)}},
    {"route: a query", {ROUTE(.path = "/a?b", .type = "a/b", .output = part)}},
    {"route: a fragment", {ROUTE(.path = "/a#b", .type = "a/b", .output = part)}},
    {"route: path of 64", {ROUTE(.path = PATH_63 "4", .type = "a/b", .output = part)}},
    {"route: no type", {ROUTE(.path = "/a", .output = part)}},
    {"route: a star inside", {ROUTE(.path = "/a*b", .type = "a/b", .output = part)}},
    {"route: two stars", {ROUTE(.path = "/a**", .type = "a/b", .output = part)}},
    {"route: method TRACE",
     {ROUTE(.path = "/a", .methods = HTTP_GET | HTTP_TRACE, .type = "a/b", .output = part)}},
    {"route: method HEAD alone", {ROUTE(.path = "/a", .methods = HTTP_HEAD, .end = post)}},
    {"route: header fields, nine", {ROUTE(.path = "/a", .headers = NINE, .end = post)}},
    {"route: keeps too much", {ROUTE(.path = "/a/*", .query = true, .headers = EIGHT, .end = post)}},
    {"route: body of a GET", {ROUTE(.path = "/a", .body = body, .end = post)}},
    {"route: upgrade by PUT", {ROUTE(.path = "/a", .methods = HTTP_GET | HTTP_PUT, .upgrade = &other)}},
    {"route: a path twice", {ROUTE(.path = "/", .methods = HTTP_POST, .end = post)}},
    {"origin: no scheme", {ORIGINS("app.example")}},
    {"origin: not secure", {ORIGINS("https://good.example", "http://app.example")}},
    {"origin: a slash behind it", {ORIGINS("https://app.example/")}},
    {"origin: no host", {ORIGINS("https://")}},
    {"origin: a port of nothing", {ORIGINS("https://app.example:")}},
    {"origin: a port of letters", {ORIGINS("https://app.example:x")}},
    {"origin: any", {ORIGINS("*")}},
    {"origin: 64 characters", {ORIGINS("https://" NAME_32 "." NAME_24)}},
    {"security: no end of a line", {.security = "X-A: b"}},
    {"security: LF alone", {.security = "X-A: b\nX-C: d\r\n"}},
    {"security: no colon", {.security = "X-A\r\nX-C: d\r\n"}},
    {"security: no name", {.security = ": b\r\n"}},
    {"check: header fields alone", {.check_headers = EIGHT}},
    {"check: header fields, nine", {.check = post, .check_headers = NINE, .challenge = "Bearer"}},
    {"check: no challenge", {.check = post}},
    {"good: guarded",
     {.check = post,
      .check_headers = (const char *const[]){"Authorization", NULL},
      .challenge = "Bearer",
      .security = "X-A: b\r\nX-C: d\r\n",
      ORIGINS("https://app.example", "https://a-1.example:65535", "https://" NAME_32 NAME_23),
      ROUTE(.path = "/a/*", .methods = HTTP_PUT, .query = true, .body = body, .end = post)}},
    {"routes: none, but counted", {.route_count = 1}},
    {"resource: no slash", {RESOURCE(.path = "a.html", .type = "a/b", BODY)}},
    {"resource: no type", {RESOURCE(.path = "/", BODY)}},
    {"resource: no body", {RESOURCE(.path = "/", .type = "a/b", .length = 1)}},
    {"resources: none, but counted", {.resource_count = 1}},
    {"good: renamed too early",
     {.functions = FUNCTIONS, .services = PLUGNET_SERVICES(&early, PLUGNET_DEFAULT_SERVICES)}},
    {"good: renamed by its own name",
     {.functions = FUNCTIONS, .services = SERVICES, .started = named, .context = &plugnet}},
    {"good: nothing said", {0}},
    {"good: landing page by http", {.landing_url = "http://plugnet.local/"}},
    {"good: landing page of another kind", {.landing_url = "https:/example.com"}},
    {"good: at every limit",
     {.manufacturer = TEXT_126,
      .product = TEXT_126,
      .landing_url = "https://" URL_242 "12345678",
      .vendor_id = 0x1234,
      .product_id = 1,
      .name = NAME_32,
      NAMES("a", "A-1.0b", "www.example.com"),
      .lease_s = 20,
      .subnet = 0xC0A807F8,
      .oui = {0xFC, 0xFF, 0xFF},
      .http_port = 5001,
      .functions = PLUGNET_FUNCTIONS(&plugnet_ncm),
      .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, HUMS_28),
      ROUTE(.path = PATH_63, .methods = HTTP_POST, .end = post),
      RESOURCE(.path = "/empty", .type = "a/b")}},
};

static struct plugnet_config config;

_Static_assert(sizeof TEXT_126 - 1 == 130, "126 characters");
_Static_assert(sizeof "https://" URL_242 "12345678" - 1 == 258, "the longest URL");

/* Without a case: their names, for the test. */
int main(void)
{
    const char *wanted = getenv("PLUGNET_CASE");

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (wanted == NULL) {
            puts(cases[i].name);
        } else if (strcmp(wanted, cases[i].name) == 0) {
            config = cases[i].config;
            bool is_of_names = strncmp(wanted, "name ", 5) == 0;
            if (plugnet_rename(&plugnet, "early") || (is_of_names && plugnet_name_fits(config.name)) ||
                (!is_of_names && config.name != NULL && !plugnet_name_fits(config.name))) {
                return 3;
            }
            if (config.functions == NULL && config.services == NULL) { /* the case is about something else */
                config.functions = FUNCTIONS;
                config.services = SERVICES;
            }
            plugnet_run(&plugnet, &config);
        }
    }
    return wanted == NULL ? 0 : 2;
}
