@ Order of exceptions: priorities, masks, tail-chaining, late arrival, returns, sleep.
@ SPDX-License-Identifier: MIT
        .include "test/cpu/common.inc"
        .text

@ Same priority: the second waits and follows without the frame being popped; both see the same SP and LR.
test tail_chain
        interrupt 0, tail_first, 0x40
        interrupt 1, tail_second, 0x40
        pulse   0
        mark    0x99
        finish
handler tail_first
        mark    0x10
        pulse   1
        log     lr
        log     sp
        mark    0x11
        bx      lr
handler tail_second
        mark    0x20
        log     lr
        log     sp
        bx      lr
        expect  0x10, 0xFFFFFFF9, STACK_TOP - 0x20, 0x11, 0x20, 0xFFFFFFF9, STACK_TOP - 0x20, 0x99

@ The frame goes to memory behind the bus; its first write raises something more urgent, which is then entered first.
test late_arrival
        interrupt 0, late_slow, 0x80
        interrupt 1, late_urgent, 0x40
        ldr     r0, =DEVICE_STACK + 0x800
        mov     sp, r0
        movs    r0, #1
        str     r0, [r11, #0x18]
        pulse   0
        ldr     r0, [r11, #0x1C]                @ words pushed and popped: one frame each, since the second is chained
        log     r0
        finish
handler late_urgent
        mark    0x20
        log     lr
        log     sp
        peek    r0, SCS + 0x300                 @ active
        log     r0
        bx      lr
handler late_slow
        mark    0x10
        log     lr
        log     sp
        bx      lr
        expect  0x20, 0xFFFFFFF9, DEVICE_STACK + 0x7E0, 2, 0x10, 0xFFFFFFF9, DEVICE_STACK + 0x7E0, 16

test preemption
        interrupt 0, outer, 0x80
        interrupt 1, inner, 0x40
        pulse   0
        mark    0x99
        finish
handler outer
        mark    0x10
        log     lr
        pulse   1
        mark    0x11
        bx      lr
handler inner
        mark    0x20
        log     lr
        log     sp
        peek    r0, SCS + 0xD04                 @ ICSR: VECTACTIVE 17, not RETTOBASE
        log     r0
        bx      lr
        expect  0x10, 0xFFFFFFF9, 0x20, 0xFFFFFFF1, STACK_TOP - 0x40, 17, 0x11, 0x99

@ Two bits of group priority: 0x40 and 0x50 do not preempt each other, but the lower number goes first.
test priority_grouping
        poke    SCS + 0xD0C, 0x05FA0500
        interrupt 0, group_first, 0x50
        interrupt 1, group_second, 0x40
        vector  18, group_third
        poke8   SCS + 0x402, 0x30
        poke    SCS + 0x100, 4
        pulse   0
        cpsid   i
        pulse   0
        pulse   1
        cpsie   i
        mark    0x99
        finish
handler group_first
        mark    0x10
        pulse   1
        pulse   2                               @ another group: at once
        mark    0x11
        bx      lr
handler group_second
        mark    0x20
        bx      lr
handler group_third
        mark    0x30
        bx      lr
        expect  0x10, 0x30, 0x11, 0x20, 0x20, 0x10, 0x30, 0x11, 0x20, 0x99

test basepri
        interrupt 0, base_40, 0x40
        interrupt 1, base_20, 0x20
        movs    r0, #0x4F
        msr     basepri, r0
        mrs     r0, basepri
        log     r0
        pulse   0
        mark    1
        pulse   1
        movs    r0, #0x80
        msr     basepri_max, r0
        mrs     r0, basepri
        log     r0
        movs    r0, #0
        msr     basepri_max, r0
        movs    r0, #0x20
        msr     basepri_max, r0
        mrs     r0, basepri
        log     r0
        mark    2
        movs    r0, #0
        msr     basepri, r0
        mark    0x99
        finish
handler base_40
        mark    0x10
        bx      lr
handler base_20
        mark    0x20
        bx      lr
        expect  0x40, 1, 0x20, 0x40, 0x20, 2, 0x10, 0x99

@ FAULTMASK holds everything but NMI, and a return clears it.
test faultmask
        interrupt 0, mask_irq, 0
        vector  2, mask_nmi
        cpsid   f
        pulse   0
        mrs     r0, faultmask
        log     r0
        poke    SCS + 0xD04, 0x80000000
        mark    1
        mrs     r0, faultmask
        log     r0
        cpsie   f
        mark    2
        pulse   0
        mrs     r0, faultmask
        log     r0
        finish
handler mask_irq
        mark    0x10
        cpsid   f
        mrs     r0, faultmask
        log     r0
        bx      lr
handler mask_nmi
        mrs     r0, IPSR
        log     r0
        bx      lr
        expect  1, 2, 1, 1, 0x10, 1, 2, 0x10, 1, 0

@ WFI ends although PRIMASK keeps the interrupt from being taken.
test wfi_primask
        interrupt 0, wfi_handler, 0x40
        poke    0xE000EDFC, 0x01000000
        poke    0xE0001000, 1
        cpsid   i
        ldr     r0, =500 << 8
        str     r0, [r11, #0x14]
        peek    r1, 0xE0001004
        wfi
        peek    r2, 0xE0001004                  @ CYCCNT counts on: both reads are two instructions behind 0 and 500
        subs    r2, r1
        movs    r1, #0
        log     r2
        mark    1
        peek    r0, SCS + 0x200
        log     r0
        cpsie   i
        mark    2
        finish
handler wfi_handler
        mark    0x10
        bx      lr
        expect  500, 1, 1, 0x10, 2

@ An interrupt that BASEPRI masks does not end WFI: SysTick does, later.
test wfi_basepri
        interrupt 0, wfi_handler, 0x40
        vector  SYSTICK, wfi_tick
        movs    r0, #0x40
        msr     basepri, r0
        ldr     r0, =100 << 8
        str     r0, [r11, #0x14]
        poke    SCS + 0x14, 999
        poke    SCS + 0x18, 0
        poke    SCS + 0x10, 7
        wfi
        mark    1
        movs    r0, #0
        msr     basepri, r0
        mark    2
        finish
handler wfi_tick
        mark    0x15
        poke    SCS + 0x10, 0
        bx      lr
        expect  0x15, 1, 0x10, 2

@ Ten ticks, each slept for; the period is RELOAD + 1.
test systick_sleep
        vector  SYSTICK, tick_handler
        poke    0xE000EDFC, 0x01000000
        poke    0xE0001000, 1
        poke    SCS + 0x14, 999
        poke    SCS + 0x18, 0
        poke    SCS + 0x10, 7
        movs    r4, #0
        wfi
        peek    r5, 0xE0001004
1:      wfi
        cmp     r4, #10
        bne     1b
        peek    r6, 0xE0001004
        subs    r6, r5
        movs    r5, #0
        movw    r0, #9000
        subs    r6, r0
        log     r6                              @ instructions of the last round differ from those of the first by 2
        peek    r0, SCS + 0x10
        log     r0                              @ COUNTFLAG, and once read it is gone
        peek    r0, SCS + 0x10
        log     r0
        finish
handler tick_handler
        adds    r4, #1
        bx      lr
        expect  2, 0x10007, 7

@ The counter itself: reload, zero, COUNTFLAG without an exception.
test systick_count
        poke    SCS + 0x14, 99
        poke    SCS + 0x18, 5                   @ any write clears
        poke    SCS + 0x10, 5
        ldr     r9, =SCS + 0x18
        ldr     r0, [r9]
        ldr     r1, [r9]
        subs    r2, r0, r1
        log     r2
        ldr     r9, =SCS + 0x10
1:      ldr     r0, [r9]
        tst     r0, #0x10000
        beq     1b
        log     r0
        peek    r0, SCS + 0x1C
        log     r0
        finish
        expect  1, 0x10005, 0x12345678

@ The interrupt comes inside an IT block; the handler has flags and an IT block of its own.
test it_state
        interrupt 0, it_handler, 0x40
        ldr     r3, =DATA
        movs    r0, #0
        movs    r1, #0
        movs    r2, #0
        movs    r4, #0
        cmp     r0, #0
        ittee   eq
        streq   r0, [r11]                       @ pulse interrupt 0
        moveq   r1, #1
        movne   r2, #2
        movne   r4, #4
        log     r1
        log     r2
        log     r4
        mrs     r0, apsr
        log     r0
        finish
handler it_handler
        ldr     r0, [sp, #28]
        ldr     r1, =0x0600FC00
        ands    r0, r1
        log     r0
        cmp     r0, #1
        ite     eq
        moveq   r1, #0x11
        movne   r1, #0x12
        log     r1
        bx      lr
        expect  0x04000C00, 0x12, 1, 0, 0, 0x60000000

@ A fault inside an IT block: the frame holds the state of the instruction that failed, which is run again.
test it_fault
        faults_on
        vector  USAGE, it_fault_handler
        poke    SCS + 0xD14, 0x210              @ DIV_0_TRP
        movs    r0, #5
        movs    r1, #0
        movs    r2, #7
        cmp     r1, #0
        itte    eq
        moveq   r3, #1
it_fault_at:
        udiveq  r2, r0, r1
        movne   r3, #9
        log     r2
        log     r3
        finish
handler it_fault_handler
        ldr     r0, [sp, #28]
        ldr     r1, =0x0600FC00
        ands    r0, r1
        log     r0
        ldr     r0, [sp, #24]
        log     r0
        peek    r0, SCS + 0xD28
        log     r0
        movs    r0, #1
        str     r0, [sp, #4]                    @ r1: divide by one now
        bx      lr
        expect  0x00000C00, it_fault_at, 0x02000000, 5, 1

@ The monitor does not survive an exception.
test exclusive_monitor
        interrupt 0, monitor_handler, 0x40
        ldr     r0, =DATA
        movs    r1, #77
        strex   r2, r1, [r0]
        log     r2                              @ nothing was set
        ldrex   r3, [r0]
        strex   r2, r1, [r0]
        log     r2
        strex   r2, r1, [r0]
        log     r2                              @ used up
        ldrex   r3, [r0]
        log     r3
        pulse   0
        movs    r1, #88
        strex   r2, r1, [r0]
        log     r2
        ldr     r3, [r0]
        log     r3
        ldrex   r3, [r0]
        clrex
        strexb  r2, r1, [r0]
        log     r2
        vector  IRQ0, monitor_second
        ldrex   r3, [r0]
        pulse   0
        strex   r2, r1, [r0]                    @ not by what the handler loaded either
        log     r2
        finish
handler monitor_handler
        bx      lr
handler monitor_second
        strex   r2, r1, [r0]                    @ thread mode's monitor is gone
        log     r2
        ldrex   r2, [r0]
        bx      lr
        expect  1, 0, 1, 77, 1, 77, 1, 1, 1

@ EXC_RETURN: process stack, and a frame that needed 4 bytes of alignment.
test return_process_stack
        vector  SVC, return_svc
        ldr     r0, =DATA + 0x804
        msr     psp, r0
        movs    r0, #2
        msr     control, r0
        isb
        log     sp
        svc     #42
return_svc_next:
        log     sp
        mrs     r0, control
        log     r0
        finish
handler return_svc
        log     lr
        log     sp
        mrs     r0, psp
        log     r0
        ldr     r1, [r0, #24]
        log     r1
        ldrb    r1, [r1, #-2]                   @ number of the SVC
        log     r1
        ldr     r1, [r0, #28]
        ubfx    r1, r1, #9, #1
        log     r1
        mrs     r1, control
        log     r1
        bx      lr
        expect  DATA + 0x804, 0xFFFFFFFD, STACK_TOP, DATA + 0x7E0, return_svc_next, 42, 1, 0, DATA + 0x804, 2

@ POP {PC}, LDR PC and LDM return as BX does.
test return_forms
        interrupt 0, return_pop, 0x40
        interrupt 1, return_ldr, 0x40
        vector  18, return_ldm
        poke    SCS + 0x100, 4
        pulse   0
        pulse   1
        pulse   2
        log     sp
        finish
handler return_pop
        push    {r4, lr}
        mark    1
        pop     {r4, pc}
handler return_ldr
        push    {lr}
        mark    2
        ldr     pc, [sp], #4
handler return_ldm
        push    {r4-r7, lr}
        mark    3
        ldmia   sp!, {r4-r7, pc}
        expect  1, 2, 3, STACK_TOP

@ Returning to thread mode while another exception is active: INVPC, unless CCR allows it.
test return_nested
        faults_on
        vector  USAGE, nested_usage
        interrupt 0, nested_outer, 0x80
        interrupt 1, nested_inner, 0x40
        pulse   0
        finish
handler nested_outer
        mark    0x10
        pulse   1
        mark    0x11
        bx      lr
handler nested_inner
        mark    0x20
        ldr     lr, =0xFFFFFFF9
        bx      lr
handler nested_usage
        peek    r0, SCS + 0xD28
        log     r0
        log     lr
        mrs     r0, IPSR
        log     r0
        ldr     lr, =0xFFFFFFF1                 @ into the outer handler, as it should have been
        bx      lr
        expect  0x10, 0x20, 0x00040000, 0xFFFFFFF9, 6, 0x11

test return_nonbase
        poke    SCS + 0xD14, 0x201
        interrupt 0, nonbase_handler, 0x80
        ldr     r0, =nonbase_thread
        pulse   0
        b       .
handler nonbase_handler
        sub     sp, #32                         @ a frame by hand: thread mode, with this interrupt still active
        bic     r0, #1
        str     r0, [sp, #24]
        ldr     r1, =0x01000000
        str     r1, [sp, #28]
        mark    1
        pulse   1                               @ (not enabled: nothing)
        poke    SCS + 0xD24, 0x80               @ SVC marked active, so that one stays
        ldr     lr, =0xFFFFFFF9
        bx      lr
handler nonbase_thread
        mrs     r0, IPSR
        log     r0
        mark    2
        finish
        expect  1, 0, 2

@ A value that is no EXC_RETURN of this core.
test return_invalid
        faults_on
        vector  USAGE, invalid_usage
        interrupt 0, invalid_handler, 0x80
        pulse   0
        mark    0x99
        finish
handler invalid_handler
        mark    1
        ldr     lr, =0xFFFFFFF5
        bx      lr
handler invalid_usage
        peek    r0, SCS + 0xD28
        log     r0
        log     lr
        log     sp
        ldr     lr, =0xFFFFFFF9
        bx      lr
        expect  1, 0x00040000, 0xFFFFFFF5, STACK_TOP - 0x20, 0x99

@ A frame whose PSR does not fit the mode that EXC_RETURN names.
test return_wrong_psr
        faults_on
        vector  USAGE, wrong_psr_usage
        interrupt 0, wrong_psr_handler, 0x80
        pulse   0
        finish
handler wrong_psr_handler
        ldr     r0, [sp, #28]
        orr     r0, #17
        str     r0, [sp, #28]
        bx      lr
handler wrong_psr_usage
        peek    r0, SCS + 0xD28
        log     r0
        log     lr
        log     sp
        mrs     r0, IPSR
        log     r0
        finish
        expect  0x00040000, 0xFFFFFFF9, STACK_TOP - 0x20, 6

@ A line that stays high enters its handler again.
test level
        interrupt 0, level_handler, 0x40
        movs    r4, #0
        movs    r0, #0
        str     r0, [r11, #0xC]
        mark    0x99
        finish
handler level_handler
        adds    r4, #1
        log     r4
        cmp     r4, #3
        it      eq
        streq   r0, [r11, #0x10]                @ lower; r0 is 0
        bx      lr
        expect  1, 2, 3, 0x99

@ PendSV, SysTick, NMI by ICSR, an interrupt by ISPR and STIR; priorities order them.
test software_pending
        vector  PENDSV, report
        vector  SYSTICK, report
        vector  2, report
        interrupt 0, report, 0x40
        interrupt 1, report, 0x60
        poke8   SCS + 0xD22, 0xF0               @ PendSV last
        poke8   SCS + 0xD23, 0x50
        cpsid   i
        poke    SCS + 0xD04, 0x14000000         @ PendSV and SysTick
        poke    SCS + 0x200, 1
        poke    SCS + 0xF00, 1
        peek    r0, SCS + 0xD04
        log     r0                              @ PENDSVSET, PENDSTSET, ISRPENDING, VECTPENDING 16, RETTOBASE
        cpsie   i
        poke    SCS + 0xD04, 0x80000000
        mark    0x99
        finish
handler report
        mrs     r0, IPSR
        log     r0
        bx      lr
        expect  0x14410800, 16, 15, 17, 14, 2, 0x99

@ SLEEPONEXIT: thread mode goes on only after the handler has cleared it.
test sleep_on_exit
        interrupt 0, sleepy, 0x40
        poke    SCS + 0xD10, 2
        movs    r4, #0
        ldr     r0, =100 << 8
        str     r0, [r11, #0x14]
        wfi
        mark    0x99
        finish
handler sleepy
        adds    r4, #1
        log     r4
        cmp     r4, #3
        bne     1f
        poke    SCS + 0xD10, 0
        bx      lr
1:      ldr     r0, =100 << 8
        str     r0, [r11, #0x14]
        bx      lr
        expect  1, 2, 3, 0x99

@ The event register: set by SEV and by exceptions; SEVONPEND wakes by an interrupt that is not enabled.
test wait_for_event
        sev
        wfe
        mark    1
        poke    SCS + 0xD10, 0x10
        ldr     r0, =200 << 8
        str     r0, [r11, #0x14]
        wfe
        mark    2
        peek    r0, SCS + 0x200
        log     r0
        finish
        expect  1, 2, 1

test vtor_and_reset_values
        peek    r0, SCS + 0xD00
        log     r0
        peek    r0, SCS + 0xD14
        log     r0
        peek    r0, SCS + 0xD08
        log     r0
        peek    r0, SCS + 0xD0C
        log     r0
        peek    r0, SCS + 0xF34
        log     r0
        peek    r0, SCS + 0xD90
        log     r0
        mrs     r0, control
        log     r0
        finish
        expect  0x410FC241, 0x200, VECTORS, 0xFA050000, 0xC0000000, 0x800, 0

@ Code in RAM that changes.
test code_in_ram
        ldr     r1, =DATA
        ldr     r0, =0x47702005                 @ MOVS r0, #5; BX lr
        str     r0, [r1]
        adds    r5, r1, #1
        blx     r5
        log     r0
        movs    r0, #6
        strb    r0, [r1]
        blx     r5
        log     r0
        finish
        expect  5, 6

test bit_band
        ldr     r1, =DATA
        ldr     r2, =0x22000000 + 0x1000 * 32
        movs    r0, #0
        str     r0, [r1]
        str     r0, [r1, #4]
        movs    r0, #1
        str     r0, [r2, #5 * 4]
        strb    r0, [r2, #(32 + 9) * 4]
        ldr     r0, [r1]
        log     r0
        ldr     r0, [r1, #4]
        log     r0
        ldr     r0, [r2, #5 * 4]
        log     r0
        ldr     r0, [r2, #6 * 4]
        log     r0
        movs    r0, #0xFE                       @ only bit 0 counts
        str     r0, [r2, #5 * 4]
        ldr     r0, [r1]
        log     r0
        finish
        expect  0x20, 0x200, 1, 0, 0
        .ltorg
