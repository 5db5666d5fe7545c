/*
 * A test image for any chip: does what the test has written into `script`, step by step, with plain loads and
 * stores. See test/vboard/script.h.
 */
/* SPDX-License-Identifier: MIT */
#include "image.h"

#include "../script.h"

volatile struct script_step script[SCRIPT_STEPS_MAX] NOINIT;
volatile uint32_t result[SCRIPT_STEPS_MAX] NOINIT; /* of each step; see enum script_op */
volatile uint32_t boots NOINIT;                    /* starts so far; the script runs each time */
volatile uint32_t done NOINIT;                     /* == boots: the script has ended */

static uint32_t wait_for(volatile uint32_t *reg, uint32_t mask, uint32_t value)
{
    for (uint32_t i = 0; i < 1u << 28; i++)
        if ((*reg & mask) == value)
            return 1;
    return 0;
}

static uint32_t step_do(const volatile struct script_step *step)
{
    uint32_t address = step->address;
    switch (step->op) {
    case SCRIPT_WRITE: REG(address) = step->value; break;
    case SCRIPT_WRITE16: REG16(address) = (uint16_t)step->value; break;
    case SCRIPT_SET: REG(address) |= step->value; break;
    case SCRIPT_CLEAR: REG(address) &= ~step->value; break;
    case SCRIPT_WAIT: return wait_for(&REG(address), step->mask, step->value);
    case SCRIPT_MASK: __asm volatile("cpsid i"); return 0;
    case SCRIPT_JUMP: __asm volatile("msr msp, %0\n bx %1" ::"r"(REG(address)), "r"(REG(address + 4))); break;
    case SCRIPT_ONCE:
        if (boots == 1)
            REG(address) = step->value;
        break;
    }
    return REG(address);
}

void image_main(void)
{
    boots++;
    for (unsigned i = 0; i < SCRIPT_STEPS_MAX && script[i].op != SCRIPT_END; i++)
        result[i] = step_do(&script[i]);
    done = boots;
    while (true)
        wfi();
}
