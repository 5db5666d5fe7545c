/*
 * The signal: a sine with noise, in integers. A product of yours has an ADC here.
 */
/* SPDX-License-Identifier: MIT */
#include "meter.h"

/* `amplitude` times the sine of `turn` / 2^32 turns, by Bhaskara's formula: 16 p / (5 - 4 p) with p = x (1 - x), x in half
 * turns. Its error is below 0.2 % of the amplitude. */
static int32_t wave_sine(int32_t amplitude, uint32_t turn)
{
    int32_t x = (int32_t)(turn >> 16 & 0x7FFF);
    int32_t p = x * (0x8000 - x) >> 14; /* 1 is 2^16 */
    int32_t sine = 16 * p * amplitude / (5 * 0x10000 - 4 * p);

    return turn >> 31 != 0 ? -sine : sine;
}

/* A number that looks random: all bits of `number` change about half of its bits. */
static uint32_t wave_noise(uint32_t number)
{
    number = (number ^ number >> 16) * 0x45D9F3Bu;
    number = (number ^ number >> 16) * 0x45D9F3Bu;
    return number ^ number >> 16;
}

int32_t wave_millivolts(const struct wave *wave, uint32_t number)
{
    uint32_t step =
        (uint32_t)(((uint64_t)wave->frequency * SAMPLE_MS << 32) / (100 * 1000)); /* 2^32: a turn */
    uint32_t turn = number * step;
    uint32_t range = 2 * (uint32_t)wave->noise_mv + 1;

    return wave_sine(wave->amplitude_mv, turn) + (int32_t)(wave_noise(number) % range) - wave->noise_mv;
}
