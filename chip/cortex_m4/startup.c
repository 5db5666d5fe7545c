/*
 * From reset to main on a Cortex-M4F, and the vector table.
 *
 *   flash: [first sector: the boot loader] [vectors | header | code | constants | data's first values | CRC]
 *   RAM:   [stack, growing down towards unmapped memory] [data] [bss]
 *
 * A stack that overflows leaves RAM and faults at once, instead of running into data. The board's
 * interrupts come from board_vectors.inc in its folder, HANDLER(number, name); how many the chip has
 * (CHIP_IRQ_COUNT) is in its chip.mk.
 */
/* SPDX-License-Identifier: MIT */
#include "chip/cortex_m4/cortex_m4.h"
#include "chip/cortex_m4/guard.h"
#include "chip/cortex_m4/report.h"

#include "board/board.h"
#include "board/stack_paint.h"

#include <stddef.h>

extern uint32_t linker_stack_start[], linker_stack_end[];
extern uint32_t linker_data_start[], linker_data_end[], linker_data_load[];
extern uint32_t linker_bss_start[], linker_bss_end[];

#ifdef PLUGNET_CXX
typedef void (*constructor)(void);
extern const constructor linker_constructors_start[], linker_constructors_end[];
#endif

int main(void);
void Reset_Handler(void);
void SysTick_Handler(void);
void Fault_Handler(void);

/* The chip's, if it has a use for it; a kernel's, if there is one in the image. */
__attribute__((weak, alias("Fault_Handler"))) void NMI_Handler(void);
__attribute__((weak, alias("Fault_Handler"))) void SVC_Handler(void);
__attribute__((weak, alias("Fault_Handler"))) void PendSV_Handler(void);

#define HANDLER(number, name) void name(void);
#include "board_vectors.inc"
#undef HANDLER

_Static_assert(
    BOARD_STACK_SIZE >= 2048 && BOARD_STACK_SIZE % 8 == 0,
    "BOARD_STACK_SIZE: a multiple of 8 from 2048 on; what plugnet itself takes is in docs/sizes.md");

/* For the linker script, which can't read options. */
#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(text)  #text
__asm__(".global linker_stack_size\n.equ linker_stack_size, " TEXT_OF(BOARD_STACK_SIZE));

/* Runs without a frame of its own, since it paints the whole stack. */
__attribute__((naked, noreturn, used)) void Reset_Handler(void)
{
    /* clang-format off */
    __asm__ volatile("cpsid i\n"
                     "ldr r0, =linker_stack_end\n"
                     "msr msp, r0\n"
                     "ldr r1, =linker_stack_start\n"
                     "ldr r2, =" TEXT_OF(STACK_PAINT) "\n"
                     "1: str r2, [r1], #4\n"
                     "cmp r1, r0\n"
                     "blo 1b\n"
                     "bl startup_c\n"
                     ".ltorg\n");
    /* clang-format on */
}

__attribute__((noreturn, used)) void startup_c(void);
void startup_c(void)
{
    const uint32_t *from = linker_data_load;

    if (!guard_clean())
        board_reset();
    for (uint32_t *to = linker_data_start; to < linker_data_end;)
        *to++ = *from++;
    for (uint32_t *to = linker_bss_start; to < linker_bss_end;)
        *to++ = 0;
    SCB_VTOR = (uint32_t)(uintptr_t)linker_vectors;
    SCB_CPACR |= 0xFu << 20; /* FPU: on for all */
    SCB_CCR |= CCR_DIV_0_TRP;
    __asm__ volatile("dsb\n isb\n cpsie i" ::: "memory");
#ifdef PLUGNET_CXX /* the product has static objects; clocks and board are still as after reset */
    for (const constructor *object = linker_constructors_start; object < linker_constructors_end; object++)
        (*object)();
#endif
    main();
    board_halt();
}

#define UDF_PANIC 0xDE01u /* the instruction of os_panic_here */

static void hex_log(const char *name, uint32_t value)
{
    char digits[] = "00000000";

    board_log(name);
    for (char *digit = digits + 8; digit > digits; value >>= 4)
        *--digit = "0123456789abcdef"[value & 0xF];
    board_log(digits);
}

/* `frame`: r0 to r3, r12, LR, PC, xPSR, as the exception stacked them. Source: DDI 0403, B1.5 [unread]. */
__attribute__((noreturn, used)) void fault_report(const uint32_t *frame);
void fault_report(const uint32_t *frame)
{
    uint32_t reasons = SCB_CFSR;
    bool stacked = (reasons & CFSR_STACKING) == 0;
    bool panic =
        stacked && reasons & CFSR_UNDEFINSTR && *(const uint16_t *)(uintptr_t)frame[FRAME_PC] == UDF_PANIC;

    report_keep(panic ? BOARD_REPORT_PANIC : BOARD_REPORT_FAULT, stacked ? frame : NULL, board_time_ms());
    if (panic) {
        board_log("panic");
    } else {
        hex_log("fault: exception 0x", SCB_ICSR & 0x1FF);
        hex_log(" CFSR 0x", reasons);
    }
    if (stacked) {
        hex_log(": PC 0x", frame[FRAME_PC]);
        hex_log(" LR 0x", frame[FRAME_LR]);
    } else {
        hex_log(", no room on the stack at 0x", (uint32_t)(uintptr_t)frame);
    }
    board_log("\n");
    board_halt();
}

/* Every fault, and every interrupt that nobody serves: our own bug. Where the main stack is full, or nearly so, it begins
 * anew: nothing on it is needed any more. */
__attribute__((naked, used)) void Fault_Handler(void)
{
    __asm__ volatile("cpsid i\n"
                     "tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "ldr r1, =linker_stack_start + 256\n"
                     "cmp sp, r1\n"
                     "itt lo\n"
                     "ldrlo r1, =linker_stack_end\n"
                     "movlo sp, r1\n"
                     "b fault_report\n"
                     ".ltorg\n");
}

/* The tick gets what it has interrupted. */
__attribute__((naked, used)) void SysTick_Handler(void)
{
    __asm__ volatile("tst lr, #4\n"
                     "ite eq\n"
                     "mrseq r0, msp\n"
                     "mrsne r0, psp\n"
                     "b cortex_m4_tick\n");
}

#define RESERVED Fault_Handler
typedef void (*handler)(void);

/* A named handler takes the place of the default one. */
#pragma GCC diagnostic ignored "-Woverride-init"
__attribute__((section(".vectors"), used)) static const handler vectors[] = {
    (handler)(uintptr_t)linker_stack_end,
    Reset_Handler,
    NMI_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
    Fault_Handler,
    RESERVED,
    RESERVED,
    RESERVED,
    RESERVED,
    SVC_Handler,
    Fault_Handler,
    RESERVED,
    PendSV_Handler,
    SysTick_Handler,
    [16 ... 16 + CHIP_IRQ_COUNT - 1] = Fault_Handler,
#define HANDLER(number, name) [16 + (number)] = (name),
#include "board_vectors.inc"
};
