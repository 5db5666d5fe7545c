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

# Scripts that a minifier which only looks for comments and quotes breaks: what it must print, and what it may not lose.
SCRIPTS = [
    "const f = x => /https?:\\/\\//.test(x); // a comment\nconsole.log(f('http://a'), f('//'));",
    "const a = 8, g = 2, b = 2; console.log(a / b / g, `/* ${'// no' + `${/`/.source}`} */`, '/* no */', \"// no\");",
    "var i = 1\nvar s = 'x'\n;[1, 2].forEach(n => { i += n })\nconsole.log(i++ + +i, i-- - -i, s)",
    "if (/[/'\"]/.test('/')) console.log('class'); else /* no */ console.log('none')",
    "function f() { return /}/g.exec('a}') }\nlabel: for (;;) { for (;;) { break label } }\nconsole.log(f().index, 1 / 2)",
    "const o = {get a() { return 1 }, 'b c': 2, [`d`]: 3, async *e() {}, f: class { #p = 4; p() { return this.#p } }}\n" +
    "console.log(Object.keys(o).join(), new o.f().p(), 0 || 1, null ?? 2, o?.a)",
    "console.log(String.raw`a\\n${1}  // b`, '\\u00e9', 'é', \"it's\", 'a\\\n b')",
    "var x = 5; x\n++\nx; console.log(x); do x--; while (x > 3) console.log(x); a: { break a } // <!-- no",
]
# Where Debian's packages of real projects have them: tool/setup.sh check installs these.
PROJECTS = ["jquery/jquery.js", "vue/vue.js", "leaflet/leaflet.js", "leaflet/leaflet.esm.js", "underscore/underscore.js",
            "mustache/mustache.js", "d3/d3.js", "bootstrap5/js/bootstrap.bundle.js", "jquery/jquery.min.js",
            "vue/vue.min.js", "leaflet/leaflet.css", "bootstrap5/css/bootstrap.css"]
LIBRARIES = "/usr/share/javascript"
SAME_SCRIPT = os.path.join(ROOT, "test", "tool", "same_script.js")
# What a script does when it runs: (file, what is called, what comes out).
RUNS = [("underscore/underscore.js", "m.chunk(m.map([1, 2, 3], n => n * 3), 2)", "[[3,6],[9]]"),
        ("underscore/underscore.js", "m.template('<% for (const x of l) { %>[<%= x %>]<% } %>')({l: [1, 2]})", '"[1][2]"'),
        ("mustache/mustache.js", "m.render('{{#l}}<{{.}}>{{/l}} {{{h}}} {{h}}', {l: [1, 2], h: '<b>'})",
         '"<1><2> <b> &lt;b&gt;"')]

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

# What the server answers to each file's path, with the head that is packed with it, if any, and with its own: "path|packed|hex|hex".
ANSWERS = r"""
#include <stdio.h>
#include <string.h>
#include "net/http/http_engine.h"
#include "site.h"
static void answer(const struct http_resource *resource)
{
    static struct http_site http;
    static struct http_request request;
    static const char *const hosts[] = {"h", NULL};
    struct http_config config = {.resources = resource, .resource_count = 1, .hosts = hosts};
    char scratch[HTTP_SCRATCH_MAX], text[300];
    struct http_piece piece;
    http.config = &config;
    http_begin(&request, &http, 0);
    http_input(&request, text, (size_t)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", resource->path));
    while (http_output(&request, scratch, &piece)) {
        for (size_t i = 0; i < piece.length; i++)
            printf("%02x", (unsigned char)piece.bytes[i]);
        http_output_taken(&request, piece.length);
    }
}
int main(void)
{
    for (size_t i = 0; i < site_count; i++) {
        struct http_resource bare = site[i];
        bare.head = 0;
        printf("%s|%u|", site[i].path, site[i].head);
        answer(&site[i]);
        printf("|");
        answer(&bare);
        printf("\n");
    }
    return 0;
}
"""
ENGINE = [os.path.join(ROOT, name) for name in (
    "wire/http_msg.c", "wire/text.c", "net/http/http.c", "net/http/http_request.c", "net/http/http_answer.c", "net/http/http_body.c",
    "net/http/http_route.c")]


