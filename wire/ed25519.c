/*
 * See ed25519.h. Verified is R = [S]B - [k]A, by Straus' trick: both scalars' bits at once, from the highest, one doubling and at
 * most one addition for each.
 *
 * Numbers are eight limbs of 32 bits, below 2^256: what goes beyond comes back times 38, since 2^256 = 38 (mod p).
 */
/* SPDX-License-Identifier: MIT */
#include "wire/ed25519.h"

#include <string.h>

#include "wire/le.h"

#define LIMBS   8
#define BITS    253 /* of a scalar below the order */
#define FOLD    38u
#define MESSAGE BITS

typedef struct ed25519_number number;
typedef struct ed25519_point point;

static const number zero = {{0}}, one = {{1}};
static const number curve_d = {
    {0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee}};
static const number root_of_minus_one = {
    {0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806, 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480}};
static const point base = {
    .x = {{0x8f25d51a, 0xc9562d60, 0x9525a7b2, 0x692cc760, 0xfdd6dc5c, 0xc0a4e231, 0xcd6e53fe, 0x216936d3}},
    .y = {{0x66666658, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666, 0x66666666}},
    .z = {{1}},
    .t = {{0xa5b7dda3, 0x6dde8ab3, 0x775152f5, 0x20f09f80, 0x64abe37d, 0x66ea4e8e, 0xd78b7665, 0x67875f0f}},
};
/* 2^252 + 27742317777372353535851937790883648493, the order of the base point. */
static const uint32_t order[LIMBS] = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000};

/* ---- Numbers modulo 2^255 - 19. ---- */

static number number_add(const number *a, const number *b)
{
    number r;
    uint64_t sum = 0;

    for (unsigned i = 0; i < LIMBS; i++) {
        sum += (uint64_t)a->limb[i] + b->limb[i];
        r.limb[i] = (uint32_t)sum;
        sum >>= 32;
    }
    while (sum != 0) { /* twice at most */
        sum *= FOLD;
        for (unsigned i = 0; i < LIMBS; i++) {
            sum += r.limb[i];
            r.limb[i] = (uint32_t)sum;
            sum >>= 32;
        }
    }
    return r;
}

static number number_subtract(const number *a, const number *b)
{
    number r;
    int64_t sum = 0;

    for (unsigned i = 0; i < LIMBS; i++) {
        sum += (int64_t)a->limb[i] - b->limb[i];
        r.limb[i] = (uint32_t)sum;
        sum >>= 32;
    }
    while (sum != 0) { /* twice at most */
        sum = -(int64_t)FOLD;
        for (unsigned i = 0; i < LIMBS; i++) {
            sum += r.limb[i];
            r.limb[i] = (uint32_t)sum;
            sum >>= 32;
        }
    }
    return r;
}

static number number_multiply(const number *a, const number *b)
{
    uint32_t product[2 * LIMBS] = {0};
    number r;
    uint64_t sum = 0;

    for (unsigned i = 0; i < LIMBS; i++) {
        uint32_t carry = 0;
        for (unsigned j = 0; j < LIMBS; j++) {
            uint64_t part = (uint64_t)a->limb[i] * b->limb[j] + product[i + j] + carry;
            product[i + j] = (uint32_t)part;
            carry = (uint32_t)(part >> 32);
        }
        product[i + LIMBS] = carry;
    }
    for (unsigned i = 0; i < LIMBS; i++) {
        sum += product[i] + (uint64_t)product[i + LIMBS] * FOLD;
        r.limb[i] = (uint32_t)sum;
        sum >>= 32;
    }
    while (sum != 0) {
        sum *= FOLD;
        for (unsigned i = 0; i < LIMBS; i++) {
            sum += r.limb[i];
            r.limb[i] = (uint32_t)sum;
            sum >>= 32;
        }
    }
    return r;
}

/* To the power of 2^bits - 1 less the two bits of `clear`. */
static number number_power(const number *a, unsigned bits, uint32_t clear)
{
    number r = *a;

    for (unsigned i = bits - 1; i-- > 0;) {
        r = number_multiply(&r, &r);
        if (i >= 32 || (clear >> i & 1) == 0) {
            r = number_multiply(&r, a);
        }
    }
    return r;
}

/* p - 2 = 2^255 - 21: all ones but bits 2 and 4. */
static number number_inverse(const number *a)
{
    return number_power(a, 255, 1u << 2 | 1u << 4);
}

