#!/usr/bin/env python3
"""Pack a web site's folder into C, as resources for net/http.h.

    tool/site_pack.py app/site --name site_resources -o build/site/site.c

The C file defines `const struct http_resource NAME[]`; beside it a header of the same name declares it, and has the
constant NAME_count. HTML, CSS and JavaScript lose comments and indentation, everything is gzipped where that makes
it smaller. Files of at most --plain-max bytes are there without gzip, too, for clients that can't read it: wget,
Python's urllib, PowerShell. Larger ones answer such a client by 406 and say why. ETags are hashes of the content: same input, same output, byte for byte. index.html is served as its
folder's path too. Names that begin with a dot are left out.
"""
# SPDX-License-Identifier: MIT
import argparse
import gzip
import hashlib
import os
import re
import sys

TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".json": "application/json", ".txt": "text/plain; charset=utf-8", ".ico": "image/x-icon",
    ".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".woff2": "font/woff2",
    ".wasm": "application/wasm", ".pdf": "application/pdf", ".xml": "application/xml",
    ".webmanifest": "application/manifest+json",
}
# The server adds Cache-Control, nosniff and X-Frame-Options by itself.
PAGE_HEADERS = "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n"
PATH_MAX = 95  # HTTP_TEXT_MAX
PLAIN_MAX = 4096  # bytes, a page's frame; two copies of a larger file would cost too much flash
GAIN_MIN = 64  # bytes that gzip must save for a second copy to be worth it


class SiteError(Exception):
    pass


# ---- Making it smaller, only by what can't change its meaning ----

JS_TOKEN = re.compile(r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<regex>(?:(?<=[(,=:\[!&|?{};\n])[ ]*|(?<=\breturn)[ ]*)/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/[a-z]*)
  | (?P<template>`)
""", re.S | re.X)


def js_template_end(text, at):
    """Where the template literal that begins at `at` ends; ${…} may hold further ones."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == "`":
            return at + 1
        elif text.startswith("${", at):
            at = js_braces_end(text, at + 2)
        else:
            at += 1
    raise SiteError("a template literal doesn't end")


def js_braces_end(text, at):
    depth = 1
    while at < len(text):
        if match := re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'").match(text, at):
            at = match.end()
        elif text[at] == "`":
            at = js_template_end(text, at)
        else:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
            if depth == 0:
                return at
    raise SiteError("${ in a template literal doesn't end")


def js_minify(text):
    """Without comments, indentation and empty lines; line ends stay, as they may end statements."""
    kept, pieces, at = [], [], 0
    while match := JS_TOKEN.search(text, at):
        pieces.append(text[at:match.start()])
        at = match.end()
        if match["comment"]:
            pieces.append("\n" if "\n" in match[0] else " ")
        else:
            if match["template"]:
                at = js_template_end(text, match.start())
            pieces.append(f"\0{len(kept)}\0")
            kept.append(text[match.start():at])
    pieces.append(text[at:])
    code = re.sub(r"[ \t\r]*\n\s*", "\n", "".join(pieces)).strip() + "\n"
    code = re.sub(r"[ \t]+", " ", code)
    code = re.sub(r" ?(=>|===|!==|[=<>]=|&&|\|\||[{}(),;:?*=]) ?", r"\1", code)
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])].strip(" "), code)


def css_minify(text):
    kept = []

    def keep(match):
        if match[0].startswith("/*"):
            return " "
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'", keep, text, flags=re.S)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};,]) ?", r"\1", text)  # not + - * / ( ): they need or mean their spaces
    text = re.sub(r": ", ":", text)
    text = text.replace(";}", "}").strip() + "\n"
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], text)


def html_minify(text):
    """Without comments, indentation and empty lines; not inside elements where spaces count."""
    parts = re.split(r"(<(pre|textarea|script|style)\b.*?</\2>)", text, flags=re.S | re.I)
    kept = ""
    for i, part in enumerate(parts):
        if i % 3 == 0:
            part = re.sub(r"<!--(?!\[).*?-->", "", part, flags=re.S)
            kept += re.sub(r"\s*\n\s*", "\n", part)
        elif i % 3 == 1:
            kept += part
    return kept.strip() + "\n"


MINIFY = {".html": html_minify, ".css": css_minify, ".js": js_minify}


# ---- Packing ----

