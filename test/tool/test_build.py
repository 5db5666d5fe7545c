#!/usr/bin/env python3
"""What make and the scripts at the top do with what they are given: each product's own objects, options that make anew
what has them, and mistakes that are said before anything is installed or built.

    test/tool/test_build.py

Prints "ok NAME" and "not ok NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT_S = 900  # a whole firmware is built, maybe by a slow machine

PRODUCT = """#include "plugnet/plugnet.h"
#ifdef EXTRA
const char extra[] __attribute__((used)) = EXTRA;
#endif
static struct plugnet plugnet;
static const struct plugnet_config config = {
    .product_id = 2,
    .product = "%s",
    .name = "%s",
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
};
int main(void)
{
    plugnet_run(&plugnet, &config);
}
"""

BIG = """#include "board/board.h"
static const unsigned char big[200000] = {1};
int main(void)
{
    return big[board_random() % sizeof big];
}
"""


def run(*command, environment=None, folder=ROOT):
    return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)


def make(*arguments):
    return run("make", "BOARD=native", "OS=none", *arguments, environment=make_environment())


def clean_environment():
    """Without what a make above us left for the makes below it."""
    return {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS_APP")}


def make_environment():
    """The same with the cache of compilations that ./check gives, a quarter less work. Not for CMake: it would look for the compiler's
    other tools beside the cache."""
    kept = clean_environment()
    return {**kept, "PATH": "/usr/lib/ccache:" + kept["PATH"]} if "CCACHE_DIR" in kept else kept


def product_write(folder, name, files=None):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    for path, text in (files or {"main.c": PRODUCT % (name, name)}).items():
        path = os.path.join(folder, name, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    return os.path.join(folder, name)


class Builder:
    """Products in a folder, built one after the other into one place, the lwIP objects of which are made once."""

    def __init__(self, folder):
        self.folder = folder
        self.out = os.path.join(folder, "out")

    def image(self, app, *arguments):
        done = make("-j2", f"APP={app}", f"OUT={self.out}", *arguments)
        assert done.returncode == 0, (done.stdout + done.stderr)[-600:]
        with open(os.path.join(self.out, "plugnet.elf"), "rb") as file:
            return file.read(), done.stdout

    def has(self, app, *arguments, wanted=(), without=()):
        image, said = self.image(app, *arguments)
        for text in wanted:
            assert text.encode() in image, f"no {text!r} in the image of {app} {arguments}"
        for text in without:
            assert text.encode() not in image, f"{text!r} is still in the image of {app} {arguments}"
        return said


def test_products_one_after_the_other(folder):
    """Same name, same place, older files: the image is the product's that was asked for."""
    builder = Builder(folder)
    a, b = product_write(folder, "product-a"), product_write(folder, "product-b")
    for path in (os.path.join(a, "main.c"), os.path.join(b, "main.c")):
        os.utime(path, (1e9, 1e9))
    builder.has(b, wanted=["product-b"], without=["product-a"])
    builder.has(a, wanted=["product-a"], without=["product-b"])
    builder.has(b + "/", wanted=["product-b"], without=["product-a"])
    product_write(folder, "product-a", {"second.c": "const char second[] __attribute__((used)) = \"second-file\";\n",
                                        "site/index.html": "<p>only a has a page\n"})
    builder.has(a, wanted=["product-a", "second-file"])
    os.remove(os.path.join(a, "second.c"))
    builder.has(a, wanted=["product-a"], without=["second-file"])


