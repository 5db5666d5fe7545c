/*
 * The NCM function on the virtual udc: requests, state, notifications, sending, receiving, and what a hostile
 * host sends. After each blow: it was counted, the next good frame goes through, and no block is lost.
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "test/unit/usb_rig.h"

static struct rig rig;
static struct rig_function *const f = &rig.functions[0];
static uint8_t bytes[20000];

static void start(bool up)
{
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, up));
}

static void check_well(void)
{
    CHECK(rig_good(&rig, 0));
    CHECK(rig_blocks_home(&rig, 0));
}

/* ---- Class requests. ---- */

static int get(uint8_t request, uint16_t value, uint16_t index, uint16_t length)
{
    memset(bytes, 0xEE, 64);
    return rig_control(&rig, 0xA1, request, value, index, length, bytes);
}

static int set(uint8_t request, uint16_t value, uint16_t index, uint16_t length)
{
    return rig_control(&rig, 0x21, request, value, index, length, bytes);
}

static int set_input_size(uint32_t size)
{
    store_le32(bytes, size);
    return set(NCM_SET_NTB_INPUT_SIZE, 0, 0, 4);
}

static uint32_t input_size(void)
{
    CHECK_EQUAL(get(NCM_GET_NTB_INPUT_SIZE, 0, 0, 4), 4);
    return load_le32(bytes);
}

TEST(requests_parameters)
{
    /* clang-format off */
    static const uint8_t wanted[28] = {28, 0, 1, 0, 0x00, 0x40, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0,
                                       0x00, 0x0C, 0, 0, 4, 0, 0, 0, 8, 0, 3, 0};
    /* clang-format on */
    start(false);
    CHECK_EQUAL(get(NCM_GET_NTB_PARAMETERS, 0, 0, 28), 28);
    CHECK_BYTES(bytes, wanted, 28);
    CHECK_EQUAL(get(NCM_GET_NTB_PARAMETERS, 0, 0, 64), 28);
    CHECK_EQUAL(get(NCM_GET_NTB_PARAMETERS, 0, 0, 8), 8);
    CHECK_BYTES(bytes, wanted, 8);
    CHECK_EQUAL(bytes[8], 0xEE);
    CHECK_EQUAL(get(NCM_GET_NTB_PARAMETERS, 1, 0, 28), RIG_STALL);
    CHECK_EQUAL(get(NCM_GET_NTB_PARAMETERS, 0, 1, 28), RIG_STALL);      /* the data interface */
    CHECK_EQUAL(get(NCM_GET_NTB_PARAMETERS, 0, 0x0100, 28), RIG_STALL); /* a high byte */
    CHECK_EQUAL(set(NCM_GET_NTB_PARAMETERS, 0, 0, 0), RIG_STALL);       /* the wrong way */
}

TEST(requests_format)
{
    start(false);
    CHECK_EQUAL(get(NCM_GET_NTB_FORMAT, 0, 0, 2), 2);
    CHECK_BYTES(bytes, "\0\0\xEE", 3);
    CHECK_EQUAL(get(NCM_GET_NTB_FORMAT, 0, 0, 1), RIG_STALL);
    CHECK_EQUAL(get(NCM_GET_NTB_FORMAT, 1, 0, 2), RIG_STALL);
    CHECK_EQUAL(set(NCM_SET_NTB_FORMAT, 0, 0, 0), 0);
    CHECK_EQUAL(set(NCM_SET_NTB_FORMAT, 1, 0, 0), RIG_STALL);
    CHECK_EQUAL(set(NCM_SET_NTB_FORMAT, 0, 0, 2), RIG_STALL);
    CHECK_EQUAL(set(NCM_SET_NTB_FORMAT, 0, 1, 0), RIG_STALL);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK_EQUAL(set(NCM_SET_NTB_FORMAT, 0, 0, 0), RIG_STALL); /* alt 0 only */
    check_well();
}

TEST(requests_input_size)
{
    start(false);
    CHECK_EQUAL(input_size(), 16384);
    CHECK_EQUAL(get(NCM_GET_NTB_INPUT_SIZE, 0, 0, 3), RIG_STALL);
    CHECK_EQUAL(get(NCM_GET_NTB_INPUT_SIZE, 0, 0, 8), 4);
    CHECK_EQUAL(get(NCM_GET_NTB_INPUT_SIZE, 1, 0, 4), RIG_STALL);
    CHECK_EQUAL(set_input_size(2048), 4);
    CHECK_EQUAL(input_size(), 2048);
    CHECK_EQUAL(set_input_size(2047), RIG_STALL);
    CHECK_EQUAL(set_input_size(16385), RIG_STALL);
    CHECK_EQUAL(set_input_size(0xFFFFFFFF), RIG_STALL);
    CHECK_EQUAL(set_input_size(0), RIG_STALL);
    CHECK_EQUAL(input_size(), 2048);
    CHECK_EQUAL(set_input_size(16384), 4);
    store_le32(bytes, 4096);
    CHECK_EQUAL(set(NCM_SET_NTB_INPUT_SIZE, 1, 0, 4), RIG_STALL);
    CHECK_EQUAL(set(NCM_SET_NTB_INPUT_SIZE, 0, 1, 4), RIG_STALL);
    CHECK_EQUAL(set(NCM_SET_NTB_INPUT_SIZE, 0, 0, 8), RIG_STALL); /* D5 is not set */
    CHECK_EQUAL(set(NCM_SET_NTB_INPUT_SIZE, 0, 0, 3), RIG_STALL);
    CHECK_EQUAL(set(NCM_SET_NTB_INPUT_SIZE, 0, 0, 0), RIG_STALL);
    CHECK_EQUAL(input_size(), 16384);
    /* What resets it: alt 0, configuration, bus reset; not alt 1. */
    CHECK_EQUAL(set_input_size(4096), 4);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK_EQUAL(input_size(), 4096);
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK_EQUAL(input_size(), 16384);
    CHECK_EQUAL(set_input_size(4096), 4);
    CHECK_EQUAL(rig_control(&rig, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL), 0);
    CHECK_EQUAL(input_size(), 16384);
    CHECK_EQUAL(set_input_size(4096), 4);
    CHECK(rig_enumerate(&rig, true));
    CHECK_EQUAL(input_size(), 16384);
    check_well();
}

