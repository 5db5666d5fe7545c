/*
 * A strict JSON reader: see json.h.
 */
/* SPDX-License-Identifier: MIT */
#include "test/system/json.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8

struct reader {
    struct json *json;
    const char *at, *end;
    char path[JSON_PATH_MAX];
    unsigned depth;
    const char *error;
};

static const char *json_value(struct reader *r);

static char json_peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : 0;
}

static void json_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL) {
        r->at++;
    }
}

static bool json_take(struct reader *r, char c)
{
    json_space(r);
    bool there = json_peek(r) == c;
    r->at += there;
    return there;
}

/* A string's bytes, cut to fit. */
static const char *json_string(struct reader *r, char *out, size_t capacity)
{
    size_t length = 0;
    if (!json_take(r, '"')) {
        return "a string is missing";
    }
    for (;;) {
        char c = json_peek(r);
        if (r->at == r->end || (unsigned char)c < 0x20) {
            return "a string does not end";
        }
        r->at++;
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            if (r->at == r->end || strchr("\"\\/bfnrtu", *r->at) == NULL) {
                return "a wrong escape";
            }
            r->at++;
        }
        if (length + 1 < capacity) {
            out[length++] = c;
        }
    }
    out[length] = 0;
    return NULL;
}

static struct json_leaf *json_leaf_add(struct reader *r)
{
    static struct json_leaf none;
    if (r->json->count == JSON_LEAVES_MAX) {
        r->error = "more leaves than expected";
        return &none;
    }
    struct json_leaf *leaf = &r->json->leaves[r->json->count++];
    memset(leaf, 0, sizeof *leaf);
    memcpy(leaf->path, r->path, sizeof leaf->path);
    return leaf;
}

static const char *json_path_add(struct reader *r, size_t length, const char *name)
{
    size_t more = strlen(name);
    if (length + 1 + more >= sizeof r->path) {
        return "a path is too long";
    }
    snprintf(r->path + length, sizeof r->path - length, "%s%s", length != 0 ? "." : "", name);
    return NULL;
}

static const char *json_object(struct reader *r, size_t parent, bool in_array)
{
    const char *error = NULL;
    size_t length = strlen(r->path);
    bool first = true;
    if (json_take(r, '}')) {
        return NULL;
    }
    do {
        char name[JSON_TEXT_MAX];
        if ((error = json_string(r, name, sizeof name)) != NULL) {
            return error;
        }
        if (!json_take(r, ':')) {
            return "a colon is missing";
        }
        json_space(r);
        if (in_array && first && strcmp(name, "name") == 0 && json_peek(r) == '"') {
            if ((error = json_string(r, name, sizeof name)) != NULL) {
                return error;
            }
            r->path[parent] = 0;
            error = json_path_add(r, parent, name);
            length = strlen(r->path);
        } else if ((error = json_path_add(r, length, name)) == NULL) {
            error = json_value(r);
            r->path[length] = 0;
        }
        first = false;
        if (error != NULL) {
            return error;
        }
    } while (json_take(r, ','));
    return json_take(r, '}') ? NULL : "an object does not end";
}

static const char *json_array(struct reader *r)
{
    size_t length = strlen(r->path);
    unsigned index = 0;
    if (json_take(r, ']')) {
        return NULL;
    }
    do {
        char name[12];
        snprintf(name, sizeof name, "%u", index++);
        const char *error = json_path_add(r, length, name);
        json_space(r);
        if (error == NULL && json_take(r, '{')) {
            error = r->depth < DEPTH_MAX ? json_object(r, length, true) : "too deep";
        } else if (error == NULL) {
            error = json_value(r);
        }
        r->path[length] = 0;
        if (error != NULL) {
            return error;
        }
    } while (json_take(r, ','));
    return json_take(r, ']') ? NULL : "an array does not end";
}

static const char *json_number(struct reader *r)
{
    uint64_t number = 0;
    const char *begin = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9' && r->at - begin < 19) {
        number = number * 10 + (uint64_t)(*r->at++ - '0');
    }
    if (r->at == begin || (*begin == '0' && r->at != begin + 1) ||
        strchr(".eE0123456789", json_peek(r)) != NULL) {
        if (r->at != r->end) {
            return "not a whole number";
        }
    }
    json_leaf_add(r)->number = number;
    return NULL;
}

static const char *json_word(struct reader *r, const char *word, uint64_t number)
{
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) {
        return "not a value";
    }
    r->at += length;
    json_leaf_add(r)->number = number;
    return NULL;
}

static const char *json_value(struct reader *r)
{
    const char *error;
    json_space(r);
    switch (json_peek(r)) {
    case '{':
    case '[': {
        if (r->depth == DEPTH_MAX) {
            return "too deep";
        }
        r->depth++;
        bool object = *r->at++ == '{';
        error = object ? json_object(r, 0, false) : json_array(r);
        r->depth--;
        return error;
    }
    case '"': return json_string(r, json_leaf_add(r)->text, JSON_TEXT_MAX);
    case 't': return json_word(r, "true", 1);
    case 'f': return json_word(r, "false", 0);
    case 'n': return json_word(r, "null", 0);
    default: return json_number(r);
    }
}

const char *json_read(struct json *json, const char *text, size_t length)
{
    struct reader r = {.json = json, .at = text, .end = text + length};
    json->count = 0;
    const char *error = json_value(&r);
    if (error == NULL) {
        error = r.error;
    }
    json_space(&r);
    return error != NULL ? error : r.at != r.end ? "something follows the value" : NULL;
}

const struct json_leaf *json_find(const struct json *json, const char *path)
{
    for (unsigned i = 0; i < json->count; i++) {
        if (strcmp(json->leaves[i].path, path) == 0) {
            return &json->leaves[i];
        }
    }
    return NULL;
}
