#!/usr/bin/env python3
"""plugnet by CMake (docs/build.md): the same images as make's, from each way to consume a library.

    test/tool/test_cmake.py [NAME …]           FreeRTOS where FREERTOS_KERNEL_PATH names a kernel

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import json
import os
import shutil
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_compose  # noqa: E402
from test_build import ROOT, clean_environment, product_write, run  # noqa: E402
from test_compose import PC, PRODUCT, board_write, built, file_change, kernel_wanted, page_is, plugged, asked  # noqa: E402

TOOLCHAIN = os.path.join(ROOT, "cmake/arm-none-eabi.cmake")

TAKE = {  # how a product gets at plugnet; each behind project()
    "add_subdirectory": 'add_subdirectory("{root}" plugnet)',
    "FetchContent": 'include(FetchContent)\nFetchContent_Declare(plugnet SOURCE_DIR "{root}")\nFetchContent_MakeAvailable(plugnet)',
    "find_package": "find_package(plugnet 0.1 REQUIRED)",
}


def lists_of(take, firmware, languages="C"):
    return f"cmake_minimum_required(VERSION 3.20)\nproject(thing {languages})\n{take}\n{firmware}\n"


def configure(folder, *words, build="build", cross=True):
    toolchain = [f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}"] if cross else []
    return run("cmake", "-S", folder, "-B", os.path.join(folder, build), f"-DPLUGNET_LWIP_PATH={ROOT}/build/lwip", *toolchain,
               *words, environment=clean_environment(), folder=folder)


def shown(path):
    """What tool/image.py says of a file."""
    done = run(f"{ROOT}/tool/image.py", "show", "--json", path)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def git_of(image):
    """An environment for a build whose image has the git state of this one."""
    return {**clean_environment(), "GIT_STATE": shown(image)["git"] or ""}


def build_of(folder, *words, build="build", cross=True, environment=None):
    """The folder with what was built."""
    done = configure(folder, *words, build=build, cross=cross)
    assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    done = run("cmake", "--build", os.path.join(folder, build), "-j2", environment=environment or clean_environment())
    assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    return os.path.join(folder, build)


def same(a, b):
    with open(a, "rb") as one, open(b, "rb") as other:
        assert one.read() == other.read(), f"{a} and {b} differ"


def refused(folder, wanted, *words, cross=True):
    shutil.rmtree(os.path.join(folder, "build"), ignore_errors=True)
    done = configure(folder, *words, cross=cross)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0, f"taken, where {wanted!r} was due"
    assert wanted in said, f"no {wanted!r} in {said[-900:]}"


# ---- The demo: one list, one image. ----

def demo_is_the_same(folder, board, flavour):
    build = os.path.join(folder, "build")
    words = ["-S", ROOT, "-B", build, f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}", f"-DPLUGNET_BOARD={board}", f"-DPLUGNET_OS={flavour}"]
    by_make = f"{ROOT}/build/{board}-{flavour}/plugnet"
    for command in (["cmake", *words], ["cmake", "--build", build, "-j2"]):
        done = run(*command, environment=git_of(f"{by_make}.elf"))
        assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    for suffix in ("bin", "hex", "dfu", "update"):
        same(f"{build}/plugnet.{suffix}", f"{by_make}.{suffix}")


def test_same_image_stm32f4discovery(folder):
    demo_is_the_same(folder, "stm32f4discovery", "none")


def test_same_image_32l476gdiscovery(folder):
    demo_is_the_same(folder, "32l476gdiscovery", "none")


def test_same_image_blackpill(folder):
    demo_is_the_same(folder, "blackpill-f411", "none")


def test_same_image_freertos(folder):
    kernel_wanted()
    demo_is_the_same(folder, "stm32f4discovery", "freertos")


def test_presets(folder):
    with open(os.path.join(ROOT, "CMakePresets.json"), encoding="utf-8") as file:
        presets = json.load(file)
    boards = {name for name in os.listdir(os.path.join(ROOT, "board"))
              if name != "native" and os.path.exists(os.path.join(ROOT, "board", name, "board.mk"))}
    chosen = {preset.get("cacheVariables", {}).get("PLUGNET_BOARD") for preset in presets["configurePresets"]} - {None}
    assert chosen == boards, (chosen, boards)
    done = run("cmake", "--preset", "blackpill-f411", "-B", os.path.join(folder, "build"), environment=clean_environment())
    assert done.returncode == 0, done.stderr[-600:]
    with open(os.path.join(folder, "build/CMakeCache.txt"), encoding="utf-8") as file:
        assert "PLUGNET_BOARD:STRING=blackpill-f411" in file.read()


# ---- A product: three ways to the library. ----

def test_three_ways(folder):
    """All make the same image as make does; it serves its page. Nothing is written into plugnet's own folder."""
    installed = os.path.join(folder, "installed")
    programs = build_of_programs(folder)
    done = run("cmake", "--install", programs, "--prefix", installed, environment=clean_environment())
    assert done.returncode == 0, done.stderr[-600:]
    images = []
    for name, take in TAKE.items():
        app = product_write(folder, name, {
            "main.c": PRODUCT, "site/index.html": "<!doctype html><title>thing</title><p>hello</p>\n",
            "CMakeLists.txt": lists_of(take.format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c SITE site)")})
        words = [f"-DCMAKE_PREFIX_PATH={installed}", "-UPLUGNET_LWIP_PATH"] if name == "find_package" else []
        images.append(build_of(app, *words))
    for build in images[1:]:
        same(f"{build}/thing.bin", f"{images[0]}/thing.bin")
    out, _ = built(folder, "stm32f4discovery-none-thing", f"APP={folder}/find_package", "NAME=thing")
    same(f"{out}/thing.bin", f"{images[0]}/thing.bin")
    command = (os.path.join(installed, "bin/vboard"),)
    with plugged(command, f"{images[2]}/thing.elf") as url:
        assert asked(url) == {"board": "STM32F4DISCOVERY"}


def build_of_programs(folder):
    build = os.path.join(folder, "programs")
    for command in (["cmake", "-S", ROOT, "-B", build], ["cmake", "--build", build, "-j2"]):
        done = run(*command, environment=clean_environment())
        assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    return build


def test_parts(folder):
    """A firmware of the parts that it lists is the one that the linker makes of all of them; without one of them it doesn't link."""
    parts = "http service_dhcp service_dns service_mdns function_dfu"
    firmware = f"plugnet_add_firmware(some SOURCES main.c PARTS {parts})\nplugnet_add_firmware(whole SOURCES main.c)"
    app = product_write(folder, "parts", {"main.c": PRODUCT,
                                          "CMakeLists.txt": lists_of(TAKE["add_subdirectory"].format(root=ROOT), firmware)})
    build = build_of(app)
    same(f"{build}/some.bin", f"{build}/whole.bin")
    file_change(os.path.join(app, "CMakeLists.txt"), "service_mdns ", "")
    done = run("cmake", "--build", build, "--target", "some", environment=clean_environment())
    assert done.returncode != 0 and "undefined reference to `plugnet_mdns'" in done.stdout + done.stderr, done.stderr[-600:]


def test_without_lwip(folder):
    shutil.copytree(os.path.join(ROOT, "examples/ownstack"), f"{folder}/ownstack")
    product_write(folder, "ownstack", {"CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(ownstack SOURCES main.c OPTIONS plugnet_options.h NO_LWIP PRODUCT ownstack)")})
    by_make = f"{ROOT}/build/stm32f4discovery-none-ownstack/ownstack"
    build = build_of(f"{folder}/ownstack", environment=git_of(f"{by_make}.elf"))
    same(f"{build}/ownstack.bin", f"{by_make}.bin")
    product_write(folder, "ownstack", {"CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(ownstack SOURCES main.c OPTIONS plugnet_options.h PRODUCT_MK product.mk PRODUCT ownstack)")})
    build = build_of(f"{folder}/ownstack", environment=git_of(f"{by_make}.elf"))
    same(f"{build}/ownstack.bin", f"{by_make}.bin")