/* Data that is shorter or longer than wLength says. */
TEST(requests_data_stage)
{
    struct cable cable = {&virtual_udc_cable_ops, &rig.udc};
    static const uint8_t put[8] = {0x21, NCM_SET_NTB_INPUT_SIZE, 0, 0, 0, 0, 4, 0};
    bool data1;
    uint16_t length;
    start(true);
    for (uint16_t sent = 0; sent <= 64; sent++) {
        store_le32(bytes, 4096);
        CHECK_EQUAL(cable.ops->setup(cable.device, RIG_ADDRESS, 0, put), CABLE_ACK);
        rig_poll(&rig);
        CHECK_EQUAL(cable.ops->out(cable.device, RIG_ADDRESS, 0, true, bytes, sent), CABLE_ACK);
        rig_poll(&rig);
        CHECK_EQUAL(cable.ops->in(cable.device, RIG_ADDRESS, 0, &data1, bytes + 64, &length),
                    sent == 4 ? CABLE_ACK : CABLE_STALL);
        rig_poll(&rig);
    }
    CHECK_EQUAL(input_size(), 4096);
    check_well();
}

TEST(requests_filter_and_absent)
{
    start(true);
    for (uint16_t filter = 0; filter < 32; filter++)
        CHECK_EQUAL(set(CDC_SET_ETHERNET_PACKET_FILTER, filter, 0, 0), 0);
    CHECK_EQUAL(set(CDC_SET_ETHERNET_PACKET_FILTER, 32, 0, 0), RIG_STALL);
    CHECK_EQUAL(set(CDC_SET_ETHERNET_PACKET_FILTER, 0xFFFF, 0, 0), RIG_STALL);
    CHECK_EQUAL(set(CDC_SET_ETHERNET_PACKET_FILTER, 0, 1, 0), RIG_STALL);
    CHECK_EQUAL(set(CDC_SET_ETHERNET_PACKET_FILTER, 0, 0, 2), RIG_STALL);
    /* Not offered by a capability or a count of 0 in the descriptors. */
    static const uint8_t in[] = {0x01, 0x42, 0x44, 0x81, 0x87, 0x89};
    static const uint8_t out[] = {0x00, 0x40, 0x41, 0x82, 0x88, 0x8A};
    for (size_t i = 0; i < sizeof in; i++)
        for (uint16_t length = 0; length < 9; length++)
            CHECK_EQUAL(get(in[i], 0, 0, length), RIG_STALL);
    for (size_t i = 0; i < sizeof out; i++)
        for (uint16_t length = 0; length < 9; length++)
            CHECK_EQUAL(set(out[i], 0, 0, length), RIG_STALL);
    /* To an endpoint, or as a vendor request. */
    CHECK_EQUAL(rig_control(&rig, 0xA2, NCM_GET_NTB_PARAMETERS, 0, 0x81, 28, bytes), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0xC1, NCM_GET_NTB_PARAMETERS, 0, 0, 28, bytes), RIG_STALL);
    check_well();
}

/* ---- Notifications. ---- */

static const uint8_t speed[16] = {0xA1, 0x2A, 0, 0, 0, 0, 8, 0, 0x00, 0x1B, 0xB7, 0, 0x00, 0x1B, 0xB7, 0};
static const uint8_t connection[8] = {0xA1, 0, 1, 0, 0, 0, 0, 0};

static void check_notifications(void)
{
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), 16);
    CHECK_BYTES(bytes, speed, 16);
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), 8);
    CHECK_BYTES(bytes, connection, 8);
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), RIG_NAK);
}

TEST(notifications)
{
    start(false);
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), RIG_NAK);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    check_notifications();
    for (unsigned i = 0; i < 3; i++) { /* after every alt 1 */
        CHECK_EQUAL(rig_alternate(&rig, 0, i == 1), 0);
        CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
        check_notifications();
    }
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), 16); /* half of them read … */
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK_EQUAL(rig_in(&rig, 0x81, bytes, 16), RIG_NAK); /* … the rest is void */
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    rig_time(&rig, 60000, true); /* armed for ever */
    check_notifications();
    CHECK_EQUAL(rig_control(&rig, 0x01, USB_SET_INTERFACE, 0, 0, 0, NULL), 0); /* control interface */
    rig_toggle_reset(&rig, 0x81);
    check_notifications();
    check_well();
}

TEST(link_callback)
{
    start(false);
    CHECK_EQUAL(f->ups, 0);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK(f->ups == 1 && f->downs == 0 && ncm_link_up(&f->ncm));
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    CHECK(f->ups == 2 && f->downs == 1);
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK(f->ups == 2 && f->downs == 2 && !ncm_link_up(&f->ncm));
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK_EQUAL(f->downs, 2);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    rig_bus_reset(&rig);
    CHECK(f->ups == 3 && f->downs == 3);
    CHECK(rig_blocks_home(&rig, 0));
}

/* ---- Sending. ---- */

static uint8_t payload[1600];

static bool send_frame(size_t length, void *token)
{
    struct usb_iov piece = {payload, (uint32_t)length};
    return ncm_send(&f->ncm, &piece, 1, token);
}

