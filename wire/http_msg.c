/*
 * The words of HTTP/1.1; see the header.
 */
/* SPDX-License-Identifier: MIT */
#include "wire/http_msg.h"

#include <string.h>

#include "wire/le.h"

/* ---- Four bytes in a word ---- */

#define EACH   0x01010101u
#define LETTER (EACH * 0x20) /* makes capitals small */
#define MARKS  (EACH * 0x80) /* a byte's highest bit says: this is none of them */

/* Each marks the bytes that are not of its kind. A byte too large or too small carries into the ones above, so only the lowest
 * mark is sure. */
static uint32_t http_mark_plain(uint32_t word)
{
    return (word | (word - EACH * ' ') | (word + EACH)) & MARKS;
}

static uint32_t http_mark_dense(uint32_t word)
{
    uint32_t comma = (word ^ EACH * ',') - EACH, quote = (word ^ EACH * '"') - EACH;

    return (word | (word - EACH * '!') | (word + EACH) | comma | quote) & MARKS;
}

static uint32_t http_mark_letters(uint32_t word)
{
    uint32_t small = word | LETTER;

    return (word | (small - EACH * 'a') | (small + EACH * (0x7F - 'z'))) & MARKS;
}

/* Fewer than four bytes, and zeros, which are of no kind, for those that aren't there. */
__attribute__((noinline)) static uint32_t http_load_few(const char *text, size_t length)
{
    uint32_t word = 0;

    while (length > 0) {
        word = word << 8 | (uint8_t)text[--length];
    }
    return word;
}

/* Inlined into each caller, with its `mark`. */
static inline __attribute__((always_inline)) size_t http_run_length(const char *text, size_t length,
                                                                    uint32_t (*mark)(uint32_t word))
{
    for (size_t at = 0;; at += 4) {
        size_t left = length - at;
        uint32_t marks =
            mark(left >= 4 ? load_le32((const uint8_t *)text + at) : http_load_few(text + at, left));
        if (marks != 0) {
            return at + (size_t)__builtin_ctz(marks) / 8;
        }
    }
}

size_t http_plain_length(const char *text, size_t length)
{
    return http_run_length(text, length, http_mark_plain);
}

size_t http_dense_length(const char *text, size_t length)
{
    return http_run_length(text, length, http_mark_dense);
}

size_t http_name_length(const char *text, size_t length)
{
    size_t at = 0;

    for (;;) {
        at += http_run_length(text + at, length - at, http_mark_letters);
        if (at == length || !http_is_token(text[at])) {
            return at;
        }
        at++;
    }
}

/* ---- Words ---- */

static bool http_equal(const char *text, size_t length, const char *string)
{
    return strlen(string) == length && memcmp(text, string, length) == 0;
}

uint8_t http_method_parse(const char *text, size_t length)
{
    static const struct {
        char name[8];
        uint8_t bit;
    } methods[] = {{"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
                   {"PUT", HTTP_PUT},         {"DELETE", HTTP_DELETE}, {"PATCH", HTTP_PATCH},
                   {"OPTIONS", HTTP_OPTIONS}, {"TRACE", HTTP_TRACE},   {"CONNECT", HTTP_TRACE}};

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (http_equal(text, length, methods[i].name)) {
            return methods[i].bit;
        }
    }
    return 0;
}

/* Of the same length, 4 at least, and but for the case of letters: ours has only letters and '-', for which no character that a
 * name may have can be mistaken. */
static bool http_name_equal(const char *name, const char *ours, size_t length)
{
    const uint8_t *a = (const uint8_t *)name, *b = (const uint8_t *)ours;

    for (; length > 4; length -= 4, a += 4, b += 4) {
        if (((load_le32(a) ^ load_le32(b)) & ~LETTER) != 0) {
            return false;
        }
    }
    return ((load_le32(a + length - 4) ^ load_le32(b + length - 4)) & ~LETTER) == 0;
}

