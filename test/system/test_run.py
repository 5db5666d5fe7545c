#!/usr/bin/env python3
"""End to end as a person meets it: the real ./run, curl, tshark, iperf, a product built from another folder.

    test/system/test_run.py [PART_OF_A_NAME …]

Prints "ok NAME", "not ok NAME: why" or "skip NAME: why" (see tool/suites.py). Wall-clock times are printed; they fail
a test only when they are ten times what they should be, since machines are slow and shared.
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RUN = os.path.join(ROOT, "run")
VBOARD = os.path.join(ROOT, "build/vboard/vboard")
PC = os.path.join(ROOT, "build/pc")
IMAGE = os.path.join(ROOT, "build/stm32f4discovery-none/plugnet.elf")
NATIVE = os.path.join(ROOT, "build/native-none/plugnet.elf")
SLOW = 10  # a machine may be so many times slower than it should


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def check(condition, why):
    if not condition:
        raise Failed(why)


def port_free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run_whole(argv, limit_s=120 * SLOW, cwd=ROOT):
    """A program to its end: (exit code, stdout, stderr, seconds)."""
    begin = time.monotonic()
    try:
        done = subprocess.run(argv, cwd=cwd, text=True, errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(argv)} did not end within {limit_s} s") from None
    return done.returncode, done.stdout, done.stderr, time.monotonic() - begin


class Program:
    """A program that serves until it is told to stop."""

    def __init__(self, argv, cwd=ROOT):
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        self.begin = time.monotonic()
        self.process = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def wait_for(self, pattern, limit_s=30 * SLOW):
        """The match of a pattern in what it prints."""
        end = time.monotonic() + limit_s
        while not (match := re.search(pattern, self.text())):
            if self.process.poll() is not None:
                raise Failed(f"it ended with code {self.process.returncode}: {self.text()[-300:]!r}")
            if time.monotonic() > end:
                raise Failed(f"no {pattern!r} within {limit_s} s: {self.text()[-300:]!r}")
            time.sleep(0.02)
        return match

    def stop(self, number=signal.SIGINT, limit_s=SLOW):
        """As Ctrl-C does: to all of its process group. Returns the exit code."""
        os.killpg(self.process.pid, number)
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise Failed(f"it did not end within {limit_s} s after signal {number}") from None


def curl(url, *options, limit_s=10 * SLOW):
    argv = ["curl", "-sS", "--noproxy", "*", "--max-time", str(limit_s), *options, url]
    code, out, err, _ = run_whole(argv, limit_s + 20)
    check(code == 0, f"curl {url}: {err.strip()}")
    return out


def curl_until(program, url, limit_s=10 * SLOW):
    """Ask until there is an answer, as long as the program lives."""
    end = time.monotonic() + limit_s
    while True:
        try:
            return curl(url, "--compressed", limit_s=5)
        except Failed:
            check(program.process.poll() is None, f"it ended: {program.text()[-300:]!r}")
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def one_line(code, out, err, pattern, what):
    check(code == 2, f"{what}: exit code {code}, wanted 2 ({(out + err)[-200:]!r})")
    lines = err.strip().split("\n")
    check(len(lines) == 1 and lines[0], f"{what}: {len(lines)} lines on stderr: {err[:300]!r}")
    check(re.search(pattern, lines[0]), f"{what}: {lines[0]!r} does not say {pattern!r}")


# ---- Tests; the first one builds what is missing ----

def test_help():
    code, out, err, _ = run_whole([RUN, "--help"], 6000)
    check(code == 0 and not err.strip(), f"exit code {code}, stderr {err[-300:]!r}")
    for option in ("--board", "--os", "--port", "--for", "--tap", "--pcap", "--trace", "--fast", "--gdb", "--block-end"):
        check(re.search(rf"^  {option}\b.*\S", out, re.M), f"no help for {option}")
    check(run_whole([RUN, "-h"])[1] == out, "-h and --help differ")
    return f"{len(out.splitlines())} lines"


def test_bad_options():
    cases = [
        (["--bogus"], "bogus"),
        (["--port"], "--port"),
        (["--port", "abc"], "abc"),
        (["--port", "0"], "between 1 and 65535"),
        (["--port", "65536"], "between 1 and 65535"),
        (["--port", "99999999999999999999999"], "between 1 and 65535"),
        (["--port", ""], "--port"),
        (["--board", "nonesuch"], "nonesuch.*stm32f4discovery"),
        (["--board", "./native"], "no board.*native"),
        (["--os", "vms"], "vms"),
        (["--for", "soon"], "soon"),
        (["--for", "-1"], "-1"),
        (["--for"], "--for"),
        (["--pcap"], "--pcap"),
        (["--pcap", "/nonexistent/folder/x.pcapng"], "/nonexistent/folder/x.pcapng"),
        (["--forward", "80"], "80"),
        (["--forward", "0:99999"], "99999"),
        (["--uid", "12"], "12|uid"),
        (["--uid", "x" * 24], "x"),
        (["--address", "300.1.1.1"], "300.1.1.1"),
        (["--address", "10.0.0.1/33"], "10.0.0.1/33"),
        (["--gdb", "none"], "none"),
        (["--block-end", "soon"], "soon.*none"),
        (["--block-end"], "--block-end"),
        (["--control", "/nonexistent/folder/socket"], "/nonexistent/folder/socket"),
        (["--tap", "a-name-that-is-too-long-for-linux"], "a-name-that-is-too-long-for-linux"),
        (["surplus.elf"], "'surplus.elf' is no option.*known.*--board.*--gdb"),
        (["--for", "1", "surplus.elf"], "surplus.elf"),
        (["--gdb="], "--gdb needs a value"),
        (["--gdb=none"], "none"),
        (["--for=soon"], "soon"),
        (["--fast=1"], "--fast takes no value"),
        (["--board", "native", "--bogus"], "bogus"),
        (["--board", "native", "--gdb", "0"], "no option --gdb.*native: --board"),
    ]
    for arguments, pattern in cases:
        code, out, err, _ = run_whole([RUN, "--port", str(port_free()), *arguments], 300)
        one_line(code, out, err, pattern, " ".join(arguments))
    return f"{len(cases)} wrong command lines, one clear line each"


def elf32(machine=40, entry=0x08010001, segments=()):
    """An executable ELF of nothing but program headers and bytes: (address, bytes, size in memory)."""
    at = 52 + 32 * len(segments)
    heads, bodies = b"", b""
    for address, body, size in segments:
        heads += struct.pack("<8I", 1, at + len(bodies), address, address, len(body), size, 5, 4)
        bodies += body
    return (b"\x7fELF\1\1\1" + bytes(9) +
            struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, entry, 52, 0, 0, 52, 32, len(segments), 40, 0, 0) + heads + bodies)


def test_wrong_images():
    with open(IMAGE, "rb") as file:
        good = file.read()
    vectors = struct.pack("<II", 0x20020000, 0x08010001) + bytes(0x188)
    cases = {
        "missing.elf": (None, "missing.elf"),
        "empty.elf": (b"", "empty.elf"),
        "text.elf": (b"#!/bin/sh\necho hello\n" * 10, "text.elf"),
        "cut.elf": (good[:40], "cut.elf"),
        "half.elf": (good[:20000], "half.elf"),  # its code is longer
        "pc.elf": (open("/bin/true", "rb").read(), "pc.elf.*(Arm|32)"),
        "x86.elf": (elf32(machine=3, segments=[(0x08000000, vectors, len(vectors))]), "x86.elf.*Arm"),
        "nothing.elf": (elf32(), "nothing.elf"),
        "vectorless.elf": (elf32(segments=[(0x08010000, bytes(64), 64)]), "vectorless.elf.*vector"),
        "large.elf": (elf32(segments=[(0x08000000, vectors + bytes(2 << 20), (2 << 20) + len(vectors))]), "large.elf"),
        "elsewhere.elf": (elf32(segments=[(0x90000000, vectors, len(vectors))]), "elsewhere.elf"),
        "wrapping.elf": (elf32(segments=[(0xFFFFFFF0, vectors, 0xFFFFFFFF)]), "wrapping.elf"),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (content, pattern) in cases.items():
            path = os.path.join(folder, name)
            if content is not None:
                with open(path, "wb") as file:
                    file.write(content)
            code, out, err, _ = run_whole([VBOARD, "--fast", "--for", "1", path])
            one_line(code, out, err, pattern, name)
        code, out, err, _ = run_whole([VBOARD, "--fast", "--for", "1", folder])
        one_line(code, out, err, "not a file|directory", "a folder")
    return f"{len(cases) + 1} files refused, each with its reason"


def test_missing_compiler():
    with tempfile.TemporaryDirectory() as folder:
        code, _, err, _ = run_whole(["make", f"BUILD={folder}", "LWIP_PATH=build/lwip", "CROSS=not-here-"])
    check(code == 2 and "not-here-gcc is missing: install Debian's package gcc-arm-none-eabi" in err,
          f"make without a compiler: {code}, {err!r}")


def test_port_in_use():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        code, out, err, _ = run_whole([RUN, "--port", str(port), "--for", "5"])
        one_line(code, out, err, f"{port}.*in use|in use.*{port}", "port in use")


def test_for():
    code, out, err, seconds = run_whole([RUN, "--port", str(port_free()), "--for", "1"], 10 * SLOW)
    check(code == 0, f"exit code {code}: {err[-300:]!r}")
    for word in ("reset", "enumerated", "leased", "link up", "http://localhost:"):
        check(word in out, f"no {word!r} in what it prints: {out[-500:]!r}")
    return f"{seconds:.1f} s for 1 s of the board's time"


def test_page_and_json():
    port = port_free()
    run_whole(["make", "-j2", "firmware", "build/vboard/vboard"], 6000)  # as the first start does
    begin = time.monotonic()
    with Program([RUN, "--port", str(port)]) as program:
        page = curl_until(program, f"http://localhost:{port}/")
        seconds = time.monotonic() - begin
        check("<html" in page.lower(), f"no page: {page[:100]!r}")
        status = json.loads(curl(f"http://localhost:{port}/api/status"))
        check(status["board"] == "STM32F4DISCOVERY" and status["usb"]["link"] is True, f"status: {status}")
        head = curl(f"http://localhost:{port}/", "-I")
        check(head.startswith("HTTP/1.1 200") and "gzip" in head, f"HEAD: {head!r}")
        leds = json.loads(curl(f"http://127.0.0.1:{port}/api/leds", "-d", '{"led":1,"on":true}'))
        check(leds["leds"][1]["on"] is True, f"POST: {leds}")
        check(seconds < 3 * SLOW, f"{seconds:.1f} s to the page")
        code = program.stop()
        check(code == 0, f"exit code {code} after Ctrl-C")
    return f"{seconds:.1f} s from ./run to the page"


def test_signals():
    times = []
    for number in (signal.SIGINT, signal.SIGTERM):
        for pattern in ("reset", "leased"):
            with Program([RUN, "--port", str(port_free())]) as program:
                program.wait_for(pattern)
                begin = time.monotonic()
                code = program.stop(number)
                times.append(time.monotonic() - begin)
                check(code == 0, f"exit code {code} after signal {number}: {program.text()[-200:]!r}")
                check("Traceback" not in program.text(), "a traceback")
    return f"at most {max(times) * 1000:.0f} ms"


def test_native():
    port = port_free()
    with Program([RUN, "--board", "native", "--port", str(port)]) as program:
        check("<html" in curl_until(program, f"http://localhost:{port}/", 60 * SLOW).lower(), "no page")
        status = json.loads(curl(f"http://localhost:{port}/api/status"))
        check(status["usb"]["link"] is True, f"status: {status}")
        code = program.stop()
        check(code == 0, f"exit code {code} after Ctrl-C: {program.text()[-500:]!r}")
        check("Sanitizer" not in program.text(), program.text()[-500:])


def control_ask(path, line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10 * SLOW)
        connection.connect(path)
        connection.sendall(line.encode() + b"\n")
        return connection.recv(1000).decode().strip()


def test_native_flash():
    """A product's settings in a file: over a power cut, and over the end of the process. While power is off, nothing of it runs."""
    port, change = port_free(), {"host": "kept"}
    with tempfile.TemporaryDirectory() as folder:
        flash, control = os.path.join(folder, "flash"), os.path.join(folder, "control")
        argv = [RUN, "--board", "native", "--app", "examples/meter", "--port", str(port), f"--flash={flash}", "--control", control]

        def settings():
            return json.loads(curl(f"http://localhost:{port}/settings"))

        def mapped():
            maps = run_whole(["sh", "-c", f"grep -ls '{flash}' /proc/[0-9]*/maps"])[1]
            return len(maps.split())

        with Program(argv) as program:
            curl_until(program, f"http://localhost:{port}/settings", 120 * SLOW)
            curl(f"http://localhost:{port}/settings", "-X", "PUT", "-H", "Authorization: Bearer secret", "-d", json.dumps(change))
            check(settings()["host"] == "kept" and mapped() == 1, f"{settings()}, {mapped()} maps")
            check(control_ask(control, "power 0") == "ok", "power 0")
            time.sleep(1)
            check(mapped() == 0, "the firmware runs without power")
            check(control_ask(control, "power 1") == "ok", "power 1")
            curl_until(program, f"http://localhost:{port}/settings")
            check(settings()["host"] == "kept", f"after a power cut: {settings()}")
            check(program.stop() == 0, program.text()[-300:])
        with Program(argv) as program:
            curl_until(program, f"http://localhost:{port}/settings", 120 * SLOW)
            check(settings()["host"] == "kept", f"after the end of the process: {settings()}")


