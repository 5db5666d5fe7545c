#!/usr/bin/env python3
"""Each row of docs/endpoints.md, played: what fits is enumerated and leased from, what doesn't is refused with the arithmetic.
What each function takes, by the document's first table, must be what its combinations take.

    test/endpoints/test_endpoints.py          firmware: make images

The FIFO sizes of a row are those that the image reads from the controller's registers on the virtual board. USB_CONTROL_MAX is 1,024
there; a further image has the default, 256.
Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VBOARD = os.path.join(ROOT, "build/vboard/vboard")
DOCUMENT = os.path.join(ROOT, "docs/endpoints.md")
UID = "{:02x}00290000510a3338333434"  # the first byte chooses
BOARDS = {"F407": "stm32f4discovery", "F411": "blackpill-f411", "L476": "32l476gdiscovery"}
LISTS = ("NCM", "NCM, DFU", "NCM, vendor", "NCM, DFU, vendor", "NCM, vendor, vendor", "NCM, DFU, vendor, vendor",
         "NCM, vendor, vendor, vendor", "NCM, DFU, vendor, vendor, vendor", "NCM, ACM", "NCM, DFU, ACM", "NCM, ACM, vendor",
         "NCM, DFU, ACM, vendor", "vendor, NCM", "ACM, NCM", "NCM, vendor, vendor, vendor, vendor", "NCM, ACM, ACM")
# What NCM alone had before there were other functions: it must never have less.
NCM_ALONE = {"F407": "107 16 16 176", "F411": "107 16 16 176", "L476": "111 16 16 176"}
FIFO_WORDS = 320
# With USB_CONTROL_MAX 256: what fits, and what doesn't.
CONTROL_FITS, CONTROL_REFUSED = "NCM, DFU, ACM", "NCM, DFU, ACM, vendor"


def rows():
    """(chip, functions, "yes" or "no", FIFO sizes, what is spare or why not) of each row of the document."""
    found = []
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) != 5 or not re.match(r"[FL]4\d\d", cells[0]):
                continue
            for chip in cells[0].split(", "):
                found.append((chip, *cells[1:]))
    return found


def costs():
    """{function: (IN endpoints, OUT endpoints, bytes of descriptors, of MS OS 2.0)} by the document; "" is the device itself."""
    found = {}
    with open(DOCUMENT, encoding="utf-8") as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) == 5 and re.fullmatch(r"\d+", cells[3]) and re.fullmatch(r"\d+", cells[4]):
                name = "" if cells[0] == "the device itself" else cells[0].partition(",")[0]
                found[name] = tuple(int(cell.partition(":")[0] or 0) for cell in cells[1:])
    return found


def play(chip, functions, folder=None):
    """What the board and the PC say, with this combination."""
    number = 0x3A + LISTS.index(functions)
    image = os.path.join(ROOT, "build/test/endpoints", folder or BOARDS[chip], "endpoints.elf")
    done = subprocess.run([VBOARD, "--board", BOARDS[chip], "--uid", UID.format(number), "--fast", "--for", "3.5", image], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600, check=False)
    return done.stdout


def refused(said, functions, why):
    names = functions.lower().replace(",", "").replace("vendor", "bulk")  # as the image calls them
    assert f"functions {names}: {why}" in said and "panic: .functions: more than fits" in said, said
    assert "attached" not in said, said
    return why


def check(chip, functions, fits, fifo, why):
    said = play(chip, functions)
    if fits == "no":
        return refused(said, functions, why)
    sizes = [int(word) for word in fifo.split()]
    assert f"fifo: {fifo}\n" in said.replace("\r", ""), said
    assert " leased" in said and "panic" not in said, said
    spare = FIFO_WORDS - sum(sizes)
    assert spare >= 0 and why == (f"{spare} spare" if spare else ""), f"{spare} words are spare"
    assert functions != "NCM" or fifo == NCM_ALONE[chip], f"NCM alone had {NCM_ALONE[chip]}"
    ins, _, length, set_length = sums(functions)
    assert len(sizes) == 2 + ins, f"{len(sizes) - 2} IN endpoints, by the table {ins}"
    told = re.search(r"descriptors: (\d+) (\d+)", said)
    assert told and (int(told[1]), int(told[2])) == (length, set_length), f"{told and told[0]}, by the table {length} {set_length}"
    return f"{fifo}; descriptors {length}, {set_length}"


def sums(functions):
    """What a combination takes, by the table."""
    known = costs()
    return tuple(map(sum, zip(*(known[name] for name in ["", *functions.split(", ")]))))


def control():
    """USB_CONTROL_MAX as it is by default: the document says what needs more."""
    said = play("L476", CONTROL_FITS, "control256")
    assert " leased" in said and "panic" not in said, said
    why = f"USB_CONTROL_MAX of plugnet_options.h: needed {max(sums(CONTROL_REFUSED)[2:])}, there are 256"
    with open(DOCUMENT, encoding="utf-8") as file:
        assert f"`{why}`" in file.read(), f"the document doesn't say {why}"
    return refused(play("L476", CONTROL_REFUSED, "control256"), CONTROL_REFUSED, why)


def main():
    table, failed = rows(), 0
    for row in table:
        try:
            print(f"ok endpoints: {row[0]}, {row[1]} ({check(*row)})", flush=True)
        except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"not ok endpoints: {row[0]}, {row[1]}: {' '.join(str(error).split())[:600]}", flush=True)
    try:
        print(f"ok endpoints: USB_CONTROL_MAX 256, {CONTROL_REFUSED} ({control()})")
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
        failed += 1
        print(f"not ok endpoints: USB_CONTROL_MAX 256: {' '.join(str(error).split())[:600]}")
    missing = [(chip, functions) for chip in BOARDS for functions in LISTS if (chip, functions) not in [row[:2] for row in table]]
    failed += len(missing)
    print(f"not ok endpoints: combinations without a row: {missing}" if missing else "ok endpoints: each combination has a row")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
