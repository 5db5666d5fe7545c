/*
 * The NCM driver: layout of blocks by hand from facts.md B2 to B5, batching, binding, carrier, recovery.
 *
 * N = 1 ends its table at 12 + 8 + 4 · 2 = 28, so the first frame starts at 28 + 2 = 30; N = 4: table to 40,
 * frame at 42; N = 40: table to 184, frame at 186. Two frames of 1514 with N = 4: 42 … 1556, 1558 … 3072.
 */
/* SPDX-License-Identifier: MIT */
#include "host/ncm_host.h"
#include "host/pc.h"
#include "test/host/fake.h"
#include "test/test.h"

/* ---- Layout ---- */

static struct ncm_block_out block;
static struct ncm_host_params params;
static uint8_t frame[1514];

/* dwNtbOutMaxSize, wNtbOutMaxDatagrams, divisor, remainder, alignment of OUT; 64-byte packets. */
static void declare(uint32_t max, uint16_t datagrams, uint16_t divisor, uint16_t remainder,
                    uint16_t alignment)
{
    uint8_t bytes[28] = {28, 0, 1, 0};
    store_le32(bytes + 4, 16384);
    store_le32(bytes + 16, max);
    store_le16(bytes + 20, divisor);
    store_le16(bytes + 22, remainder);
    store_le16(bytes + 24, alignment);
    store_le16(bytes + 26, datagrams);
    ncm_host_params_read(&params, bytes, 64);
    block.length = 0;
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i + 1);
}

static uint32_t one_frame_at(uint16_t datagrams)
{
    declare(2048, datagrams, 4, 0, 4);
    CHECK(ncm_block_add(&block, &params, 0, frame, 60));
    return load_le16(block.bytes + 20);
}

TEST(ncm_first_frame_after_the_whole_table)
{
    CHECK_EQUAL(one_frame_at(1), 30);
    CHECK_EQUAL(one_frame_at(4), 42);
    CHECK_EQUAL(one_frame_at(8), 58);
    CHECK_EQUAL(one_frame_at(16), 90);
    CHECK_EQUAL(one_frame_at(40), 186);
    CHECK_EQUAL(one_frame_at(0), 186);
    CHECK_EQUAL(one_frame_at(41), 186);
}

/* Found by fuzz_ncm_block: the table would have lain behind the end of the block. */
TEST(ncm_placement_that_leaves_no_room_is_ignored)
{
    static const struct {
        uint32_t max;
        uint16_t divisor, remainder, alignment, frame_at;
    } cases[] = {
        {4097, 4, 0, 4096, 186},               /* table behind the end */
        {65536, 4, 0, 16384, 186},             /* tx_max 16385: behind the memory, too */
        {2048, 1024, 1023, 4, 186},            /* a whole frame would not fit */
        {16384, 4096, 0, 4, 4096 - 14 + 4096}, /* it fits: obeyed; 186 rounded up to 4096, plus 4082 */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        declare(cases[i].max, 0, cases[i].divisor, cases[i].remainder, cases[i].alignment);
        CHECK(ncm_block_add(&block, &params, 0, frame, sizeof frame));
        CHECK_EQUAL(load_le16(block.bytes + 20), cases[i].frame_at);
        CHECK(ncm_block_seal(&block, &params, PC_BLOCK_END_LINUX) <= params.tx_max);
    }
}

TEST(ncm_block_bytes_by_hand)
{
    static const uint8_t wanted[60] = {
        'N', 'C', 'M', 'H', 12, 0, 7, 0, 124, 0, 12, 0, /* NTH16: sequence 7, 124 bytes, table at 12 */
        'N', 'C', 'M', '0', 16, 0, 0, 0, 42,  0, 17, 0, 62, 0, 62, 0, /* two entries (42, 17), (62, 62) … */
    };
    declare(2048, 4, 4, 0, 4);
    CHECK(ncm_block_add(&block, &params, 7, frame, 17));
    CHECK(ncm_block_add(&block, &params, 8, frame, 62));
    CHECK_EQUAL(ncm_block_seal(&block, &params, PC_BLOCK_END_LINUX), 124);
    uint8_t head[60];
    memcpy(head, wanted, sizeof head);
    head[16] = 20; /* wLength: 8 + 4 · 3, the end entry included */
    memcpy(head + 42, frame, 17);
    CHECK_BYTES(block.bytes, head, 60); /* also zeros between */
    CHECK_EQUAL(block.bytes[61], 0);
    CHECK_BYTES(block.bytes + 62, frame, 62);
}

