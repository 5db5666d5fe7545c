#!/usr/bin/env python3
"""Tests of test/mutants/: what is changed and what isn't, how a mutant is judged, what counts as left.

    test/tool/test_mutate.py

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test/mutants"))
import mutate  # noqa: E402
import run as mutants  # noqa: E402

FLAGS = ["gcc", "-std=gnu11", "-O1"]


def changed(body):
    """The lines that mutants make of one function's body."""
    return {mutant.after for mutant in mutate.mutants(f"int f(int a, char *b)\n{{\n{body}\n}}\n")}


def test_comparisons():
    assert changed("g = a < b;") == {"g = a <= b;", "g = a >= b;", ";"}
    assert changed("g = a == b;") == {"g = a != b;", ";"}


def test_operators_have_two_sides():
    assert changed("return a * *b + -a;") == {"return a + *b + -a;", "return a * *b - -a;"}
    assert changed("return &a - &c[a];") == {"return &a + &c[a];"}


def test_constants():
    assert changed("return a[0x10u];") == {"return a[0x11u];", "return a[0xfu];"}
    assert changed("return 0;") == {"return 1;"}
    assert changed("return true;") == {"return false;"}


def test_conditions():
    assert changed("if (a)\n    return b;") == {"if (!(a))"}
    assert changed("if (!a)\n    return b;") == {"if (a)"}


def test_statements():
    assert changed("g(a);") == {";"} and changed("a->b[c] = d;") == {";"} and changed("(*b)(a);") == {";"}
    assert "else ;" in changed("if (a)\n    return b;\nelse g(a);") and ";" in changed("for (;;)\n    g(a);")


def test_what_stays():
    for body in ("int c = a;", "struct x y = {a, b};", "char *c = b;", 'return "1 < 2 + 3";', "return '+';", "/* a = 1; */", "return b;",
                 "#define X 1 + 2"):
        assert not changed(body), body
    assert not mutate.mutants("static const int table[] = {1, 2};\nenum { A = 1 };\n#define B (1 + 2)\n"), "outside of functions"


def test_positions():
    text = "int f(int a)\n{\n    return a + 1;\n}\n"
    for mutant in mutate.mutants(text):
        assert mutant.line == 3 and mutant.before == "return a + 1;"
        assert (text[:mutant.start] + mutant.new + text[mutant.end:]).split("\n")[2].strip() == mutant.after


def test_every_file():
    """Each mutant of the device's code changes its line."""
    cases = mutants.cases_of(mutants.ROOMS)
    assert len(cases) > 10000 and all(case.mutant.before != case.mutant.after for case in cases), len(cases)


def judged(folder, tests, source="int twice(int a)\n{\n    return a * 2;\n}\n"):
    """Who notices each mutant of a file, by the lines that it makes."""
    os.chdir(folder)
    os.makedirs("build/test/unit-plain")
    suites = []
    with open("twice.c", "w", encoding="utf-8") as file:
        file.write(source)
    subprocess.run([*FLAGS, "-c", "twice.c", "-o", "build/test/unit-plain/twice.o"], check=True)
    for name, body in tests.items():
        with open(f"{name}.c", "w", encoding="utf-8") as file:
            file.write("int twice(int);\nint main(void)\n{\n    " + body + "\n}\n")
        subprocess.run([*FLAGS, "-c", f"{name}.c", "-o", f"build/test/unit-plain/{name}.o"], check=True)
        program = os.path.join(folder, name)
        subprocess.run([*FLAGS, f"build/test/unit-plain/{name}.o", "build/test/unit-plain/twice.o", "-o", program], check=True)
        suites.append(mutants.Suite(name, ("plain", FLAGS), [f"{name}.c", "twice.c"], program, "0"))
    bench = mutants.Bench(os.path.join(folder, "bench"))
    return {mutant.after: bench.noticed(mutants.Case("twice.c", mutant), suites) for mutant in mutate.mutants(source)}


def test_killed_and_left():
    with tempfile.TemporaryDirectory() as folder:
        mutants.ROOT = folder
        assert judged(folder, {"test_two": "return twice(2) != 4;"}) == {
            "return a + 2;": "", "return a * 3;": "test_two", "return a * 1;": "test_two"}


def test_killed_by_the_second_suite():
    with tempfile.TemporaryDirectory() as folder:
        mutants.ROOT = folder
        by = judged(folder, {"test_two": "return twice(2) != 4;", "test_three": "return twice(3) != 6;"})
        assert by["return a + 2;"] == "test_three", by


def test_too_long_is_killed():
    with tempfile.TemporaryDirectory() as folder:
        mutants.ROOT = folder
        by = judged(folder, {"test_ends": "return twice(1) != 1;"}, "int twice(int a)\n{\n    while (a > 1)\n        a--;\n    return a;\n}\n")
        assert by["while (a >= 1)"] == "test_ends", by


def test_same_code():
    with tempfile.TemporaryDirectory() as folder:
        mutants.ROOT = folder
        by = judged(folder, {"test_none": "return twice(2) == 5;"}, "int twice(int a)\n{\n    if (0 > 1)\n        a++;\n    return a;\n}\n")
        assert by["if (0 > 2)"] == "same", by


def test_what_is_left():
    case = mutants.Case("wire/x.c", mutate.Mutant(0, 1, "", 1, "a < b;", "a <= b;", "comparison"))
    for by, reasons, count in (("test_x", {}, [1, 1, 0, 0]), ("", {}, [1, 0, 0, 1]), ("no suite", {}, [1, 0, 0, 1]), ("same", {}, [0, 0, 0, 0]),
                               ("", {mutants.name_of(case): "why"}, [1, 0, 1, 0])):
        assert mutants.counts_of([case], [by], reasons) == {"wire/x.c": count}, (by, count)


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            print(f"ok mutate: {name[5:]}", flush=True)
        except Exception as why:  # whatever it is, it is this test's
            failed += 1
            print(f"not ok mutate: {name[5:]}: " + " ".join(f"{why or type(why).__name__}".split()), flush=True)
        mutants.ROOT = ROOT
        os.chdir(ROOT)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