static void start_sending(void)
{
    start(true);
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + 3);
}

TEST(send_one_frame_at_once)
{
    static const uint8_t head[30] = {'N', 'C', 'M', 'H', 12, 0,  0, 0,  90, 0, 12, 0, 'N', 'C', 'M',
                                     '0', 16,  0,   0,   0,  30, 0, 60, 0,  0, 0,  0, 0,   0,   0};
    start_sending();
    struct usb_iov pieces[3] = {{payload, 14}, {payload + 100, 0}, {payload + 101, 46}};
    CHECK(ncm_send(&f->ncm, pieces, 3, &rig));
    memset(pieces, 0, sizeof pieces); /* the array is the caller's again */
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), 90);
    CHECK_BYTES(bytes, head, 30);
    CHECK_BYTES(bytes + 30, payload, 14);
    CHECK_BYTES(bytes + 44, payload + 101, 46);
    CHECK(f->sent == 1 && f->lost == 0 && f->last_token == &rig);
    const struct ncm_stats *stats = ncm_stats(&f->ncm);
    CHECK(stats->in_blocks == 1 && stats->in_datagrams == 1 && stats->in_bytes == 60);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), RIG_NAK);
    check_well();
}

/* While a block is in flight, frames gather in the next one; wSequence counts. */
TEST(send_batches)
{
    start_sending();
    for (unsigned i = 0; i < 6; i++)
        CHECK(send_frame(60 + i, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), 90);
    CHECK_EQUAL(f->sent, 1);
    int length = rig_in(&rig, 0x82, bytes, sizeof bytes);
    struct ntb ntb;
    ntb_check(&ntb, bytes, (size_t)length, 1514);
    CHECK(ntb.count == 5 && !ntb.dropped && ntb.block_length == length && ntb.sequence == 1);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQUAL(ntb.datagrams[i].length, 61 + i);
        CHECK_EQUAL(ntb.datagrams[i].offset % 4, 2);
        CHECK_BYTES(bytes + ntb.datagrams[i].offset, payload, 61 + i);
    }
    CHECK_EQUAL(f->sent, 6);
    check_well();
}

/* Every total from 44 to 1,544 bytes: multiples of 64 end with an empty packet. */
TEST(send_every_length)
{
    start_sending();
    for (unsigned length = 14; length <= 1514; length++) {
        CHECK(send_frame(length, NULL));
        CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), 30 + length);
        CHECK_BYTES(bytes + 30, payload, length);
        CHECK_EQUAL(f->sent, length - 13);
    }
    CHECK(!send_frame(13, NULL) && !send_frame(1515, NULL));
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_full, 2);
}

/* Exactly the size in force: complete without an empty packet; one less needs none; 64 less does. */
TEST(send_exact_size)
{
    start_sending();
    CHECK_EQUAL(set_input_size(2048), 4);
    CHECK(send_frame(60, NULL));
    CHECK(send_frame(1514, NULL));             /* 34 + 1514 + 2 = 1550 */
    CHECK(!send_frame(2048 - 1550 + 1, NULL)); /* one byte too long */
    CHECK(send_frame(2048 - 1550, NULL));      /* exactly 2048 */
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 4096), 90);
    CHECK(send_frame(60, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 2048), 2048); /* ended by count */
    CHECK_EQUAL(load_le16(bytes + 8), 2048);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 4096), 90); /* no empty packet in between */
    CHECK(send_frame(64 * 10 - 30, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 640), 640);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 4096), 0); /* the empty packet */
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_full, 1);
    check_well();
}

/* A smaller size while a longer block is open: that block can't be sent any more. */
TEST(send_size_shrinks)
{
    start_sending();
    for (unsigned i = 0; i < 5; i++)
        CHECK(send_frame(1000, NULL));
    CHECK_EQUAL(set_input_size(2048), 4);
    CHECK(f->lost == 4 && f->sent == 0);
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_abort, 4);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 1030);
    CHECK(send_frame(100, NULL));
    CHECK(send_frame(1514, NULL));
    CHECK(send_frame(2048 - 1550, NULL)); /* exactly as long: it stays */
    CHECK_EQUAL(set_input_size(2048), 4);
    CHECK_EQUAL(f->lost, 4);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 2048), 130);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 2048), 2048);
}

TEST(send_limits)
{
    start_sending();
    CHECK(send_frame(60, NULL)); /* in flight */
    for (unsigned i = 0; i < NCM_IN_DATAGRAMS_MAX; i++)
        CHECK(send_frame(61, NULL));
    CHECK(!send_frame(61, NULL));
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_full, 1);
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 0);
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 0);
    CHECK_EQUAL(f->sent, 1 + NCM_IN_DATAGRAMS_MAX);
    /* Pieces: a full block of frames of as many pieces as fit. */
    struct usb_iov pieces[NCM_FRAME_PIECES_MAX];
    for (size_t i = 0; i < NCM_FRAME_PIECES_MAX; i++)
        pieces[i] = (struct usb_iov){payload + i * 11, 11};
    CHECK(send_frame(60, NULL));
    unsigned taken = 0;
    while (ncm_send(&f->ncm, pieces, NCM_FRAME_PIECES_MAX, NULL))
        taken++;
    CHECK(taken >= NCM_IN_PIECES_MAX / NCM_FRAME_PIECES_MAX && taken <= NCM_IN_DATAGRAMS_MAX);
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 0);
    int length = rig_in(&rig, 0x82, bytes, 16384);
    struct ntb ntb;
    ntb_check(&ntb, bytes, (size_t)length, 1514);
    CHECK_EQUAL(ntb.count, taken);
    for (unsigned i = 0; i < taken; i++)
        CHECK_BYTES(bytes + ntb.datagrams[i].offset, payload, 66);
    check_well();
}