TEST(ncm_two_whole_frames_fill_3072)
{
    declare(3072, 4, 4, 0, 4);
    CHECK(ncm_block_add(&block, &params, 0, frame, 1514));
    CHECK(ncm_block_add(&block, &params, 0, frame, 1514));
    CHECK_EQUAL(load_le16(block.bytes + 24), 1558);
    CHECK(!ncm_block_add(&block, &params, 0, frame, 14));
    CHECK_EQUAL(ncm_block_seal(&block, &params, PC_BLOCK_END_LINUX), 3072);
    CHECK_EQUAL(load_le16(block.bytes + 8), 3072);
    for (uint16_t n = 2; n <= 5; n++) {
        declare(3072, n, 4, 0, 4);
        CHECK(ncm_block_add(&block, &params, 0, frame, 1514));
        CHECK_EQUAL(ncm_block_add(&block, &params, 0, frame, 1514), n <= 4);
        if (n <= 4)
            CHECK_EQUAL(block.length, 3056 + 4 * n);
    }
}

TEST(ncm_padding_rules_with_2048)
{
    declare(2048, 40, 4, 0, 4);
    CHECK_EQUAL(params.min_tx_pkt, 1856);
    static const struct {
        uint32_t content, sent;
    } cases[] = {{200, 200}, {1855, 1855}, {1856, 1857}, {1857, 2048}, {1984, 2048},
                 {192, 193}, {1792, 1793}, {2047, 2048}, {2048, 2048}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        block.length = 0;
        memset(block.bytes, 0xEE, sizeof block.bytes);
        uint32_t left = cases[i].content - 186;
        while (left > 1514) { /* the next one starts at the next multiple of 4, plus 2 */
            CHECK(ncm_block_add(&block, &params, 0, frame, 330));
            left = cases[i].content - ((block.length + 3) / 4 * 4 + 2);
        }
        CHECK(ncm_block_add(&block, &params, 0, frame, left));
        CHECK_EQUAL(block.length, cases[i].content);
        CHECK_EQUAL(ncm_block_seal(&block, &params, PC_BLOCK_END_LINUX), cases[i].sent);
        CHECK_EQUAL(load_le16(block.bytes + 8), cases[i].sent);
        for (uint32_t at = cases[i].content; at < cases[i].sent; at++)
            CHECK_EQUAL(block.bytes[at], 0);
    }
}

TEST(ncm_table_full)
{
    declare(16384, 3, 4, 0, 4);
    for (unsigned i = 0; i < 3; i++)
        CHECK(ncm_block_add(&block, &params, 0, frame, 60));
    CHECK(!ncm_block_add(&block, &params, 0, frame, 60));
    CHECK_EQUAL(load_le16(block.bytes + 16), 8 + 4 * 4);
    CHECK_EQUAL(load_le32(block.bytes + 12 + 8 + 12), 0); /* the end entry */
}

TEST(ncm_divisor_and_remainder)
{
    declare(2048, 1, 16, 0, 4);
    CHECK(ncm_block_add(&block, &params, 0, frame, 60));
    CHECK_EQUAL((load_le16(block.bytes + 20) + 14) % 16, 0);
    declare(2048, 1, 16, 5, 4);
    CHECK(ncm_block_add(&block, &params, 0, frame, 60));
    CHECK_EQUAL((load_le16(block.bytes + 20) + 14) % 16, 5);
    declare(2048, 1, 4, 2, 4); /* (2 - 14) mod 4 = 0 */
    CHECK(ncm_block_add(&block, &params, 0, frame, 60));
    CHECK_EQUAL(load_le16(block.bytes + 20), 28);
    declare(2048, 1, 4, 0, 32);
    CHECK(ncm_block_add(&block, &params, 0, frame, 60));
    CHECK_EQUAL(load_le16(block.bytes + 10), 32);
}

