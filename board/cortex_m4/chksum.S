/*
 * uint16_t net_chksum(const void *data, int length): net/chksum.h's sum on a Cortex-M4, in place of the C one.
 *
 * 64 bytes a round: LDM of eight words twice, one carry chain of ADCS through all of them. The carry lives
 * across the round's end, since SUB without S, CBZ and B leave the flags alone. About 1.3 instructions a word.
 * Any alignment, any length; an odd start swaps the two bytes of the result (RFC 1071, 2 (B) [unread]).
 */
/* SPDX-License-Identifier: MIT */
    .syntax unified
    .thumb
    .section .text.net_chksum, "ax", %progbits
    .global net_chksum
    .type net_chksum, %function
    .align 2

net_chksum:
    push    {r4-r11}
    movs    r2, #0                  @ the sum
    cmp     r1, #0
    ble     return
    ands    r12, r0, #1             @ odd start: remember to swap
    beq     halfword
    ldrb    r2, [r0], #1            @ a byte in the upper half of its 16-bit word
    lsls    r2, r2, #8
    subs    r1, #1
halfword:
    tst     r0, #2
    beq     words
    cmp     r1, #2
    blt     tail
    ldrh    r3, [r0], #2
    adds    r2, r3                  @ can't carry: two 16-bit numbers
    subs    r1, #2
words:
    and     r7, r1, #63             @ left for the tail
    lsrs    r1, r1, #6              @ rounds of 64 bytes
    cmn     r2, #0                  @ carry clear
round:
    cbz     r1, rounds_done
    ldmia   r0!, {r3-r6, r8-r11}
    adcs    r2, r3
    adcs    r2, r4
    adcs    r2, r5
    adcs    r2, r6
    adcs    r2, r8
    adcs    r2, r9
    adcs    r2, r10
    adcs    r2, r11
    ldmia   r0!, {r3-r6, r8-r11}
    adcs    r2, r3
    adcs    r2, r4
    adcs    r2, r5
    adcs    r2, r6
    adcs    r2, r8
    adcs    r2, r9
    adcs    r2, r10
    adcs    r2, r11
    sub     r1, r1, #1
    b       round
rounds_done:
    adc     r2, r2, #0
    mov     r1, r7
word:
    cmp     r1, #4
    blt     tail
    ldr     r3, [r0], #4
    adds    r2, r3
    adc     r2, r2, #0
    subs    r1, #4
    b       word
tail:
    cmp     r1, #2
    blt     last
    ldrh    r3, [r0], #2
    adds    r2, r3
    adc     r2, r2, #0
    subs    r1, #2
last:
    cmp     r1, #1
    bne     fold
    ldrb    r3, [r0]
    adds    r2, r3
    adc     r2, r2, #0
fold:
    uxth    r3, r2
    add     r2, r3, r2, lsr #16
    uxth    r3, r2
    add     r2, r3, r2, lsr #16
    cmp     r12, #0
    it      ne
    rev16ne r2, r2
return:
    uxth    r0, r2
    pop     {r4-r11}
    bx      lr
    .size net_chksum, . - net_chksum
