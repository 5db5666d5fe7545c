#!/usr/bin/env python3
"""A product in an IDE: its launch.json, and gdb-multiarch driven by what Cortex-Debug sends for it, on the virtual board.

    test/vboard/test_ide.py [NAME …]

The sequences are those of Cortex-Debug 1.13.0-pre10 (Marus/cortex-debug 428af02): gdb.ts, external.ts, openocd.ts, jlink.ts.
Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from mi import Mi  # noqa: E402

VBOARD = os.path.join(ROOT, "build/vboard/vboard")
TINY = os.path.join(HERE, "tiny.svd")
LIMIT_S = 900  # a firmware is built, maybe by a slow machine
NAME = "pump"

# Attributes of a launch configuration that VS Code itself knows, and those that Cortex-Debug declares.
OF_VSCODE = {"name", "type", "request", "preLaunchTask", "postDebugTask", "presentation", "internalConsoleOptions"}
OF_CORTEX_DEBUG = {
    "servertype", "cwd", "debuggerArgs", "preResetCommands", "postResetCommands", "overrideResetCommands", "postStartSessionCommands",
    "overridePreEndSessionCommands", "device", "rtos", "armToolchainPath", "toolchainPrefix", "serverpath", "gdbPath", "objdumpPath",
    "serverArgs", "executable", "symbolFiles", "gdbInterruptMode", "gdbTarget", "breakAfterReset", "runToEntryPoint",
    "showDevDebugOutput", "svdFile", "svdPath", "ipAddress", "serialNumber", "interface", "openOCDLaunchCommands",
    "openOCDPreConfigLaunchCommands", "configFiles", "searchDir"}
OF_REQUEST = {"launch": {"preLaunchCommands", "postLaunchCommands", "overrideLaunchCommands", "loadFiles"},
              "attach": {"preAttachCommands", "postAttachCommands", "overrideAttachCommands"}}
NEEDS = {"external": {"gdbTarget"}, "openocd": {"configFiles"}, "jlink": {"device"}}  # else it refuses to start


def console(command):
    return f'interpreter-exec console "{command}"'


HALT, RESET_HALT, RESET = (console(f"monitor {words}") for words in ("halt", "reset halt", "reset"))
LOAD = "target-download"
LAUNCH = {"external": [RESET_HALT, LOAD, RESET_HALT], "openocd": [RESET_HALT, LOAD, RESET_HALT], "jlink": [HALT, RESET, LOAD, RESET]}
ATTACH = [HALT]
RESETS = {"external": [RESET_HALT], "openocd": [RESET_HALT, console("monitor gdb_sync"), console("stepi")], "jlink": [HALT, RESET]}
START = [console("set print demangle on"), console("set print asm-demangle on"), "enable-pretty-printing",
         console("set output-radix 0xa"), console("set input-radix 0xa")]


class Skip(Exception):
    pass


def run(*command, folder=ROOT):
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LIMIT_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stdout + done.stderr)[-900:]}"
    return done.stdout + done.stderr


def port_free():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def change(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, f"{path}: no {old!r}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


def json_read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# ---- The files ----

def configurations_check(folder):
    tasks = {task["label"]: task for task in json_read(f"{folder}/tasks.json")["tasks"]}
    for it in json_read(f"{folder}/launch.json")["configurations"]:
        known = OF_VSCODE | OF_CORTEX_DEBUG | OF_REQUEST[it["request"]]
        assert it["type"] == "cortex-debug" and set(it) <= known, f"{it['name']}: {set(it) - known}"
        assert NEEDS[it["servertype"]] | {"executable"} <= set(it), f"{it['name']}: {NEEDS[it['servertype']]}"
        assert it.get("preLaunchTask", "build") in tasks, f"{it['name']}: no task {it['preLaunchTask']}"
    for task in tasks.values():
        needed = task.get("dependsOn", [])
        assert set([needed] if isinstance(needed, str) else needed) <= set(tasks), task
        if task.get("isBackground"):
            assert {"beginsPattern", "endsPattern"} <= set(task["problemMatcher"]["background"]), task


def test_files(folder):
    """Of each board's product, and our own: attributes that there are, tasks that there are, no mark left."""
    boards = sorted(name for name in os.listdir(f"{ROOT}/board")
                    if name != "native" and os.path.exists(f"{ROOT}/board/{name}/board.mk"))
    for board in boards:
        made = os.path.join(folder, board)
        run("tool/new-product", NAME, "--board", board, "--into", made)
        configurations_check(f"{made}/.vscode")
        for name in ("launch.json", "tasks.json"):
            with open(f"{made}/.vscode/{name}", encoding="utf-8") as file:
                assert not re.search(r"@\w+@", file.read()), name
    configurations_check(f"{ROOT}/.vscode")


