# TSAN=1: under ThreadSanitizer instead of the other two, in a folder of its own. SPDX-License-Identifier: MIT
ifneq ($(BOARD),native)
$(error OS=posix is for BOARD=native; for BOARD=$(BOARD) there are: none freertos)
endif
ifneq ($(TSAN),)
OUT         := $(BUILD)/native-posix-tsan$(if $(filter app,$(APP)),,-$(NAME))
BOARD_FLAGS := -fsanitize=thread -fno-omit-frame-pointer
endif
