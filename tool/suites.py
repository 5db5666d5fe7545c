#!/usr/bin/env python3
"""Run test suites and count what they say.

A suite is a program that prints one line for each test: "ok NAME", "not ok NAME: why" or "skip NAME: why".
Other lines are talk: they stay in its log. A suite that crashes, runs over its time, says nothing, or ends with
a non-zero code and no "not ok" counts as one failed test.

    tool/suites.py build/test/unit_ntb "exclusive limit=900 test/system/test_run.py --fast" @test/suites.txt

Each argument, and each line of an @file (# begins a comment there), is a command, split like in a shell, with
options in front of it: name=NAME (default: the file's name), limit=SECONDS, exclusive (nothing else runs
meanwhile), waits (on the clock, most of the time: one such suite runs beside the --jobs others), needs=TARGET,… (what make must have
built; "-" for nothing; default: all, or a program of the build itself). The last line printed is "N passed, N failed, N skipped"; the
exit code is 0 if something passed and nothing failed, 1 if not, 2 for a mistake in the arguments.
"""
# SPDX-License-Identifier: MIT
import argparse
import collections
import contextlib
import fnmatch
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

LINE = re.compile(r"^(ok|not ok|skip) (.*\S)\s*$")
OPTION = re.compile(r"^(?:(exclusive|waits)|(name|limit|needs)=(.+))$")
NEEDS_ALL = "check-build"
Suite = collections.namedtuple("Suite", "name argv limit_s turn needs")  # turn: "exclusive", "waits", or ""
Result = collections.namedtuple("Result", "suite passed failed skipped seconds cpu_s log")


class UsageError(Exception):
    pass


def suite_parse(text, limit_s):
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"suite {text!r}: {error}") from None
    name, turn, needs = None, "", None
    while words and (option := OPTION.match(words[0])):
        words.pop(0)
        if option[1]:
            turn = option[1]
        elif option[2] == "name":
            name = option[3]
        elif option[2] == "needs":
            needs = [] if option[3] == "-" else option[3].split(",")
        else:
            try:
                limit_s = float(option[3])
            except ValueError:
                raise UsageError(f"suite {text!r}: limit is a number of seconds") from None
    if not words:
        raise UsageError(f"suite {text!r}: no command")
    name = name or re.sub(r"\.(py|sh)$", "", os.path.basename(words[0]))
    if not re.fullmatch(r"[\w.+-]+", name):
        raise UsageError(f"suite {text!r}: name={name!r} must be letters, digits, '.', '+', '-' or '_'")
    if needs is None:
        needs = [words[0]] if words[0].startswith("build/") else [NEEDS_ALL]
    return Suite(name, words, limit_s, turn, needs)


def suites_read(arguments, limit_s):
    """All suites of the command line, names made unique by their folder's name where needed."""
    texts = []
    for argument in arguments:
        if argument.startswith("@"):
            try:
                with open(argument[1:], encoding="utf-8") as file:
                    lines = [line.split("#", 1)[0].strip() for line in file]
            except OSError as error:
                raise UsageError(f"{argument[1:]}: {error.strerror}") from None
            texts += [line for line in lines if line]
        else:
            texts.append(argument)
    suites = [suite_parse(text, limit_s) for text in texts]
    count = collections.Counter(suite.name for suite in suites)
    for i, suite in enumerate(suites):
        folder = os.path.basename(os.path.dirname(suite.argv[0]))
        if count[suite.name] > 1 and folder:
            suites[i] = suite._replace(name=f"{folder}-{suite.name}")
    count = collections.Counter(suite.name for suite in suites)
    twice = [name for name, n in count.items() if n > 1]
    if twice:
        raise UsageError(f"two suites are called {twice[0]!r}: give one of them name=")
    return suites


def process_end(process, grace_s):
    """End the suite's whole process group, which it can't have left, and wait for its leader."""
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        try:
            process.wait(wait_s)
            break
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it
    except (ProcessLookupError, PermissionError):
        pass