# ---- A product, debugged ----

class Product:
    """Made by tool/new-product, with ports of its own; compiled so that variables can be seen."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, NAME)
        self.port = port_free()
        run("tool/new-product", NAME, "--into", self.folder)
        change(f"{self.folder}/CMakeLists.txt", "PORT 3333", f"PORT {self.port}")
        change(f"{self.folder}/CMakeLists.txt", "8080:80", "0:80")
        change(f"{self.folder}/.vscode/launch.json", "localhost:3333", f"localhost:{self.port}")
        run("cmake", "-S", ".", "-B", "build", f"-DPLUGNET={ROOT}", "-DPLUGNET_OPT=-Og", f"-DPLUGNET_LWIP_PATH={ROOT}/build/lwip",
            f"-DPLUGNET_VBOARD={VBOARD}", folder=self.folder)
        self.task("build")
        self.launch = {it["name"]: it for it in json_read(f"{self.folder}/.vscode/launch.json")["configurations"]}

    def words(self, label):
        task = next(task for task in json_read(f"{self.folder}/.vscode/tasks.json")["tasks"] if task["label"] == label)
        return [task["command"], *task["args"]], task

    def task(self, label):
        return run(*self.words(label)[0], folder=self.folder)

    def path(self, text):
        return text.replace("${workspaceFolder}", self.folder)

    @property
    def image(self):
        return self.path(self.launch["virtual board"]["executable"])


class Background:
    """A task in the background, until its endsPattern has come; then what it prints goes on being collected."""

    def __init__(self, words, ends, folder):
        self.process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace", process_group=0)
        self.said = []
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for(ends)

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.said.append(line)
                self.changed.notify()

    def wait_for(self, pattern):
        """The first line with it."""
        def found():
            return next((line for line in self.said if re.search(pattern, line)), None)

        with self.changed:
            assert self.changed.wait_for(found, 120), f"no {pattern!r} in {self.said[-12:]}"
            return found()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, 15)
        self.process.wait(60)


@contextlib.contextmanager
def background(words, ends, folder=ROOT):
    it = Background(words, ends, folder)
    try:
        yield it
    finally:
        it.end()


def connect(mi, product, target, before, commands):
    """GDB starts, connects, and is told what a launch or an attach is."""
    mi.one("gdb-version")
    mi.all(["gdb-set mi-async on", *START, f'file-exec-and-symbols "{product.image}"'])
    mi.all([f"target-select extended-remote {target}", *(console(product.path(it)) for it in before), *commands])
    mi.stops.clear()


def run_to(mi, function):
    mi.one(f'break-insert -t --function "{function}" ')
    mi.one("exec-continue --all")
    stop = mi.until_stopped("breakpoint-hit")
    assert f'func="{function}"' in stop, stop


def steps_check(mi):
    """Over a line, into a function, out of it again; variables of where it is."""
    mi.one("exec-next --thread 1")
    assert 'func="main"' in mi.until_stopped("end-stepping-range")
    run_to(mi, "plugnet_init_sized")
    assert mi.value("config->product").endswith(f'\\"{NAME}\\"'), mi.value("config->product")
    listed = mi.one("stack-list-variables --thread 1 --frame 0 --simple-values")
    assert 'name="hash"' in listed and 'name="config",arg="1"' in listed, listed
    mi.one("exec-step --thread 1")
    mi.until_stopped("end-stepping-range")
    depth = mi.one("stack-info-depth --thread 1 1000")
    assert int(re.search(r'depth="(\d+)"', depth)[1]) >= 3, depth
    if 'func="plugnet_init_sized"' not in mi.one("stack-list-frames --thread 1 0 0"):
        mi.one("exec-finish --thread 1")
        mi.until_stopped("function-finished")
    before = int(mi.value("(unsigned)$pc"))
    mi.one("exec-step-instruction --thread 1")
    mi.until_stopped("end-stepping-range")
    assert int(mi.value("(unsigned)$pc")) != before


def peripherals_check(mi):
    """By the virtual board's names, and by a file's."""
    assert "GPIOD" in mi.console("monitor peripherals gpio")
    mi.console("svd board")
    assert int(mi.value("$GPIOD")) == 0x40020C00
    mi.console(f"svd load {TINY}")
    listed = mi.console("svd GPIOD")
    assert re.search(r"^  0x014 ODR +0x[0-9a-f]{8} +Output$", listed, re.M) and "write-only" in listed, listed
    mi.console("svd GPIOD.ODR.ODR12 = 1")
    assert int(mi.value("*(unsigned *)0x40020c14")) >> 12 & 1 == 1
    assert re.search(r"^  \[12\] +ODR12 +0x1 +Green LED$", mi.console("svd GPIOD.ODR"), re.M)
    mi.console("svd gpiod.odr = 1 << 13")
    assert re.search(r"^  \[12\] +ODR12 +0x0 ", mi.console("svd GPIOD.ODR"), re.M)
    mi.console("svd GPIOD.MODER.MODER3 = analog")
    assert "0x3          Analog" in mi.console("svd GPIOD.MODER.MODER3")
    mi.console("svd GPIOD.MODER.MODER3 = input")


def running_check(mi, board):
    """It runs, is interrupted, and runs on; the PC at its cable doesn't notice but that time stood still."""
    mi.one("exec-continue --thread 1")
    board.wait_for("leased")
    mi.one("exec-interrupt ")
    stop = mi.until_stopped("signal-received")
    assert 'signal-name="SIGINT"' in stop, stop


