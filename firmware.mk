# Firmware for a board, and the same as a Linux process.
# SPDX-License-Identifier: MIT

OUT := $(BUILD)/$(BOARD)-$(OS)$(if $(filter app,$(APP)),,-$(NAME))

WIRE_SRC    := $(wildcard wire/*.c)
USB_SRC     := $(wildcard usb/*.c)
NET_SRC     := $(wildcard net/*.c)
PLUGNET_SRC := $(wildcard plugnet/*.c)
APP_SRC     := $(wildcard $(APP)/*.c)

firmware:
	@echo "to be written"