TEST(ncm_parameters_are_clamped)
{
    declare(1000, 1, 0, 9, 3);        /* too small; divisor and alignment not powers of two */
    CHECK_EQUAL(params.tx_max, 2049); /* 2048 is a multiple of 64 and not what was declared */
    CHECK_EQUAL(params.divisor, 4);
    CHECK_EQUAL(params.alignment, 4);
    CHECK_EQUAL(params.remainder, 2);
    declare(65536, 1, 4, 0, 4);
    CHECK_EQUAL(params.tx_max, 16385);
    declare(3000, 1, 4096, 0, 4);
    CHECK_EQUAL(params.tx_max, 3000);
    CHECK_EQUAL(params.divisor, 4); /* not below tx_max */
    uint8_t bytes[28] = {0};
    ncm_host_params_read(&params, bytes, 64);
    CHECK_EQUAL(params.rx_max, 2048);
    bytes[7] = 1;
    ncm_host_params_read(&params, bytes, 64);
    CHECK_EQUAL(params.rx_max, 16384);
}

/* ---- Reading ---- */

static unsigned taken;
static uint32_t taken_bytes;

static void take(void *context, const uint8_t *bytes, uint32_t length)
{
    (void)context;
    taken++;
    for (uint32_t i = 0; i < length; i++)
        taken_bytes += bytes[i] != 0xFF ? 1u : 1u; /* read all of it, for the sanitizer */
}

/* A copy of the exact size, read. Returns the number of errors. */
static uint32_t read_block(const uint8_t *bytes, uint32_t length, int32_t *sequence)
{
    uint8_t *copy = malloc(length != 0 ? length : 1);
    memcpy(copy, bytes, length);
    taken = taken_bytes = 0;
    uint32_t errors = ncm_block_read(copy, length, 2048, sequence, take, NULL);
    free(copy);
    return errors;
}

static uint32_t make_block(uint8_t bytes[200])
{
    static const uint8_t head[28 + 8] = {'N', 'C', 'M', 'H', 12, 0, 5,  0, 160, 0, 12, 0, 'N', 'C', 'M', '0',
                                         20,  0,   0,   0,   40, 0, 60, 0, 100, 0, 60, 0, 0,   0,   0,   0};
    memset(bytes, 0, 200);
    memcpy(bytes, head, sizeof head);
    return 160;
}

TEST(ncm_read_good)
{
    uint8_t b[200];
    int32_t sequence;
    CHECK_EQUAL(read_block(b, make_block(b), &sequence), 0);
    CHECK_EQUAL(taken, 2);
    CHECK_EQUAL(taken_bytes, 120);
    CHECK_EQUAL(sequence, 5);
}

TEST(ncm_read_bad)
{
    static const struct {
        uint8_t at, value;
        unsigned frames, errors;
    } cases[] = {
        {0, 'X', 0, 1},   /* signature */
        {9, 0x10, 0, 1},  /* wBlockLength over rx_max */
        {10, 200, 0, 1},  /* table beyond the end */
        {15, '1', 0, 1},  /* CRC signature */
        {16, 12, 0, 1},   /* wLength too short */
        {17, 1, 0, 1},    /* wLength beyond the end */
        {18, 12, 102, 0}, /* table that points at itself: 51 times, then the bound */
        {20, 0, 0, 0},    /* empty */
        {24, 101, 1, 1},  /* second datagram beyond the end */
        {26, 13, 1, 1},   /* shorter than an Ethernet header */
        {22, 200, 0, 1},  /* first one bad: the rest isn't read */
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t b[200];
        int32_t sequence;
        uint32_t length = make_block(b);
        b[cases[i].at] = cases[i].value;
        uint32_t errors = read_block(b, length, &sequence);
        if (errors != cases[i].errors || taken != cases[i].frames)
            TEST_FAIL("case %u: %u errors, %u frames", i, errors, taken);
    }
}

TEST(ncm_read_cut_and_noise)
{
    uint8_t b[200];
    int32_t sequence;
    for (uint32_t length = 0; length < 160; length++) {
        make_block(b);
        CHECK(read_block(b, length, &sequence) != 0);
    }
    uint64_t x = 88172645463325252u;
    for (unsigned round = 0; round < 100000; round++) {
        uint32_t length = make_block(b);
        for (unsigned i = 0; i < 1 + round % 3; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            b[x % 36] = (uint8_t)(x >> 40);
        }
        read_block(b, length, &sequence);
        CHECK(taken <= 51 * 40);
    }
}

