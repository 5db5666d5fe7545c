/*
 * DNS messages read and written; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/dns_msg.h"

#include <string.h>

#include "wire/be.h"
#include "wire/text.h"

#define NAME_MAX_OCTETS 255 /* with length bytes and the end */
#define POINTER         0xC0

/* A walk along a name's labels. */
struct walk {
    const uint8_t *message;
    size_t length;
    size_t at;    /* next label */
    size_t front; /* a pointer must point before this */
    size_t end;   /* where the name ends in place; 0 until known */
    size_t octets;
};

enum step { STEP_LABEL, STEP_END, STEP_MALFORMED };

static struct walk walk_begin(const uint8_t *message, size_t length, size_t at)
{
    return (struct walk){message, length, at, at, 0, 0};
}

/* The next label, or the end. Pointers are followed; each must lead further to the front. */
static enum step walk_next(struct walk *w, const uint8_t **label, size_t *label_length)
{
    while (w->at < w->length && (w->message[w->at] & POINTER) == POINTER) {
        size_t to;
        if (w->length - w->at < 2) {
            return STEP_MALFORMED;
        }
        to = load_be16(w->message + w->at) & 0x3FFF;
        w->end = w->end != 0 ? w->end : w->at + 2;
        if (to >= w->front || to < DNS_HEADER_LENGTH) {
            return STEP_MALFORMED;
        }
        w->at = w->front = to;
    }
    if (w->at >= w->length || (w->message[w->at] & POINTER) != 0) {
        return STEP_MALFORMED;
    }
    *label_length = w->message[w->at];
    *label = w->message + w->at + 1;
    w->octets += *label_length + 1;
    if (*label_length > w->length - w->at - 1 || w->octets > NAME_MAX_OCTETS) {
        return STEP_MALFORMED;
    }
    w->at += *label_length + 1;
    if (*label_length > 0) {
        return STEP_LABEL;
    }
    w->end = w->end != 0 ? w->end : w->at;
    return STEP_END;
}

size_t dns_name_end(const uint8_t *message, size_t length, size_t at)
{
    struct walk w = walk_begin(message, length, at);
    const uint8_t *label;
    size_t label_length;
    enum step step;

    while ((step = walk_next(&w, &label, &label_length)) == STEP_LABEL) {
    }
    return step == STEP_END ? w.end : 0;
}

static size_t dns_label_length(const char *name)
{
    size_t length = 0;

    while (name[length] != 0 && name[length] != '.') {
        length++;
    }
    return length;
}

static bool dns_label_equal(const uint8_t *label, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint8_t a = label[i], b = (uint8_t)name[i];
        a = a >= 'A' && a <= 'Z' ? a | 0x20 : a;
        b = b >= 'A' && b <= 'Z' ? b | 0x20 : b;
        if (a != b) {
            return false;
        }
    }
    return true;
}

bool dns_name_equal(const uint8_t *message, size_t length, size_t at, const char *name)
{
    struct walk w = walk_begin(message, length, at);
    const uint8_t *label;
    size_t label_length;
    enum step step;

    while ((step = walk_next(&w, &label, &label_length)) == STEP_LABEL) {
        size_t ours = dns_label_length(name);
        if (ours != label_length || !dns_label_equal(label, name, ours)) {
            return false;
        }
        name += name[ours] == '.' ? ours + 1 : ours;
    }
    return step == STEP_END && *name == 0;
}

bool dns_read_header(struct dns_reader *r, const uint8_t *message, size_t length, struct dns_header *header)
{
    *r = (struct dns_reader){message, length, DNS_HEADER_LENGTH};
    if (length < DNS_HEADER_LENGTH) {
        return false;
    }
    *header = (struct dns_header){load_be16(message),     load_be16(message + 2), load_be16(message + 4),
                                  load_be16(message + 6), load_be16(message + 8), load_be16(message + 10)};
    return true;
}

bool dns_read_question(struct dns_reader *r, struct dns_question *question)
{
    size_t end = dns_name_end(r->message, r->length, r->at);

    if (end == 0 || r->length - end < 4) {
        return false;
    }
    *question = (struct dns_question){r->at, load_be16(r->message + end), load_be16(r->message + end + 2)};
    r->at = end + 4;
    return true;
}

