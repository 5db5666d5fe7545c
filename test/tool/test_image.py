#!/usr/bin/env python3
"""tool/image.py: the three boards' images packed, signed, shown, damaged, cut; keys; and what the board's own code says of the same files.

    test/tool/test_image.py [NAME …]

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import contextlib
import io
import json
import os
import random
import re
import shutil
import stat
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_compose  # noqa: E402
from test_build import ROOT, run  # noqa: E402
sys.path.insert(0, os.path.join(ROOT, "tool"))
import image  # noqa: E402

TOOL = os.path.join(ROOT, "tool/image.py")
BOARDS = {"stm32f4discovery": ("1209:0001", 0x08020000), "32l476gdiscovery": ("1209:0003", 0x08004000),
          "blackpill-f411": ("1209:0004", 0x08020000)}
IMAGE = f"{ROOT}/build/stm32f4discovery-none/plugnet"
TRAILER = 72


def openssl_wanted():
    if not shutil.which("openssl"):
        raise test_compose.Skip("openssl is not installed (package openssl)")


def said(*words, code=0, environment=None):
    """What it prints; errors where it is to fail."""
    done = run(sys.executable, TOOL, *words, environment=environment)
    assert done.returncode == code and "Traceback" not in done.stderr, (words, done.returncode, done.stdout, done.stderr)
    return done.stdout if code < 2 else done.stderr


def shown(path, *words, code=0):
    return json.loads(said("show", "--json", path, *words, code=code))


def key_made(folder, name):
    """(file, public key in hex, C of it)"""
    openssl_wanted()
    path = os.path.join(folder, name + ".pem")
    text = said("key", path)
    public, _, source = text.partition("\n\n")
    return path, public, source


def board_code(folder, source):
    """The program that says what a board would."""
    with open(f"{folder}/key.h", "w", encoding="ascii") as file:
        file.write("#include <stdint.h>\n" + source)
    done = run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I", ROOT, "-include", f"{folder}/key.h", f"{ROOT}/test/tool/image_check.c",
               *(f"{ROOT}/wire/{name}.c" for name in ("image", "ed25519", "sha512")), "-o", f"{folder}/image_check")
    assert done.returncode == 0, done.stderr[-600:]
    return f"{folder}/image_check"


def content(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


# ---- Images. ----

def test_every_board_and_kind(folder):
    """The same facts from each kind of file; the update file is what the build made, and the DFU file without its suffix."""
    for board, (number, base) in BOARDS.items():
        stem = f"{ROOT}/build/{board}-none/plugnet"
        facts = {kind: shown(f"{stem}.{kind}") for kind in ("elf", "bin", "dfu", "update")}
        for kind, one in facts.items():
            assert one.pop("kind") == kind, (board, kind)
        assert facts["elf"] == facts["bin"] == facts["dfu"] == facts["update"], facts
        one = facts["elf"]
        wanted = {"product": "plugnet", "board": board, "board_id": number, "base": f"0x{base:08X}", "whole": True, "signed": False,
                  "signature": None}
        assert {name: one[name] for name in wanted} == wanted, one
        said("pack", f"{stem}.elf", "-o", f"{folder}/x.update")
        assert content(f"{folder}/x.update") == content(f"{stem}.update") == content(f"{stem}.dfu")[:-16]
        assert len(content(f"{folder}/x.update")) == one["length"] + 4
        text = said("show", f"{stem}.elf")
        assert text.startswith(f"plugnet {one['version']}\n") and f"{board} ({number})" in text and ", good" in text, text
        said("pack", f"{folder}/x.update", "-o", f"{folder}/y.update")
        assert content(f"{folder}/y.update") == content(f"{folder}/x.update")


def test_signed_as_the_board_sees_it(folder):
    """The board's code takes what the tool has signed, for each board; by another key, or unsigned, it doesn't."""
    key, public, source = key_made(folder, "a")
    other, other_public, _ = key_made(folder, "b")
    program = board_code(folder, source)
    for board, (_, base) in BOARDS.items():
        elf = f"{ROOT}/build/{board}-none/plugnet.elf"
        facts = shown(elf)
        for kind, words in (("good", ("sign", "--key", key)), ("wrong", ("sign", "--key", other)), ("unsigned", ("pack",))):
            path = f"{folder}/{kind}.update"
            said(*words, elf, "-o", path)
            answer = run(program, path).stdout.split()
            assert answer == [facts["product"], facts["version"], f"{base:08x}", facts["build"], kind], (board, kind, answer)
        assert shown(f"{folder}/good.update", "--public", public)["signature"] == "good"
        assert shown(f"{folder}/good.update", "--public", other_public, code=1)["signature"] == "wrong"
        assert shown(f"{folder}/wrong.update", "--public", other_public)["signature"] == "good"
        assert shown(f"{folder}/unsigned.update", "--public", public, code=1)["signature"] == "none"
        assert shown(f"{folder}/good.update")["signature"] is None and shown(f"{folder}/good.update")["signed"]
        said("sign", "--key", key, f"{folder}/wrong.update", "-o", f"{folder}/again.update")
        assert content(f"{folder}/again.update") == content(f"{folder}/good.update"), "a signature that is there isn't replaced"
    text = said("show", f"{folder}/good.update", "--public", other_public, code=1)
    assert "WRONG: by another key" in text, text
    said("show", f"{folder}/good.update", "--public", ":".join(re.findall("..", public.upper())))


def test_one_bit(folder):
    """Any bit of a signed file, by the tool and by the board's code: damaged, or signed by nobody."""
    key, public, source = key_made(folder, "a")
    program = board_code(folder, source)
    said("sign", "--key", key, f"{IMAGE}.elf", "-o", f"{folder}/good.update")
    good = content(f"{folder}/good.update")
    header = image.Image(f"{folder}/good.update").at
    random.seed(14)
    places = [*range(header, header + 128, 3), *random.sample(range(len(good)), 40), *range(len(good) - TRAILER - 4, len(good), 5)]
    for at in places:
        bad = bytearray(good)
        bad[at] ^= 1 << random.randrange(8)
        put(f"{folder}/bad.update", bad)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            code = image.main(["show", "--public", public, f"{folder}/bad.update"])
        assert code in (1, 2) and "Traceback" not in errors.getvalue(), (at, code)
        answer = run(program, f"{folder}/bad.update").stdout.split()
        assert answer[-1] != "good" and answer[-1] != "unsigned", (at, answer)


