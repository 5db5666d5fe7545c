/* Floating point: to come. */
/* SPDX-License-Identifier: MIT */
#include "vboard/cpu_decode.h"

const struct cpu_encoding_table cpu_table_vfp = {NULL, 0};