def test_boards():
    """Every other board serves the page, with its own name and LEDs."""
    boards = {"32l476gdiscovery": ("32L476GDISCOVERY", ["red", "green"]), "blackpill-f411": ("Black Pill F411", ["blue"])}
    for board, (name, leds) in boards.items():
        port = port_free()
        with Program([RUN, "--board", board, "--port", str(port)]) as program:
            check("<html" in curl_until(program, f"http://localhost:{port}/", 60 * SLOW).lower(), f"{board}: no page")
            status = json.loads(curl(f"http://localhost:{port}/api/status"))
            check(status["board"] == name, f"{board}: the page is that of {status['board']}")
            check([led["name"] for led in status["leds"]] == leds, f"{board}: LEDs {status['leds']}")
            lit = json.loads(curl(f"http://localhost:{port}/api/leds", "-d", '{"led":0,"on":true}'))
            check(lit["leds"][0]["on"] is True, f"{board}: POST: {lit}")
            code = program.stop()
            check(code == 0, f"{board}: exit code {code} after Ctrl-C")
            check("LEDs " + leds[0] + " on" in program.text(), f"{board}: {program.text()[-500:]!r}")
            check("warning" not in program.text() and "unmodelled" not in program.text(), program.text()[-500:])
    return f"{len(boards)} boards"


