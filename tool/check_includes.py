#!/usr/bin/env python3
"""Check every #include against the table of rooms, and that every header compiles alone; a product's, as C++, too.

    tool/check_includes.py [--root FOLDER] [--no-headers]

The table below is the architecture: a file may include what its room lists, and nothing else. Prints
"ok NAME", "not ok NAME: why" or "skip NAME: why" lines (see tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import concurrent.futures
import fnmatch
import os
import re
import shutil
import subprocess
import sys

# Headers outside the tree, in groups that rooms name with "<group>".
GROUPS = {
    "<freestanding>": ["stdint.h", "stdbool.h", "stddef.h", "stdarg.h", "limits.h", "stdalign.h", "stdnoreturn.h",
                       "string.h"],
    "<lwip>": ["lwip/*", "netif/*", "arch/*", "lwipopts.h"],
    "<kernel>": ["FreeRTOS.h", "FreeRTOSConfig.h", "task.h", "semphr.h", "queue.h", "timers.h", "event_groups.h"],
    "<unicorn>": ["unicorn/*"],
    "<hal>": ["stm32f4xx_hal.h", "stm32f4xx_hal_*.h"],  # ST's
    "<libc>": [  # what a PC program may use
        "assert.h", "ctype.h", "errno.h", "fcntl.h", "fenv.h", "getopt.h", "inttypes.h", "locale.h", "malloc.h",
        "math.h", "poll.h", "pthread.h", "setjmp.h", "signal.h", "stdarg.h", "stdatomic.h", "stdio.h", "stdlib.h",
        "strings.h", "termios.h", "time.h", "unistd.h", "wchar.h", "arpa/*", "linux/*", "net/if.h", "net/if_arp.h",
        "netinet/*", "sys/*", "sanitizer/*", "dirent.h", "elf.h", "netdb.h", "execinfo.h", "ucontext.h"],
}

# Headers that a product may include: usb/, wire/ and so on are rooms, their sub-folders are private.
PUBLIC = ["wire/*.h", "usb/*.h", "net/*.h", "net/http/*.h", "os/*.h", "board/*.h", "store/store.h",
          "update/*.h", "plugnet/*.h", "<lwip>", "<freestanding>"]

# Made by the build (tool/site_pack.py, tool/image.py) for a product's own folder.
MADE = ["site.h", "update_key.h"]

# Room, files, what they may include. The first line that matches a file counts. In a path * stays in a folder and
# ** goes down.
ROOMS = [
    ("wire", ["wire/**"], ["wire/**", "<freestanding>"]),
    ("cable", ["cable/**"], ["cable/**", "wire/usb_ch9.h", "wire/le.h", "<freestanding>", "<libc>"]),
    ("usb", ["usb/**"], ["usb/**", "wire/**", "<freestanding>"]),
    ("udc/virtual", ["udc/virtual/**"],
     ["udc/virtual/**", "usb/udc.h", "wire/**", "cable/**", "<freestanding>", "<libc>"]),
    ("udc", ["udc/**"], ["usb/udc.h", "wire/**", "<own folder>", "<freestanding>"]),
    ("net/http", ["net/http/**"], ["net/http/**", "net/*.h", "wire/**", "<lwip>", "<freestanding>"]),
    ("net", ["net/netif_ncm.c"], ["net/*.h", "wire/**", "usb/*.h", "<lwip>", "<freestanding>"]),
    ("net", ["net/**"], ["net/*.h", "wire/**", "<lwip>", "<freestanding>"]),
    ("os/posix", ["os/posix/**"],
     ["os/*.h", "os/threads/*.h", "<own folder>", "board/*.h", "<lwip>", "<freestanding>", "<libc>"]),
    ("os", ["os/**"], ["os/*.h", "os/threads/*.h", "<own folder>", "board/*.h", "<lwip>", "<kernel>", "<freestanding>"]),
    ("board.h", ["board/*.h"], ["<freestanding>"]),
    ("store", ["store/**"], ["store/**", "board/flash.h", "wire/**", "<freestanding>"]),
    ("update", ["update/**"], ["update/**", "board/flash.h", "board/image.h", "wire/**", "<freestanding>"]),
    ("chip", ["chip/**"],
     ["board/*.h", "<own folder>", "chip/cortex_m4/*", "chip/stm32/*", "chip/stm32f4/*", "board_vectors.inc", "chip_guard.inc",
      "udc/*/*.h", "usb/udc.h", "wire/image.h", "wire/swap_journal.h", "<freestanding>"]),
    ("board/native", ["board/native/**"],
     ["board/*.h", "<own folder>", "udc/virtual/*.h", "usb/udc.h", "wire/**", "cable/**", "<freestanding>", "<libc>"]),
    ("board", ["board/**"],
     ["board/*.h", "<own folder>", "board/stm32/*", "chip/**", "usb/udc.h", "wire/**", "<freestanding>"]),
    ("plugnet", ["plugnet/**"], PUBLIC),
    ("app", ["app/**"], ["<own folder>", *MADE, *PUBLIC]),
    ("examples/hal", ["examples/hal/**"], ["<own folder>", *MADE, *PUBLIC, "udc/dwc2/dwc2.h", "<hal>"]),
    ("examples", ["examples/**"], ["<own folder>", *MADE, *PUBLIC]),
    ("template", ["template/**"], ["<own folder>", *MADE, *PUBLIC]),
    ("vboard", ["vboard/main.c", "vboard/control.*"],
     ["vboard/**", "wire/usb_ch9.h", "wire/le.h", "host/*.h", "cable/**", "<freestanding>", "<libc>"]),
    ("vboard", ["vboard/**"],
     ["vboard/**", "wire/usb_ch9.h", "wire/le.h", "cable/cable.h", "cable/fixture.h", "<freestanding>", "<libc>"]),
    ("host", ["host/**"], ["host/**", "cable/**", "wire/usb_ch9.h", "wire/le.h", "<lwip>", "<freestanding>", "<libc>"]),
    ("test", ["test/**"], ["**"]),
    ("bench", ["bench/**"], ["**"]),
    ("tool", ["tool/**"], ["**"]),
]

# Headers that programs for the board never see; they are compiled with the PC's compiler alone.
PC_ONLY = ["host/**", "cable/**", "vboard/**", "udc/virtual/**", "board/native/**", "os/posix/**", "test/**", "bench/**",
           "tool/**"]

# Headers that other headers are made of, or that another project's header includes: not meant to stand alone.
NOT_ALONE = ["os/*/arch/*.h", "net/lwipopts.h", "host/arch/*.h", "host/lwipopts.h", "examples/hal/stm32f4xx_hal_conf.h"]

# Each board or chip has one of its own; the compiler's include path chooses.
CHOSEN = ["board_vectors.inc", "chip_guard.inc"]

# The PC end's configuration of lwIP; everywhere else the firmware's.
PC_LWIP = ["host/**", "bench/**", "test/**", "tool/**"]

# Rooms whose files may include a neighbour by its bare name; elsewhere paths begin at the top of the tree.
BESIDE = ["app/**", "examples/**", "template/**", "test/**", "bench/**", "tool/**"]

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.S)


def matches(path, patterns, folder=""):
    """True if a path matches one of the patterns, as they are written in the tables above."""
    for pattern in patterns:
        if pattern in GROUPS:
            if matches(path, GROUPS[pattern]):
                return True
            continue
        if pattern == "<own folder>":
            pattern = folder + "/**"
        if pattern.endswith("**"):
            if path.startswith(pattern[:-2]):
                return True
        elif path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern):
            return True
        elif pattern.endswith("/*") and path.startswith(pattern[:-1]):
            return True
    return False


def files_find(root):
    """All C files and headers of the tree: what git knows or would add; every file where there is no git."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.c", "*.h", "*.cpp"], cwd=root, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode == 0:
        found = done.stdout.split("\n")
    else:
        found = [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root)
                 for name in names if name.endswith((".c", ".h", ".cpp"))]
    return sorted(path for path in set(found)
                  if path and not path.startswith("build/") and os.path.exists(os.path.join(root, path)))


