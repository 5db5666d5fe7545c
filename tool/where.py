#!/usr/bin/env python3
"""Where the firmware stopped: where.py IMAGE.elf REPORT

REPORT is a line of the log ("last stop: …", "panic: …", "fault: …"), the JSON of a report or of a whole /api/status, a file with one of
these, or "-" for standard input. Prints what happened, and function, file and line of PC and LR.
SPDX-License-Identifier: MIT
"""
import argparse
import json
import os
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402
import stamp  # noqa: E402

REASONS = {
    "panic": "the firmware found a mistake of its own",
    "fault": "the processor refused to go on",
    "hang": "the loop didn't turn for as long as the watchdog allows",
    "watchdog": "not even the tick ran: an interrupt that doesn't end, or interrupts that stay off",
}
CFSR = {  # bits, DDI 0403 B3.2.15 [unread; names as in CMSIS core_cm4.h]
    0: "instruction fetch from forbidden memory", 1: "access to forbidden memory", 3: "unstacking failed (MemManage)",
    4: "stacking failed (MemManage): the stack has overflowed", 8: "bus error at an instruction fetch", 9: "bus error at this address",
    10: "bus error, some instructions before PC", 11: "unstacking failed", 12: "stacking failed: the stack has overflowed",
    16: "undefined instruction", 17: "jump to an address without the Thumb bit", 18: "wrong return from an exception",
    19: "no such coprocessor", 24: "unaligned access", 25: "division by zero",
}


def text_of(given):
    if given == "-":
        return sys.stdin.read()
    if os.path.isfile(given):
        with open(given, encoding="utf-8", errors="replace") as file:
            return file.read()
    return given


def from_json(text):
    """The report in a JSON text, at its top or as a member; None: it isn't JSON."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    if isinstance(found, dict) and "reason" not in found:
        if "report" not in found:
            sys.exit("where: the JSON has neither \"reason\" nor \"report\"")
        found = found["report"]
    if found is None:
        sys.exit("where: there is no report: nothing has stopped since power-on")
    return {name: int(value, 16) if isinstance(value, str) and re.fullmatch("0x[0-9a-f]+", value) else value
            for name, value in found.items()}


def from_log(text):
    """The newest report in lines of the log."""
    found = None
    for line in text.splitlines():
        match = re.search(r"(?:last stop: )?\b(panic|fault|hang|watchdog)\b(.*)", line)
        if match:
            numbers = {name.lower(): int(value, 16) for name, value in re.findall(r"\b(PC|LR|CFSR|image|exception) (0x[0-9a-f]{8})", line)}
            if numbers or match[1] == "watchdog" or line.strip().endswith(match[0]):
                found = {"reason": match[1], **numbers}
                rest = re.search(r" in (\S.*) at (\d+) ms", match[2])
                if rest:
                    found.update(thread=rest[1], uptime_ms=int(rest[2]))
    if found is None:
        sys.exit("where: no line of the log that begins with \"last stop:\", \"panic\" or \"fault\"")
    return found


def image_of(elf):
    """Its CRC word; None: it has none."""
    try:
        word = image.sections(elf, ".crc")
    except image.Wrong as why:
        sys.exit(f"where: {why}")
    return struct.unpack("<I", word)[0] if len(word) == 4 else None


def place(elf, name, address):
    at = (address & ~1) - (2 if name == "LR" else 0)  # of the call, not behind it
    done = subprocess.run([stamp.TOOL + "addr2line", "-fpiCe", elf, hex(at)], check=True, capture_output=True, text=True)
    said = done.stdout.strip().replace("\n", "\n" + " " * 18)
    return f"  {name} {address:#010x}  {said}"


def told(report, elf):
    reason = report["reason"]
    lines = [f"{reason}: {REASONS.get(reason, 'a reason that this tool does not know')}"]
    if report.get("text"):
        lines.append(f'  it said: {report["text"]}')
    if report.get("thread"):
        lines.append(f'  in {report["thread"]}, {report.get("uptime_ms", 0)} ms after the start; '
                     f'{report.get("starts", 1)} starts since then')
    lines += [f"  {why}" for bit, why in CFSR.items() if report.get("cfsr", 0) >> bit & 1]
    if report.get("address"):
        lines.append(f'  the address was {report["address"]:#010x}')
    if report.get("exception", 0) >= 16:
        lines.append(f'  interrupt {report["exception"] - 16}, which nobody serves')
    for name, number in (("PC", report.get("pc", 0)), ("LR", report.get("lr", 0))):
        if number:
            lines.append(place(elf, name, number))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elf", metavar="IMAGE.elf")
    parser.add_argument("report", metavar="REPORT")
    given = parser.parse_args()
    if not os.path.isfile(given.elf):
        sys.exit(f"where: {given.elf}: there is no such file")
    text = text_of(given.report)
    report = from_json(text) or from_log(text)
    mine = image_of(given.elf)
    if report.get("image") and mine is not None and report["image"] != mine:
        print(f"warning: the report is of image {report['image']:#010x}, and {given.elf} is {mine:#010x}: the places are those of another one",
              file=sys.stderr)
    print("\n".join(told(report, given.elf)))


if __name__ == "__main__":
    main()