TEST(send_down)
{
    start(false);
    CHECK(!send_frame(60, NULL));
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_down, 1);
    CHECK(f->sent == 0 && f->lost == 0);
}

/* Frames that were taken come back on whatever ends the link; in order, once. */
TEST(send_abort)
{
    for (unsigned how = 0; how < 6; how++) {
        start_sending();
        for (unsigned i = 0; i < 4; i++)
            CHECK(send_frame(500, NULL));
        if (how > 0)
            CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 64), 64); /* in the middle of it */
        switch (how) {
        case 0:
        case 1: CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0); break;
        case 2: rig_bus_reset(&rig); break;
        case 3: usb_device_detach(&rig.device); break;
        case 4: CHECK_EQUAL(rig_control(&rig, 0, USB_SET_CONFIGURATION, 0, 0, 0, NULL), 0); break;
        default: CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0); break;
        }
        CHECK(f->lost == 4 && f->sent == 0);
        CHECK_EQUAL(ncm_stats(&f->ncm)->in_unread, 4);
        CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_abort, 0);
        if (how == 3)
            usb_device_attach(&rig.device);
        CHECK(rig_enumerate(&rig, true));
        CHECK(send_frame(60, NULL));
        CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), 90);
        CHECK_EQUAL(load_le16(bytes + 6), 0); /* wSequence starts again */
        check_well();
    }
}

/* A halt in the middle of a block: that one is lost, the open one follows after the halt. */
TEST(send_halt)
{
    start_sending();
    for (unsigned i = 0; i < 3; i++)
        CHECK(send_frame(500, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 64), 64);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x82, 0, NULL), 0);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 64), RIG_STALL);
    CHECK(f->lost == 1 && f->sent == 0);
    CHECK(send_frame(500, NULL)); /* still collects */
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x82, 0, NULL), 0);
    rig_toggle_reset(&rig, 0x82);
    CHECK(rig_in(&rig, 0x82, bytes, sizeof bytes) > 1500);
    CHECK_EQUAL(f->sent, 3);
    /* Cleared without a halt, in the middle. */
    CHECK(send_frame(500, NULL));
    CHECK(send_frame(60, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 64), 64);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x82, 0, NULL), 0);
    rig_toggle_reset(&rig, 0x82);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), 90);
    CHECK(f->sent == 4 && f->lost == 2);
    check_well();
}

/* A host that stops reading: the open block fills, refusals are counted; then everything goes on. */
TEST(send_host_stops_reading)
{
    start_sending();
    unsigned taken = 0;
    for (unsigned i = 0; i < 5000; i++) {
        taken += send_frame(1000, NULL);
        rig_time(&rig, 1, i < 2000);
        if (i % 10 == 0)
            CHECK(rig_good(&rig, 0)); /* the other way keeps going */
    }
    CHECK_EQUAL(taken, 1 + NCM_IN_DATAGRAMS_MAX);
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_full, 5000 - taken);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 1030);
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 8000);
    CHECK_EQUAL(f->sent, taken);
    CHECK(send_frame(60, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 90);
    check_well();
}

/* `sent` may send: what it adds leaves at once, or joins the open block. */
TEST(send_from_sent)
{
    start_sending();
    f->reply_in_sent = true;
    CHECK(send_frame(100, NULL));
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 130);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 90);
    for (unsigned i = 0; i < 1 + NCM_IN_DATAGRAMS_MAX; i++)
        CHECK(send_frame(100, NULL));
    f->reply_in_sent = true;
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 130);
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 800);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 90);
    CHECK_EQUAL(f->sent, 2 + 1 + NCM_IN_DATAGRAMS_MAX + 1);
    f->reply_in_sent = true;
    CHECK(send_frame(100, NULL));
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0); /* … and is refused when the link is down */
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_down, 1);
}

static bool send_ahead(size_t length)
{
    struct usb_iov piece = {payload, (uint32_t)length};
    return ncm_send_frame(&f->ncm, true, &piece, 1, NULL);
}

/* The next block's frames have these lengths. */
static void check_block(size_t count, const uint16_t *lengths)
{
    int got = rig_in(&rig, 0x82, bytes, 16384);
    struct ntb ntb;
    CHECK(got > 0);
    ntb_check(&ntb, bytes, (size_t)got, 1514);
    CHECK(!ntb.dropped);
    CHECK_EQUAL(ntb.count, count);
    for (size_t i = 0; i < count && i < ntb.count; i++) {
        CHECK_EQUAL(ntb.datagrams[i].length, lengths[i]);
        CHECK_BYTES(bytes + ntb.datagrams[i].offset, payload, lengths[i]);
    }
}

/* A small frame that may overtake leaves before those that wait; those that may keep their order, and the others theirs. */
TEST(send_ahead_overtakes)
{
    start_sending();
    CHECK(send_ahead(60)); /* nothing to overtake: at once */
    CHECK(send_frame(1400, NULL) && send_frame(1401, NULL));
    CHECK(send_ahead(61) && send_ahead(62) && send_ahead(63) && send_ahead(64)); /* the last finds no room */
    CHECK(send_frame(1402, NULL));
    check_block(1, (uint16_t[]){60});
    CHECK(send_ahead(65)); /* behind 64, though the block in flight is of its kind */
    check_block(3, (uint16_t[]){61, 62, 63});
    CHECK(send_ahead(66)); /* the open block is in flight: it may overtake again */
    CHECK(send_frame(1403, NULL));
    check_block(5, (uint16_t[]){1400, 1401, 64, 1402, 65});
    check_block(1, (uint16_t[]){66});
    check_block(1, (uint16_t[]){1403});
    CHECK_EQUAL(f->sent, 11);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), RIG_NAK);
    check_well();
}

