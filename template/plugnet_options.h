/* What @NAME@ sets of the defaults of plugnet, lwIP and FreeRTOS: #define lines alone. plugnet's docs/options.md lists them. */
/* SPDX-License-Identifier: MIT */
