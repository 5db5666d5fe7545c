/* The demo's threads, where the flavour has any. */
/* SPDX-License-Identifier: MIT */
#ifndef PLUGNET_APP_TASKS_H
#define PLUGNET_APP_TASKS_H

#include <stdint.h>

/* Static; written by the sampler alone. */
struct tasks {
    uint32_t samples; /* taken so far, a hundred a second */
    uint32_t pressed; /* of them with the button down */
};

/* Start them. Once, before the loop runs. */
void tasks_start(struct tasks *tasks);

/* What was given to tasks_start; NULL: nothing yet. */
const struct tasks *tasks_running(void);

#endif