def test_subfolders(folder):
    """Sources anywhere below the product's folder; two may have one name. What isn't the product's own stays out."""
    builder = Builder(folder)
    text = "const char %s[] __attribute__((used)) = \"%s-text\";\n"
    app = product_write(folder, "product-d", {
        "main.c": PRODUCT % ("product-d", "product-d"), "src/x.h": "#define X \"x-text\"\n",
        "src/x.c": "#include \"x.h\"\n#include \"src/x.h\"\nconst char x[] __attribute__((used)) = X;\n",
        "src/deep/er/y.c": text % ("y", "y"), "lib/y.c": text % ("lib_y", "lib-y"), "site/index.html": "<p>page\n",
        **{path: "#error this is not to be compiled\n" for path in ("build/a.c", "src/build/b.c", ".hidden/c.c")}})
    os.symlink(ROOT, os.path.join(app, "plugnet"))  # as a submodule would be
    builder.has(app, wanted=["product-d", "x-text", "y-text", "lib-y-text"])
    said = builder.has(app)
    assert "CC" not in said and "LD" not in said, f"made anew for nothing: {said!r}"
    product_write(folder, "product-d", {"src/x.h": "#define X \"other-text\"\n", "src/z.c": text % ("z", "z")})
    os.remove(os.path.join(app, "lib/y.c"))
    builder.has(app, wanted=["other-text", "z-text", "y-text"], without=["x-text", "lib-y-text"])
    only_below = product_write(folder, "product-e", {"src/main.c": PRODUCT % ("product-e", "product-e")})
    relative = os.path.relpath(only_below, ROOT)
    assert relative.startswith("../"), relative
    builder.has(relative, wanted=["product-e"], without=["product-d", "z-text"])
    product_write(folder, "product-e", {"my src/a.c": text % ("a", "a")})
    done = make(f"APP={only_below}")
    assert done.returncode == 2 and "whose path has spaces" in done.stderr, (done.returncode, done.stderr)


def test_options_make_anew(folder):
    builder = Builder(folder)
    app = product_write(folder, "product-c")
    builder.has(app, without=["first-value"])
    builder.has(app, "CFLAGS_APP=-DEXTRA='\"first-value\"'", wanted=["first-value"])
    builder.has(app, "CFLAGS_APP=-DEXTRA='\"next-value\"'", wanted=["next-value"], without=["first-value"])
    builder.has(app, without=["first-value", "next-value"])
    said = builder.has(app)
    assert "CC" not in said and "LD" not in said, f"made anew for nothing: {said!r}"
    said = builder.has(app, "VERSION=7.8.9")
    assert "CC plugnet/plugnet.c" in said, f"another version makes nothing anew: {said!r}"


def test_image_larger_than_its_area(folder):
    """The linker refuses it, with the numbers."""
    if not shutil.which("arm-none-eabi-gcc"):
        raise AssertionError("no cross compiler")
    app = product_write(folder, "big", {"main.c": BIG})
    done = run("make", "-j2", "BOARD=blackpill-f411", "OS=none", f"APP={app}", f"OUT={folder}/out",
               environment=clean_environment())
    assert done.returncode == 2, done.returncode
    assert re.search(r"region `IMAGE' overflowed by [0-9]+ bytes", done.stderr), done.stderr[-600:]
    assert "IMAGE  0x08020000, 131072 bytes" in done.stderr, done.stderr[-600:]
    assert not os.path.exists(os.path.join(folder, "out", "plugnet.elf")), "an image is left behind"


def test_header(folder):
    """Product, version and git state of an image: another one makes a new image, and neither compiles nor links; nothing changed makes
    nothing. What doesn't fit is refused, and no image is left."""
    app = product_write(folder, "thing")
    out = os.path.join(folder, "out")

    def built(*words, code=0, git=None, key=()):
        environment = clean_environment() if git is None else {**clean_environment(), "GIT_STATE": git}
        done = run("make", "-j2", "OS=none", f"APP={app}", "NAME=thing", f"OUT={out}", *words, *key, environment=environment)
        assert done.returncode == code, (done.stdout + done.stderr)[-600:]
        return done.stdout if code == 0 else done.stderr

    def shown():
        done = run("tool/image.py", "show", "--json", f"{out}/thing.update")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    built()
    first = shown()
    wanted = {"product": "thing", "git": None, "board": "stm32f4discovery", "board_id": "1209:0001", "whole": True, "signed": False}
    assert {name: first[name] for name in wanted} == wanted and re.fullmatch(r"\d+\.\d+\.\d+", first["version"]), first
    said = built()
    assert "Nothing to be done" in said, said
    builds = {first["build"]}
    for words, git, wanted in ((("PRODUCT=Jane's \"pump\"", "PRODUCT_VERSION=1.2.3-rc.1"), None, ("Jane's \"pump\"", "1.2.3-rc.1", None)),
                               (("PRODUCT_VERSION=65535.0.1+x",), "1a2b3c4-dirty", ("thing", "65535.0.1", "1a2b3c4-dirty"))):
        said = built(*words, git=git)
        assert "CC" not in said and "LD" not in said, said
        facts = shown()
        assert (facts["product"], facts["version"], facts["git"]) == wanted, facts
        builds.add(facts["build"])
        assert "Nothing to be done" in built(*words, git=git)
    assert len(builds) == 3, builds
    for words, git, wanted in ((("PRODUCT_VERSION=1.2",), None, "version '1.2' is none: three numbers such as 1.2.3"),
                               (("PRODUCT_VERSION=1.02.3",), None, "version '1.02.3' is none"),
                               (("PRODUCT_VERSION=v1.2.3",), None, "version 'v1.2.3' is none"),
                               (("PRODUCT_VERSION=1.2.3-01",), None, "version '1.2.3-01' is none"),
                               (("PRODUCT_VERSION=1.2.3-a..b",), None, "version '1.2.3-a..b' is none"),
                               (("PRODUCT_VERSION=1.65536.3",), None, "a number may be 65535 at most"),
                               (("PRODUCT_VERSION=1.2.3-12345678901234567890",), None, "has 20 characters, 19 are allowed"),
                               (("PRODUCT=" + "x" * 32,), None, "has 32 characters, 31 are allowed"),
                               (("PRODUCT=Wärmepumpe",), None, "printable ASCII"), ((), "x" * 24, "has 24 characters, 23 are allowed")):
        said = built(*words, git=git, code=2)
        assert "stamp: " in said and wanted in said, (words, said)
        assert not os.path.exists(f"{out}/thing.elf"), words
    built("PRODUCT=" + "x" * 31, "PRODUCT_VERSION=0.0.0-" + "x" * 19, git="~" * 23)
    assert shown()["product"] == "x" * 31


