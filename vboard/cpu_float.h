/*
 * binary32 arithmetic as the FPU does it, with integers only: the same on every host. Every function takes FPSCR:
 * rounding mode, flush to zero and default NaN are read from it, the cumulative flags are set in it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_CPU_FLOAT_H
#define PLUGNET_VBOARD_CPU_FLOAT_H

#include <stdbool.h>
#include <stdint.h>

#define FPSCR_IOC  (1u << 0)
#define FPSCR_DZC  (1u << 1)
#define FPSCR_OFC  (1u << 2)
#define FPSCR_UFC  (1u << 3)
#define FPSCR_IXC  (1u << 4)
#define FPSCR_IDC  (1u << 7)
#define FPSCR_FZ   (1u << 24)
#define FPSCR_DN   (1u << 25)
#define FPSCR_AHP  (1u << 26)
#define FPSCR_KEPT 0xF7C0009Fu
#define FLOAT_SIGN 0x80000000u

uint32_t float_add(uint32_t *fpscr, uint32_t a, uint32_t b);
uint32_t float_multiply(uint32_t *fpscr, uint32_t a, uint32_t b);
uint32_t float_multiply_add(uint32_t *fpscr, uint32_t addend, uint32_t a, uint32_t b);
uint32_t float_divide(uint32_t *fpscr, uint32_t a, uint32_t b);
uint32_t float_sqrt(uint32_t *fpscr, uint32_t a);
/* N, Z, C, V in bits 3 to 0. */
unsigned float_compare(uint32_t *fpscr, uint32_t a, uint32_t b, bool signal_quiet);

/* Fixed point: `fraction` bits after the point, 0 for integers; `bits` 16 or 32. */
uint32_t float_to_fixed(uint32_t *fpscr, uint32_t a, unsigned fraction, unsigned bits, bool is_signed,
                        bool to_zero);
uint32_t float_from_fixed(uint32_t *fpscr, int64_t value, unsigned fraction, bool to_nearest);

uint16_t float_to_half(uint32_t *fpscr, uint32_t a);
uint32_t float_from_half(uint32_t *fpscr, uint16_t half);

#endif