def test_cplusplus(folder):
    app = product_write(folder, "counter", {"CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT),
        f'plugnet_add_firmware(counter SOURCES "{ROOT}/examples/cplusplus/main.cpp")', "C CXX")})
    with plugged(test_compose.VBOARD, f"{build_of(app)}/counter.elf") as url:
        assert [asked(url, "count")["count"] for _ in range(3)] == [41, 42, 43]


def test_options_and_id(folder):
    """plugnet_options.h reaches lwIP's own sources; DFU_ID the file that dfu-util reads."""
    app = product_write(folder, "options", {
        "main.c": PRODUCT, "plugnet_options.h": "#define MEM_SIZE 5000\n",
        "CMakeLists.txt": lists_of(TAKE["add_subdirectory"].format(root=ROOT),
                                   "plugnet_add_firmware(thing SOURCES main.c OPTIONS plugnet_options.h DFU_ID 1234:5678)")})
    build = build_of(app)
    heap = test_compose.symbol_size(f"{build}/thing.elf", "ram_heap")
    assert 5000 <= heap < 5100, heap
    with open(f"{build}/thing.dfu", "rb") as file:
        assert file.read()[-14:-10] == bytes((0x78, 0x56, 0x34, 0x12)), "the suffix names another device"
    product_write(folder, "options", {"plugnet_options.h": "#define MEM_SIZE 6000\n"})
    done = run("cmake", "--build", build, environment=clean_environment())
    assert done.returncode == 0, done.stderr[-600:]
    assert test_compose.symbol_size(f"{build}/thing.elf", "ram_heap") >= 6000, "another option makes nothing anew"


