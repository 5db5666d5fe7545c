# POSIX threads, for BOARD=native. SPDX-License-Identifier: MIT
OS_SRC     := os/posix/threads.c os/threads/loop.c
OS_THREADS := yes
OS_DEFS    := -DPLUGNET_THREADS -pthread
BOARD_LIBS += -pthread
