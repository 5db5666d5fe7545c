/*
 * The multicast DNS responder's decisions; see the header. Our records are bits in a mask, so that an answer
 * is: questions set bits, known answers clear them, the rest is written.
 */
/* SPDX-License-Identifier: MIT */
#include "net/mdnsd.h"

#include <string.h>

#include "wire/be.h"
#include "wire/dns_msg.h"
#include "wire/text.h"

enum record {
    A_SHORT,
    NSEC_SHORT,
    A_UNIQUE,
    NSEC_UNIQUE,
    REVERSE, /* PTR, to the unique name */
    TYPES,   /* PTR _services._dns-sd._udp, to _http._tcp */
    SERVICE, /* PTR _http._tcp, to the instance */
    SRV,
    TXT,
    NSEC_INSTANCE,
};

#define BIT(record) (1u << (record))
#define SHARED      (BIT(TYPES) | BIT(SERVICE)) /* others on the link may have them, too */
#define SHORT       (BIT(A_SHORT) | BIT(NSEC_SHORT))
#define ALL         ((1u << MDNSD_RECORDS) - 1)

#define TTL_HOST_S           120
#define TTL_OTHER_S          4500
#define TTL_LEGACY_S_MAX     10
#define PROBES               3
#define PROBE_MS             250
#define ANNOUNCEMENTS        2
#define ANNOUNCE_MS          1000
#define LOST_PROBE_MS        1000
#define MANY_CONFLICTS       15
#define MANY_CONFLICTS_MS    5000
#define REPEAT_MS_MIN        1000
#define LEGACY_QUESTIONS_MAX 4  /* repeated in an answer, so that it fits */
#define ENTRIES_MAX          64 /* questions or records of one message that we look at */
#define CLAIM_DATA_MAX       (6 + MDNSD_NAME_MAX + 2) /* bytes: more than the longest data of ours, of SRV */
#define QU                   DNS_CLASS_FLUSH

static const char types_name[] = "_services._dns-sd._udp.local";
static const char service_name[] = "_http._tcp.local";

_Static_assert(NSEC_INSTANCE + 1 == MDNSD_RECORDS, "one bit for each record");

static void mdnsd_name_set(char name[MDNSD_NAME_MAX], const char *label, unsigned suffix, const char *domain)
{
    struct text t = text_over(name, MDNSD_NAME_MAX - 1);

    text_put(&t, label);
    if (suffix > 0) {
        text_put(&t, "-");
        text_put_u32(&t, suffix);
    }
    text_put(&t, domain);
    name[t.length] = 0;
}

/* A conflict changes the unique name alone: `label` may be gone by then. */
static void mdnsd_names_set(struct mdnsd *d, bool both)
{
    const struct mdnsd_config *c = d->config;

    if (both) {
        mdnsd_name_set(c->short_name, c->label, 0, ".local");
    }
    mdnsd_name_set(c->unique_name, c->unique_label, d->suffix, ".local");
    mdnsd_name_set(d->instance, c->unique_label, d->suffix, "._http._tcp.local");
    dns_reverse_name(d->reverse, c->address);
}

void mdnsd_init(struct mdnsd *d, const struct mdnsd_config *config)
{
    memset(d, 0, sizeof *d);
    d->config = config;
    mdnsd_names_set(d, true);
}

static void mdnsd_probe_again(struct mdnsd *d, uint32_t at_ms)
{
    d->state = MDNSD_PROBING;
    d->step = 0;
    d->step_ms = at_ms;
    d->pending = 0;
}

void mdnsd_start(struct mdnsd *d, uint32_t now_ms, uint32_t random)
{
    for (unsigned i = 0; i < MDNSD_RECORDS; i++) {
        d->sent_ms[i] = now_ms - REPEAT_MS_MIN;
    }
    mdnsd_probe_again(d, now_ms + random % PROBE_MS);
}

void mdnsd_stop(struct mdnsd *d)
{
    d->state = MDNSD_STOPPED;
    d->pending = 0;
}

void mdnsd_renamed(struct mdnsd *d)
{
    d->announced = 0;
    d->suffix = 0;
    d->short_lost = false;
    mdnsd_names_set(d, true);
}

/* The records that exist now. */
static unsigned mdnsd_existing(const struct mdnsd *d)
{
    return d->short_lost ? ALL & ~SHORT : ALL;
}

