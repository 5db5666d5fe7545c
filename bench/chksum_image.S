/*
 * The smallest image that can call chksum_sum: a vector table with two more words behind the reset vector,
 * which the test reads (the function, and where to return to). SPDX-License-Identifier: MIT
 */
    .syntax unified
    .thumb
    .section .text.vectors, "ax", %progbits
    .word   0x20002000
    .word   returned + 1
    .word   chksum_sum
    .word   returned + 1
    .thumb_func
returned:
    bkpt    #0
    b       returned
