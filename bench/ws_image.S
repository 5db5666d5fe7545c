/*
 * The smallest image that can call the WebSocket engine: a vector table with more words behind the reset vector, which
 * the test reads (where to return to, and the functions). SPDX-License-Identifier: MIT
 */
    .syntax unified
    .thumb
    .section .text.vectors, "ax", %progbits
    .word   0x20001000
    .word   returned + 1
    .word   returned + 1
    .word   ws_begin
    .word   ws_receive
    .word   ws_accept_key
    .thumb_func
returned:
    bkpt    #0
    b       returned
