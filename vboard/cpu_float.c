/*
 * binary32 arithmetic: see cpu_float.h. A number is taken apart into sign × mantissa × 2^exponent with an integer
 * mantissa, worked on exactly (or with a sticky lowest bit for what is lost), and put together by `assemble`,
 * the only place that rounds. Source: IEEE 754-2008 [unread]; public descriptions of the ARM pseudocode.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_float.h"

#define DEFAULT_NAN 0x7FC00000u
#define QUIET       0x00400000u
#define INFINITE    0x7F800000u

enum kind { ZERO, FINITE, INFINITY_KIND, QUIET_NAN, SIGNALLING_NAN };
enum rounding { NEAREST, UP, DOWN, TOWARDS_ZERO };

struct number {
    enum kind kind;
    bool negative;
    int exponent;      /* of the lowest bit of the mantissa */
    uint64_t mantissa; /* 24 bits, the highest one set, when FINITE */
};

/* What a format holds: binary32 or binary16. */
struct layout {
    int fraction_bits, exponent_bits;
};
static const struct layout single = {23, 8}, half = {10, 5};

static enum rounding rounding_of(uint32_t fpscr)
{
    return (enum rounding)(fpscr >> 22 & 3);
}

static struct number take_apart(uint32_t *fpscr, uint32_t bits)
{
    struct number n = {.negative = bits >> 31};
    uint32_t fraction = bits & 0x7FFFFF;
    int exponent = (int)(bits >> 23 & 0xFF);

    if (exponent == 0xFF) {
        n.kind = fraction == 0 ? INFINITY_KIND : fraction & QUIET ? QUIET_NAN : SIGNALLING_NAN;
        return n;
    }
    if (exponent == 0) {
        if (fraction && (*fpscr & FPSCR_FZ)) {
            *fpscr |= FPSCR_IDC;
            fraction = 0;
        }
        if (fraction == 0)
            return n;
        exponent = 1 - (__builtin_clz(fraction) - 8);
        fraction <<= __builtin_clz(fraction) - 8;
    }
    n.kind = FINITE;
    n.mantissa = fraction | 0x800000;
    n.exponent = exponent - 127 - 23;
    return n;
}

static uint32_t sign_of(bool negative)
{
    return negative ? FLOAT_SIGN : 0;
}

/* Shift right; what falls out stays visible in bit 0. */
static uint64_t shift_sticky(uint64_t value, int by)
{
    if (by <= 0)
        return value;
    if (by >= 64)
        return value != 0;
    return value >> by | ((value & ((1ull << by) - 1)) != 0);
}

/* Drop `by` bits of a mantissa, rounded. */
static uint64_t round_off(uint64_t mantissa, int by, bool negative, enum rounding rounding, bool *inexact)
{
    uint64_t rest = mantissa & ((1ull << by) - 1), middle = 1ull << (by - 1), kept = mantissa >> by;
    bool up = false;

    *inexact = rest != 0;
    switch (rounding) {
    case NEAREST: up = rest > middle || (rest == middle && (kept & 1)); break;
    case UP: up = rest && !negative; break;
    case DOWN: up = rest && negative; break;
    default: break;
    }
    return kept + up;
}

static uint32_t overflow(uint32_t *fpscr, bool negative, enum rounding rounding, struct layout to)
{
    uint32_t infinite = ((1u << to.exponent_bits) - 1) << to.fraction_bits;
    bool to_infinity = rounding == NEAREST || (rounding == UP && !negative) || (rounding == DOWN && negative);

    *fpscr |= FPSCR_OFC | FPSCR_IXC;
    return to_infinity ? infinite : infinite - 1;
}

/* Magnitude bits of mantissa × 2^exponent (mantissa not zero) in a format, rounded, with flags. */
static uint32_t assemble(uint32_t *fpscr, bool negative, int exponent, uint64_t mantissa,
                         enum rounding rounding, struct layout to)
{
    bool alternative = to.exponent_bits == 5 && (*fpscr & FPSCR_AHP), inexact;
    int lift = __builtin_clzll(mantissa) - 1, bias = (1 << (to.exponent_bits - 1)) - 1;
    int drop = 62 - to.fraction_bits, biased, limit = (1 << to.exponent_bits) - (alternative ? 0 : 1);

