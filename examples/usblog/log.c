/*
 * The log: a ring of records, and the vendor function that carries them. See log.h.
 */
/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <string.h>

#include "usb/vendor.h"
#include "wire/le.h"

#define RECORDS  64 /* in the ring */
#define HEAD     8
#define TEXT_MAX 48

struct record {
    uint8_t head[HEAD];
    char text[TEXT_MAX];
    uint32_t length; /* of the text */
};

static struct log {
    struct vendor vendor;
    struct record ring[RECORDS];
    struct record flying; /* a copy: the ring goes on beside it */
    bool unsent;          /* `flying` is still to be read by the host */
    unsigned first, count;
    uint16_t lost;
    uint8_t level_min;
    uint8_t request[VENDOR_BUFFER_SIZE(1)] __attribute__((aligned(4)));
} log_state;

/* The record that waits longest is the next one. False: there is none. */
static bool log_take(struct log *log)
{
    if (log->count == 0) {
        return false;
    }
    log->flying = log->ring[log->first];
    log->first = (log->first + 1) % RECORDS;
    log->count--;
    store_le16(log->flying.head + 4, log->lost);
    log->lost = 0;
    log->unsent = true;
    return true;
}

/* Send a record, if the last one has been read. */
static void log_send(struct log *log)
{
    if (vendor_link_up(&log->vendor) && !vendor_sending(&log->vendor) && (log->unsent || log_take(log))) {
        const struct usb_iov pieces[] = {{log->flying.head, HEAD}, {log->flying.text, log->flying.length}};
        vendor_send(&log->vendor, pieces, 2, false);
    }
}

void log_put(enum log_level level, const char *text, uint32_t number)
{
    struct log *log = &log_state;
    size_t length = strlen(text);

    if (level < log->level_min) {
        return;
    }
    if (log->count == RECORDS) { /* the oldest one goes */
        log->first = (log->first + 1) % RECORDS;
        log->count--;
        log->lost += log->lost != UINT16_MAX;
    }
    struct record *record = &log->ring[(log->first + log->count++) % RECORDS];
    struct text t = text_over(record->text, TEXT_MAX);
    text_put_bytes(&t, text, length < TEXT_MAX ? length : TEXT_MAX);
    text_put(&t, " ");
    text_put_u32(&t, number);
    record->length = (uint32_t)t.length;
    store_le32(record->head, board_time_ms());
    record->head[6] = (uint8_t)level;
    record->head[7] = 0;
    log_send(log);
}

static void log_lend(struct log *log)
{
    vendor_receive(&log->vendor, log->request, sizeof log->request);
}

static void log_link(struct vendor *vendor, bool up)
{
    (void)vendor;
    if (up) {
        log_lend(&log_state);
        log_send(&log_state);
    }
}

static void log_received(struct vendor *vendor, uint8_t *message, size_t length)
{
    (void)vendor;
    if (length == 1 && message[0] < LOG_LEVELS) {
        log_state.level_min = message[0];
    }
    log_lend(&log_state);
}

/* What was lost on the way is sent again. */
static void log_sent(struct vendor *vendor, bool acknowledged)
{
    (void)vendor;
    log_state.unsent = !acknowledged;
    log_send(&log_state);
}

static const struct vendor_config log_config = {
    .vendor = &log_state.vendor,
    .guid = "{7d0c5f0e-3e5b-4c7a-9b0d-2f8a61c4e913}", /* uuidgen makes yours */
    .name = "usblog",
    .link = log_link,
    .received = log_received,
    .sent = log_sent,
};

const struct plugnet_function log_function = PLUGNET_VENDOR("log", &log_config);
