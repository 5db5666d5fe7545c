# Firmware for a board, or as a Linux process (BOARD=native).
#
#   $(BUILD)/$(BOARD)-$(OS)/plugnet.elf     and .bin, .hex (boot loader and image), .dfu and .update (what an update writes, over the cable and
#                                           by the page); objects of each room below the same folder, so that symbols can be
#                                           told apart by room (make size, make bench)
# A product: APP=folder with its *.c (and C++: *.cpp, *.cc; docs/cplusplus.md), those in its subfolders, too (and site/, packed into const struct http_resource site_resources[]),
# NAME=what the files shall be called; it goes to $(BUILD)/$(BOARD)-$(OS)-NAME unless OUT is given. Each APP's objects
# have a folder of their own below that, by its whole path.
#
# BOARD_DIR=folder, CHIP_DIR=folder: a board or chip outside of this tree; its last name is what the board's files are called
# by (docs/porting.md).
#
# APP/plugnet_options.h: what the product sets of headers' defaults (#ifndef: ours, lwIP's, the kernel's); it comes in front of
# every file (docs/options.md).
#
# APP/product.mk: what the product says to make: PRODUCT, PRODUCT_VERSION and DFU_ID, as below (CMake reads them there, too, by its word
# PRODUCT_MK). SITE_SHARED := update.js: a file of app/site that is packed into its site as well (docs/update.md). PRODUCT_LWIP := no: it
# has a stack of its own, or none; then lwIP, net/ and plugnet/ are left out (docs/ownstack.md).
#
# CFLAGS_APP="-DPLUGNET_BLOCKS=2 -DMEM_SIZE=4096": further options for the compiler, for all files of the firmware, but not the
# kernel's.
#
# PRODUCT="Air pump" PRODUCT_VERSION=1.2.3-rc.1: what stands in the image's header (docs/build.md); the git state of APP does, too, unless
# GIT_STATE says another one. SIGN_KEY=key.pem: NAME.update is signed by it.
#
# SITE_FLAGS="--no-minify --plain-max 4096": options for tool/site_pack.py, which packs the site.
#
# Options are part of what a file is made of: one that changes (CFLAGS_APP, APP, VERSION, …) makes anew what has it.
#
# SPDX-License-Identifier: MIT

override APP := $(patsubst %/,%,$(APP))
ifneq ($(words $(APP)),1)
$(error APP='$(APP)': the folder of a product, one path without spaces)
endif
ifeq ($(wildcard $(APP)/.),)
$(error APP=$(APP): there is no such folder)
endif
# Its sources, with those in its subfolders; not what was built there, what the site serves, its board and chip, which have lists of
# their own, or this project itself.
APP_SRC := $(sort $(shell find -L '$(APP)' -mindepth 1 \( -name build -o -name '.*' -o -path '$(APP)/site' -o -samefile . \
    $(patsubst %,-o -samefile '%',$(realpath $(BOARD_DIR)) $(realpath $(CHIP_DIR))) \
    -o -type d -exec test -e '{}/CMakeCache.txt' ';' \) -prune -o -type f \( -name '*.c' -o -name '*.cpp' -o -name '*.cc' \) -print | tr ' ' '?'))