/* ---- The driver, with a device ---- */

static struct fake fake;
static struct pc *pc;
static char said[8192];

static void on_log(void *context, uint64_t time_ns, const char *line)
{
    (void)context;
    (void)time_ns;
    strncat(said, line, sizeof said - strlen(said) - 2);
    strcat(said, "\n");
}

static void begin(bool eager)
{
    char error[200];
    pc_free(pc);
    fake_free(&fake);
    fake_init(&fake);
    said[0] = 0;
    struct pc_config config = {
        .cable = fake_cable(&fake), .eager = eager, .address = {10, 0, 0, 2}, .prefix = 30, .log = on_log};
    pc = pc_new(&config, error, sizeof error);
    CHECK(pc != NULL);
}

static void begin_linked(bool eager)
{
    begin(eager);
    CHECK(pc_run_until(pc, pc_is_link_up, pc, 1000));
    pc_run_ms(pc, 1000); /* announcements are over */
    fake.ep[2].out_length = fake.ep[2].out_start = fake.ep[2].out_count = 0;
}

TEST(ncm_binds_in_linux_order)
{
    static const char *const wanted[] = {"setup 01 0b 0001 0001 0",   "setup 01 0b 0000 0001 0",
                                         "setup a1 80 0000 0000 28",  "setup 01 0b 0001 0001 0",
                                         "setup 80 06 0304 0409 255", "setup 21 43 000e 0000 0"};
    begin(false);
    CHECK(pc_run_until(pc, pc_is_link_up, pc, 1000));
    int at = fake_logged(&fake, "setup 00 09");
    CHECK(at > 0);
    for (unsigned i = 0; i < 6; i++)
        if (strstr(fake.log[(unsigned)at + 1 + i], wanted[i]) == NULL)
            TEST_FAIL("step %u is \"%s\", wanted \"%s\"", i, fake.log[(unsigned)at + 1 + i], wanted[i]);
    CHECK_EQUAL(fake.log_count, (unsigned)at + 7);
    CHECK_BYTES(pc_ncm(pc)->mac, "\x00\x80\xE1\x00\x00\x01", 6);
}

TEST(ncm_asks_what_the_capabilities_offer)
{
    begin(false);
    fake.config[54] = 0x18; /* no packet filter; CRC mode, max datagram size */
    fake.parameters[2] = 3; /* NTB32 too */
    store_le32(fake.parameters + 4, 32768);
    CHECK(pc_run_until(pc, pc_is_link_up, pc, 1000));
    CHECK(fake_logged(&fake, "setup 21 8a 0000 0000 0") > 0);
    CHECK(fake_logged(&fake, "setup 21 84 0000 0000 0") > 0);
    CHECK(fake_logged(&fake, "setup 21 86 0000 0000 4") > 0);
    CHECK(fake_logged(&fake, "setup a1 87 0000 0000 2") > 0);
    CHECK(fake_logged(&fake, "setup 21 43") < 0);
}

static void rejected(uint8_t at, uint8_t value, const char *why)
{
    begin(false);
    fake.config[at] = value;
    pc_run_ms(pc, 300);
    if (strstr(said, why) == NULL)
        TEST_FAIL("byte %u = %u: \"%s\" is not in \"%.200s\"", at, value, why, said);
    CHECK_EQUAL(pc_ncm(pc)->state, NCM_HOST_REJECTED);
}

TEST(ncm_rejects_as_linux_does)
{
    rejected(38, 0x0E, "no Ethernet descriptor");
    rejected(51, 0x1B, "no NCM descriptor");
    rejected(28, 0x0F, "Ethernet descriptor twice");
    rejected(35, 7, "no data interface");
    rejected(58, 2, "endpoint missing"); /* the interrupt endpoint became bulk */
    begin(false);
    fake.strings[4] = "0080E100000G";
    pc_run_ms(pc, 300);
    CHECK(strstr(said, "bind failed: iMACAddress") != NULL);
    begin(false);
    fake.stall_request = NCM_GET_NTB_PARAMETERS;
    pc_run_ms(pc, 300);
    CHECK(strstr(said, "bind failed: GET_NTB_PARAMETERS: stall") != NULL);
}

