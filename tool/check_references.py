#!/usr/bin/env python3
"""Check that what comments and documents refer to is there.

    tool/check_references.py [--root FOLDER]

    facts      "facts.md C1", also "facts.md A1 to A3, C2": sections of docs/facts.md
    sections   a page's name before "section" and a number, or before a title in quotes: headings of that page
    files      a name of a file: one of the tree, or one of those listed below as other people's
    functions  "name()" of ours: a word of some C file's code

Comments of C and assembly, docstrings and comments of Python, comments of make and shell, all of a page. CHANGELOG.md
tells of files that are gone. Words in capitals are placeholders (NAME.c). Prints "ok NAME" and "not ok NAME: why" lines
(tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import argparse
import fnmatch
import io
import os
import re
import subprocess
import sys
import tokenize

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check_includes  # noqa: E402

FACTS = "docs/facts.md"
HISTORY = ("CHANGELOG.md",)

# Files of others that comments name, as shell patterns. An entry that nothing names any more is an error.
FOREIGN = {
    "drivers/usb/misc/usbtest.c": "Linux",
    "hub.c": "Linux",
    "include/payloads.h": "iperf 2",
    "dfuse.c": "dfu-util",
    "dfu_file.c": "dfu-util",
    "stm32*.h": "ST's device headers",
    "stm32f4xx_ll_usb.c": "ST's driver",
    "core_cm4.h": "CMSIS",
}
HEADERS = [header for group in check_includes.GROUPS.values() for header in group]
MADE = ("build/", "site.h", "plugnet_options.h", "compile_commands.json", "profile.json", "bench.json")  # by our own programs, or by a product

ENDINGS = "c|h|S|py|sh|mk|md|inc|ld|txt|json|js|html|css"
FILE = re.compile(r"(?<![\w</.*@-])((?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.(?:" + ENDINGS + r"))\b(?![\w(/])")
ONE = r"[A-Z][0-9]*"
FACT = re.compile(rf"\bfacts\.md((?:(?:,|\s+and|\s+to|\s+or)?\s+{ONE}\b)+)")
NUMBERED = re.compile(r"\b([A-Za-z_/]*[A-Z][A-Z_]{3,}(?:\.md)?|[\w/]+\.md),? (?:section|chapter) (\d+)")
TITLED = re.compile(r'\b([\w/]+\.md)(?: ' + ONE + r')?, "([^"\n]+)"')
FUNCTION = re.compile(r"\b([a-z]\w*_\w+)\(\)")
UNDEFINED = re.compile(r"\bFACTS\b")
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def joined(text):
    """Text with the decoration of comment lines as spaces, so that a reference may run on into the next line."""
    return re.sub(r"\n([ \t]*(?:\*|//|#)(?!/) ?)", lambda match: "\n" + " " * len(match[1]), text)


def c_comments(text):
    for match in TOKEN.finditer(text):
        if match[0].startswith("/"):
            yield match.start(), match[0]


def python_comments(text):
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    before = None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        docstring = token.type == tokenize.STRING and before in (None, tokenize.INDENT, tokenize.NEWLINE, tokenize.DEDENT)
        if token.type == tokenize.COMMENT or docstring:
            yield starts[token.start[0] - 1] + token.start[1], token.string
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type


def hash_comments(text):
    for match in re.finditer(r"(?:^|(?<=\s))#[^\n]*", text):
        yield match.start(), match[0]


def comments_of(path, text):
    """(offset, text) of what is written for readers in a file."""
    if path.endswith((".c", ".cpp", ".h", ".S", ".inc")):
        return c_comments(text)
    if path.endswith(".py"):
        return python_comments(text)
    if path.endswith(".md"):
        return [(0, text)]
    return hash_comments(text)


def files_find(root):
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    found = done.stdout.split("\n") if done.returncode == 0 else [
        os.path.relpath(os.path.join(folder, name), root) for folder, _, names in os.walk(root) for name in names]
    return sorted(path for path in set(found)
                  if path and not path.startswith("build/") and os.path.isfile(os.path.join(root, path)))


class Tree:
    """What can be referred to."""

    def __init__(self, root):
        self.files = files_find(root)
        self.texts = {}
        for path in self.files:
            if path.endswith(tuple("." + ending for ending in "c cpp h S inc py mk sh md".split())) or "." not in path:
                with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
                    self.texts[path] = file.read()
        self.endings = {path[at:] for path in self.files for at in [0] + [m.end() for m in re.finditer("/", path)]}
        self.headings = {path: re.findall(r"^#+ (.+?)\s*$", text, re.M) for path, text in self.texts.items()
                         if path.endswith(".md")}
        self.words = set()
        for path, text in self.texts.items():
            if path.endswith((".c", ".cpp", ".h", ".S", ".inc")):
                self.words.update(re.findall(r"\w+", TOKEN.sub(" ", text)))
        self.foreign_used = set()

    def page(self, name):
        """The path of a page by its name, with or without folder and ending; None where there is none."""
        name = name if name.endswith(".md") else name + ".md"
        return next((path for path in self.headings if path == name or path.endswith("/" + name)), None)

    def file_known(self, name, beside):
        if name in self.endings or os.path.normpath(os.path.join(os.path.dirname(beside), name)) in self.endings:
            return True
        parts = [part.split(".")[0] for part in name.split("/")]
        if not name.endswith(".md") and any(re.fullmatch(r"[A-Z]{2,}(?:[-_][A-Z]+)*", part) for part in parts):
            return True  # a placeholder
        if name.startswith(MADE) or any(fnmatch.fnmatchcase(name, header) for header in HEADERS):
            return True
        for pattern in FOREIGN:
            if fnmatch.fnmatchcase(name, pattern):
                self.foreign_used.add(pattern)
                return True
        return False


def facts_wrong(tree, text):
    known = {heading.split(" ")[0].rstrip(".") for heading in tree.headings.get(FACTS, ())}
    for match in FACT.finditer(text):
        for section in re.findall(ONE, match[1]):
            if section not in known:
                yield match.start(), f"{FACTS} has no section {section}"
    for match in UNDEFINED.finditer(text):
        yield match.start(), "FACTS is no page, facts.md with a section is"


def sections_wrong(tree, text):
    for match in NUMBERED.finditer(text):
        path = tree.page(match[1])
        if path is not None and not any(re.match(rf"{match[2]}\b", heading) for heading in tree.headings[path]):
            yield match.start(), f"{path} has no section {match[2]}"
    for match in TITLED.finditer(text):
        path = tree.page(match[1])
        if path is not None and match[2] not in tree.headings[path]:
            yield match.start(), f"{match[1]} has no heading \"{match[2]}\""


def files_wrong(tree, path, text):
    for match in FILE.finditer(text):
        if not tree.file_known(match[1], path):
            yield match.start(), f"there is no file {match[1]}"


def functions_wrong(tree, text):
    for match in FUNCTION.finditer(text):
        if match[1] not in tree.words:
            yield match.start(), f"there is no {match[1]}()"


def rules_apply(tree):
    wrong = {"facts": [], "sections": [], "files": [], "functions": []}
    for path, text in tree.texts.items():
        if path in HISTORY:
            continue
        for at, comment in comments_of(path, text):
            plain = joined(comment)
            for rule, found in (("facts", facts_wrong(tree, plain)),
                                ("sections", sections_wrong(tree, re.sub(r"\s", " ", plain))),
                                ("files", files_wrong(tree, path, plain) if path != FACTS and
                                 not path.startswith("test/tool/") else ()),
                                ("functions", functions_wrong(tree, plain) if path != FACTS and
                                 path.endswith((".c", ".cpp", ".h")) else ())):
                wrong[rule] += [(f"{path}:{text.count(chr(10), 0, at + offset) + 1}", why) for offset, why in found]
    return wrong


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    options = parser.parse_args(argv)
    tree = Tree(options.root)
    wrong = rules_apply(tree)
    if os.path.samefile(options.root, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))):
        wrong["files"] += [("tool/check_references.py", f"nothing names {pattern} any more")
                           for pattern in FOREIGN if pattern not in tree.foreign_used]
    if FACTS not in tree.headings:
        wrong["facts"].append((FACTS, "is not there"))
    for rule, places in wrong.items():
        if not places:
            print(f"ok references: {rule}")
        for place, why in places:
            print(f"not ok references: {rule}: {place}: {why}")
    return 1 if any(wrong.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
