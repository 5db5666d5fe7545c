"""Peripherals by their names, in GDB: (gdb) source tool/svd.py

    svd load FILE             read a CMSIS-SVD file, as a chip's maker has it
    svd board                 instead: the names that the virtual board has; $GPIOD is then the address of GPIOD
    svd                       peripherals
    svd GPIOD                 registers of one, with their values
    svd GPIOD.ODR             a register, with its fields
    svd GPIOD.ODR = 0x1000    set it; the value is any expression of GDB
    svd GPIOD.ODR.ODR12 = 1   set a field, by reading, changing and writing; the value may be the name of one

What a read would change, or what can't be read, is left out of lists; a register that is named is read as it is asked.
"""
# SPDX-License-Identifier: MIT
import copy
import re
import xml.etree.ElementTree as ET

import gdb  # made by GDB, with Python in it

DIM_MAX = 4096  # elements of one array
DEPTH_MAX = 8  # clusters in clusters, and what is derived from what is derived
INHERITED = ("size", "access", "resetValue", "resetMask")


class SvdError(Exception):
    """Said in one line."""


def text_of(element, tag, default=None):
    text = element.findtext(tag)
    return default if text is None else " ".join(text.split())


def number_of(element, tag, default=None):
    """Decimal, 0x, or # for binary, as the format has it."""
    text = text_of(element, tag)
    if text is None:
        if default is None:
            raise SvdError(f"{text_of(element, 'name', element.tag)}: <{tag}> is missing")
        return default
    try:
        word = text.lower().lstrip("+")
        return int(word[1:], 2) if word.startswith("#") else int(word, 16 if word.startswith("0x") else 10)
    except ValueError:
        raise SvdError(f"{text_of(element, 'name', element.tag)}: <{tag}> is no number: {text!r}") from None


def derive(element, find, depth=0):
    """With what it takes over from another one (derivedFrom); its own comes first."""
    name = element.get("derivedFrom")
    if not name:
        return element
    base = find(name)
    if base is None or depth == DEPTH_MAX:
        raise SvdError(f"{text_of(element, 'name', element.tag)}: derived from {name!r}, which isn't there")
    made = copy.copy(element)
    for child in derive(base, find, depth + 1):
        if made.find(child.tag) is None:
            made.append(child)
    return made


def array_of(element):
    """(name, offset behind the first) of each that an array stands for; of itself, where it is none."""
    name = text_of(element, "name")
    if name is None:
        raise SvdError(f"a <{element.tag}> has no name")
    if element.find("dim") is None:
        return [(name, 0)]
    count, step = number_of(element, "dim"), number_of(element, "dimIncrement")
    if not 0 < count <= DIM_MAX:
        raise SvdError(f"{name}: {count} elements")
    words = text_of(element, "dimIndex", f"0-{count - 1}")
    if match := re.fullmatch(r"(\d+)-(\d+)", words):
        indices = [str(index) for index in range(int(match[1]), int(match[1]) + count)]
    else:
        indices = [word.strip() for word in words.split(",")]
    if len(indices) < count:
        raise SvdError(f"{name}: {count} elements, and {len(indices)} names for them")
    return [(name.replace("[%s]", indices[i]).replace("%s", indices[i]), i * step) for i in range(count)]


def inherited(element, above):
    return {**above, **{tag: text_of(element, tag) for tag in INHERITED if element.find(tag) is not None}}


class Field:
    def __init__(self, element, name, offset, register):
        if element.find("bitRange") is not None:
            match = re.fullmatch(r"\[(\d+):(\d+)\]", text_of(element, "bitRange"))
            if not match:
                raise SvdError(f"{register.name}.{name}: bitRange {text_of(element, 'bitRange')!r}")
            high, low = int(match[1]), int(match[2])
        elif element.find("lsb") is not None:
            high, low = number_of(element, "msb"), number_of(element, "lsb")
        else:
            low = number_of(element, "bitOffset")
            high = low + number_of(element, "bitWidth", 1) - 1
        self.name, self.low, self.high = name, low + offset, high + offset
        if not 0 <= self.low <= self.high < register.bits:
            raise SvdError(f"{register.name}.{name}: bits {self.high} to {self.low} of {register.bits}")
        self.mask = (1 << self.high - self.low + 1) - 1
        self.description = text_of(element, "description", "")
        self.names = {}
        for value in element.iterfind("enumeratedValues/enumeratedValue"):
            if value.find("value") is not None and "x" not in text_of(value, "value").lower().lstrip("#+").removeprefix("0x"):
                self.names[number_of(value, "value")] = text_of(value, "name", "")


