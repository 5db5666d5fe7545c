/*
 * DNS messages: names, questions and records, read and written. Serves DNS and mDNS.
 *
 *   header 12 bytes: id, flags, QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT │ questions │ records
 *   name: labels (length, bytes) … 0, or a pointer C0xx to a name further to the front
 *
 * Pure functions. Reading is bounded: a pointer must point before the name it continues, and each one before
 * the last, so every chase ends. In our own tables a name is text with dots between labels, without a last dot;
 * a label of ours holds no dot. Source: RFC 1035, RFC 6762 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_DNS_MSG_H
#define PLUGNET_WIRE_DNS_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DNS_HEADER_LENGTH 12
#define DNS_PORT          53
#define MDNS_PORT         5353

#define DNS_FLAG_RESPONSE      0x8000
#define DNS_FLAG_OPCODE        0x7800
#define DNS_FLAG_AUTHORITATIVE 0x0400
#define DNS_FLAG_TRUNCATED     0x0200
#define DNS_FLAG_RECURSION     0x0100 /* desired */

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_BADVERS = 16, /* its upper bits live in the OPT record */
};

enum dns_type {
    DNS_A = 1,
    DNS_CNAME = 5,
    DNS_PTR = 12,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_SRV = 33,
    DNS_OPT = 41,
    DNS_NSEC = 47,
    DNS_IXFR = 251,
    DNS_AXFR = 252,
    DNS_ANY = 255,
};

#define DNS_CLASS_IN    1
#define DNS_CLASS_ANY   255
#define DNS_CLASS_FLUSH 0x8000 /* mDNS: cache-flush in records, unicast reply wanted (QU) in questions */

struct dns_header {
    uint16_t id, flags;
    uint16_t questions, answers, authorities, additionals;
};

/* A question; its name begins at `name` in the message. */
struct dns_question {
    size_t name;
    uint16_t type, dns_class;
};

/* A record; data lies at `data` in the message. */
struct dns_record {
    size_t name, data;
    uint16_t type, dns_class, length;
    uint32_t ttl;
};

/* Reading. All take the whole message, since names point into it. */
struct dns_reader {
    const uint8_t *message;
    size_t length;
    size_t at; /* what is read next */
};

/* False: too short. Leaves `at` behind the header. */
bool dns_read_header(struct dns_reader *r, const uint8_t *message, size_t length, struct dns_header *header);
bool dns_read_question(struct dns_reader *r, struct dns_question *question);
bool dns_read_record(struct dns_reader *r, struct dns_record *record);

/* Where the name at `at` ends; 0: malformed. */
size_t dns_name_end(const uint8_t *message, size_t length, size_t at);

/* True if the well-formed or malformed name at `at` is `name`, any case. */
bool dns_name_equal(const uint8_t *message, size_t length, size_t at, const char *name);

#define DNS_LABELS_MAX 24 /* labels a writer remembers to point back to */

/* Writing. What doesn't fit sets `overflow` and is left out. */
struct dns_writer {
    uint8_t *message;
    size_t length, capacity;
    bool overflow;
    bool compress; /* you may set it after dns_write_header: names may end in a pointer to an earlier one */
    uint8_t label_count;
    uint16_t labels[DNS_LABELS_MAX]; /* where labels begin */
};

void dns_write_header(struct dns_writer *w, uint8_t *message, size_t capacity,
                      const struct dns_header *header);
void dns_put_u16(struct dns_writer *w, uint16_t value);
void dns_put_u32(struct dns_writer *w, uint32_t value);
void dns_put_bytes(struct dns_writer *w, const void *bytes, size_t length);
void dns_put_name(struct dns_writer *w, const char *name);

/* The name at `at` of another message, without pointers. A malformed one sets `overflow`, too. */
void dns_put_name_of(struct dns_writer *w, const uint8_t *message, size_t length, size_t at);

void dns_put_question(struct dns_writer *w, const char *name, uint16_t type, uint16_t dns_class);

/* A record: begin ─→ put its data ─→ end, with what begin returned. */
size_t dns_record_begin(struct dns_writer *w, const char *name, uint16_t type, uint16_t dns_class,
                        uint32_t ttl);
void dns_record_end(struct dns_writer *w, size_t begin);

/* Set one of the header's four counts, `index` 0 to 3. */
void dns_count_set(struct dns_writer *w, unsigned index, uint16_t count);

/* Write the reverse name of an IPv4 address, "1.7.168.192.in-addr.arpa", into 29 bytes. */
#define DNS_REVERSE_MAX 29
void dns_reverse_name(char name[DNS_REVERSE_MAX], uint32_t address);

#ifdef __cplusplus
}
#endif

#endif