enum http_header http_header_parse(const char *name, size_t length)
{
    static const char *const names[] = {
        [HTTP_HEADER_HOST] = "Host",
        [HTTP_HEADER_ORIGIN] = "Origin",
        [HTTP_HEADER_CONTENT_LENGTH] = "Content-Length",
        [HTTP_HEADER_SEC_FETCH_SITE] = "Sec-Fetch-Site",
        [HTTP_HEADER_RANGE] = "Range",
        [HTTP_HEADER_IF_RANGE] = "If-Range",
        [HTTP_HEADER_REQUEST_METHOD] = "Access-Control-Request-Method",
        [HTTP_HEADER_UPGRADE] = "Upgrade",
        [HTTP_HEADER_ACCEPT] = "Accept",
        [HTTP_HEADER_TRANSFER_ENCODING] = "Transfer-Encoding",
        [HTTP_HEADER_CONNECTION] = "Connection",
        [HTTP_HEADER_EXPECT] = "Expect",
        [HTTP_HEADER_IF_MATCH] = "If-Match",
        [HTTP_HEADER_IF_NONE_MATCH] = "If-None-Match",
        [HTTP_HEADER_ACCEPT_ENCODING] = "Accept-Encoding",
    };
    static const uint8_t by_length[30][3] = {
        [4] = {HTTP_HEADER_HOST},
        [5] = {HTTP_HEADER_RANGE},
        [6] = {HTTP_HEADER_ACCEPT, HTTP_HEADER_ORIGIN, HTTP_HEADER_EXPECT},
        [7] = {HTTP_HEADER_UPGRADE},
        [8] = {HTTP_HEADER_IF_MATCH, HTTP_HEADER_IF_RANGE},
        [10] = {HTTP_HEADER_CONNECTION},
        [13] = {HTTP_HEADER_IF_NONE_MATCH},
        [14] = {HTTP_HEADER_CONTENT_LENGTH, HTTP_HEADER_SEC_FETCH_SITE},
        [15] = {HTTP_HEADER_ACCEPT_ENCODING},
        [17] = {HTTP_HEADER_TRANSFER_ENCODING},
        [29] = {HTTP_HEADER_REQUEST_METHOD},
    };

    for (size_t i = 0; length < 30 && i < 3; i++) {
        uint8_t header = by_length[length][i];
        if (header != HTTP_HEADER_OTHER && http_name_equal(name, names[header], length)) {
            return (enum http_header)header;
        }
    }
    return HTTP_HEADER_OTHER;
}

const char *http_status_text(uint16_t status)
{
    static const char names[] = "101Switching Protocols\0"
                                "200OK\0"
                                "201Created\0"
                                "202Accepted\0"
                                "204No Content\0"
                                "206Partial Content\0"
                                "301Moved Permanently\0"
                                "302Found\0"
                                "303See Other\0"
                                "304Not Modified\0"
                                "307Temporary Redirect\0"
                                "308Permanent Redirect\0"
                                "400Bad Request\0"
                                "401Unauthorized\0"
                                "403Forbidden\0"
                                "404Not Found\0"
                                "405Method Not Allowed\0"
                                "406Not Acceptable\0"
                                "408Request Timeout\0"
                                "409Conflict\0"
                                "412Precondition Failed\0"
                                "413Content Too Large\0"
                                "414URI Too Long\0"
                                "415Unsupported Media Type\0"
                                "416Range Not Satisfiable\0"
                                "417Expectation Failed\0"
                                "421Misdirected Request\0"
                                "422Unprocessable Content\0"
                                "426Upgrade Required\0"
                                "429Too Many Requests\0"
                                "431Request Header Fields Too Large\0"
                                "500Internal Server Error\0"
                                "501Not Implemented\0"
                                "503Service Unavailable\0"
                                "505HTTP Version Not Supported\0";
    char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10), (char)('0' + status % 10)};
    const char *name = names;

    while (*name != 0 && memcmp(name, digits, sizeof digits) != 0) {
        name += strlen(name) + 1;
    }
    return *name != 0 ? name + sizeof digits : name;
}

bool http_is_token(char c)
{
    /* A bit for each character: letters, digits, and !#$%&'*+-.^_`|~ of RFC 9110 5.6.2. */
    static const uint32_t tokens[4] = {0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF};
    uint8_t byte = (uint8_t)c;

    return byte < 0x80 && (tokens[byte / 32] >> byte % 32 & 1) != 0;
}

