/*
 * USARTs: characters leave at the baud rate that BRR says and become lines of the log;
 * characters from outside arrive at the same pace. Asynchronous mode; the other modes are stored only.
 */
/* SPDX-License-Identifier: MIT */
#include "vboard/chip.h"

#define SR_ORE  (1u << 3)
#define SR_IDLE (1u << 4)
#define SR_RXNE (1u << 5)
#define SR_TC   (1u << 6)
#define SR_TXE  (1u << 7)

#define CR1_RE     (1u << 2)
#define CR1_TE     (1u << 3)
#define CR1_IDLEIE (1u << 4)
#define CR1_RXNEIE (1u << 5)
#define CR1_TCIE   (1u << 6)
#define CR1_TXEIE  (1u << 7)
#define CR1_M      (1u << 12)
#define CR1_OVER8  (1u << 15)

static void update(struct chip *chip, unsigned unit)
{
    const struct chip_usart *u = &chip->usart[unit];
    uint32_t pending = u->sr & u->cr1 & (SR_TXE | SR_TC | SR_RXNE | SR_IDLE);
    if (u->cr1 & CR1_RXNEIE && u->sr & SR_ORE)
        pending |= SR_ORE;
    chip_irq(chip, chip->kind->usarts[unit].irq, u->cr1 & chip->kind->usart_enable && pending);
}

static uint64_t frame_ns(struct chip *chip, unsigned unit)
{
    const struct chip_usart *u = &chip->usart[unit];
    struct chip_hz hz = chip->kind->rcc->usart_hz(chip, unit);
    uint32_t divisor = u->brr; /* in 1/16 of 16 samples: the bit time in clocks */
    if (u->cr1 & CR1_OVER8)
        divisor = (u->brr >> 4) * 8 + (u->brr & 7u);
    uint32_t bits = 10u + (u->cr1 & CR1_M ? 1 : 0) + ((u->cr2 >> 13 & 1u) ? 1 : 0);
    uint64_t ns = chip_periods_ns(hz, (uint64_t)(divisor ? divisor : 1) * bits);
    return ns == CHIP_NEVER ? 1000000 : ns;
}

static void line_out(struct chip *chip, unsigned unit, uint8_t byte)
{
    struct chip_usart *u = &chip->usart[unit];
    if (byte == '\r')
        return;
    if (byte != '\n') {
        u->line[u->line_length++] =
            byte >= ' ' && byte < 0x7F ? (char)byte : (char)(byte == '\t' ? ' ' : '.');
        if (u->line_length + 1u < sizeof u->line)
            return;
    }
    u->line[u->line_length] = 0;
    u->line_length = 0;
    chip_report(chip, VBOARD_SERIAL, unit, "[%s] %s", chip->kind->usarts[unit].name, u->line);
}

/* One event serves both directions: a frame has ended. */
void usart_event(struct chip *chip, unsigned unit)
{
    struct chip_usart *u = &chip->usart[unit];
    if (u->shifting) {
        line_out(chip, unit, (uint8_t)u->shift);
        if (chip->serial)
            chip->serial(chip->event_context, unit, (uint8_t)u->shift);
        u->shifting = false;
        if (!(u->sr & SR_TXE)) {
            u->shift = u->tdr;
            u->shifting = true;
            u->sr |= SR_TXE;
        } else {
            u->sr |= SR_TC;
        }
    }
    if (u->in_head != u->in_tail && u->cr1 & chip->kind->usart_enable && u->cr1 & CR1_RE) {
        if (u->sr & SR_RXNE)
            u->sr |= SR_ORE;
        else
            u->rdr = u->in[u->in_head];
        u->in_head++;
        u->sr |= SR_RXNE;
    }
    bool more = u->shifting || (u->in_head != u->in_tail && u->cr1 & CR1_RE);
    if (more)
        chip_event_at(chip, (enum chip_event)(CHIP_EVENT_USART + unit),
                      chip_now(chip) + frame_ns(chip, unit));
    update(chip, unit);
}

static void start(struct chip *chip, unsigned unit)
{
    unsigned event = CHIP_EVENT_USART + unit;
    if (chip->deadline[event] == CHIP_NEVER)
        chip_event_at(chip, (enum chip_event)event, chip_now(chip) + frame_ns(chip, unit));
}

size_t usart_outside(struct chip *chip, unsigned unit, const uint8_t *bytes, size_t length)
{
    struct chip_usart *u = &chip->usart[unit];
    size_t taken = 0;
    for (; taken < length && (uint8_t)(u->in_tail + 1) != u->in_head; taken++)
        u->in[u->in_tail++] = bytes[taken];
    start(chip, unit);
    return taken;
}

void usart_reset_unit(struct chip *chip, unsigned unit)
{
    struct chip_usart *u = &chip->usart[unit];
    if (u->line_length)
        line_out(chip, unit, '\n');
    u->sr = SR_TXE | SR_TC;
    u->brr = u->cr1 = u->cr2 = u->cr3 = u->gtpr = 0;
    u->shifting = false;
    update(chip, unit);
}

