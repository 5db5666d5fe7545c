/*
 * board/board.h for an STM32F4DISCOVERY, by ST's HAL and public CMSIS names alone. With flash_hal.c this is all that plugnet asks
 * of a board that a project has already.
 *
 *   PD12..15 LEDs   PA0 button   PA11/PA12 USB   PA9 VBUS   PC0 host's VBUS switch, kept off (high)   PA2 USART2 TX: the log
 *
 * ST's start-up calls SystemInit, then main; the HAL's tick is ours, too. Priorities: USB 5, log 12, tick 15.
 */
/* SPDX-License-Identifier: MIT */
#include <stm32f4xx_hal.h>

#include "board/board.h"
#include "board/stack_paint.h"
#include "udc/dwc2/dwc2.h"
#include "wire/text.h"

#define LOG_SIZE 256u /* bytes; a power of two */

static const struct dwc2_chip usb_chip = {
    .base = USB_OTG_FS_PERIPH_BASE, .fifo_words = 320, .endpoint_count = 4, .trdt = 6};
static const char *const led_names[] = {"green", "orange", "red", "blue"};
static const uint16_t led_pins[] = {GPIO_PIN_12, GPIO_PIN_13, GPIO_PIN_14, GPIO_PIN_15};
static const struct board_info info = {
    .name = "STM32F4DISCOVERY",
    .chip = "STM32F407VG",
    .product_id = 0x0001,
    .led_names = led_names,
    .led_count = 4,
    .has_button = true,
    .clock_hz = 168000000,
};

/* What interrupts share with the loop. */
static struct dwc2 usb;
static RNG_HandleTypeDef rng = {.Instance = RNG};
static UART_HandleTypeDef uart = {.Instance = USART2, .Init = {.BaudRate = 115200, .Mode = UART_MODE_TX}};
static uint8_t log_bytes[LOG_SIZE];
static volatile uint32_t log_head, log_tail;
static volatile uint16_t log_sending; /* bytes from the tail on that the HAL has got */
static volatile bool woken;           /* since board_idle returned last */

extern uint32_t _end[], _estack[]; /* the linker script's: RAM between them is the stack's */

void _init(void);
void _init(void) /* asked for by newlib's __libc_init_array, which ST's start-up calls */
{
}

void SysTick_Handler(void)
{
    HAL_IncTick();
    woken = true;
}

void OTG_FS_IRQHandler(void)
{
    dwc2_interrupt(&usb);
}

/* ---- Start ---- */

/* 8 MHz / 8 * 336 = 336 MHz; / 2 for the core, / 7 for USB. */
static bool clocks_start(void)
{
    RCC_OscInitTypeDef oscillators = {
        .OscillatorType = RCC_OSCILLATORTYPE_HSE,
        .HSEState = RCC_HSE_ON,
        .PLL = {RCC_PLL_ON, RCC_PLLSOURCE_HSE, .PLLM = 8, .PLLN = 336, .PLLP = RCC_PLLP_DIV2, .PLLQ = 7}};
    RCC_ClkInitTypeDef clocks = {.ClockType = RCC_CLOCKTYPE_SYSCLK | RCC_CLOCKTYPE_HCLK |
                                              RCC_CLOCKTYPE_PCLK1 | RCC_CLOCKTYPE_PCLK2,
                                 .SYSCLKSource = RCC_SYSCLKSOURCE_PLLCLK,
                                 .AHBCLKDivider = RCC_SYSCLK_DIV1,
                                 .APB1CLKDivider = RCC_HCLK_DIV4,
                                 .APB2CLKDivider = RCC_HCLK_DIV2};

    __HAL_RCC_PWR_CLK_ENABLE();
    __HAL_PWR_VOLTAGESCALING_CONFIG(PWR_REGULATOR_VOLTAGE_SCALE1);
    return HAL_RCC_OscConfig(&oscillators) == HAL_OK &&
           HAL_RCC_ClockConfig(&clocks, FLASH_LATENCY_5) == HAL_OK;
}

