#!/usr/bin/env python3
"""A product from the template (tool/new-product): made, built against an installed plugnet, tested on the virtual board, its page
changed, and tested again.

    test/tool/test_product.py [NAME …]           FreeRTOS where FREERTOS_KERNEL_PATH names a kernel

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import os
import re
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "testkit"))
import test_compose  # noqa: E402
from plugnet_testkit import Board, update_file  # noqa: E402
from test_build import ROOT, clean_environment, run  # noqa: E402
from test_cmake import build_of_programs, same, shown  # noqa: E402
from test_compose import built, file_change, kernel_wanted  # noqa: E402

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


def update_is_right(product, name):
    """The README's command for dfu-util names the IDs that the device shows and the file has, and where the image begins."""
    with open(f"{product}/README.md", encoding="utf-8") as file:
        told = re.search(rf"dfu-util -d (\w+:\w+),0483:df11 -a 0 -s (\w+):leave -D build/{name}\.dfu", file.read())
    with open(f"{product}/src/main.c", encoding="utf-8") as file:
        shown = re.search(r"\.product_id = 0x(\w+)", file.read())[1].lower()
    with open(f"{product}/build/{name}.dfu", "rb") as file:
        product_id, vendor_id = struct.unpack("<HH", file.read()[-14:-10])
    begin = run(f"{ROOT}/tool/dfu_file.py", "--address", f"{product}/build/{name}.elf").stdout.strip()
    assert told and told[1] == f"{vendor_id:04x}:{product_id:04x}" == f"1209:{shown}", (told and told[1], f"{vendor_id:04x}:{product_id:04x}", shown)
    assert int(told[2], 16) == int(begin, 16), (told[2], begin)


def header_is_right(product, name, board):
    """What the image says of itself is what product.mk does."""
    with open(f"{product}/product.mk", encoding="utf-8") as file:
        version = re.search(r"^PRODUCT_VERSION := (\S+)$", file.read(), re.MULTILINE)[1]
    facts = shown(f"{product}/build/{name}.update")
    assert (facts["product"], facts["version"], facts["board"], facts["git"]) == (name, version, board, None), facts


def test_each_board(folder):
    """Against a checkout: builds and passes for each board; they share one virtual board, in the checkout's build folder."""
    program = f"{ROOT}/build/cmake-programs/vboard"
    made_at = set()
    for board in ("stm32f4discovery", "blackpill-f411", "32l476gdiscovery"):
        name = "thing-" + board.split("-", maxsplit=1)[0]
        product, _ = made(folder, name, "--board", board)
        ci_passes(product, ROOT)
        update_is_right(product, name)
        header_is_right(product, name, board)
        made_at.add(os.stat(program).st_mtime_ns)
        assert not os.path.exists(f"{product}/build/plugnet/programs"), "built again"
    assert len(made_at) == 1, "built again"


def by_cmake(product):
    for command in (("cmake", "-S", product, "-B", f"{product}/build", f"-DPLUGNET={ROOT}", f"-DPLUGNET_LWIP_PATH={ROOT}/build/lwip"),
                    ("cmake", "--build", f"{product}/build", "-t", "pump")):
        done = run(*command, environment=clean_environment())
        assert done.returncode == 0, (done.stdout + done.stderr)[-600:]
    return f"{product}/build/pump", done.stdout


def by_make(product, folder):
    """As ./run --app does it."""
    out, said = built(folder, "stm32f4discovery-none-pump", "BOARD=stm32f4discovery", "OS=none", f"APP={product}", "NAME=pump")
    return f"{out}/pump", said


def test_one_place(folder):
    """Name, version and USB ID stand in product.mk, and CMake and make make the same of them; a change compiles nothing."""
    product, _ = made(folder, "pump")
    for name, version, identity in (("pump", "1.0.0", "1209:000a"), ("Air pump", "2.3.4-rc.1", "1209:000b")):
        (cmake, cmake_said), (make, make_said) = by_cmake(product), by_make(product, folder)
        for stem in (cmake, make):
            facts = shown(f"{stem}.update")
            assert (facts["product"], facts["version"]) == (name, version), (stem, facts)
            with open(f"{stem}.dfu", "rb") as file:
                assert file.read()[-14:-10].hex() == identity[7:] + identity[5:7] + "0912", stem
        for kind in ("bin", "dfu", "update"):
            same(f"{cmake}.{kind}", f"{make}.{kind}")
        if name == "pump":
            file_change(f"{product}/product.mk", "PRODUCT := pump", "PRODUCT := Air pump # for air")
            file_change(f"{product}/product.mk", "1.0.0", "2.3.4-rc.1")
            file_change(f"{product}/product.mk", "1209:000a", "1209:000b")
    assert "Building C" not in cmake_said and "CC" not in make_said and "LD" not in make_said, cmake_said + make_said


def flash_of(stem):
    text, data, bss = map(int, run("arm-none-eabi-size", f"{stem}.elf").stdout.splitlines()[1].split()[:3])
    return text + data, data + bss


def less(product):
    """What the README says that a product without updates by the page deletes."""
    file_change(f"{product}/src/main.c", ", &update_service", "")
    for path, pattern in (("src/main.c", r"^.*(updater|update_service).*\n"), ("product.mk", r"^SITE_SHARED.*\n"),
                          ("site/index.html", r"^.*update\.js.*\n"), ("site/index.html", r'(?s)^ *<section id="firmware".*?</section>\n'),
                          ("site/index.html", r'(?s)^<dialog id="fw-ask">.*?</dialog>\n'), ("site/style.css", r"^#fw-.*\n"),
                          ("test/test_pump.py", r"(?s)^class Update.*?\n\n\n")):
        with open(f"{product}/{path}", encoding="utf-8") as file:
            text, count = re.subn(pattern, "", file.read(), flags=re.MULTILINE)
        assert count, (path, pattern)
        with open(f"{product}/{path}", "w", encoding="utf-8") as file:
            file.write(text)


