#!/usr/bin/env python3
"""Our own bugs show: a line in the log that leads to the place, all LEDs on, and nothing any more.

    test/fault/test_fault.py          images: make fault-images

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIT = "LEDs green on orange on red on blue on"
CASES = (("assert, bare metal", "none", r"\[usart2\] panic: (0x[0-9a-f]{8})"),
         ("assert, FreeRTOS", "freertos", r"\[usart2\] panic: (0x[0-9a-f]{8})"),
         ("stack overflow, FreeRTOS", "freertos-stack", r"\[usart2\] stack overflow: panic: (faulty)"))


def play(image, pattern):
    done = subprocess.run([os.path.join(ROOT, "build/vboard/vboard"), "--fast", "--for", "3", image], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    lines = done.stdout.splitlines()
    found = [i for i, line in enumerate(lines) if re.search(pattern, line)]
    assert done.returncode == 0 and found, f"exit code {done.returncode}, {lines[-4:]} {done.stderr[-200:]}"
    assert any(LIT in line for line in lines), f"not all LEDs are on: {lines[-4:]}"
    after = [line for line in lines[found[0] + 1:] if "board: " in line and LIT not in line]
    assert not after, f"it goes on: {after[:3]}"
    said = re.search(pattern, lines[found[0]])[1]
    if said.startswith("0x"):
        place = subprocess.run(["arm-none-eabi-addr2line", "-e", image, said], text=True, capture_output=True, check=True).stdout
        assert "fault.c:" in place, f"{said} leads to {place.strip()}"
        said += " is " + os.path.relpath(place.split()[0], ROOT)
    return said


def main():
    failed = 0
    for name, folder, pattern in CASES:
        if "FreeRTOS" in name and not os.environ.get("FREERTOS_KERNEL_PATH"):
            print(f"skip fault: {name}: FREERTOS_KERNEL_PATH is not set")
            continue
        try:
            said = play(os.path.join(ROOT, "build/test/fault", folder, "fault.elf"), pattern)
            print(f"ok fault: {name} ({said})")
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok fault: {name}: {' '.join(str(error).split())}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