static void pin(GPIO_TypeDef *port, uint32_t pins, uint32_t mode, uint32_t function)
{
    GPIO_InitTypeDef as = {
        .Pin = pins, .Mode = mode, .Speed = GPIO_SPEED_FREQ_VERY_HIGH, .Alternate = function};

    HAL_GPIO_Init(port, &as);
}

static void pins_start(void)
{
    __HAL_RCC_GPIOA_CLK_ENABLE();
    __HAL_RCC_GPIOC_CLK_ENABLE();
    __HAL_RCC_GPIOD_CLK_ENABLE();
    HAL_GPIO_WritePin(GPIOC, GPIO_PIN_0, GPIO_PIN_SET);
    pin(GPIOC, GPIO_PIN_0, GPIO_MODE_OUTPUT_PP, 0);
    pin(GPIOD, GPIO_PIN_12 | GPIO_PIN_13 | GPIO_PIN_14 | GPIO_PIN_15, GPIO_MODE_OUTPUT_PP, 0);
    pin(GPIOA, GPIO_PIN_0 | GPIO_PIN_9, GPIO_MODE_INPUT, 0);
    pin(GPIOA, GPIO_PIN_2, GPIO_MODE_AF_PP, GPIO_AF7_USART2);
    pin(GPIOA, GPIO_PIN_11 | GPIO_PIN_12, GPIO_MODE_AF_PP, GPIO_AF10_OTG_FS);
}

static void irq_enable(IRQn_Type irq, uint32_t priority)
{
    HAL_NVIC_SetPriority(irq, priority, 0);
    HAL_NVIC_EnableIRQ(irq);
}

void board_init(void)
{
    for (uint32_t *word = _end; word < (uint32_t *)__get_MSP(); word++)
        *word = STACK_PAINT;
    HAL_Init();
    bool crystal = clocks_start();
    pins_start();
    __HAL_RCC_USART2_CLK_ENABLE();
    __HAL_RCC_RNG_CLK_ENABLE();
    __HAL_RCC_USB_OTG_FS_CLK_ENABLE();
    HAL_UART_Init(&uart);
    HAL_RNG_Init(&rng);
    irq_enable(USART2_IRQn, 12);
    if (!crystal)
        board_log("clock: the 8 MHz crystal does not start, USB can't work\n");
    if (!dwc2_init(&usb, &usb_chip, true))
        board_log("usb: the controller does not answer\n");
    irq_enable(OTG_FS_IRQn, 5);
}

const struct board_info *board_info(void)
{
    return &info;
}

const uint8_t *board_uid(void)
{
    return (const uint8_t *)UID_BASE;
}

struct udc *board_udc(void)
{
    return &usb.udc;
}

uint32_t board_random(void)
{
    uint32_t value;

    if (HAL_RNG_GenerateRandomNumber(&rng, &value) == HAL_OK)
        return value;
    return board_cycles() * 2654435761u ^ HAL_GetUIDw0() ^ HAL_GetUIDw1();
}

/* ---- LEDs, button ---- */

void board_led_set(unsigned led, bool on)
{
    if (led < info.led_count)
        HAL_GPIO_WritePin(GPIOD, led_pins[led], on ? GPIO_PIN_SET : GPIO_PIN_RESET);
}

bool board_led_get(unsigned led)
{
    return led < info.led_count && (GPIOD->ODR & led_pins[led]) != 0;
}

bool board_button(void)
{
    return HAL_GPIO_ReadPin(GPIOA, GPIO_PIN_0) == GPIO_PIN_SET;
}

/* ---- Time, sleep ---- */

uint32_t board_time_ms(void)
{
    return HAL_GetTick();
}

uint32_t board_cycles(void)
{
    uint32_t ms, count;
    bool pending;

    do {
        ms = HAL_GetTick();
        count = SysTick->VAL;
        pending = (SCB->ICSR & SCB_ICSR_PENDSTSET_Msk) != 0;
    } while (ms != HAL_GetTick());
    if (pending && count > SysTick->LOAD / 2)
        ms++; /* the counter has wrapped, its interrupt has not run yet */
    return ms * (SysTick->LOAD + 1) + (SysTick->LOAD - count);
}