class Resource:
    def __init__(self, paths, name, data, plain_max):
        ending = os.path.splitext(name)[1].lower()
        if ending not in TYPES:
            raise SiteError(f"{name}: no content type is known for {ending or 'a name without ending'!r}")
        self.paths, self.name, self.type = paths, name, TYPES[ending]
        self.source = len(data)
        if ending in MINIFY:
            try:
                data = MINIFY[ending](data.decode("utf-8")).encode("utf-8")
            except UnicodeDecodeError:
                raise SiteError(f"{name}: not UTF-8") from None
        self.plain = data
        packed = gzip.compress(data, 9, mtime=0)
        packed = packed[:9] + b"\xff" + packed[10:]  # "unknown system", whatever made it
        small = len(data) <= plain_max
        gzipped = len(packed) + (GAIN_MIN if small else 0) < len(data)
        # (body, whether it is gzip-coded), as the server wants them: gzip first, then the plain copy.
        self.bodies = [(packed, True)] if gzipped else []
        if small or not gzipped:
            self.bodies.append((data, False))
        self.headers = PAGE_HEADERS if ending == ".html" else None


def etag(body):
    return '"' + hashlib.sha256(body).hexdigest()[:12] + '"'


def site_read(folder, plain_max=PLAIN_MAX):
    resources = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".") and not name.endswith("~")):
            inside = os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            paths = ["/" + inside]
            if name == "index.html":
                paths.insert(0, "/" + inside[:-len(name)])
            if not re.fullmatch(r"[\w./~-]+", inside, re.A):
                raise SiteError(f"{inside}: use letters, digits, '.', '-', '_' and '~' in names")
            if len(paths[-1]) > PATH_MAX:
                raise SiteError(f"{inside}: paths have at most {PATH_MAX} characters")
            with open(os.path.join(place, name), "rb") as file:
                resources.append(Resource(paths, inside, file.read(), plain_max))
    if not resources:
        raise SiteError(f"{folder}: no files")
    return resources


def c_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n") + '"'


def body_name(i, gzipped):
    return f"body_{i}" + ("_gzip" if gzipped else "")


def c_source(resources, name, header):
    lines = ["/* Made by tool/site_pack.py; change the site instead. */", "/* SPDX-License-Identifier: MIT */",
             f'#include "{header}"', ""]
    for i, resource in enumerate(resources):
        for body, gzipped in resource.bodies:
            lines.append(f"/* {resource.name} */")
            lines.append(f"static const uint8_t {body_name(i, gzipped)}[] __attribute__((aligned(4))) = {{")
            for at in range(0, len(body), 20):
                lines.append("    " + " ".join(f"{byte}," for byte in body[at:at + 20]))
            lines += ["};", ""]
    lines.append(f"const struct http_resource {name}[] = {{")
    for i, resource in enumerate(resources):
        for path in resource.paths:
            for body, gzipped in resource.bodies:
                lines.append(f"    {{.path = {c_string(path)},")
                lines.append(f"     .type = {c_string(resource.type)},")
                lines.append(f"     .etag = {c_string(etag(body))},")
                lines.append(f"     .body = {body_name(i, gzipped)},")
                lines.append(f"     .length = {len(body)},")
                lines.append(f"     .gzip = {'true' if gzipped else 'false'},")
                lines.append(f"     .headers = {c_string(resource.headers) if resource.headers else 'NULL'}}},")
    lines += ["};", ""]
    return "\n".join(lines)


def c_header(resources, name):
    count = sum(len(resource.paths) * len(resource.bodies) for resource in resources)
    guard = f"PLUGNET_SITE_{name.upper()}_H"
    return "\n".join(["/* Made by tool/site_pack.py; change the site instead. */", "/* SPDX-License-Identifier: MIT */",
                      f"#ifndef {guard}", f"#define {guard}", "", '#include "net/http.h"', "",
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
    parser.add_argument("--plain-max", type=int, default=PLAIN_MAX, metavar="BYTES",
                        help=f"files up to this size are held without gzip, too ({PLAIN_MAX})")
    parser.add_argument("--quiet", action="store_true", help="don't print sizes")
    options = parser.parse_args(argv)
    if not re.fullmatch(r"[A-Za-z_]\w*", options.name, re.A):
        parser.error("--name must be a C name")
    if not options.out.endswith(".c"):
        parser.error("--out must end in .c")
    header = options.out[:-2] + ".h"
    try:
        resources = site_read(options.folder, options.plain_max)
        write(header, c_header(resources, options.name))
        write(options.out, c_source(resources, options.name, os.path.basename(header)))
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
