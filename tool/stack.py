#!/usr/bin/env python3
"""How deep the stack of an image can get, from its code: stack.py IMAGE.elf [--entry FUNCTION [--thread]] [--calls FILE]... [--max BYTES]

The image is disassembled, so what link-time optimisation and the C library made of it counts, and no source need be compiled anew.
Each function's frame, and how deep it is at each call, come from push, sub sp and their like along its branches. Calls by pointer are
resolved by tool/stack.txt: the source function that calls, by debug information, and whom it may call. Each function whose address is
taken must be named there, or in the product's own FILE, so that none is forgotten. Recursion must be named there with its bound.
On top come the interrupts of the vector table, all at once, with what the processor stacks, FPU registers and alignment included.

Prints the deepest way, and who calls by a pointer without any function that it may be. An answer that can't be given is a mistake (exit code 1): a frame of unknown size, a call, a recursion or a
function that isn't named; so is a depth of more than BYTES.
SPDX-License-Identifier: MIT
"""
import argparse
import bisect
import collections
import fnmatch
import os
import re
import struct
import subprocess
import sys

sys.dont_write_bytecode = True
TOOL = "arm-none-eabi-"
TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stack.txt")
SUFFIX = re.compile(r"\.(lto_priv|isra|constprop|part|cold)\b.*$|\.\d+$")
EXCEPTION = 104 + 4  # bytes that the processor stacks with FPU registers, and to align. Source: DDI 0403, B1.5.7 [unread]
CONTEXT = 36 + 64  # bytes that FreeRTOS' port for ARM_CM4F saves on a thread's stack: r4 to r11, LR, s16 to s31
FIRST_INTERRUPT = 14  # of the vector table: PendSV, SysTick, then the chip's; what stands before ends the program


class Mistake(Exception):
    pass


CONDITION = "(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
BRANCH = re.compile(f"(b{CONDITION}?|cbn?z)$")
CALL = re.compile(f"(blx?){CONDITION}?$")

Instruction = collections.namedtuple("Instruction", "address size name operands")


class Function:
    def __init__(self, name, address):
        self.name, self.address = name, address
        self.code = []
        self.frame = 0
        self.calls = []  # (depth, address or None for a pointer, address of the call)
        self.unknown = None  # why its frame can't be told


def plain(name):
    return SUFFIX.sub("", name)


# ---- The image. ----

def functions_of(elf):
    """{address: Function} of all code."""
    text = subprocess.run([TOOL + "objdump", "-d", "-z", elf], check=True, capture_output=True, text=True).stdout
    functions, function = {}, None
    for line in text.splitlines():
        head = re.match(r"([0-9a-f]{8}) <(.+)>:$", line)
        if head:
            function = functions.setdefault(int(head[1], 16), Function(head[2], int(head[1], 16)))
            continue
        found = re.match(r" *([0-9a-f]+):\t([0-9a-f ]+?) *\t(\S+)\s*(.*)$", line)
        if not found or function is None:
            continue
        operands = re.sub(r"\s*[@;].*$", "", found[4])
        if found[3].startswith("."):
            continue  # constants
        size = len(found[2].replace(" ", "")) // 2
        name = re.sub(r"\.[nw]$", "", found[3])
        function.code.append(Instruction(int(found[1], 16), size, name, operands))
    return {address: function for address, function in functions.items() if function.code}


