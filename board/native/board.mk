# The board as a Linux process: the same firmware, under AddressSanitizer and UBSan.
# SPDX-License-Identifier: MIT
CROSS       :=
BOARD_SRC   := board/native/native.c board/native/native_flash.c board/no_report.c udc/virtual/virtual.c cable/cable_socket.c
BOARD_FLAGS := $(SANITIZE)
BOARD_OPT   := -O1
