#!/usr/bin/env python3
"""The bound of the stack (tool/stack.py): frames are those that GCC tells of, calls and interrupts add up, what can't be told is refused,
and no image of the demo may get deeper than here.

    test/tool/test_stack.py

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import glob
import os
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tool"))
import stack  # noqa: E402

GCC = ["arm-none-eabi-gcc", "-std=gnu11", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-Os", "-g",
       "-ffreestanding", "-fno-common"]

# Bytes that an image may get deep, in a stack: one that grows says so here, and in docs/sizes.md.
LIMITS = (
    ("stm32f4discovery-none", [], 2304),
    ("blackpill-f411-none", [], 2304),
    ("32l476gdiscovery-none", [], 2304),
    ("stm32f4discovery-none without mDNS", ["--without", "mdns_*"], 2240),
    ("stm32f4discovery-none without mDNS and HTTP", ["--without", "mdns_*", "--without", "http_*"], 2048),
    ("stm32f4discovery-freertos", [], 1024),
    ("stm32f4discovery-freertos, tcpip", ["--entry", "tcpip_thread", "--thread"], 2048),
    ("stm32f4discovery-freertos, console", ["--entry", "console_run", "--thread"], 768),
    ("stm32f4discovery-freertos, sampler", ["--entry", "sample", "--thread"], 384),
    ("stm32f4discovery-freertos, blink", ["--entry", "blink", "--thread"], 384),
    ("stm32f4discovery-freertos, idle", ["--entry", "prvIdleTask", "--thread"], 384),
)

PROGRAM = """
#include <stdint.h>
#define KEEP __attribute__((noinline, used))
#ifndef GROWN
#define GROWN 0
#endif
void keep(void *bytes);
KEEP void keep(void *bytes) { __asm__ volatile("" ::"r"(bytes) : "memory"); }

