@ Start of the test image: vectors, and the table in RAM filled with `unexpected`. r4: the test.
@ SPDX-License-Identifier: MIT
        .include "test/cpu/common.inc"

        .section .vectors, "a"
        .word   STACK_TOP, reset
        .rept   110
        .word   unexpected
        .endr

        .text
        .global reset, unexpected
handler reset
        ldr     r11, =DEVICE
        ldr     r0, =VECTORS
        ldr     r1, =unexpected
        movs    r2, #112
1:      str     r1, [r0], #4
        subs    r2, #1
        bne     1b
        poke    SCS + 0xD08, VECTORS
        bx      r4

@ Logs 0xBAD00000 + exception number, CFSR, HFSR.
handler unexpected
        mrs     r0, IPSR
        movt    r0, #0xBAD0
        log     r0
        peek    r0, SCS + 0xD28
        log     r0
        peek    r0, SCS + 0xD2C
        log     r0
        finish
        .ltorg
