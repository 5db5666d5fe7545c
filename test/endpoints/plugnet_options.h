/* The options of test/endpoints: five functions beside NCM, and their MS OS 2.0 descriptors. */
/* SPDX-License-Identifier: MIT */
#define PLUGNET_FUNCTIONS_MAX 6
#ifndef ENDPOINTS_CONTROL_DEFAULT /* one image is without */
#define USB_CONTROL_MAX 1024
#endif
