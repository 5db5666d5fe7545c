/*
 * GET and PUT /api/settings: JSON from and into a struct, by one table; kept in flash. A PUT changes all that it names, or
 * nothing, and the answer says what was wrong.
 */
/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <string.h>

#include "store/store.h"
#include "wire/json.h"

#define SCHEMA   1   /* count it up when a setting comes to mean something else: docs/settings.md, "Schema" */
#define BODY_MAX 128 /* bytes of a PUT's body */

static struct settings settings = {.name = "@NAME@", .led = false};
static struct store store;

static const struct json_field table[] = {
    JSON_FIELD(struct settings, name, STRING),
    JSON_FIELD(struct settings, led, BOOL),
};

static char body[BODY_MAX];
static struct http_buffer buffer = {.bytes = body, .size = sizeof body};
static struct json_reader reader;

const struct settings *settings_now(void)
{
    return &settings;
}

/* Each setting is kept by its name: one that is new has its default, and the others are what they were. */
static void settings_read(struct settings *kept)
{
    for (size_t i = 0; i < JSON_COUNT(table); i++) {
        const struct json_field *f = &table[i];
        size_t length = 0;
        if (store_get(&store, f->name, strlen(f->name), NULL, 0, &length) == STORE_OK && length == f->size) {
            store_get(&store, f->name, strlen(f->name), (char *)kept + f->offset, f->size, NULL);
        }
    }
}

static bool settings_write(const struct settings *wanted)
{
    store_begin(&store); /* all of it, or nothing */
    for (size_t i = 0; i < JSON_COUNT(table); i++) {
        store_put(&store, table[i].name, strlen(table[i].name), (const char *)wanted + table[i].offset,
                  table[i].size);
    }
    return store_commit(&store) == STORE_OK;
}

/* What can't be right is left out: with a wrong name the board would stop, at each start. */
void settings_load(void)
{
    static struct store_config config = {.schema = SCHEMA};
    struct settings kept = settings;

    config.flash = board_flash(BOARD_FLASH_SETTINGS);
    if (store_open(&store, &config) != STORE_NEWER) {
        settings_read(&kept);
    }
    if (plugnet_name_fits(kept.name)) {
        settings = kept;
    }
}

void settings_started(void *context)
{
    (void)context;
    board_led_set(0, settings.led);
}

size_t settings_body(struct http_request *r, const uint8_t *bytes, size_t length)
{
    return http_collect(r, &buffer, bytes, length);
}

/* In flash first: what the answer says is kept. */
static uint16_t settings_change(const struct settings *wanted)
{
    bool renamed = strcmp(settings.name, wanted->name) != 0;

    if (!plugnet_name_fits(wanted->name)) {
        reader.error = "letters, digits and inner hyphens";
        reader.member = "name";
        return 400;
    }
    if (!settings_write(wanted)) {
        return 500;
    }
    settings = *wanted;
    board_led_set(0, settings.led);
    if (renamed) {
        rename_now(settings.name);
    }
    return 200;
}

uint16_t settings_end(struct http_request *r)
{
    struct settings wanted = settings;

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
    return HTTP_END;
}

void settings_gone(struct http_request *r)
{
    http_collect_end(r, &buffer);
}
