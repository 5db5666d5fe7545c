/*
 * Ed25519 and SHA-512: RFC 8032's vectors, keys and signatures that aren't ones, and a message that comes in any pieces.
 *
 * The further signatures and the points of small order were made by a model in Python, written from RFC 8032 and checked by its
 * first vector.
 *
 * LINK: wire/ed25519.c wire/sha512.c
 */
/* SPDX-License-Identifier: MIT */
#include "test/test.h"
#include "wire/ed25519.h"

static struct ed25519 v;
static uint8_t key[32], signature[64], message[1024];

static size_t hex(const char *text, uint8_t *bytes)
{
    size_t length = strlen(text) / 2;
    for (size_t i = 0; i < length; i++) {
        unsigned value;
        CHECK_EQUAL(sscanf(text + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    return length;
}

/* The message in pieces of this length. */
static bool verify(size_t length, size_t piece)
{
    unsigned steps = 0;
    bool begun = ed25519_begin(&v, key, signature);
    CHECK(!ed25519_good(&v));
    for (size_t at = 0; at < length; at += piece)
        ed25519_update(&v, message + at, piece < length - at ? piece : length - at);
    while (ed25519_step(&v)) {
        CHECK(!ed25519_good(&v));
        steps++;
    }
    CHECK_EQUAL(steps, begun ? 253 : 0);
    CHECK(begun || !ed25519_good(&v));
    return ed25519_good(&v);
}

static size_t take(const char *key_, const char *signature_, const char *message_)
{
    hex(key_, key);
    hex(signature_, signature);
    return hex(message_, message);
}

static void sha512_ends_as(struct sha512 *s, const char *wanted)
{
    uint8_t digest[64], expected[64];
    hex(wanted, expected);
    sha512_end(s, digest);
    CHECK_BYTES(digest, expected, 64);
}

TEST(sha512_abc)
{
    static const char wanted[] = "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                                 "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
    struct sha512 s;
    sha512_begin(&s);
    sha512_update(&s, "a", 1);
    sha512_update(&s, "bc", 2);
    sha512_ends_as(&s, wanted);
}

/* Each length to 399, by the digest of all digests; in pieces of another length each time. */
TEST(sha512_lengths)
{
    static const char wanted[] = "354f893826d84328595b4a633916fd422ef4269331e89f07d55c343d35d26002"
                                 "33feed284162f182db13183d72444745b634ca273342cb621bb601ed02d87923";
    uint8_t digest[64];
    struct sha512 all, s;
    for (size_t i = 0; i < 400; i++)
        message[i] = (uint8_t)(i * 31 + 7);
    sha512_begin(&all);
    for (size_t length = 0; length < 400; length++) {
        size_t piece = length % 37 + 1;
        sha512_begin(&s);
        for (size_t at = 0; at < length; at += piece)
            sha512_update(&s, message + at, piece < length - at ? piece : length - at);
        sha512_end(&s, digest);
        sha512_update(&all, digest, 64);
    }
    sha512_ends_as(&all, wanted);
}

/* The length in bits has more than 32 of them. So many bytes are too many for a test: a state that says so is closed with its last, empty
 * block. The digest is a Python model's of the compression function, which gives the digest of "abc". */
TEST(sha512_long_length)
{
    static const char wanted[] = "1abc73a5f9efcf271f8b7fd11409330fb7686136bcc3f92954245aad265ed7e3"
                                 "7678620fba7347eea97217e3fd1d05a57b3c6b1f08de0b30b770f0b57c382a30";
    struct sha512 s;
    sha512_begin(&s);
    s.length = 0xA0000000;
    sha512_ends_as(&s, wanted);
}

/* 7.1, tests 1 to 3. */
TEST(ed25519_rfc_8032)
{
    static const char *const vectors[][3] = {
        {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
         ""},
        {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
         "72"},
        {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
         "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
         "af82"},
    };
    for (size_t i = 0; i < 3; i++)
        CHECK(verify(take(vectors[i][0], vectors[i][1], vectors[i][2]), 1));
}

static const struct {
    unsigned length;
    const char *key, *signature;
} more[] = {
    {0, "08855c50813155be7e0a8af7249dc8c4d7558884f3372c022625384cad599e48",
     "daedfce244d0c8939015c4aefa1794898ebc145d980a47ce0a7ef30dfb11530e2675c0ccd1a030ec2452297704ac9b34e93c1b52d7b13945f1cf39f77f39ea0e"},
    {1, "5bc4e1255a938d5bfea5fbcd818db8a2d356c969dc68d7d9667062bf1a3b1c9a",
     "b238c1e324cd048f2ce2a0c0b629edf0dcfe569e847ebbb41d3233291649616d9578e4cd99823c17959715edde39917bddbf0e2a38cc904b252eb885263e7b0c"},
    {63, "9d905de3de609c630c89198e63fb0391fdaeb27b3c0f979b995aa92347bf7f4d",
     "6a2a948d0ab06ecbcb12f2a2dabb87b8e84533a120f901fa69d42e21b26256bc76c053de50d10bdd1b56ed4795da986d4a38afaa80404461010873e6931ea505"},
    {64, "a19d1089623bbf7d29f78e58573566b1a6454286d2d16cc6a5f6d2b935a10943",
     "64146f7d7dd27017d9bfed3d63482117f1c0c1d49e43645856000019ad4423f069566b27b926c53adddfdab25927afec481b8917ede180a09ab184d86fcb4006"},
    {127, "30265de74ed846f1f265a5fd70e0bd3608535a06857142a5ff5d0f48b9e2dd8d",
     "dce96a0a84b341970d382e09c02ac102e71dc25a45d778f101ba7cacd8a1628dcbfa47257f1d05489b27c1d7592bab7886f90cd3848bd277d32dc5afffe1c505"},
    {128, "237255792142d941331922b3fa9ae158b6ce5cd752bd5308682cef9cdd5f61d4",
     "706aaacef1fff991cd034b1fbcc43712038264f560194e13200b9ff276c23262b0dabd0de32a94d4cd4a47cb76936119727048c6cb6e7966b8e1df1de6b89e00"},
    {129, "ca5868a714d6d5d06d61aa7f3805895cfb3d978f0528b52ba080daaa7fd9da51",
     "05aa5a2a48e62cb977eb76f8d5f325cf15affa89f70289c953d73b7e579bcc5e9034bcac2edd0a3c66f4858e411b09a309b09ba53db8207dc2c8506e8835390e"},
    {500, "7e3e58ad4c650f0e3f5efcc2af263409a5cc9404bef62056ad4da5abfaf5c1bf",
     "1cd05b868ee3a1b3dae3b31719e1bd8ede3f05abc088db982251b6363a1bf8b7bf0237ffa867045d166f51f988bb476322c54729d80e77b9e463f250a25ace09"},
};

static size_t more_take(size_t i)
{
    take(more[i].key, more[i].signature, "");
    for (unsigned at = 0; at < more[i].length; at++)
        message[at] = (uint8_t)(at * 7 + more[i].length);
    return more[i].length;
}

TEST(ed25519_pieces)
{
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        for (size_t piece = 1; piece < 600; piece += 97)
            CHECK(verify(more_take(i), piece));
    }
}

TEST(ed25519_one_bit_wrong)
{
    for (unsigned bit = 0; bit < 8 * (32 + 64 + 63); bit += 5) {
        size_t length = more_take(2);
        uint8_t *bytes = bit < 256 ? key : bit < 768 ? signature : message;
        unsigned at = bit < 256 ? bit : bit < 768 ? bit - 256 : bit - 768;
        bytes[at / 8] ^= (uint8_t)(1u << at % 8);
        CHECK(!verify(length, 64));
    }
    size_t length = more_take(2);
    CHECK(verify(length, 64));
    CHECK(!verify(length - 1, 64));
    CHECK(!verify(length + 1, 64));
}

/* S + L says the same, and is refused; so are S = L and what is far beyond. */
TEST(ed25519_s_beyond_the_order)
{
    uint8_t order[32];
    unsigned carry = 0;
    size_t length = more_take(3);
    hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order);
    for (unsigned i = 0; i < 32; i++) {
        carry += signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    CHECK_EQUAL(carry, 0);
    CHECK(!ed25519_begin(&v, key, signature));
    CHECK(!verify(length, 64));
    memcpy(signature + 32, order, 32);
    CHECK(!ed25519_begin(&v, key, signature));
    signature[32]--;
    CHECK(ed25519_begin(&v, key, signature));
    memset(signature + 32, 0xFF, 32);
    CHECK(!ed25519_begin(&v, key, signature));
}

/* With such a key, R = [S]B - [k]A holds for one message in eight, whoever has made it. */
TEST(ed25519_keys_of_small_order)
{
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    more_take(0);
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        hex(points[i], key);
        CHECK(!ed25519_begin(&v, key, signature));
        CHECK(!ed25519_step(&v) && !ed25519_good(&v));
    }
}

/* y = p and above, a y without an x, and x = 0 that shall be odd. */
TEST(ed25519_keys_that_are_none)
{
    static const char *const keys[] = {
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0200000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    more_take(0);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        hex(keys[i], key);
        CHECK(!ed25519_begin(&v, key, signature));
    }
}

/* An R that is no point, or in another form than ours, is no R. */
TEST(ed25519_r_that_is_none)
{
    size_t length = more_take(1);
    memset(signature, 0xFF, 32);
    CHECK(!verify(length, 1));
    signature[31] = 0x7F;
    CHECK(!verify(length, 1));
    memset(signature, 0, 32);
    CHECK(!verify(length, 1));
}

TEST_MAIN()
