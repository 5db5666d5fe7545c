/*
 * A virtual board with one of the build's images, for tests of whole firmware: what it does against the manual is kept, and fails
 * the test that looks at it.
 */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_TEST_VBOARD_IMAGE_BOARD_H
#define PLUGNET_TEST_VBOARD_IMAGE_BOARD_H

#include <stdio.h>

#include "test/test.h"
#include "vboard/board.h"

#ifndef BUILD
#define BUILD "build"
#endif

/* The first warning, unmodelled access or lock-up of any board; the test empties it. */
static char image_warning[200];

static void image_event(void *context, enum vboard_event event, uint64_t time_ns, uint32_t value,
                        const char *text)
{
    (void)context;
    (void)time_ns;
    (void)value;
    if ((event == VBOARD_WARNING || event == VBOARD_UNMODELLED || event == VBOARD_LOCKUP) &&
        !image_warning[0])
        snprintf(image_warning, sizeof image_warning, "%s", text);
}

/* `format`: path of the image, with %s for the board's name. `uid`: VBOARD_UID_LENGTH bytes; NULL: the model's. */
static struct vboard *image_board(const char *name, const char *format, const uint8_t *uid)
{
    char path[128], error[300];
    snprintf(path, sizeof path, format, name);
    struct vboard_config config = {
        .model = vboard_model_find(name), .image = path, .event = image_event, .uid = uid};
    struct vboard *made = vboard_new(&config, error, sizeof error);
    if (!made)
        TEST_FAIL("%s", error);
    return made;
}

#endif
