#!/usr/bin/env python3
"""Run the proofs of table.py by CBMC and say what holds.

    test/proof/run.py                 those that ./check runs
    test/proof/run.py --all           all of them (make prove)
    test/proof/run.py ntb_check …     these; of a file, too: ntb.c
    test/proof/run.py --jobs 2        two at once
    test/proof/run.py --table         docs/proofs.md's table, written anew

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" lines (see tool/suites.py); all that CBMC said is in
build/proof/NAME.log. A proof passes if each claim holds and each mark REACHED is reached.
"""
# SPDX-License-Identifier: MIT
import argparse
import collections
import concurrent.futures
import glob
import json
import os
import re
import resource
import subprocess
import sys
import threading

import table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join("test", "proof")
TOOLS = os.path.join(ROOT, "build", "cbmc")
HEAD = "| proof |"
DOCUMENT = os.path.join("docs", "proofs.md")
RESULTS = os.path.join("build", "proof")
MEMORY_MAX = 6 << 30  # bytes
STACK_MAX = 1 << 30  # bytes; long chains of rounds are deep expressions

# The proofs are about the board's code: 32-bit pointers, unsigned char, enums as short as they can be.
COMPILER = ["--native-compiler", "arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-fshort-enums", "-std=gnu11", "-Ichip/stm32f4",
            "-DPLUGNET_PROOF", "-D__builtin_memcpy=memcpy"]  # a function of CBMC's library, rather than one without a body
DEFAULT_UNWIND = 2  # rounds of loops that the table doesn't name
REACHED = "reached: "

Outcome = collections.namedtuple("Outcome", "why seconds megabytes claims marks")


class Failed(Exception):
    pass


def tool(name):
    """A program of the unpacked package, by its own loader and libraries."""
    root = os.path.join(TOOLS, "root")
    loaders = glob.glob(os.path.join(root, "usr", "lib", "*", "ld-linux*.so.*"))
    if not loaders:
        raise Failed("no CBMC in build/cbmc")
    libraries = os.path.dirname(loaders[0]) + ":" + os.path.join(root, "usr", "lib")
    return [loaders[0], "--library-path", libraries, os.path.join(root, "usr", "bin", name)]


