/*
 * The words of HTTP/1.1: methods, status lines, header names, targets and hosts. Pure functions; the state
 * machine that feeds them is net/http/http.c. Source: RFC 9110, RFC 9112; docs/http.md goes through them.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_HTTP_MSG_H
#define PLUGNET_WIRE_HTTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HTTP_GET     0x01
#define HTTP_HEAD    0x02
#define HTTP_POST    0x04
#define HTTP_PUT     0x08
#define HTTP_DELETE  0x10
#define HTTP_PATCH   0x20
#define HTTP_OPTIONS 0x40
#define HTTP_TRACE   0x80 /* and CONNECT: known, never served */

/* The headers that mean something to us. From HTTP_HEADER_LISTS on they are lists, read element by element. */
enum http_header {
    HTTP_HEADER_OTHER,
    HTTP_HEADER_HOST,
    HTTP_HEADER_ORIGIN,
    HTTP_HEADER_CONTENT_LENGTH,
    HTTP_HEADER_SEC_FETCH_SITE,
    HTTP_HEADER_RANGE,
    HTTP_HEADER_IF_RANGE,
    HTTP_HEADER_REQUEST_METHOD, /* Access-Control-Request-Method */
    HTTP_HEADER_WANTED,         /* a route wants it: http_header_parse never says so */
    HTTP_HEADER_LISTS,
    HTTP_HEADER_TRANSFER_ENCODING = HTTP_HEADER_LISTS,
    HTTP_HEADER_CONNECTION,
    HTTP_HEADER_UPGRADE,
    HTTP_HEADER_ACCEPT,
    HTTP_HEADER_EXPECT,
    HTTP_HEADER_IF_MATCH,
    HTTP_HEADER_IF_NONE_MATCH,
    HTTP_HEADER_ACCEPT_ENCODING,
};

/* A method's bit; 0: unknown. Methods are case-sensitive. */
uint8_t http_method_parse(const char *text, size_t length);

/* Header by name, any case; all of it is characters that a name may have. */
enum http_header http_header_parse(const char *name, size_t length);

/* "Not Found" for 404; "" for a code we never send. */
const char *http_status_text(uint16_t status);

/* May stand in a method or header name. */
bool http_is_token(char c);

/* How many bytes at the front are of one kind; most are looked at four at a time, none behind `length`. Plain: from ' ' to '~'.
 * Dense: plain, but no space, comma, or quote. Name: as http_is_token says. */
size_t http_plain_length(const char *text, size_t length);
size_t http_dense_length(const char *text, size_t length);
size_t http_name_length(const char *text, size_t length);

/* Decode %XX in place. Returns the new length, or -1: a bad escape, a zero byte or a control character. */
int http_percent_decode(char *text, size_t length);

/* Parse all of `text` as a decimal number; what is above 0xFFFFFFFF counts as that. False: empty, or other
 * characters. */
bool http_number_parse(const char *text, size_t length, uint32_t *value);

/* Read an element of Accept-Encoding, "gzip" or "gzip;q=0.5". Returns the length of the coding's name; `*refused`
 * is true where its weight is zero (RFC 9110 12.4.2). */
size_t http_coding_parse(const char *element, size_t length, bool *refused);

/* Compare an element of If-Match or If-None-Match with our entity tag, as RFC 9110 8.8.3.2 says: the strong
 * comparison is false if one of them is weak, the weak one looks past "W/". */
bool http_etag_equal(const char *element, size_t length, const char *etag, bool strong);

/* Take "host", "host:port" or "[v6]:port" apart. `*host` is the host's length without a last dot, 0 if it is
 * empty; `*port` is 0 if there is none. False: malformed. */
bool http_authority_parse(const char *authority, size_t length, size_t *host, uint16_t *port);

/* True for "[::1]" in any of its spellings, with the brackets. */
bool http_host_is_loopback6(const char *host, size_t length);

#ifdef __cplusplus
}
#endif

#endif
