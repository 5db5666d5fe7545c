/*
 * A product in C++: a static object with a constructor, behind one web address.
 *
 *   make APP=examples/cplusplus NAME=counter
 *   curl http://counter.local/count
 *
 * What C++ may do here: docs/cplusplus.md.
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/plugnet.h"

class Counter {
  public:
    explicit Counter(uint32_t first) : value(first)
    {
    }

    uint32_t next()
    {
        return value++;
    }

  private:
    uint32_t value;
};

static enum http_progress count_output(struct http_request *r, struct text *out)
{
    text_put(out, "{");
    text_put_json_u32(out, "count", static_cast<Counter *>(http_context(r))->next());
    text_put(out, "}\n");
    return HTTP_END;
}

static Counter counter{board_time_ms() + 41}; /* made before main */

static const struct http_route routes[] = {
    {.path = "/count", .type = "application/json", .output = count_output},
};

static const plugnet_function *const functions[] = {PLUGNET_DEFAULT_FUNCTIONS, nullptr};
static const plugnet_service *const services[] = {PLUGNET_DEFAULT_SERVICES, nullptr};

static const struct plugnet_config config = {
    .product_id = 0x0002, /* of 0x1209: for tests only, never ship it */
    .manufacturer = "Example",
    .product = "Counter",
    .name = "counter",
    .functions = functions,
    .services = services,
    .routes = routes,
    .route_count = 1,
    .context = &counter,
};

static struct plugnet plugnet;

int main()
{
    plugnet_run(&plugnet, &config);
}
