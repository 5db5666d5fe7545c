/*
 * The three parts of the NCM function among themselves: ncm.c (descriptors, requests, notifications, state),
 * ncm_out.c (receiving), ncm_in.c (sending). For these files alone.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_USB_NCM_PARTS_H
#define PLUGNET_USB_NCM_PARTS_H

#include "usb/ncm.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NCM_HALTED_NOTIFY 1u
#define NCM_HALTED_IN     2u
#define NCM_HALTED_OUT    4u
#define NCM_IN_SIZE_MIN   2048 /* bytes: smallest SetNtbInputSize */

static inline uint8_t ncm_ep_notify(const struct ncm *ncm)
{
    return (uint8_t)(USB_DIR_IN | ncm->function.in_first);
}

static inline uint8_t ncm_ep_in(const struct ncm *ncm)
{
    return (uint8_t)(USB_DIR_IN | (ncm->function.in_first + 1));
}

static inline uint8_t ncm_ep_out(const struct ncm *ncm)
{
    return ncm->function.out_first;
}

void ncm_in_init(struct ncm *ncm);

/* usb_watch.look of OUT. */
bool ncm_out_look(struct usb_watch *watch, uint32_t received);

/* The endpoint is open and idle: begin; it has stopped: drop every reference. */
void ncm_out_start(struct ncm *ncm);
void ncm_out_stop(struct ncm *ncm);
void ncm_in_stop(struct ncm *ncm);

/* The endpoint's transfer ended. */
void ncm_out_transferred(struct ncm *ncm);
void ncm_in_transferred(struct ncm *ncm);

/* The endpoint's transfer was aborted by a halt, or by the end of one; ncm->halted says which. */
void ncm_out_aborted(struct ncm *ncm);
void ncm_in_aborted(struct ncm *ncm);

/* Arm OUT, write IN, if there is something to do it with and nothing in the way. */
void ncm_out_arm(struct ncm *ncm);
void ncm_in_write(struct ncm *ncm);

/* The host wants blocks of at most `size` bytes from now on. */
void ncm_in_size_set(struct ncm *ncm, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