def missing():
    """Why nothing can be proven here; None if it can."""
    if glob.glob(os.path.join(TOOLS, "root", "usr", "lib", "*", "ld-linux*.so.*")):
        return None
    try:
        with open(os.path.join(TOOLS, "missing"), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "no CBMC: tool/setup.sh check fetches it"


class Proof:
    """One entry of the table on its way through the tools."""

    def __init__(self, entry, root, results, limit=None):
        self.entry = entry
        self.root = root
        self.results = results
        self.program = os.path.join(results, entry.name + ".gb")
        self.log = os.path.join(root, results, entry.name + ".log")
        self.limit = limit or 60 + 10 * entry.seconds
        self.seconds = 0.0
        self.megabytes = 0

    def run(self, name, *words, seconds=600):
        """The output of a tool. It ends at ten times the seconds that the table gives it."""
        _, hard = resource.getrlimit(resource.RLIMIT_STACK)

        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
            resource.setrlimit(resource.RLIMIT_STACK, (min(STACK_MAX, hard) if hard >= 0 else STACK_MAX, hard))
        with open(self.log, "a", encoding="utf-8") as log:
            print("$", name, *words, file=log, flush=True)
            process = subprocess.Popen([*tool(name), *words], cwd=self.root, text=True, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=log, preexec_fn=limit)
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.seconds += usage.ru_utime + usage.ru_stime
            self.megabytes = max(self.megabytes, usage.ru_maxrss // 1024)
            log.write(said)
        return process.returncode, said

    def must(self, name, *words):
        code, said = self.run(name, *words)
        if code != 0:
            raise Failed(f"{name} failed, see {os.path.relpath(self.log, ROOT)}")
        return said

    def instrument(self, *options):
        self.must("goto-instrument", *options, self.program, self.program + ".new")
        os.replace(os.path.join(self.root, self.program + ".new"), os.path.join(self.root, self.program))

    def loops(self):
        """(function, text of the line, name) of each loop."""
        said = json.loads(self.must("goto-instrument", "--show-loops", "--json-ui", self.program))
        found = []
        for loop in next(part["loops"] for part in said if "loops" in part):
            place = loop.get("sourceLocation", {})
            text = None
            path = os.path.join(self.root, place.get("file", ""))
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    text = file.read().splitlines()[int(place["line"]) - 1]
            found.append((loop["name"].rsplit(".", 1)[0], text, loop["name"]))
        return found

    def loops_named(self, wanted, loops):
        names = [name for function, text, name in loops if function == wanted.function and
                 (wanted.line is None or (text is not None and wanted.line in text))]
        if not names or (wanted.line is not None and len(names) > 1):
            raise Failed(f"{len(names)} loops of {wanted.function} with {wanted.line!r}")
        return names

    def contracts_apply(self):
        contracts = [loop for loop in self.entry.loops if isinstance(loop, table.Loop)]
        if not contracts:
            return
        loops, functions = self.loops(), {}
        symbols = re.findall(r"^(\S+) ", self.must("goto-instrument", "--list-symbols", self.program), re.M)
        for loop in contracts:
            [name] = self.loops_named(loop, loops)
            functions.setdefault(loop.function, []).append({
                "loop_id": name.rsplit(".", 1)[1], "assigns": loop.assigns, "invariants": " && ".join(loop.keeps),
                "decreases": loop.decreases, "symbol_map": self.symbol_map(loop, symbols)})
        path = self.program + ".json"
        with open(os.path.join(self.root, path), "w", encoding="utf-8") as file:
            json.dump({"functions": [{function: list_} for function, list_ in functions.items()]}, file, indent=1)
        self.instrument("--apply-loop-contracts", "--loop-contracts-file", path)

    @staticmethod
    def symbol_map(loop, symbols):
        """The contract's words that are variables of the function, as CBMC calls them."""
        words = set(re.findall(r"(?<![\w.>])[A-Za-z_]\w*", " ".join([loop.assigns, *loop.keeps, loop.decreases])))
        pairs = []
        for word in sorted(words):
            found = [s for s in symbols if re.fullmatch(re.escape(loop.function) + r"(::\d+)*::" + word, s)]
            if len(found) > 1:
                raise Failed(f"{loop.function} has {len(found)} variables {word}")
            pairs += [f"{word},{symbol}" for symbol in found or [s for s in symbols if s == word]]
        return "; ".join(pairs)

    def calls_check(self):
        """What it is about is really called, nothing that is replaced."""
        said = self.must("goto-instrument", "--reachable-call-graph", self.program)
        called = set(re.findall(r" -> (\S+)$", said, re.M))
        for function in self.entry.calls:
            if function not in called:
                raise Failed(f"{function} isn't called")
        for function in self.entry.replaces:
            if function in called or "contract_" + function not in called:
                raise Failed(f"{function} isn't replaced")

    def prepare(self, *defines):
        entry = self.entry
        self.must("goto-cc", *COMPILER, *defines, "-I.", "-I" + HERE, os.path.join(HERE, entry.file), "--function",
                  "prove_" + entry.name, "-o", self.program)
        for function in entry.replaces:
            self.instrument("--replace-calls", f"{function}:contract_{function}")
        self.instrument("--drop-unused-functions")
        self.calls_check()
        self.contracts_apply()

    def bounds(self):
        loops, bounds = self.loops(), []
        for loop in self.entry.loops:
            if isinstance(loop, table.Unwind):
                names = [loop.function + ".0"] if loop.line is None else self.loops_named(loop, loops)
                bounds += [f"{name}:{loop.rounds}" for name in names]
        return ["--unwind", str(DEFAULT_UNWIND), *(["--unwindset", ",".join(bounds)] if bounds else [])]

    def cbmc(self, *options):
        """All claims that CBMC has judged, each with its place: (what, status)."""
        code, said = self.run("cbmc", *self.bounds(), *options, self.program, seconds=self.limit)
        if not re.search(r"^VERIFICATION (SUCCESSFUL|FAILED)$", said, re.M):
            raise Failed(f"no result, exit code {code}: {(said.splitlines() or ['nothing said'])[-1]}")
        claims, file = [], "?"
        for line in said.splitlines():
            if heading := re.match(r"(\S+) function \S+$", line):
                file = heading[1]
            elif result := re.match(r"\[\S+\] (?:line (\d+) )?(.*): ([A-Z]+)$", line):
                claims.append((f"{result[2]} ({file}:{result[1]})", result[3]))
        return claims

    def prove(self):
        """An Outcome: first that nothing is empty, then that all holds."""
        open(self.log, "w", encoding="utf-8").close()
        claims, marks = [], []
        try:
            self.prepare("-DPLUGNET_PROOF_MARKS")
            marks = [claim for claim in self.cbmc("--no-standard-checks", "--no-unwinding-assertions", *self.entry.options) if claim[0].startswith(REACHED)]
            if never := [what for what, status in marks if status != "FAILURE"]:
                raise Failed("never " + "; never ".join(never))
            if not marks:
                raise Failed("no mark REACHED: it may be empty")
            self.prepare()
            claims = self.cbmc("--pointer-overflow-check", *self.entry.options)
            if wrong := [f"{what}: {status}" for what, status in claims if status != "SUCCESS"]:
                raise Failed("; ".join(wrong[:3]))
            if not claims:
                raise Failed("no claim")
            why = None
        except Failed as error:
            why = str(error)
        return Outcome(why, self.seconds, self.megabytes, len(claims), len(marks))


def harness_read(name):
    """A file of harnesses, with what its macros PROVE_…(F, …) stand for."""
    with open(os.path.join(ROOT, HERE, name), encoding="utf-8") as file:
        text = file.read()
    more = []
    for macro, parameter, body in re.findall(r"#define (PROVE_\w+)\((\w+),.*\\\n((?:.*\\\n)*.*)", text):
        more += [re.sub(rf"##{parameter}\b|\b{parameter}##", function, body) for function in re.findall(rf"^{macro}\((\w+),", text, re.M)]
    return text + "".join(more)


def body_of(text, function):
    """A function's text, "" where there is none."""
    found = re.search(rf"\b{function}\([^;{{]*\).*?(?=\bprove_\w+\(void\)|\n}}\n|\Z)", text, re.S)
    return found[0] if found else ""


def link_wrong(function, user, provers):
    """What is missing between a proof that replaces a function and those that are about it."""
    contract = body_of(harness_read(user.file), "contract_" + function)
    for words in (f"PROVE({function}_needs(", f"ASSUME({function}_gives("):
        if words not in contract:
            yield f"contract_{function} has no {words}…)"
    proof = "".join(body_of(harness_read(user.file), "prove_" + entry.name) for entry in provers if entry.file == user.file)
    for words in (f"ASSUME({function}_needs(", f"PROVE({function}_gives("):
        if words not in proof:
            yield f"no proof of {function} in {user.file} has {words}…)"


def chain_wrong(proofs):
    """What the chain of contracts lacks, one text each."""
    called = {}
    for entry in proofs:
        for function in entry.calls:
            called.setdefault(function, []).append(entry)
    for entry in proofs:
        for function in entry.replaces:
            yield from link_wrong(function, entry, called.get(function, []))
        if entry.name in below(entry, called, set()):
            yield f"{entry.name} rests on itself"


def below(entry, called, seen):
    """The names of all proofs that this one rests on."""
    for function in entry.replaces:
        for other in called.get(function, []):
            if other.name not in seen:
                seen.add(other.name)
                below(other, called, seen)
    return seen


def table_check(proofs):
    wrong = list(chain_wrong(proofs))
    names = [entry.name for entry in proofs]
    wrong += [f"two proofs are called {name}" for name in sorted({n for n in names if names.count(n) > 1})]
    return "; ".join(wrong)


def rows():
    """The lines of docs/proofs.md's table."""
    yield HEAD + " functions | what is proven, beside what is common | for | s |"
    yield "|---|---|---|---|---|"
    for entry in table.PROOFS:
        functions = ", ".join(f"`{name}`" for name in entry.calls)
        rests = "; rests on " + ", ".join(f"`{name}`" for name in entry.replaces) if entry.replaces else ""
        seconds = f"{entry.seconds}" if entry.in_check else f"{entry.seconds}, `make prove` alone"
        yield f"| `{entry.name}` | {functions}{rests} | {entry.about} | {entry.bound} | {seconds} |"


def document_parts(head):
    """The document's lines before the table that begins so, the table, and what is behind it."""
    with open(os.path.join(ROOT, DOCUMENT), encoding="utf-8") as file:
        lines = file.read().splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith(head))
    end = next((i for i in range(begin, len(lines)) if not lines[i].startswith("|")), len(lines))
    return lines[:begin], lines[begin:end], lines[end:]


def document_check(head, wanted, writer):
    stale = document_parts(head)[1] != list(wanted)
    return say(f"{DOCUMENT}: {head.strip('| ')}", f"the table is stale, {writer} writes it" if stale else None)


def document_write(head, wanted):
    before, _, behind = document_parts(head)
    with open(os.path.join(ROOT, DOCUMENT), "w", encoding="utf-8") as file:
        file.write("\n".join([*before, *wanted, *behind]) + "\n")


def say(name, why):
    print(f"not ok {name}: {why}" if why else f"ok {name}", flush=True)
    return not why


def prove_all(entries, jobs, root=ROOT, results=RESULTS, limit=None):
    """True if all hold. The longest first."""
    os.makedirs(os.path.join(root, results), exist_ok=True)
    lock = threading.Lock()

    def one(entry):
        outcome = Proof(entry, root, results, limit).prove()
        with lock:
            print(f"    {entry.name}: {outcome.claims} claims, {outcome.marks} marks, {outcome.seconds:.1f} s "
                  f"(table: {entry.seconds} s), {outcome.megabytes} MB")
            return say(entry.name, outcome.why)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        return all(list(pool.map(one, sorted(entries, key=lambda entry: -entry.seconds))))


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a proof, or a file of harnesses")
    parser.add_argument("--all", action="store_true", help="those that are too long for ./check, too")
    parser.add_argument("--jobs", type=int, default=1, help="at a time (default 1)")
    parser.add_argument("--limit", type=int, metavar="SECONDS", help="for each call of CBMC, rather than ten times the table's")
    parser.add_argument("--table", action="store_true", help=f"write the table of {DOCUMENT}, and prove nothing")
    options = parser.parse_args(argv)
    if options.table:
        document_write(HEAD, rows())
        return 0
    for name in options.names:
        if not any(name in (entry.name, entry.file) for entry in table.PROOFS):
            parser.error(f"no proof and no file of them is called {name}")
    entries = [entry for entry in table.PROOFS if entry.name in options.names or
               (not options.names or entry.file in options.names) and (options.all or entry.in_check)]
    good = [say("the chain of contracts", table_check(table.PROOFS)), document_check(HEAD, rows(), "test/proof/run.py --table")]
    if why := missing():
        print(f"skip proofs: {why}")
    else:
        good.append(prove_all(entries, options.jobs, limit=options.limit))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