uint32_t usart_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    struct chip_usart *u = &chip->usart[unit];
    switch (offset) {
    case 0x00: return u->sr;
    case 0x04:
        u->sr &= ~(SR_RXNE | SR_ORE | SR_IDLE);
        update(chip, unit);
        return u->rdr;
    case 0x08: return u->brr;
    case 0x0C: return u->cr1;
    case 0x10: return u->cr2;
    case 0x14: return u->cr3;
    case 0x18: return u->gtpr;
    default: return chip_unknown(chip, offset, false);
    }
}

static void data_write(struct chip *chip, unsigned unit, uint16_t value)
{
    struct chip_usart *u = &chip->usart[unit];
    if (!(u->cr1 & chip->kind->usart_enable) || !(u->cr1 & CR1_TE)) {
        chip_warn(chip, chip->kind->usarts[unit].name, "%s: data written while UE or TE is off; lost",
                  chip->kind->usarts[unit].name);
        return;
    }
    u->sr &= ~SR_TC;
    if (u->shifting) {
        u->tdr = value;
        u->sr &= ~SR_TXE;
        return;
    }
    u->shift = value;
    u->shifting = true;
    start(chip, unit);
}

void usart_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_usart *u = &chip->usart[unit];
    switch (write.offset) {
    case 0x00: u->sr &= (write.value | ~write.mask) | ~(SR_TC | SR_RXNE | 0x300u); break;
    case 0x04: data_write(chip, unit, (uint16_t)(write.value & 0x1FFu)); break;
    case 0x08: u->brr = chip_merge(u->brr, write, 0xFFFFu); break;
    case 0x0C:
        u->cr1 = chip_merge(u->cr1, write, 0xBFFFu);
        if (u->in_head != u->in_tail)
            start(chip, unit);
        break;
    case 0x10: u->cr2 = chip_merge(u->cr2, write, 0x7FFFu); break;
    case 0x14: u->cr3 = chip_merge(u->cr3, write, 0x0FFFu); break;
    case 0x18: u->gtpr = chip_merge(u->gtpr, write, 0xFFFFu); break;
    default: chip_unknown(chip, write.offset, true); return;
    }
    update(chip, unit);
}

/* ---- The registers as newer chips have them: flags in ISR, cleared through ICR, data in RDR and TDR ---- */

#define ISR_TEACK  (1u << 21)
#define ISR_REACK  (1u << 22)
#define ICR_FLAGS  (SR_ORE | SR_IDLE | SR_TC)
#define RQR_RXFRQ  (1u << 3)
#define CR1_M1     (1u << 28)
#define RDR_OFFSET 0x24u

uint32_t usart_l4_read(struct chip *chip, unsigned unit, uint32_t offset)
{
    struct chip_usart *u = &chip->usart[unit];
    bool on = u->cr1 & chip->kind->usart_enable;
    switch (offset) {
    case 0x00: return u->cr1;
    case 0x04: return u->cr2;
    case 0x08: return u->cr3;
    case 0x0C: return u->brr;
    case 0x10: return u->gtpr;
    case 0x18: return 0;
    case 0x1C:
        return u->sr | (on && u->cr1 & CR1_TE ? ISR_TEACK : 0) | (on && u->cr1 & CR1_RE ? ISR_REACK : 0);
    case 0x20: return 0;
    case RDR_OFFSET:
        u->sr &= ~SR_RXNE;
        update(chip, unit);
        return u->rdr;
    case 0x28: return u->tdr;
    default: return chip_unknown(chip, offset, false);
    }
}

/* What may only be written while the port is off. */
static bool is_off(struct chip *chip, unsigned unit)
{
    if (!(chip->usart[unit].cr1 & chip->kind->usart_enable))
        return true;
    chip_warn(chip, "USART on", "%s: BRR or CR2 written while CR1.UE is set; ignored",
              chip->kind->usarts[unit].name);
    return false;
}

void usart_l4_write(struct chip *chip, unsigned unit, struct chip_write write)
{
    struct chip_usart *u = &chip->usart[unit];
    switch (write.offset) {
    case 0x00:
        u->cr1 = chip_merge(u->cr1, write, 0x1FFFFFFFu);
        if (u->cr1 & CR1_M1)
            chip_warn(chip, "USART M1", "%s: words of seven bits are not modelled",
                      chip->kind->usarts[unit].name);
        if (u->in_head != u->in_tail)
            start(chip, unit);
        break;
    case 0x04:
        if (is_off(chip, unit))
            u->cr2 = chip_merge(u->cr2, write, ~0xFu);
        break;
    case 0x08: u->cr3 = chip_merge(u->cr3, write, 0x00FFFFFFu); break;
    case 0x0C:
        if (is_off(chip, unit))
            u->brr = chip_merge(u->brr, write, 0xFFFFu);
        break;
    case 0x10: u->gtpr = chip_merge(u->gtpr, write, 0xFFFFu); break;
    case 0x18:
        if (write.value & write.mask & RQR_RXFRQ)
            u->sr &= ~SR_RXNE;
        break;
    case 0x1C: break;
    case 0x20: u->sr &= ~(write.value & write.mask & ICR_FLAGS); break;
    case RDR_OFFSET: break;
    case 0x28: data_write(chip, unit, (uint16_t)(write.value & 0x1FFu)); break;
    default: chip_unknown(chip, write.offset, true); return;
    }
    update(chip, unit);
}