static int http_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int http_percent_decode(char *text, size_t length)
{
    size_t to = 0;

    for (size_t at = 0; at < length; at++) {
        int c = (unsigned char)text[at];
        if (c == '%') {
            int high = length - at > 2 ? http_hex_digit(text[at + 1]) : -1;
            int low = high >= 0 ? http_hex_digit(text[at + 2]) : -1;
            if (low < 0) {
                return -1;
            }
            c = high << 4 | low;
            at += 2;
        }
        if (c < 0x20 || c == 0x7F) {
            return -1;
        }
        text[to++] = (char)c;
    }
    return (int)to;
}

bool http_number_parse(const char *text, size_t length, uint32_t *value)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        sum = sum * 10 + (uint64_t)(text[i] - '0');
        sum = sum < 0xFFFFFFFFu ? sum : 0xFFFFFFFFu;
    }
    *value = (uint32_t)sum;
    return length > 0;
}

size_t http_coding_parse(const char *element, size_t length, bool *refused)
{
    size_t name = 0, at;

    while (name < length && element[name] != ';' && element[name] != ' ' && element[name] != '\t') {
        name++;
    }
    at = name;
    while (at < length && (element[at] == ';' || element[at] == ' ' || element[at] == '\t')) {
        at++;
    }
    *refused = length - at > 2 && (element[at] | 0x20) == 'q' && element[at + 1] == '=';
    for (at += 2; *refused && at < length; at++) {
        *refused = element[at] == '0' || element[at] == '.';
    }
    return name;
}

static bool http_etag_is_weak(const char *etag, size_t length)
{
    return length > 2 && etag[0] == 'W' && etag[1] == '/';
}

bool http_etag_equal(const char *element, size_t length, const char *etag, bool strong)
{
    bool weak = http_etag_is_weak(element, length), ours_weak = http_etag_is_weak(etag, strlen(etag));

    if (strong && (weak || ours_weak)) {
        return false;
    }
    return http_equal(element + (weak ? 2 : 0), length - (weak ? 2 : 0), etag + (ours_weak ? 2 : 0));
}

/* May stand in a host's name, or between the brackets of an IPv6 address. */
static bool http_is_host_byte(char c, bool bracketed)
{
    if ((c >= '-' && c <= '9' && c != '/') || (c >= 'a' && c <= 'z')) {
        return true; /* also '.' */
    }
    return (c >= 'A' && c <= 'Z') || (bracketed && c == ':') ||
           (c != 0 && strchr("_~!$&'()*+,;=%", c) != NULL);
}

bool http_authority_parse(const char *authority, size_t length, size_t *host, uint16_t *port)
{
    bool bracketed = length > 0 && authority[0] == '[';
    size_t end = bracketed ? 1 : 0;
    uint32_t number = 0;

    *port = 0;
    while (end < length && http_is_host_byte(authority[end], bracketed)) {
        end++;
    }
    if (bracketed && (end == 1 || end == length || authority[end++] != ']')) {
        return false;
    }
    *host = end > 1 && authority[end - 1] == '.' ? end - 1 : end;
    if (end == length) {
        return true;
    }
    if (authority[end++] != ':') {
        return false;
    }
    if (end == length) {
        return true; /* "host:" names no port */
    }
    if (!http_number_parse(authority + end, length - end, &number) || number == 0 || number > UINT16_MAX) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

bool http_host_is_loopback6(const char *host, size_t length)
{
    unsigned groups = 0, digits = 0;
    bool gap = false, one = false;

    if (length < 5 || host[0] != '[' || host[length - 1] != ']') {
        return false;
    }
    for (size_t i = 1; i < length - 1; i++) {
        bool colon = host[i] == ':', pair = colon && host[i + 1] == ':';
        if (one || (!colon && (host[i] != '0' && host[i] != '1')) || (pair && gap) ||
            (!colon && digits == 4) || (colon && digits == 0 && !pair && host[i - 1] != ':')) {
            return false;
        }
        gap |= pair;
        groups += !colon && digits == 0;
        digits = colon ? 0 : digits + 1;
        one = host[i] == '1';
    }
    return one && (gap ? groups < 8 : groups == 8);
}