static uint64_t sent_after_ns(unsigned frames)
{
    begin_linked(false);
    uint64_t start = pc_time_ns(pc);
    for (unsigned i = 0; i < frames; i++)
        CHECK(pc_frame_send(pc, frame, 60));
    while (fake.ep[2].out_count == 0 && pc_time_ns(pc) - start < 100000000)
        pc_step(pc);
    return pc_ncm(pc)->tx[0].urb.submit_ns - start;
}

TEST(ncm_a_lone_frame_waits_1200_us)
{
    CHECK_EQUAL(sent_after_ns(1) / 60000, 20); /* and the rest of a transaction */
    CHECK_EQUAL(sent_after_ns(2) / 60000, 20);
    CHECK_EQUAL(sent_after_ns(3) / 60000, 20); /* the timer already runs when the third comes */
    CHECK_EQUAL(sent_after_ns(4), 0);          /* the table is full */
    CHECK_EQUAL(fake.ep[2].out_transfers[0], 42 + 60 + 4 + 60 + 4 + 60 + 4 + 60);
}

TEST(ncm_eager_sends_at_once)
{
    begin_linked(true);
    uint64_t start = pc_time_ns(pc);
    CHECK(pc_frame_send(pc, frame, 60));
    CHECK_EQUAL(pc_ncm(pc)->tx[0].urb.submit_ns, start);
    for (unsigned i = 0; i < 20; i++) /* the first is on its way, then they wait together */
        CHECK(pc_frame_send(pc, frame, 60));
    pc_run_ms(pc, 5);
    CHECK_EQUAL(fake.ep[2].out_count, 1 + 5); /* 20 more in fours */
}

TEST(ncm_a_frame_that_does_not_fit_waits_for_the_timer)
{
    begin_linked(false);
    for (unsigned i = 0; i < 3; i++)
        CHECK(pc_frame_send(pc, frame, 1514));
    CHECK_EQUAL(pc_net_counters(pc)->tx_reason_ntb_full, 1);
    CHECK(pc_ncm(pc)->remaining != NULL);
    pc_run_ms(pc, 10);
    CHECK(pc_ncm(pc)->remaining == NULL);
    CHECK_EQUAL(fake.ep[2].out_count, 2);
    CHECK_EQUAL(fake.ep[2].out_transfers[0], 3072); /* no empty packet after it */
    CHECK_EQUAL(fake.ep[2].out_transfers[1], 1556);
}

TEST(ncm_queue_is_bounded_while_the_device_takes_nothing)
{
    begin_linked(false);
    fake.ep[2].out_answer = CABLE_NAK;
    unsigned accepted = 0;
    for (unsigned i = 0; i < 3000; i++)
        accepted += pc_frame_send(pc, frame, 1000);
    CHECK(accepted >= 1000 && accepted < 1020);
    CHECK(pc_net_counters(pc)->tx_dropped == 3000 - accepted);
    fake.ep[2].out_answer = CABLE_ACK;
    pc_run_ms(pc, 1500);
    CHECK_EQUAL(pc_ncm(pc)->queue_length, 0);
}

TEST(ncm_receives_and_counts)
{
    begin_linked(false);
    memset(frame, 0xFF, 12);
    for (unsigned i = 0; i < 50; i++)
        fake_frame(&fake, frame, 60 + i);
    fake_in(&fake, 2, "noise", 5);
    fake_frame(&fake, frame, 60);
    pc_run_ms(pc, 20);
    CHECK_EQUAL(pc_net_counters(pc)->rx_frames, 51);
    CHECK_EQUAL(pc_net_counters(pc)->rx_errors, 1);
}