def room_find(path):
    for name, files, allowed in ROOMS:
        if matches(path, files):
            return name, allowed
    return None, []


def includes_read(text):
    """(line number, "quote or angle", name) of each include outside comments."""
    text = BLOCK_COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, line in enumerate(text.split("\n"), 1):
        if match := INCLUDE.match(line):
            yield number, match[1], match[2]


def include_find(root, folder, quote, name):
    """(path or name to look up in the table, why it is wrong or None)."""
    in_tree = os.path.isfile(os.path.join(root, name))
    if quote == "<":
        return name, "a header of this tree takes quotes" if in_tree else None
    if in_tree or matches(name, ["<lwip>", "<kernel>", "<unicorn>", *CHOSEN, *MADE]):
        return name, None
    beside = os.path.normpath(os.path.join(folder, name))
    if not os.path.isfile(os.path.join(root, beside)):
        return name, "no such file in the tree"
    return beside, None if matches(beside, BESIDE) else f"write it from the top of the tree, {beside}"


def include_check(root, path, quote, name, allowed):
    """Why this include is wrong, or None."""
    folder = os.path.dirname(path)
    target, why = include_find(root, folder, quote, name)
    if why is None and not matches(target, allowed, folder):
        why = "not in this room's table"
    return why


def tree_check(root, files, out):
    wrong = {}
    for path in files:
        room, allowed = room_find(path)
        if room is None:
            wrong.setdefault("(no room)", []).append((path, "belongs to no room of the table"))
            continue
        wrong.setdefault(room, [])
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            for number, quote, name in includes_read(file.read()):
                if why := include_check(root, path, quote, name, allowed):
                    wrong[room].append((f"{path}:{number}", f"{name}: {why}"))
    for room, list_ in sorted(wrong.items()):
        if not list_:
            out.ok(f"includes of {room}")
        for place, why in list_:
            out.fail(f"includes of {room}, {place}", why)