    mantissa = lift >= 0 ? mantissa << lift : shift_sticky(mantissa, 1);
    biased = exponent - lift + 62 + bias;
    if (biased < 1) {
        if (to.exponent_bits == 8 && (*fpscr & FPSCR_FZ)) {
            *fpscr |= FPSCR_UFC;
            return 0;
        }
        mantissa = shift_sticky(mantissa, 1 - biased);
        biased = 0;
    }
    mantissa = round_off(mantissa, drop, negative, rounding, &inexact);
    if (biased == 0 && inexact)
        *fpscr |= FPSCR_UFC;
    if (biased == 0)
        biased = 1; /* the hidden bit, if rounding made one, adds the rest */
    mantissa += (uint64_t)(biased - 1) << to.fraction_bits;
    if (mantissa >> to.fraction_bits >= (uint64_t)limit) {
        if (!alternative)
            return overflow(fpscr, negative, rounding, to);
        *fpscr |= FPSCR_IOC;
        return 0x7FFF;
    }
    if (inexact)
        *fpscr |= FPSCR_IXC;
    return (uint32_t)mantissa;
}

static uint32_t assemble_single(uint32_t *fpscr, bool negative, int exponent, uint64_t mantissa)
{
    return sign_of(negative) | assemble(fpscr, negative, exponent, mantissa, rounding_of(*fpscr), single);
}

static uint32_t invalid(uint32_t *fpscr)
{
    *fpscr |= FPSCR_IOC;
    return DEFAULT_NAN;
}

/* If an operand is a NaN: the first signalling one, else the first quiet one, made quiet. */
static bool nan_result(uint32_t *fpscr, const struct number *numbers, const uint32_t *bits, unsigned count,
                       uint32_t *result)
{
    for (int kind = SIGNALLING_NAN; kind >= QUIET_NAN; kind--) {
        for (unsigned i = 0; i < count; i++) {
            if ((int)numbers[i].kind != kind)
                continue;
            if (kind == SIGNALLING_NAN)
                *fpscr |= FPSCR_IOC;
            *result = *fpscr & FPSCR_DN ? DEFAULT_NAN : bits[i] | QUIET;
            return true;
        }
    }
    return false;
}

static uint32_t exact_zero(uint32_t fpscr)
{
    return sign_of(rounding_of(fpscr) == DOWN);
}

typedef __int128 wide;

/* Sum of two finite or zero numbers with mantissas of up to 48 bits. */
static uint32_t sum(uint32_t *fpscr, struct number a, struct number b)
{
    int distance, exponent;
    wide x, y;
    bool negative;

    if (a.kind == ZERO && b.kind == ZERO)
        return a.negative == b.negative ? sign_of(a.negative) : exact_zero(*fpscr);
    if (a.kind == ZERO || (b.kind != ZERO && b.exponent > a.exponent)) {
        struct number other = a;

        a = b;
        b = other;
    }
    /* a has the higher exponent: lift it 70 bits at most, the rest of b is only sticky */
    distance = b.kind == ZERO ? 0 : a.exponent - b.exponent;
    exponent = distance > 70 ? a.exponent - 70 : a.exponent - distance;
    x = (wide)a.mantissa << (distance > 70 ? 70 : distance);
    y = (wide)shift_sticky(b.mantissa, distance > 70 ? distance - 70 : 0);
    x = (a.negative ? -x : x) + (b.negative ? -y : y);
    if (x == 0)
        return exact_zero(*fpscr);
    negative = x < 0;
    x = negative ? -x : x;
    while (x >> 62) {
        x = x >> 1 | (x & 1);
        exponent++;
    }
    return assemble_single(fpscr, negative, exponent, (uint64_t)x);
}

uint32_t float_add(uint32_t *fpscr, uint32_t a, uint32_t b)
{
    uint32_t bits[2] = {a, b}, result;
    struct number numbers[2] = {take_apart(fpscr, a), take_apart(fpscr, b)};

    if (nan_result(fpscr, numbers, bits, 2, &result))
        return result;
    if (numbers[0].kind == INFINITY_KIND && numbers[1].kind == INFINITY_KIND && (a ^ b) >> 31)
        return invalid(fpscr);
    if (numbers[0].kind == INFINITY_KIND)
        return a;
    if (numbers[1].kind == INFINITY_KIND)
        return b;
    return sum(fpscr, numbers[0], numbers[1]);
}

static bool zero_by_infinity(const struct number *a, const struct number *b)
{
    return (a->kind == ZERO && b->kind == INFINITY_KIND) || (a->kind == INFINITY_KIND && b->kind == ZERO);
}

