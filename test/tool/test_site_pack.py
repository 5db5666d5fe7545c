#!/usr/bin/env python3
"""Tests of tool/site_pack.py: what it may leave out, and that the C it writes gives the site back."""
# SPDX-License-Identifier: MIT
import gzip
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACK = os.path.join(ROOT, "tool", "site_pack.py")
sys.path.insert(0, os.path.join(ROOT, "tool"))
sys.dont_write_bytecode = True
import site_pack  # noqa: E402

MINIFY = [
    # (function, source, result)
    ("js", "a = 1; // one\n\n    b = 2; /* two */\n", "a=1;\nb=2;\n"),
    ("js", "x = '// not a comment';\ny = \"/* nor this */\";", "x='// not a comment';\ny=\"/* nor this */\";\n"),
    ("js", "t = `a // b\n    ${c + `  /* ${'}'} */ `} // d`; // e", "t=`a // b\n    ${c + `  /* ${'}'} */ `} // d`;\n"),
    ("js", "s = s.replace(/[/'\"]/g, '_'); // x", "s=s.replace(/[/'\"]/g,'_');\n"),
    ("js", "return /  '/.test(s);", "return/  '/.test(s);\n"),
    ("js", "a = b / c; d = 'e' / f; // g", "a=b / c;d='e' / f;\n"),
    ("js", "f()\n/* one\ntwo */\ng()", "f()\ng()\n"),
    ("js", "a /* x */ b", "a b\n"),
    ("js", "a + +b; a - -b; a < !--b", "a + +b;a - -b;a < !--b\n"),
    ("js", "s = 'it\\'s // \\\\';", "s='it\\'s // \\\\';\n"),
    ("css", "/* x */\na {\n  b: c;\n  d: e;\n}\n", "a{b:c;d:e}\n"),
    ("css", "a :hover { b: calc(1px + 2px) }", "a :hover{b:calc(1px + 2px)}\n"),
    ("css", "@media (a: b) and (c: d) { e::before { content: \" /* { : */ \" } }",
     "@media (a:b) and (c:d){e::before{content:\" /* { : */ \"}}\n"),
    ("html", "<p>\n  a <!-- gone -->\n\n  b\n</p>\n", "<p>\na\nb\n</p>\n"),
    ("html", "<pre>\n  a\n\n  b <!-- x -->\n</pre>\n <i>", "<pre>\n  a\n\n  b <!-- x -->\n</pre>\n<i>\n"),
]

DUMP = r"""
#include <stdio.h>
#include "site.h"
int main(void)
{
    for (size_t i = 0; i < site_count; i++) {
        const struct http_resource *r = &site[i];
        printf("%s|%s|%s|%u|%d|%zu|", r->path, r->type, r->etag, (unsigned)r->length, r->gzip, (size_t)r->body % 4);
        for (uint32_t j = 0; j < r->length; j++)
            printf("%02x", r->body[j]);
        printf("\n");
    }
    return 0;
}
"""