/* ---- Our records in words ---- */

static const char *mdnsd_owner(const struct mdnsd *d, enum record record)
{
    switch (record) {
    case A_SHORT:
    case NSEC_SHORT: return d->config->short_name;
    case A_UNIQUE:
    case NSEC_UNIQUE: return d->config->unique_name;
    case REVERSE: return d->reverse;
    case TYPES: return types_name;
    case SERVICE: return service_name;
    default: return d->instance;
    }
}

static uint16_t mdnsd_type(enum record record)
{
    static const uint8_t types[MDNSD_RECORDS] = {
        [A_SHORT] = DNS_A,   [NSEC_SHORT] = DNS_NSEC,    [A_UNIQUE] = DNS_A,  [NSEC_UNIQUE] = DNS_NSEC,
        [REVERSE] = DNS_PTR, [TYPES] = DNS_PTR,          [SERVICE] = DNS_PTR, [SRV] = DNS_SRV,
        [TXT] = DNS_TXT,     [NSEC_INSTANCE] = DNS_NSEC,
    };

    return types[record];
}

/* Seconds; 0: we have stopped, forget them. */
static uint32_t mdnsd_ttl(const struct mdnsd *d, enum record record)
{
    return d->state == MDNSD_STOPPED                  ? 0
           : (BIT(record) & (SHARED | BIT(TXT))) != 0 ? TTL_OTHER_S
                                                      : TTL_HOST_S;
}

static const char *mdnsd_target(const struct mdnsd *d, enum record record)
{
    return record == TYPES ? service_name : record == SERVICE ? d->instance : d->config->unique_name;
}

static void mdnsd_data_put(const struct mdnsd *d, struct dns_writer *w, enum record record)
{
    static const uint8_t nsec_a[] = {0, 1, 0x40};                      /* window 0: type 1 */
    static const uint8_t nsec_service[] = {0, 5, 0, 0, 0x80, 0, 0x40}; /* types 16 and 33 */
    uint8_t length = (uint8_t)strlen(d->config->text);

    switch (mdnsd_type(record)) {
    case DNS_A: dns_put_u32(w, d->config->address); break;
    case DNS_PTR: dns_put_name(w, mdnsd_target(d, record)); break;
    case DNS_SRV:
        dns_put_u32(w, 0); /* priority, weight */
        dns_put_u16(w, d->config->port);
        dns_put_name(w, d->config->unique_name);
        break;
    case DNS_TXT:
        dns_put_bytes(w, &length, 1);
        dns_put_bytes(w, d->config->text, length);
        break;
    default:
        dns_put_name(w, mdnsd_owner(d, record));
        if (record == NSEC_INSTANCE) {
            dns_put_bytes(w, nsec_service, sizeof nsec_service);
        } else {
            dns_put_bytes(w, nsec_a, sizeof nsec_a);
        }
        break;
    }
}

/* Write the records of `mask`; returns how many. Legacy: for a resolver that knows nothing of mDNS. */
static uint16_t mdnsd_records_put(const struct mdnsd *d, struct dns_writer *w, unsigned mask, bool flush,
                                  bool legacy)
{
    uint16_t count = 0;

    for (unsigned i = 0; i < MDNSD_RECORDS; i++) {
        enum record record = (enum record)i;
        bool unique = flush && !legacy && (BIT(record) & SHARED) == 0;
        uint32_t ttl = mdnsd_ttl(d, record);
        if ((mask & BIT(record)) == 0) {
            continue;
        }
        ttl = legacy && ttl > TTL_LEGACY_S_MAX ? TTL_LEGACY_S_MAX : ttl;
        size_t begin = dns_record_begin(w, mdnsd_owner(d, record), mdnsd_type(record),
                                        unique ? DNS_CLASS_IN | DNS_CLASS_FLUSH : DNS_CLASS_IN, ttl);
        mdnsd_data_put(d, w, record);
        dns_record_end(w, begin);
        count++;
    }
    return count;
}

/* True if the name at `at` is `name`, and the last thing in the record's data. */
static bool mdnsd_data_name_equal(const struct dns_reader *r, const struct dns_record *theirs, size_t at,
                                  const char *name)
{
    return dns_name_equal(r->message, r->length, at, name) &&
           dns_name_end(r->message, r->length, at) == theirs->data + theirs->length;
}