uint32_t float_multiply(uint32_t *fpscr, uint32_t a, uint32_t b)
{
    uint32_t bits[2] = {a, b}, result, sign = (a ^ b) & FLOAT_SIGN;
    struct number n[2] = {take_apart(fpscr, a), take_apart(fpscr, b)};

    if (nan_result(fpscr, n, bits, 2, &result))
        return result;
    if (zero_by_infinity(&n[0], &n[1]))
        return invalid(fpscr);
    if (n[0].kind == INFINITY_KIND || n[1].kind == INFINITY_KIND)
        return sign | INFINITE;
    if (n[0].kind == ZERO || n[1].kind == ZERO)
        return sign;
    return assemble_single(fpscr, sign != 0, n[0].exponent + n[1].exponent, n[0].mantissa * n[1].mantissa);
}

uint32_t float_multiply_add(uint32_t *fpscr, uint32_t addend, uint32_t a, uint32_t b)
{
    uint32_t bits[3] = {addend, a, b}, result;
    struct number n[3] = {take_apart(fpscr, addend), take_apart(fpscr, a), take_apart(fpscr, b)};
    struct number product = {.negative = n[1].negative != n[2].negative};
    bool wrong = zero_by_infinity(&n[1], &n[2]);

    if (nan_result(fpscr, n, bits, 3, &result))
        return n[0].kind == QUIET_NAN && wrong ? invalid(fpscr) : result;
    if (wrong)
        return invalid(fpscr);
    if (n[1].kind == INFINITY_KIND || n[2].kind == INFINITY_KIND) {
        if (n[0].kind == INFINITY_KIND && n[0].negative != product.negative)
            return invalid(fpscr);
        return sign_of(product.negative) | INFINITE;
    }
    if (n[0].kind == INFINITY_KIND)
        return addend;
    if (n[1].kind == FINITE && n[2].kind == FINITE) {
        product.kind = FINITE;
        product.mantissa = n[1].mantissa * n[2].mantissa;
        product.exponent = n[1].exponent + n[2].exponent;
    }
    return sum(fpscr, n[0], product);
}

uint32_t float_divide(uint32_t *fpscr, uint32_t a, uint32_t b)
{
    uint32_t bits[2] = {a, b}, result, sign = (a ^ b) & FLOAT_SIGN;
    struct number n[2] = {take_apart(fpscr, a), take_apart(fpscr, b)};
    uint64_t quotient;

    if (nan_result(fpscr, n, bits, 2, &result))
        return result;
    if (n[0].kind == n[1].kind && n[0].kind != FINITE)
        return invalid(fpscr);
    if (n[0].kind == INFINITY_KIND || n[1].kind == ZERO) {
        if (n[0].kind != INFINITY_KIND)
            *fpscr |= FPSCR_DZC;
        return sign | INFINITE;
    }
    if (n[0].kind == ZERO || n[1].kind == INFINITY_KIND)
        return sign;
    quotient = (n[0].mantissa << 36) / n[1].mantissa;
    quotient = quotient << 1 | ((n[0].mantissa << 36) % n[1].mantissa != 0);
    return assemble_single(fpscr, sign != 0, n[0].exponent - n[1].exponent - 37, quotient);
}

uint32_t float_sqrt(uint32_t *fpscr, uint32_t a)
{
    struct number n = take_apart(fpscr, a);
    uint64_t root = 0, square;
    uint32_t result;

    if (nan_result(fpscr, &n, &a, 1, &result))
        return result;
    if (n.kind == ZERO)
        return a & FLOAT_SIGN;
    if (n.negative)
        return invalid(fpscr);
    if (n.kind == INFINITY_KIND)
        return a;
    square = n.mantissa << (n.exponent & 1 ? 37 : 36); /* an even exponent, and 60 or 61 bits */
    for (uint64_t bit = 1ull << 30; bit; bit >>= 1) {
        if ((root | bit) * (root | bit) <= square)
            root |= bit;
    }
    return assemble_single(fpscr, false, (n.exponent - (n.exponent & 1 ? 37 : 36)) / 2 - 1,
                           root << 1 | (root * root != square));
}