def test_board_outside(folder):
    board, app = board_write(folder, "my-board"), product_write(folder, "thing", {"main.c": PRODUCT})
    chip = os.path.join(folder, "my-chip")
    shutil.copytree(os.path.join(ROOT, "chip/stm32f407"), chip)
    product_write(folder, "shared", {"more.c": "const char more[] __attribute__((used)) = \"more\";\n"})
    with open(os.path.join(board, "board.mk"), "a", encoding="utf-8") as file:
        file.write("BOARD_SRC += $(BOARD_DIR)/../shared/more.c\n")
    product_write(folder, "thing", {"CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c BOARD_DIR ../my-board CHIP_DIR ../my-chip)")})
    build = build_of(app)
    page_is(f"{build}/thing.elf", board="my-board")
    with open(f"{build}/thing.map", encoding="utf-8") as file:
        text = file.read()
    assert "my-chip/stm32f407.c" in text and "shared/more.c" in text, "board's or chip's own sources are not linked"


def test_freertos(folder):
    kernel_wanted()
    app = product_write(folder, "thing", {"main.c": PRODUCT, "CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c OS freertos BOARD blackpill-f411)")})
    build = build_of(app)
    with plugged((*test_compose.VBOARD, "--board", "blackpill-f411"), f"{build}/thing.elf") as url:
        assert "board" in asked(url)


def test_native(folder):
    """For sanitizers and a debugger: the same product as a process, with this machine's compiler."""
    app = product_write(folder, "thing", {"main.c": PRODUCT, "CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c)")})
    build = build_of(app, "-DPLUGNET_BOARD=native", cross=False)
    with plugged(PC, f"{build}/thing") as url:
        assert "board" in asked(url)


# ---- Who it is. ----

def header_is(build, **wanted):
    facts = shown(f"{build}/thing.update")
    assert {name: facts[name] for name in wanted} == wanted and facts["whole"], facts


