#!/usr/bin/env python3
"""An HTML reference of the public headers, by Doxygen: reference.py [-o FOLDER]
As Doxygen's filter, which makes its comments of ours: reference.py --filter HEADER

A comment belongs to what stands behind it, or in front of it on its line. The first one of a header is the page of the file. Any
warning of Doxygen's is an error. SPDX-License-Identifier: MIT
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_includes  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOT_FOR_PRODUCTS = ("net/lwipopts.h", "net/http/http_private.h", "net/http/http_engine.h", "usb/ncm_parts.h",
                    "plugnet/plugnet_check.h", "plugnet/plugnet_name.h")
COMMENT = re.compile(r"/\*(.*?)\*/", re.DOTALL)
SPECIAL = re.compile(r'[\\@&$#<>%"]')
SETTINGS = {
    "PROJECT_NAME": "plugnet", "OPTIMIZE_OUTPUT_FOR_C": "YES", "GENERATE_LATEX": "NO", "QUIET": "YES", "MARKDOWN_SUPPORT": "NO",
    "EXTRACT_ALL": "YES", "FULL_PATH_NAMES": "YES", "STRIP_FROM_PATH": ROOT, "JAVADOC_AUTOBRIEF": "YES", "TYPEDEF_HIDES_STRUCT": "YES", "SORT_MEMBER_DOCS": "NO",
    "MACRO_EXPANSION": "YES", "EXPAND_ONLY_PREDEF": "YES", "SEARCH_INCLUDES": "NO", "SHOW_USED_FILES": "NO", "HAVE_DOT": "NO",
    "PREDEFINED": "PLUGNET_OWN_LOOP= __attribute__(x)= _Static_assert(x,y)= __cplusplus=0", "WARN_AS_ERROR": "FAIL_ON_WARNINGS",
    "WARN_IF_INCOMPLETE_DOC": "NO", "AUTOLINK_SUPPORT": "YES", "HTML_OUTPUT": ".",
}


def headers():
    """Of the rooms that a product may include."""
    found = [path for pattern in check_includes.PUBLIC if not pattern.startswith("<") for path in glob.glob(pattern, root_dir=ROOT)]
    return sorted(set(found) - set(NOT_FOR_PRODUCTS))


def escaped(text):
    return SPECIAL.sub(lambda match: "\\" + match[0], text)


def pictures(lines):
    """Indented lines keep their form."""
    out, inside = [], False
    for line in lines:
        indented = line.startswith("  ") if line.strip() else inside
        if indented != inside:
            out.append("\\verbatim" if indented else "\\endverbatim")
            inside = indented
        out.append(line if inside else escaped(line))
    return out + (["\\endverbatim"] if inside else [])


def comment_made(inner, before, first):
    """Doxygen's comment for one of ours; `before` is what stands in front of it on its line."""
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in inner.strip().split("\n")]
    if "SPDX-License-Identifier" in inner or re.match(r"\s*----", inner):
        return f"/*{inner}*/"
    if first:
        return "/** @file\n" + "\n".join(pictures(lines)) + "\n*/"
    mark = "/**<" if before.strip() else "/**"
    return f"{mark} " + "\n".join(escaped(line) for line in lines) + " */"


def filtered(text):
    out, at, first = [], 0, True
    for match in COMMENT.finditer(text):
        before = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
        inside_macro = before.lstrip().startswith("#") or before.rstrip().endswith("\\")
        out.append(text[at:match.start()])
        out.append(match[0] if inside_macro and "\n" in match[1] else comment_made(match[1], before, first))
        at, first = match.end(), False
    return "".join(out) + text[at:]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", metavar="FOLDER", dest="output", default="build/reference", help="default %(default)s")
    parser.add_argument("--filter", metavar="HEADER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.filter:
        with open(given.filter, encoding="utf-8") as file:
            sys.stdout.write(filtered(file.read()))
        return 0
    if not shutil.which("doxygen"):
        sys.exit("doxygen is missing: install Debian's package doxygen")
    os.makedirs(given.output, exist_ok=True)
    settings = {**SETTINGS, "INPUT": " ".join(headers()), "OUTPUT_DIRECTORY": os.path.abspath(given.output),
                "FILTER_PATTERNS": '"*.h=python3 tool/reference.py --filter"'}
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    done = subprocess.run(["doxygen", "-"], cwd=ROOT, input=text, text=True, check=False)
    if done.returncode == 0:
        print(f"{given.output}/index.html")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
