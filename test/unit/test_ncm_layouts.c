/*
 * No host that is known may make NTBs longer than we declare, whatever frames it has to send; and Linux must get two
 * whole frames into one. Linux's layout is host/ncm_block.c, the others are models of what their sources were seen
 * to do: lengths alone, no bytes.
 *
 *   Linux      table first, as long as wNtbOutMaxDatagrams; room is checked, then it may be padded to the maximum
 *   Microsoft  frames first, table last; room is checked for one entry less than is written (facts.md J)
 *   FreeBSD    table of 32 entries first, at 12; padded to a multiple of 512 and one more byte, or to the maximum
 *   OpenBSD    table first, no longer than needed; room is checked with three bytes more for each frame
 *   CherryUSB  one frame at 16, table behind it      iPXE  table at 12, one frame
 *
 * LINK: test/unit/usb_rig.c wire/ntb.c usb/[a-z]*.c udc/virtual/virtual.c host/ncm_block.c
 */
/* SPDX-License-Identifier: MIT */
#include "host/ncm_host.h"
#include "test/test.h"
#include "test/unit/usb_rig.h"

#define FRAMES_MAX 8

static struct rig rig;

struct declared {
    uint32_t max;       /* dwNtbOutMaxSize */
    uint32_t alignment; /* wNdpOutAlignment */
    uint32_t datagrams; /* wNtbOutMaxDatagrams */
    struct ncm_host_params linux_params;
};

/* wNdpOutDivisor is 4 and its remainder 0, always: frames of two hosts start at other places then, and Windows since
 * 2026 refuses less. */
#define DIVISOR 4u

static struct declared declare(uint32_t max, uint32_t alignment, uint32_t datagrams)
{
    struct declared d = {max, alignment, datagrams, {0}};
    uint8_t bytes[28] = {28, 0, 1};
    store_le32(bytes + 4, 16384);
    store_le32(bytes + 16, max);
    store_le16(bytes + 20, DIVISOR);
    store_le16(bytes + 24, (uint16_t)alignment);
    store_le16(bytes + 26, (uint16_t)datagrams);
    ncm_host_params_read(&d.linux_params, bytes, 64);
    return d;
}

static uint32_t up(uint32_t at, uint32_t modulus)
{
    return (at + modulus - 1) / modulus * modulus;
}

/* ---- Each takes as many of the frames as it can, and returns the length of its NTB. ---- */

typedef uint32_t builder(const struct declared *d, const uint16_t *frames, unsigned count, unsigned *taken);

static uint32_t build_linux(const struct declared *d, const uint16_t *frames, unsigned count, unsigned *taken)
{
    static struct ncm_block_out block;
    static const uint8_t frame[NCM_FRAME_MAX];
    block.length = 0;
    *taken = 0;
    while (*taken != count && ncm_block_add(&block, &d->linux_params, 0, frame, frames[*taken]))
        ++*taken;
    return ncm_block_seal(&block, &d->linux_params, PC_BLOCK_END_LINUX);
}

static uint32_t build_microsoft(const struct declared *d, const uint16_t *frames, unsigned count,
                                unsigned *taken)
{
    uint32_t end = 12, most = d->datagrams != 0 ? d->datagrams : 16;
    for (*taken = 0; *taken != count && *taken != most; ++*taken) {
        uint32_t next = up(end + 14, DIVISOR) - 14 + frames[*taken];
        if (up(next, d->alignment) + 8 + 4 * (*taken + 1) > d->max)
            break;
        end = next;
    }
    return up(end, d->alignment) + 8 + 4 * (*taken + 1);
}

static uint32_t build_freebsd(const struct declared *d, const uint16_t *frames, unsigned count,
                              unsigned *taken)
{
    uint32_t most = d->datagrams == 0 || d->datagrams > 31 ? 31 : d->datagrams;
    uint32_t max = d->max > 16384 ? 16384 : d->max, end = 12 + 8 + 32 * 4, next = up(end, DIVISOR) + 2;
    for (*taken = 0; *taken != count && *taken != most && next + frames[*taken] <= max; ++*taken) {
        end = next + frames[*taken];
        next = up(end, DIVISOR) + 2;
    }
    end = up(end, 512);
    return end >= max ? max : end + 1;
}

static uint32_t build_openbsd(const struct declared *d, const uint16_t *frames, unsigned count,
                              unsigned *taken)
{
    uint32_t table = up(12, d->alignment), room = table + 12, end;
    for (*taken = 0; *taken != count && (d->datagrams == 0 || *taken != d->datagrams); ++*taken) {
        if (room + 4 + DIVISOR - 1 + frames[*taken] > d->max)
            break;
        room += 4 + DIVISOR - 1 + frames[*taken];
    }
    end = table + 12 + 4 * *taken;
    for (unsigned i = 0; i < *taken; i++)
        end = up(end, DIVISOR) + frames[i];
    return end;
}

static uint32_t build_cherryusb(const struct declared *d, const uint16_t *frames, unsigned count,
                                unsigned *taken)
{
    (void)d;
    *taken = count != 0;
    return 16 + up(frames[0], 4) + 16;
}

