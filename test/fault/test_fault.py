#!/usr/bin/env python3
"""Our own bugs show: a line in the log that leads to the place, all LEDs on, and nothing any more.

    test/fault/test_fault.py          images: make images

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIT = "LEDs green on orange on red on blue on"
PLACE = r"PC (0x[0-9a-f]{8}) LR (0x[0-9a-f]{8})$"
# (name, folder, what the log says, where that leads to: the line of fault.c that says so, or the caller's by LR)
CASES = (("assert, bare metal", "none", r"\[usart2\] panic: " + PLACE, "here: assert"),
         ("bus fault, bare metal", "none-bus", r"\[usart2\] fault: exception 0x00000003 CFSR 0x0000[0-9a-f]{4}: " + PLACE, "here: bus"),
         ("jump to nowhere, bare metal", "none-jump", r"\[usart2\] fault: exception 0x00000003 CFSR 0x0002[0-9a-f]{4}: " + PLACE,
          "LR here: jump"),
         ("stack overflow, bare metal", "none-stack",
          r"\[usart2\] fault: exception 0x00000003 CFSR 0x[0-9a-f]{8}, no room on the stack at 0x1f", None),
         ("assert, FreeRTOS", "freertos", r"\[usart2\] panic: " + PLACE, "here: assert"),
         ("bus fault, FreeRTOS", "freertos-bus", r"\[usart2\] fault: exception 0x00000003 CFSR 0x0000[0-9a-f]{4}: " + PLACE,
          "here: bus"),
         ("stack overflow, FreeRTOS", "freertos-stack", r"\[usart2\] stack overflow: panic: faulty", None),
         ("assert, Linux process", "native", r"panic: (test/fault/fault.c:\d+)", "here: assert"),
         ("assert, Linux process with threads", "posix", r"panic: (test/fault/fault.c:\d+)", "here: assert"))


def line_of(words):
    with open(os.path.join(ROOT, "test/fault/fault.c"), encoding="utf-8") as file:
        return [number for number, line in enumerate(file, 1) if words in line][0]


def run(image, native):
    if native:
        command = [os.path.join(ROOT, "build/pc"), "--fast", "--for", "3", "--spawn", image]
    else:
        command = [os.path.join(ROOT, "build/vboard/vboard"), "--fast", "--for", "3", image]
    return subprocess.run(command, text=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=1200, check=False)


def dead(lines, found):
    """All LEDs are on, and nothing comes any more."""
    assert any(LIT in line for line in lines), f"not all LEDs are on: {lines[-4:]}"
    after = [line for line in lines[found + 1:] if "board: " in line and LIT not in line]
    assert not after, f"it goes on: {after[:3]}"


def play(image, pattern, leads):
    native = "native" in image or "posix" in image
    done = run(image, native)
    lines = (done.stdout + done.stderr if native else done.stdout).splitlines()
    found = [i for i, line in enumerate(lines) if re.search(pattern, line)]
    assert found, f"exit code {done.returncode}, {lines[-4:]} {done.stderr[-200:]}"
    assert len(found) == 1, f"said {len(found)} times"
    match = re.search(pattern, lines[found[0]])
    if not native:
        assert done.returncode == 0, f"exit code {done.returncode}"
        dead(lines, found[0])
    if not leads:
        return match[0]
    place = match[1]
    if not native:
        address = int(match[2], 16) - 2 if leads.startswith("LR ") else int(match[1], 16)
        place = subprocess.run(["arm-none-eabi-addr2line", "-e", image, hex(address)], text=True, capture_output=True,
                               check=True).stdout
    wanted = f"fault.c:{line_of(leads.removeprefix('LR '))}"
    assert re.search(re.escape(wanted) + r"\b", place), f"{match[0]} leads to {place.strip()}, not to {wanted}"
    return f"{match[0]} is {wanted}"


def main():
    failed = 0
    for name, folder, pattern, leads in CASES:
        if "FreeRTOS" in name and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print(f"skip fault: {name}: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            said = play(os.path.join(ROOT, "build/test/fault", folder, "fault.elf"), pattern, leads)
            print(f"ok fault: {name} ({said})")
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok fault: {name}: {' '.join(str(error).split())}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