def test_signed_by_make(folder):
    """SIGN_KEY signs NAME.update; without it again, or with another key, it is made anew."""
    app = product_write(folder, "thing")
    out, updates = os.path.join(folder, "out"), []
    for name in ("a", "b"):
        done = run("tool/image.py", "key", f"{folder}/{name}.pem")
        assert done.returncode == 0, done.stderr
    for words in ((), (f"SIGN_KEY={folder}/a.pem",), (f"SIGN_KEY={folder}/b.pem",), ()):
        done = run("make", "-j2", "OS=none", f"APP={app}", "NAME=thing", f"OUT={out}", *words, environment=clean_environment())
        assert done.returncode == 0, done.stderr[-600:]
        with open(f"{out}/thing.update", "rb") as file:
            updates.append(file.read())
    plain, first, second, again = updates
    assert plain == again == first[:-72] == second[:-72] and first != second, [len(update) for update in updates]
    done = run("make", "-j2", "OS=none", f"APP={app}", "NAME=thing", f"OUT={out}", f"SIGN_KEY={folder}/c.pem", environment=clean_environment())
    assert done.returncode == 2 and "c.pem: there is no such file" in done.stderr and "image.py key FILE" in done.stderr, done.stderr[-600:]


def test_wrong_app(folder):
    empty = os.path.join(folder, "empty")
    os.makedirs(empty)
    for app, wanted in (("/nonexistent", "APP=/nonexistent: there is no such folder"),
                        (empty, "there is no .c file in that folder"), ("", "the folder of a product"),
                        ("Makefile", "there is no such folder"), ("two words", "one path without spaces")):
        done = make(f"APP={app}")
        assert done.returncode == 2 and wanted in done.stderr, f"APP={app!r}: {done.returncode} {done.stderr!r}"
        assert not done.stdout, f"APP={app!r} builds: {done.stdout!r}"


def test_native_has_no_boot_loader(folder):
    """A Linux process is not updated over a cable: nothing is built for it, and the text says why."""
    for target in ("dfu", "dfu-all", "flash"):
        done = make(f"OUT={folder}/out", target)
        assert done.returncode == 2 and f"{target}: BOARD=native is a Linux process, which has no boot loader" in done.stderr, done.stderr
        assert not os.path.exists(f"{folder}/out/plugnet.elf"), f"{target} builds"


