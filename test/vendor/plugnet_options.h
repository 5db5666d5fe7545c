/* The options of test/vendor: MS OS 2.0 descriptors of three WinUSB functions, and the longest data of usbtest 14. */
/* SPDX-License-Identifier: MIT */
#define USB_CONTROL_MAX 1024