def product_start(mi):
    """The function at the reset vector."""
    return re.search(r"<(\w+)", mi.value("(void (*)(void))*(unsigned *)0x08000004"))[1]


def reset_check(mi, servertype):
    mi.all(RESETS[servertype])
    if console("stepi") in RESETS[servertype]:
        assert f'func="{product_start(mi)}"' in mi.until_stopped("end-stepping-range")
    else:
        mi.console("maintenance flush register-cache")  # GDB isn't told
    start = int(mi.value("*(unsigned *)0x08000004")) & ~1
    assert int(mi.value("(unsigned)$pc")) == start, "not at the first instruction"
    run_to(mi, "main")


def leave(mi):
    mi.one("target-detach")
    mi.send("gdb-exit")
    mi.process.wait(60)


def page_of(board):
    url = re.search(r"http://\S+", board.wait_for(r"http://"))[0].rstrip("/")
    with urllib.request.urlopen(url + "/api/state", timeout=60) as answer:
        return json.loads(answer.read())


def session(product, servertype, target, board, before=()):
    with Mi(product.folder) as mi:
        connect(mi, product, target, before or [f"source {product.folder}/build/plugnet.gdb"], LAUNCH[servertype])
        run_to(mi, "main")
        mi.value("*(unsigned *)0x50000000")  # OTG_FS, the clock of which is off yet: a debugger's reading is no mistake of the image
        steps_check(mi)
        peripherals_check(mi)
        running_check(mi, board)
        reset_check(mi, servertype)
        leave(mi)
    state = page_of(board)
    assert state["board"] == "STM32F4DISCOVERY", state


