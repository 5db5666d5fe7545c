#!/usr/bin/env python3
"""A product from the template (tool/new-product): made, built against an installed plugnet, tested on the virtual board, its page
changed, and tested again.

    test/tool/test_product.py [NAME …]           FreeRTOS where FREERTOS_KERNEL_PATH names a kernel

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_compose  # noqa: E402
from test_build import ROOT, clean_environment, run  # noqa: E402
from test_cmake import build_of_programs  # noqa: E402
from test_compose import file_change, kernel_wanted  # noqa: E402

NEW = os.path.join(ROOT, "tool/new-product")


def made(folder, *words):
    done = run(NEW, *words, folder=folder)
    assert done.returncode == 0, (done.stdout + done.stderr)[-600:]
    return os.path.join(folder, words[0]), done.stdout


def ci(product, plugnet, **more):
    """Its own CI script, with nothing else of ours in the environment."""
    environment = {**clean_environment(), "PLUGNET": plugnet, **more}
    for name in ("LWIP_PATH", "PLUGNET_VBOARD", "PYTHONPATH"):
        environment.pop(name, None)
    return run(os.path.join(product, "ci.sh"), folder=product, environment=environment)


def ci_passes(product, plugnet, **more):
    done = ci(product, plugnet, **more)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "100% tests passed" in said, said[-900:]


def installed(folder):
    programs = build_of_programs(folder)
    done = run("cmake", "--install", programs, "--prefix", f"{folder}/prefix", environment=clean_environment())
    assert done.returncode == 0, done.stderr[-600:]
    return f"{folder}/prefix/share/plugnet"


def test_against_an_installed_one(folder):
    """Also after a change of page and test; a test that doesn't hold fails."""
    plugnet = installed(folder)
    product, said = made(folder, "pump", "--board", "32l476gdiscovery")
    assert "cmake -S . -B build -DPLUGNET=" in said, said
    ci_passes(product, plugnet)
    file_change(f"{product}/site/index.html", "<h1>pump</h1>", "<h1>Pump 2</h1>")
    test = f"{product}/test/test_pump.py"
    file_change(test, '"<title>pump</title>"', '"<h1>Pump 2</h1>"')
    ci_passes(product, plugnet)
    file_change(test, '"<h1>Pump 2</h1>"', '"<h1>Pump 3</h1>"')
    done = ci(product, plugnet)
    assert done.returncode != 0 and "Pump 3" in done.stdout + done.stderr, (done.stdout + done.stderr)[-600:]
    with open(f"{product}/build/CMakeCache.txt", encoding="utf-8") as file:
        assert f"PLUGNET_VBOARD:FILEPATH={folder}/prefix/bin/vboard" in file.read(), "not the installed virtual board"


def test_each_board(folder):
    """Against a checkout: builds and passes for each board."""
    for board in ("stm32f4discovery", "blackpill-f411"):
        product, _ = made(folder, "thing-" + board.split("-", maxsplit=1)[0], "--board", board)
        ci_passes(product, ROOT)


def test_freertos(folder):
    kernel_wanted()
    product, _ = made(folder, "pump", "--os", "freertos")
    ci_passes(product, ROOT, FREERTOS_KERNEL_PATH=os.environ["FREERTOS_KERNEL_PATH"])


def test_what_it_holds(folder):
    """No mark is left, nothing of ours but what the product needs, and no path of this machine."""
    product, _ = made(folder, "pump-2")
    for base, _, files in os.walk(product):
        for name in files:
            path = os.path.join(base, name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            assert not re.search(r"@[A-Z_]+@", path + text), f"a mark is left in {path}"
            assert ROOT not in text and "SPDX" not in text, path
    assert os.access(f"{product}/ci.sh", os.X_OK)


def test_mistakes(folder):
    os.makedirs(f"{folder}/there/x")
    for words, wanted in ((["Pump"], "small letters"), (["a b"], "small letters"), (["-x"], "required"), (["x" * 33], "at most 32"),
                          (["7up"], "begins with a letter"), (["test"], "a word of CMake's"), (["there"], "there already"),
                          (["a", "--board", "nosuch"], "there are: 32l476gdiscovery"), (["a", "--board", "native"], "there are:"),
                          (["a", "--os", "posix"], "invalid choice"), ([], "required")):
        done = run(NEW, *words, folder=folder)
        assert done.returncode == 2 and wanted in done.stderr, (words, done.returncode, done.stderr[-300:])
    assert sorted(os.listdir(folder)) == ["there"], os.listdir(folder)
    product, _ = made(folder, "lost")
    done = ci(product, f"{folder}/nosuch")
    assert done.returncode != 0 and "plugnet isn't found" in " ".join(done.stderr.split()), done.stderr[-600:]


def main(chosen):
    return test_compose.tests_run("product", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
