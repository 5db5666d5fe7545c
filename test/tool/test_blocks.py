#!/usr/bin/env python3
"""Code in the guides: each block compiles, and each command names what is there.

    test/tool/test_blocks.py [PAGE …]

A block in C is compiled as the firmware is, with warnings as errors: alone; else behind the blocks before it on its page; as
statements of a function; or as fields of a configuration. What a block takes for given stands in front of it, where readers don't see
it: "<!-- given", declarations, "-->"; "<!-- options -->" says that it is a plugnet_options.h. Blocks in JavaScript and Python are parsed, CMake's are
configured. Of indented commands, make's targets, and options of our scripts and programs must exist.
Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import ast
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = 300
PAGES = ["README.md", *sorted(glob.glob("docs/*.md", root_dir=ROOT)), *sorted(glob.glob("examples/*/README.md", root_dir=ROOT)),
         "template/README.md"]
FENCE = re.compile(r"^(?:<!-- (given|options)(.*?)-->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LANGUAGES = ("c", "options", "cpp", "js", "python", "cmake", "make", "sh", "json", "text", "")

PRELUDE = """#include <string.h>
#include "lwip/tcp.h"
#include "plugnet/plugnet.h"
#include "plugnet/acm_console.h"
#include "board/flash.h"
#include "net/http/events.h"
#include "net/http/websocket.h"
#include "net/tcp_guard.h"
#include "net/udp_socket.h"
#include "store/store.h"
#include "usb/acm.h"
#include "usb/vendor.h"
#include "wire/json.h"
#include "wire/text.h"
"""
SITE = os.path.join(ROOT, "build/test/blocks")  # a site.h as the build makes it
FLAGS = ["-std=gnu11", "-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-fsyntax-only", "-Wall", "-Wextra",
         "-Werror", "-Wno-unused", "-DUSB_REMOTE_WAKEUP=1", "-I.", "-Inet", "-Ios/none", f"-I{SITE}", "-Ibuild/lwip/src/include", '-DPLUGNET_VERSION="0"']
WAYS = {  # how a block can stand in a file
    "alone": "{block}",
    "statements": "void block_run(void);\nvoid block_run(void)\n{{\n{block}\n}}\n",
    "elements": "static const struct http_route block_routes[] = {{\n{block}\n}};\n",
    "fields": "static struct plugnet_config block_config = {{\n{block}\n}};\n",
}


def page_read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def blocks_of(text):
    """(line, language, block, what is given) of each fenced block."""
    return [(text.count("\n", 0, match.start(3)) + 1, "options" if match[1] == "options" else match[3], match[4], match[2] or "")
            for match in FENCE.finditer(text)]


def run(*command, text=None, folder=ROOT):
    return subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, timeout=LIMIT_S, check=False)


# ---- Languages. ----

def c_compiles(text, prelude=PRELUDE):
    done = run("arm-none-eabi-gcc", *FLAGS, "-x", "c", "-", text=prelude + text)
    return "" if done.returncode == 0 else next((line for line in done.stderr.splitlines() if " error: " in line), done.stderr[-300:])


def block_whole(block):
    """Without "…", which stands for the reader's own lines."""
    return re.sub(r"^.*…$\n?", "", block, flags=re.MULTILINE)


def c_wrong(block, givens, before):
    """Why it compiles in no way; empty: it does. `givens`: what is given for this block, and for all so far; `before`: the
    page's blocks so far, which it may rest on."""
    block = block_whole(block)
    includes = "".join(re.findall(r"^#include .*\n", block, re.MULTILINE))
    inner = re.sub(r"^#include .*\n", "", block, flags=re.MULTILINE)
    whys = []
    contexts = [given + context for context in ("", "".join(before), *before) for given in givens]
    for context in dict.fromkeys(contexts):
        for way in WAYS.values():
            whys.append(c_compiles(context + includes + way.format(block=inner)))
            if not whys[-1]:
                return ""
    return whys[0]


def js_wrong(block):
    if not shutil.which("node"):
        return ""
    with tempfile.NamedTemporaryFile("w", suffix=".mjs") as file:
        file.write(block)
        file.flush()
        done = run("node", "--check", file.name)
    return "" if done.returncode == 0 else done.stderr.splitlines()[-1]


def python_wrong(block):
    try:
        ast.parse(block)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    return ""


