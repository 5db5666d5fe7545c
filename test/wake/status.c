/* The demo's status object, for the rig's questions. */
/* SPDX-License-Identifier: MIT */
#include "app/status.c"
#include "app/tasks.c"