def taken_of(elf, functions):
    """Addresses of functions that stand in words of the image: in tables, constants, and among code what it loads."""
    with open(elf, "rb") as file:
        image = file.read()
    offset, entry, count, _ = struct.unpack_from("<I10xHHH", image, 32)
    taken = set()
    for i in range(count):
        kind, flags, address, start, size = struct.unpack_from("<IIIII", image, offset + i * entry + 4)
        if kind == 1 and flags & 2:  # loaded
            start += -address % 4
            taken |= {word & ~1 for word, in struct.iter_unpack("<I", image[start:start + (size - -address % 4) // 4 * 4]) if word & 1}
    return taken & set(functions)


def vectors_of(elf):
    """Addresses of the image's exception handlers, in order of the table."""
    symbols = subprocess.run([TOOL + "nm", "-S", elf], check=True, capture_output=True, text=True).stdout
    begin = int(re.search(r"^([0-9a-f]+) (?:[0-9a-f]+ )?\S linker_vectors$", symbols, re.M)[1], 16)
    with open(elf, "rb") as file:
        image = file.read()
    offset, entry, count, _ = struct.unpack_from("<I10xHHH", image, 32)
    for i in range(count):
        kind, flags, address, start, length = struct.unpack_from("<IIIII", image, offset + i * entry + 4)
        if kind == 1 and flags & 2 and address <= begin < address + length:
            end = re.findall(r"^([0-9a-f]+) ([0-9a-f]+) \S vectors\S*$", symbols, re.M)
            size = next((int(length, 16) for at, length in end if int(at, 16) == begin), 0)
            table = image[start + begin - address:][:size]
            return [word & ~1 for word, in struct.iter_unpack("<I", table)]
    raise Mistake(f"{elf}: there are no vectors at {begin:#x}")


# ---- One function. ----

def registers(text):
    """How many registers a list names."""
    count = 0
    for part in text.strip("{} ").split(","):
        ends = re.findall(r"[a-z]+(\d*)", part)
        count += int(ends[1]) - int(ends[0]) + 1 if "-" in part else 1
    return count


def change_of(function, i):
    """By how many bytes an instruction deepens the stack; negative: it gives back."""
    name, operands = i.name, i.operands
    base = name if name in ("subs", "movs", "adds") else re.sub(CONDITION + "$", "", name)
    if base in ("push", "pop"):
        return 4 * registers(operands) * (1 if base == "push" else -1)
    if base in ("vpush", "vpop"):
        return (8 if "{d" in operands else 4) * registers(operands) * (1 if base == "vpush" else -1)
    if base in ("stmdb", "ldmia", "ldm", "vstmdb", "vldmia") and operands.startswith("sp!"):
        wide = 8 if "{d" in operands else 4
        return wide * registers(operands.split(",", 1)[1]) * (1 if base.endswith("db") else -1)
    found = re.match(r"(?:sp, )?(?:sp, )?#(\d+)$", operands)
    if base in ("sub", "subw", "add", "addw") and operands.startswith("sp,") and found:
        return int(found[1]) * (1 if base.startswith("sub") else -1)
    found = re.search(r"\[sp, #(-?\d+)\]!$", operands) or re.search(r"\[sp\], #(-?\d+)$", operands)
    if found:
        return -int(found[1])
    if re.match(r"(sub|add|mov|bic|ldr)\w*$", base) and re.match(r"sp(,|$)", operands):
        function.unknown = f"{function.name} at {i.address:#x}: {name} {operands}: a frame whose size isn't known"
    return 0


def is_jump(i):
    """By a table: whereto isn't told by the instruction."""
    return i.name in ("tbb", "tbh") or i.name.startswith("ldr") and i.operands.startswith("pc, [") and "[sp]" not in i.operands


def walk(function):
    """Depth along all branches: frame and calls of the function."""
    at = {i.address: n for n, i in enumerate(function.code)}
    depths, todo = {}, [(0, 0)]
    jumps = any(is_jump(i) for i in function.code)

    def go(n, depth):
        if n < len(function.code) and depths.get(n, -1) < depth:
            depths[n] = depth
            todo.append((n, depth))

    depths[0] = 0
    while todo or jumps:
        if not todo:  # what a table of jumps leads to stands as deep as the table
            jumps = False
            deep = max((depths[n] for n, i in enumerate(function.code) if n in depths and is_jump(i)), default=0)
            for n in range(len(function.code)):
                if n not in depths:
                    go(n, deep)
            continue
        n, depth = todo.pop()
        i = function.code[n]
        deeper = depth + change_of(function, i)
        function.frame = max(function.frame, deeper)
        name = i.name
        call = CALL.match(name)
        if call:
            function.calls.append((depth, int(i.operands.split()[0], 16) if call[1] == "bl" else None, i.address))
        if name == "udf" or is_jump(i):
            continue
        if re.match("pop|ldm|ldr", name) and re.search(r"^pc\b|\bpc}", i.operands):
            if re.search(CONDITION + "$", name):
                go(n + 1, depth)
            continue
        if name.startswith("bx"):
            if i.operands != "lr":
                function.calls.append((depth, None, i.address))
            if name != "bx":
                go(n + 1, depth)
            continue
        if BRANCH.match(name):
            target = int(i.operands.split(", ")[-1].split()[0], 16)
            if target in at:
                go(at[target], deeper)
            else:
                function.calls.append((depth, target, i.address))
            if name == "b":
                continue
        go(n + 1, deeper)


# ---- Calls by pointer. ----

class Table:
    """Lines "CALLER …: CALLEE … !NOT …" with * and ? as in a shell, "recursion NAME N", "taken NAME …: why it isn't called"."""

    def __init__(self, files):
        self.calls, self.recursion, self.uncalled = {}, {}, []
        for name in files:
            with open(name, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    self.line(line.partition("#")[0].strip(), f"{name}:{number}")

    def line(self, line, where):
        words = line.partition(":")[0].split()
        if not line:
            return
        if words[0] == "recursion" and len(words) == 3 and words[2].isdigit():
            self.recursion[words[1]] = int(words[2])
        elif ":" not in line:
            raise Mistake(f"{where}: neither CALLER: CALLEE … nor recursion NAME N")
        elif words[0] == "taken":
            self.uncalled += words[1:]
        else:
            for caller in words:
                self.calls.setdefault(caller, []).extend(line.partition(":")[2].split())


def callers_of(elf, addresses):
    """{address: source function whose line it is, before inlining}."""
    if not addresses:
        return {}
    text = subprocess.run([TOOL + "addr2line", "-a", "-f", "-i", "-e", elf], input="".join(f"{a:#x}\n" for a in addresses),
                          check=True, capture_output=True, text=True).stdout.splitlines()
    return {int(line, 16): plain(text[n + 1]) for n, line in enumerate(text) if line.startswith("0x")}


def is_one(name, patterns):
    return any(fnmatch.fnmatchcase(plain(name), p) for p in patterns if p[0] != "!") and \
        not any(fnmatch.fnmatchcase(plain(name), p[1:]) for p in patterns if p[0] == "!")


class Image:
    def __init__(self, elf, table):
        self.functions = functions_of(elf)
        self.begins = sorted(self.functions)
        self.table, self.elf = table, elf
        self.vectors = vectors_of(elf)
        self.taken = taken_of(elf, self.functions) - set(self.vectors)
        for function in self.functions.values():
            walk(function)
        self.sources = callers_of(elf, sorted({at for f in self.functions.values() for _, target, at in f.calls if target is None}))
        self.memo, self.path = {}, []
        self.nobody = set()  # who calls by a pointer that no function of this image fits

    def at(self, address):
        """The function that an address lies in: branches into others' middle are possible by hand-written code."""
        return self.functions[self.begins[bisect.bisect_right(self.begins, address) - 1]]

    def by_name(self, name):
        for function in self.functions.values():
            if plain(function.name) == name:
                return function
        raise Mistake(f"{self.elf}: no function {name}")

    def targets(self, address):
        patterns = self.table.calls.get(self.sources[address])
        if patterns is None:
            raise Mistake(f"{self.sources[address]} calls by a pointer (at {address:#x}): name it, and whom, in tool/stack.txt or --calls")
        names = ((self.functions[a], self.functions[a].name) for a in sorted(self.taken))
        found = [f for f, name in names if is_one(name, patterns) and not is_one(name, self.table.uncalled)]
        if not found:
            self.nobody.add(self.sources[address])
        return found

    def depth(self, function):
        """(bytes, way) from a function on."""
        if function in self.memo:
            return self.memo[function]
        if function.unknown:
            raise Mistake(function.unknown)
        name = plain(function.name)
        times = self.path.count(function)
        if times > self.table.recursion.get(name, 0):
            if name in self.table.recursion:
                return 0, ()
            loop = self.path[self.path.index(function):] + [function]
            raise Mistake("recursion that isn't named: " + " → ".join(plain(f.name) for f in loop))
        self.path.append(function)
        best = function.frame, ((function, function.frame),)
        for depth, target, address in set(function.calls):
            for callee in [self.at(target)] if target is not None else self.targets(address):
                deeper, way = self.depth(callee)
                if depth + deeper > best[0]:
                    best = depth + deeper, ((function, depth),) + way
        self.path.pop()
        if not any(plain(f.name) in self.table.recursion for f in self.path) or not self.table.recursion:
            self.memo[function] = best
        return best

    def unnamed(self):
        """Functions whose address is taken, and that nothing in the table names."""
        groups = [*self.table.calls.values(), self.table.uncalled]
        names = (self.functions[a].name for a in self.taken)
        return sorted(plain(name) for name in names if not any(is_one(name, group) for group in groups))


# ---- The answer. ----

def interrupts_of(image):
    """[(bytes with what the processor stacks, name)] of each handler that comes back."""
    handlers = {image.functions[v] for v in image.vectors[FIRST_INTERRUPT:] if v in image.functions}
    faults = {image.functions[v] for v in image.vectors[1:7] if v in image.functions}
    return sorted((image.depth(f)[0] + EXCEPTION, plain(f.name)) for f in handlers - faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("elf")
    parser.add_argument("--entry", default="startup_c", help="where the stack begins (default: %(default)s, the main stack)")
    parser.add_argument("--calls", action="append", default=[], metavar="FILE", help="the product's own, as tool/stack.txt")
    parser.add_argument("--without", action="append", default=[], metavar="NAME",
                        help="what would it be without these functions (* and ? as in a shell): services that aren't listed")
    parser.add_argument("--thread", action="store_true", help="a thread's stack: one interrupt stacks there, and the kernel what it saves")
    parser.add_argument("--max", type=int, metavar="BYTES", help="more is a mistake")
    given = parser.parse_args()
    try:
        table = Table([TABLE, *given.calls])
        table.uncalled += given.without
        image = Image(given.elf, table)
        unnamed = image.unnamed()
        if unnamed:
            raise Mistake("nobody is said to call " + ", ".join(unnamed) + ": name it in tool/stack.txt or --calls")
        deepest, way = image.depth(image.by_name(given.entry))
        above = [(EXCEPTION + CONTEXT, "an interrupt and the kernel stack")] if given.thread else interrupts_of(image)
    except Mistake as mistake:
        sys.exit(f"stack: {mistake}")
    for function, depth in way:
        print(f"{depth:6} {plain(function.name)}")
    print(f"{deepest:6} from {given.entry} on")
    for depth, name in above:
        print(f"{depth:6} {name}")
    total = deepest + sum(depth for depth, _ in above)
    print(f"{total:6} bytes in all")
    if image.nobody:
        print("taken as calling nobody, since no function here is named for them: " + ", ".join(sorted(image.nobody)))
    if given.max is not None and total > given.max:
        sys.exit(f"stack: {total} bytes, more than {given.max}")


if __name__ == "__main__":
    main()