def pack(folder, out, *options):
    return subprocess.run([sys.executable, PACK, folder, "--name", "site", "-o", out, *options], text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def site_write(folder, files):
    for path, data in files.items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def test_minify(_):
    for kind, source, wanted in MINIFY:
        got = getattr(site_pack, kind + "_minify")(source)
        assert got == wanted, f"{kind} {source!r} became {got!r}, not {wanted!r}"


def test_minify_twice_is_once(_):
    folder = os.path.join(ROOT, "app", "site")
    for name in os.listdir(folder):
        minify = site_pack.MINIFY.get(os.path.splitext(name)[1])
        if minify:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                once = minify(file.read())
            assert minify(once) == once, name


def test_c_gives_the_site_back(folder):
    files = {"index.html": b"<p>hello</p>\n" * 20, "a/b.svg": b"<svg>" + b" " * 300, "a/index.html": b"<p>x\n",
             "noise.png": os.urandom(501), "style.css": b"a{b:c}\n" * 900, "small.js": b"f()\n" * 100, "tiny.txt": b"a" * 60, "empty.txt": b"", ".hidden": b"no"}
    site_write(folder + "/site", files)
    done = pack(folder + "/site", folder + "/site.c")
    assert done.returncode == 0, done.stderr
    with open(folder + "/dump.c", "w", encoding="utf-8") as file:
        file.write(DUMP)
    subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I" + ROOT, "-o", folder + "/dump",
                    folder + "/dump.c", folder + "/site.c"], check=True, timeout=60)
    said = subprocess.run([folder + "/dump"], stdout=subprocess.PIPE, text=True, check=True, timeout=20).stdout
    got, copies = {}, {}
    for line in said.splitlines():
        path, kind, etag, length, packed, odd, body = line.split("|")
        body = bytes.fromhex(body)
        assert odd == "0" and int(length) == len(body), path
        if path in got:  # the plain copy comes right behind the gzip-coded one, and has a tag of its own
            assert list(got)[-1] == path and packed == "0" and got[path][1] != etag and got[path][2] == body, path
            copies[path] = body
            continue
        got[path] = (kind, etag, gzip.decompress(body) if packed == "1" else body, packed == "1")
    wanted = {"/": "index.html", "/index.html": "index.html", "/a/": "a/index.html", "/a/index.html": "a/index.html",
              "/a/b.svg": "a/b.svg", "/noise.png": "noise.png", "/style.css": "style.css", "/empty.txt": "empty.txt", "/small.js": "small.js",
              "/tiny.txt": "tiny.txt"}
    assert set(got) == set(wanted), sorted(got)
    for path, name in wanted.items():
        data = files[name]
        minify = site_pack.MINIFY.get(os.path.splitext(name)[1])
        if minify:
            data = minify(data.decode()).encode()
        assert got[path][2] == data, f"{path} differs"
    assert got["/style.css"][3] and not got["/noise.png"][3] and not got["/tiny.txt"][3], "gzip only where it helps"
    assert got["/"][2] == copies["/"]
    # Field case 03: who can't read gzip reads at least what is small.
    assert set(copies) == {"/", "/index.html", "/small.js", "/a/b.svg"} and got["/small.js"][3], sorted(copies)
    assert got["/style.css"][0] == "text/css; charset=utf-8"
    assert len({etag for _, etag, _, _ in got.values()}) == len(files) - 1, "one ETag for each content"


def test_plain_max(folder):
    site_write(folder + "/site", {"a.txt": b"word " * 100, "b.txt": b"word " * 999})
    for option, wanted in (("0", 0), ("500", 1), ("5000", 2)):
        done = pack(folder + "/site", folder + "/site.c", "--plain-max", option)
        assert done.returncode == 0 and done.stdout.count("and a plain copy") == wanted, done.stdout
        with open(folder + "/site.c", encoding="utf-8") as file:
            assert file.read().count(".gzip = false") == wanted


def test_same_in_same_out(folder):
    shutil.copytree(os.path.join(ROOT, "app", "site"), folder + "/one")
    os.mkdir(folder + "/two")
    for name in sorted(os.listdir(folder + "/one"), reverse=True):
        shutil.copyfile(f"{folder}/one/{name}", f"{folder}/two/{name}")
        os.utime(f"{folder}/two/{name}", (1, 1))
    outputs = []
    for name in ("one", "two"):
        assert pack(f"{folder}/{name}", f"{folder}/out-{name}/site.c").returncode == 0
        with open(f"{folder}/out-{name}/site.c", "rb") as file:
            outputs.append(file.read())
    assert outputs[0] == outputs[1]
    with open(folder + "/two/app.js", "a", encoding="utf-8") as file:
        file.write("f();\n")
    pack(folder + "/two", folder + "/out-two/site.c")
    with open(folder + "/out-two/site.c", "rb") as file:
        assert file.read() != outputs[0]


def test_the_page_is_small(folder):
    done = pack(os.path.join(ROOT, "app", "site"), folder + "/site.c")
    words = done.stdout.splitlines()[-1].split()
    assert int(words[2]) <= 8192, f"{words[2]} bytes"
    assert int(words[7]) <= 3072, f"{words[7]} bytes of plain copies"


def test_mistakes(folder):
    for name, data, wanted in (("a.xyz", b"", "no content type"), ("a", b"", "no content type"),
                               ("a b.txt", b"", "use letters"), ("a.css", b"\xff", "not UTF-8"),
                               ("x" * 96 + ".txt", b"", "at most 95")):
        shutil.rmtree(folder + "/site", ignore_errors=True)
        site_write(folder + "/site", {name: data})
        done = pack(folder + "/site", folder + "/site.c")
        assert done.returncode == 1 and wanted in done.stderr and not os.path.exists(folder + "/site.c"), name
    assert pack(folder + "/absent", folder + "/site.c").returncode == 1
    assert pack(folder + "/site", folder + "/site.h").returncode == 2


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
                print(f"ok site_pack: {name[5:]}")
            except Exception as error:  # whatever it is, the test has failed
                failed += 1
                print(f"not ok site_pack: {name[5:]}: {type(error).__name__} {' '.join(str(error).split())}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