class Register:
    def __init__(self, element, name, address, above):
        properties = inherited(element, above)
        self.name, self.address, self.element = name, address, element
        try:
            self.bits = int(properties.get("size", "32"), 0)
        except ValueError:
            self.bits = 0
        if self.bits not in (8, 16, 32, 64):
            raise SvdError(f"{name}: a register of {properties['size']} bits")
        self.access = properties.get("access", "read-write")
        self.description = text_of(element, "description", "")
        self.quiet = element.find("readAction") is None and element.find("fields/field/readAction") is None
        self._fields = None

    @property
    def readable(self):
        return not self.access.startswith("write")

    def fields(self):
        """Those with the highest bits first."""
        if self._fields is None:
            found = self.element.findall("fields/field")
            self._fields = []
            for element in found:
                element = derive(element, lambda name: next((f for f in found if text_of(f, "name") == name.split(".")[-1]), None))
                self._fields += [Field(element, name, offset, self) for name, offset in array_of(element)]
            self._fields.sort(key=lambda field: -field.low)
        return self._fields


class Peripheral:
    def __init__(self, element, name, address, above):
        self.name, self.address, self.element = name, address, element
        self.description = text_of(element, "description", "")
        self.above = inherited(element, above)
        self._registers = None

    def registers(self):
        """Made when they are asked for: a file may have ten thousand."""
        if self._registers is None and self.element.find("registers") is None:
            self._registers = []
        elif self._registers is None:
            self._registers = list(self._walk(self.element.find("registers"), "", self.address, self.above, 0))
            self._registers.sort(key=lambda register: register.address)
        return self._registers

    def _walk(self, parent, prefix, address, above, depth):
        if depth == DEPTH_MAX:
            raise SvdError(f"{self.name}: clusters in clusters, {depth} deep")
        for element in parent:
            if element.tag not in ("register", "cluster"):
                continue
            element = derive(element, lambda name: next(
                (e for e in self.element.iter(element.tag) if text_of(e, "name") == name.split(".")[-1]), None))
            for name, offset in array_of(element):
                at = address + number_of(element, "addressOffset") + offset
                if element.tag == "register":
                    yield Register(element, prefix + name, at, above)
                else:
                    yield from self._walk(element, prefix + name + ".", at, inherited(element, above), depth + 1)


def device_read(path):
    """The peripherals of an SVD file, by address."""
    try:
        root = ET.parse(path).getroot()
    except OSError as error:
        raise SvdError(f"{path}: {error.strerror}") from None
    except (ET.ParseError, ValueError) as error:
        raise SvdError(f"{path}: not XML: {error}") from None
    found = root.findall("peripherals/peripheral")
    if root.tag != "device" or not found:
        raise SvdError(f"{path}: not a CMSIS-SVD file: no <device> with <peripherals>")
    made = []
    for element in found:
        element = derive(element, lambda name: next((e for e in found if text_of(e, "name") == name), None))
        made += [Peripheral(element, name, number_of(element, "baseAddress") + offset, inherited(root, {}))
                 for name, offset in array_of(element)]
    return sorted(made, key=lambda peripheral: peripheral.address)


def board_read():
    """The virtual board's own names: peripherals without registers."""
    try:
        said = gdb.execute("monitor peripherals", to_string=True)
    except gdb.error as error:
        raise SvdError(f"'monitor peripherals' isn't answered, so this is no virtual board: {error}") from None
    made = []
    for match in re.finditer(r"^(\w+) +(0x[0-9a-f]+) 0x[0-9a-f]+( \(not modelled\))?$", said, re.MULTILINE):
        element = ET.Element("peripheral")
        ET.SubElement(element, "description").text = "not modelled" if match[3] else ""
        made.append(Peripheral(element, match[1], int(match[2], 16), {}))
        gdb.set_convenience_variable(match[1], int(match[2], 16))
    if not made:
        raise SvdError("'monitor peripherals' names none: only the virtual board has this command")
    return sorted(made, key=lambda peripheral: peripheral.address)


def named(things, name, what):
    found = [thing for thing in things if thing.name.lower() == name.lower()]
    if not found:
        near = [thing.name for thing in things if thing.name.lower().startswith(name.lower()[:3])][:8]
        raise SvdError(f"no {what} {name}" + (f"; there are {', '.join(near)}" if near else ""))
    return found[0]


