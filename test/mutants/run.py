#!/usr/bin/env python3
"""Change one thing in a file of the device's code, and see whether the unit suites notice: for each change that mutate.py makes.

    test/mutants/run.py                      all rooms (make mutants)
    test/mutants/run.py wire/ntb.c usb/      these files and folders
    test/mutants/run.py --sample 40          so many, of the files whose survivors are all accounted for (./check)
    test/mutants/run.py --left [FILE …]      what is left of the last runs, as lines for survivors.txt; nothing is run
    test/mutants/run.py --table              docs/mutants.md's table, written anew

A mutant is compiled into each unit suite that links its file (make units-list), the nearest suite first; it is killed when one of them
fails, crashes, or takes ten times as long as it should. One that compiles to the code that was there before is no mutant. What nobody
notices must stand in survivors.txt with its reason. Results are kept in build/mutants/results.json: what neither its file nor its suites
have changed is not run again. The suites must be built (make units).

Prints "ok NAME" and "not ok NAME: why" lines for each file, or for each of a sample (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import collections
import concurrent.futures
import functools
import glob
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import mutate  # noqa: E402

BUILD = os.path.join(ROOT, "build/mutants")
RESULTS = os.path.join(BUILD, "results.json")
SURVIVORS = os.path.join(HERE, "survivors.txt")
PAGE = os.path.join(ROOT, "docs/mutants.md")
ROOMS = ("wire", "usb", "net", "store", "update", "udc")
WHOLE = ("wire/ntb.c", "wire/chksum.c", "wire/crc32.c", "wire/icmp_echo.c", "wire/identity.c", "wire/dhcp_msg.c",
         "wire/dns_msg.c", "wire/json_write.c", "wire/json_read.c", "wire/base64.c", "wire/sha1.c", "wire/sha512.c", "wire/utf8.c",
         "wire/image.c")  # files and rooms whose survivors are all accounted for
SLOW_S = 4       # a suite that takes longer is asked only of the file that it is named after
TIMES = 10       # how much longer than alone a suite may take
COMPILED, LIMIT_S = 120, 300
MEMORY = 4 << 30  # of what a mutant writes to files
LINKER = ["-fuse-ld=gold"] if shutil.which("ld.gold") else []  # a third of the time

Suite = collections.namedtuple("Suite", "name flags sources program digest")
Case = collections.namedtuple("Case", "file mutant")


def run(command, limit_s):
    """(exit code, output); None: it took longer. Its whole group is ended."""
    def bounds():
        resource.setrlimit(resource.RLIMIT_FSIZE, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True, preexec_fn=bounds) as process:
        try:
            output, _ = process.communicate(timeout=limit_s)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, b""


def digest_of(*paths):
    sums = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            sums.update(file.read())
    return sums.hexdigest()[:16]


# ---- The suites. ----

def units_list():
    """name: (flags, sources) as make knows them."""
    done = subprocess.run(["make", "-s", "units-list"], cwd=ROOT, check=True, capture_output=True, text=True)
    flags, units = {}, {}
    for line in done.stdout.splitlines():
        kind, name, *words = line.split()
        if kind == "flags":
            flags[name] = words
        elif kind == "unit":
            units[name] = words
    return {name: (words[0], flags[words[0]], words[1:]) for name, words in units.items()}


def suites_of(files):
    """The suites that link one of the files."""
    suites = []
    for name, (kind, flags, sources) in units_list().items():
        program = os.path.join("build/test", name)
        if not set(sources) & files:
            continue
        if not os.path.exists(os.path.join(ROOT, program)):
            raise SystemExit(f"mutants: {program} isn't built: make units")
        suites.append(Suite(name, (kind, flags), sources, program, digest_of(os.path.join(ROOT, program))))
    return suites


@functools.cache
def seconds_of(suite_name, program):
    """How long it takes alone, where it passes; only those that are asked are run."""
    begin = time.monotonic()
    code, output = run([program], LIMIT_S)
    if code != 0:
        raise SystemExit(f"mutants: {suite_name} fails without any change: {output[-300:].decode(errors='replace')}")
    return time.monotonic() - begin


def nearness(file, suite):
    """0: named after the file; 1: akin; 2: it links it."""
    stem = os.path.splitext(os.path.basename(file))[0]
    return 0 if suite.name[5:] == stem else 1 if suite.name[5:] in stem or stem in suite.name else 2


def suites_for(file, suites):
    """Nearest first, and those that link less first."""
    mine = [suite for suite in suites if file in suite.sources]
    return sorted(mine, key=lambda suite: (nearness(file, suite), len(suite.sources), suite.name))


# ---- One mutant. ----

class Bench:
    """A folder of one worker: the changed file, its objects, the suites linked with them."""

    def __init__(self, folder):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)

    def write(self, case):
        with open(os.path.join(ROOT, case.file), encoding="utf-8") as file:
            text = file.read()
        if case.mutant is not None:
            text = text[:case.mutant.start] + case.mutant.new + text[case.mutant.end:]
        path = os.path.join(self.folder, os.path.basename(case.file))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def compile(self, case, path, flags, *more):
        """The object's path, or None: it doesn't compile."""
        out = os.path.join(self.folder, "mutant.o")
        words = [word for word in flags if word not in ("-MMD", "-MP", "-g", "-Werror")]
        code, _ = run([*words, "-w", "-g0", "-iquote", os.path.dirname(os.path.join(ROOT, case.file)), *more, "-c", path, "-o", out],
                      COMPILED)
        return out if code == 0 else None

    def same_code(self, case, flags):
        """As the compiler sees it, nothing has changed."""
        plain = [word for word in flags if not word.startswith("-fsanitize")] + ["-O2", "-S", "-fno-asynchronous-unwind-tables"]
        texts = []
        for one in (case, Case(case.file, None)):
            out = self.compile(one, self.write(one), plain)
            if out is None:
                return False
            with open(out, encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
        return texts[0] == texts[1]

    def noticed(self, case, suites):
        """The name of the suite that notices; "": none; "builds": it doesn't; "same": it is no change."""
        path, objects = self.write(case), {}
        for suite in suites:
            seconds = seconds_of(suite.name, suite.program)
            if seconds >= SLOW_S and nearness(case.file, suite) == 2:
                continue
            kind, flags = suite.flags
            if kind not in objects:
                made = self.compile(case, path, flags)
                if made is None:
                    return "builds"
                objects[kind] = os.path.join(self.folder, f"{kind}.o")
                os.replace(made, objects[kind])
            linked = [objects[kind] if source == case.file else f"build/test/unit-{kind}/{os.path.splitext(source)[0]}.o"
                      for source in suite.sources]
            program = os.path.join(self.folder, "suite")
            code, output = run([flags[0], *LINKER, *(word for word in flags if word.startswith("-fsanitize") or word == "-pthread"), *linked, "-o",
                                program, "-lm"], COMPILED)
            if code != 0:
                raise SystemExit(f"mutants: {suite.name} can't be linked (make units): {output[-300:].decode(errors='replace')}")
            code, _ = run([program], TIMES * seconds + 2)
            if code != 0:
                return suite.name
        flags = suites[0].flags[1]
        return "same" if self.same_code(case, flags) else ""


