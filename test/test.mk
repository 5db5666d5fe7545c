# Unit tests and fuzz targets. Every test/unit/test_*.c becomes the suite build/test/test_*, built by gcc with
# AddressSanitizer and UBSan; every test/fuzz/fuzz_*.c a libFuzzer target with its corpus in
# test/fuzz/corpus/NAME (NAME without "fuzz_"), also a suite: FUZZ_SECONDS each.
#
# A file says in its comment what it needs (make variables and wildcards may be used):
#   LINK: wire/ntb.c usb/[a-z]*.c    sources linked besides itself (a plain "/*" would end up in a C comment)
#   SET: lwip                        compile all of them with TEST_FLAGS_lwip (objects are kept for each set)
#   SECONDS: 20                      fuzz so long in ./check instead of FUZZ_SECONDS: parsers of our tools, not of the
#                                    device; FUZZ_SECONDS in the environment (and so `make fuzz`) wins
#
#   make build/test/test_ntb && build/test/test_ntb        one suite
#   make unit                                              build and run all of them
#   make fuzz FUZZ_SECONDS=600                             fuzz longer, one after the other
#
# SPDX-License-Identifier: MIT

FUZZ_SECONDS ?= 30

TEST_FLAGS_plain :=
TEST_FLAGS_lwip  := -DLWIP_SINGLE_NETIF=0 -Inet -Ios -Ios/none -I$(LWIP_PATH)/src/include
TEST_FLAGS_posix := -DPLUGNET_THREADS -pthread -Inet -Ios -Ios/posix -I$(LWIP_PATH)/src/include
TEST_FLAGS_freertos := -Itest/unit/freertos
TEST_FLAGS_control1024 := -DUSB_CONTROL_MAX=1024
TEST_FLAGS_examples := -DUSB_CONTROL_MAX=512 $(TEST_FLAGS_lwip)
TEST_FLAGS_keep := -DHTTP_KEEP_MAX=80

TEST_UNIT := $(wildcard test/unit/test_*.c)
TEST_FUZZ := $(wildcard test/fuzz/fuzz_*.c)

# bounds-strict: the last array of a struct has bounds, too.
TEST_GCC   := $(CC) $(PCFLAGS) -O1 $(SANITIZE) -fsanitize=bounds-strict
TEST_CLANG := $(CLANG) $(PCFLAGS) -O1 $(SANITIZE)

# $(call test_line,KEY,file): the words behind "KEY:" in the file's comment, make variables expanded. All files are
# read at once: every start of ./run waits for this.
test_lines := $(shell awk '/^ \* (LINK|SET|SECONDS): / { printf "%s|%s", $$2, FILENAME; \
    for (i = 3; i <= NF; i++) printf "|%s", $$i; print "" }' $(TEST_UNIT) $(TEST_FUZZ))
test_line = $(eval test_got := $(foreach line,$(filter $(1):|$(2)|%,$(test_lines)),\
    $(wordlist 3,99,$(subst |, ,$(line)))))$(test_got)
test_link = $(wildcard $(call test_line,LINK,$(1)))
test_set  = $(or $(call test_line,SET,$(1)),plain)
test_seconds = $(or $(call test_line,SECONDS,$(1)),$(FUZZ_SECONDS))

# $(call test_objects,kind,set,sources)
test_objects = $(patsubst %.c,$(BUILD)/test/$(1)-$(2)/%.o,$(3))

# One rule for each kind and set: foreign sources (build/lwip) keep their own warnings.
define test_rules
$(BUILD)/test/unit-$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(TEST_GCC) $$(TEST_FLAGS_$(1)) $$(if $$(filter $(LWIP_PATH)/%,$$<),-w) -c $$< -o $$@

$(BUILD)/test/fuzz-$(1)/%.o: %.c
	@mkdir -p $$(@D)
	$$(TEST_CLANG) -fsanitize=fuzzer-no-link $$(TEST_FLAGS_$(1)) $$(if $$(filter $(LWIP_PATH)/%,$$<),-w) -c $$< -o $$@
endef

# $(call test_unit,file,set,sources)
define test_unit
$(BUILD)/test/$(basename $(notdir $(1))): $(call test_objects,unit,$(2),$(1) $(3))
	$$(CC) $$(SANITIZE) $$^ -o $$@ -lm
-include $(patsubst %.o,%.d,$(call test_objects,unit,$(2),$(1) $(3)))
SUITES += $(BUILD)/test/$(basename $(notdir $(1)))
TEST_SUITES += $(BUILD)/test/$(basename $(notdir $(1)))
endef

define test_fuzz
$(BUILD)/test/bin/$(basename $(notdir $(1))): $(call test_objects,fuzz,$(2),$(1) $(3))
	@mkdir -p $$(@D)
	$$(CLANG) $$(SANITIZE) -fsanitize=fuzzer $$^ -o $$@
-include $(patsubst %.o,%.d,$(call test_objects,fuzz,$(2),$(1) $(3)))

$(BUILD)/test/$(basename $(notdir $(1))): $(BUILD)/test/bin/$(basename $(notdir $(1))) test/fuzz/run.sh
	printf '#!/bin/sh\nexec test/fuzz/run.sh %s %s\n' $$< $(4) > $$@
	chmod +x $$@
SUITES += $(BUILD)/test/$(basename $(notdir $(1)))
FUZZ_SUITES += $(BUILD)/test/$(basename $(notdir $(1)))
endef

$(foreach set,$(sort plain $(foreach f,$(TEST_UNIT) $(TEST_FUZZ),$(call test_set,$(f)))),$(eval $(call test_rules,$(set))))
$(foreach f,$(TEST_UNIT),$(eval $(call test_unit,$(f),$(call test_set,$(f)),$(call test_link,$(f)))))
$(foreach f,$(TEST_FUZZ),\
    $(eval $(call test_fuzz,$(f),$(call test_set,$(f)),$(call test_link,$(f)),$(call test_seconds,$(f)))))

.PHONY: unit units units-list fuzz
units: $(TEST_SUITES)

# For test/mutants/run.py: each set's compiler and flags, each suite's set and sources.
units-list:
	@: $(foreach set,$(sort plain $(foreach f,$(TEST_UNIT),$(call test_set,$(f)))),$(info flags $(set) $(TEST_GCC) $(TEST_FLAGS_$(set))))\
	    $(foreach f,$(TEST_UNIT),$(info unit $(basename $(notdir $(f))) $(call test_set,$(f)) $(f) $(call test_link,$(f))))

unit: $(TEST_SUITES)
	@failed=0; for suite in $(TEST_SUITES); do $$suite || failed=1; done; exit $$failed

fuzz: $(FUZZ_SUITES)
	@failed=0; for suite in $(FUZZ_SUITES); do FUZZ_SECONDS=$(FUZZ_SECONDS) $$suite || failed=1; done; exit $$failed