def memory_read(register):
    """One access of the register's size."""
    try:
        return int.from_bytes(bytes(gdb.selected_inferior().read_memory(register.address, register.bits // 8)), "little")
    except gdb.error as error:
        raise SvdError(f"{register.name} at 0x{register.address:08x}: {error}") from None


def memory_write(register, value):
    try:
        gdb.selected_inferior().write_memory(register.address, value.to_bytes(register.bits // 8, "little"))
    except gdb.error as error:
        raise SvdError(f"{register.name} at 0x{register.address:08x}: {error}") from None


def digits(value, bits):
    return f"0x{value:0{(bits + 3) // 4}x}"


def field_show(field, value):
    part = value >> field.low & field.mask
    bits = f"[{field.high}:{field.low}]" if field.high > field.low else f"[{field.low}]"
    meaning = f"{field.names[part]} " if part in field.names else ""
    return f"  {bits:<8} {field.name:<14} {digits(part, field.high - field.low + 1):<12} {meaning}{field.description}".rstrip() + "\n"


class Svd(gdb.Command):
    __doc__ = __doc__

    def __init__(self):
        super().__init__("svd", gdb.COMMAND_DATA)
        self.peripherals = []

    def invoke(self, argument, from_tty):
        try:
            self.run(argument.strip())
        except SvdError as error:
            raise gdb.GdbError(f"svd: {error}") from None

    def run(self, argument):
        word, _, rest = argument.partition(" ")
        if word == "load":
            self.peripherals = device_read(gdb.string_to_argv(rest)[0] if rest.strip() else self.usage())
            gdb.write(f"{len(self.peripherals)} peripherals\n")
        elif argument == "board":
            self.peripherals = board_read()
            gdb.write(f"{len(self.peripherals)} peripherals\n")
        elif not self.peripherals:
            raise SvdError("nothing is known yet: 'svd load FILE' reads a CMSIS-SVD file, 'svd board' asks the virtual board")
        elif not argument:
            for peripheral in self.peripherals:
                gdb.write(f"{peripheral.name:<14} 0x{peripheral.address:08x}  {peripheral.description}".rstrip() + "\n")
        else:
            name, equals, value = (part.strip() for part in argument.partition("="))
            if equals:
                self.set(name, value)
            else:
                self.show(name)

    def usage(self):
        raise SvdError("svd load FILE: the file is missing")

    def find(self, name):
        """The peripheral, its register or None, and the field of that or None. Names of clusters' registers have dots."""
        parts = name.split(".")
        peripheral = named(self.peripherals, parts[0], "peripheral")
        if len(parts) == 1:
            return peripheral, None, None
        registers = peripheral.registers()
        rest = ".".join(parts[1:])
        whole = [register for register in registers if register.name.lower() == rest.lower()]
        if whole:
            return peripheral, whole[0], None
        if len(parts) == 2:
            return peripheral, named(registers, rest, f"register in {peripheral.name}:"), None
        register = named(registers, ".".join(parts[1:-1]), f"register in {peripheral.name}:")
        return peripheral, register, named(register.fields(), parts[-1], f"field in {peripheral.name}.{register.name}:")

    def show(self, name):
        peripheral, register, field = self.find(name)
        if not register:
            gdb.write(f"{peripheral.name} at 0x{peripheral.address:08x}  {peripheral.description}".rstrip() + "\n")
            for it in peripheral.registers():
                value = digits(memory_read(it), it.bits) if it.readable and it.quiet else it.access if not it.readable else \
                    "not read: reading changes it"
                gdb.write(f"  0x{it.address - peripheral.address:03x} {it.name:<14} {value:<12} {it.description}".rstrip() + "\n")
            return
        if not register.readable:
            raise SvdError(f"{peripheral.name}.{register.name} is {register.access}")
        value = memory_read(register)
        if field:
            gdb.write(field_show(field, value))
            return
        gdb.write(f"{peripheral.name}.{register.name} at 0x{register.address:08x} = {digits(value, register.bits)}  "
                  f"{register.description}".rstrip() + "\n")
        for it in register.fields():
            gdb.write(field_show(it, value))

    def set(self, name, text):
        peripheral, register, field = self.find(name)
        if not register:
            raise SvdError(f"{peripheral.name} is a peripheral: name a register of it")
        if register.access == "read-only":
            raise SvdError(f"{peripheral.name}.{register.name} is {register.access}")
        names = {word.lower(): number for number, word in field.names.items()} if field else {}
        try:
            value = names[text.lower()] if text.lower() in names else int(gdb.parse_and_eval(text))
        except gdb.error as error:
            raise SvdError(f"{text!r}: {error}") from None
        bits = field.high - field.low + 1 if field else register.bits
        if not 0 <= value < 1 << bits:
            raise SvdError(f"{value} doesn't fit {bits} bit{'s' if bits > 1 else ''}")
        if field:
            old = memory_read(register) if register.readable else 0
            value = old & ~(field.mask << field.low) | value << field.low
        memory_write(register, value)

    def complete(self, text, _word):
        """Peripherals, then registers of one; GDB wants what comes behind the last dot."""
        first, dot, rest = text.partition(".")
        done = rest.rfind(".") + 1
        try:
            if not dot:
                return [it.name for it in self.peripherals if it.name.lower().startswith(first.lower())]
            registers = named(self.peripherals, first, "peripheral").registers()
            return [it.name[done:] for it in registers if it.name.lower().startswith(rest.lower())]
        except SvdError:
            return []


Svd()
