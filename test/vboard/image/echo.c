/*
 * A USB device straight on the registers, asleep until the controller's interrupt is pending: vendor class, endpoint 1 OUT is echoed on endpoint 1 IN.
 *
 * Written against the model's specification only; it shares no code with the firmware's driver.
 */
/* SPDX-License-Identifier: MIT */
#include "image.h"

#define GAHBCFG     OTG(0x008)
#define GUSBCFG     OTG(0x00C)
#define GRSTCTL     OTG(0x010)
#define GINTSTS     OTG(0x014)
#define GRXSTSP     OTG(0x020)
#define GRXFSIZ     OTG(0x024)
#define DIEPTXF0    OTG(0x028)
#define DIEPTXF1    OTG(0x104)
#define GCCFG       OTG(0x038)
#define DCFG        OTG(0x800)
#define DCTL        OTG(0x804)
#define DIEPCTL(n)  OTG(0x900 + 0x20 * (n))
#define DIEPINT(n)  OTG(0x908 + 0x20 * (n))
#define DIEPTSIZ(n) OTG(0x910 + 0x20 * (n))
#define DTXFSTS(n)  OTG(0x918 + 0x20 * (n))
#define DOEPCTL(n)  OTG(0xB00 + 0x20 * (n))
#define DOEPINT(n)  OTG(0xB08 + 0x20 * (n))
#define DOEPTSIZ(n) OTG(0xB10 + 0x20 * (n))
#define FIFO(n)     OTG(0x1000 * ((n) + 1))

#define EPENA (1u << 31)
#define CNAK  (1u << 26)
#define SNAK  (1u << 27)
#define STALL (1u << 21)

static const uint8_t device_descriptor[18] = {18,   1,    0,    2, 0xFF, 0, 0, 64, 0x09,
                                              0x12, 0x01, 0x00, 0, 1,    0, 0, 0,  1};
static const uint8_t configuration[32] = {9, 2, 32, 0, 1,    1, 0,  0x80, 50, 9, 4, 0,    0, 2,  0xFF, 0,
                                          0, 0, 7,  5, 0x01, 2, 64, 0,    0,  7, 5, 0x81, 2, 64, 0,    0};

static uint32_t setup[2];
static uint32_t buffer[16];
static uint32_t buffer_length;
static bool echo_pending;
volatile uint32_t configured, resets, echoed;

static void fifo_write(unsigned n, const void *bytes, uint32_t length)
{
    const uint8_t *from = bytes;
    for (uint32_t i = 0; i < length; i += 4) {
        uint32_t word = 0;
        for (uint32_t b = 0; b < 4 && i + b < length; b++)
            word |= (uint32_t)from[i + b] << (8 * b);
        FIFO(n) = word;
    }
}

static void send(unsigned n, const void *bytes, uint32_t length)
{
    DIEPTSIZ(n) = 1u << 19 | length;
    DIEPCTL(n) |= EPENA | CNAK;
    fifo_write(n, bytes, length);
}

static void receive(unsigned n)
{
    DOEPTSIZ(n) = (n ? 0 : 3u << 29) | 1u << 19 | 64;
    DOEPCTL(n) |= EPENA | CNAK;
}

static void bus_reset(void)
{
    resets++;
    configured = 0;
    echo_pending = false;
    DCFG &= ~(0x7Fu << 4);
    DOEPCTL(0) |= SNAK;
    GRSTCTL = 1u << 5 | 16u << 6;
    while (GRSTCTL & 1u << 5) {
    }
    DOEPTSIZ(0) = 3u << 29 | 1u << 19 | 64;
}

__attribute__((noinline)) static void request(void)
{
    uint32_t kind = setup[0] & 0xFFFF, value = setup[0] >> 16, length = setup[1] >> 16;
    const void *bytes = 0;
    uint32_t size = 0;
    if (kind == 0x0680 && value >> 8 == 1) {
        bytes = device_descriptor;
        size = sizeof device_descriptor;
    } else if (kind == 0x0680 && value >> 8 == 2) {
        bytes = configuration;
        size = sizeof configuration;
    } else if (kind == 0x0500) {
        DCFG = (DCFG & ~(0x7Fu << 4)) | value << 4;
    } else if (kind == 0x0900) {
        DIEPCTL(1) = 64 | 1u << 15 | 2u << 18 | 1u << 22 | 1u << 28 | SNAK;
        DOEPCTL(1) = 64 | 1u << 15 | 2u << 18 | 1u << 28 | SNAK;
        receive(1);
        configured = value;
    } else {
        DIEPCTL(0) |= STALL;
        DOEPCTL(0) |= STALL;
        return;
    }
    send(0, bytes, size < length ? size : length);
    receive(0);
}

static void entry(void)
{
    uint32_t status = GRXSTSP, n = status & 15, length = status >> 4 & 0x7FF;
    switch (status >> 17 & 15) {
    case 2:
        for (uint32_t i = 0; i < length; i += 4)
            buffer[i / 4] = FIFO(0);
        if (n == 1)
            buffer_length = length;
        break;
    case 3:
        if (n == 1)
            echo_pending = true;
        break;
    case 6:
        setup[0] = FIFO(0);
        setup[1] = FIFO(0);
        break;
    case 4: request(); break;
    }
}

void image_main(void)
{
    image_clock_168();
    RCC_AHB1ENR |= 1;
    REG(GPIOA + 0x24) |= 0xAAu << 12;
    REG(GPIOA + 0x00) = (REG(GPIOA) & ~(0xFu << 22)) | 0xAu << 22;
    RCC_AHB2ENR |= 1u << 7;
    GRSTCTL = 1;
    while (GRSTCTL & 1) {
    }
    GUSBCFG = 1u << 30 | 6u << 10;
    DCFG = 3;
    GRXFSIZ = 64;
    DIEPTXF0 = 16u << 16 | 64;
    DIEPTXF1 = 64u << 16 | 80;
    OTG(0x810) = 1;                             /* DIEPMSK: transfer completed */
    OTG(0x81C) = 2;                             /* DAINTMSK: IN endpoint 1 */
    OTG(0x018) = 1u << 12 | 1u << 4 | 1u << 18; /* GINTMSK: reset, receive FIFO, IN endpoints */
    GAHBCFG = 1u << 7 | 1;
    __asm volatile("cpsid i");
    NVIC_ISER(2) = 1u << 3;
    GCCFG = 1u << 16 | 1u << 19;
    while (true) {
        uint32_t events = GINTSTS;
        if (events & 1u << 12) {
            GINTSTS = 1u << 12;
            bus_reset();
        }
        if (events & 1u << 4)
            entry();
        DOEPINT(0) = 0xFF;
        DIEPINT(1) = 0xFF;
        if (echo_pending && !(DIEPCTL(1) & EPENA)) {
            echo_pending = false;
            echoed++;
            send(1, buffer, buffer_length);
            receive(1);
        }
        REG(0xE000E288) = 1u << 3; /* NVIC: no longer pending, unless it still is */
        if (!(GINTSTS & (1u << 12 | 1u << 4)))
            wfi();
    }
}
