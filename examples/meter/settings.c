/*
 * GET and PUT /settings: JSON from and into a struct, by one table, and kept in flash. Whoever changes them must say the
 * password; what isn't right changes nothing, and the answer names it.
 *
 * The struct is one value of the store: it is written as a whole, and read as a whole at start. SCHEMA counts its forms.
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"

#include <string.h>

#define PASSWORD "Bearer secret" /* of a demonstration; yours belongs to each device, not into the source */
#define BODY_MAX 256             /* bytes of a PUT's body */
#define SCHEMA   1
#define KEY      "settings"

static struct settings settings = {
    .wave = {.amplitude_mv = 1000, .noise_mv = 40, .frequency = 50},
    .telemetry = true,
    .name = "Meter",
    .host = "meter",
};

static struct store store;

static const struct json_field table[] = {
    JSON_FIELD(struct settings, name, STRING),
    JSON_FIELD(struct settings, host, STRING),
    {.name = "amplitude_v",
     JSON_AT(struct settings, wave.amplitude_mv, FIXED),
     .decimals = 3,
     .min = 0,
     .max = 3300},
    {.name = "noise_v", JSON_AT(struct settings, wave.noise_mv, FIXED), .decimals = 3, .min = 0, .max = 500},
    {.name = "frequency_hz",
     JSON_AT(struct settings, wave.frequency, FIXED),
     .decimals = 2,
     .min = 5,
     .max = 500},
    JSON_FIELD(struct settings, telemetry, BOOL),
};

const char *const settings_headers[] = {"Authorization", NULL};

/* One PUT at a time: its body, and what is wrong with it. */
static char body[BODY_MAX];
static struct http_buffer buffer = {.bytes = body, .size = sizeof body};
static struct json_reader reader;

const struct settings *settings_now(void)
{
    return &settings;
}

/* A newer version's settings mean something else, even where they are as long. Each start must get past this: a name that can't
 * be one would stop the board. */
void settings_load(void)
{
    static struct store_config config = {.schema = SCHEMA};
    struct settings kept;
    size_t length;

    config.flash = board_flash(BOARD_FLASH_SETTINGS);
    if (store_open(&store, &config) != STORE_NEWER &&
        store_get(&store, KEY, sizeof KEY - 1, &kept, sizeof kept, &length) == STORE_OK &&
        length == sizeof kept && plugnet_name_fits(kept.host)) {
        settings = kept;
    }
}

/* The time that it takes doesn't tell how much of a guess is right. */
static bool settings_password_right(const char *said)
{
    unsigned differ = said == NULL || strlen(said) != sizeof PASSWORD - 1;

    for (size_t i = 0; differ == 0 && i < sizeof PASSWORD - 1; i++) {
        differ |= (unsigned)(said[i] ^ PASSWORD[i]) << 1;
    }
    return differ == 0;
}

uint16_t settings_begin(struct http_request *r)
{
    return http_method(r) != HTTP_PUT || settings_password_right(http_header(r, "Authorization")) ? 0 : 401;
}

size_t settings_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    return http_collect(r, &buffer, bytes, length);
}

/* The new name counts at once, and all of it after a reset; or nothing has changed. */
static uint16_t settings_change(const struct settings *wanted)
{
    bool moves = strcmp(settings.host, wanted->host) != 0;

    if (!plugnet_name_fits(wanted->host)) {
        reader.error = "letters, digits and inner hyphens";
        reader.member = "host";
        return 400;
    }
    if (store_put(&store, KEY, sizeof KEY - 1, wanted, sizeof *wanted) != STORE_OK) {
        return 500;
    }
    settings = *wanted;
    if (moves) {
        meter_rename(settings.host);
    }
    return 200;
}

uint16_t settings_end(struct http_request *r)
{
    struct settings wanted = settings; /* all or nothing */

    if (http_method(r) != HTTP_PUT) {
        return 200;
    }
    reader = json_reader_over(body, buffer.owner == r ? buffer.length : 0);
    if (!json_take_fields(&reader, table, JSON_COUNT(table), &wanted, 0) || json_next(&reader) != JSON_END) {
        return 400;
    }
    return settings_change(&wanted);
}

enum http_progress settings_output(struct http_request *r, struct text *out)
{
    struct json_writer w = json_writer_over(out);

    if (http_status(r) == 400) {
        json_put_error(&w, &reader);
    } else {
        json_object_begin(&w);
        json_put_fields(&w, table, JSON_COUNT(table), &settings);
        json_object_end(&w);
    }
    TEXT_PUT(out, "\n");
    return HTTP_END;
}

void settings_gone(struct http_request *r)
{
    http_collect_end(r, &buffer);
}
