# plugnet: one Makefile, one .mk for each room that builds something.
#
#   make BOARD=stm32f4discovery OS=none     firmware: build/stm32f4discovery-none/plugnet.{elf,bin,hex}
#   make APP=/path/to/my/product NAME=thing a firmware of your own, from another folder (see examples/minimal)
#   make native | vboard | pc               the firmware as a Linux process | the virtual board | the PC end
#   make boards                             the firmware for every board
#   make freertos                           the same on FreeRTOS; FREERTOS_KERNEL_PATH names a checkout of its kernel
#   make flash | dfu | dfu-all              write to a real board: by its ST-LINK, or over its own USB cable
#   make size | bench | fuzz                figures, benchmark, fuzzing
#   make sbom                               what is really linked into the image, as a CycloneDX document
#   make reference                          the public headers as HTML (Doxygen)
#   make speed                              how fast the virtual board is on this machine
#   make vm                                 a Linux guest with the virtual board plugged in
#   make vm-redir                           long lists with it on host controllers of QEMU's
#   make hosts                              long lists on four kernels of Debian's: docs/hosts.md
#   make prove                              what holds for every input, by CBMC: docs/proofs.md
#   make mutants                            whether the unit suites notice small mistakes: docs/mutants.md; hours
#   make cuts                               power cuts after every operation of the flash while images are swapped: long
#   make suites                             everything the tests need; ./check runs them
#   make compile_commands.json              for editors and clang-tidy
#
# SPDX-License-Identifier: MIT

BOARD ?= stm32f4discovery
OS    ?= none
BUILD ?= build
APP   ?= app
NAME  ?= plugnet
LWIP_PATH ?= $(BUILD)/lwip

# V=1 shows whole commands.
Q   := $(if $(V),,@)
say := @$(if $(V),\#,echo ' ')

.DEFAULT_GOAL := firmware
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# For programs that run on this machine (vboard, pc, native, tests).
CC      = gcc
AR      = ar
CLANG   ?= clang
WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Werror
PCFLAGS := -std=gnu11 -g -O2 $(WARN) -I. -MMD -MP

# Test programs: each prints "ok NAME", "not ok NAME: why" or "skip NAME: why" lines (tool/suites.py).
SUITES :=

BOARDS := $(patsubst board/%/board.mk,%,$(wildcard board/*/board.mk))

include firmware.mk
-include test/images.mk vboard/vboard.mk host/host.mk test/test.mk test/system/system.mk test/vm/vm.mk bench/bench.mk test/testkit/testkit.mk test/proof/proof.mk test/mutants/mutants.mk

# Any lwIP source that is not there yet: fetch them all (two at once wait for each other).
.PRECIOUS: $(LWIP_PATH)/src/%.c # no intermediate file: a build that fails would delete it
$(LWIP_PATH)/src/%.c:
	tool/fetch_lwip.sh $(BUILD)

# The public headers as HTML: build/reference/index.html.
reference:
	tool/reference.py -o $(BUILD)/reference

.PHONY: suites suites-list check-build clean reference
suites: $(SUITES)

# What ./check needs, and the list it runs.
check-build: images testkit-images vboard pc suites

suites-list:
	@printf '%s\n' $(SUITES)

clean:
	rm -rf $(BUILD)/*-none* $(BUILD)/*-freertos* $(BUILD)/vboard* $(BUILD)/host* $(BUILD)/cmake-programs $(BUILD)/test $(BUILD)/bench