/* However many there are: the others get every second block, and whatever ends the link gives all back, once. */
TEST(send_ahead_starves_nobody)
{
    start_sending();
    CHECK(send_frame(1400, NULL) && send_frame(1401, NULL));
    unsigned waited = 0;
    do {
        for (unsigned i = 0; i < NCM_AHEAD_DATAGRAMS_MAX; i++)
            send_ahead(60);
        CHECK(rig_in(&rig, 0x82, bytes, 16384) > 0);
    } while (load_le16(bytes + 22) != 1401 && ++waited < 4);
    CHECK_EQUAL(waited, 2); /* 1400, three small ones, and then it */
    for (unsigned how = 0; how < 3; how++) {
        start_sending();
        CHECK(send_frame(1400, NULL) && send_frame(1401, NULL) && send_ahead(60) && send_ahead(61));
        if (how == 2)
            CHECK(rig_in(&rig, 0x82, bytes, 16384) > 0); /* now it is in flight */
        if (how == 0)
            usb_device_detach(&rig.device);
        else
            CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
        CHECK_EQUAL(f->sent, how == 2);
        CHECK_EQUAL(f->lost, 4u - (how == 2));
    }
}

/* A large one, or one of too many pieces, waits with the others; then all behind it do, small or not. */
TEST(send_ahead_keeps_its_order)
{
    struct usb_iov pieces[NCM_AHEAD_PIECES_MAX + NCM_AHEAD_DATAGRAMS_MAX];
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        pieces[i] = (struct usb_iov){payload + i * 11, 11};
    start_sending();
    for (unsigned large = 0; large < 2; large++) {
        CHECK(send_frame(60, NULL) && send_ahead(61));
        CHECK(large ? send_ahead(1400)
                    : ncm_send_frame(&f->ncm, true, pieces, sizeof pieces / sizeof pieces[0], NULL));
        CHECK(send_ahead(62));
        check_block(1, (uint16_t[]){60});
        check_block(1, (uint16_t[]){61});
        CHECK(send_ahead(63)); /* the open block is in flight: it may overtake again */
        CHECK(send_frame(1401, NULL) && send_ahead(64));
        check_block(2, (uint16_t[]){large ? 1400 : sizeof pieces / sizeof pieces[0] * 11, 62});
        check_block(2, (uint16_t[]){63, 64});
        check_block(1, (uint16_t[]){1401});
    }
    check_well();
}

/* A frame of no valid length is refused as ever. What waits to overtake fits any buffer that a host may name. */
TEST(send_ahead_limits)
{
    start_sending();
    CHECK(!send_ahead(13) && !send_ahead(1515));
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_full, 2);
    CHECK(send_frame(60, NULL) && send_ahead(600) && send_ahead(600) && send_ahead(600));
    CHECK(send_frame(1400, NULL) && send_frame(1400, NULL));
    CHECK_EQUAL(set_input_size(2048), 4);
    CHECK_EQUAL(f->lost, 2); /* the two large ones */
    check_block(1, (uint16_t[]){60});
    check_block(3, (uint16_t[]){600, 600, 600});
    check_well();
}

static void out(size_t length, bool zlp);

/* Deliver `count` frames and answer each with one of `length` bytes; then look at the first block. */
static unsigned answer(size_t count, size_t length, bool poll)
{
    static uint8_t blocks[4096];
    uint16_t lengths[40];
    struct ncm_frame frame;
    for (size_t i = 0; i < count; i++)
        lengths[i] = 30;
    size_t size = rig_ntb(blocks, 0, count, lengths, 1);
    CHECK_EQUAL(rig_out(&rig, 0x01, blocks, size, true), (int)size);
    while (ncm_receive(&f->ncm, &frame)) {
        CHECK(send_frame(length, NULL));
        if (poll)
            ncm_poll(&f->ncm);
    }
    CHECK(f->ncm.in_flying != NULL); /* on its way, without another poll */
    int got = rig_in(&rig, 0x82, bytes, 16384);
    struct ntb ntb;
    CHECK(got > 0);
    ntb_check(&ntb, bytes, (size_t)got, 1514);
    CHECK(!ntb.dropped);
    return ntb.count;
}

/* Answers to frames of one delivery leave together; not later than it ends, or than enough has gathered. */
TEST(send_gathers_answers)
{
    start_sending();
    CHECK_EQUAL(answer(5, 100, false), 5);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), RIG_NAK);
    CHECK_EQUAL(answer(5, 100, true), 1); /* ncm_poll ends it, too */
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 400);
    CHECK_EQUAL(answer(5, 1400, false), 2); /* two long frames are enough */
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 4200);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), RIG_NAK);
    CHECK_EQUAL(answer(NCM_IN_DATAGRAMS_MAX + 2, 20, false),
                NCM_IN_DATAGRAMS_MAX); /* full: the other block */
    CHECK(rig_in(&rig, 0x82, bytes, 16384) > 40);
    CHECK_EQUAL(ncm_stats(&f->ncm)->in_drop_full, 0);
    struct ncm_frame frame;
    out(rig_ntb(bytes, 0, 1, &(uint16_t){60}, 1), true);
    CHECK(ncm_receive(&f->ncm, &frame) && !ncm_receive(&f->ncm, &frame));
    CHECK(send_frame(60, NULL)); /* the delivery has ended: at once */
    CHECK(f->ncm.in_flying != NULL);
    CHECK_EQUAL(rig_in(&rig, 0x82, bytes, 16384), 90);
    check_well();
}

