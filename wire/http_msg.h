/*
 * The words of HTTP/1.1: methods, status lines, header names, targets and hosts. Pure functions; the state
 * machine that feeds them is net/http.c. Source: RFC 9110, RFC 9112 [unread].
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_WIRE_HTTP_MSG_H
#define PLUGNET_WIRE_HTTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_GET     0x01
#define HTTP_HEAD    0x02
#define HTTP_POST    0x04
#define HTTP_PUT     0x08
#define HTTP_DELETE  0x10
#define HTTP_PATCH   0x20
#define HTTP_OPTIONS 0x40
#define HTTP_TRACE   0x80 /* and CONNECT: known, never served */

/* The headers that mean something to us. */
enum http_header {
    HTTP_HEADER_OTHER,
    HTTP_HEADER_HOST,
    HTTP_HEADER_ORIGIN,
    HTTP_HEADER_CONTENT_LENGTH,
    HTTP_HEADER_TRANSFER_ENCODING,
    HTTP_HEADER_CONNECTION,
    HTTP_HEADER_EXPECT,
    HTTP_HEADER_IF_NONE_MATCH,
    HTTP_HEADER_X_PLUGNET,
};

/* A method's bit; 0: unknown. Methods are case-sensitive. */
uint8_t http_method_parse(const char *text, size_t length);

/* Header by name, any case. */
enum http_header http_header_parse(const char *name, size_t length);

/* "Not Found" for 404; "" for a code we never send. */
const char *http_status_text(uint16_t status);

/* May stand in a method or header name. */
bool http_is_token(char c);

/* Decode %XX in place. Returns the new length, or -1: a bad escape, a zero byte or a control character. */
int http_percent_decode(char *text, size_t length);

/* Parse all of `text` as a decimal number; what is above 0xFFFFFFFF counts as that. False: empty, or other
 * characters. */
bool http_number_parse(const char *text, size_t length, uint32_t *value);

/* True if the comma-separated list holds `token`, any case. */
bool http_list_has(const char *list, size_t length, const char *token);

/* The length of the host in "host", "host:port" or "[v6]:port", without a last dot; 0: malformed. */
size_t http_host_length(const char *authority, size_t length);

#endif