class Runner:
    def __init__(self, logs, grace_s=2):
        self.logs = logs
        self.grace_s = grace_s
        self.stopping = threading.Event()

    def run(self, suite):
        log = os.path.join(self.logs, suite.name + ".log")
        begin = time.monotonic()
        with open(log, "wb") as file:
            try:
                process = subprocess.Popen(suite.argv, stdin=subprocess.DEVNULL, stdout=file,
                                           stderr=subprocess.STDOUT, start_new_session=True)
            except OSError as error:
                why = f"can't start {suite.argv[0]}: {error.strerror}"
                return Result(suite, [], [f"{suite.name}: {why}"], [], 0.0, 0.0, log)
            why, cpu_s = self._wait(process, suite.limit_s)
        with open(log, encoding="utf-8", errors="replace") as file:
            said = [match.groups() for match in map(LINE.match, file) if match]
        passed, failed, skipped = ([text for kind, text in said if kind == wanted]
                                   for wanted in ("ok", "not ok", "skip"))
        if why is None and process.returncode < 0:
            why = f"crashed: {signal.Signals(-process.returncode).name}"
        elif why is None and process.returncode > 0 and not failed:
            why = f"exit code {process.returncode}, but no test failed"
        elif why is None and not said:
            why = "said nothing"
        if why:
            failed.append(f"{suite.name}: {why} (see {log})")
        return Result(suite, passed, failed, skipped, time.monotonic() - begin, cpu_s, log)

    def _wait(self, process, limit_s):
        """Wait until the leader has ended, without reaping it, so that its group's number stays ours. Why it failed, or None; and
        the processor's seconds that it took, with the children that it waited for."""
        end = time.monotonic() + limit_s
        pause_s, why = 0.005, None
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
            if self.stopping.is_set():
                why = "interrupted"
                break
            if time.monotonic() >= end:
                why = f"over its time limit of {limit_s:g} s"
                break
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, 0.1)
        if why:
            process_end(process, self.grace_s)
        else:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if process.returncode is not None:
            return why, 0.0
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return why, used.ru_utime + used.ru_stime


def suites_run(suites, jobs, runner, report):
    """Run the shared suites `jobs` at a time, and beside more than one of them one that waits; then the exclusive ones. report() each
    as it ends."""
    shared = collections.deque(suite for suite in suites if suite.turn == "")
    waiting = collections.deque(suite for suite in suites if suite.turn == "waits")
    results, lock = [], threading.Lock()

    def work(lists):
        while not runner.stopping.is_set():
            suite = None
            for chosen in lists:
                with contextlib.suppress(IndexError):
                    suite = chosen.popleft()
                    break
            if suite is None:
                return
            result = runner.run(suite)
            with lock:
                results.append(result)
                report(result, len(results))

    lanes = [[shared, waiting]] * jobs
    if jobs > 1:
        lanes.append([waiting])
    threads = [threading.Thread(target=work, args=(lists,)) for lists in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for suite in suites:
        if suite.turn == "exclusive" and not runner.stopping.is_set():
            results.append(runner.run(suite))
            report(results[-1], len(results))
    return results


def options_read(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+", metavar="SUITE", help="a command, or @FILE with one on each line")
    parser.add_argument("--jobs", type=int, default=2, help="suites at a time (default 2)")
    parser.add_argument("--limit", type=float, default=1800, help="seconds for each suite (default 1800)")
    parser.add_argument("--logs", default="build/test/logs", help="folder for what they print (default %(default)s)")
    parser.add_argument("--only", metavar="PATTERN", action="append",
                        help="only suites with this in their name, * and ? as in a shell; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the suites' names, and run none")
    parser.add_argument("--needs", action="store_true", help="print what make must build for them, and run none")
    options = parser.parse_args(argv)
    if options.jobs < 1 or options.limit <= 0:
        parser.error("--jobs and --limit must be positive")
    return options


def main(argv):
    options = options_read(argv)
    try:
        suites = suites_read(options.suites, options.limit)
        if options.only:
            suites = [suite for suite in suites
                      if any(fnmatch.fnmatchcase(suite.name, f"*{only}*") for only in options.only)]
            if not suites:
                raise UsageError(f"no suite is called like {', '.join(options.only)}")
        if options.list:
            print("\n".join(suite.name for suite in suites))
            return 0
        if options.needs:
            needs = {target for suite in suites for target in suite.needs}
            print(NEEDS_ALL if NEEDS_ALL in needs else "\n".join(sorted(needs)))
            return 0
        os.makedirs(options.logs, exist_ok=True)
    except (UsageError, OSError) as error:
        print(f"suites.py: {error}", file=sys.stderr)
        return 2
    width = max(len(suite.name) for suite in suites)

    def report(result, done):
        skipped = f"  skip {len(result.skipped)}" if result.skipped else ""
        failed = f"  FAIL {len(result.failed)}" if result.failed else ""
        print(f"[{done:{len(str(len(suites)))}}/{len(suites)}] {result.suite.name:{width}} {result.seconds:6.1f} s, {result.cpu_s:6.1f} s of CPU"
              f"  pass {len(result.passed)}{failed}{skipped}", flush=True)
        for text in result.failed:
            print(f"    not ok {text}", flush=True)

    begin = time.monotonic()
    runner = Runner(options.logs)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: runner.stopping.set())
    results = suites_run(suites, options.jobs, runner, report)
    for result in results:
        for text in result.skipped:
            print(f"skipped in {result.suite.name}: {text}")
    failing = [result for result in results if result.failed]
    if failing:
        print("failing: " + ", ".join(result.suite.name for result in failing))
    missing = len(suites) - len(results)
    if missing:
        print(f"interrupted: {missing} suites not run")
    passed, failed, skipped = (sum(len(getattr(result, field)) for result in results)
                               for field in ("passed", "failed", "skipped"))
    failed += missing
    print(f"{len(results)} suites in {time.monotonic() - begin:.0f} s, logs in {options.logs}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