def rebuilt(build, git=None):
    """What this build does."""
    environment = clean_environment() if git is None else {**clean_environment(), "GIT_STATE": git}
    done = run("cmake", "--build", build, "-v", environment=environment)
    assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    return done.stdout


def version_and_git(folder, generator):
    """Product and version are the project's, or as the firmware says; another git state makes the image anew and compiles nothing."""
    app = product_write(folder, "thing", {"main.c": PRODUCT})

    def written(project, more=""):
        product_write(folder, "thing", {"CMakeLists.txt": lists_of(
            TAKE["add_subdirectory"].format(root=ROOT), f"plugnet_add_firmware(thing SOURCES main.c {more})").replace("project(thing C)", project)})

    written("project(pump VERSION 3.2.1 LANGUAGES C)")
    done = configure(app, "-G", generator)
    assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    build = f"{app}/build"
    rebuilt(build)
    header_is(build, product="pump", version="3.2.1", git=None, board="stm32f4discovery", signed=False)
    said = rebuilt(build)
    assert "thing.elf" not in said.replace("Built target thing.elf", ""), f"made anew for nothing: {said[-600:]}"
    said = rebuilt(build, "0123abc-dirty")
    header_is(build, product="pump", version="3.2.1", git="0123abc-dirty")
    assert "main.c.o -c" not in said and "stamp.py" in said, said[-600:]
    written("project(pump VERSION 3.2.1 LANGUAGES C)", 'PRODUCT "Air pump" VERSION 4.0.0-rc.1+today')
    said = rebuilt(build, "0123abc-dirty")
    header_is(build, product="Air pump", version="4.0.0-rc.1", git="0123abc-dirty")
    assert "main.c.o -c" not in said, said[-600:]


def test_version_and_git_by_makefiles(folder):
    version_and_git(folder, "Unix Makefiles")


def test_version_and_git_by_ninja(folder):
    if not shutil.which("ninja"):
        raise test_compose.Skip("ninja is not installed (package ninja-build)")
    version_and_git(folder, "Ninja")


def test_product_mk(folder):
    """What it says goes before the project's words, and behind the firmware's own; a change makes the image anew and compiles nothing."""
    take = TAKE["add_subdirectory"].format(root=ROOT)
    app = product_write(folder, "thing", {"main.c": PRODUCT, "site/index.html": "<p>hello\n" * 99,
                                          "product.mk": "PRODUCT := Air pump\nPRODUCT_VERSION := 2.0.0\nSITE_SHARED := update.js\n"})

    def written(more=""):
        product_write(folder, "thing", {"CMakeLists.txt": lists_of(
            take, f"plugnet_add_firmware(thing SOURCES main.c SITE site PRODUCT_MK product.mk {more})").replace(
                "project(thing C)", "project(thing VERSION 9.9.9 LANGUAGES C)")})

    written()
    build = build_of(app)
    header_is(build, product="Air pump", version="2.0.0")
    with open(f"{build}/thing-site/site.c", encoding="utf-8") as file:
        assert '"/update.js"' in file.read()
    file_change(f"{app}/product.mk", "2.0.0", "2.1.0")
    said = rebuilt(build)
    header_is(build, product="Air pump", version="2.1.0")
    assert "main.c.o -c" not in said, said[-600:]
    written("VERSION 3.0.0 PRODUCT pump DFU_ID 1234:5678")
    build_of(app)
    header_is(build, product="pump", version="3.0.0")
    product_write(folder, "thing", {"product.mk": "", "CMakeLists.txt": lists_of(
        take, "plugnet_add_firmware(thing SOURCES main.c SITE site SITE_FLAGS --plain-max 0 SITE_SHARED update.js PRODUCT_MK product.mk)")})
    build_of(app)
    header_is(build, product="thing")
    with open(f"{build}/thing-site/site.c", encoding="utf-8") as file:
        text = file.read()
    assert '"/update.js"' in text and ".gzip = false" not in text
    os.remove(f"{app}/product.mk")
    refused(app, "PRODUCT_MK: there is no")