/* True if the record in the message has the data that ours has. */
static bool mdnsd_data_equal(const struct mdnsd *d, const struct dns_reader *r,
                             const struct dns_record *theirs, enum record record)
{
    const uint8_t *data = r->message + theirs->data;
    const char *text = d->config->text;
    size_t text_length = strlen(text);

    switch (mdnsd_type(record)) {
    case DNS_A: return theirs->length == 4 && load_be32(data) == d->config->address;
    case DNS_PTR: return mdnsd_data_name_equal(r, theirs, theirs->data, mdnsd_target(d, record));
    case DNS_SRV:
        return theirs->length > 6 && load_be16(data + 4) == d->config->port &&
               mdnsd_data_name_equal(r, theirs, theirs->data + 6, d->config->unique_name);
    case DNS_TXT:
        return theirs->length == text_length + 1 && data[0] == text_length &&
               memcmp(data + 1, text, text_length) == 0;
    default: return false;
    }
}

/* ---- Questions ---- */

/* The records that answer one question. */
static unsigned mdnsd_question_match(const struct mdnsd *d, const struct dns_reader *r,
                                     const struct dns_question *q)
{
    unsigned named = 0, matched = 0;
    uint16_t class = q->dns_class & (uint16_t)~QU;

    if (class != DNS_CLASS_IN && class != DNS_CLASS_ANY) {
        return 0;
    }
    for (unsigned i = 0; i < MDNSD_RECORDS; i++) {
        if (dns_name_equal(r->message, r->length, q->name, mdnsd_owner(d, (enum record)i))) {
            named |= BIT(i);
            matched |= mdnsd_type((enum record)i) == q->type || q->type == DNS_ANY ? BIT(i) : 0;
        }
    }
    if (matched == 0) { /* our name, but no such type: NSEC says so */
        matched = named & (BIT(NSEC_SHORT) | BIT(NSEC_UNIQUE) | BIT(NSEC_INSTANCE));
    }
    return matched & mdnsd_existing(d);
}

/* What a client will ask next. */
static unsigned mdnsd_additional(const struct mdnsd *d, unsigned answers)
{
    unsigned more = 0;

    more |= (answers & SHORT) != 0 ? SHORT : 0;
    more |= (answers & BIT(SERVICE)) != 0 ? BIT(SRV) | BIT(TXT) | BIT(A_UNIQUE) | BIT(NSEC_UNIQUE) : 0;
    more |= (answers & (BIT(SRV) | BIT(A_UNIQUE) | BIT(NSEC_UNIQUE) | BIT(REVERSE))) != 0
                ? BIT(A_UNIQUE) | BIT(NSEC_UNIQUE)
                : 0;
    return more & ~answers & mdnsd_existing(d);
}

/* Bits of ours that a known answer makes superfluous. */
static unsigned mdnsd_known(const struct mdnsd *d, const struct dns_reader *r,
                            const struct dns_record *theirs)
{
    for (unsigned i = 0; i < MDNSD_RECORDS; i++) {
        enum record record = (enum record)i;
        if (theirs->type == mdnsd_type(record) && theirs->ttl >= mdnsd_ttl(d, record) / 2 &&
            dns_name_equal(r->message, r->length, theirs->name, mdnsd_owner(d, record)) &&
            mdnsd_data_equal(d, r, theirs, record)) {
            return BIT(record);
        }
    }
    return 0;
}

/* ---- Conflicts ---- */

/* Somebody else has this name. */
static void mdnsd_conflict(struct mdnsd *d, uint32_t now_ms, bool short_name)
{
    d->stats.conflicts++;
    if (d->state != MDNSD_PROBING) { /* make sure first: the other may be gone */
        mdnsd_probe_again(d, now_ms);
        return;
    }
    if (short_name) {
        d->short_lost = true;
    } else {
        d->suffix = d->suffix == 0 ? 2 : d->suffix == 99 ? 2 : d->suffix + 1;
        mdnsd_names_set(d, false);
        d->announced &= (uint16_t)(SHORT | BIT(TYPES)); /* all others have the unique name */
    }
    mdnsd_probe_again(d, now_ms + (d->stats.conflicts >= MANY_CONFLICTS ? MANY_CONFLICTS_MS : PROBE_MS));
}

