"""Line and branch coverage of an image that ran on the virtual board, as an lcov tracefile.

    python3 -m plugnet_testkit.vboard_coverage --elf IMAGE.elf -o image.info COVERAGE…

COVERAGE is what `vboard --coverage FILE` wrote (Board(coverage=FILE)); several of the same image are added up: a count is
the number of runs. Lines come from the image's DWARF by objdump; build it without link-time optimisation (make LTO=no),
which moves code between lines.
"""
# SPDX-License-Identifier: MIT
import argparse
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Tuple

HEAD = "plugnet-coverage 1"
RAN, FALSE, TRUE = 1, 2, 4
MARKS = (RAN, FALSE, TRUE)
STRANGE_MAX = 0.01  # of the addresses: more belong to another image

PLACE = re.compile(r"^(\S.*):(\d+)(?: \(discriminator \d+\))?$")
LABEL = re.compile(r"^([0-9a-f]{8}) <(.+)>:$")
CODE = re.compile(r"^ *([0-9a-f]+):\t[0-9a-f ]+\t(\S+)")
CONDITIONAL = re.compile(r"^(?:b(?:eq|ne|cs|hs|cc|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)(?:\.[nw])?|cbn?z)$")
IT = re.compile(r"^it[te]{0,3}$")


class CoverageError(Exception):
    """A file that isn't what it should be, or of another image."""


@dataclass
class Instruction:
    """One instruction of the image; `file` None: no line known."""
    address: int
    file: Optional[str]
    line: int
    conditional: bool


@dataclass
class Function:
    """Where a function begins."""
    name: str
    file: str
    line: int
    address: int


@dataclass
class FileCoverage:
    """Of one source file: runs by line; by (line, branch point) how often each way was gone, None: never reached."""
    lines: Dict[int, int] = field(default_factory=dict)
    branches: Dict[Tuple[int, int], Optional[Tuple[int, int]]] = field(default_factory=dict)
    functions: Dict[str, Tuple[int, int]] = field(default_factory=dict)


def marks_read(path: str) -> Dict[int, int]:
    """Marks by address, of one run."""
    with open(path, encoding="ascii", errors="replace") as file:
        lines = file.read().splitlines()
    if not lines or lines[0] != HEAD:
        raise CoverageError(f"{path}: the first line isn't {HEAD!r}")
    try:
        return {int(address, 16): int(marks) for address, marks in map(str.split, lines[1:])}
    except ValueError:
        raise CoverageError(f"{path}: a line isn't ADDRESS MARKS") from None


def marks_add(paths: Iterable[str]) -> Dict[int, Counter]:
    """By address, for each mark the number of runs that have it."""
    total: Dict[int, Counter] = defaultdict(Counter)
    for path in paths:
        for address, marks in marks_read(path).items():
            for mark in MARKS:
                total[address][mark] += bool(marks & mark)
    return total


def listing_parse(text: str) -> Tuple[List[Instruction], List[Function]]:
    """The instructions and functions in the text of objdump -dl."""
    code: List[Instruction] = []
    functions: List[Function] = []
    file: Optional[str] = None
    line, label, it_first = 0, None, False
    for row in text.splitlines():
        if match := LABEL.match(row):
            file, label, it_first = None, (match[2], int(match[1], 16)), False
        elif match := CODE.match(row):
            name = match[2]
            if name.startswith("."):  # data
                continue
            if label is not None and file is not None:
                functions.append(Function(label[0], file, line, label[1]))
            label = None
            # The instructions of an IT block share one condition: the first one's marks tell of it.
            code.append(Instruction(int(match[1], 16), file, line, it_first or CONDITIONAL.match(name) is not None))
            it_first = IT.match(name) is not None
        elif (match := PLACE.match(row)) and not row.startswith(" "):
            file, line = os.path.normpath(match[1]), int(match[2])
    return code, functions


