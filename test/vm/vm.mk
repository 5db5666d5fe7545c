# The Linux guest (test/vm/run.py).
#
#   make vm            a Linux with the board plugged in; IMAGE=BOARD-OS for another image
#
# SPDX-License-Identifier: MIT
IMAGE ?= stm32f4discovery-none

.PHONY: vm
vm: firmware vboard
	test/vm/prepare.py
	test/vm/run.py --image $(IMAGE) --shell