/* Does a record in somebody's answer contradict ours? A name being probed must have no other record at all.
 * True: yes, and it was dealt with. */
static bool mdnsd_answer_check(struct mdnsd *d, uint32_t now_ms, const struct dns_reader *r,
                               const struct dns_record *theirs)
{
    static const uint8_t ours[] = {A_SHORT, A_UNIQUE, SRV};

    if ((theirs->dns_class & ~DNS_CLASS_FLUSH) != DNS_CLASS_IN || theirs->ttl == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof ours; i++) {
        enum record record = (enum record)ours[i];
        bool same_type = theirs->type == mdnsd_type(record);
        if ((mdnsd_existing(d) & BIT(record)) == 0 || (!same_type && d->state != MDNSD_PROBING) ||
            !dns_name_equal(r->message, r->length, theirs->name, mdnsd_owner(d, record))) {
            continue;
        }
        if ((same_type && mdnsd_data_equal(d, r, theirs, record)) || theirs->type == DNS_NSEC ||
            theirs->type == DNS_TXT) {
            continue;
        }
        mdnsd_conflict(d, now_ms, record == A_SHORT);
        return true;
    }
    return false;
}

/* ---- Simultaneous probes: whose list of records is the greater one? RFC 6762, 8.2 ---- */

/* A record as the order knows it: class, type, data with its names written out. What is cut off can't equal ours. */
struct claim {
    uint8_t bytes[4 + CLAIM_DATA_MAX];
    size_t length; /* 0: no record */
};

static struct dns_writer mdnsd_claim_begin(struct claim *claim, uint16_t class, uint16_t type)
{
    struct dns_writer w = {.message = claim->bytes, .capacity = sizeof claim->bytes};

    dns_put_u16(&w, class);
    dns_put_u16(&w, type);
    return w;
}

static void mdnsd_claim_of_theirs(struct claim *claim, const struct dns_reader *r,
                                  const struct dns_record *theirs)
{
    struct dns_writer w =
        mdnsd_claim_begin(claim, theirs->dns_class & (uint16_t)~DNS_CLASS_FLUSH, theirs->type);
    size_t length = theirs->length < CLAIM_DATA_MAX ? theirs->length : CLAIM_DATA_MAX;
    bool named = theirs->type == DNS_SRV || theirs->type == DNS_PTR || theirs->type == DNS_CNAME;
    size_t before = theirs->type == DNS_SRV ? 6 : 0; /* bytes in front of the name */

    if (named && length > before) {
        dns_put_bytes(&w, r->message + theirs->data, before);
        dns_put_name_of(&w, r->message, r->length, theirs->data + before);
    } else {
        dns_put_bytes(&w, r->message + theirs->data, length);
    }
    claim->length = w.length;
}

static int mdnsd_claim_compare(const struct claim *a, const struct claim *b)
{
    size_t length = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->bytes, b->bytes, length);

    return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

/* The least record that a probe's authority section has for `name`, above `*claim` if that is one. `r` stands before the
 * section, whose records are well-formed. */
static void mdnsd_claim_next(struct dns_reader r, unsigned count, const char *name, struct claim *claim)
{
    struct claim least = {.length = 0}, one;

    for (unsigned i = 0; i < count; i++) {
        struct dns_record record;
        if (!dns_read_record(&r, &record) || !dns_name_equal(r.message, r.length, record.name, name)) {
            continue;
        }
        mdnsd_claim_of_theirs(&one, &r, &record);
        if ((claim->length == 0 || mdnsd_claim_compare(&one, claim) > 0) &&
            (least.length == 0 || mdnsd_claim_compare(&one, &least) < 0)) {
            least = one;
        }
    }
    *claim = least;
}

/* True if another host's probe claims `name`, too, and its records are greater than ours in `mask`: both lists are sorted, and
 * the first difference decides; of lists equal so far, the longer one wins. */
