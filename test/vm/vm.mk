# The Linux guest (test/vm/run.py).
#
#   make vm            a Linux with the board plugged in: BOARD, OS, APP and NAME say what runs on it, as they do for `make`;
#                      FLASH=file keeps its flash (one board only)
#
# SPDX-License-Identifier: MIT

.PHONY: vm
vm: firmware vboard
	test/vm/prepare.py
	test/vm/run.py --image $(BOARD)-$(OS) $(if $(filter app,$(APP)),,--elf $(OUT)/$(NAME).elf) $(if $(FLASH),--flash $(FLASH)) --shell
