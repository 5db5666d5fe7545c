#!/usr/bin/env python3
"""What is really linked into an image, as a CycloneDX 1.5 document: sbom.py IMAGE.elf [--version TEXT] [-o FILE.cdx.json]

Sources are those that the image's line table has code of; members of the compiler's libraries those that the map beside it
(IMAGE.map) has placed. Versions come from the sources themselves. The same image gives the same document.
SPDX-License-Identifier: MIT
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import size  # noqa: E402
import stamp  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LICENCES = {"plugnet": "MIT", "lwip": "BSD-3-Clause", "FreeRTOS-Kernel": "MIT"}
MARKS = {"lwip": ("src/include/lwip/init.h", "src/core/init.c"), "FreeRTOS-Kernel": ("include/FreeRTOS.h", "tasks.c")}
PRODUCTS = ("..", "app", "examples", "template", "test", "build")  # folders that are a product's, seen from plugnet's
LIBRARIES = {  # archive: component and licence
    "libgcc.a": ("libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1"),
    "libc.a": ("newlib", "BSD-2-Clause AND BSD-3-Clause"),
    "libc_nano.a": ("newlib", "BSD-2-Clause AND BSD-3-Clause"),
    "libm.a": ("newlib", "BSD-2-Clause AND BSD-3-Clause"),
}


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def sources_of(elf):
    """Paths of the sources that code of the image comes from; names in it are from where the build ran, our folder or whole."""
    found = set()
    for name, begin, length, _ in size.addresses_of(elf):
        if name not in (".guard", ".text"):
            continue
        text = "".join(f"{address:#x}\n" for address in range(begin, begin + length, 2))
        lines = subprocess.run([stamp.TOOL + "addr2line", "-e", elf], input=text, check=True, capture_output=True, text=True)
        found.update(line.rpartition(":")[0] for line in lines.stdout.splitlines())
    return {os.path.abspath(path) for path in found if os.path.isfile(path)}  # the compiler's libraries have none here


def members_of(elf):
    """{archive's name: its members} with code or data in the image, by the linker's map."""
    found = {}
    text = read(os.path.splitext(elf)[0] + ".map").partition("Linker script and memory map")[2]
    for address, length, archive, member in re.findall(
            r"^ \.(?:text|rodata|data|bss)\S*\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) \S*?([\w.]+\.a)\(([^)]*)\)", text, re.MULTILINE):
        if int(address, 16) and int(length, 16):
            found.setdefault(archive, set()).add(member)
    return found


def folder_above(path, *marks):
    """The nearest folder above that has all of these files."""
    while len(path) > 1:
        path = os.path.dirname(path)
        if all(os.path.exists(os.path.join(path, mark)) for mark in marks):
            return path
    return None


def upstream_of(path):
    """(component, its folder, path inside) of a source; None: it is the product's own."""
    for name, marks in MARKS.items():
        folder = folder_above(path, *marks)
        if folder is not None:
            return name, folder, os.path.relpath(path, folder)
    inside = os.path.relpath(path, ROOT)
    return None if inside.split(os.sep)[0] in PRODUCTS else ("plugnet", ROOT, inside)


def version_of(name, folder):
    if name == "lwip":
        text = read(f"{folder}/src/include/lwip/init.h")
        return ".".join(re.search(rf"define LWIP_VERSION_{part}\s+(\d+)", text)[1] for part in ("MAJOR", "MINOR", "REVISION"))
    if name == "FreeRTOS-Kernel":
        return re.search(r'tskKERNEL_VERSION_NUMBER\s+"(V[^"]*)"', read(f"{folder}/include/task.h"))[1]
    return re.search(r"^## ([0-9.]+)", read(f"{folder}/CHANGELOG.md"), re.MULTILINE)[1]


def compiler_says(*words, text=""):
    return subprocess.run([stamp.TOOL + "gcc", *words], input=text, check=True, capture_output=True, text=True).stdout.strip()


def library_version(name):
    if name == "libgcc":
        return compiler_says("-dumpfullversion")
    found = re.search(r'_NEWLIB_VERSION "([^"]+)"', compiler_says("-E", "-dM", "-include", "newlib.h", "-xc", "-"))
    return found[1] if found else "unknown"


def component(name, version, licence, files, kind="library"):
    expression = {"expression": licence} if " " in licence else {"license": {"id": licence}}
    return {
        "type": kind, "bom-ref": f"{name}@{version}", "name": name, "version": version,
        "licenses": [expression],
        "properties": [{"name": "linked", "value": file} for file in sorted(files)],
    }


def components_of(elf):
    upstream, own = {}, set()
    for path in sources_of(elf):
        found = upstream_of(path)
        if found is not None:
            upstream.setdefault(found[:2], set()).add(found[2])
        elif not path.startswith("/usr/"):
            own.add(os.path.basename(path))
    made = [component(name, version_of(name, folder), LICENCES[name], files) for (name, folder), files in sorted(upstream.items())]
    libraries = {}
    for archive, members in members_of(elf).items():
        if archive in LIBRARIES:
            libraries.setdefault(LIBRARIES[archive], set()).update(members)
    made += [component(name, library_version(name), licence, members) for (name, licence), members in sorted(libraries.items())]
    return made, own


def document(elf, version):
    with open(elf, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    components, own = components_of(elf)
    name = os.path.splitext(os.path.basename(elf))[0]
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "plugnet tool/sbom.py"},
                                     {"type": "application", "name": "gcc", "version": compiler_says("-dumpfullversion")}]},
            "component": {"type": "firmware", "bom-ref": name, "name": name, **({"version": version} if version else {}),
                          "hashes": [{"alg": "SHA-256", "content": digest}],
                          "properties": [{"name": "linked", "value": file} for file in sorted(own)]},
        },
        "components": components,
        "dependencies": [{"ref": name, "dependsOn": [part["bom-ref"] for part in components]}],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elf", metavar="IMAGE.elf")
    parser.add_argument("--version", default="", help="the product's own")
    parser.add_argument("-o", metavar="FILE", dest="output", help="default: IMAGE.cdx.json")
    given = parser.parse_args()
    output = given.output or os.path.splitext(given.elf)[0] + ".cdx.json"
    try:
        text = json.dumps(document(given.elf, given.version), indent=1)
        with open(output, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        sys.exit(f"sbom: {error.filename}: {error.strerror}")
    print(output)


if __name__ == "__main__":
    main()
