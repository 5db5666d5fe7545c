/* The log's options: the MS OS 2.0 descriptors of NCM, DFU and one vendor function have 366 bytes. */
/* SPDX-License-Identifier: MIT */
#define USB_CONTROL_MAX 384