bool dns_read_record(struct dns_reader *r, struct dns_record *record)
{
    size_t end = dns_name_end(r->message, r->length, r->at);
    const uint8_t *fixed = r->message + end;

    if (end == 0 || r->length - end < 10 || r->length - end - 10 < load_be16(fixed + 8)) {
        return false;
    }
    *record = (struct dns_record){
        .name = r->at,
        .data = end + 10,
        .type = load_be16(fixed),
        .dns_class = load_be16(fixed + 2),
        .length = load_be16(fixed + 8),
        .ttl = load_be32(fixed + 4),
    };
    r->at = record->data + record->length;
    return true;
}

void dns_put_bytes(struct dns_writer *w, const void *bytes, size_t length)
{
    if (w->overflow || w->capacity - w->length < length) {
        w->overflow = true;
        return;
    }
    memcpy(w->message + w->length, bytes, length);
    w->length += length;
}

void dns_put_u16(struct dns_writer *w, uint16_t value)
{
    uint8_t bytes[2];

    store_be16(bytes, value);
    dns_put_bytes(w, bytes, sizeof bytes);
}

void dns_put_u32(struct dns_writer *w, uint32_t value)
{
    dns_put_u16(w, (uint16_t)(value >> 16));
    dns_put_u16(w, (uint16_t)value);
}

void dns_write_header(struct dns_writer *w, uint8_t *message, size_t capacity,
                      const struct dns_header *header)
{
    *w = (struct dns_writer){.message = message, .capacity = capacity};
    dns_put_u16(w, header->id);
    dns_put_u16(w, header->flags);
    dns_put_u16(w, header->questions);
    dns_put_u16(w, header->answers);
    dns_put_u16(w, header->authorities);
    dns_put_u16(w, header->additionals);
}

/* Where `name` already stands in the message, 0: nowhere that we remember. */
static size_t dns_name_find(const struct dns_writer *w, const char *name)
{
    for (unsigned i = 0; w->compress && i < w->label_count; i++) {
        if (dns_name_equal(w->message, w->length, w->labels[i], name)) {
            return w->labels[i];
        }
    }
    return 0;
}

void dns_put_name(struct dns_writer *w, const char *name)
{
    size_t label_length;

    do {
        size_t before = *name != 0 ? dns_name_find(w, name) : 0;
        if (before != 0) {
            dns_put_u16(w, (uint16_t)(POINTER << 8 | before));
            return;
        }
        label_length = dns_label_length(name);
        if (label_length > 63) {
            w->overflow = true;
            return;
        }
        if (label_length > 0 && w->label_count < DNS_LABELS_MAX && w->length < 0x4000) {
            w->labels[w->label_count++] = (uint16_t)w->length;
        }
        dns_put_bytes(w, &(uint8_t){(uint8_t)label_length}, 1);
        dns_put_bytes(w, name, label_length);
        name += name[label_length] == '.' ? label_length + 1 : label_length;
    } while (label_length > 0);
}

void dns_put_name_of(struct dns_writer *w, const uint8_t *message, size_t length, size_t at)
{
    struct walk walk = walk_begin(message, length, at);
    const uint8_t *label;
    size_t label_length;
    enum step step;

    do {
        step = walk_next(&walk, &label, &label_length);
        if (step == STEP_MALFORMED) {
            w->overflow = true;
            return;
        }
        dns_put_bytes(w, label - 1, label_length + 1); /* its length stands before it */
    } while (step == STEP_LABEL);
}

void dns_put_question(struct dns_writer *w, const char *name, uint16_t type, uint16_t dns_class)
{
    dns_put_name(w, name);
    dns_put_u16(w, type);
    dns_put_u16(w, dns_class);
}

size_t dns_record_begin(struct dns_writer *w, const char *name, uint16_t type, uint16_t dns_class,
                        uint32_t ttl)
{
    dns_put_name(w, name);
    dns_put_u16(w, type);
    dns_put_u16(w, dns_class);
    dns_put_u32(w, ttl);
    dns_put_u16(w, 0); /* the data's length, by dns_record_end */
    return w->length;
}

void dns_record_end(struct dns_writer *w, size_t begin)
{
    if (!w->overflow) {
        store_be16(w->message + begin - 2, (uint16_t)(w->length - begin));
    }
}

void dns_count_set(struct dns_writer *w, unsigned index, uint16_t count)
{
    if (!w->overflow) {
        store_be16(w->message + 4 + 2 * index, count);
    }
}

void dns_reverse_name(char name[DNS_REVERSE_MAX], uint32_t address)
{
    struct text t = text_over(name, DNS_REVERSE_MAX - 1);

    for (int shift = 0; shift < 32; shift += 8) {
        text_put_u32(&t, address >> shift & 255);
        text_put(&t, ".");
    }
    text_put(&t, "in-addr.arpa");
    name[t.length] = 0;
}
