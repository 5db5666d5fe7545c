/*
 * The chip's boot loader in ROM: a DfuSe device, 0483:df11, that erases, programs and reads the flash. Its code is ST's, so
 * what it does is modelled, not run: whoever jumps to it meets a stub of ours in system memory, and the core stops.
 *
 *   jump, or reset with BOOT0 high ─→ rom_enter: is the machine clean? ─┬─ no: it doesn't start, and the cause is said
 *                                                                       └─ rom_usb.c (endpoint 0) ─→ rom_dfu.c (DfuSe)
 *   "leave" ─→ the application at the address pointer, with the clocks as the ROM has set them
 *
 * What it wants of the machine: facts.md E2 and its traps. Requests: AN3156 [unread; from dfu-util 0.11's dfuse.c], DFU 1.1
 * [unread]. Included by chip.h alone.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_VBOARD_ROM_H
#define PLUGNET_VBOARD_ROM_H

#include <stdbool.h>
#include <stdint.h>

#include "cable/cable.h"

#define ROM_ALTERNATES_MAX 4
#define ROM_TRANSFER_SIZE  2048 /* wTransferSize */

struct chip;

/* Const; what differs between chips. */
struct rom_facts {
    const char *alternates
        [ROM_ALTERNATES_MAX]; /* names: memory and layout; the first is the flash; NULL ends the list */
    uint32_t rcc_cr;          /* RCC_CR as a reset leaves it */
    bool needs_crystal;       /* USB is clocked by HSE */
};

enum rom_state { ROM_OUT, ROM_RUNS, ROM_REFUSED };

enum rom_stage { ROM_IDLE, ROM_DATA_IN, ROM_DATA_OUT, ROM_STATUS_IN, ROM_STATUS_OUT, ROM_STALL };

/* Endpoint 0. */
struct rom_usb {
    bool in_reset;
    uint8_t address, address_next, configuration, alternate;
    uint8_t stage; /* enum rom_stage */
    uint8_t setup[8];
    uint8_t bytes[ROM_TRANSFER_SIZE]; /* of the data stage */
    uint16_t length, done;
    bool data1;
};

/* The DfuSe state machine. */
struct rom_dfu {
    uint8_t state, status; /* as DFU 1.1 numbers them */
    uint32_t pointer;      /* "set address pointer" */
    uint8_t block[ROM_TRANSFER_SIZE];
    uint16_t block_number, block_length;
    bool waits;       /* the block, for GETSTATUS */
    uint32_t at, end; /* offsets in flash of what is being erased or programmed */
    bool erases;
};

struct rom {
    uint8_t state;       /* enum rom_state */
    const char *refused; /* why */
    uint64_t pull_up_at;
    bool leaves;
    struct rom_usb usb;
    struct rom_dfu dfu;
};

/* Fill system memory's start with the stub. */
void rom_stub(struct chip *chip);
/* The stub runs, or BOOT0 was high at a reset. */
void rom_enter(struct chip *chip);
/* A reset. */
void rom_reset(struct chip *chip);
/* CHIP_EVENT_ROM: an operation on the flash has ended, or it is time to leave. */
void rom_event(struct chip *chip);
/* Power is gone: what was being erased is neither old nor new. */
void rom_power_lost(struct chip *chip);
/* True: the core stands still. */
bool rom_holds(const struct chip *chip);

/* The cable, while the ROM runs; as in cable.h. */
bool rom_pulled_up(const struct chip *chip);
void rom_bus_reset(struct chip *chip, bool active);
enum cable_answer rom_setup(struct chip *chip, uint8_t address, uint8_t endpoint, const uint8_t packet[8]);
enum cable_answer rom_out(struct chip *chip, uint8_t address, uint8_t endpoint, bool data1,
                          const uint8_t *packet, uint16_t length);
enum cable_answer rom_in(struct chip *chip, uint8_t address, uint8_t endpoint, bool *data1,
                         uint8_t packet[CABLE_PACKET_MAX], uint16_t *length);

/* rom_dfu.c, for rom_usb.c: a class request of the interface. `usb` has its SETUP packet and, for OUT, its data; an answer
 * goes to usb->bytes and usb->length. False: STALL. */
bool rom_dfu_request(struct chip *chip, struct rom_usb *usb);
void rom_dfu_reset(struct rom_dfu *dfu);
/* A control transfer has come to its end. */
void rom_dfu_status_done(struct chip *chip);
void rom_dfu_event(struct chip *chip);

#endif