def test_pcap():
    if not shutil.which("tshark"):
        raise Skipped("tshark is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.pcapng")
        port = port_free()
        with Program([RUN, "--port", str(port), "--pcap", path]) as program:
            curl_until(program, f"http://localhost:{port}/")
            curl(f"http://localhost:{port}/api/status")
            check(program.stop() == 0, "not a clean end")

        def tshark(*arguments):
            code, out, err, _ = run_whole(["tshark", "-n", "-r", path, *arguments], 120)
            check(code == 0, f"tshark {arguments}: {err.strip()[-300:]}")
            return out.splitlines()

        wrong = tshark("-Y", "_ws.malformed or _ws.short or _ws.unreassembled")
        check(not wrong, f"{len(wrong)} malformed packets, first: {wrong[:1]}")
        frames = len(tshark("-Y", "eth"))
        usb = len(tshark("-Y", "usb"))
        check(frames > 20 and usb > 50, f"{frames} frames, {usb} USB records")
        for what, wanted in (("dhcp", 4), ("arp", 2), ("http", 4), ("usb.setup.bRequest == 6", 5)):
            check(len(tshark("-Y", what)) >= wanted, f"fewer than {wanted} packets of {what}")
        bad = tshark("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                     "-Y", "ip.checksum.status == 0 or tcp.checksum.status == 0 or udp.checksum.status == 0")
        check(not bad, f"{len(bad)} wrong checksums, first: {bad[:1]}")
    return f"{frames} frames and {usb} USB records, none malformed"


def board_address():
    with Program([VBOARD, "--forward", "0:80", IMAGE]) as program:
        match = program.wait_for(r"address (\S+) leased, board (\S+)")
        program.stop()
        return match[1], match[2]


def test_tap():
    if why := tap.missing():
        raise Skipped(why)
    own, board = board_address()
    script = f"""
        ip link set lo up
        "{RUN}" --tap plugnet0 > "$1" 2>&1 & run=$!
        for i in $(seq 300); do [ -d /sys/class/net/plugnet0 ] || ip link show plugnet0 > /dev/null 2>&1 && break
            kill -0 $run 2> /dev/null || exit 3; sleep 0.1; done
        ip addr add {own}/29 dev plugnet0 && ip link set plugnet0 up
        for i in $(seq 100); do curl -sS --noproxy '*' --max-time 2 http://{board}/api/status && break; sleep 0.2; done
        kill -INT $run; wait $run"""
    with tempfile.NamedTemporaryFile("r") as log:
        code, out, err, _ = run_whole(["unshare", "-n", "sh", "-c", script, "sh", log.name], 60 * SLOW)
        said = log.read()
    if code == 3 and re.search("permitted|permission", said, re.I):
        raise Skipped(f"no TAP device allowed here: {said.strip()[-100:]}")
    check(out.startswith("{"), f"no answer over TAP: {err[-200:]!r} {said[-300:]!r}")
    check(json.loads(out)["usb"]["link"] is True, out[:200])
    check(code == 0, f"./run --tap ended with code {code}: {said[-200:]!r}")
    return f"{board} answers the kernel's own TCP/IP"


def minimal_build(folder, arguments):
    code, out, err, seconds = run_whole(["make", "-C", ROOT, *arguments], 300, folder)
    check(code == 0, f"make {' '.join(arguments)}: {(out + err)[-500:]}")
    return seconds


def minimal_try(image):
    with Program([VBOARD, "--forward", "0:80", image]) as program:
        port = program.wait_for(r"http://localhost:(\d+)/")[1]
        match = program.wait_for(r"enumerated ([0-9a-f]{4}:[0-9a-f]{4}) (.*)")
        check(match[1] == "1209:0002" and match[2] == "Example Minimal", f"it is {match[0]!r}")
        program.wait_for("leased")
        value = json.loads(curl(f"http://localhost:{port}/uptime"))
        check(value["uptime_ms"] > 0, f"{value}")
        check(json.loads(curl(f"http://localhost:{port}/uptime", "-H", "Host: minimal.internal")), "not its own name")
        refused = curl(f"http://localhost:{port}/uptime", "-o", os.devnull, "-w", "%{http_code}",
                       "-H", "Host: plugnet.home.arpa")
        check(refused == "421", f"another product's name gives {refused}")
        check(program.stop() == 0, "not a clean end")


def test_minimal():
    source = os.path.join(ROOT, "examples/minimal")
    lines = sum(len(open(os.path.join(source, name)).readlines()) for name in os.listdir(source) if name.endswith(".c"))
    check(lines <= 60, f"{lines} lines")
    minimal_build(ROOT, ["APP=examples/minimal", "NAME=minimal"])
    image = os.path.join(ROOT, "build/stm32f4discovery-none-minimal/minimal.elf")
    minimal_try(image)
    with tempfile.TemporaryDirectory() as folder:  # a product's own folder, outside this tree
        product = os.path.join(folder, "my product's folder".replace(" ", "-").replace("'", ""))
        shutil.copytree(source, product)
        minimal_build(product, [f"APP={product}", "NAME=mine", f"OUT={folder}/out"])
        check(os.path.exists(f"{folder}/out/mine.elf"), "no image in OUT")
        minimal_try(f"{folder}/out/mine.elf")
    return f"{lines} lines, from this tree and from another folder"


def app_try(arguments, cwd):
    port = port_free()
    with Program([RUN, "--port", str(port), *arguments], cwd) as program:
        value = json.loads(curl_until(program, f"http://localhost:{port}/uptime", 60 * SLOW))
        check(value["uptime_ms"] > 0, f"{value}")
        check("enumerated 1209:0002 Example Minimal" in program.text(), program.text()[-500:])
        check(program.stop() == 0, "not a clean end")


def test_app():
    """./run --app PATH serves a product from wherever it is called; a mistake is told in one line that says what to do."""
    app_try(["--app", "examples/minimal"], ROOT)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(os.path.join(ROOT, "examples/minimal"), os.path.join(folder, "copied"))
        shutil.rmtree(os.path.join(ROOT, "build/native-none-copied"), ignore_errors=True)  # ./run has to build it
        app_try(["--app=copied", "--board=native"], folder)
        for name in ("empty", "no-sources", "hidden/build", "hidden/.old", "hidden/site", "a space", "naïve"):
            os.makedirs(os.path.join(folder, name))
        for name in ("no-sources/main.h", "no-sources/notes.txt", "hidden/build/x.c", "hidden/.old/x.c", "hidden/site/x.c",
                     "a space/main.c", "naïve/main.c", "main.c"):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write("int main(void) { return 0; }\n")
        instead = "examples/minimal"
        cases = [
            (["--app"], "--app needs a value"),
            (["--app="], "--app needs a value"),
            (["--app", "--for", "1"], "--app needs a value"),
            (["--app", "missing"], f"missing: there is no such folder.*{instead}"),
            (["--app", "main.c"], "main.c: .*a file.*give the folder"),
            (["--app", "empty"], f"empty: there is no .c file.*{instead}"),
            (["--app", "no-sources"], f"no-sources: there is no .c file.*{instead}"),
            (["--app", "hidden"], f"hidden: there is no .c file.*{instead}"),
            (["--app", "a space"], "a space: .*spaces.*move"),
            (["--app", "naïve"], "naïve: .*letters.*rename"),
            (["--app", "/"], "--app /: .*rename"),
        ]
        for arguments, pattern in cases:
            code, out, err, _ = run_whole([RUN, *arguments], 60, folder)
            one_line(code, out, err, pattern, " ".join(arguments))
            check(not out, f"{' '.join(arguments)}: {out[:200]!r}")
    return f"2 products served, {len(cases)} mistakes refused"


def iperf_report(out):
    """Bytes and bits a second of the last line of figures."""
    found = re.findall(r"sec\s+([\d.]+) ([KMG]?)Bytes\s+([\d.]+) ([KMG]?)bits/sec", out)
    check(found, f"no figures: {out[-400:]!r}")
    unit = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return float(found[-1][0]) * unit[found[-1][1]], float(found[-1][2]) * unit[found[-1][3]]


def iperf_settled(web):
    """A client that has ended may have left megabytes in its socket, which the board still gets: wait until it has all."""
    end = time.monotonic() + 60 * SLOW
    while json.loads(curl(f"http://localhost:{web}/api/status"))["services"]["iperf"]["open"] > 0:
        check(time.monotonic() < end, "a session that never ends")
        time.sleep(0.1)


def test_files_are_the_callers():
    """A file of an option is where the caller is, not in this tree; with "=", too."""
    with tempfile.TemporaryDirectory() as folder:
        code, out, err, _ = run_whole([RUN, "--port", str(port_free()), "--for", "1", "--fast", "--pcap", "trace.pcapng", "--flash=my flash",
                                       "--profile", os.path.join(folder, "whole.json")], 60 * SLOW, folder)
        check(code == 0, f"{code}: {out[-300:]} {err[-300:]}")
        check(sorted(os.listdir(folder)) == ["my flash", "trace.pcapng", "whole.json"], str(os.listdir(folder)))


def test_iperf():
    if not shutil.which("iperf"):
        raise Skipped("iperf is not installed")
    measured = []
    with Program([VBOARD, "--forward", "0:5001", "--forward", "0:80", IMAGE]) as program:
        port = program.wait_for(r"localhost:(\d+)\S* leads to port 5001")[1]
        web = program.wait_for(r"localhost:(\d+)\S* leads to port 80\b")[1]
        program.wait_for("leased")
        for what, options in (("-n", ["-n", "500K"]), ("-t", ["-t", "2"]), ("-R", ["-R", "-t", "2"]),
                              ("-P 2", ["-P", "2", "-t", "2"])):
            iperf_settled(web)
            code, out, err, _ = run_whole(["iperf", "-c", "127.0.0.1", "-p", port, *options], 30 * SLOW)
            check(code == 0 and "failed" not in err, f"iperf {what}: code {code}: {(out + err)[-300:]}")
            size, speed = iperf_report(out)
            check(size >= 100 * 1024, f"iperf {what}: {size} bytes")
            measured.append(f"{what} {speed / 1e6:.1f} Mbit/s")
        status = json.loads(curl(f"http://localhost:{web}/api/status"))
        check(status["services"]["iperf"]["received"] >= 700 * 1024, f"{status['services']['iperf']}")
        check(status["services"]["iperf"]["sent"] >= 100 * 1024, f"{status['services']['iperf']}")
        check(program.stop() == 0, "not a clean end")
    return ", ".join(measured)


def main(arguments):
    tests = [(name[5:], function) for name, function in globals().items() if name.startswith("test_")]
    failed = 0
    for name, function in tests:
        if arguments and not any(part in name for part in arguments):
            continue
        try:
            said = function()
            print(f"ok run {name}" + (f" ({said})" if said else ""), flush=True)
        except Skipped as why:
            print(f"skip run {name}: {why}", flush=True)
        except (Failed, ValueError, KeyError, IndexError, OSError) as why:
            failed += 1
            text = str(why) if isinstance(why, Failed) else f"{type(why).__name__}: {why}"
            print(f"not ok run {name}: " + " ".join(text.split()), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
