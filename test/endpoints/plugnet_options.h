/* The options of test/endpoints: five functions beside NCM, and their MS OS 2.0 descriptors. */
/* SPDX-License-Identifier: MIT */
#define PLUGNET_FUNCTIONS_MAX 6
#define USB_CONTROL_MAX       1024
