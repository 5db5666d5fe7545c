/*
 * The stream serves the demo's status, so it is built with the demo's options.
 */
/* SPDX-License-Identifier: MIT */
#include "app/plugnet_options.h"