static bool mdnsd_claim_lost(const struct mdnsd *d, const struct dns_reader *r, unsigned count,
                             const char *name, unsigned mask)
{
    static const uint8_t sorted[] = {A_SHORT, A_UNIQUE, TXT, SRV}; /* by type */
    struct claim theirs = {.length = 0}, ours;

    for (size_t i = 0; i < sizeof sorted; i++) {
        enum record record = (enum record)sorted[i];
        if ((mask & BIT(record)) == 0) {
            continue;
        }
        struct dns_writer w = mdnsd_claim_begin(&ours, DNS_CLASS_IN, mdnsd_type(record));
        mdnsd_data_put(d, &w, record);
        ours.length = w.length;
        mdnsd_claim_next(*r, count, name, &theirs);
        int order = theirs.length == 0 ? -1 : mdnsd_claim_compare(&theirs, &ours);
        if (order != 0) {
            return order > 0;
        }
    }
    mdnsd_claim_next(*r, count, name, &theirs);
    return theirs.length != 0;
}

/* Another one probes for our names at the same time: the loser waits a second, and asks again. */
static void mdnsd_probe_check(struct mdnsd *d, uint32_t now_ms, const struct dns_reader *r, unsigned count)
{
    unsigned existing = mdnsd_existing(d);

    if (d->state == MDNSD_PROBING && (((existing & BIT(A_SHORT)) != 0 &&
                                       mdnsd_claim_lost(d, r, count, d->config->short_name, BIT(A_SHORT))) ||
                                      mdnsd_claim_lost(d, r, count, d->config->unique_name, BIT(A_UNIQUE)) ||
                                      mdnsd_claim_lost(d, r, count, d->instance, BIT(SRV) | BIT(TXT)))) {
        mdnsd_probe_again(d, now_ms + LOST_PROBE_MS);
    }
}

/* ---- Messages ---- */

static size_t mdnsd_message(struct mdnsd *d, unsigned answers, unsigned more, uint8_t *reply, size_t capacity)
{
    struct dns_header header = {.flags = DNS_FLAG_RESPONSE | DNS_FLAG_AUTHORITATIVE};
    struct dns_writer w;

    dns_write_header(&w, reply, capacity, &header);
    w.compress = true;
    dns_count_set(&w, 1, mdnsd_records_put(d, &w, answers, true, false));
    if (w.overflow) {
        return 0;
    }
    size_t length = w.length;
    uint16_t count = mdnsd_records_put(d, &w, more, true, false);
    if (!w.overflow) { /* else the answers alone will do */
        dns_count_set(&w, 3, count);
        length = w.length;
    }
    return length;
}

/* For a client that isn't on port 5353: its ID and those of its questions back that are ours, short lives, no flush. */
static size_t mdnsd_legacy(struct mdnsd *d, const struct dns_header *query, const struct dns_reader *r,
                           unsigned answers, uint8_t *reply, size_t capacity)
{
    struct dns_header header = {.id = query->id, .flags = DNS_FLAG_RESPONSE | DNS_FLAG_AUTHORITATIVE};
    struct dns_reader again = {r->message, r->length, DNS_HEADER_LENGTH};
    uint16_t repeated = 0;
    struct dns_question q;
    struct dns_writer w;

    dns_write_header(&w, reply, capacity, &header);
    for (unsigned i = 0; i < query->questions && repeated < LEGACY_QUESTIONS_MAX; i++) {
        if (dns_read_question(&again, &q) && mdnsd_question_match(d, r, &q) != 0) {
            dns_put_name_of(&w, r->message, r->length, q.name);
            dns_put_u16(&w, q.type);
            dns_put_u16(&w, q.dns_class & (uint16_t)~QU);
            repeated++;
        }
    }
    dns_count_set(&w, 0, repeated);
    dns_count_set(&w, 1, mdnsd_records_put(d, &w, answers, false, true));
    return w.overflow ? 0 : w.length;
}

/* What a message asks, put together. */
struct asked {
    unsigned unicast, multicast; /* records wanted so */
    bool probe;                  /* it has an authority section: its sender wants to claim a name */
};

static bool mdnsd_questions_read(struct mdnsd *d, struct dns_reader *r, const struct dns_header *header,
                                 bool unicast, struct asked *asked)
{
    if (header->questions > ENTRIES_MAX) {
        return false;
    }
    for (unsigned i = 0; i < header->questions; i++) {
        struct dns_question q;
        if (!dns_read_question(r, &q)) {
            return false;
        }
        unsigned match = mdnsd_question_match(d, r, &q);
        if (unicast || (q.dns_class & QU) != 0) {
            asked->unicast |= match;
        } else {
            asked->multicast |= match;
        }
    }
    return true;
}