/* ---- Receiving. ---- */

static void out(size_t length, bool zlp)
{
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, length, zlp), (int)length);
}

TEST(receive_frames)
{
    static const uint16_t lengths[4] = {60, 1000, 14, 77};
    struct ncm_frame frame;
    start(true);
    CHECK(!ncm_receive(&f->ncm, &frame));
    size_t size = rig_ntb(bytes, 0, 4, lengths, 0x30);
    out(size, true);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(ncm_receive(&f->ncm, &frame));
        CHECK_EQUAL(frame.length, lengths[i]);
        CHECK_EQUAL(((uintptr_t)frame.bytes + 14) % 4, 0);
        for (unsigned at = 0; at < frame.length; at++) {
            CHECK_EQUAL(frame.bytes[at], 0x30 + i);
            frame.bytes[at] = 0xFF; /* lwIP does so */
        }
    }
    CHECK(!ncm_receive(&f->ncm, &frame));
    const struct ncm_stats *stats = ncm_stats(&f->ncm);
    CHECK(stats->out_blocks == 1 && stats->out_datagrams == 4 && stats->out_bytes == 60 + 1000 + 14 + 77);
    check_well();
}

/* Transfers of every length, with their end by a short packet, an empty packet or the count. */
TEST(receive_every_length)
{
    start(true);
    for (uint16_t length = 14; length <= 1514; length++) {
        size_t size = rig_ntb(bytes, (uint16_t)(length - 14), 1, &length, 1);
        out(size, true);
        CHECK_EQUAL(rig_drain(&rig, 0), 1);
    }
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_sequence_jumps, 0);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_blocks, 1501);
    check_well();
}

/* As Linux pads: wBlockLength = dwNtbOutMaxSize, no empty packet; and the same with one. */
TEST(receive_exact_size)
{
    static const uint16_t lengths[2] = {1514, 1400};
    start(true);
    for (unsigned i = 0; i < 10; i++) {
        memset(bytes, 0, NCM_OUT_BLOCK_MAX);
        rig_ntb(bytes, (uint16_t)i, 2, lengths, 1);
        store_le16(bytes + 8, NCM_OUT_BLOCK_MAX);
        out(NCM_OUT_BLOCK_MAX, i % 3 == 2);
        CHECK_EQUAL(rig_drain(&rig, 0), 2);
        CHECK(rig_blocks_home(&rig, 0));
    }
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_blocks, 10);
    check_well();
}

TEST(receive_padding)
{
    uint16_t length = 100;
    start(true);
    size_t size = rig_ntb(bytes, 0, 1, &length, 1);
    bytes[size] = 0; /* one zero beyond wBlockLength: Windows 11 */
    out(size + 1, false);
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    memset(bytes + size, 0, 1000);
    out(size + 1000, true);
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    memset(bytes + size, 'N', 1000); /* rubbish */
    out(size + 1000, true);
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    out(0, true); /* a stray empty packet */
    CHECK_EQUAL(rig_drain(&rig, 0), 0);
    struct ncm_stats zero = {.out_blocks = 3, .out_datagrams = 3, .out_bytes = 300, .out_sequence_jumps = 2};
    CHECK(memcmp(ncm_stats(&f->ncm), &zero, sizeof zero) == 0);
    check_well();
}

/* Several NTBs in one transfer. */
TEST(receive_glued)
{
    start(true);
    uint16_t length = 98; /* 128 bytes each */
    for (unsigned i = 0; i < 3; i++)
        CHECK_EQUAL(rig_ntb(bytes + 128 * i, (uint16_t)i, 1, &length, 1), 128);
    out(384, true);
    CHECK_EQUAL(rig_drain(&rig, 0), 3);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_sequence_jumps, 0);
    bytes[128] = 0; /* the second is none, and so padding: the third is still found */
    out(384, true);
    CHECK_EQUAL(rig_drain(&rig, 0), 2);
    rig_ntb(bytes + 128, 1, 1, &length, 1);
    bytes[128 + 15] = 'X'; /* a bad table in the second: the third is still found */
    out(384, true);
    CHECK_EQUAL(rig_drain(&rig, 0), 2);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_TABLE], 1);
    check_well();
}

/* A stream of NTBs that are multiples of 64 without empty packets: cut at 3,072 bytes, they go on in the next
 * transfer. First sizes as Linux makes them when its memory is short, then mixed ones. */
TEST(receive_glued_across_transfers)
{
    static uint8_t stream[200000];
    for (unsigned round = 0; round < 3; round++) {
        unsigned ntbs = 0;
        size_t size = 0;
        uint32_t seed = round + 1;
        start(true);
        while (size < 150000) {
            seed = seed * 1664525 + 1013904223;
            uint16_t block = round == 0 ? 2048 : (uint16_t)(64 * (1 + (seed >> 8) % 24));
            uint16_t length = (uint16_t)(block - 30 > 1514 ? 1514 : block - 30);
            rig_ntb(stream + size, (uint16_t)ntbs, 1, &length, (uint8_t)ntbs);
            store_le16(stream + size + 8, block);
            size += block;
            ntbs++;
        }
        size_t done = 0;
        unsigned frames = 0;
        while (done < size) {
            CHECK_EQUAL(rig_out(&rig, 0x01, stream + done, 64, false), 64);
            done += 64;
            struct ncm_frame frame;
            while (ncm_receive(&f->ncm, &frame)) {
                CHECK_EQUAL(frame.bytes[0], (uint8_t)frames);
                CHECK_EQUAL(frame.bytes[frame.length - 1], (uint8_t)frames);
                frames++;
            }
        }
        out(0, true);
        frames += rig_drain(&rig, 0);
        CHECK_EQUAL(frames, ntbs);
        CHECK_EQUAL(ncm_stats(&f->ncm)->out_sequence_jumps, 0);
        check_well();
    }
}

