/*
 * The words of HTTP: any bytes.
 */
/* SPDX-License-Identifier: MIT */
#include "proof.h"

#include "wire/http_msg.c"

#define WORD_MAX 31 /* bytes, where the rounds are counted out */
#define RUN_MAX  11

void prove_http_percent_decode(void)
{
    size_t length = any_size(UINT16_MAX);
    int decoded = http_percent_decode(any_bytes(length), length);

    PROVE(decoded >= -1 && decoded <= (int)length);
    if (decoded > 0)
        REACHED("something decoded");
}

void prove_http_number_parse(void)
{
    size_t length = any_size(UINT16_MAX);
    uint32_t value = 0;

    if (http_number_parse(any_bytes(length), length, &value) && value == UINT32_MAX)
        REACHED("the largest number");
}

void prove_http_words(void)
{
    size_t length = any_size(WORD_MAX);
    char *text = any_bytes(length), etag[5];

    etag[4] = 0;
    switch (nondet_u8()) {
    case 0: http_method_parse(text, length); break;
    case 1: PROVE(http_header_parse(text, length) <= HTTP_HEADER_ACCEPT_ENCODING); break;
    case 2: http_etag_equal(text, length, etag, nondet_bool()); break;
    case 3:
        if (http_host_is_loopback6(text, length))
            REACHED("a loopback address");
        break;
    case 4: PROVE(!http_is_token(0) && http_is_token((char)nondet_u8()) <= 1); break;
    default: http_status_text(nondet_u16());
    }
}

/* Four bytes at once, and never one behind the text. */
void prove_http_runs(void)
{
    size_t length = any_size(RUN_MAX), run;
    char *text = any_bytes(length);

    run = nondet_bool() ? http_plain_length(text, length) : http_dense_length(text, length);
    PROVE(run <= length);
    if (run == RUN_MAX)
        REACHED("a run to the end");
    if (run < length)
        REACHED("a run that ends");
}