/* The least form. */
static number number_reduce(const number *a)
{
    number r = *a;

    for (unsigned round = 0; round < 2; round++) {
        uint64_t sum = (uint64_t)19 * (r.limb[LIMBS - 1] >> 31);
        r.limb[LIMBS - 1] &= 0x7FFFFFFF;
        for (unsigned i = 0; i < LIMBS; i++) {
            sum += r.limb[i];
            r.limb[i] = (uint32_t)sum;
            sum >>= 32;
        }
    }
    bool beyond = r.limb[LIMBS - 1] == 0x7FFFFFFF && r.limb[0] >= 0xFFFFFFED;
    for (unsigned i = 1; i < LIMBS - 1; i++) {
        beyond = beyond && r.limb[i] == 0xFFFFFFFF;
    }
    if (beyond) { /* p to 2^255 - 1 */
        uint32_t low = r.limb[0] - 0xFFFFFFED;
        r = zero;
        r.limb[0] = low;
    }
    return r;
}

static bool number_equal(const number *a, const number *b)
{
    number x = number_reduce(a), y = number_reduce(b);

    return memcmp(&x, &y, sizeof x) == 0;
}

/* ---- Points of the curve -x² + y² = 1 + dx²y². ---- */

/* As the second one of an addition: Y - X, Y + X, 2Z, 2dT. */
static point point_prepare(const point *p)
{
    number d_twice = number_add(&curve_d, &curve_d);

    return (point){
        .x = number_subtract(&p->y, &p->x),
        .y = number_add(&p->y, &p->x),
        .z = number_add(&p->z, &p->z),
        .t = number_multiply(&p->t, &d_twice),
    };
}

/* From E, F, G, H. */
static point point_finish(const number *e, const number *f, const number *g, const number *h)
{
    return (point){
        .x = number_multiply(e, f),
        .y = number_multiply(g, h),
        .z = number_multiply(f, g),
        .t = number_multiply(e, h),
    };
}

static point point_add(const point *p, const point *prepared)
{
    number minus = number_subtract(&p->y, &p->x), plus = number_add(&p->y, &p->x);
    number a = number_multiply(&minus, &prepared->x), b = number_multiply(&plus, &prepared->y);
    number c = number_multiply(&p->t, &prepared->t), d = number_multiply(&p->z, &prepared->z);
    number e = number_subtract(&b, &a), f = number_subtract(&d, &c);
    number g = number_add(&d, &c), h = number_add(&b, &a);

    return point_finish(&e, &f, &g, &h);
}

static point point_double(const point *p)
{
    number a = number_multiply(&p->x, &p->x), b = number_multiply(&p->y, &p->y);
    number c = number_multiply(&p->z, &p->z), both = number_add(&p->x, &p->y);
    number h = number_add(&a, &b);

    c = number_add(&c, &c);
    both = number_multiply(&both, &both);
    number e = number_subtract(&h, &both), g = number_subtract(&a, &b);
    number f = number_add(&c, &g);
    return point_finish(&e, &f, &g, &h);
}

static bool point_neutral(const point *p)
{
    return number_equal(&p->x, &zero) && number_equal(&p->y, &p->z);
}

static void point_encode(const point *p, uint8_t bytes[32])
{
    number inverse = number_inverse(&p->z);
    number x = number_multiply(&p->x, &inverse), y = number_multiply(&p->y, &inverse);

    x = number_reduce(&x);
    y = number_reduce(&y);
    for (unsigned i = 0; i < LIMBS; i++) {
        store_le32(bytes + 4 * i, y.limb[i]);
    }
    bytes[31] |= (uint8_t)(x.limb[0] << 7);
}

/* The x of a y, and of the sign: a root of (y² - 1) / (dy² + 1). False: there is none. */
static bool point_x_find(const number *y, bool odd, number *x)
{
    number square = number_multiply(y, y), u = number_subtract(&square, &one);
    number v = number_multiply(&curve_d, &square);

    v = number_add(&v, &one);
    number v3 = number_multiply(&v, &v);
    v3 = number_multiply(&v3, &v);
    number root = number_multiply(&v3, &v3); /* u v³ (u v⁷)^((p - 5) / 8) */
    root = number_multiply(&root, &v);
    root = number_multiply(&root, &u);
    root = number_power(&root, 252, 1u << 1); /* 2^252 - 3 */
    root = number_multiply(&root, &v3);
    root = number_multiply(&root, &u);
    number check = number_multiply(&root, &root), negative = number_subtract(&zero, &u);
    check = number_multiply(&check, &v);
    if (number_equal(&check, &negative)) {
        root = number_multiply(&root, &root_of_minus_one);
    } else if (!number_equal(&check, &u)) {
        return false;
    }
    root = number_reduce(&root);
    if (odd && number_equal(&root, &zero)) {
        return false;
    }
    *x = (root.limb[0] & 1) == odd ? root : number_subtract(&zero, &root);
    return true;
}