ifneq ($(findstring ?,$(APP_SRC)),)
$(error APP=$(APP): a source whose path has spaces, which make can't hold)
endif
ifeq ($(APP_SRC),)
$(error APP=$(APP): there is no .c file in that folder)
endif
# What the product sets of headers' defaults: in front of every file.
APP_OPTIONS := $(wildcard $(APP)/plugnet_options.h)
APP_CXX := $(filter %.cpp %.cc,$(APP_SRC))

PRODUCT_LWIP := yes
-include $(APP)/product.mk
ifeq ($(filter yes no,$(PRODUCT_LWIP)),)
$(error $(APP)/product.mk: PRODUCT_LWIP is yes or no)
endif

ifneq ($(words $(NAME))$(findstring /,$(NAME)),1)
$(error NAME=$(NAME): one word without slashes; the files are called so)
endif

# $(call inside,PATHS): from the top of the tree; whole for what lies outside.
inside = $(patsubst $(CURDIR)/%,%,$(abspath $(1)))
# $(call folder,VARIABLE,FILE): the folder that the variable names, with this file in it.
folder = $(if $(filter 1,$(words $($(1)))),,$(error $(1)='$($(1))': a folder, one path without spaces))$(if \
    $(wildcard $($(1))/.),,$(error $(1)=$($(1)): there is no such folder))$(if \
    $(wildcard $($(1))/$(2)),,$(error $(1)=$($(1)): there is no $(2) in that folder))$(call inside,$(realpath $($(1))))

ifneq ($(BOARD_DIR),)
override BOARD_DIR := $(call folder,BOARD_DIR,board.mk)
override BOARD := $(notdir $(BOARD_DIR))
else
override BOARD_DIR := board/$(BOARD)
ifeq ($(wildcard $(BOARD_DIR)/board.mk),)
$(error BOARD=$(BOARD): no such board; there are: $(patsubst board/%/board.mk,%,$(wildcard board/*/board.mk)), or BOARD_DIR=folder)
endif
endif

OUT ?= $(BUILD)/$(BOARD)-$(OS)$(if $(filter app,$(APP)),,-$(NAME))

ifeq ($(wildcard os/$(OS)/os_*.c),)
$(error OS=$(OS): no such flavour; there are: $(patsubst os/%/,%,$(dir $(wildcard os/*/os_*.c))))
endif
include sources.mk
include $(BOARD_DIR)/board.mk
ifneq ($(CHIP_DIR),)
override CHIP_DIR := $(call folder,CHIP_DIR,chip.mk)
CHIP := $(notdir $(CHIP_DIR))
else ifneq ($(CHIP),)
ifeq ($(wildcard chip/$(CHIP)/chip.mk),)
$(error CHIP=$(CHIP) in $(BOARD_DIR)/board.mk: no such chip; there are: $(patsubst chip/%/chip.mk,%,$(wildcard \
    chip/*/chip.mk)), or CHIP_DIR=folder)
endif
override CHIP_DIR := chip/$(CHIP)
else ifeq ($(origin CROSS),undefined)
$(error $(BOARD_DIR)/board.mk: CHIP names no chip, and CHIP_DIR no folder with one)
endif
ifneq ($(CHIP),)
include $(CHIP_DIR)/chip.mk
endif
ifeq ($(LTO),no)
BOARD_FLAGS := $(filter-out $(LTO_FLAGS),$(BOARD_FLAGS))
endif
-include os/$(OS)/os.mk
-include os/$(OS)/rules.mk

VERSION := $(shell sed -n 's/^\#\# \([0-9][0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)

# What stands in the header of a chip's image.
PRODUCT ?= $(NAME)
PRODUCT_VERSION ?= $(VERSION)
ifneq ($(CROSS),)
ifneq ($(words $(SIGN_KEY)),$(words $(wildcard $(SIGN_KEY))))
$(error SIGN_KEY=$(SIGN_KEY): there is no such file, or its path has spaces; tool/image.py key FILE makes one)
endif
GIT_STATE ?= $(shell cd '$(APP)' && git describe --always --dirty --abbrev=12 --exclude='*' 2> /dev/null)
endif

ifeq ($(PRODUCT_LWIP),yes)
LWIP_READY := $(LWIP_PATH)/src/core/init.c
LWIP_INC   := -Inet -I$(LWIP_PATH)/src/include
LWIP_SRC   := $(addprefix $(LWIP_PATH)/src/,$(SRC_LWIP))
LWIP_THREADS := $(addprefix $(LWIP_PATH)/src/,$(if $(OS_THREADS),$(SRC_LWIP_THREADS)))
LWIP_USERS := $(filter-out $(SRC_PARTS),$(SRC_NET) $(SRC_FACADE))
else ifneq ($(OS),none)
$(error OS=$(OS): its loop is lwIP's thread, and $(APP)/product.mk says PRODUCT_LWIP := no; there is: none)
endif

FW_SRC := $(if $(APP_CXX),$(SRC_CXX)) $(filter-out $(SRC_PARTS),$(SRC_WIRE) $(SRC_USB)) \
    $(SRC_OS) $(OS_SRC) $(if $(LWIP_READY),os/$(OS)/sys_arch.c)
PART_SRC := $(filter-out $(if $(LWIP_READY),,net/% plugnet/%),$(SRC_PARTS))
BOARD_SRC := $(call inside,$(BOARD_SRC))
CHIP_SRC  := $(call inside,$(CHIP_SRC) $(CHIP_ASM)) $(if $(CHIP_UDC),$(wildcard udc/$(CHIP_UDC)/*.c))
ifneq ($(filter-out $(wildcard $(BOARD_SRC) $(CHIP_SRC)),$(BOARD_SRC) $(CHIP_SRC)),)
$(error there is no source $(filter-out $(wildcard $(BOARD_SRC) $(CHIP_SRC)),$(BOARD_SRC) $(CHIP_SRC)): a board.mk or chip.mk \
    names one that is not there, or one whose path has spaces)
endif
# Names with spaces, which make can't hold, are refused by the packer.
APP_SITE := $(if $(wildcard $(APP)/site/.),$(shell find -L $(APP)/site -type f ! -name '* *'))
APP_FOLDER := $(if $(filter app,$(APP)),,$(realpath $(APP)))
APP_OUT  := $(OUT)/app$(APP_FOLDER)
SITE_OUT := $(OUT)/site$(APP_FOLDER)

# $(call objects,ROOM,SOURCES): those of a board or chip outside of the tree by their whole path, below its room.
objects = $(addsuffix .o,$(addprefix $(OUT)/,$(patsubst /%,$(1)/outside/%,$(basename $(2)))))

# A product's own: C++ sources' names keep their suffix, so that two that differ in it may lie side by side.
APP_OBJ := $(patsubst %.c,%.o,$(patsubst %.cpp,%.cpp.o,$(patsubst %.cc,%.cc.o,$(APP_SRC:$(APP)/%=$(APP_OUT)/%))))

# In the order in which CMake links them, so that both make the same image.
FW_OBJ := $(APP_OBJ) $(if $(APP_SITE),$(SITE_OUT)/site.o) $(call objects,,$(FW_SRC)) \
    $(LWIP_THREADS:$(LWIP_PATH)/src/%.c=$(OUT)/lwip/%.o) $(call objects,,$(LWIP_USERS)) \
    $(LWIP_SRC:$(LWIP_PATH)/src/%.c=$(OUT)/lwip/%.o) $(call objects,,$(PART_SRC)) $(call objects,board,$(BOARD_SRC)) $(call objects,chip,$(CHIP_SRC))

FW_INC := -I. $(BOARD_INC) $(CHIP_INC) -Ios/$(OS) $(OS_SYSTEM:%=-isystem %) $(LWIP_INC) -I$(APP) $(if $(APP_SITE),-I$(SITE_OUT))
FW_WARN := $(filter-out -Wundef,$(WARN))
FW_STD := -std=gnu11

# A product's C++. CXXFLAGS_APP: more, such as another -std.
CXXFLAGS_APP ?=
CXX_FLAGS = $(FW_FLAGS) $(FW_CXX) \
    $(if $(findstring -fsanitize=address,$(BOARD_FLAGS)),-fno-sanitize=vptr) $(CXXFLAGS_APP)
CXX_WARN := $(filter-out -Wstrict-prototypes -Wmissing-prototypes -Wshadow,$(FW_WARN)) -Wshadow=local -Wno-missing-field-initializers
CXX_OBJ := $(filter %.cpp.o %.cc.o,$(APP_OBJ)) $(if $(APP_CXX),$(OUT)/os/cxx/cxx.o)
$(CXX_OBJ): FW_STD :=
FW_FLAGS = $(FW_STD) $(CPUFLAGS) $(FW_INC) $(FW_FLAGS_PLAIN) -MMD -MP $(OS_DEFS) \
    $(if $(BOARD_ID),-DBOARD_ID=0x$(subst :,,$(firstword $(BOARD_ID)))u) -DPLUGNET_VERSION='"$(VERSION)"' $(if $(CROSS),,-DPLUGNET_PANIC_TEXT) $(if $(APP_CXX),-DPLUGNET_CXX) $(BOARD_FLAGS) $(CFLAGS_APP) \
    $(APP_OPTIONS:%=-include %)

# Fast where a datagram passes and it shows in the benchmark.
OPT ?= $(FW_OPT)
HOT :=
$(HOT:%=$(OUT)/%.o): OPT := $(if $(BOARD_OPT),$(BOARD_OPT),-O2)

$(call objects,chip,$(call inside,$(BOARD_PLAIN:%=%.c))): BOARD_FLAGS := -fno-lto

# $(call remember,FILE,WORDS): the file holds these words, and is as old as their last change.
same = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))
remember = $(if $(call same,$(strip $(file < $(1))),$(strip made of: $(2))),,$(shell mkdir -p $(dir $(1)))$(file > $(1),made of: $(2)))

# Not the edit of a makefile, but what a command line can change.
$(call remember,$(OUT)/options,$(FW_FLAGS) $(OPT))
$(call remember,$(APP_OUT)/options,$(SITE_FLAGS) $(APP_SITE)$(if $(SITE_SHARED), shared $(SITE_SHARED)))
$(call remember,$(OUT)/objects,$(FW_OBJ) $(OS_LIBS) $(BOARD_LIBS))
$(if $(CROSS),$(call remember,$(OUT)/stamped,$(strip $(PRODUCT)) | $(strip $(PRODUCT_VERSION)) | $(GIT_STATE)))
$(if $(CROSS),$(call remember,$(OUT)/signed,$(SIGN_KEY)))
$(FW_OBJ): $(OUT)/options
$(if $(APP_CXX),$(call remember,$(OUT)/options-cxx,$(CXX_FLAGS)))
$(CXX_OBJ): $(if $(APP_CXX),$(OUT)/options-cxx)
$(APP_OBJ): $(APP_OUT)/options

# Without a compiler: say which package has it, before anything else is tried.
ifeq ($(shell command -v $(CROSS)gcc),)
.PHONY: compiler-missing
$(FW_OBJ): compiler-missing
compiler-missing:
	@echo "$(CROSS)gcc is missing: install Debian's package $(if $(CROSS),gcc-arm-none-eabi,gcc)" >&2; exit 2
endif

ifneq ($(and $(APP_CXX),$(if $(shell command -v $(CROSS)g++),,missing)),)
.PHONY: compiler-missing-cxx
$(FW_OBJ): compiler-missing-cxx
compiler-missing-cxx:
	@echo "$(CROSS)g++ is missing: install Debian's package $(if $(CROSS),gcc-arm-none-eabi,g++)" >&2; exit 2
endif

firmware: $(OUT)/$(NAME).elf $(if $(CROSS),$(addprefix $(OUT)/$(NAME).,bin hex dfu update))

# $(call compile_rules,OBJECTS,SOURCES): two patterns.
define compile_rules
$(1).o: $(2).c $(LWIP_READY)
	@mkdir -p $$(@D)
	$$(say) CC $$<
	$$(Q)$$(CROSS)gcc $$(FW_FLAGS) $$(OPT) $$(FW_WARN) -c $$< -o $$@

$(1).o: $(2).S
	@mkdir -p $$(@D)
	$$(say) CC $$<
	$$(Q)$$(CROSS)gcc $$(filter-out -include $$(APP_OPTIONS),$$(FW_FLAGS)) $$(FW_WARN) -c $$< -o $$@
endef
$(eval $(call compile_rules,$(OUT)/%,%))
$(eval $(call compile_rules,$(OUT)/board/outside/%,/%))
$(eval $(call compile_rules,$(OUT)/chip/outside/%,/%))

$(OUT)/lwip/%.o: $(LWIP_PATH)/src/%.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CROSS)gcc $(FW_FLAGS) $(OPT) -w -c $< -o $@

$(APP_OUT)/%.o: $(APP)/%.c $(LWIP_READY)
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CROSS)gcc $(FW_FLAGS) $(OPT) $(FW_WARN) -c $< -o $@

$(APP_OUT)/%.cpp.o: $(APP)/%.cpp $(LWIP_READY)
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(CROSS)g++ $(CXX_FLAGS) $(OPT) $(CXX_WARN) -c $< -o $@

$(APP_OUT)/%.cc.o: $(APP)/%.cc $(LWIP_READY)
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(CROSS)g++ $(CXX_FLAGS) $(OPT) $(CXX_WARN) -c $< -o $@

$(OUT)/os/cxx/cxx.o: os/cxx/cxx.cpp
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(CROSS)g++ $(CXX_FLAGS) -fno-lto $(OPT) $(CXX_WARN) -c $< -o $@

$(SITE_OUT)/site.c: $(APP_SITE) $(wildcard $(SITE_SHARED:%=app/site/%)) tool/site_pack.py $(APP_OUT)/options
	@mkdir -p $(@D)
	$(say) SITE $@
	$(Q)python3 tool/site_pack.py $(APP)/site -o $@ --name site_resources $(SITE_SHARED:%=--shared %) $(SITE_FLAGS)

# Made beside it: whoever includes it is compiled anew when the number of files changes.
$(SITE_OUT)/site.h: $(SITE_OUT)/site.c ;

$(SITE_OUT)/site.o: $(SITE_OUT)/site.c
	$(say) CC $<
	$(Q)$(CROSS)gcc $(FW_FLAGS) $(OPT) $(FW_WARN) -c $< -o $@

# The site's header is there before anything that may include it.
$(APP_OBJ): | $(if $(APP_SITE),$(SITE_OUT)/site.c)

$(FW_OBJ): $(OS_DEPS)

# A chip's image gets its header in a copy of what was linked: another version links nothing anew.
LINKED := $(OUT)/$(NAME).$(if $(CROSS),linked,elf)
$(LINKED): $(FW_OBJ) $(OUT)/objects $(LINKER) $(OS_LIBS) $(if $(CROSS),chip/cortex_m4/cortex_m4.ld)
	$(say) LD $(OUT)/$(NAME).elf
	$(Q)rm -f $(OUT)/$(NAME).elf
	$(Q)$(CROSS)gcc $(CPUFLAGS) $(BOARD_FLAGS) $(if $(CROSS),-nostartfiles -Lchip/cortex_m4 -T $(LINKER) -Wl$(comma)--gc-sections) \
	    $(if $(APP_CXX),-Wl$(comma)--defsym=linker_cxx=1) \
	    -Wl,-Map=$(basename $@).map $(FW_OBJ) $(OS_LIBS) $(BOARD_LIBS) -o $@ $(if $(CROSS),|| { python3 tool/link_failed.py $(basename $@).map $(LINKER); exit 1; })

# $(call quoted,TEXT): as one word for the shell.
quoted = '$(subst ','\'',$(1))'

ifneq ($(CROSS),)
$(OUT)/$(NAME).elf: $(LINKED) $(OUT)/stamped tool/stamp.py tool/image.py
	$(Q)GIT_STATE=$(call quoted,$(GIT_STATE)) python3 tool/stamp.py $< --product $(call quoted,$(strip $(PRODUCT))) \
	    --version $(call quoted,$(strip $(PRODUCT_VERSION))) -o $@
endif

%.bin: %.elf
	$(Q)$(CROSS)objcopy -O binary --gap-fill 0xFF $< $@

%.hex: %.elf
	$(Q)$(CROSS)objcopy -O ihex $< $@

%.dfu: %.elf tool/dfu_file.py $(wildcard $(APP)/product.mk)
	$(Q)python3 tool/dfu_file.py $< $(DFU_ID) -o $@

$(OUT)/$(NAME).update: $(OUT)/$(NAME).elf tool/image.py $(OUT)/signed $(SIGN_KEY)
	$(Q)python3 tool/image.py $(if $(SIGN_KEY),sign --key $(SIGN_KEY),pack) $< -o $@

# Over the cable, from the running firmware (DFU_ID) or from the boot loader in ROM: docs/update.md.
ifneq ($(CROSS),)
DFU_ID ?= $(firstword $(BOARD_ID)) # what the product shows; its own with vendor_id and product_id
dfu: $(OUT)/$(NAME).dfu
	@command -v dfu-util > /dev/null || { echo "dfu-util is missing: install Debian's package dfu-util" >&2; exit 2; }
	dfu-util -d $(strip $(DFU_ID)),0483:df11 -a 0 -s $$(python3 tool/dfu_file.py --address $(<:.dfu=.elf)):leave -D $<

# All from the start of flash, the guard too: once, when the layout changes. Settings are lost. Not to be cut.
dfu-all: $(OUT)/$(NAME).bin
	@command -v dfu-util > /dev/null || { echo "dfu-util is missing: install Debian's package dfu-util" >&2; exit 2; }
	dfu-util -d $(strip $(DFU_ID)),0483:df11 -a 0 -s 0x08000000:leave -D $<

# A real board, by its ST-LINK.
flash: $(OUT)/$(NAME).elf
	@command -v openocd > /dev/null || { echo "openocd is missing: install Debian's package openocd" >&2; exit 2; }
	openocd -f $(FLASH_CFG) -c "program $< verify reset exit"
else
dfu dfu-all flash:
	@echo "$@: BOARD=$(BOARD) is a Linux process, which has no boot loader; name a board with a chip, such as BOARD=stm32f4discovery" >&2; exit 2
endif

# What is really linked, as CycloneDX: tool/sbom.py.
sbom: $(OUT)/$(NAME).elf
	$(Q)python3 tool/sbom.py $< --version $(call quoted,$(strip $(PRODUCT_VERSION)))

size: firmware
	python3 tool/size.py $(OUT) $(OUT)/$(NAME).elf

# Not the board that this make was given from outside.
IN_TREE := BOARD_DIR= CHIP_DIR=

compile_commands.json: FORCE
	$(MAKE) -Bnk firmware | python3 tool/compile_commands.py > $@

comma := ,
.PHONY: firmware dfu dfu-all flash sbom size native FORCE
-include $(FW_OBJ:.o=.d)