KEEP static int leaf(int n) { char bytes[200 + GROWN]; keep(bytes); return bytes[n]; }
KEEP static int other(int n) { char bytes[96]; keep(bytes); return bytes[n]; }
static int (*const table[])(int) = {leaf, other};
KEEP int by_table(int n) { char bytes[16]; keep(bytes); return table[n & 1](n) + bytes[0]; }
KEEP int choice(int n)
{
    char bytes[40];
    keep(bytes);
    switch (n) {
    case 0: return other(3) + bytes[1];
    case 1: return leaf(4) + bytes[2];
    case 2: keep(bytes + 1); return bytes[1];
    case 3: keep(bytes + 2); return bytes[4] * 3;
    case 4: keep(bytes + 3); return bytes[5] * 7;
    case 5: keep(bytes + 4); return bytes[6] + 9;
    default: return n;
    }
}
#ifdef RECURSION
KEEP int again(int n) { char bytes[32]; keep(bytes); return n == 0 ? 0 : again(n - 1) + bytes[n]; }
#endif
#ifdef ALLOCA
KEEP int any(int n) { char bytes[n]; keep(bytes); return bytes[n - 1]; }
#endif
void startup_c(void);
KEEP void startup_c(void)
{
    by_table(1);
    choice(2);
#ifdef RECURSION
    again(3);
#endif
#ifdef ALLOCA
    any(5);
#endif
    for (;;)
        ;
}
void tick(void);
void chip(void);
void fault(void);
KEEP void fault(void) { char bytes[2000]; keep(bytes); }
KEEP void tick(void) { char bytes[48]; keep(bytes); }
KEEP void chip(void) { char bytes[24]; keep(bytes); }
const uintptr_t vectors[] = {
    0x20001000, (uintptr_t)startup_c, (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault, (uintptr_t)fault, 0, 0, 0, 0,
    (uintptr_t)fault, 0, 0, (uintptr_t)fault, (uintptr_t)tick, (uintptr_t)chip};
extern const uintptr_t linker_vectors[17] __attribute__((alias("vectors")));
"""


def built(folder, name, *flags):
    """The program as an image, and GCC's own frames: {function: bytes}."""
    source, elf = os.path.join(folder, name + ".c"), os.path.join(folder, name + ".elf")
    with open(source, "w", encoding="utf-8") as file:
        file.write(PROGRAM)
    subprocess.run([*GCC, *flags, "-fstack-usage", "-c", source, "-o", elf + ".o"], check=True)
    subprocess.run([*GCC, "-nostdlib", "-Wl,-e,startup_c", "-Wl,-Ttext=0x08000000", elf + ".o", "-o", elf], check=True)
    return elf, frames_of(elf + ".su")


def frames_of(su):
    with open(su, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file]
    return {row[0].rsplit(":", 1)[1]: int(row[1]) for row in rows}


def run(elf, *options):
    done = subprocess.run([os.path.join(ROOT, "tool/stack.py"), elf, *options], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def total(said):
    return int(re.search(r"^ *(\d+) bytes in all$", said, re.M)[1])


def frames(folder):
    """Every function of three rooms: the frame that GCC tells of is the one that is read from its code. GCC leaves out a structure that is
    passed in registers, which the function stores in front of all else."""
    objects, known, seen = [], {}, 0
    for source in sorted(glob.glob("wire/*.c") + glob.glob("usb/*.c") + glob.glob("update/*.c")):
        objects.append(os.path.join(folder, os.path.basename(source) + ".o"))
        subprocess.run([*GCC, "-I", ROOT, "-fstack-usage", "-c", source, "-o", objects[-1]], check=True)
        for name, size in frames_of(objects[-1][:-2] + ".su").items():
            known.setdefault(name, set()).add(size)
    elf = os.path.join(folder, "rooms.elf")
    subprocess.run([*GCC, "-nostdlib", "-Wl,-e,0", "-Wl,-Ttext=0x10000", "-Wl,--unresolved-symbols=ignore-all", *objects, "-o", elf],
                   check=True)
    for function in stack.functions_of(elf).values():
        stack.walk(function)
        if function.name in known:
            first = function.code[0]
            stored = stack.change_of(function, first) if first.name == "sub" and "stmia" in {i.name for i in function.code[1:4]} else 0
            assert function.frame - stored in known[function.name], f"{function.name}: {function.frame} bytes, GCC says {known[function.name]}"
            seen += 1
    assert seen > 200, f"only {seen} functions"
    return f"{seen} functions"


def adds_up(folder):
    elf, gcc = built(folder, "plain")
    calls = os.path.join(folder, "calls")
    with open(calls, "w", encoding="utf-8") as file:
        file.write("by_table: leaf other\n")
    code, said = run(elf, "--calls", calls)
    assert code == 0, said
    deepest = gcc["startup_c"] + max(gcc["by_table"], gcc["choice"]) + gcc["leaf"]
    want = deepest + gcc["tick"] + gcc["chip"] + 2 * stack.EXCEPTION
    assert total(said) == want, f"{said}want {want}"
    assert "fault" not in said, said
    grown = total(run(built(folder, "grown", "-DGROWN=400")[0], "--calls", calls)[1])
    assert grown == want + 400, f"a frame that grew by 400: {want} to {grown}"
    code, said = run(elf, "--calls", calls, "--max", str(want - 1))
    assert code == 1 and f"{want} bytes, more than {want - 1}" in said, said
    assert run(elf, "--calls", calls, "--max", str(want))[0] == 0
    code, said = run(elf, "--calls", calls, "--entry", "tick", "--thread")
    assert code == 0 and total(said) == gcc["tick"] + stack.EXCEPTION + stack.CONTEXT, said
    return f"{want} bytes"


def refused(folder):
    """What can't be told is said, by name."""
    def wrong(name, words, table, *flags):
        calls = os.path.join(folder, "wrong")
        with open(calls, "w", encoding="utf-8") as file:
            file.write(table)
        code, said = run(built(folder, name, *flags)[0], "--calls", calls)
        assert code == 1 and words in said and "Traceback" not in said, f"{name}: {code}, {said}"

    wrong("unknown", "nobody is said to call leaf, other", "")
    wrong("pointer", "by_table calls by a pointer", "somebody: leaf other\n")
    wrong("forgotten", "nobody is said to call other", "by_table: leaf\n")
    wrong("recursion", "recursion that isn't named: again → again", "by_table: leaf other\n", "-DRECURSION")
    wrong("alloca", "any at 0x", "by_table: leaf other\n", "-DALLOCA")
    wrong("table", "neither CALLER: CALLEE", "by_table leaf\n")
    elf, gcc = built(folder, "bounded", "-DRECURSION")
    depths = []
    for times in (1, 9):
        calls = os.path.join(folder, "bounded.txt")
        with open(calls, "w", encoding="utf-8") as file:
            file.write(f"by_table: leaf other\nrecursion again {times}\n")
        depths.append(total(run(elf, "--calls", calls, "--entry", "again", "--thread")[1]))
    assert depths[1] == depths[0] + 8 * gcc["again"], depths


def images():
    """The demo's: within their limits, and never below what was measured (README, docs/sizes.md: by board_stack_used_max)."""
    with open(os.path.join(ROOT, "docs/sizes.md"), encoding="utf-8") as file:
        measured = int(re.search(r"the demo has used ([\d,]+) bytes", file.read())[1].replace(",", ""))
    for name, options, limit in LIMITS:
        elf = os.path.join(ROOT, "build", re.split("[ ,]", name)[0], "plugnet.elf")
        if not os.path.exists(elf):
            print(f"skip {name}: {os.path.relpath(elf, ROOT)} isn't built (FREERTOS_KERNEL_PATH)")
            continue
        code, said = run(elf, *options, "--max", str(limit))
        bad = "" if code == 0 else said.splitlines()[-1]
        if not bad and not options and "none" in name and total(said) < measured:
            bad = f"{total(said)} bytes, and {measured} were measured"
        yield name, bad, f"{total(said)} of {limit}" if not bad else ""


def main():
    failed = False
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for test in (frames, adds_up, refused):
            try:
                what = test(folder)
                print(f"ok {test.__name__}" + (f" ({what})" if what else ""))
            except (AssertionError, subprocess.CalledProcessError) as why:
                failed = True
                print(f"not ok {test.__name__}: {str(why).strip()}")
    for name, bad, what in images():
        failed |= bool(bad)
        print(f"not ok {name}: {bad}" if bad else f"ok {name} ({what})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