/* Known answers and claims behind the questions. */
static bool mdnsd_query_records_read(struct mdnsd *d, uint32_t now_ms, struct dns_reader *r,
                                     const struct dns_header *header, struct asked *asked)
{
    unsigned count = (unsigned)header->answers + header->authorities;
    struct dns_reader claims = *r;

    if (count > ENTRIES_MAX) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        struct dns_record record;
        if (!dns_read_record(r, &record)) {
            return false;
        }
        if (i < header->answers) {
            unsigned known = mdnsd_known(d, r, &record);
            asked->unicast &= ~known;
            asked->multicast &= ~known;
            d->pending &= (uint16_t)~known;
            claims = *r;
        }
    }
    asked->probe = header->authorities > 0;
    mdnsd_probe_check(d, now_ms, &claims, header->authorities);
    return true;
}

/* Multicast these now, and remember when. */
static size_t mdnsd_multicast(struct mdnsd *d, uint32_t now_ms, unsigned answers, uint8_t *reply,
                              size_t capacity)
{
    for (unsigned i = 0; i < MDNSD_RECORDS; i++) {
        if ((answers & BIT(i)) != 0) {
            d->sent_ms[i] = now_ms;
        }
    }
    d->pending &= (uint16_t)~answers;
    return mdnsd_message(d, answers, mdnsd_additional(d, answers), reply, capacity);
}

/* Without those multicast less than a second ago; a probe is always answered. */
static unsigned mdnsd_not_recent(const struct mdnsd *d, uint32_t now_ms, unsigned answers)
{
    for (unsigned i = 0; i < MDNSD_RECORDS; i++) {
        if (now_ms - d->sent_ms[i] < REPEAT_MS_MIN) {
            answers &= ~BIT(i);
        }
    }
    return answers;
}

static size_t mdnsd_query(struct mdnsd *d, uint32_t now_ms, uint32_t random, struct dns_reader *r,
                          const struct dns_header *header, const struct mdnsd_peer *from, uint8_t *reply,
                          size_t capacity, struct mdnsd_peer *to)
{
    bool legacy = from->port != MDNS_PORT;
    bool truncated = (header->flags & DNS_FLAG_TRUNCATED) != 0;
    struct asked asked = {0};

    if (!mdnsd_questions_read(d, r, header, from->unicast || legacy, &asked) ||
        !mdnsd_query_records_read(d, now_ms, r, header, &asked)) {
        d->stats.malformed++;
        return 0;
    }
    d->stats.queries++;
    if (d->state < MDNSD_ANNOUNCING) {
        return 0; /* not ours yet */
    }
    if (asked.unicast != 0) {
        *to = *from;
        d->stats.answers++;
        d->pending |= (uint16_t)mdnsd_not_recent(d, now_ms, asked.multicast);
        d->pending_ms = now_ms + 20;
        return legacy ? mdnsd_legacy(d, header, r, asked.unicast, reply, capacity)
                      : mdnsd_message(d, asked.unicast, mdnsd_additional(d, asked.unicast), reply, capacity);
    }
    if (!asked.probe) {
        asked.multicast = mdnsd_not_recent(d, now_ms, asked.multicast);
    }
    if (asked.multicast == 0) {
        return 0;
    }
    *to = (struct mdnsd_peer){MDNSD_GROUP, MDNS_PORT, false};
    if (!truncated && (asked.multicast & SHARED) == 0) {
        d->stats.answers++;
        return mdnsd_multicast(d, now_ms, asked.multicast, reply, capacity);
    }
    /* Others may answer, too, or more known answers follow: wait a little, as the standard says. */
    if (d->pending == 0) {
        d->pending_ms = now_ms + (truncated ? 400 : 20) + random % 100;
    }
    d->pending |= (uint16_t)asked.multicast;
    return 0;
}

