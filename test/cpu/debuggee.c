/* What test_gdb.py debugs: a loop with something to stop at, to watch and to step through. */
/* SPDX-License-Identifier: MIT */
#include <stdint.h>

void reset(void);
int main(void);

volatile uint32_t counter;
volatile uint32_t watched;
volatile float ratio;

struct vectors {
    uint32_t stack;
    void (*reset)(void);
};
__attribute__((section(".vectors"), used)) static const struct vectors vectors = {0x20008000, reset};

__attribute__((noinline)) static uint32_t triple(uint32_t n)
{
    uint32_t result = n;

    result += n;
    result += n;
    return result;
}

int main(void)
{
    for (;;) {
        counter++;
        ratio = (float)counter / 2;
        if (counter % 4 == 0)
            watched = triple(counter);
    }
}

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 = 0x00F00000;
    __asm volatile("dsb\nisb");
    counter = 0;
    watched = 0;
    main();
}