def cmake_wrong(block):
    """Configured behind project(), in a folder that has what it names."""
    with tempfile.TemporaryDirectory() as folder:
        for name in re.findall(r"[\w./]+\.(?:c|h|py)\b", block):
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8"):
                pass
        os.makedirs(os.path.join(folder, "site"))
        with open(os.path.join(folder, "CMakeLists.txt"), "w", encoding="utf-8") as file:
            file.write("cmake_minimum_required(VERSION 3.20)\nproject(thing C)\n" + ("" if "plugnet_add_firmware" not in block else
                       f'add_subdirectory("{ROOT}" plugnet)\n') + block_whole(block).replace("SCRIPT …", "SCRIPT CMakeLists.txt"))
        done = run("cmake", "-S", folder, "-B", folder + "/build", f"-DCMAKE_TOOLCHAIN_FILE={ROOT}/cmake/arm-none-eabi.cmake",
                   f"-DPLUGNET_LWIP_PATH={ROOT}/build/lwip")
    return "" if done.returncode == 0 else " ".join(done.stderr.split())[-300:]


# ---- Commands. ----

def commands_of(text):
    """(line, words) of each indented command; what follows # or two spaces is talk."""
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        inside ^= line.startswith("```")
        match = re.match(r"^    (?:\w+=\S+ )*((?:make|\./run|\./check|tool/[\w.-]+|build/vboard/vboard|build/pc)(?: .*)?)$", line)
        if match and not inside:
            try:
                yield number, shlex.split(re.split(r"\s{2,}|\s#|\s[|&]", match[1])[0])
            except ValueError:
                yield number, []


def help_of(program, known={}):
    """Its help text. Kept from one call to the next."""
    if program not in known:
        done = run(program, "--help")
        known[program] = done.stdout + done.stderr
    return known[program]


def make_wrong(words):
    targets = [word for word in words if "=" not in word and not word.startswith("-") and word not in ("…",)]
    for target in targets:
        done = run("make", "-n", target, *[word for word in words if re.match(r"(BOARD|OS)=\w", word)])
        if "No rule to make target" in done.stderr:
            return f"make has no target {target}"
    return ""


def command_wrong(words):
    if not words:
        return "a shell can't read it"
    if words[0] == "make":
        folder = words.index("-C") if "-C" in words else None
        return make_wrong(words[1:] if folder is None else words[1:folder] + words[folder + 2:])
    if not os.path.exists(os.path.join(ROOT, words[0])):
        return f"there is no {words[0]}" if not words[0].startswith("build/") else ""
    for word in words[1:]:
        if word.startswith("--") and word.split("=")[0] not in help_of("./" + words[0].removeprefix("./")):
            return f"{words[0]} has no option {word}"
    return ""


# ---- Pages. ----

def page_wrong(path):
    """(line, why) of each block and command that doesn't hold, and how many there were."""
    text, wrong, before, givens, count = page_read(path), [], [], "", 0
    for line, language, block, given in blocks_of(text):
        why = "" if language in LANGUAGES else f"a block in '{language}', which nothing checks"
        if language == "c":
            givens += given
            why = c_wrong(block, (given, givens), before)
            before.append(block_whole(block))
        elif language == "options":
            why = c_compiles(PRELUDE, block)
        elif language in ("js", "python", "cmake"):
            why = {"js": js_wrong, "python": python_wrong, "cmake": cmake_wrong}[language](block)
        count += 1
        wrong += [(line, why)] if why else []
    for line, words in commands_of(text):
        why = command_wrong(words)
        count += 1
        wrong += [(line, why)] if why else []
    return wrong, count


def main(chosen):
    if not shutil.which("arm-none-eabi-gcc"):
        print("skip blocks: arm-none-eabi-gcc is missing (package gcc-arm-none-eabi)")
        return 0
    os.makedirs(SITE, exist_ok=True)
    with open(os.path.join(SITE, "site.h"), "w", encoding="utf-8") as file:
        file.write("#define site_resources_count 1\nextern const struct http_resource site_resources[];\n")
    failed = 0
    for path in chosen or PAGES:
        wrong, count = page_wrong(path)
        failed += len(wrong)
        for line, why in wrong:
            print(f"not ok blocks: {path}:{line}: {why}")
        if not wrong:
            print(f"ok blocks: {path} ({count})", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
