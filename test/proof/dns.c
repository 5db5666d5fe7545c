/*
 * DNS messages: names walked, read, compared and written.
 *
 * Everything rests on walk_next: any message, any place in it, any state of a walk. Names of ours end at `name_end`,
 * wherever that is.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/dns_msg.c"
#include "wire/text.c"

#define TEXT_MAX 256 /* bytes of a name of ours, with its 0 */

static const char *name_end; /* the 0 of the text */

/* A text of ours, of any length; returns a place in it, or its end. */
static const char *any_text(size_t size_max)
{
    size_t size = any_size(size_max);
    ASSUME(size > 0);
    char *text = any_bytes(size);

    ASSUME(text[size - 1] == 0);
    name_end = text + size - 1;
    return text + any_size(size - 1);
}

static bool in_text(const char *name)
{
    return __CPROVER_same_object(name, name_end) && name <= name_end && *name_end == 0;
}

/* ---- walk_next: any message of up to 65,535 bytes. ---- */

static bool walk_good(const struct walk *w)
{
    return w->octets <= NAME_MAX_OCTETS && w->end <= w->length;
}

static bool walk_next_needs(const struct walk *w)
{
    return w->length <= UINT16_MAX && READABLE(w->message, w->length) && walk_good(w);
}

static bool walk_next_gives(enum step step, const struct walk *w, const struct walk *before,
                            const uint8_t *label, size_t label_length)
{
    bool same = w->message == before->message && w->length == before->length;

    if (step != STEP_LABEL && step != STEP_END)
        return step == STEP_MALFORMED && same;
    return same && walk_good(w) && w->at <= w->length && w->front <= before->front && label_length <= 63 &&
           (step == STEP_END) == (label_length == 0) && (step == STEP_LABEL || w->end != 0) &&
           w->octets == before->octets + label_length + 1 && label > w->message &&
           INSIDE(label - 1, label_length + 1, w->message, w->length) && label[-1] == label_length;
}

void prove_walk_next(void)
{
    struct walk w, before;
    const uint8_t *label;
    size_t label_length;

    w.length = any_size(UINT16_MAX);
    w.message = any_bytes(w.length);
    ASSUME(walk_next_needs(&w));
    before = w;
    enum step step = walk_next(&w, &label, &label_length);
    PROVE(walk_next_gives(step, &w, &before, label, label_length));
    if (step == STEP_LABEL && w.end != before.end)
        REACHED("a label behind a pointer");
    if (step == STEP_END)
        REACHED("the end");
}

enum step contract_walk_next(struct walk *w, const uint8_t **label, size_t *label_length)
{
    struct walk before = *w, any;
    enum step step = (enum step)nondet_u8();
    size_t at = any_size(w->length);

    PROVE(walk_next_needs(w));
    any.message = before.message;
    *w = any;
    *label = w->message + at;
    *label_length = nondet_size();
    ASSUME(walk_next_gives(step, w, &before, *label, *label_length));
    return step;
}

/* ---- dns_name_end: any message, any place. ---- */

static bool dns_name_end_needs(const uint8_t *message, size_t length)
{
    return length <= UINT16_MAX && READABLE(message, length);
}

static bool dns_name_end_gives(size_t end, size_t length)
{
    return end <= length;
}

void prove_dns_name_end(void)
{
    size_t length = any_size(UINT16_MAX), at = nondet_size();
    uint8_t *message = any_bytes(length);

    ASSUME(dns_name_end_needs(message, length));
    size_t end = dns_name_end(message, length, at);
    PROVE(dns_name_end_gives(end, length));
    if (end != 0)
        REACHED("an end");
}

size_t contract_dns_name_end(const uint8_t *message, size_t length, size_t at)
{
    size_t end = nondet_size();

    (void)at;
    PROVE(dns_name_end_needs(message, length));
    ASSUME(dns_name_end_gives(end, length));
    return end;
}

/* ---- Names of ours. ---- */

static bool dns_label_length_needs(const char *name)
{
    return in_text(name);
}

static bool dns_label_length_gives(size_t length, const char *name)
{
    return length <= (size_t)(name_end - name) && (name[length] == 0 || name[length] == '.');
}

void prove_dns_label_length(void)
{
    const char *name = any_text(TEXT_MAX);

    ASSUME(dns_label_length_needs(name));
    size_t length = dns_label_length(name);
    PROVE(dns_label_length_gives(length, name));
    if (length > 63)
        REACHED("one that is too long");
}

size_t contract_dns_label_length(const char *name)
{
    size_t length = nondet_size();

    PROVE(dns_label_length_needs(name));
    ASSUME(dns_label_length_gives(length, name));
    return length;
}

static bool dns_label_equal_needs(const uint8_t *label, const char *name, size_t length)
{
    return READABLE(label, length) && READABLE(name, length);
}

static bool dns_label_equal_gives(bool equal)
{
    return equal || !equal; /* callers rely on nothing else */
}

void prove_dns_label_equal(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *label = any_bytes(length);
    char *name = any_bytes(length);

    ASSUME(dns_label_equal_needs(label, name, length));
    PROVE(dns_label_equal_gives(dns_label_equal(label, name, length)));
    REACHED("the end");
}

bool contract_dns_label_equal(const uint8_t *label, const char *name, size_t length)
{
    bool equal = nondet_bool();

    PROVE(dns_label_equal_needs(label, name, length));
    ASSUME(dns_label_equal_gives(equal));
    return equal;
}