def test_git_state_of_the_product(folder):
    """That of its own repository, not of plugnet's; in a commit and beside it."""
    app = product_write(folder, "thing", {"main.c": PRODUCT, ".gitignore": "/build/\n", "CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c)")})
    for words in (("init", "-q"), ("add", "-A"), ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "first")):
        done = run("git", *words, folder=app)
        assert done.returncode == 0, done.stderr
    commit = run("git", "rev-parse", "HEAD", folder=app).stdout[:12]
    build = build_of(app)
    header_is(build, git=commit)
    with open(f"{app}/main.c", "a", encoding="utf-8") as file:
        file.write("\n")
    rebuilt(build)
    header_is(build, git=f"{commit}-dirty")


def test_signed(folder):
    """By a key that the firmware names, and by one that the cache does; without it the same update file but the signature."""
    app = product_write(folder, "thing", {"main.c": PRODUCT, "CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c)")})
    made = run(f"{ROOT}/tool/image.py", "key", f"{folder}/key.pem")
    assert made.returncode == 0, made.stderr
    build = build_of(app)
    with open(f"{build}/thing.update", "rb") as file:
        plain = file.read()
    build_of(app, f"-DPLUGNET_SIGN_KEY={folder}/key.pem")
    with open(f"{build}/thing.update", "rb") as file:
        signed = file.read()
    assert signed[:-72] == plain and len(signed) == len(plain) + 72
    done = run(f"{ROOT}/tool/image.py", "show", f"{build}/thing.update", "--public", made.stdout.split()[0])
    assert done.returncode == 0 and "good, by this key" in done.stdout, done.stdout + done.stderr
    product_write(folder, "thing", {"CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c SIGN_KEY ../key.pem)")})
    build_of(app, "-UPLUGNET_SIGN_KEY")
    assert shown(f"{build}/thing.update")["signed"]


# ---- What is in it. ----

def linked(document, name):
    """Files of a component; empty: it isn't there."""
    return {entry["value"] for part in document["components"] if part["name"] == name for entry in part["properties"]}


def test_sbom(folder):
    """What isn't listed isn't in it; what the product alone uses of the C library is. Twice the same."""
    text = PRODUCT.replace("int main", "#include <stdlib.h>\nlong volatile number;\nint main").replace(
        "    plugnet_run", "    number = strtol(config.name, NULL, 10);\n    plugnet_run")
    app = product_write(folder, "thing", {"main.c": text, "CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), "plugnet_add_firmware(thing SOURCES main.c)").replace(" C)", " VERSION 3.2.1 LANGUAGES C)")})
    build = build_of(app)
    said = []
    for _ in range(2):
        done = run("cmake", "--build", build, "--target", "thing_sbom", environment=clean_environment())
        assert done.returncode == 0, done.stderr[-600:]
        with open(f"{build}/thing.cdx.json", encoding="utf-8") as file:
            said.append(json.load(file))
    assert said[0] == said[1]
    one = said[0]
    assert (one["bomFormat"], one["specVersion"]) == ("CycloneDX", "1.5") and one["metadata"]["component"]["version"] == "3.2.1", one["metadata"]
    assert {"net/dhcpd.c", "usb/ncm_in.c", "chip/cortex_m4/guard.c"} <= linked(one, "plugnet"), linked(one, "plugnet")
    assert not {"net/iperf.c", "net/dns_tcp.c", "usb/acm.c", "store/store.c"} & linked(one, "plugnet"), "not listed, but named"
    assert "src/core/tcp_in.c" in linked(one, "lwip") and "src/core/stats.c" not in linked(one, "lwip")
    assert any("strtol" in member for member in linked(one, "newlib")), one["components"]
    assert {entry["value"] for entry in one["metadata"]["component"]["properties"]} == {"main.c"}
    versions = {part["name"]: part["version"] for part in one["components"]}
    assert versions["lwip"] == "2.1.3" and versions["newlib"][0].isdigit(), versions