unsigned float_compare(uint32_t *fpscr, uint32_t a, uint32_t b, bool signal_quiet)
{
    struct number x = take_apart(fpscr, a), y = take_apart(fpscr, b);
    int64_t left, right;

    if (x.kind >= QUIET_NAN || y.kind >= QUIET_NAN) {
        if (signal_quiet || x.kind == SIGNALLING_NAN || y.kind == SIGNALLING_NAN)
            *fpscr |= FPSCR_IOC;
        return 3;
    }
    left = x.kind == ZERO ? 0 : x.negative ? -(int64_t)(a & ~FLOAT_SIGN) : (int64_t)a;
    right = y.kind == ZERO ? 0 : y.negative ? -(int64_t)(b & ~FLOAT_SIGN) : (int64_t)b;
    return left == right ? 6 : left < right ? 8 : 2;
}

static uint32_t fixed_limit(uint32_t *fpscr, bool negative, unsigned bits, bool is_signed)
{
    uint32_t high = (uint32_t)((1ull << (bits - is_signed)) - 1);

    *fpscr |= FPSCR_IOC;
    if (!negative)
        return high;
    return is_signed ? ~high : 0;
}

uint32_t float_to_fixed(uint32_t *fpscr, uint32_t a, unsigned fraction, unsigned bits, bool is_signed,
                        bool to_zero)
{
    struct number n = take_apart(fpscr, a);
    enum rounding rounding = to_zero ? TOWARDS_ZERO : rounding_of(*fpscr);
    int shift = n.exponent + (int)fraction;
    int64_t value, high = (1ll << (bits - is_signed)) - 1, low = is_signed ? -high - 1 : 0;
    bool inexact = false;

    if (n.kind >= QUIET_NAN) {
        *fpscr |= FPSCR_IOC;
        return 0;
    }
    if (n.kind == ZERO)
        return 0;
    if (n.kind == INFINITY_KIND || shift > 34)
        return fixed_limit(fpscr, n.negative, bits, is_signed);
    if (shift >= 0)
        value = (int64_t)(n.mantissa << shift);
    else
        value =
            (int64_t)round_off(shift_sticky(n.mantissa << 32, -shift), 32, n.negative, rounding, &inexact);
    value = n.negative ? -value : value;
    if (value < low || value > high)
        return fixed_limit(fpscr, n.negative, bits, is_signed);
    if (inexact)
        *fpscr |= FPSCR_IXC;
    return (uint32_t)value;
}

uint32_t float_from_fixed(uint32_t *fpscr, int64_t value, unsigned fraction, bool to_nearest)
{
    bool negative = value < 0;
    uint64_t magnitude = negative ? 0 - (uint64_t)value : (uint64_t)value;

    if (value == 0)
        return 0;
    return sign_of(negative) | assemble(fpscr, negative, -(int)fraction, magnitude,
                                        to_nearest ? NEAREST : rounding_of(*fpscr), single);
}

uint16_t float_to_half(uint32_t *fpscr, uint32_t a)
{
    struct number n = take_apart(fpscr, a);
    bool alternative = *fpscr & FPSCR_AHP;
    uint16_t sign = (uint16_t)(n.negative ? 0x8000 : 0);

    if (n.kind >= QUIET_NAN) {
        if (n.kind == SIGNALLING_NAN || alternative)
            *fpscr |= FPSCR_IOC;
        if (alternative)
            return sign;
        return *fpscr & FPSCR_DN ? 0x7E00 : (uint16_t)(sign | 0x7E00 | (a >> 13 & 0x1FF));
    }
    if (n.kind == INFINITY_KIND) {
        if (alternative)
            *fpscr |= FPSCR_IOC;
        return (uint16_t)(sign | (alternative ? 0x7FFF : 0x7C00));
    }
    if (n.kind == ZERO)
        return sign;
    return (uint16_t)(sign | assemble(fpscr, n.negative, n.exponent, n.mantissa, rounding_of(*fpscr), half));
}

uint32_t float_from_half(uint32_t *fpscr, uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits & 0x8000) << 16, fraction = bits & 0x3FF;
    int exponent = bits >> 10 & 31;

    if (exponent == 31 && !(*fpscr & FPSCR_AHP)) {
        if (fraction == 0)
            return sign | INFINITE;
        if (!(fraction & 0x200))
            *fpscr |= FPSCR_IOC;
        return *fpscr & FPSCR_DN ? DEFAULT_NAN : sign | INFINITE | QUIET | fraction << 13;
    }
    if (exponent == 0) {
        if (fraction == 0)
            return sign;
        exponent = 1 - (__builtin_clz(fraction) - 21);
        fraction = fraction << (__builtin_clz(fraction) - 21) & 0x3FF;
    }
    return sign | (uint32_t)(exponent + 127 - 15) << 23 | fraction << 13;
}
