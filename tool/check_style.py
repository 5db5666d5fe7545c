#!/usr/bin/env python3
"""Check the rules of style that a machine can check, in every C file of the tree.

    tool/check_style.py [--root FOLDER]

Format (clang-format), functions of at most 70 lines, an opening comment of at most 20 lines followed by an SPDX
line, nothing left to do, no heap and no printf in the firmware's rooms, NO_SYS only where flavours are made. Prints
"ok NAME", "not ok NAME: why" or "skip NAME: why" lines (see tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import os
import re
import shutil
import subprocess
import sys

FUNCTION_LINES_MAX = 70
OPENING_LINES_MAX = 20

# Functions that may be longer, each with the reason. An entry that is no longer needed is an error.
LONG_FUNCTIONS = {}

NO_HEAP = ("wire/", "store/", "usb/", "udc/dwc2/", "net/", "plugnet/", "app/", "os/none/", "os/cxx/", "examples/", "template/")
HEAP = re.compile(r"\b(malloc|calloc|realloc|free|sbrk|_sbrk|v?f?printf|v?sn?printf|puts|strdup|alloca)\s*\(")
NO_SYS = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif)\b.*\bNO_SYS\b")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
SPDX = re.compile(r"^/\* SPDX-License-Identifier: MIT \*/$|^// SPDX-License-Identifier: MIT$")
CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(match):
    """A comment or string as spaces, line ends kept."""
    return re.sub(r"[^\n]", " ", match[0])


def code_only(text):
    """The text without comments, strings and preprocessor lines, every line where it was."""
    text = CODE.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def functions_find(text):
    """(name, first line, number of lines) of each function in a file."""
    code = code_only(text)
    depth, begin, function = 0, 0, None
    for match in re.finditer(r"[{};]", code):
        at, char = match.start(), match[0]
        if char == "{":
            head = code[begin:at]
            if depth == 0 and "(" in head and "=" not in head and not re.match(r"\s*(struct|union|enum)\s+\w*\s*$", head):
                start = begin + len(head) - len(head.lstrip())
                name = re.search(r"(\w+)\s*\(", head)[1]
                function = (name, code.count("\n", 0, start) + 1)
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0:
                if function:
                    yield *function, code.count("\n", 0, at) + 2 - function[1]
                function, begin = None, at + 1
        elif depth == 0:
            begin = at + 1


def functions_wrong(path, text, used):
    for name, line, lines in functions_find(text):
        if lines > FUNCTION_LINES_MAX:
            if (path, name) in LONG_FUNCTIONS:
                used.add((path, name))
            else:
                yield line, f"{name} has {lines} lines, {FUNCTION_LINES_MAX} are allowed"


def opening_wrong(text):
    lines = text.split("\n")
    end = 0
    if lines[0].startswith("/*"):
        end = next((i for i, line in enumerate(lines) if "*/" in line), len(lines) - 1) + 1
    else:
        while end < len(lines) and lines[end].startswith("//") and "SPDX" not in lines[end]:
            end += 1
    if end == 0 or SPDX.match(lines[0]):
        yield 1, "the file doesn't open with a comment"
    elif end > OPENING_LINES_MAX:
        yield 1, f"the opening comment has {end} lines, {OPENING_LINES_MAX} are allowed"
    elif end >= len(lines) or not SPDX.match(lines[end]):
        yield end + 1, "no SPDX line after the opening comment"


def lines_wrong(path, text, pattern, why):
    for number, line in enumerate(text.split("\n"), 1):
        if match := pattern.search(line):
            yield number, why.format(match[0].strip(" ("))


def files_find(root):
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.c", "*.h", "*.cpp"], cwd=root, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode == 0:
        found = done.stdout.split("\n")
    else:
        found = [os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root)
                 for name in names if name.endswith((".c", ".h", ".cpp"))]
    return sorted(path for path in set(found)
                  if path and not path.startswith("build/") and os.path.isfile(os.path.join(root, path)))


def rules_apply(files, used):
    """Rule: list of (place, why)."""
    wrong = {rule: [] for rule in ("opening comment", "length of functions", "nothing left to do",
                                   "no heap, no printf", "NO_SYS")}
    for path, text in files.items():
        def add(rule, found):
            wrong[rule] += [(f"{path}:{line}", why) for line, why in found]

        add("opening comment", opening_wrong(text))
        add("length of functions", functions_wrong(path, text, used))
        add("nothing left to do", lines_wrong(path, text, UNFINISHED, "{}: open an issue instead"))
        if path.startswith(NO_HEAP):
            add("no heap, no printf", lines_wrong(path, code_only(text), HEAP, "{} in a room of the firmware"))
        if not path.startswith("os/") and os.path.basename(path) != "lwipopts.h":
            add("NO_SYS", lines_wrong(path, text, NO_SYS, "flavours are made in os/ and lwipopts.h"))
    return wrong


def format_wrong(root, files):
    """(file:line, why) of the first difference in each file."""
    for i in range(0, len(files), 50):
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *files[i:i + 50]], cwd=root,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for place in re.findall(r"^(\S+?:\d+):\d+: error: ", done.stderr, re.M):
            yield place, "clang-format would write it differently"
        if done.returncode and "error" not in done.stderr:
            yield files[i], done.stderr.strip()


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    root = parser.parse_args(argv).root
    files, used = {}, set()
    for path in files_find(root):
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            files[path] = file.read()
    wrong = rules_apply(files, used)
    if not files:
        wrong["opening comment"].append((root, "no C file found"))
    for path, name in LONG_FUNCTIONS:
        if (path, name) not in used:
            wrong["length of functions"].append((path, f"{name} needs no exception any more"))
    if shutil.which("clang-format"):
        wrong["format"] = list(format_wrong(root, list(files)))
    else:
        print("skip style: format: clang-format is not installed (package clang-format)")
    for rule, places in wrong.items():
        if not places:
            print(f"ok style: {rule}")
        for place, why in places:
            print(f"not ok style: {rule}: {place}: {why}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