def test_vm_has_the_product(folder):
    """make vm plugs in what BOARD, OS, APP and NAME say, and keeps its flash where FLASH says."""
    app = product_write(folder, "product")
    for words, wanted in (((), "--image stm32f4discovery-none"), (("BOARD=blackpill-f411",), "--image blackpill-f411-none"),
                          (("BOARD=32l476gdiscovery", f"APP={app}", "NAME=thing", "FLASH=file"),
                           f"--image 32l476gdiscovery-none --elf {folder}/32l476gdiscovery-none-thing/thing.elf --flash file")):
        done = run("make", "-n", f"BUILD={folder}", f"LWIP_PATH={ROOT}/build/lwip", *words, "vm", environment=clean_environment())
        said = done.stdout.strip().split("\n")[-1].split()
        assert said == ["test/vm/run.py", *wanted.split(), "--shell"], f"{words}: {said} {done.stderr!r}"


def test_vm_says_what_is_missing(folder):
    done = run(sys.executable, "test/vm/run.py", "--elf", "Makefile", "--shell", environment={"PATH": folder})
    assert done.returncode == 1 and "qemu-system-x86_64 (Debian's package qemu-system-x86)" in done.stdout, done.stdout + done.stderr


GUEST = """
import os, sys, time
print("boots; what comes now is lost", flush=True)
time.sleep(0.5)
print("Leave with exit.", flush=True)
ends, line = 0, b""
while ends < 2:  # the first one comes too early for the shell
    byte = os.read(0, 1)
    ends += byte == b"\\4"
    line += byte
print("it said", line)
sys.exit(7)
"""


def test_vm_shell_ends_with_its_input(folder):
    """Without a terminal: commands come when the shell is there, and the end of the input ends the guest."""
    program = os.path.join(folder, "guest.py")
    with open(program, "w", encoding="utf-8") as file:
        file.write(GUEST)
    play = f"import sys; sys.path.insert(0, 'test/vm'); import run; sys.exit(run.shell_play([sys.executable, {program!r}]))"
    for given, said in (("", "b'\\n\\x04\\x04'"), ("ls\n", "b'ls\\n\\n\\x04\\x04'")):
        done = subprocess.run([sys.executable, "-c", play], cwd=ROOT, input=given, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 7 and done.stdout.endswith(f"Leave with exit.\nit said {said}\n"), (done.stdout, done.stderr)


def test_freertos_image_that_is_there_needs_no_kernel(folder):
    """test/vm/run.py and ./run take it as it is."""
    environment = {**clean_environment(), "PATH": folder}
    environment.pop("FREERTOS_KERNEL_PATH", None)
    vm = (sys.executable, "test/vm/run.py", "--image", "stm32f4discovery-freertos", "--shell", "--elf")
    done = run(*vm, "Makefile", environment=environment)
    assert done.returncode == 1 and "Debian's package qemu-system-x86" in done.stdout, done.stdout + done.stderr
    done = run(*vm, f"{folder}/none.elf", environment=environment)
    assert done.returncode == 0 and "none.elf is not built, and FREERTOS_KERNEL_PATH is not set" in done.stdout, done.stdout + done.stderr
    tree, environment = checkout(folder)
    environment.pop("FREERTOS_KERNEL_PATH", None)
    words = ("./run", "--os", "freertos", "--app", "examples/console", "--board", "32l476gdiscovery", "--for", "1")
    done = run(*words, environment=environment, folder=tree)
    assert done.returncode == 2 and "set FREERTOS_KERNEL_PATH" in done.stderr, done.stdout + done.stderr
    image, program = (os.path.join(tree, "build", *path) for path in (("32l476gdiscovery-freertos-console", "console.elf"), ("vboard", "vboard")))
    for path, text in ((image, "image"), (program, "#!/bin/sh\necho vboard $*\n"), (os.path.join(tree, "tool/setup.sh"), "#!/bin/sh\n"),
                       (os.path.join(folder, "tools", "make"), "#!/bin/sh\necho make $* >> $0.used\n")):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o755)
    done = run(*words, environment=environment, folder=tree)
    assert done.returncode == 0 and "console.elf as it is" in done.stdout and \
        "vboard --board 32l476gdiscovery --for 1 --forward 8080:80 build/32l476gdiscovery-freertos-console/console.elf" in done.stdout, \
        done.stdout + done.stderr
    with open(os.path.join(folder, "tools", "make.used"), encoding="utf-8") as file:
        assert file.read() == "make -q BOARD=32l476gdiscovery OS=none build/vboard/vboard\n"