def header_compile(root, compiler, path):
    """The first error of a header compiled alone, or None."""
    lwip = ["-Ihost"] if matches(path, PC_LWIP) else ["-Inet", "-Ios/none"]
    language = ["-std=c++17", "-Wpedantic", "-x", "c++"] if compiler.endswith("g++") else ["-std=gnu11", "-x", "c"]
    flags = ["-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I.", "-isystem", "build/lwip/src/include", *lwip, *language, "-"]
    done = subprocess.run([compiler, *flags], cwd=root, text=True, input=f'#include "{path}"\n',
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode == 0:
        return None
    errors = [line for line in done.stdout.split("\n") if "error" in line] or done.stdout.split("\n")
    return errors[0].strip()


def linkage_wrong(text):
    """True if a function is declared outside of an extern "C" block, so that C++ callers look for another name."""
    text = re.sub(r'#ifdef __cplusplus\nextern "C" \{\n#endif\n.*\n#ifdef __cplusplus\n\}\n#endif\n', "", text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", "", BLOCK_COMMENT.sub("", text), flags=re.M)
    outside = None
    while outside != text:
        outside, text = text, re.sub(r"\{[^{}]*\}", "", text)
    return re.search(r"\)\s*;", text) is not None


def linkage_check(root, headers, out):
    wrong = []
    for path in headers:
        with open(os.path.join(root, path), encoding="utf-8") as file:
            if linkage_wrong(file.read()):
                wrong.append(path)
    for path in wrong:
        out.fail(f"C linkage, {path}", 'functions outside of an extern "C" block')
    if headers and not wrong:
        out.ok("C linkage of public headers")


def headers_check(root, files, out):
    lwip = os.path.exists(os.path.join(root, "build/lwip/src/include/lwip/init.h"))
    work, public = [], []
    for path in files:
        if not path.endswith(".h") or matches(path, NOT_ALONE) or room_find(path)[0] is None:
            continue
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            if not lwip and re.search(r'#include ["<](lwip|netif)/', file.read()):
                out.skip(f"header alone, {path}", "lwIP is not there; make fetches it")
                continue
        compilers = ["gcc"] + ([] if matches(path, PC_ONLY) else ["arm-none-eabi-gcc"])
        if matches(path, PUBLIC):
            public.append(path)
            compilers += ["g++", "arm-none-eabi-g++"]
        for compiler in compilers:
            if shutil.which(compiler):
                work.append((compiler, path))
            else:
                out.skip(f"header alone, {path}, {compiler}", "not installed")
    linkage_check(root, public, out)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        errors = pool.map(lambda item: header_compile(root, *item), work)
        for (compiler, path), error in zip(work, errors):
            if error:
                out.fail(f"header alone, {path}, {compiler}", error)
            else:
                out.ok(f"header alone, {path}, {compiler}")


class Output:
    def __init__(self):
        self.failed = 0

    def ok(self, name):
        print(f"ok {name}")

    def skip(self, name, why):
        print(f"skip {name}: {why}")

    def fail(self, name, why):
        self.failed += 1
        print(f"not ok {name}: {why}")


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("--no-headers", action="store_true", help="leave out compiling each header alone")
    options = parser.parse_args(argv)
    out = Output()
    files = files_find(options.root)
    if not files:
        out.fail("includes", "no C file found")
    tree_check(options.root, files, out)
    if not options.no_headers:
        headers_check(options.root, files, out)
    return 1 if out.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
