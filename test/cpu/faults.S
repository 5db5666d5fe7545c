@ Faults: where they are reported, with which bits, and what they escalate to; MPU; unprivileged code.
@ SPDX-License-Identifier: MIT
        .include "test/cpu/common.inc"
        .text

.macro fault_test name, number
        test    \name
        faults_on
        vector  \number, \name\()_handler
.endm

fault_test undefined, USAGE
undefined_at:
        udf     #1
undefined_next:
        mark    0x99
        udf.w   #1
undefined_end:
        finish
handler undefined_handler
        fault_report undefined_next
        ldr     r1, =undefined_twice
        ldr     r9, =VECTORS + 4 * USAGE
        str     r1, [r9]
        bx      lr
handler undefined_twice
        fault_report undefined_end
        bx      lr
        expect  0x00010000, undefined_at, 0x99, 0x00010000, undefined_end - 4

fault_test divide, USAGE
        movs    r1, #0
        movs    r2, #9
        sdiv    r2, r2, r1                      @ not trapped: 0
        log     r2
        poke    SCS + 0xD14, 0x210
divide_at:
        sdiv    r2, r2, r1
divide_next:
        finish
handler divide_handler
        fault_report divide_next
        bx      lr
        expect  0, 0x02000000, divide_at

fault_test unaligned, USAGE
        ldr     r1, =DATA + 1
        ldr     r0, =0x12345678
        str     r0, [r1]                        @ allowed
        ldrh    r2, [r1, #2]
        log     r2
        mov     r3, r1
unaligned_ldrd:
        ldrd    r4, r5, [r1]
unaligned_two:
        ldr     r9, =VECTORS + 4 * USAGE
        ldr     r10, =unaligned_second
        str     r10, [r9]
        poke    SCS + 0xD14, 0x208              @ UNALIGN_TRP
unaligned_ldr:
        ldr     r2, [r1], #4
unaligned_end:
        log     r1                              @ not written back
        finish
handler unaligned_handler
        fault_report unaligned_two
        bx      lr
handler unaligned_second
        fault_report unaligned_end
        bx      lr
        expect  0x1234, 0x01000000, unaligned_ldrd, 0x01000000, unaligned_ldr, DATA + 1

@ LDM that fails half-way changes no register.
fault_test bus_load, BUS
        ldr     r1, =NOWHERE + 0x10
        movs    r2, #2
        movs    r3, #3
bus_load_at:
        ldmia   r1!, {r2, r3}
bus_load_next:
        log     r1
        log     r2
        log     r3
        finish
handler bus_load_handler
        fault_report bus_load_next
        peek    r0, SCS + 0xD38
        log     r0
        bx      lr
        expect  0x00008200, bus_load_at, NOWHERE + 0x10, NOWHERE + 0x10, 2, 3

fault_test bus_store, BUS
        ldr     r1, =NOWHERE + 0x24
bus_store_at:
        strh    r2, [r1, #-4]!
bus_store_next:
        log     r1
        finish
handler bus_store_handler
        fault_report bus_store_next
        peek    r0, SCS + 0xD38
        log     r0
        bx      lr
        expect  0x00008200, bus_store_at, NOWHERE + 0x20, NOWHERE + 0x24

fault_test bus_fetch, BUS
        ldr     r1, =NOWHERE + 1
        blx     r1
bus_fetch_next:
        mark    0x99
        finish
handler bus_fetch_handler
        fault_report bus_fetch_next
        bx      lr
        expect  0x00000100, NOWHERE, 0x99

@ Peripherals and the core's own space never execute.
fault_test never_execute, MEMORY
        ldr     r1, =DEVICE + 1
        blx     r1
never_next:
        ldr     r9, =VECTORS + 4 * MEMORY
        ldr     r10, =never_second
        str     r10, [r9]
        ldr     r1, =SCS + 1
        blx     r1
never_end:
        finish
handler never_execute_handler
        fault_report never_next
        bx      lr
handler never_second
        fault_report never_end
        bx      lr
        expect  1, DEVICE, 1, SCS

fault_test no_coprocessor, USAGE
no_fpu_at:
        vmov    s0, r0
no_fpu_next:
        ldr     r9, =VECTORS + 4 * USAGE
        ldr     r10, =no_coprocessor_second
        str     r10, [r9]
no_cp_at:
        mrc     p15, 0, r0, c0, c0, 0
no_cp_next:
        finish
handler no_coprocessor_handler
        fault_report no_fpu_next
        bx      lr
handler no_coprocessor_second
        fault_report no_cp_next
        bx      lr
        expect  0x00080000, no_fpu_at, 0x00080000, no_cp_at

fault_test invalid_state, USAGE
        ldr     r1, =invalid_state_target
        bic     r1, #1
        blx     r1
invalid_state_next:
        finish
        .align  2
invalid_state_target:
        nop
handler invalid_state_handler
        ldr     r0, [sp, #28]
        and     r0, #0x01000000
        log     r0
        orr     r0, #0x01000000
        str     r0, [sp, #28]
        fault_report invalid_state_next
        bx      lr
        expect  0, 0x00020000, invalid_state_target

@ A vector without its lowest bit: the handler cannot run; the fault is taken before its first instruction.
fault_test invalid_vector, USAGE
        poke8   SCS + 0xD18 + 2, 0x20
        interrupt 0, reset, 0x80
        ldr     r9, =VECTORS + 4 * IRQ0
        ldr     r10, =DATA
        str     r10, [r9]
        pulse   0
        mark    0x99
        finish
handler invalid_vector_handler
        log     lr
        peek    r0, SCS + 0xD28
        log     r0
        ldr     r0, [sp, #24]
        log     r0
        ldr     r0, [sp, #28]
        ubfx    r0, r0, #0, #9
        log     r0
        ldr     r0, =invalid_vector_return
        bic     r0, #1
        str     r0, [sp, #24]
        ldr     r0, =0x01000010
        str     r0, [sp, #28]
        bx      lr
handler invalid_vector_return
        ldr     lr, =0xFFFFFFF9
        bx      lr
        expect  0xFFFFFFF1, 0x00020000, DATA, 16, 0x99

@ Not enabled: HardFault, FORCED.
test escalation
        vector  HARD, escalation_handler
escalation_at:
        udf     #0
escalation_next:
        finish
handler escalation_handler
        peek    r0, SCS + 0xD2C
        log     r0
        mrs     r0, IPSR
        log     r0
        fault_report escalation_next
        bx      lr
        expect  0x40000000, 3, 0x00010000, escalation_at

@ Enabled but not more urgent than what runs: HardFault.
test escalation_priority
        faults_on
        vector  HARD, escalation_priority_hard
        poke8   SCS + 0xD18 + 2, 0x40
        interrupt 0, escalation_priority_irq, 0x40
        pulse   0
        mark    0x99
        finish
handler escalation_priority_irq
        udf     #0
escalation_priority_next:
        bx      lr
handler escalation_priority_hard
        log     lr
        fault_report escalation_priority_next
        bx      lr
        expect  0xFFFFFFF1, 0x00010000, escalation_priority_next - 2, 0x99

test escalation_svc
        vector  HARD, escalation_svc_hard
        cpsid   i
        svc     #0
escalation_svc_next:
        mark    0x99
        finish
handler escalation_svc_hard
        peek    r0, SCS + 0xD2C
        log     r0
        ldr     r0, [sp, #24]
        log     r0
        bx      lr
        expect  0x40000000, escalation_svc_next, 0x99

@ A fault in HardFault locks the core up; the runner adds its own word then.
test lockup
        vector  HARD, lockup_handler
        udf     #0
        finish
handler lockup_handler
        mark    1
        udf     #0
        finish
        expect  1, 0xDEAD10CC

test lockup_vector
        poke    SCS + 0xD08, NOWHERE
        interrupt 0, lockup_handler, 0x40
        mark    1
        pulse   0
        finish
        expect  1, 0xDEAD10CC

test breakpoint
        vector  HARD, breakpoint_handler
breakpoint_at:
        bkpt    #0
breakpoint_next:
        finish
handler breakpoint_handler
        peek    r0, SCS + 0xD2C
        log     r0
        ldr     r0, [sp, #24]
        log     r0
        adds    r0, #2
        str     r0, [sp, #24]
        bx      lr
        expect  0x80000000, breakpoint_at

test debug_monitor
        vector  DEBUG, monitor_exception
        poke    0xE000EDFC, 0x00010000
monitor_at:
        bkpt    #0
        finish
handler monitor_exception
        peek    r0, SCS + 0xD30
        log     r0
        ldr     r0, [sp, #24]
        log     r0
        adds    r0, #2
        str     r0, [sp, #24]
        bx      lr
        expect  2, monitor_at

@ No room for the frame.
fault_test stacking, BUS
        interrupt 0, unexpected, 0x80
        ldr     r0, =NOWHERE
        mov     sp, r0
        pulse   0
        finish
handler stacking_handler
        peek    r0, SCS + 0xD28
        log     r0
        log     sp
        finish
        expect  0x00001000, NOWHERE - 0x20

fault_test unstacking, BUS
        interrupt 0, unstacking_irq, 0x80
        pulse   0
        finish
handler unstacking_irq
        ldr     r0, =NOWHERE
        mov     sp, r0
        bx      lr
handler unstacking_handler
        peek    r0, SCS + 0xD28
        log     r0
        log     lr
        log     sp
        finish
        expect  0x00000800, 0xFFFFFFF9, NOWHERE

@ BFHFNMIGN: a handler at priority -1 may probe memory.
test ignored_bus_fault
        poke    SCS + 0xD14, 0x300
        cpsid   f
        ldr     r1, =NOWHERE
        movs    r2, #1
        ldr     r2, [r1]
        log     r2
        peek    r0, SCS + 0xD28
        log     r0
        finish
        expect  0, 0x00008200

@ Unprivileged: no masks, no registers of the core, LDRT as if so; SVC leads back.
fault_test unprivileged, BUS
        vector  SVC, unprivileged_svc
        movs    r0, #1
        msr     control, r0
        cpsid   i
        movs    r0, #1
        msr     primask, r0
        msr     basepri, r0
        mrs     r0, primask
        log     r0
        ldr     r1, =SCS + 0xD00
unprivileged_at:
        ldr     r0, [r1]
unprivileged_next:
        svc     #0
        mrs     r0, primask
        log     r0
        ldr     r9, =VECTORS + 4 * BUS
        ldr     r10, =unprivileged_second
        str     r10, [r9]
unprivileged_ldrt:
        ldrt    r0, [r1]
unprivileged_end:
        finish
handler unprivileged_handler
        fault_report unprivileged_next
        peek    r0, SCS + 0xD38
        log     r0
        bx      lr
handler unprivileged_svc
        movs    r0, #0
        msr     control, r0
        bx      lr
handler unprivileged_second
        fault_report unprivileged_end
        bx      lr
        expect  0, 0x00008200, unprivileged_at, SCS + 0xD00, 0, 0x00008200, unprivileged_ldrt

.macro mpu_region number, base, attribute
        poke    SCS + 0xD9C, \base + 0x10 + \number
        poke    SCS + 0xDA0, \attribute
.endm

@ 4 KiB of DATA only for privileged code; everything else by the background map.
fault_test mpu_user, MEMORY
        mpu_region 0, 0x00000000, 0x0300003F    @ 4 GiB, full access
        mpu_region 1, DATA, 0x01000017          @ 4 KiB, privileged only
        poke    SCS + 0xD94, 1
        dsb
        ldr     r1, =DATA + 0x124
        movs    r0, #7
        str     r0, [r1]
        log     r0
        movs    r0, #1
        msr     control, r0
mpu_user_at:
        str     r0, [r1]
mpu_user_next:
        finish
handler mpu_user_handler
        fault_report mpu_user_next
        peek    r0, SCS + 0xD34
        log     r0
        bx      lr
        expect  7, 0x00000082, mpu_user_at, DATA + 0x124

@ Read-only, execute never, a subregion that is switched off, and no background.
fault_test mpu_rights, MEMORY
        mpu_region 0, 0x08000000, 0x06000027    @ 1 MiB, read-only, executes
        mpu_region 1, 0x20000000, 0x1300001F    @ 64 KiB, full access, XN
        mpu_region 2, DATA, 0x13000117          @ 4 KiB, first of 8 subregions off: region 1 shows through
        mpu_region 3, DEVICE, 0x13000017
        poke    SCS + 0xD94, 1
        ldr     r1, =DATA
        ldr     r0, =0x47702005
        str     r0, [r1]                        @ allowed
        adds    r2, r1, #1
        blx     r2                              @ but it does not execute
mpu_rights_next:
        ldr     r9, =VECTORS + 4 * MEMORY
        ldr     r10, =mpu_rights_second
        str     r10, [r9]
        ldr     r1, =unexpected
        bic     r1, #1
mpu_rights_at:
        str     r1, [r1]                        @ read-only
mpu_rights_two:
        ldr     r9, =VECTORS + 4 * MEMORY
        ldr     r10, =mpu_rights_third
        str     r10, [r9]
        ldr     r1, =DEVICE_STACK
mpu_rights_none:
        ldr     r2, [r1]                        @ in no region
mpu_rights_end:
        poke    SCS + 0xD94, 5                  @ now with a background
        ldr     r2, [r1]
        mark    0x99
        finish
handler mpu_rights_handler
        fault_report mpu_rights_next
        bx      lr
handler mpu_rights_second
        fault_report mpu_rights_two
        bx      lr
handler mpu_rights_third
        fault_report mpu_rights_end
        bx      lr
        expect  1, DATA, 0x82, mpu_rights_at, 0x82, mpu_rights_none, 0x99

@ A guard of 32 bytes in a page that is used otherwise; a region that moves; subregions.
fault_test mpu_guard, MEMORY
        mpu_region 0, 0x00000000, 0x0300003F
        mpu_region 1, DATA + 0x40, 0x00000009   @ no access
        mpu_region 2, DATA + 0x1000, 0x00000117 @ no access, but for its first eighth
        poke    SCS + 0xD94, 5
        ldr     r1, =DATA
        str     r1, [r1]
        str     r1, [r1, #0x3C]
        ldr     r2, [r1, #0x60]
        ldr     r3, =DATA + 0x2000
        str     r3, [r3]
        add     r4, r1, #0x1000
        str     r3, [r4]
mpu_guard_at:
        str     r1, [r1, #0x40]
mpu_guard_two:
        ldr     r9, =VECTORS + 4 * MEMORY
        ldr     r10, =mpu_guard_second
        str     r10, [r9]
        add     r4, r1, #0x1200
mpu_guard_piece:
        str     r1, [r4]
mpu_guard_three:
        ldr     r9, =VECTORS + 4 * MEMORY
        ldr     r10, =mpu_guard_third
        str     r10, [r9]
        mpu_region 1, DATA + 0x2000, 0x00000009
        str     r1, [r1, #0x40]                 @ free now
mpu_guard_moved:
        str     r3, [r3]
mpu_guard_end:
        ldr     r0, [r1, #0x40]
        log     r0
        finish
handler mpu_guard_handler
        fault_report mpu_guard_two
        bx      lr
handler mpu_guard_second
        fault_report mpu_guard_three
        bx      lr
handler mpu_guard_third
        fault_report mpu_guard_end
        bx      lr
        expect  0x82, mpu_guard_at, 0x82, mpu_guard_piece, 0x82, mpu_guard_moved, DATA

@ Without HFNMIENA a handler at priority -1 sees no MPU.
test mpu_hard
        faults_on
        vector  HARD, mpu_hard_handler
        mpu_region 0, 0x08000000, 0x06000027
        mpu_region 1, 0x20000000, 0x13000013    @ 1 KiB of vectors
        mpu_region 2, 0x20007000, 0x13000017
        mpu_region 3, DEVICE, 0x13000017
        poke    SCS + 0xD24, 0
        poke    SCS + 0xD94, 1
        ldr     r1, =DATA
mpu_hard_at:
        str     r1, [r1]
mpu_hard_next:
        finish
handler mpu_hard_handler
        ldr     r1, =DATA
        str     r1, [r1]
        ldr     r1, [r1]
        log     r1
        fault_report mpu_hard_next
        bx      lr
        expect  DATA, 0x82, mpu_hard_at
        .ltorg