# ---- All of them. ----

def name_of(case):
    return f"{case.file}: {case.mutant.before} → {case.mutant.after}"


def survivors_read():
    """What nobody notices, and why: file, line and changed line to the reason. A line that is changed at two places has one entry."""
    reasons, file, reason = {}, None, ""
    with open(SURVIVORS, encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            line = line.rstrip("\n")
            if line.startswith("## "):
                file = line[3:].strip()
            elif line.startswith("= "):
                reason = line[2:].strip()
            elif " → " in line and file and reason:
                before, after = line.strip().split(" → ")
                reasons[f"{file}: {before} → {after}"] = reason
            elif line.strip() and not line.startswith("#"):
                raise SystemExit(f"mutants: survivors.txt:{number}: neither a file, nor a reason, nor a change: {line}")
    return reasons


def cases_of(paths):
    files = []
    for path in paths:
        path = path.rstrip("/")
        files += sorted(glob.glob(f"{path}/**/*.c", root_dir=ROOT, recursive=True)) if not path.endswith(".c") else [path]
    cases = []
    for file in files:
        with open(os.path.join(ROOT, file), encoding="utf-8") as text:
            cases += [Case(file, mutant) for mutant in mutate.mutants(text.read())]
    return cases


class Store:
    """What earlier runs have found, by what it rests on."""

    def __init__(self):
        self.lock, self.found, self.written = threading.Lock(), {}, time.monotonic()
        if os.path.exists(RESULTS):
            with open(RESULTS, encoding="utf-8") as file:
                self.found = json.load(file)

    @staticmethod
    def key(case, digest):
        return hashlib.sha256(f"{case.file} {digest} {case.mutant}".encode()).hexdigest()[:24]

    def get(self, key, suites):
        entry = self.found.get(key)
        if entry is None:
            return None
        if entry["by"] in ("", "same", "builds"):
            return entry["by"] if entry["on"] == Store.all_of(suites) else None
        return entry["by"] if any(suite.name == entry["by"] and suite.digest == entry["on"] for suite in suites) else None

    @staticmethod
    def all_of(suites):
        return hashlib.sha256("".join(sorted(suite.digest for suite in suites)).encode()).hexdigest()[:16]

    def put(self, key, by, suites):
        on = next((suite.digest for suite in suites if suite.name == by), None) or Store.all_of(suites)
        with self.lock:
            self.found[key] = {"by": by, "on": on}
            if time.monotonic() - self.written > 20:
                self.save()

    def save(self):
        with open(RESULTS + ".new", "w", encoding="utf-8") as file:
            json.dump(self.found, file)
        os.replace(RESULTS + ".new", RESULTS)
        self.written = time.monotonic()


def judge(cases, jobs, told):
    """Who notices each of them, in their order."""
    os.makedirs(BUILD, exist_ok=True)
    store, suites = Store(), suites_of({case.file for case in cases})
    digests = {file: digest_of(os.path.join(ROOT, file)) for file in {case.file for case in cases}}
    mine = {file: suites_for(file, suites) for file in digests}
    benches = [Bench(os.path.join(BUILD, f"worker{i}")) for i in range(jobs)]
    free, lock, done = list(benches), threading.Lock(), [0]

    def one(case):
        key = Store.key(case, digests[case.file])
        by = store.get(key, mine[case.file]) if mine[case.file] else "no suite"
        if by is None:
            with lock:
                bench = free.pop()
            by = bench.noticed(case, mine[case.file])
            store.put(key, by, mine[case.file])
            with lock:
                free.append(bench)
        with lock:
            done[0] += 1
            told(done[0], len(cases))
        return by
    try:
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, cases))
    finally:
        store.save()


