/*
 * What the stack doesn't need: its answers are of one kind, none has to overtake.
 */
/* SPDX-License-Identifier: MIT */
#define NCM_AHEAD_DATAGRAMS_MAX 0