/* The block seemed to go on, but the next transfer is a new one: only the cut block is lost. */
TEST(receive_tail_without_rest)
{
    uint16_t length = 1514;
    start(true);
    memset(bytes, 0, NCM_OUT_BLOCK_MAX);
    rig_ntb(bytes, 0, 1, &length, 1);
    store_le16(bytes + 8, 2048);
    rig_ntb(bytes + 2048, 1, 1, &length, 1);
    out(NCM_OUT_BLOCK_MAX, false);
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    check_well();
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_LENGTH], 1);
    out(NCM_OUT_BLOCK_MAX, true); /* an empty packet ends it, too */
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_drops[NTB_DROP_LENGTH], 2);
    check_well();
    /* Where no block is free, the tail waits. */
    struct ncm_frame frame;
    for (unsigned i = 0; i < RIG_BLOCKS; i++) {
        memset(bytes, 0, NCM_OUT_BLOCK_MAX);
        rig_ntb(bytes, 0, 1, &length, 1);
        store_le16(bytes + 8, 2048);
        rig_ntb(bytes + 2048, 1, 1, &length, (uint8_t)(0x77 + i));
        out(i < RIG_BLOCKS - 1 ? 2048 : NCM_OUT_BLOCK_MAX, i < RIG_BLOCKS - 1);
    }
    CHECK(f->ncm.out_armed == NULL);
    CHECK_EQUAL(rig_drain(&rig, 0), RIG_BLOCKS);
    out(30 + 1514 - 1024, false);
    CHECK(ncm_receive(&f->ncm, &frame));
    CHECK_EQUAL(frame.length, 1514);
    for (unsigned i = 0; i < 994; i++)
        CHECK_EQUAL(frame.bytes[i], 0x77 + RIG_BLOCKS - 1);
    CHECK_EQUAL(rig_drain(&rig, 0), 0);
    check_well();
}

/* ---- Blocks: held, released, and never all gone. ---- */

TEST(hold_and_release)
{
    struct ncm_frame frames[RIG_BLOCKS + 1], none;
    uint16_t length = 200;
    start(true);
    size_t size = rig_ntb(bytes, 0, 1, &length, 9);
    for (unsigned i = 0; i < RIG_BLOCKS; i++) {
        out(size, true);
        CHECK(ncm_receive(&f->ncm, &frames[i]));
        CHECK_EQUAL(ncm_block_hold(&f->ncm, frames[i].block),
                    i < RIG_BLOCKS - 1); /* the last one must be copied */
        CHECK(!ncm_receive(&f->ncm, &none));
        rig_poll(&rig);
        CHECK(f->ncm.out_armed != NULL);
    }
    for (unsigned i = 0; i < 100; i++)
        CHECK(rig_good(&rig, 0)); /* one block serves */
    for (unsigned i = 0; i < RIG_BLOCKS - 1; i++) {
        CHECK_EQUAL(frames[i].bytes[199], 9); /* untouched */
        ncm_block_release(frames[i].block);
    }
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_starved, 101); /* each time until it was read */
    check_well();
}

/* Several frames of one block held one by one. */
TEST(hold_each_frame)
{
    static const uint16_t lengths[4] = {100, 100, 100, 100};
    struct ncm_frame frames[4], none;
    start(true);
    out(rig_ntb(bytes, 0, 4, lengths, 1), true);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(ncm_receive(&f->ncm, &frames[i]));
        CHECK(ncm_block_hold(&f->ncm, frames[i].block));
    }
    CHECK(!ncm_receive(&f->ncm, &none));
    CHECK_EQUAL(frames[0].block->holds, 4);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(!rig_blocks_home(&rig, 0));
        ncm_block_release(frames[i].block);
    }
    check_well();
}

/* Blocks held over everything that ends the link: they stay untouched, and come back when released. */
TEST(hold_over_reset)
{
    for (unsigned how = 0; how < 4; how++) {
        struct ncm_frame frame, none;
        uint16_t length = 200;
        start(true);
        out(rig_ntb(bytes, 0, 1, &length, 9), true);
        out(rig_ntb(bytes, 0, 1, &length, 8), true); /* queued */
        CHECK(ncm_receive(&f->ncm, &frame));
        CHECK(ncm_block_hold(&f->ncm, frame.block));
        if (how & 1)
            CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
        else
            rig_bus_reset(&rig);
        CHECK(!ncm_receive(&f->ncm, &none));
        if (how & 2)
            ncm_block_release(frame.block);
        CHECK(rig_enumerate(&rig, true));
        for (unsigned i = 0; i < 10; i++)
            CHECK(rig_good(&rig, 0));
        if ((how & 2) == 0) {
            CHECK_EQUAL(frame.bytes[199], 9);
            ncm_block_release(frame.block);
        }
        check_well();
    }
}

TEST(starved_and_fed)
{
    uint16_t length = 200;
    start(true);
    size_t size = rig_ntb(bytes, 0, 1, &length, 9);
    for (unsigned i = 0; i < RIG_BLOCKS; i++)
        out(size, true);
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, size, true), RIG_NAK); /* nobody takes them: the host waits */
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_starved, 1);
    CHECK_EQUAL(rig_drain(&rig, 0), RIG_BLOCKS);
    check_well();
}

