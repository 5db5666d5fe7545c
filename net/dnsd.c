/*
 * The DNS server's decisions; see the header. A reply is the header, the question as it came (byte for byte),
 * perhaps one answer that points to the question's name, perhaps an OPT record.
 */
/* SPDX-License-Identifier: MIT */
#include "net/dnsd.h"

#include <string.h>

#include "wire/dns_msg.h"

#define RECORDS_MAX      32 /* we look through so many for OPT */
#define EDNS_UDP_SIZE    1232
#define NAME_OF_QUESTION 0xC00C

struct query {
    struct dns_header header;
    struct dns_question question;
    size_t question_end;
    bool has_edns;
    uint8_t edns_version;
};

void dnsd_init(struct dnsd *d, const struct dnsd_config *config)
{
    memset(d, 0, sizeof *d);
    d->config = config;
}

/* Look for OPT behind the question. False: malformed. */
static bool dnsd_edns_find(struct dns_reader *r, struct query *q)
{
    unsigned count = (unsigned)q->header.answers + q->header.authorities + q->header.additionals;

    if (count > RECORDS_MAX) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct dns_record record;
        if (!dns_read_record(r, &record)) {
            return false;
        }
        if (record.type == DNS_OPT) {
            if (q->has_edns || r->message[record.name] != 0) {
                return false;
            }
            q->has_edns = true;
            q->edns_version = (uint8_t)(record.ttl >> 16);
        }
    }
    return true;
}

static bool dnsd_name_ours(const struct dnsd *d, const struct dns_reader *r, const struct query *q)
{
    for (const char *const *name = d->config->names; *name != NULL; name++) {
        if (dns_name_equal(r->message, r->length, q->question.name, *name)) {
            return true;
        }
    }
    return false;
}

static bool dnsd_reverse_ours(const struct dnsd *d, const struct dns_reader *r, const struct query *q)
{
    char name[DNS_REVERSE_MAX];

    dns_reverse_name(name, d->config->address);
    return dns_name_equal(r->message, r->length, q->question.name, name);
}

/* The answer record, if there is one to give: its type, or 0. */
static uint16_t dnsd_answer_type(const struct query *q, bool name, bool reverse)
{
    uint16_t type = q->question.type;

    if (name && (type == DNS_A || type == DNS_ANY)) {
        return DNS_A;
    }
    return reverse && (type == DNS_PTR || type == DNS_ANY) ? DNS_PTR : 0;
}

static void dnsd_record_put(const struct dnsd *d, struct dns_writer *w, uint16_t type)
{
    size_t begin;

    dns_put_u16(w, NAME_OF_QUESTION);
    dns_put_u16(w, type);
    dns_put_u16(w, DNS_CLASS_IN);
    dns_put_u32(w, DNSD_TTL_S);
    dns_put_u16(w, 0);
    begin = w->length;
    if (type == DNS_A) {
        dns_put_u32(w, d->config->address);
    } else {
        dns_put_name(w, d->config->names[0]);
    }
    dns_record_end(w, begin);
}

static void dnsd_opt_put(struct dns_writer *w, unsigned rcode)
{
    uint8_t root = 0;

    dns_put_bytes(w, &root, 1);
    dns_put_u16(w, DNS_OPT);
    dns_put_u16(w, EDNS_UDP_SIZE);
    dns_put_u32(w, (uint32_t)(rcode >> 4) << 24);
    dns_put_u16(w, 0);
}

/* The header of a reply to what we can't or won't answer further. */
static size_t dnsd_error(const struct query *q, unsigned rcode, uint8_t *reply, size_t capacity)
{
    uint16_t keep = q->header.flags & (DNS_FLAG_OPCODE | DNS_FLAG_RECURSION);
    struct dns_header header = {.id = q->header.id, .flags = (uint16_t)(DNS_FLAG_RESPONSE | keep | rcode)};
    struct dns_writer w;

    dns_write_header(&w, reply, capacity, &header);
    return w.overflow ? 0 : w.length;
}

/* The whole reply to a well-formed query. */
static size_t dnsd_reply(struct dnsd *d, const struct dns_reader *r, const struct query *q, uint8_t *reply,
                         size_t capacity)
{
    bool name = dnsd_name_ours(d, r, q), reverse = dnsd_reverse_ours(d, r, q);
    bool in = q->question.dns_class == DNS_CLASS_IN || q->question.dns_class == DNS_CLASS_ANY;
    bool transfer = q->question.type == DNS_AXFR || q->question.type == DNS_IXFR;
    bool ours = (name || reverse) && in && !transfer;
    bool version = !q->has_edns || q->edns_version == 0;
    unsigned rcode = !version ? DNS_BADVERS : ours ? DNS_NOERROR : DNS_REFUSED;
    uint16_t type = rcode == DNS_NOERROR ? dnsd_answer_type(q, name, reverse) : 0;
    uint16_t flags = DNS_FLAG_RESPONSE | (q->header.flags & DNS_FLAG_RECURSION);
    struct dns_writer w;

    if (rcode == DNS_NOERROR) {
        flags |= DNS_FLAG_AUTHORITATIVE;
        d->stats.answered += type != 0;
        d->stats.no_data += type == 0;
    } else {
        d->stats.refused++;
    }
    struct dns_header header = {q->header.id, (uint16_t)(flags | (rcode & 15)), 1, type != 0, 0, q->has_edns};
    dns_write_header(&w, reply, capacity, &header);
    dns_put_bytes(&w, r->message + DNS_HEADER_LENGTH, q->question_end - DNS_HEADER_LENGTH);
    if (type != 0) {
        dnsd_record_put(d, &w, type);
    }
    if (q->has_edns) {
        dnsd_opt_put(&w, rcode);
    }
    return w.overflow ? 0 : w.length;
}

size_t dnsd_answer(struct dnsd *d, const uint8_t *query, size_t length, uint8_t *reply, size_t capacity)
{
    struct query q = {0};
    struct dns_reader r;

    if (!dns_read_header(&r, query, length, &q.header) || (q.header.flags & DNS_FLAG_RESPONSE) != 0) {
        d->stats.malformed++;
        return 0; /* never answer an answer */
    }
    if ((q.header.flags & DNS_FLAG_OPCODE) != 0) {
        d->stats.refused++;
        return dnsd_error(&q, DNS_NOTIMP, reply, capacity);
    }
    if (q.header.questions != 1 || !dns_read_question(&r, &q.question)) {
        d->stats.malformed++;
        return dnsd_error(&q, DNS_FORMERR, reply, capacity);
    }
    q.question_end = r.at;
    if (!dnsd_edns_find(&r, &q)) {
        d->stats.malformed++;
        return dnsd_error(&q, DNS_FORMERR, reply, capacity);
    }
    d->stats.queries++;
    return dnsd_reply(d, &r, &q, reply, capacity);
}