static uint32_t build_ipxe(const struct declared *d, const uint16_t *frames, unsigned count, unsigned *taken)
{
    (void)d;
    *taken = count != 0;
    return up(28 + 14, DIVISOR) - 14 + frames[0];
}

static const struct {
    const char *name;
    builder *build;
    unsigned kinds; /* of frames in front: how thorough the search is */
} hosts[] = {
    {"Microsoft", build_microsoft, 8}, {"FreeBSD", build_freebsd, 4}, {"OpenBSD", build_openbsd, 8},
    {"CherryUSB", build_cherryusb, 1}, {"iPXE", build_ipxe, 1},       {"Linux", build_linux, 3},
};

/* ---- The search. ---- */

/* Frames in front of the last one: every remainder, and sums near all that there are. */
static const uint16_t in_front[] = {1514, 14, 603, 1513, 15, 600, 302, 1001};

/* The longest NTB that this host makes of 1 to wNtbOutMaxDatagrams frames: the last one of every length, those in
 * front of it of the first `kinds` of in_front. */
static uint32_t search(const struct declared *d, builder *build, unsigned kinds)
{
    uint32_t most = 0, lists = 1;
    for (unsigned count = 1; count <= d->datagrams; count++, lists *= kinds) {
        uint16_t frames[FRAMES_MAX];
        for (uint32_t list = 0; list < lists; list++) {
            uint32_t left = list;
            for (unsigned i = 0; i + 1 < count; i++, left /= kinds)
                frames[i] = in_front[left % kinds];
            for (unsigned last = 14; last <= NCM_FRAME_MAX; last++) {
                frames[count - 1] = (uint16_t)last;
                unsigned taken;
                uint32_t length = build(d, frames, count, &taken);
                most = length > most ? length : most;
            }
        }
    }
    return most;
}

/* All pairs that there are. */
static uint32_t search_pairs(const struct declared *d, builder *build)
{
    uint32_t most = 0;
    for (unsigned first = 14; first <= NCM_FRAME_MAX; first++)
        for (unsigned second = 14; second <= NCM_FRAME_MAX; second++) {
            uint16_t frames[2] = {(uint16_t)first, (uint16_t)second};
            unsigned taken;
            uint32_t length = build(d, frames, 2, &taken);
            most = length > most ? length : most;
        }
    return most;
}

/* Frames 0 and 1 whole, in one NTB of Linux's. */
static bool pair_fits(const struct declared *d)
{
    static const uint16_t whole[2] = {NCM_FRAME_MAX, NCM_FRAME_MAX};
    unsigned taken;
    build_linux(d, whole, 2, &taken);
    return taken == 2;
}

static struct declared ours(void)
{
    uint8_t bytes[28];
    rig_init(&rig, 1);
    rig_attach(&rig);
    CHECK(rig_enumerate(&rig, false));
    CHECK_EQUAL(rig_control(&rig, 0xA1, NCM_GET_NTB_PARAMETERS, 0, 0, 28, bytes), 28);
    CHECK_EQUAL(load_le16(bytes + 20), DIVISOR);
    CHECK_EQUAL(load_le16(bytes + 22), 0);
    return declare(load_le32(bytes + 16), load_le16(bytes + 24), load_le16(bytes + 26));
}

TEST(layouts_of_known_hosts_never_exceed_what_is_declared)
{
    struct declared d = ours();
    CHECK(pair_fits(&d));
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        uint32_t most = search(&d, hosts[i].build, hosts[i].kinds);
        uint32_t pairs = i == 0 ? search_pairs(&d, hosts[i].build) : 0;
        most = pairs > most ? pairs : most;
        printf("# %s: at most %u bytes\n", hosts[i].name, most);
        if (most > d.max)
            TEST_FAIL("%s makes NTBs of %u bytes", hosts[i].name, most);
    }
}

/* The search can tell: what looks natural doesn't do, and of those near it that do, ours is the shortest and next to
 * it. */
TEST(layouts_search_finds_what_exceeds)
{
    struct declared natural = declare(3072, 4, 4), sixteen = declare(3072, 16, 3), d = ours();
    CHECK_EQUAL(search(&natural, build_microsoft, 8), 3076);
    CHECK_EQUAL(search(&sixteen, build_microsoft, 8), 3076);
    bool found = false;
    for (uint32_t datagrams = 2; datagrams <= 4; datagrams++)
        for (uint32_t alignment = 4; alignment <= 16; alignment *= 2)
            for (uint32_t max = 3072; max <= 3088; max += 4) {
                struct declared other = declare(max, alignment, datagrams);
                if (!pair_fits(&other) || search(&other, build_microsoft, 8) > max)
                    continue;
                printf("# would do: %u bytes, alignment %u, %u datagrams\n", max, alignment, datagrams);
                found |= max == d.max && alignment == d.alignment && datagrams == d.datagrams;
            }
    CHECK(found);
}

TEST_MAIN()