static bool dns_name_equal_needs(const uint8_t *message, size_t length, const char *name)
{
    return length <= UINT16_MAX && READABLE(message, length) && in_text(name);
}

static bool dns_name_equal_gives(bool equal)
{
    return equal || !equal;
}

void prove_dns_name_equal(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *message = any_bytes(length);
    const char *name = any_text(TEXT_MAX);

    ASSUME(dns_name_equal_needs(message, length, name));
    bool equal = dns_name_equal(message, length, nondet_size(), name);
    PROVE(dns_name_equal_gives(equal));
    if (equal)
        REACHED("the same");
}

bool contract_dns_name_equal(const uint8_t *message, size_t length, size_t at, const char *name)
{
    bool equal = nondet_bool();

    (void)at;
    PROVE(dns_name_equal_needs(message, length, name));
    ASSUME(dns_name_equal_gives(equal));
    return equal;
}

/* ---- Headers, questions and records of any message. ---- */

void prove_dns_read(void)
{
    size_t length = any_size(UINT16_MAX);
    uint8_t *message = any_bytes(length);
    struct dns_reader r;
    struct dns_header header;
    struct dns_question question;
    struct dns_record record;

    if (!dns_read_header(&r, message, length, &header))
        return;
    PROVE(r.at == DNS_HEADER_LENGTH && r.at <= r.length);
    r.at = any_size(length);
    if (nondet_bool()) {
        if (dns_read_question(&r, &question)) {
            PROVE(r.at <= r.length);
            REACHED("a question");
        }
    } else if (dns_read_record(&r, &record)) {
        PROVE(r.at <= r.length && record.data <= length && record.length <= length - record.data);
        REACHED("a record");
    }
}

/* ---- Writing: any room, any amount written before. ---- */

static uint8_t label_any; /* any of the labels that a writer remembers: what holds for it holds for all */

static bool writer_good(const struct dns_writer *w)
{
    return w->length <= w->capacity && w->label_count <= DNS_LABELS_MAX &&
           (label_any >= w->label_count || w->labels[label_any] < 0x4000); /* a pointer has 14 bits */
}

static struct dns_writer any_writer(void)
{
    struct dns_writer w;

    label_any = nondet_u8();
    w.capacity = any_size(UINT16_MAX);
    w.message = any_bytes(w.capacity);
    ASSUME(label_any < DNS_LABELS_MAX && writer_good(&w));
    return w;
}

static bool dns_put_bytes_needs(const struct dns_writer *w, const void *bytes, size_t length)
{
    return writer_good(w) && READABLE(bytes, length);
}

static bool dns_put_bytes_gives(const struct dns_writer *w, const struct dns_writer *before, size_t length)
{
    bool fits = !before->overflow && before->capacity - before->length >= length;

    return writer_good(w) && w->message == before->message && w->capacity == before->capacity &&
           w->label_count == before->label_count && w->compress == before->compress && w->overflow == !fits &&
           w->length == before->length + (fits ? length : 0);
}

void prove_dns_put_bytes(void)
{
    struct dns_writer w = any_writer(), before = w;
    size_t count = any_size(UINT16_MAX);
    uint8_t *bytes = any_bytes(count);

    ASSUME(dns_put_bytes_needs(&w, bytes, count));
    dns_put_bytes(&w, bytes, count);
    PROVE(dns_put_bytes_gives(&w, &before, count));
    if (w.overflow)
        REACHED("an overflow");
    else
        REACHED("bytes that fit");
}

void contract_dns_put_bytes(struct dns_writer *w, const void *bytes, size_t length)
{
    struct dns_writer before = *w;

    PROVE(dns_put_bytes_needs(w, bytes, length));
    w->overflow = nondet_bool();
    w->length = nondet_size();
    ASSUME(dns_put_bytes_gives(w, &before, length));
}

static bool dns_name_find_needs(const struct dns_writer *w, const char *name)
{
    return writer_good(w) && w->length <= UINT16_MAX && READABLE(w->message, w->length) && in_text(name);
}

static bool dns_name_find_gives(size_t at)
{
    return at < 0x4000;
}

void prove_dns_name_find(void)
{
    struct dns_writer w = any_writer();
    const char *name = any_text(TEXT_MAX);

    for (label_any = 0; label_any < DNS_LABELS_MAX; label_any++) /* of each label */
        ASSUME(dns_name_find_needs(&w, name));
    size_t at = dns_name_find(&w, name);
    PROVE(dns_name_find_gives(at));
    if (at != 0)
        REACHED("a place");
}

void prove_dns_write_header(void)
{
    struct dns_writer w;
    struct dns_header header;
    size_t capacity = any_size(UINT16_MAX);
    uint8_t *message = any_bytes(capacity);

    dns_write_header(&w, message, capacity, &header);
    PROVE(writer_good(&w) && w.capacity == capacity && w.message == message);
    PROVE(w.overflow == (capacity < DNS_HEADER_LENGTH));
    dns_count_set(&w, any_size(3), nondet_u16());
    if (!w.overflow)
        REACHED("a header that fits");
}

void prove_dns_reverse_name(void)
{
    char *name = any_bytes(DNS_REVERSE_MAX);

    dns_reverse_name(name, nondet_u32());
    REACHED("the end");
}