def external(product):
    """All of launch.json: its task, its commands; then attached, while it runs; then a new image, loaded by the next launch."""
    it = product.launch["virtual board"]
    words, task = product.words(it["preLaunchTask"])
    with background(words, task["problemMatcher"]["background"]["endsPattern"], product.folder) as board:
        session(product, "external", it["gdbTarget"], board, it["preLaunchCommands"])
        attach = product.launch["virtual board: attach"]
        with Mi(product.folder) as mi:
            connect(mi, product, attach["gdbTarget"], attach["preAttachCommands"], ATTACH)
            assert int(mi.value("(unsigned)$pc")) >= 0x08000000
            uptime = int(mi.value("board_time_ms()"))
            run_to(mi, "state_output") if page_later(board) else None
            assert int(mi.value("board_time_ms()")) >= uptime
            leave(mi)
        change(f"{product.folder}/src/main.c", f'.product = "{NAME}"', '.product = "valve"')
        product.task("build")
        with Mi(product.folder) as mi:
            connect(mi, product, it["gdbTarget"], it["preLaunchCommands"], LAUNCH["external"])
            run_to(mi, "main")
            assert mi.value("config.product").endswith('\\"valve\\"'), mi.value("config.product")
            leave(mi)
        change(f"{product.folder}/src/main.c", '.product = "valve"', f'.product = "{NAME}"')
        product.task("build")
        time.sleep(0.1)
        said = [line for line in board.said if "warning" in line or "unmodelled" in line or "locked up" in line]
        assert not said, said


def page_later(board):
    """A request that stops in the debugger, when it is there."""
    threading.Timer(0.5, lambda: page_of(board)).start()
    return True


def by_probe(product, servertype, *options):
    """As if a probe's server were there: the same commands, which OpenOCD and J-Link take."""
    with background([VBOARD, "--gdb", "0", "--forward", "0:80", *options, product.image], "waiting for a debugger") as board:
        port = re.search(r"localhost:(\d+)", board.wait_for("waiting for a debugger"))[1]
        session(product, servertype, f"localhost:{port}", board)


def svd_errors(product):
    """Whatever is wrong is one line, and GDB goes on."""
    with background([VBOARD, "--gdb", "0", product.image], "waiting for a debugger") as board, Mi(product.folder) as mi:
        port = re.search(r"localhost:(\d+)", board.wait_for("waiting for a debugger"))[1]
        mi.all([console(f"source {ROOT}/tool/svd.py"), f"target-select extended-remote localhost:{port}"])
        for command, wanted in (("svd GPIOD", "svd load FILE"), ("svd load", "the file is missing"),
                                ("svd load /no/such", "No such file"), (f"svd load {ROOT}/Makefile", "not XML")):
            assert wanted in (said := mi.refused(console(command))), f"{command}: {said}"
        for old, new, wanted in (("<device ", "<thing ", "not a CMSIS-SVD file"), ("0x14<", "here<", "no number"),
                                 ('derivedFrom="GPIOC"', 'derivedFrom="GPIOX"', "isn't there"), ("[12:12]", "[40:2]", "bits 40 to 2"),
                                 ("<dim>2<", "<dim>99999<", "99999 elements"), ("L,H", "L", "2 elements, and 1 names"),
                                 ("<size>32<", "<size>31<", "31 bits")):
            path = os.path.join(product.folder, "wrong.svd")
            shutil.copy(TINY, path)
            change(path, old, new)
            if old == "<device ":
                change(path, "</device", "</thing")
            try:
                mi.console(f"svd load {path}")
                said = mi.refused(console("svd GPIOD.ODR"))
            except AssertionError as error:
                said = str(error)
            assert wanted in said, f"{new}: {said}"
        mi.console(f"svd load {TINY}")
        for command, wanted in (("svd NONE", "no peripheral NONE"), ("svd GPIOX", "GPIOC, GPIOD"), ("svd GPIOD.NONE", "no register"),
                                ("svd GPIOD.ODR.NONE", "no field"), ("svd GPIOD.BSRR", "write-only"), ("svd GPIOD.IDR = 1", "read-only"),
                                ("svd GPIOD = 1", "is a peripheral"), ("svd GPIOD.ODR.ODR12 = 2", "fit 1 bit"),
                                ("svd GPIOD.ODR = nonsense", "nonsense"), ("svd GPIOD.ODR = -1", "fit 32 bits")):
            assert wanted in (said := mi.refused(console(command))), f"{command}: {said}"
        listed = mi.console("svd USART2")
        assert re.search(r"0x004 DR +not read", listed) and "CR.CR2" in listed and "0x014 CR.CR2" in listed, listed
        assert "GPIOD.AFRH at 0x40020c24" in mi.console("svd GPIOD.AFRH")
        assert mi.console("svd").count("\n") == 3
        for text, wanted in (("svd gpio", "svd GPIOC\nsvd GPIOD\n"), ("svd GPIOD.O", "svd GPIOD.ODR\n"),
                             ("svd USART2.CR.CR", "svd USART2.CR.CR0\nsvd USART2.CR.CR1\nsvd USART2.CR.CR2\n")):
            assert mi.console("complete " + text) == wanted, mi.console("complete " + text)