def checkout(folder):
    """Without a build folder; whatever the scripts would install or build with says so instead."""
    files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for path in filter(None, files):
        if os.path.isfile(os.path.join(ROOT, path)) and not path.startswith("test/fuzz/corpus/"):
            os.makedirs(os.path.dirname(os.path.join(folder, "tree", path)), exist_ok=True)
            shutil.copy2(os.path.join(ROOT, path), os.path.join(folder, "tree", path))
    tools = os.path.join(folder, "tools")
    os.makedirs(tools)
    for name in ("apt-get", "dpkg-query", "sudo", "make", "gcc", "git", "python3"):
        with open(os.path.join(tools, name), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho {name} >> {folder}/used\nexit 1\n")
        os.chmod(os.path.join(tools, name), 0o755)
    return os.path.join(folder, "tree"), {**clean_environment(), "PATH": tools + ":/usr/bin:/bin"}


def test_help_and_mistakes_come_first(folder):
    tree, environment = checkout(folder)
    for command, code, wanted in ((["./check", "--help"], 0, "--only PATTERN"), (["./check", "-h"], 0, "--jobs"),
                                  (["./check", "--only", "x", "--help"], 0, "usage: ./check"),
                                  (["./run", "--help"], 0, "--board"), (["./run", "-h"], 0, "--usbip"),
                                  (["./run", "--board", "native", "--help"], 0, "--pcap"),
                                  (["./check", "--onyl", "x"], 2, "no option --onyl"), (["./check", "--only"], 2, "needs a value"),
                                  (["./check", "--jobs", "two"], 2, "--jobs two"), (["./check", "vm-usb"], 2, "--only vm-usb"),
                                  (["./check", "--jobs=0"], 2, "--jobs 0"), (["./run", "--board", "none"], 2, "no board"),
                                  (["./run", "--gdb="], 2, "--gdb needs a value"), (["./run", "--gdb", ""], 2, "--gdb needs a value"),
                                  (["./run", "--gdb"], 2, "--gdb needs a value"), (["./run", "--pcap=", "x"], 2, "--pcap needs"),
                                  (["./run", "--board="], 2, "--board needs"), (["./run", "--fast=1"], 2, "--fast takes no value"),
                                  (["./run", "surplus.elf"], 2, "'surplus.elf' is no option"), (["./run", "a=b"], 2, "'a=b' is no"),
                                  (["./run", "--fast", "more", "--for", "1"], 2, "known with --board stm32f4discovery: --board"),
                                  (["./run", ""], 2, "'' is no option"), (["./run", "--bogus"], 2, "no option --bogus"),
                                  (["./run", "--bogus=1"], 2, "no option --bogus=1"), (["./run", "-x"], 2, "no option -x"),
                                  (["./run", "--gdb", "0", "--board", "native"], 2, "no option --gdb"),
                                  (["./run", "--board=native", "--boot0"], 2, "no option --boot0"),
                                  (["./check", "--only="], 2, "--only needs a value"), (["./check", ""], 2, "is no option"),
                                  (["./check", "--jobs", ""], 2, "--jobs"), (["./check", "--list"], 2, "no option --list")):
        done = run(*command, environment=environment, folder=tree)
        said = done.stdout if code == 0 else done.stderr
        assert done.returncode == code and wanted in said, f"{command}: {done.returncode} {done.stdout!r} {done.stderr!r}"
        assert not os.path.exists(f"{folder}/used"), f"{command} runs {open(f'{folder}/used', encoding='utf-8').read()!r}"
        assert not os.path.exists(os.path.join(tree, "build")), f"{command} makes a build folder"


def test_help_has_every_option(_):
    """./run takes the text from the sources; it is what the programs say themselves."""
    for board, program in (("stm32f4discovery", "build/vboard/vboard"), ("native", "build/pc")):
        said = run("./run", "--board", board, "--help").stdout
        options = [line for line in run(program, "--help").stdout.split("\n") if line.startswith("  --")]
        assert len(options) > 5, options
        for line in options:
            if not line.startswith(("  --board", "  --help", "  --cable", "  --spawn")):
                assert line in said.split("\n"), f"{board}: {line!r} is missing in ./run --help"


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(folder)
                print(f"ok build {name[5:]}", flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as why:
                failed += 1
                print(f"not ok build {name[5:]}: " + " ".join(f"{why or type(why).__name__}".split()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