void board_wake(void)
{
    woken = true;
}

/* The flag is tested with interrupts masked; one that comes then ends the sleep all the same, so no wake-up is lost. */
uint32_t board_idle(void)
{
    int32_t cycles =
        0; /* negative if the counter wrapped, which it does once at most: the tick ends each sleep */

    __disable_irq();
    while (!woken) {
        cycles += (int32_t)SysTick->VAL;
        __DSB();
        __WFI();
        cycles -= (int32_t)SysTick->VAL;
        __enable_irq();
        __ISB();
        __disable_irq();
    }
    woken = false;
    __enable_irq();
    return (uint32_t)cycles + (cycles < 0 ? SysTick->LOAD + 1 : 0);
}

/* ---- Stack ---- */

uint32_t board_stack_size(void)
{
    return (uint32_t)((uintptr_t)_estack - (uintptr_t)_end);
}

uint32_t board_stack_used_max(void)
{
    return board_stack_size() - stack_unused(_end, _estack);
}

/* ---- Log ---- */

void USART2_IRQHandler(void)
{
    HAL_UART_IRQHandler(&uart);
}

/* Its interrupt is off, or it is this. */
static void log_send(void)
{
    uint32_t at = log_tail % LOG_SIZE, length = log_head - log_tail;

    if (log_sending == 0 && length > 0) {
        log_sending = (uint16_t)(length < LOG_SIZE - at ? length : LOG_SIZE - at);
        HAL_UART_Transmit_IT(&uart, log_bytes + at, log_sending);
    }
}

void HAL_UART_TxCpltCallback(UART_HandleTypeDef *of)
{
    (void)of;
    log_tail += log_sending;
    log_sending = 0;
    log_send();
}

void board_log(const char *text)
{
    for (; *text; text++) {
        if (LOG_SIZE - (log_head - log_tail) > (*text != '\n')) /* what is cut still ends its line */
            log_bytes[log_head++ % LOG_SIZE] = (uint8_t)*text;
    }
    HAL_NVIC_DisableIRQ(USART2_IRQn);
    log_send();
    HAL_NVIC_EnableIRQ(USART2_IRQn);
}

size_t board_log_read(uint32_t *at, char *bytes, size_t size)
{
    size_t length = 0;

    if (log_head - *at > LOG_SIZE)
        *at = log_head - LOG_SIZE; /* nothing that the ring holds is older */
    for (; length < size && *at != log_head; length++)
        bytes[length] = (char)log_bytes[(*at)++ % LOG_SIZE];
    return length;
}

/* ---- Ends ---- */

void board_reset(void)
{
    NVIC_SystemReset();
}

void board_rom_enter(void)
{
    NVIC_SystemReset(); /* has_rom is false: there is no boot guard in front of this image */
}

void board_halt(void)
{
    __disable_irq();
    for (unsigned i = 0; i < info.led_count; i++)
        board_led_set(i, true);
    log_tail += log_sending ? (uint16_t)(log_sending - uart.TxXferCount) : 0;
    HAL_UART_AbortTransmit(&uart);
    for (; log_tail != log_head; log_tail++)
        HAL_UART_Transmit(&uart, &log_bytes[log_tail % LOG_SIZE], 1, HAL_MAX_DELAY);
    for (;;)
        __WFI();
}

/* A fault, or plugnet's os_panic_here, which is an undefined instruction: where it was, on the log. */
__attribute__((used)) void fault_report(const uint32_t frame[8]);
void fault_report(const uint32_t frame[8])
{
    char line[64];
    struct text t = text_over(line, sizeof line - 1);

    text_put(&t, "fault or panic: PC 0x");
    text_put_hex(&t, frame[6], 8);
    text_put(&t, " LR 0x");
    text_put_hex(&t, frame[5], 8);
    text_put(&t, "\n");
    line[t.length] = '\0';
    board_log(line);
    board_halt();
}

__attribute__((naked)) void HardFault_Handler(void)
{
    __asm__ volatile("mrs r0, msp\n b fault_report");
}