TEST(ncm_stop_in_and_go_on_in_the_middle_of_a_block)
{
    begin_linked(false);
    for (unsigned i = 0; i < 100; i++)
        fake_frame(&fake, frame, 1500);
    pc_run_ms(pc, 3);
    pc_in_stop(pc, 5000);
    uint32_t packets = fake.ep[2].packets_in;
    pc_run_ms(pc, 4999);
    CHECK_EQUAL(fake.ep[2].packets_in, packets);
    pc_run_ms(pc, 200);
    CHECK_EQUAL(pc_net_counters(pc)->rx_frames, 100);
    CHECK_EQUAL(pc_net_counters(pc)->rx_errors, 0);
}

TEST(ncm_clears_a_halt_and_goes_on)
{
    begin_linked(true);
    fake.ep[2].in_answer = CABLE_STALL;
    pc_run_ms(pc, 5);
    CHECK(fake_logged(&fake, "setup 02 01 0000 0082 0") > 0);
    fake_frame(&fake, frame, 60);
    fake.ep[2].out_answer = CABLE_STALL;
    pc_frame_send(pc, frame, 60);
    pc_run_ms(pc, 5);
    CHECK(fake_logged(&fake, "setup 02 01 0000 0002 0") > 0);
    CHECK_EQUAL(pc_net_counters(pc)->rx_frames, 1);
    CHECK(pc_frame_send(pc, frame, 60));
    pc_run_ms(pc, 5);
    CHECK_EQUAL(fake.ep[2].out_count, 1);
}

TEST(ncm_no_carrier_no_frames)
{
    static const uint8_t down[8] = {0xA1, 0, 0, 0, 0, 0, 0, 0};
    begin(false);
    fake.notify = false;
    pc_run_ms(pc, 2000);
    CHECK(!pc_is_link_up(pc));
    CHECK(!pc_frame_send(pc, frame, 60));
    CHECK_EQUAL(fake.ep[2].out_length, 0);
    CHECK(pc_ncm(pc)->rx[0].urb.id == 0 && !pc_ncm(pc)->rx[0].busy); /* bulk IN isn't asked */
    begin_linked(false);
    fake_in(&fake, 1, down, sizeof down);
    pc_run_ms(pc, 40);
    CHECK(!pc_is_link_up(pc));
    CHECK(strstr(said, "link down") != NULL);
}

TEST(ncm_notifications_go_on_after_silence_and_halt)
{
    static const uint8_t down[8] = {0xA1, 0, 0, 0, 0, 0, 0, 0};
    begin_linked(false);
    fake.ep[1].in_answer = CABLE_SILENCE;
    pc_run_ms(pc, 200);
    fake.ep[1].in_answer = CABLE_STALL;
    pc_run_ms(pc, 100); /* cleared by CLEAR_FEATURE */
    fake_in(&fake, 1, down, sizeof down);
    pc_run_ms(pc, 100);
    CHECK(!pc_is_link_up(pc));
}

TEST(ncm_split_speed_change_of_an_8_byte_endpoint)
{
    begin(false);
    fake.config[59] = 8;
    fake.ep[1].packet_size = 8;
    fake.ep[1].in_zlp = true;
    pc_run_ms(pc, 500);
    CHECK(pc_is_link_up(pc));
}

TEST(ncm_survives_replug_suspend_and_reset_with_traffic)
{
    begin_linked(false);
    for (unsigned i = 0; i < 12; i++) {
        for (unsigned n = 0; n < 20; n++) {
            pc_frame_send(pc, frame, 700);
            fake_frame(&fake, frame, 900);
        }
        pc_run_ms(pc, i % 3);
        if (i % 4 == 0)
            pc_replug(pc);
        else if (i % 4 == 1)
            pc_bus_reset_after(pc, 7);
        else if (i % 4 == 2)
            pc_suspend(pc);
        else
            pc_board_reset(pc); /* no fixture: nothing */
        pc_run_ms(pc, 50);
        pc_resume(pc);
        CHECK(pc_run_until(pc, pc_is_link_up, pc, 1000));
        pc_run_ms(pc, 200);
    }
    uint64_t before = pc_net_counters(pc)->rx_frames;
    fake_frame(&fake, frame, 60);
    CHECK(pc_frame_send(pc, frame, 60));
    pc_run_ms(pc, 10);
    CHECK_EQUAL(pc_net_counters(pc)->rx_frames, before + 1);
    CHECK(fake.wrong == NULL);
    pc_free(pc);
    pc = NULL;
}

TEST_MAIN()
