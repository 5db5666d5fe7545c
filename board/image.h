/*
 * The image that runs, as the first-stage boot loader and tools know it: wire/image.h says what is in its header.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_BOARD_IMAGE_H
#define PLUGNET_BOARD_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes from an image's begin to its header, the same in all images of a chip; 0: images of this board have none. Any context. */
uint32_t board_image_header(void);

/* True: this board's first-stage boot loader swaps images (wire/swap_journal.h). An older one only starts them. Any context. */
bool board_image_swaps(void);

/* The CRC word of the image that runs; 0: it has none. Any context. */
uint32_t board_image_id(void);

#ifdef __cplusplus
}
#endif

#endif