def test_warning_of_test_ids(folder):
    image = f"{ROOT}/build/stm32f4discovery-none/plugnet.elf"
    for identity, warned in (("1209:0001", True), ("1209:0010", True), ("1209:0011", False), ("0483:0001", False)):
        done = run(f"{ROOT}/tool/dfu_file.py", image, identity, "-o", f"{folder}/x.dfu")
        assert done.returncode == 0 and ("is for tests only" in done.stderr) == warned, (identity, done.stderr)


# ---- Tests of a product. ----

def environment_of_test(app, build="build"):
    """What ctest gives to the script."""
    done = run("ctest", "--test-dir", os.path.join(app, build), "--show-only=json-v1", environment=clean_environment())
    properties = {one["name"]: one["value"] for one in json.loads(done.stdout)["tests"][0]["properties"]}
    return dict(word.split("=", 1) for word in properties["ENVIRONMENT"])


def test_virtual_board_of_a_test(folder):
    """An image for a board of the product's own is tested on the one of ours with its chip; for another chip BOARD names one."""
    take = TAKE["add_subdirectory"].format(root=ROOT)
    board_write(folder, "my-board")
    shutil.copytree(os.path.join(ROOT, "chip/stm32f407"), os.path.join(folder, "my-chip"))
    app = product_write(folder, "thing", {"main.c": PRODUCT, "test.py": ""})
    chip = "BOARD_DIR ../my-board CHIP_DIR ../my-chip"
    for words, more, wanted in (("BOARD blackpill-f411", "", "blackpill-f411"), ("BOARD_DIR ../my-board", "", "stm32f4discovery"),
                                (chip, " BOARD stm32f4discovery", "stm32f4discovery"), (chip, "", None)):
        product_write(folder, "thing", {"CMakeLists.txt": lists_of(take, f"plugnet_add_firmware(thing SOURCES main.c {words})\nenable_testing()\n"
                                                                          f"plugnet_add_test(thing FIRMWARE thing SCRIPT test.py{more})")})
        if wanted is None:
            refused(app, "the virtual board knows no my-board, and not one board with its chip my-chip alone: BOARD names the one")
            continue
        done = configure(app)
        assert done.returncode == 0, done.stderr[-600:]
        said = environment_of_test(app)
        assert said["PLUGNET_BOARD"] == wanted and "PLUGNET_SIGN_KEY" not in said, (words, said)


def test_image_of_a_test(folder):
    """The script finds the image and its update file, signed or not, and makes another version of them by the test kit."""
    script = """import os, sys
from plugnet_testkit import update_file
with open(os.environ["PLUGNET_UPDATE"], "rb") as file:
    built = file.read()
assert update_file() == built == update_file(os.environ["PLUGNET_IMAGE"])
other = update_file(version="77.0.0-rc.1")
assert other != built and len(other) == len(built)
with open(sys.argv[1], "wb") as file:
    file.write(other)
"""
    app = product_write(folder, "thing", {"main.c": PRODUCT, "test.py": script, "CMakeLists.txt": lists_of(
        TAKE["add_subdirectory"].format(root=ROOT), f"""plugnet_add_firmware(thing SOURCES main.c)
enable_testing()
plugnet_add_test(thing FIRMWARE thing SCRIPT test.py ARGUMENTS "{folder}/other.update")""")})
    run(f"{ROOT}/tool/image.py", "key", f"{folder}/key.pem")
    for words in ((), (f"-DPLUGNET_SIGN_KEY={folder}/key.pem",)):
        build = build_of(app, f"-DPLUGNET_VBOARD={test_compose.VBOARD[0]}", *words)
        done = run("ctest", "--test-dir", build, "--output-on-failure", environment=clean_environment())
        assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
        facts = shown(f"{folder}/other.update")
        assert (facts["version"], facts["signed"], facts["whole"]) == ("77.0.0-rc.1", bool(words), True), facts


