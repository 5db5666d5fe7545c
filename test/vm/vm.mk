# The Linux guest (test/vm/run.py).
#
#   make vm            a Linux with the board plugged in: BOARD, OS, APP and NAME say what runs on it, as they do for `make`;
#                      FLASH=file keeps its flash (one board only); KERNEL=5.10 another kernel (kernels.py)
#   make vm-redir      the long lists with the board on host controllers that QEMU emulates, by usbredir
#   make hosts         the long table of lists on each kernel, or on KERNEL; docs/hosts.md says what came of it
#
# SPDX-License-Identifier: MIT

.PHONY: vm vm-redir hosts
vm: firmware vboard
	test/vm/prepare.py $(KERNEL)
	test/vm/run.py --image $(BOARD)-$(OS) $(if $(filter app,$(APP)),,--elf $(OUT)/$(NAME).elf) $(if $(FLASH),--flash $(FLASH)) $(if $(KERNEL),--kernel $(KERNEL)) --shell

vm-redir: $(BUILD)/vboard/vboard image-stm32f4discovery-none image-no_dns image-lease30
	CHECK=long test/vm/run.py --redir hub redir two crash
	test/vm/run.py --redir xhci bind cycles chapter9 usbtest web load brief
	test/vm/run.py --redir uhci bind brief redir

hosts: $(BUILD)/vboard/vboard image-stm32f4discovery-none image-no_dns image-lease30
	test/vm/hosts.py --run $(KERNEL)
