#!/usr/bin/env python3
"""Pack a web site's folder into C, as resources for net/http/http.h.

    tool/site_pack.py app/site --name site_resources -o build/site/site.c

The C file defines `const struct http_resource NAME[]`; beside it a header of the same name declares it, and has the
constant NAME_count. CSS and JavaScript lose comments and spaces, by esbuild, which parses them; names and statements stay
as they are, and a file that it can't read is packed as it is. HTML is packed as it is. Everything is gzipped where that makes
it smaller, ETags are hashes of the content: same input, same output, byte for byte. index.html is served as its
folder's path too. Names that begin with a dot, and editors' copies that end in ~, are left out.

--shared takes a file of plugnet's own site as well, so that a product needs no copy of it: update.js, which moves the card
"Firmware" (docs/update.md).

Files of at most --plain-max bytes are there without gzip, too, for clients that can't read it: wget, Python's urllib,
PowerShell. Larger ones answer such a client by 406 and say why.

What the server couldn't serve is refused, with what to do about it.
"""
# SPDX-License-Identifier: MIT
import argparse
import gzip
import hashlib
import os
import re
import subprocess
import sys

TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".json": "application/json", ".txt": "text/plain; charset=utf-8", ".ico": "image/x-icon",
    ".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".woff2": "font/woff2",
    ".wasm": "application/wasm", ".pdf": "application/pdf", ".xml": "application/xml",
    ".webmanifest": "application/manifest+json",
}
SHARED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "app", "site")
SHARED_NAMES = ("update.js",)
PLAIN_MAX = 4096  # bytes, a page's frame; two copies of a larger file would cost too much flash
GAIN_MIN = 64  # bytes that gzip must save for a second copy to be worth it
PATH_MAX = 63  # HTTP_TEXT_MAX of net/http/http.h
SIZE_MAX = 1 << 20  # bytes of all, packed: the flash of the largest board
SOURCE_MAX = 16 << 20  # bytes of one file as it is
MINIFIED = {".css": "css", ".js": "js"}  # esbuild's loaders
TEXTS = (".html", *MINIFIED)


class SiteError(Exception):
    pass


# ---- Making it smaller ----

def minify(name, data, loader):
    """Without comments and spaces that mean nothing; None: esbuild can't read it."""
    command = ["esbuild", f"--loader={loader}", "--minify-whitespace", "--tree-shaking=false", "--charset=utf8",
               "--log-level=error", "--color=false", f"--sourcefile={name}"]
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600, check=False)
    except FileNotFoundError:
        raise SiteError("esbuild is missing: install Debian's package esbuild, or leave scripts and styles as they are: "
                        "--no-minify (make SITE_FLAGS=--no-minify)") from None
    if done.returncode == 0 and b"url\\(" in done.stdout and b"url\\(" not in data:
        print(f"site_pack.py: {name}: packed as it is, since esbuild breaks url( with a space before a quote", file=sys.stderr)
        return None
    if done.returncode == 0:
        return done.stdout
    why = " ".join(done.stderr.decode("utf-8", "replace").split())
    print(f"site_pack.py: {name}: packed as it is, since esbuild can't read it: {why[:300]}", file=sys.stderr)
    return None


# ---- Packing ----

class Resource:
    def __init__(self, paths, name, data, plain_max=PLAIN_MAX, minified=True, policy=None):
        ending = os.path.splitext(name)[1].lower()
        if ending not in TYPES:
            raise SiteError(f"{name}: no content type is known for {ending or 'a name without ending'!r}; known are "
                            f"{' '.join(sorted(TYPES))}")
        self.paths, self.name, self.type = paths, name, TYPES[ending]
        self.source = len(data)
        if ending in TEXTS:
            try:
                data.decode("utf-8")
            except UnicodeDecodeError:
                raise SiteError(f"{name}: not UTF-8; save it as UTF-8") from None
        if ending in MINIFIED and minified:
            small = minify(name, data, MINIFIED[ending])
            data = data if small is None or not 0 < len(small) < len(data) else small
        self.plain = data
        packed = gzip.compress(data, 9, mtime=0)
        packed = packed[:9] + b"\xff" + packed[10:]  # "unknown system", whatever made it
        small = len(data) <= plain_max
        gzipped = len(packed) + (GAIN_MIN if small else 0) < len(data)
        # (body, whether it is gzip-coded), as the server wants them: gzip first, then the plain copy.
        self.bodies = [(packed, True)] if gzipped else []
        if small or not gzipped:
            self.bodies.append((data, False))
        self.headers = f"Content-Security-Policy: {policy}\r\n" if policy and ending == ".html" else None