# ---- Mistakes. ----

def test_mistakes(folder):
    take = TAKE["add_subdirectory"].format(root=ROOT)
    app = product_write(folder, "thing", {"main.c": PRODUCT})
    for words, wanted in (("SOURCES main.c BOARD nosuch", "known are: 32l476gdiscovery blackpill-f411 native stm32f4discovery or"),
                          ("SOURCES main.c BOARD_DIR nosuch", "there is no"),
                          ("SOURCES main.c OS nosuch", "OS nosuch: no such flavour; there are: none freertos posix"),
                          ("SOURCES main.c PARTS http nosuch", "PARTS nosuch: there is no such part; there are: http"),
                          ("SOURCES main.c NO_LWIP PARTS http", "NO_LWIP goes with OS none alone"),
                          ("main.c", "SOURCES are missing"),
                          ("SIET site SOURCES main.c", "it doesn't know 'SIET;site'"),
                          ("SOURCES main.c SITE nosuch", "SITE nosuch: there is no such folder"),
                          ("SOURCES main.c VERSION 1.2", "thing: stamp: version '1.2' is none: three numbers such as 1.2.3"),
                          ("SOURCES main.c PRODUCT a-name-that-is-longer-than-31-chars", "has 35 characters, 31 are allowed"),
                          ("SOURCES main.c SIGN_KEY nosuch.pem", "SIGN_KEY nosuch.pem: there is no such file; tool/image.py key FILE makes one"),
                          ("SOURCES main.c OPTIONS nosuch.h", "OPTIONS nosuch.h: there is no such file")):
        product_write(folder, "thing", {"CMakeLists.txt": lists_of(take, f"plugnet_add_firmware(thing {words})")})
        refused(app, wanted)
    product_write(folder, "thing", {"CMakeLists.txt": lists_of(take, "plugnet_add_firmware(thing SOURCES main.c)")})
    refused(app, "is compiled by arm-none-eabi-gcc", cross=False)
    refused(app, "is a process of this machine", "-DPLUGNET_BOARD=native")
    refused(app, "there is no src/core/init.c in that folder", f"-DPLUGNET_LWIP_PATH={folder}")
    refused(app, "takes a checkout of FreeRTOS-Kernel", "-DPLUGNET_OS=freertos", f"-DFREERTOS_KERNEL_PATH={folder}")
    board = board_write(folder, "my-board")
    with open(os.path.join(board, "board.mk"), "a", encoding="utf-8") as file:
        file.write("BOARD_SRC += $(shell ls)\n")
    product_write(folder, "thing", {"CMakeLists.txt": lists_of(take, "plugnet_add_firmware(thing SOURCES main.c BOARD_DIR ../my-board)")})
    refused(app, "CMake can't read '$(shell ls)'")


def test_link_mistakes(folder):
    """An image that doesn't fit is refused with the numbers, one with a heap by name; neither leaves an image."""
    take = TAKE["add_subdirectory"].format(root=ROOT)
    big = "static const unsigned char big[200000] = {1};\nint main(void)\n{\n    return big[board_random() % sizeof big];\n}\n"
    app = product_write(folder, "thing", {"main.c": '#include "board/board.h"\n' + big, "CMakeLists.txt": lists_of(
        take, "plugnet_add_firmware(thing SOURCES main.c BOARD blackpill-f411)")})
    done = configure(app)
    assert done.returncode == 0, done.stderr[-600:]
    done = run("cmake", "--build", f"{app}/build", environment=clean_environment())
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "overflowed by" in said and "IMAGE  0x08020000, 131072 bytes" in said, said[-600:]
    assert not os.path.exists(f"{app}/build/thing.elf"), "an image is left behind"


def main(chosen):
    return test_compose.tests_run("cmake", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