static void mdnsd_response(struct mdnsd *d, uint32_t now_ms, struct dns_reader *r,
                           const struct dns_header *header)
{
    unsigned count = (unsigned)header->answers + header->authorities + header->additionals;
    struct dns_question q;
    struct dns_record record;

    if (count > ENTRIES_MAX || header->questions > ENTRIES_MAX) {
        d->stats.malformed++;
        return;
    }
    for (unsigned i = 0; i < header->questions; i++) {
        if (!dns_read_question(r, &q)) {
            d->stats.malformed++;
            return;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (!dns_read_record(r, &record)) {
            d->stats.malformed++;
            return;
        }
        if (mdnsd_answer_check(d, now_ms, r, &record)) {
            return;
        }
    }
}

size_t mdnsd_receive(struct mdnsd *d, uint32_t now_ms, uint32_t random, const uint8_t *message, size_t length,
                     const struct mdnsd_peer *from, uint8_t *reply, size_t capacity, struct mdnsd_peer *to)
{
    struct dns_header header;
    struct dns_reader r;
    bool near = ((from->address ^ d->config->address) & d->config->netmask) == 0;

    if (d->state == MDNSD_STOPPED) {
        return 0;
    }
    if (!dns_read_header(&r, message, length, &header) || (header.flags & (DNS_FLAG_OPCODE | 15)) != 0) {
        d->stats.malformed++;
        return 0;
    }
    if ((header.flags & DNS_FLAG_RESPONSE) != 0) {
        if (from->port == MDNS_PORT) {
            mdnsd_response(d, now_ms, &r, &header);
        }
        return 0;
    }
    if (from->unicast && !near) {
        return 0;
    }
    return mdnsd_query(d, now_ms, random, &r, &header, from, reply, capacity, to);
}

size_t mdnsd_goodbye(struct mdnsd *d, uint8_t *reply, size_t capacity)
{
    unsigned known = d->state == MDNSD_STOPPED ? 0 : d->announced & mdnsd_existing(d);

    mdnsd_stop(d); /* so the records' time to live is 0 */
    return known != 0 ? mdnsd_message(d, known, 0, reply, capacity) : 0;
}

bool mdnsd_due(const struct mdnsd *d, uint32_t now_ms)
{
    bool step = d->state == MDNSD_PROBING || d->state == MDNSD_ANNOUNCING;

    return (step && (int32_t)(now_ms - d->step_ms) >= 0) ||
           (d->pending != 0 && (int32_t)(now_ms - d->pending_ms) >= 0);
}

/* A probe: who has these names? The authority section says what we would do with them. */
static size_t mdnsd_probe(struct mdnsd *d, uint8_t *reply, size_t capacity)
{
    unsigned claims = (BIT(A_SHORT) | BIT(A_UNIQUE) | BIT(SRV) | BIT(TXT)) & mdnsd_existing(d);
    struct dns_header header = {.questions = d->short_lost ? 2 : 3};
    struct dns_writer w;

    dns_write_header(&w, reply, capacity, &header);
    w.compress = true;
    if (!d->short_lost) {
        dns_put_question(&w, d->config->short_name, DNS_ANY, DNS_CLASS_IN | QU);
    }
    dns_put_question(&w, d->config->unique_name, DNS_ANY, DNS_CLASS_IN | QU);
    dns_put_question(&w, d->instance, DNS_ANY, DNS_CLASS_IN | QU);
    dns_count_set(&w, 2, mdnsd_records_put(d, &w, claims, false, false));
    return w.overflow ? 0 : w.length;
}

size_t mdnsd_poll(struct mdnsd *d, uint32_t now_ms, uint8_t *reply, size_t capacity)
{
    if (!mdnsd_due(d, now_ms)) {
        return 0;
    }
    if (d->state == MDNSD_PROBING && d->step < PROBES) {
        d->step++;
        d->step_ms = now_ms + PROBE_MS;
        d->stats.probes++;
        return mdnsd_probe(d, reply, capacity);
    }
    if (d->state == MDNSD_PROBING) {
        d->state = MDNSD_ANNOUNCING;
        d->step = 0;
    }
    if (d->state == MDNSD_ANNOUNCING && (int32_t)(now_ms - d->step_ms) >= 0) {
        d->step++;
        d->step_ms = now_ms + ANNOUNCE_MS;
        d->state = d->step < ANNOUNCEMENTS ? MDNSD_ANNOUNCING : MDNSD_RUNNING;
        d->stats.announcements++;
        d->announced = (uint16_t)mdnsd_existing(d);
        return mdnsd_multicast(d, now_ms, mdnsd_existing(d), reply, capacity);
    }
    d->stats.answers++;
    return mdnsd_multicast(d, now_ms, d->pending, reply, capacity);
}
