# No network: lwIP, net/ and plugnet/ are left out. SPDX-License-Identifier: MIT
PRODUCT_LWIP := no
