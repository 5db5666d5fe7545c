@ Floating-point context in exceptions, and routines that an interrupt may cut anywhere.
@ SPDX-License-Identifier: MIT
        .include "test/cpu/common.inc"
        .text

.macro fp_set reg, value
        ldr     r0, =\value
        vmov    \reg, r0
.endm
.macro fp_log reg
        vmov    r0, \reg
        log     r0
.endm

@ Lazy: room is kept, nothing is written until the handler uses the FPU.
test fp_lazy
        fpu_on
        interrupt 0, fp_lazy_handler, 0x40
        ldr     r0, =STACK_TOP - 0x68 + 0x20    @ where S0 goes
        ldr     r1, =0x11111111
        str     r1, [r0]
        mrs     r0, control
        log     r0
        fp_set  s0, 0x3F800000
        fp_set  s15, 0x41700000
        fp_set  s16, 0x41800000
        mrs     r0, control
        log     r0
        pulse   0
        fp_log  s0
        fp_log  s15
        fp_log  s16
        mrs     r0, control
        log     r0
        peek    r0, SCS + 0xF34
        and     r0, #1
        log     r0
        finish
handler fp_lazy_handler
        log     lr
        log     sp
        mrs     r0, control
        log     r0
        peek    r0, SCS + 0xF34
        and     r0, #0x19
        log     r0
        peek    r0, SCS + 0xF38
        log     r0
        ldr     r0, [sp, #0x20]
        log     r0
        fp_set  s0, 0x40000000
        ldr     r0, [sp, #0x20]
        log     r0
        ldr     r0, [sp, #0x20 + 15 * 4]
        log     r0
        fp_set  s15, 0x40000000
        peek    r0, SCS + 0xF34
        and     r0, #1
        log     r0
        mrs     r0, control
        log     r0
        bx      lr
        expect  0, 4, 0xFFFFFFE9, STACK_TOP - 0x68, 0, 0x19, STACK_TOP - 0x48, 0x11111111, 0x3F800000, 0x41700000
        expect  0, 4, 0x3F800000, 0x41700000, 0x41800000, 4, 0

@ A handler that leaves the FPU alone costs no write.
test fp_lazy_unused
        fpu_on
        interrupt 0, fp_unused_handler, 0x40
        ldr     r0, =STACK_TOP - 0x68 + 0x20
        ldr     r1, =0x11111111
        str     r1, [r0]
        fp_set  s0, 0x3F800000
        pulse   0
        peek    r0, STACK_TOP - 0x68 + 0x20
        log     r0
        peek    r0, SCS + 0xF34
        and     r0, #1
        log     r0
        fp_log  s0
        finish
handler fp_unused_handler
        log     lr
        bx      lr
        expect  0xFFFFFFE9, 0x11111111, 0, 0x3F800000

@ FPCA comes back as it was, whatever the handler did: set here, clear in the second half.
test fp_active_flag
        fpu_on
        interrupt 0, fp_flag_handler, 0x40
        pulse   0
        mrs     r0, control
        log     r0
        fp_set  s0, 0x3F800000
        pulse   0
        mrs     r0, control
        log     r0
        finish
handler fp_flag_handler
        log     lr
        fp_set  s0, 0
        bx      lr
        expect  0xFFFFFFF9, 0, 0xFFFFFFE9, 4

@ D16 and up do not exist.
test fp_no_d16
        fpu_on
        faults_on
        vector  USAGE, fp_no_d16_handler
        ldr     r1, =DATA
fp_no_d16_at:
        .short  0xEDD1, 0x0B00                  @ VLDR d16, [r1]
fp_no_d16_next:
        finish
handler fp_no_d16_handler
        fault_report fp_no_d16_next
        bx      lr
        expect  0x00010000, fp_no_d16_at

@ LSPEN off: written at entry.
test fp_eager
        fpu_on
        poke    SCS + 0xF34, 0x80000000
        interrupt 0, fp_eager_handler, 0x40
        fp_set  s0, 0x3F800000
        fp_set  s15, 0x41700000
        ldr     r0, =0x03000000
        vmsr    fpscr, r0
        pulse   0
        fp_log  s0
        fp_log  s15
        vmrs    r0, fpscr
        log     r0
        finish
handler fp_eager_handler
        log     lr
        ldr     r0, [sp, #0x20]
        log     r0
        ldr     r0, [sp, #0x20 + 15 * 4]
        log     r0
        ldr     r0, [sp, #0x60]
        log     r0
        fp_set  s0, 0
        fp_set  s15, 0
        bx      lr
        expect  0xFFFFFFE9, 0x3F800000, 0x41700000, 0x03000000, 0x3F800000, 0x41700000, 0x03000000

@ ASPEN off: no FP frame at all.
test fp_manual
        fpu_on
        poke    SCS + 0xF34, 0
        interrupt 0, fp_manual_handler, 0x40
        fp_set  s0, 0x3F800000
        mrs     r0, control
        log     r0
        pulse   0
        fp_log  s0
        finish
handler fp_manual_handler
        log     lr
        fp_set  s0, 0x40000000
        bx      lr
        expect  0, 0xFFFFFFF9, 0x40000000

@ A new context takes its modes from FPDSCR.
test fp_default_modes
        fpu_on
        interrupt 0, fp_modes_handler, 0x40
        poke    SCS + 0xF3C, 0x01000000
        ldr     r0, =0x02000000
        vmsr    fpscr, r0
        pulse   0
        vmrs    r0, fpscr
        log     r0
        finish
handler fp_modes_handler
        vmrs    r0, fpscr
        log     r0
        bx      lr
        expect  0x01000000, 0x02000000

@ Nested: the outer handler's context is saved by the inner one.
test fp_nested
        fpu_on
        interrupt 0, fp_outer, 0x80
        interrupt 1, fp_inner, 0x40
        fp_set  s1, 1
        pulse   0
        fp_log  s1
        finish
handler fp_outer
        fp_set  s1, 2
        pulse   1
        fp_log  s1
        bx      lr
handler fp_inner
        log     lr
        fp_log  s1                              @ saves the outer one, then sees what is left in the register
        fp_set  s1, 3
        bx      lr
        expect  0xFFFFFFE1, 2, 2, 1

@ The lazy frame has nowhere to go: the fault is reported at the instruction that wanted to write it.
test fp_lazy_fault
        fpu_on
        faults_on
        vector  BUS, fp_lazy_fault_handler
        interrupt 0, fp_lazy_fault_irq, 0x40
        fp_set  s0, 0x3F800000
        pulse   0
        finish
handler fp_lazy_fault_irq
        poke    SCS + 0xF38, NOWHERE
fp_lazy_fault_at:
        vmov    s0, r0
        finish
handler fp_lazy_fault_handler
        fault_report unexpected
        finish
        expect  0x00002000, fp_lazy_fault_at

@ CPACR: privileged access only.
test fp_privileged
        faults_on
        vector  USAGE, fp_privileged_handler
        poke    SCS + 0xD88, 0x00500000
        fp_set  s0, 1
        movs    r0, #1
        msr     control, r0
fp_privileged_at:
        vmov    r0, s0
fp_privileged_next:
        finish
handler fp_privileged_handler
        fault_report fp_privileged_next
        bx      lr
        expect  0x00080000, fp_privileged_at

@ Sweeps: the runner raises interrupt 0 at every boundary in turn; the handler disturbs what it may. The FP context
@ is active before the interrupt is enabled: until then registers would be nobody's.
.macro sweep_setup
        fpu_on
        movs    r0, #0
        vmsr    fpscr, r0
        ldr     r0, =DATA + 0x800
        vldmia  r0, {s0-s15}
        interrupt 0, sweep_handler, 0x40
.endm
handler sweep_handler
        movs    r0, #0xA5
        mov     r1, r0
        mov     r2, r0
        mov     r3, r0
        mov     r12, r0
        cmp     r0, #0xA5
        ittee   ne
        movne   r1, #1
        movne   r2, #1
        moveq   r1, #2
        moveq   r2, #2
        ldrex   r1, [sp]
        vmov    s0, r0
        vmov    s7, r0
        vmov    s15, r0
        vadd.f32 s1, s0, s7
        vcmp.f32 s0, s1
        ldr     r0, =0x00400000
        vmsr    fpscr, r0
        bx      lr

test sweep_multiple, 1
        sweep_setup
        ldr     r0, =DATA
        movs    r1, #1
        movs    r2, #2
        movs    r3, #3
        movs    r4, #4
        mov     r12, #12
        stmia   r0!, {r1-r4, r12}
        push    {r0-r4, r12}
        stmdb   r0!, {r1, r2}
        adds    r1, r2
        ldmdb   r0!, {r5-r7}
        pop     {r1-r4, r5, r12}
        log     r0
        log     r1
        ldmia   r0, {r0, r1, r2}
        log     r0
        log     r1
        log     r2
        log     r5
        log     r6
        log     r7
        log     r12
        finish
        expect  DATA, DATA + 20, 1, 2, 3, 4, 2, 3, 12

.macro sweep_it_block
        adds    r0, r0, #1
        lsrs    r1, r0, #1
        ittet   cs
        addcs   r2, #1
        addcs   r3, r3, r2
        subcc   r3, #1
        addcs   r12, #3
        ite     mi
        movmi   r4, #0
        addpl   r4, #1
        tst     r0, #3
        itttt   eq
        addeq   r5, r3
        cmpeq   r5, #40
        addeq   r6, #1
        addeq   r5, #1
.endm

test sweep_it, 1
        sweep_setup
        movs    r0, #0
        movs    r2, #0
        movs    r3, #0
        movs    r4, #0
        movs    r5, #0
        movs    r6, #0
        mov     r12, #0
1:      sweep_it_block
        cmp     r0, #9
        bne     1b
        log     r2
        log     r3
        log     r4
        log     r5
        log     r6
        log     r12
        finish
        expect  5, 11, 9, 7, 0, 15

test sweep_fp, 1
        sweep_setup
        ldr     r4, =DATA
        ldr     r0, =0x3F800000
        ldr     r1, =0x40400000
        vmov    s0, r0
        vmov    s1, r1
        vmov    d8, r0, r1
        vdiv.f32 s2, s0, s1
        vpush   {s0-s2}
        vmov.f32 s3, s2
        vfma.f32 s3, s1, s2
        vpop    {s5-s7}
        vstmia  r4!, {s0-s7}
        vsub.f32 s0, s7, s2
        vcmp.f32 s0, #0.0
        vmrs    apsr_nzcv, fpscr
        ite     eq
        moveq   r5, #1
        movne   r5, #2
        vldmdb  r4!, {d4-d5}
        vmov    r6, r7, d4
        log     r5
        log     r6
        log     r7
        log     r4
        vmov    r0, s3
        log     r0
        vmov    r0, s17
        log     r0
        vmrs    r0, fpscr
        log     r0
        finish
        expect  1, 0, 0x3F800000, DATA + 16, 0x3FAAAAAB, 0x40400000, 0x60000010

@ Branches of every kind between the boundaries.
test sweep_branches, 1
        sweep_setup
        movs    r4, #0
        movs    r5, #0
        b       2f
1:      adds    r4, #1
2:      bl      sweep_callee
        cbz     r4, sweep_forward
        cmp     r4, #3
        bls     1b
        movs    r0, #1
        tbb     [pc, r0]
sweep_table:
        .byte   (4f - sweep_table) / 2, (3f - sweep_table) / 2
4:      adds    r5, #100
3:      log     r4
        log     r5
        finish
        .thumb_func
sweep_forward:
        adds    r5, #50
        b       1b
        .thumb_func
sweep_callee:
        push    {r4, lr}
        adds    r5, r4
        pop     {r4, pc}
        expect  4, 60
        .ltorg