def etag(body):
    return '"' + hashlib.sha256(body).hexdigest()[:12] + '"'


def file_read(path, inside):
    if not os.path.isfile(path):
        raise SiteError(f"{inside}: not a file, or a link to nothing; remove it")
    if os.path.getsize(path) > SOURCE_MAX:
        raise SiteError(f"{inside}: too large, more than {SOURCE_MAX} bytes; no board's flash has room for it")
    with open(path, "rb") as file:
        data = file.read()
    if not data:
        raise SiteError(f"{inside}: empty; put something into it, or remove it")
    return data


def paths_of(inside, path_max):
    """What the file is served as: the server compares these with the request's path after percent-decoding."""
    if not re.fullmatch(r"[\w./~-]+", inside, re.A):
        raise SiteError(f"{inside}: use letters, digits, '.', '-', '_' and '~' in names")
    paths = ["/" + inside]
    if os.path.basename(inside) == "index.html":
        paths.insert(0, "/" + inside[:-len("index.html")])
    if len(paths[-1]) > path_max:
        raise SiteError(f"{inside}: its path has {len(paths[-1])} characters, the server takes at most {path_max}; shorten it")
    return paths


def files_find(folder):
    """Each file's path in the site, in order."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if os.path.islink(os.path.join(place, name)):
                raise SiteError(f"{os.path.join(place, name)}: a link to a folder; put the folder itself there")
        for name in sorted(name for name in names if not name.startswith(".") and not name.endswith("~")):
            yield os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")


def site_check(resources):
    """What is wrong with all of them together."""
    taken = {}
    for resource in resources:
        for path in resource.paths:
            if path in taken:
                raise SiteError(f"{path} is both {taken[path]} and {resource.name}; remove one")
            taken[path] = resource.name
    size = sum(len(body) for resource in resources for body, _ in resource.bodies)
    if size > SIZE_MAX:
        largest = max(resources, key=lambda resource: len(resource.bodies[0][0]))
        raise SiteError(f"the site is too large: {size} bytes packed, no board's flash has more than {SIZE_MAX}; "
                        f"the largest file is {largest.name}, {len(largest.bodies[0][0])} bytes")


def shared_find(names):
    """(folder, name) of each, once."""
    for name in dict.fromkeys(names):
        if name not in SHARED_NAMES:
            raise SiteError(f"--shared {name}: no file that plugnet shares; there are: {' '.join(SHARED_NAMES)}")
        yield SHARED, name


def site_read(folder, plain_max=PLAIN_MAX, minified=True, path_max=PATH_MAX, policy=None, shared=()):
    resources, own = [], list(files_find(folder))
    for name in shared:
        if name in own:
            raise SiteError(f"{name} is in the site, and plugnet's is asked for; remove one: the file, or --shared {name} "
                            "(SITE_SHARED of make and CMake)")
    for place, inside in [*((folder, inside) for inside in own), *shared_find(shared)]:
        paths = paths_of(inside, path_max)
        data = file_read(os.path.join(place, inside), inside)
        resources.append(Resource(paths, inside, data, plain_max, minified, policy))
    if not resources:
        raise SiteError(f"{folder}: no files")
    site_check(resources)
    return resources


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n") + '"'


def head_of(resource, body, gzipped):
    """The rest of a gzip-coded file's head, behind what net/http/http_answer.c has for all of them (PACKED_LINES). The server makes the
    others. Whole words, as spaces behind a value are no part of it."""
    if not gzipped or resource.headers:
        return b""
    lines = [f"ETag: {etag(body)}", f"Content-Type: {resource.type}", f"Content-Length: {len(body)}", "", ""]
    lines[1] += " " * (-len("\r\n".join(lines)) % 4)
    head = "\r\n".join(lines).encode()
    if len(head) > 252:  # struct http_resource.head is a byte
        raise SiteError(f"{resource.name}: its Content-Type is {len(resource.type)} letters long")
    return head


def body_name(i, gzipped):
    return f"body_{i}" + ("_gzip" if gzipped else "")


def c_source(resources, name, header):
    lines = ["/* Made by tool/site_pack.py; change the site instead. */", "/* SPDX-License-Identifier: MIT */",
             f'#include "{header}"', ""]
    for i, resource in enumerate(resources):
        for body, gzipped in resource.bodies:
            lines.append(f"/* {resource.name} */")
            lines.append(f"static const uint8_t {body_name(i, gzipped)}[] __attribute__((aligned(4))) = {{")
            for part in (head_of(resource, body, gzipped), body):
                for at in range(0, len(part), 20):
                    lines.append("    " + " ".join(f"{byte}," for byte in part[at:at + 20]))
            lines += ["};", ""]
    longest = max(len(path) for resource in resources for path in resource.paths)
    lines += [f'_Static_assert({longest} <= HTTP_TEXT_MAX, "a path of the site is longer than the server takes");', ""]
    lines.append(f"const struct http_resource {name}[] = {{")
    for i, resource in enumerate(resources):
        for path in resource.paths:
            for body, gzipped in resource.bodies:
                lines.append(f"    {{.path = {c_string(path)},")
                lines.append(f"     .type = {c_string(resource.type)},")
                lines.append(f"     .etag = {c_string(etag(body))},")
                head = len(head_of(resource, body, gzipped))
                lines.append(f"     .body = {body_name(i, gzipped)}" + (f" + {head}, .head = {head}," if head else ","))
                lines.append(f"     .length = {len(body)},")
                lines.append(f"     .gzip = {'true' if gzipped else 'false'},")
                lines.append(f"     .headers = {c_string(resource.headers) if resource.headers else 'NULL'}}},")
    lines += ["};", ""]
    return "\n".join(lines)


def c_header(resources, name):
    count = sum(len(resource.paths) * len(resource.bodies) for resource in resources)
    guard = f"PLUGNET_SITE_{name.upper()}_H"
    return "\n".join(["/* Made by tool/site_pack.py; change the site instead. */", "/* SPDX-License-Identifier: MIT */",
                      f"#ifndef {guard}", f"#define {guard}", "", '#include "net/http/http.h"', "",
                      f"enum {{ {name}_count = {count} }};", f"extern const struct http_resource {name}[{name}_count];", "",
                      "#endif", ""])


def write(path, text):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    os.replace(path + ".new", path)


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--name", required=True, help="the C array's name")
    parser.add_argument("-o", "--out", required=True, metavar="FILE.c")
    parser.add_argument("--shared", action="append", default=[], metavar="NAME", help="plugnet's own file, too: " + ", ".join(SHARED_NAMES))
    parser.add_argument("--plain-max", type=int, default=PLAIN_MAX, metavar="BYTES",
                        help=f"files up to this size are held without gzip, too ({PLAIN_MAX})")
    parser.add_argument("--no-minify", action="store_true", help="pack scripts and styles as they are; esbuild isn't needed")
    parser.add_argument("--path-max", type=int, default=PATH_MAX, metavar="CHARACTERS",
                        help=f"where HTTP_TEXT_MAX was set to more ({PATH_MAX})")
    parser.add_argument("--policy", metavar="TEXT", help="the pages' own Content-Security-Policy, instead of the server's")
    parser.add_argument("--quiet", action="store_true", help="don't print sizes")
    options = parser.parse_args(argv)
    if not re.fullmatch(r"[A-Za-z_]\w*", options.name, re.A):
        parser.error("--name must be a C name")
    if options.policy is not None and not re.fullmatch(r"[ -~]{1,170}", options.policy):
        parser.error("--policy must be 1 to 170 printable characters")
    if not options.out.endswith(".c"):
        parser.error("--out must end in .c")
    header = options.out[:-2] + ".h"
    try:
        resources = site_read(options.folder, options.plain_max, not options.no_minify, options.path_max, options.policy,
                              options.shared)
        write(options.out, c_source(resources, options.name, os.path.basename(header)))
        write(header, c_header(resources, options.name))  # after it, as make's rules say
    except (SiteError, OSError) as error:
        print(f"site_pack.py: {error}", file=sys.stderr)
        return 1
    if not options.quiet:
        copies = 0
        for resource in resources:
            copy = len(resource.bodies[1][0]) if len(resource.bodies) > 1 else 0
            copies += copy
            print(f"{resource.source:7} -> {len(resource.bodies[0][0]):6}  {resource.paths[0]}"
                  + (f", and a plain copy: {copy}" if copy else ""))
        print(f"{sum(r.source for r in resources):7} -> {sum(len(r.bodies[0][0]) for r in resources):6}  bytes in flash"
              f" and {copies} of plain copies")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