def test_each_check(folder):
    """Each of them alone finds what the others don't look at."""
    good = content(f"{IMAGE}.update")
    at = image.Image(f"{IMAGE}.update").at

    def changed(where, data, crc_anew):
        bad = bytearray(good)
        bad[where:where + len(data)] = data
        if crc_anew:
            bad[-4:] = image.crc(bad[:-4]).to_bytes(4, "little")
        return put(f"{folder}/bad.update", bad)

    for where, data, crc_anew in ((len(good) - 4, bytes(4), False), (at + 104, bytes(16), True), (at + 120, b"x", True), (1000, bytes(4), True)):
        assert not shown(changed(where, data, crc_anew), code=1)["whole"], where
        assert "bad.update: damaged" in said("pack", f"{folder}/bad.update", "-o", f"{folder}/y", code=2)
    assert shown(changed(0, b"", True))["whole"], "the test's own CRC is wrong"
    for length in (0, 8, at + 124, at + 130, len(good) - 3, 0xFFFFFFFF):
        assert "bytes, which can't be" in said("show", changed(at + 8, length.to_bytes(4, "little"), False), code=2), length


def test_cut(folder):
    """At any length: an error that says so, and no file."""
    for kind in ("update", "bin", "dfu", "elf"):
        good = content(f"{IMAGE}.{kind}")
        for length in (0, 1, 3, 15, 16, 60, 400, 500, 1000, 0x400, 20000, len(good) // 2, len(good) - 5, len(good) - 1):
            put(f"{folder}/cut", good[:length])
            with contextlib.redirect_stderr(io.StringIO()) as errors:
                code = image.main(["pack", f"{folder}/cut", "-o", f"{folder}/out"])
            if kind == "elf" and code == 0:  # symbols at the end are nothing that it reads
                assert length == len(good) - 1 or length == len(good) - 5
                os.remove(f"{folder}/out")
                continue
            assert code == 2 and f"{folder}/cut: " in errors.getvalue(), (kind, length, code, errors.getvalue())
            assert not os.path.exists(f"{folder}/out"), (kind, length)
    put(f"{folder}/cut", content(f"{IMAGE}.update")[:-1])
    assert "and its header says" in said("show", f"{folder}/cut", code=2)
    put(f"{folder}/long", content(f"{IMAGE}.update") + bytes(72))
    assert "72 bytes behind the image, which are no signature" in said("show", f"{folder}/long", code=2)


def test_no_image(folder):
    for data, wanted in ((b"", "no image of ours"), (bytes(100000), "no image of ours"), (b"\xff" * 4096, "no image of ours"),
                         (b"\x7fELF", "no ELF file of a 32-bit chip"), (content(sys.executable)[:100000], "no ELF file of a 32-bit chip"),
                         (b"\x7fELF\1\1" + b"\xff" * 100, "cut or broken"),
                         (content(f"{IMAGE}.dfu").replace(b"PnH1", b"PnH0"), "from before images had product and version")):
        put(f"{folder}/x", data)
        for words in (("show", f"{folder}/x"), ("pack", f"{folder}/x", "-o", f"{folder}/y")):
            text = said(*words, code=2)
            assert wanted in text, (wanted, text)
    assert "No such file" in said("show", f"{folder}/nosuch", code=2)
    assert "damaged" in said("pack", f"{IMAGE}.linked", "-o", f"{folder}/y", code=2), "never stamped, and packed"
    text = said("show", f"{IMAGE}.linked", code=1)
    assert "WRONG" in text, text
    assert not os.path.exists(f"{folder}/y")


def test_another_version(folder):
    """The same bytes but for version, build ID and CRC, of each kind of file; the board's code agrees. What is no version is refused."""
    key, _, source = key_made(folder, "a")
    program, other = board_code(folder, source), f"{folder}/other.update"
    for board, (_, base) in BOARDS.items():
        stem = f"{ROOT}/build/{board}-none/plugnet"
        before = shown(f"{stem}.elf")
        for kind in ("elf", "update", "bin", "dfu"):
            said("pack", "--version", "7.8.65535-rc.1", f"{stem}.{kind}", "-o", other)
            after = shown(other)
            assert after["build"] != before["build"] and after["crc"] != before["crc"], after
            assert after["version"] == "7.8.65535-rc.1" and not after["signed"] and after["whole"], after
            same = before.keys() - {"version", "build", "crc", "kind"}
            assert {name: after[name] for name in same} == {name: before[name] for name in same}, (after, before)
            assert run(program, other).stdout.split()[:4] == [after["product"], after["version"], f"{base:08x}", after["build"]]
        said("pack", "--version", before["version"], other, "-o", other)
        assert content(other) == content(f"{stem}.update"), "not the same image again"
    said("sign", "--key", key, "--version", "7.8.9", f"{IMAGE}.elf", "-o", other)
    assert run(program, other).stdout.split()[1::3] == ["7.8.9", "good"]
    said("pack", "--version", "7.9.0", other, "-o", other)
    assert not shown(other)["signed"], "the signature of another version is left"
    for version, wanted in (("1.2", "version '1.2' is none"), ("", "version '' is none"), ("1.2.65536", "65535 at most"),
                            ("1.2.3-" + "x" * 20, "19 are allowed")):
        assert wanted in said("pack", "--version", version, f"{IMAGE}.elf", "-o", f"{folder}/y", code=2), version
    assert not os.path.exists(f"{folder}/y")


# ---- Keys. ----

def test_keys(folder):
    path, public, source = key_made(folder, "a")
    assert re.fullmatch("[0-9a-f]{64}", public), public
    assert bytes.fromhex(public) == bytes(int(byte, 16) for byte in re.findall("0x(..),", source)), source
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, "others may read the key"
    before = content(path)
    assert said("public", path).startswith(public + "\n\n")
    assert "is there already" in said("key", path, code=2) and content(path) == before, "a key is overwritten"
    assert b"BEGIN PRIVATE KEY" in before, "no PKCS#8 in PEM"
    assert key_made(folder, "b")[1] != public
    assert "No such file" in said("key", f"{folder}/nosuch/x.pem", code=2)


def test_wrong_keys(folder):
    path, public, _ = key_made(folder, "a")
    for words in (("genpkey", "-algorithm", "RSA", "-out", f"{folder}/rsa.pem"), ("pkey", "-in", path, "-pubout", "-out", f"{folder}/public.pem"),
                  ("genpkey", "-algorithm", "x25519", "-out", f"{folder}/x.pem")):
        assert run("openssl", *words).returncode == 0, words
    put(f"{folder}/text.pem", b"hello\n")
    for name, wanted in (("rsa", "a key of another kind"), ("public", "a public key"), ("x", "a key of another kind"),
                         ("text", "no key that openssl can read"), ("nosuch", "No such file")):
        text = said("sign", "--key", f"{folder}/{name}.pem", f"{IMAGE}.elf", "-o", f"{folder}/y", code=2)
        assert f"{name}.pem: {wanted}" in text and not os.path.exists(f"{folder}/y"), text
    for given in ("", "12", public + "00", public[:-1] + "g"):
        if given:
            assert "64 hexadecimal digits" in said("show", f"{IMAGE}.elf", "--public", given, code=2)


def test_without_openssl(folder):
    """What needs it says which package has it; the rest goes on."""
    os.makedirs(f"{folder}/empty")
    environment = {"PATH": f"{folder}/empty"}
    put(f"{folder}/a.pem", b"x")
    for words in (("key", f"{folder}/new.pem"), ("public", f"{folder}/a.pem"),
                  ("sign", "--key", f"{folder}/a.pem", f"{IMAGE}.elf", "-o", f"{folder}/y")):
        text = said(*words, code=2, environment=environment)
        assert text == "image: the program openssl is missing: apt install openssl\n", text
    assert sorted(os.listdir(folder)) == ["a.pem", "empty"], os.listdir(folder)
    said("show", f"{IMAGE}.elf", environment=environment)
    said("pack", f"{IMAGE}.elf", "-o", f"{folder}/y", environment=environment)
    run_ = run("sh", "-c", f"printf '#!/bin/sh\\necho \"pkeyutl: Unrecognized flag rawin\" >&2\\nexit 1\\n' > {folder}/empty/openssl; chmod +x {folder}/empty/openssl")
    assert run_.returncode == 0
    text = said("sign", "--key", f"{folder}/a.pem", f"{IMAGE}.elf", "-o", f"{folder}/z", code=2, environment=environment)
    assert "too old for Ed25519: 3.0 or newer" in text, text


def test_words(_):
    done = run(sys.executable, TOOL)
    assert done.returncode == 2 and "usage:" in done.stderr
    text = said("--help")
    for word in ("image.py key FILE", "image.py sign --key FILE IMAGE -o OUT.update", "image.py show FILE"):
        assert word in text, word


def main(chosen):
    return test_compose.tests_run("image", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
