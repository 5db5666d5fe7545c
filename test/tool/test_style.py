#!/usr/bin/env python3
"""Tests of tool/check_style.py: a good file passes, and each rule refuses what it is there for."""
# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEAD = "/*\n * A file.\n */\n/* SPDX-License-Identifier: MIT */\n#include <stdint.h>\n\n"


def function(lines):
    return "int f(void)\n{\n" + "    (void)0;\n" * (lines - 4) + "    return 0;\n}\n"


# (name, path, text, what the answer must hold, or None for no complaint)
CASES = [
    ("good file", "wire/a.c", HEAD + function(70), None),
    ("long function", "wire/a.c", HEAD + function(71), "wire/a.c:7: f has 71 lines"),
    ("long table", "wire/a.c", HEAD + "int t[] = {\n" + "    1,\n" * 99 + "};\n", None),
    ("long function after struct", "wire/a.c", HEAD + "struct s {\n    int a;\n};\n\nstruct s;\n\n" + function(71),
     "f has 71 lines"),
    ("brace in string", "wire/a.c", HEAD + "int g(void)\n{\n    return \"{\"[0] + '{';\n}\n\n" + function(70), None),
    ("brace in macro", "wire/a.c", HEAD + "#define A                                                              "
     "                                     \\\n    {\n\n" + function(71), "f has 71 lines"),
    ("no comment", "wire/a.c", "int a;\n", "doesn't open with a comment"),
    ("no licence", "wire/a.c", "/* A file. */\nint a;\n", "wire/a.c:2: no SPDX line"),
    ("licence first", "wire/a.c", "/* SPDX-License-Identifier: MIT */\nint a;\n", "doesn't open with a comment"),
    ("long comment", "wire/a.c", "/*\n" + " * x\n" * 19 + " */\n" + HEAD, "has 21 lines"),
    ("comment of 20 lines", "wire/a.c", "/*\n" + " * x\n" * 18 + " */\n" + HEAD.split("*/\n", 1)[1], None),
    ("left to do", "test/a.c", HEAD + "/* TODO: write it */\n", "TODO: open an issue"),
    ("heap", "usb/a.c", HEAD + "void *f(void)\n{\n    return malloc(4);\n}\n", "malloc in a room of the firmware"),
    ("heap in a test", "test/a.c", HEAD + "void *f(void)\n{\n    return malloc(4);\n}\n", None),
    ("heap in a comment", "usb/a.c", HEAD + "/* Never calls malloc(). */\n", None),
    ("printf", "app/a.c", HEAD + "void f(void)\n{\n    snprintf(0, 0, 0);\n}\n", "snprintf in a room"),
    ("pbuf_free", "net/a.c", HEAD + "void f(void)\n{\n    pbuf_free(0);\n}\n", None),
    ("flavour", "net/a.c", HEAD + "#if NO_SYS\n#endif\n", "flavours are made"),
    ("flavour in its room", "os/none/a.c", HEAD + "#if NO_SYS\n#endif\n", None),
    ("format", "wire/a.c", HEAD + "int  a ;\n", "clang-format would"),
]


def main():
    failed = 0
    for name, path, text, wanted in CASES:
        if wanted and wanted.startswith("clang-format") and not shutil.which("clang-format"):
            print(f"skip check_style: {name}: clang-format is not installed")
            continue
        with tempfile.TemporaryDirectory() as root:
            shutil.copy(os.path.join(ROOT, ".clang-format"), root)
            file_path = os.path.join(root, path)
            os.makedirs(os.path.dirname(file_path))
            with open(file_path, "w", encoding="utf-8") as file:
                file.write(text)
            done = subprocess.run([sys.executable, os.path.join(ROOT, "tool", "check_style.py"), "--root", root],
                                  text=True, stdout=subprocess.PIPE, timeout=60)
        complaints = [line for line in done.stdout.split("\n") if line.startswith("not ok")]
        good = done.returncode == (1 if complaints else 0)
        if name != "format":
            complaints = [line for line in complaints if "clang-format" not in line]
        good = good and (len(complaints) == 1 and wanted in complaints[0] if wanted else not complaints)
        failed += not good
        print(f"ok check_style: {name}" if good else f"not ok check_style: {name}: it said {complaints}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