def test_without_updates(folder):
    """By deleting what the README says; the price is what it says, to 3 %."""
    product, _ = made(folder, "pump")
    with open(f"{product}/README.md", encoding="utf-8") as file:
        told = re.search(r"costs ([\d.]+) kB of flash, .* and ([\d.]+) kB of RAM", file.read())
    flash, ram = flash_of(by_make(product, folder)[0])
    less(product)
    flash, ram = (a - b for a, b in zip((flash, ram), flash_of(by_make(product, folder)[0])))
    assert abs(flash / 1000 / float(told[1]) - 1) < 0.03 and abs(ram / 1000 - float(told[2])) < 0.05, (flash, ram, told[0])
    ci_passes(product, ROOT)
    with open(f"{product}/src/main.c", encoding="utf-8") as file:
        assert "update" not in file.read()
    return f"{flash} bytes of flash, {ram} of RAM"


def test_card(folder):
    """The template's page has each element that the shared script asks for, and the demo's page, too; the form's buttons say the same."""
    product, _ = made(folder, "pump")
    with open(f"{ROOT}/app/site/update.js", encoding="utf-8") as file:
        wanted = set(re.findall(r"get\('([\w-]+)'\)", file.read()))
    assert len(wanted) > 5, wanted
    for page in (f"{product}/site/index.html", f"{ROOT}/app/site/index.html"):
        with open(page, encoding="utf-8") as file:
            text = file.read()
        assert wanted <= set(re.findall(r'id="([\w-]+)"', text)), (page, wanted - set(re.findall(r'id="([\w-]+)"', text)))
        ask = text[text.index('<dialog id="fw-ask"'):]
        assert re.findall(r'<button value="(\w*)">', ask[:ask.index("</dialog>")]) == ["", "go"], page


def test_one_setting_more(folder):
    """A firmware with a further setting keeps what the owner has set of the others."""
    product, _ = made(folder, "pump")
    build = f"{product}/build"
    words = ("cmake", "-S", product, "-B", build, f"-DPLUGNET={ROOT}", f"-DPLUGNET_LWIP_PATH={ROOT}/build/lwip")
    flash = f"{folder}/flash"
    for wanted, kept in (('{"name":"other","led":true}', {"name": "other", "led": True}),
                         ('{"led":false}', {"name": "other", "led": False, "level": 7})):
        for command in (words, ("cmake", "--build", build, "-t", "pump")):
            done = run(*command, environment=clean_environment())
            assert done.returncode == 0, (done.stdout + done.stderr)[-600:]
        with Board(f"{build}/pump.elf", forwards=[80], flash=flash, program=f"{ROOT}/build/vboard/vboard") as b:
            b.wait_state("leased")
            before = b.http.get("/api/settings").json()
            answer = b.http.put("/api/settings", wanted)
            assert (answer.status, answer.json()) == (200, kept), (answer, answer.text)
        file_change(f"{product}/src/settings.h", "    bool led; ", "    uint16_t level;\n    bool led; ")
        file_change(f"{product}/src/settings.c", ".led = false", ".led = false, .level = 7")
        file_change(f"{product}/src/settings.c", "settings, led, BOOL),", "settings, led, BOOL),\n    JSON_FIELD(struct settings, level, UNSIGNED),")
    assert before == {"name": "other", "led": True, "level": 7}, before


def test_freertos(folder):
    kernel_wanted()
    product, _ = made(folder, "pump", "--os", "freertos")
    ci_passes(product, ROOT, FREERTOS_KERNEL_PATH=os.environ["FREERTOS_KERNEL_PATH"])


def test_task_decides(folder):
    """The task of docs/update.md in a product on FreeRTOS: it confirms a version on trial, or brings the old one back; the page doesn't."""
    kernel_wanted()
    with open(f"{ROOT}/docs/update.md", encoding="utf-8") as file:
        (code,) = (block for block in re.findall(r"(?ms)^```c\n(.*?)^```$", file.read()) if "verdict_tick" in block)
    product, _ = made(folder, "pump", "--os", "freertos")
    main_c = f"{product}/src/main.c"
    file_change(main_c, "static struct updater updater; /* no key: whoever reaches the page may update the board */\n", code)
    file_change(main_c, ", &update_service)", ", &update_service, &verdict_service)")
    out, _ = built(folder, "stm32f4discovery-freertos-pump", "OS=freertos", f"APP={product}", "NAME=pump")
    for pressed, last in ((False, "confirmed"), (True, "restored")):
        with Board(f"{out}/pump.elf", forwards=[80], program=f"{ROOT}/build/vboard/vboard") as b:
            b.wait_state("leased")
            assert b.http.put("/api/update", update_file(f"{out}/pump.elf", "1.1.0"), s=30).status == 200
            assert b.http.post("/api/update").status == 202
            b.wait_state("unplugged")
            b.button(pressed)
            b.wait_state("leased", s=60)
            now = b.http.get("/api/update").json()
            assert (now["version"], now["state"], now["last"]) == ("1.1.0", "trial", None), now
            b.run_for(3)
            b.wait_state("leased", s=60)
            now = b.http.get("/api/update").json()
            assert (now["version"], now["state"], now["last"]["result"]) == ("1.0.0" if pressed else "1.1.0", "idle", last), now
            assert now["last"]["reason"] == ("given up by itself" if pressed else ""), now


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
