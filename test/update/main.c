/*
 * A product that takes signed updates alone, and says itself whether it works: POST /works, POST /fails. Its key is made by the
 * build (update.mk).
 */
/* SPDX-License-Identifier: MIT */
#include "plugnet/updater.h"
#include "update_key.h"

static const struct plugnet_updater_config update_config = {
    .update = {.trust = UPDATE_SIGNED_BY(update_key), .downgrade = true},
    .own_confirm = true,
    .trial_s = 20,
};
static struct updater updater = {.config = &update_config};
static const struct plugnet_service update_service = PLUGNET_UPDATER(&updater);

static uint16_t works_end(struct http_request *r)
{
    (void)r;
    plugnet_updater_confirm(&updater);
    return 204;
}

static uint16_t fails_end(struct http_request *r)
{
    (void)r;
    plugnet_updater_give_up(&updater);
    return 500; /* it wasn't on trial */
}

/* Who may: the check covers /api/update, too. */
static uint16_t check(struct http_request *r)
{
    const char *token = http_header(r, "X-Token");

    return token != NULL && token[0] == 'y' ? 0 : 403;
}

static const char *const check_headers[] = {"X-Token", NULL};

static const struct http_route routes[] = {
    PLUGNET_UPDATER_ROUTE(&updater),
    {.path = "/works", .methods = HTTP_POST, .end = works_end},
    {.path = "/fails", .methods = HTTP_POST, .end = fails_end},
};

static struct plugnet plugnet;
static const struct plugnet_config config = {
    .functions = PLUGNET_FUNCTIONS(&plugnet_ncm),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &update_service),
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .check = check,
    .check_headers = check_headers,
    .challenge = "Token",
};

int main(void)
{
    plugnet_run(&plugnet, &config);
}