def boards(_product):
    """Each board's image is loaded into its chip's flash, and what isn't in it is left alone."""
    images = {board: f"{ROOT}/build/{board}-none/plugnet.elf" for board in os.listdir(f"{ROOT}/board") if board != "native"}
    images = {board: image for board, image in images.items() if os.path.exists(image)}
    assert images, "no image is built"
    with tempfile.TemporaryDirectory() as folder:
        for board, image in images.items():
            kept = os.path.join(folder, board)
            with background([VBOARD, "--board", board, "--flash", kept, "--gdb", "0", image], "waiting for a debugger") as it:
                port = re.search(r"localhost:(\d+)", it.wait_for("waiting for a debugger"))[1]
                said = run("gdb-multiarch", "--batch", "-nx", "-ex", f"target extended-remote localhost:{port}",
                           "-ex", "set var $before = *(unsigned *)0x080ffff0", "-ex", "monitor reset", "-ex", "load", "-ex", "compare-sections",
                           "-ex", "print *(unsigned *)0x080ffff0 == $before", "-ex", "monitor reset halt", "-ex", "tbreak main",
                           "-ex", "continue", "-ex", "kill", image)
                assert "Temporary breakpoint 1, main" in said and "MIS-MATCHED" not in said and "matched" in said, f"{board}: {said}"
                assert "locked up" not in "".join(it.said), f"{board}: {it.said}"
            with open(image, "rb") as file, open(kept, "rb") as flash:
                text = re.search(r"\.text +PROGBITS +0*(\w+) (\w+) (\w+)", run("arm-none-eabi-readelf", "-SW", image))
                address, offset, size = (int(word, 16) for word in text.groups())
                assert file.read()[offset:offset + size] == flash.read()[address - 0x08000000:][:size], f"{board}: --flash has other bytes"


TESTS = {"boards": boards, "external": external, "openocd": lambda product: by_probe(product, "openocd"),
         "jlink": lambda product: by_probe(product, "jlink", "--monitor", "jlink"), "svd_errors": svd_errors}


def tried(name, function, *arguments):
    try:
        function(*arguments)
    except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
        print(f"not ok ide_{name}: {' '.join(str(error).split())[:900]}", flush=True)
        return False
    print(f"ok ide_{name}", flush=True)
    return True


def main():
    wanted = sys.argv[1:] or ["files", *TESTS]
    fine = True
    with tempfile.TemporaryDirectory() as folder:
        if "files" in wanted:
            fine &= tried("files", test_files, folder)
        missing = [program for program in ("cmake", "gdb-multiarch", "arm-none-eabi-gcc") if not shutil.which(program)]
        if missing:
            print(f"skip ide: {', '.join(missing)} not installed")
            return not fine
        product = None
        for name in [name for name in TESTS if name in wanted]:
            try:
                product = product or (Product(folder) if name != "boards" else None)
            except AssertionError as error:
                print(f"not ok ide_product: {error}")
                return 1
            fine &= tried(name, TESTS[name], product)
    return not fine


if __name__ == "__main__":
    sys.exit(main())