/* A block that is released while another one still waits goes back to the endpoint at the next ncm_poll. */
TEST(starved_and_released)
{
    struct ncm_frame frame;
    uint16_t length = 200;
    start(true);
    size_t size = rig_ntb(bytes, 0, 1, &length, 9);
    for (unsigned i = 0; i < RIG_BLOCKS; i++)
        out(size, true);
    CHECK(ncm_receive(&f->ncm, &frame));
    CHECK(ncm_block_hold(&f->ncm, frame.block)); /* others are queued */
    struct ncm_block *held = frame.block;
    CHECK(ncm_receive(&f->ncm, &frame)); /* the second waits in delivery, the third in the queue */
    CHECK(f->ncm.out_armed == NULL);
    ncm_block_release(held);
    CHECK(f->ncm.out_armed == NULL);
    rig_poll(&rig);
    CHECK(f->ncm.out_armed == held);
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    check_well();
}

/* wSequence: a jump is logged, not dropped; after each start any number will do. */
TEST(receive_sequence)
{
    uint16_t length = 60;
    static const struct {
        uint16_t sequence, jumps;
    } steps[] = {{7, 0}, {8, 0}, {8, 1}, {9, 1}, {0xFFFF, 2}, {0, 2}, {1, 2}};
    start(true);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        out(rig_ntb(bytes, steps[i].sequence, 1, &length, 9), true);
        CHECK_EQUAL(rig_drain(&rig, 0), 1);
        CHECK_EQUAL(ncm_stats(&f->ncm)->out_sequence_jumps, steps[i].jumps);
    }
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    out(rig_ntb(bytes, 500, 1, &length, 9), true);
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_sequence_jumps, 2);
}

/* Halt and clear in the middle of a transfer: what came of it is forgotten. */
TEST(receive_halt)
{
    uint16_t length = 500;
    start(true);
    size_t size = rig_ntb(bytes, 0, 1, &length, 9);
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, 128, false), 128);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_SET_FEATURE, 0, 0x01, 0, NULL), 0);
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, size, true), RIG_STALL);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x01, 0, NULL), 0);
    rig_toggle_reset(&rig, 0x01);
    check_well();
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, 128, false), 128);
    CHECK_EQUAL(rig_control(&rig, 0x02, USB_CLEAR_FEATURE, 0, 0x01, 0, NULL), 0);
    rig_toggle_reset(&rig, 0x01);
    check_well();
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, 128, false), 128);
    CHECK_EQUAL(rig_alternate(&rig, 0, 1), 0);
    check_well();
    CHECK_EQUAL(rig_out(&rig, 0x01, bytes, 128, false), 128);
    CHECK(rig_enumerate(&rig, true));
    check_well();
}

/* A packet that comes twice because our ACK was lost is taken once. */
TEST(receive_repeated_packet)
{
    uint16_t length = 200;
    start(true);
    size_t size = rig_ntb(bytes, 0, 1, &length, 9);
    bool data1 = false;
    for (size_t at = 0; at < size; at += 64, data1 = !data1)
        for (unsigned twice = 0; twice < 2; twice++)
            CHECK_EQUAL(rig_out_packet(&rig, 0x01, data1, bytes + at, size - at < 64 ? size - at : 64),
                        CABLE_ACK);
    rig.out_data1[1] = data1;
    CHECK_EQUAL(rig_drain(&rig, 0), 1);
    CHECK_EQUAL(ncm_stats(&f->ncm)->out_blocks, 1);
    check_well();
}

TEST(hundred_replugs)
{
    start_sending();
    for (unsigned i = 0; i < 100; i++) {
        uint16_t length = 500;
        send_frame(500, NULL);
        send_frame(500, NULL);
        CHECK_EQUAL(rig_out(&rig, 0x01, bytes, 64, false), 64);
        out(rig_ntb(bytes, 0, 1, &length, 9), true);
        virtual_udc_cable_ops.vbus(&rig.udc, false);
        rig_time(&rig, 10, false);
        virtual_udc_cable_ops.vbus(&rig.udc, true);
        CHECK(rig_enumerate(&rig, true));
        check_well();
    }
    CHECK_EQUAL(f->lost + f->sent, 200);
}

/* Two functions in one device, and two devices: nothing is shared. */
TEST(two_side_by_side)
{
    static struct rig other;
    start_sending();
    rig_init(&rig, 2);
    rig_attach(&rig);
    rig_init(&other, 1);
    rig_attach(&other);
    CHECK(rig_enumerate(&rig, true));
    CHECK(rig_enumerate(&other, true));
    for (unsigned i = 0; i < 20; i++) {
        struct usb_iov piece = {payload, 60 + i};
        CHECK(ncm_send(&rig.functions[0].ncm, &piece, 1, NULL));
        CHECK(rig_good(&rig, 1));
        CHECK(ncm_send(&rig.functions[1].ncm, &piece, 1, NULL));
        CHECK(rig_good(&other, 0));
        CHECK(rig_good(&rig, 0));
        CHECK_EQUAL(rig_in(&rig, 0x84, bytes, sizeof bytes), 90 + i);
        CHECK_EQUAL(rig_in(&rig, 0x82, bytes, sizeof bytes), 90 + i);
        CHECK_EQUAL(rig_in(&other, 0x82, bytes, sizeof bytes), RIG_NAK);
    }
    CHECK_EQUAL(rig_alternate(&rig, 0, 0), 0);
    CHECK(rig_good(&rig, 1));
    CHECK(rig_good(&other, 0));
    CHECK(rig_blocks_home(&rig, 1) && rig_blocks_home(&other, 0));
    CHECK_EQUAL(rig.functions[1].ncm.stats.out_blocks, 21);
    CHECK_EQUAL(other.functions[0].ncm.stats.out_blocks, 21);
    CHECK_EQUAL(rig.functions[0].sent, 20);
    rig_bus_reset(&rig);
    CHECK(rig_good(&other, 0));
}

TEST_MAIN()
