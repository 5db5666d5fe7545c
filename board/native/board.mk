# The board as a Linux process: the same firmware, under AddressSanitizer and UBSan.
# SPDX-License-Identifier: MIT
CROSS       :=
BOARD_SRC   := board/native/native.c port/virtual/virtual.c host/cable_socket.c
BOARD_FLAGS := $(SANITIZE)
BOARD_OPT   := -O1
