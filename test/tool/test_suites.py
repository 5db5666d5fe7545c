#!/usr/bin/env python3
"""Tests of tool/suites.py: every way a suite can end, and the numbers that come out."""
# SPDX-License-Identifier: MIT
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUNNER = os.path.join(ROOT, "tool", "suites.py")


def run(folder, *arguments):
    """(exit code, standard output, standard error) of the runner, in `folder`."""
    done = subprocess.run([sys.executable, RUNNER, "--logs", "logs", *arguments], cwd=folder, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def script(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return "./" + name


def ends(output, line):
    assert output.splitlines()[-1] == line, f"last line is {output.splitlines()[-1]!r}, not {line!r}"
    sums = re.findall(r"^\d+ passed, \d+ failed, \d+ skipped$", output, re.M)
    assert len(sums) == 1, f"{len(sums)} lines look like the sum"


def test_counts(folder):
    a = script(folder, "a.sh", "echo ok one; echo 'talk: ok'; echo ok two; echo 'skip three: no tool'\n")
    b = script(folder, "b.sh", "echo ok four; echo 'not ok five: 1 is not 2'; exit 1\n")
    code, out, _ = run(folder, a, b)
    ends(out, "3 passed, 1 failed, 1 skipped")
    assert code == 1
    assert "    not ok five: 1 is not 2\n" in out
    assert "skipped in a: three: no tool\n" in out
    with open(os.path.join(folder, "logs", "a.log"), encoding="utf-8") as file:
        assert "talk: ok\n" in file.read()


def test_all_pass_is_code_0(folder):
    code, out, _ = run(folder, script(folder, "a", "echo ok one\n"))
    ends(out, "1 passed, 0 failed, 0 skipped")
    assert code == 0


def test_only_skips_is_code_1(folder):
    code, out, _ = run(folder, script(folder, "a", "echo skip one: why\n"))
    ends(out, "0 passed, 0 failed, 1 skipped")
    assert code == 1


def test_not_ok_with_code_0_fails(folder):
    code, out, _ = run(folder, script(folder, "a", "echo not ok one: why; echo ok two\n"))
    ends(out, "1 passed, 1 failed, 0 skipped")
    assert code == 1


def test_bad_exit_code_fails(folder):
    code, out, _ = run(folder, script(folder, "a", "echo ok one; exit 7\n"))
    ends(out, "1 passed, 1 failed, 0 skipped")
    assert code == 1 and "exit code 7" in out


def test_crash_fails(folder):
    code, out, _ = run(folder, script(folder, "a", "echo ok one; echo not ok two: x; kill -SEGV $$\n"))
    ends(out, "1 passed, 2 failed, 0 skipped")
    assert code == 1 and "SIGSEGV" in out


def test_silence_fails(folder):
    code, out, _ = run(folder, script(folder, "a", "exit 0\n"))
    ends(out, "0 passed, 1 failed, 0 skipped")
    assert code == 1 and "said nothing" in out


def test_missing_program_fails(folder):
    code, out, _ = run(folder, "./absent", script(folder, "a", "echo ok one\n"))
    ends(out, "1 passed, 1 failed, 0 skipped")
    assert code == 1 and "can't start ./absent" in out


def test_time_limit_ends_the_whole_group(folder):
    a = script(folder, "a", "echo ok one; (trap '' TERM; sleep 60) & echo $! > child; trap '' TERM; sleep 60\n")
    begin = time.monotonic()
    code, out, _ = run(folder, "limit=0.5 " + a)
    assert time.monotonic() - begin < 20, "took too long"
    ends(out, "1 passed, 1 failed, 0 skipped")
    assert code == 1 and "time limit of 0.5 s" in out
    with open(os.path.join(folder, "child"), encoding="utf-8") as file:
        assert gone(int(file.read())), "the child is still there"


def test_leftover_child_is_ended(folder):
    a = script(folder, "a", "echo ok one; sleep 60 & echo $! > child\n")
    begin = time.monotonic()
    code, out, _ = run(folder, a)
    assert time.monotonic() - begin < 20, "waited for the child"
    ends(out, "1 passed, 0 failed, 0 skipped")
    assert code == 0
    with open(os.path.join(folder, "child"), encoding="utf-8") as file:
        assert gone(int(file.read())), "the child is still there"


def gone(pid):
    """True when the process has ended (or only its entry is left), within 2 seconds."""
    for _ in range(100):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_parallel_and_exclusive(folder):
    note = 'echo "+" >> trace; sleep 0.4; echo "-" >> trace; echo ok x\n'
    names = [script(folder, name, note) for name in "abcd"]
    code, out, _ = run(folder, "--jobs", "2", names[0], "exclusive " + names[2], names[1], "exclusive " + names[3])
    ends(out, "4 passed, 0 failed, 0 skipped")
    with open(os.path.join(folder, "trace"), encoding="utf-8") as file:
        trace = "".join(file.read().split())
    assert trace == "++--+-+-", f"order of begin and end: {trace}"
    assert code == 0


def test_waits(folder):
    """One that waits runs beside the others, but not where one at a time is asked for."""
    for name in "abcd":
        script(folder, name, f"echo {name} >> trace; sleep 0.4; echo - >> trace; echo ok x\n")
    for jobs, wanted in (("2", 3), ("1", 1)):
        code, out, _ = run(folder, "--jobs", jobs, "./a", "./b", "waits ./c", "./d")
        ends(out, "4 passed, 0 failed, 0 skipped")
        with open(os.path.join(folder, "trace"), encoding="utf-8") as file:
            trace = "".join(file.read().split())
        os.unlink(os.path.join(folder, "trace"))
        begun = trace.split("-")[0]
        assert len(begun) == wanted and ("c" in begun) == (wanted == 3), trace
        assert code == 0 and len(re.findall(r"^\[\d/4\] \w +\d+\.\d s, +0\.\d s of CPU  pass 1$", out, re.M)) == 4, out


def test_only(folder):
    for name in ("unit_ntb", "unit_dns", "system"):
        script(folder, name, f"echo ok {name}\n")
    suites = ("./unit_ntb", "./unit_dns", "./system")
    code, out, _ = run(folder, "--only", "unit", *suites)
    ends(out, "2 passed, 0 failed, 0 skipped")
    code, out, _ = run(folder, "--only", "u*_dns", "--only", "sys", *suites)
    ends(out, "2 passed, 0 failed, 0 skipped")
    code, _, err = run(folder, "--only", "absent", *suites)
    assert code == 2 and "no suite is called like absent" in err


def test_needs(folder):
    """What make must build: a program of the build is its own target; a suite that says nothing needs all."""
    suites = ("build/test/unit", "needs=- a/style.py", "needs=images,build/pc a/page.py", "a/rest.py")
    for chosen, wanted in (("unit", "build/test/unit\n"), ("style", "\n"), ("page", "build/pc\nimages\n"), ("rest", "check-build\n")):
        code, out, _ = run(folder, "--needs", "--only", chosen, *suites)
        assert (code, out) == (0, wanted), (chosen, code, out)
    code, out, _ = run(folder, "--needs", *suites)
    assert (code, out) == (0, "check-build\n"), (code, out)
    code, out, _ = run(folder, "--needs", "--only", "page", "--only", "unit", *suites)
    assert (code, out) == (0, "build/pc\nbuild/test/unit\nimages\n"), (code, out)


def test_file_of_suites(folder):
    script(folder, "a", 'echo "ok $1"\n')
    with open(os.path.join(folder, "list"), "w", encoding="utf-8") as file:
        file.write("# a comment\n\n./a 'two words' # another\nname=second limit=5 ./a three\n")
    code, out, _ = run(folder, "@list")
    ends(out, "2 passed, 0 failed, 0 skipped")
    assert code == 0 and "second" in out
    with open(os.path.join(folder, "logs", "a.log"), encoding="utf-8") as file:
        assert file.read() == "ok two words\n"


def test_same_name_twice(folder):
    for sub in ("x", "y"):
        os.mkdir(os.path.join(folder, sub))
        script(folder, sub + "/a", "echo ok one\n")
    code, out, _ = run(folder, "x/a", "y/a")
    ends(out, "2 passed, 0 failed, 0 skipped")
    assert sorted(os.listdir(os.path.join(folder, "logs"))) == ["x-a.log", "y-a.log"]
    code, _, err = run(folder, "x/a", "x/a")
    assert code == 2 and "two suites are called" in err


def test_mistakes_are_code_2(folder):
    for arguments in (["@absent"], ["limit=x ./a"], ["exclusive"], ["./a 'open"], ["--jobs", "0", "./a"], []):
        code, out, err = run(folder, *arguments)
        assert code == 2 and err and not out, f"{arguments}: code {code}"


def test_interrupt(folder):
    a = script(folder, "a", "echo $$ > started; echo ok one; sleep 60\n")
    b = script(folder, "b", "echo ok two\n")
    runner = subprocess.Popen([sys.executable, RUNNER, "--logs", "logs", "--jobs", "1", a, b], cwd=folder,
                              stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(500):
            if os.path.exists(os.path.join(folder, "logs/a.log")) and os.path.exists(folder + "/started"):
                break
            time.sleep(0.02)
        time.sleep(0.2)
        runner.send_signal(signal.SIGINT)
        out, _ = runner.communicate(timeout=20)
    finally:
        if runner.poll() is None:
            runner.kill()
    ends(out, "1 passed, 2 failed, 0 skipped")
    assert runner.returncode == 1
    with open(os.path.join(folder, "started"), encoding="utf-8") as file:
        assert gone(int(file.read())), "the suite is still there"


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
                print(f"ok suites: {name[5:]}")
            except (AssertionError, OSError, IndexError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"not ok suites: {name[5:]}: {' '.join(str(error).split()) or 'assertion'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