static bool point_decode(point *p, const uint8_t bytes[32])
{
    bool odd = bytes[31] >> 7;

    for (unsigned i = 0; i < LIMBS; i++) {
        p->y.limb[i] = load_le32(bytes + 4 * i);
    }
    p->y.limb[LIMBS - 1] &= 0x7FFFFFFF;
    number least = number_reduce(&p->y);
    if (memcmp(&least, &p->y, sizeof least) != 0 || !point_x_find(&p->y, odd, &p->x)) {
        return false;
    }
    p->z = one;
    p->t = number_multiply(&p->x, &p->y);
    return true;
}

/* ---- Scalars modulo the order. ---- */

static bool scalar_below_order(const uint32_t *scalar)
{
    for (unsigned i = LIMBS; i-- > 0;) {
        if (scalar[i] != order[i]) {
            return scalar[i] < order[i];
        }
    }
    return false;
}

/* Of 64 bytes, bit by bit from the highest. */
static void scalar_reduce(uint32_t scalar[LIMBS], const uint8_t bytes[64])
{
    memset(scalar, 0, LIMBS * sizeof *scalar);
    for (unsigned bit = 512; bit-- > 0;) {
        uint32_t carry = bytes[bit / 8] >> bit % 8 & 1;
        for (unsigned i = 0; i < LIMBS; i++) {
            uint32_t next = scalar[i] >> 31;
            scalar[i] = scalar[i] << 1 | carry;
            carry = next;
        }
        if (!scalar_below_order(scalar)) {
            int64_t sum = 0;
            for (unsigned i = 0; i < LIMBS; i++) {
                sum += (int64_t)scalar[i] - order[i];
                scalar[i] = (uint32_t)sum;
                sum >>= 32;
            }
        }
    }
}

static unsigned scalar_bit(const uint32_t *scalar, unsigned bit)
{
    return scalar[bit / 32] >> bit % 32 & 1;
}

/* ---- The whole. ---- */

bool ed25519_begin(struct ed25519 *v, const uint8_t key[ED25519_KEY],
                   const uint8_t signature[ED25519_SIGNATURE])
{
    point a, torsion;

    v->good = false;
    v->bit = -1;
    for (unsigned i = 0; i < LIMBS; i++) {
        v->s[i] = load_le32(signature + 32 + 4 * i);
    }
    if (!scalar_below_order(v->s) || !point_decode(&a, key)) {
        return false;
    }
    torsion = point_double(&a);
    torsion = point_double(&torsion);
    torsion = point_double(&torsion);
    if (point_neutral(&torsion)) {
        return false;
    }
    a.x = number_subtract(&zero, &a.x);
    a.t = number_subtract(&zero, &a.t);
    v->table[0] = point_prepare(&base);
    v->table[1] = point_prepare(&a);
    a = point_add(&a, &v->table[0]);
    v->table[2] = point_prepare(&a);
    v->sum = (point){.y = one, .z = one};
    memcpy(v->r, signature, sizeof v->r);
    sha512_begin(&v->hash);
    sha512_update(&v->hash, signature, 32);
    sha512_update(&v->hash, key, ED25519_KEY);
    v->bit = MESSAGE;
    return true;
}

void ed25519_update(struct ed25519 *v, const void *bytes, size_t length)
{
    if (v->bit == MESSAGE) {
        sha512_update(&v->hash, bytes, length);
    }
}

bool ed25519_step(struct ed25519 *v)
{
    uint8_t bytes[SHA512_LENGTH];

    if (v->bit < 0) {
        return false;
    }
    if (v->bit == MESSAGE) {
        sha512_end(&v->hash, bytes);
        scalar_reduce(v->k, bytes);
    } else {
        unsigned which = scalar_bit(v->s, (unsigned)v->bit) + 2 * scalar_bit(v->k, (unsigned)v->bit);
        v->sum = point_double(&v->sum);
        if (which != 0) {
            v->sum = point_add(&v->sum, &v->table[which - 1]);
        }
    }
    if (--v->bit < 0) {
        point_encode(&v->sum, bytes);
        v->good = memcmp(bytes, v->r, sizeof v->r) == 0;
    }
    return v->bit >= 0;
}

bool ed25519_good(const struct ed25519 *v)
{
    return v->bit < 0 && v->good;
}
