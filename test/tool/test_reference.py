#!/usr/bin/env python3
"""The reference of the public headers (tool/reference.py): made without a warning, and a wrong comment is one.

    test/tool/test_reference.py

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tool"), os.path.dirname(os.path.abspath(__file__))]
import reference  # noqa: E402
import test_compose  # noqa: E402

LIMIT_S = 600

HEADER = """/*
 * Pumps: what they do.
 *
 *   pump_start ─→ pump_stop
 */
/* SPDX-License-Identifier: MIT */
#define PUMPS 3 /* of <them> */

/* ---- Fields ---- */

/* A pump. Const. */
struct pump {
    int level; /* mm; 100 % is full */
};

/* Starts it. True: it runs. */
bool pump_start(struct pump *p);
"""


def test_filter(_):
    made = reference.filtered(HEADER)
    assert made.startswith("/** @file\nPumps: what they do.\n"), made
    assert "\\verbatim\n  pump_start ─→ pump_stop\n\\endverbatim" in made, made
    for wanted in ("/** A pump. Const. */\nstruct", "int level; /**< mm; 100 \\% is full */", "/* ---- Fields ---- */",
                   "/* SPDX-License-Identifier: MIT */", "/** Starts it. True: it runs. */", "#define PUMPS 3 /**< of \\<them\\> */"):
        assert wanted in made, f"no {wanted!r} in {made}"


def made(folder):
    command = [sys.executable, os.path.join(ROOT, "tool/reference.py"), "-o", folder]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)


def test_all_public_headers(folder):
    done = made(folder)
    assert done.returncode == 0, done.stderr[-600:]
    pages = {}
    for name in os.listdir(folder):
        if name.endswith(".html"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                pages[name] = file.read()
    for header in reference.headers():
        assert any(f"{header} File Reference" in page or f">{os.path.basename(header)} File Reference<" in page for page in pages.values()), \
            f"no page of {header}"
    assert "Wait until" not in pages["plugnet_8h.html"] and "plugnet_run" in pages["plugnet_8h.html"]
    assert "Another name from now on" in pages["plugnet_8h.html"], "plugnet_rename has lost its comment"
    return f"{len(reference.headers())} headers, {len(pages)} pages"


def main(chosen):
    if not shutil.which("doxygen"):
        print("skip reference: doxygen is missing (package doxygen)")
        return 0
    return test_compose.tests_run("reference", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