def pack(folder, out, *options):
    return subprocess.run([sys.executable, PACK, folder, "--name", "site", "-o", out, *options], text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def site_write(folder, files):
    for path, data in files.items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def node(*arguments):
    done = subprocess.run(["node", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=600, check=False)
    return done.returncode, done.stdout


def written(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def test_scripts_do_the_same(folder):
    for i, script in enumerate(SCRIPTS):
        plain = written(folder, f"plain{i}.js", script.encode())
        small = site_pack.minify(plain, script.encode(), "js")
        assert small is not None and b"a comment" not in small, script
        code, wanted = node(plain)
        assert code == 0 and wanted, f"{script!r}: {wanted}"
        assert node(written(folder, f"small{i}.js", small)) == (0, wanted), f"{script!r} became {small!r}"


def test_real_projects(folder):
    for path in PROJECTS:
        source = os.path.join(LIBRARIES, path)
        assert os.path.isfile(source), f"{source} is missing: tool/setup.sh check installs it"
        site_write(folder + "/site", {os.path.basename(path): b"x"})
        shutil.copy(source, folder + "/site/" + os.path.basename(path))
        resources = site_pack.site_read(folder + "/site")
        assert len(resources) == 1 and len(gzip.decompress(resources[0].bodies[0][0])) <= os.path.getsize(source), path
        if path.endswith(".js"):
            small = written(folder, "small.js", gzip.decompress(resources[0].bodies[0][0]))
            code, said = node(SAME_SCRIPT, source, small)
            assert code == 0, f"{path}: {said[-300:]}"
        shutil.rmtree(folder + "/site")


def test_scripts_compared_are_not_always_the_same(folder):
    """The comparison of test_real_projects finds what a broken minifier would do."""
    plain = written(folder, "plain.js", b"const f = x => /a\\/\\//.test(x), a = 1 + g(); h: for (;;) {}")
    for other in (b"const f=x=>/a\\//.test(x),a=1+g();h:for(;;){}", b"const f=x=>/a\\/\\//.test(x),a=1- -g();h:for(;;){}",
                  b"const f=x=>/a\\/\\//.test(y),a=1+g();h:for(;;){}", b"const f=x=>/a\\/\\//.test(x),a=1+g();h:for(;;){}f()"):
        assert node(SAME_SCRIPT, plain, written(folder, "other.js", other))[0] == 1, other
    assert node(SAME_SCRIPT, plain, written(folder, "other.js", b"const f=x=>/a\\/\\//.test(x),a=1+g();h:for(;;){}\n"))[0] == 0


def test_packed_projects_run(folder):
    for path, call, wanted in RUNS:
        with open(os.path.join(LIBRARIES, path), "rb") as file:
            small = site_pack.minify(path, file.read(), "js")
        module = written(folder, "small.js", small)
        said = node("-e", f"const m = require({module!r}); console.log(JSON.stringify({call}))")
        assert said == (0, wanted + "\n"), f"{path}: {said}"


def test_styles(_):
    small = site_pack.minify("a.css", b"/* x */\na > b:hover {\n  width: calc(1px + 2px);\n  content: '/* { */';\n}\n", "css")
    assert small.strip() == b'a>b:hover{width:calc(1px + 2px);content:"/* { */"}', small
    broken = b".a { background: url( \"a b.png\" ) }\n.b { src: url(\n'x.woff2') }\n"
    small = site_pack.minify("a.css", broken, "css")
    assert small is None or b"url\\(" not in small, "esbuild 0.17 makes this invalid"


def test_what_esbuild_cannot_read_stays(folder):
    broken = b"let a = ;\n" * 20
    site_write(folder + "/site", {"new.js": broken, "licence.js": b"/*! keep me */\nlet a = 1; // not me\n"})
    done = pack(folder + "/site", folder + "/site.c")
    assert done.returncode == 0 and "new.js: packed as it is" in done.stderr and "new.js:1:8" in done.stderr, done.stderr
    resources = {resource.name: resource.plain for resource in site_pack.site_read(folder + "/site")}
    assert resources["new.js"] == broken
    assert b"keep me" in resources["licence.js"] and b"not me" not in resources["licence.js"]


def test_without_esbuild(folder):
    site_write(folder + "/site", {"a.js": b"let a = 1; // x\n"})
    environment = {**os.environ, "PATH": folder}
    for options, code, wanted in (([], 1, "install Debian's package esbuild"), (["--no-minify"], 0, "")):
        done = subprocess.run([sys.executable, PACK, folder + "/site", "--name", "site", "-o", folder + "/site.c", *options],
                              env=environment, text=True, timeout=600, capture_output=True, check=False)
        assert done.returncode == code and wanted in done.stderr, f"{options}: {done}"
    os.remove(folder + "/site/a.js")
    site_write(folder + "/site", {"a.txt": b"x"})  # nothing that it is needed for
    done = subprocess.run([sys.executable, PACK, folder + "/site", "--name", "site", "-o", folder + "/site.c"],
                          env=environment, text=True, timeout=600, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_c_gives_the_site_back(folder):
    files = {"index.html": b"<p>hello</p>\n" * 20, "a/b.svg": b"<svg>" + b" " * 300, "a/index.html": b"<p>x\n",
             "noise.png": os.urandom(501), "style.css": b"a{b:c}\n" * 900, "small.js": b"f();\n" * 100,
             "tiny.txt": b"a" * 60, ".hidden": b"no"}
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
              "/a/b.svg": "a/b.svg", "/noise.png": "noise.png", "/style.css": "style.css", "/small.js": "small.js",
              "/tiny.txt": "tiny.txt"}
    assert set(got) == set(wanted), sorted(got)
    for path, name in wanted.items():
        data = files[name]
        loader = site_pack.MINIFIED.get(os.path.splitext(name)[1])
        if loader:
            data = site_pack.minify(name, data, loader)
        assert got[path][2] == data, f"{path} differs"
    assert got["/style.css"][3] and not got["/noise.png"][3] and not got["/tiny.txt"][3], "gzip only where it helps"
    assert got["/"][2] == copies["/"]
    # Field case 03: who can't read gzip reads at least what is small.
    assert set(copies) == {"/", "/index.html", "/small.js", "/a/b.svg"} and got["/small.js"][3], sorted(copies)
    assert got["/style.css"][0] == "text/css; charset=utf-8"
    assert len({etag for _, etag, _, _ in got.values()}) == len(files) - 1, "one ETag for each content"


def test_packed_heads_are_the_servers(folder):
    """A gzip-coded file's head is packed with it, in whole words, and says what the server's own does."""
    site_write(folder + "/site", {"index.html": b"<p>hello</p>\n" * 20, "app.js": b"f(1);\n" * 300, "b.css": b"a{b:c}\n" * 900,
                                  "noise.png": os.urandom(501), "a.txt": b"word " * 321, "a.svg": b"<svg>" + b" " * 5000})
    for options, bare in (((), {"/noise.png"}), (("--policy", "default-src 'none'"), {"/noise.png", "/", "/index.html"})):
        assert pack(folder + "/site", folder + "/site.c", *options).returncode == 0
        with open(folder + "/answers.c", "w", encoding="utf-8") as file:
            file.write(ANSWERS)
        subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-I" + ROOT, "-o",
                        folder + "/answers", folder + "/answers.c", folder + "/site.c", *ENGINE], check=True, timeout=600)
        said = subprocess.run([folder + "/answers"], stdout=subprocess.PIPE, text=True, check=True, timeout=200).stdout
        packed, plain = {}, set()
        for line in said.splitlines():
            path, head, *answers = line.split("|")
            heads, bodies = zip(*(bytes.fromhex(answer).split(b"\r\n\r\n", 1) for answer in answers))
            lines = [[line.rstrip() for line in head.split(b"\r\n")] for head in heads]
            assert lines[0][0] == lines[1][0] == b"HTTP/1.1 200 OK" and sorted(lines[0]) == sorted(lines[1]), (path, lines)
            assert bodies[0] == bodies[1] and len(heads[0]) % 4 == 0 and int(head) % 4 == 0, path
            assert f"Content-Length: {len(bodies[0])}".encode() in lines[0], (path, lines)
            if head == "0":
                plain.add(path)
            else:
                packed[path] = b"Content-Encoding: gzip" in lines[0]
        assert all(packed.values()) and set(packed) == {"/", "/index.html", "/app.js", "/b.css", "/a.txt", "/a.svg"} - bare, packed
        assert bare <= plain, plain


def test_plain_max(folder):
    site_write(folder + "/site", {"a.txt": b"word " * 100, "b.txt": b"word " * 999})
    for option, wanted in (("0", 0), ("500", 1), ("5000", 2)):
        done = pack(folder + "/site", folder + "/site.c", "--plain-max", option)
        assert done.returncode == 0 and done.stdout.count("and a plain copy") == wanted, done.stdout
        with open(folder + "/site.c", encoding="utf-8") as file:
            assert file.read().count(".gzip = false") == wanted


def test_policy(folder):
    """Pages have a policy of their own if one is named; nothing else has, and none has without."""
    site_write(folder + "/site", {"index.html": b"<p>page</p>", "app.js": b"let a = 1"})
    for options, wanted in (((), 0), (("--policy", "default-src 'none'"), 1)):
        done = pack(folder + "/site", folder + "/site.c", *options)
        assert done.returncode == 0, done.stdout
        with open(folder + "/site.c") as file:
            lines = [line for line in file if ".headers = " in line and "NULL" not in line]
        assert bool(lines) == bool(wanted), lines
        assert all("\"Content-Security-Policy: default-src 'none'\\r\\n\"" in line for line in lines), lines
    for bad in ("", "a\r\nb: c", "a" * 171):
        assert pack(folder + "/site", folder + "/site.c", "--policy", bad).returncode == 2, bad


def test_shared(folder):
    """plugnet's own file is packed as if it lay in the site; one of the site's own in its place, or an unknown one, is refused."""
    script = os.path.join(ROOT, "app/site/update.js")
    site_write(folder + "/site", {"index.html": b"<p>page</p>"})
    done = pack(folder + "/site", folder + "/shared.c", "--shared", "update.js", "--shared", "update.js")
    assert done.returncode == 0, done.stderr
    shutil.copyfile(script, folder + "/site/update.js")
    assert pack(folder + "/site", folder + "/copied.c").returncode == 0
    texts = []
    for name in ("shared.c", "copied.c"):
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            texts.append(file.read().replace(name[:-2], ""))
    assert texts[0] == texts[1] and "/update.js" in texts[0]
    for name, wanted in (("update.js", "update.js is in the site, and plugnet's is asked for"), ("app.js", "there are: update.js"),
                         ("../main.c", "there are: update.js")):
        done = pack(folder + "/site", folder + "/no.c", "--shared", name)
        assert done.returncode == 1 and wanted in done.stderr and not os.path.exists(folder + "/no.c"), (name, done)


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
    assert int(words[2]) <= 10752, f"{words[2]} bytes"  # 1.6 kB of it the card "Firmware"
    assert int(words[7]) <= 4096, f"{words[7]} bytes of plain copies"


def test_mistakes(folder):
    long = "x" * 59 + ".txt"  # 63 characters with "/": the longest that the server takes
    for name, data, wanted in (("a.xyz", b"x", "no content type"), ("a", b"x", "no content type"),
                               ("a b.txt", b"x", "use letters"), ("a%41.txt", b"x", "use letters"),
                               ("a?b.txt", b"x", "use letters"), ("ä.txt", b"x", "use letters"), ('a".txt', b"x", "use letters"),
                               ("a.css", b"\xff", "not UTF-8"), ("a.html", b"\xff", "not UTF-8"), ("empty.txt", b"", "empty.txt: empty"),
                               ("y" + long, b"x", "its path has 65 characters, the server takes at most 63; shorten it"),
                               ("d/" * 28 + "index.html", b"x", "its path has 67"),
                               ("large.png", os.urandom((1 << 20) + 1), "the largest file is large.png"),
                               ("larger.txt", b"x" * ((16 << 20) + 1), "larger.txt: too large")):
        shutil.rmtree(folder + "/site", ignore_errors=True)
        site_write(folder + "/site", {name: data})
        done = pack(folder + "/site", folder + "/site.c")
        assert done.returncode == 1 and wanted in done.stderr and not os.path.exists(folder + "/site.c"), f"{name}: {done}"
    shutil.rmtree(folder + "/site")
    site_write(folder + "/site", {long[1:]: b"x"})
    assert pack(folder + "/site", folder + "/site.c").returncode == 0
    site_write(folder + "/site", {"z" + long: b"x"})
    assert pack(folder + "/site", folder + "/site.c", "--path-max", "80").returncode == 0
    done = subprocess.run(["gcc", "-std=gnu11", "-I" + ROOT, "-c", "-o", folder + "/site.o", folder + "/site.c"], text=True,
                          stderr=subprocess.PIPE, timeout=600, check=False)
    assert done.returncode and "a path of the site is longer" in done.stderr, done.stderr  # the server takes 63 after all
    assert pack(folder + "/absent", folder + "/site.c").returncode == 1
    assert pack(folder + "/site", folder + "/site.h").returncode == 2


def test_what_is_no_file(folder):
    for make, wanted in ((lambda path: os.mkfifo(path + "/pipe.txt"), "not a file"),
                         (lambda path: os.symlink("nowhere", path + "/dangling.txt"), "not a file"),
                         (lambda path: os.symlink("/usr", path + "/linked"), "put the folder itself there")):
        shutil.rmtree(folder + "/site", ignore_errors=True)
        site_write(folder + "/site", {"a.txt": b"x"})
        make(folder + "/site")
        done = pack(folder + "/site", folder + "/site.c")
        assert done.returncode == 1 and wanted in done.stderr, done.stderr


def test_one_path_twice(_):
    resources = [site_pack.Resource(["/", "/index.html"], "index.html", b"x"), site_pack.Resource(["/"], "other.html", b"y")]
    try:
        site_pack.site_check(resources)
    except site_pack.SiteError as error:
        assert "/ is both index.html and other.html" in str(error), error
    else:
        raise AssertionError("taken")


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