def image_read(elf: str, objdump: str = "arm-none-eabi-objdump") -> Tuple[List[Instruction], List[Function]]:
    """The same for an image."""
    try:
        done = subprocess.run([objdump, "-dl", elf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace", check=False)
    except OSError as error:
        raise CoverageError(f"{objdump}: {error.strerror} (Debian's package binutils-arm-none-eabi)") from None
    if done.returncode:
        raise CoverageError(done.stderr.strip())
    return listing_parse(done.stdout)


def coverage_make(code: List[Instruction], functions: List[Function],
                  marks: Dict[int, Counter]) -> Dict[str, FileCoverage]:
    """Coverage by source file. CoverageError: what ran isn't this code."""
    known = {instruction.address for instruction in code}
    strange = [address for address in marks if address not in known]
    if len(strange) > STRANGE_MAX * len(marks):
        raise CoverageError(f"{len(strange)} of {len(marks)} addresses that ran are no instructions of this image, "
                            f"{strange[0]:#x} for one: it is another one")
    files: Dict[str, FileCoverage] = defaultdict(FileCoverage)
    points: Counter = Counter()
    for i in code:
        if i.file is None:
            continue
        of, runs = files[i.file], marks.get(i.address, Counter())
        of.lines[i.line] = max(of.lines.get(i.line, 0), runs[RAN])
        if i.conditional:
            ways = (runs[FALSE], runs[TRUE])
            of.branches[i.line, points[i.file, i.line]] = ways if any(ways) else None
            points[i.file, i.line] += 1
    for function in functions:
        runs = marks.get(function.address, Counter())
        files[function.file].functions[function.name] = (function.line, runs[RAN])
    return files


def lcov_write(files: Dict[str, FileCoverage], test: str = "") -> str:
    """The tracefile's text."""
    out = []
    for path, of in sorted(files.items()):
        out += [f"TN:{test}", f"SF:{path}"]
        out += [f"FN:{line},{name}" for name, (line, _) in sorted(of.functions.items())]
        out += [f"FNDA:{runs},{name}" for name, (_, runs) in sorted(of.functions.items())]
        out += [f"FNF:{len(of.functions)}", f"FNH:{sum(runs > 0 for _, runs in of.functions.values())}"]
        hit = 0
        for (line, point), ways in sorted(of.branches.items()):
            for way in (0, 1):
                out.append(f"BRDA:{line},{point},{way},{'-' if ways is None else ways[way]}")
                hit += ways is not None and ways[way] > 0
        out += [f"BRF:{2 * len(of.branches)}", f"BRH:{hit}"]
        out += [f"DA:{line},{runs}" for line, runs in sorted(of.lines.items())]
        out += [f"LF:{len(of.lines)}", f"LH:{sum(runs > 0 for runs in of.lines.values())}", "end_of_record"]
    return "\n".join(out) + "\n"


def summary(files: Dict[str, FileCoverage]) -> str:
    """One line: how much of lines and branches ran."""
    lines = [runs for of in files.values() for runs in of.lines.values()]
    ways = [way for of in files.values() for both in of.branches.values() for way in both or (0, 0)]

    def share(of: List[int]) -> str:
        hit = sum(count > 0 for count in of)
        return f"{hit} of {len(of)} ({100 * hit / len(of) if of else 0:.1f} %)"
    return f"lines {share(lines)}, branches {share(ways)}"


def missing(files: Dict[str, FileCoverage]) -> str:
    """A line for each file with lines that never ran: which. Lines without code of their own are none."""
    out = []
    for path, of in sorted(files.items()):
        ranges: List[List[int]] = []
        was = True
        for line, runs in sorted(of.lines.items()):
            if runs == 0 and was:
                ranges.append([line, line])
            elif runs == 0:
                ranges[-1][1] = line
            was = runs > 0
        if ranges:
            text = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)
            out.append(f"{os.path.relpath(path)}: {text}\n")
    return "".join(out)


def make(elf: str, paths: Iterable[str], only: Optional[str] = None,
         objdump: str = "arm-none-eabi-objdump") -> Dict[str, FileCoverage]:
    """Coverage of an image by these runs; `only`: source files below this folder."""
    code, functions = image_read(elf, objdump)
    files = coverage_make(code, functions, marks_add(paths))
    if only:
        inside = os.path.join(os.path.abspath(only), "")
        files = {path: of for path, of in files.items() if os.path.abspath(path).startswith(inside)}
    return files


def main(argv: Optional[List[str]] = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="vboard_coverage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="COVERAGE")
    parser.add_argument("--elf", required=True, help="the image that ran")
    parser.add_argument("-o", "--output", help="the tracefile; left out: only the summary")
    parser.add_argument("--only", metavar="FOLDER", help="only source files below this folder")
    parser.add_argument("--missing", action="store_true", help="say which lines never ran, a line for each file")
    parser.add_argument("--objdump", default="arm-none-eabi-objdump")
    options = parser.parse_args(argv)
    try:
        files = make(options.elf, options.runs, options.only, options.objdump)
        if options.output:
            with open(options.output, "w", encoding="utf-8") as file:
                file.write(lcov_write(files))
    except (CoverageError, OSError) as error:
        print(f"vboard_coverage: {error}", file=sys.stderr)
        return 2
    if options.missing:
        print(missing(files), end="")
    print(summary(files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
