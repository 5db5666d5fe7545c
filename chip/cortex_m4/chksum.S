/*
 * uint16_t chksum_sum(const void *data, int length): wire/chksum.h's sum on a Cortex-M4, in place of the C one.
 *
 * One carry chain of ADCS through everything from the first whole word on: 64 bytes a round, then what is left
 * by halves, from 32 bytes down to one. The carry lives through all of it, since LSR, AND and SUB without S,
 * CBZ, B and loads leave the flags alone. About 1.3 instructions a word.
 * Any alignment, any length; an odd start swaps the two bytes of the result (RFC 1071, 2 (B) [unread]).
 */
/* SPDX-License-Identifier: MIT */
    .syntax unified
    .thumb
    .section .text.chksum_sum, "ax", %progbits
    .global chksum_sum
    .type chksum_sum, %function
    .align 2

chksum_sum:
    cmp     r1, #20                 @ an IP header, or a TCP header alone: what is asked for most
    bne     .Lany
    tst     r0, #3
    bne     .Lany
    ldmia   r0, {r0-r3, r12}
    adds    r0, r1
    adcs    r0, r2
    adcs    r0, r3
    adcs    r0, r12
    adc     r0, r0, #0
    uxth    r1, r0
    add     r0, r1, r0, lsr #16
    uxth    r1, r0
    add     r0, r1, r0, lsr #16
    uxth    r0, r0
    bx      lr
.Lany:
    push    {r4-r11}
    movs    r2, #0                  @ the sum
    cmp     r1, #0
    ble     .Lreturn
    ands    r12, r0, #1             @ odd start: remember to swap
    beq     .Lhalfword
    ldrb    r2, [r0], #1            @ a byte in the upper half of its 16-bit word
    lsls    r2, r2, #8
    subs    r1, #1
.Lhalfword:
    cmp     r1, #2
    blt     .Lwords
    tst     r0, #2
    beq     .Lwords
    ldrh    r3, [r0], #2
    adds    r2, r3                  @ can't carry: two 16-bit numbers
    subs    r1, #2
.Lwords:
    lsr     r3, r1, #6              @ rounds of 64 bytes
    cmn     r2, #0                  @ carry clear
.Lround:
    cbz     r3, .Lrest
    ldmia   r0!, {r4-r11}
    adcs    r2, r4
    adcs    r2, r5
    adcs    r2, r6
    adcs    r2, r7
    adcs    r2, r8
    adcs    r2, r9
    adcs    r2, r10
    adcs    r2, r11
    ldmia   r0!, {r4-r11}
    adcs    r2, r4
    adcs    r2, r5
    adcs    r2, r6
    adcs    r2, r7
    adcs    r2, r8
    adcs    r2, r9
    adcs    r2, r10
    adcs    r2, r11
    sub     r3, r3, #1
    b       .Lround
.Lrest:
    and     r3, r1, #32
    cbz     r3, .Lbelow_32
    ldmia   r0!, {r4-r11}
    adcs    r2, r4
    adcs    r2, r5
    adcs    r2, r6
    adcs    r2, r7
    adcs    r2, r8
    adcs    r2, r9
    adcs    r2, r10
    adcs    r2, r11
.Lbelow_32:
    and     r3, r1, #16
    cbz     r3, .Lbelow_16
    ldmia   r0!, {r4-r7}
    adcs    r2, r4
    adcs    r2, r5
    adcs    r2, r6
    adcs    r2, r7
.Lbelow_16:
    and     r3, r1, #8
    cbz     r3, .Lbelow_8
    ldmia   r0!, {r4, r5}
    adcs    r2, r4
    adcs    r2, r5
.Lbelow_8:
    and     r3, r1, #4
    cbz     r3, .Lbelow_4
    ldr     r4, [r0], #4
    adcs    r2, r4
.Lbelow_4:
    and     r3, r1, #2
    cbz     r3, .Lbelow_2
    ldrh    r4, [r0], #2
    adcs    r2, r4
.Lbelow_2:
    and     r3, r1, #1
    cbz     r3, .Lfold
    ldrb    r4, [r0]
    adcs    r2, r4
.Lfold:
    adc     r2, r2, #0              @ can't carry: the sum and the carry are never both at their most
    uxth    r3, r2
    add     r2, r3, r2, lsr #16
    uxth    r3, r2
    add     r2, r3, r2, lsr #16
    cmp     r12, #0
    it      ne
    rev16ne r2, r2
.Lreturn:
    uxth    r0, r2
    pop     {r4-r11}
    bx      lr
    .size chksum_sum, . - chksum_sum
