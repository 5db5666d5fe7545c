/*
 * What the stack doesn't need: all its answers are small, none has to overtake.
 */
/* SPDX-License-Identifier: MIT */
#define NCM_AHEAD_DATAGRAMS_MAX 0