def progress():
    last = [time.monotonic()]

    def told(done, count):
        if time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            print(f"# {done} of {count} mutants", flush=True)
    return told


def counts_of(cases, by, reasons):
    """By file: [mutants, killed, accounted for, left], without those that are no change."""
    counts = collections.OrderedDict()
    for case, who in zip(cases, by):
        count = counts.setdefault(case.file, [0, 0, 0, 0])
        if who in ("same", "builds"):
            continue
        count[0] += 1
        left = who in ("", "no suite")
        count[1] += not left
        count[2] += left and name_of(case) in reasons
        count[3] += left and name_of(case) not in reasons
    return counts


def good(file, count):
    """Nothing is left where all were looked at; elsewhere 95 % are killed or accounted for."""
    return count[3] == 0 if file in WHOLE or file.split("/")[0] in WHOLE else count[3] <= count[0] // 20


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files and folders (default: all rooms)")
    parser.add_argument("--jobs", type=int, default=2, help="at a time (default 2)")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, others each time that the sources change")
    parser.add_argument("--left", action="store_true", help="print what is left, by the results that there are")
    parser.add_argument("--table", action="store_true", help="write docs/mutants.md's table")
    options = parser.parse_args(argv)
    reasons = survivors_read()
    cases = cases_of(options.paths or (WHOLE if options.sample else ROOMS))
    if options.sample:
        chosen = random.Random(digest_of(*sorted({os.path.join(ROOT, case.file) for case in cases})))
        cases = chosen.sample(cases, min(options.sample, len(cases)))
    by = judge(cases, options.jobs, progress())
    if options.left:
        file = None
        for case, who in zip(cases, by):
            if who in ("", "no suite") and name_of(case) not in reasons:
                if case.file != file:
                    file = case.file
                    print(f"## {file}")
                print(f"{case.mutant.before} → {case.mutant.after}")
        return 0
    failed = 0
    if options.sample:
        for case, who in zip(cases, by):
            bad = who in ("", "no suite") and name_of(case) not in reasons
            failed += bad
            print(f"not ok {name_of(case)}: nobody notices" if bad else f"ok {name_of(case)} ({who or 'accounted for'})")
        return 1 if failed else 0
    counts = counts_of(cases, by, reasons)
    for file, count in counts.items():
        said = f"{count[0]} mutants, {count[1]} killed, {count[2]} accounted for, {count[3]} left"
        failed += not good(file, count)
        print(f"ok {file} ({said})" if good(file, count) else f"not ok {file}: {said}")
    if options.table:
        table_write(counts)
    return 1 if failed else 0


def table_write(counts):
    lines = ["| file | mutants | killed | accounted for | left | |", "|---|--:|--:|--:|--:|--:|"]
    rooms = collections.OrderedDict()
    for file, count in counts.items():
        room = rooms.setdefault(file.split("/")[0], [0, 0, 0, 0])
        for i in range(4):
            room[i] += count[i]
    for room, sums in rooms.items():
        lines += [f"| `{file}` | " + " | ".join(map(str, count)) + f" | {100 * count[1] / max(count[0], 1):.1f} % |"
                  for file, count in counts.items() if file.split("/")[0] == room]
        lines.append(f"| **{room}** | " + " | ".join(f"**{n}**" for n in sums) + f" | **{100 * sums[1] / max(sums[0], 1):.1f} %** |")
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    head, rest = text.split("<!-- begin mutants -->\n")
    _, tail = rest.split("<!-- end mutants -->")
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(head + "<!-- begin mutants -->\n" + "\n".join(lines) + "\n<!-- end mutants -->" + tail)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
