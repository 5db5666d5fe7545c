#!/usr/bin/env python3
"""The virtual board as a program: its command line, what it prints, how it ends.

    test/vboard/test_program.py [BUILD]

Whatever is wrong on the command line is one clear line on stderr and exit code 2.
"""
# SPDX-License-Identifier: MIT
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

BUILD = sys.argv[1] if len(sys.argv) > 1 else "build"
PROGRAM = os.path.join(BUILD, "vboard/vboard")
IMAGES = os.path.join(BUILD, "test/vboard/image")
ECHO = os.path.join(IMAGES, "echo.elf")


def run(*arguments, limit=60):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=limit, check=False)


def refused(arguments, part):
    result = run(*arguments)
    lines = result.stderr.splitlines()
    assert result.returncode == 2, f"exit code {result.returncode}: {result.stderr!r}"
    assert len(lines) == 1 and part in lines[0], f"stderr {result.stderr!r}, wanted one line with {part!r}"


def test_help():
    result = run("--help")
    assert result.returncode == 0
    for option in ("--board", "--forward", "--tap", "--pcap", "--trace", "--fast", "--for", "--gdb", "--uid",
                   "--control", "--profile", "--flash", "--boot0", "--coverage", "--stopped", "--monitor", "--semihosting", "--usbip",
                   "--usbredir"):
        assert f"  {option}" in result.stdout, f"{option} is not in the help text"


def test_wrong_command_lines():
    refused([], "no image given")
    refused(["--no-such-option", ECHO], "--no-such-option")
    refused(["--board", "nucleo", ECHO], "no board nucleo")
    refused(["--board"], "needs a value")
    refused(["--uid", "123", ECHO], "24 hex digits")
    refused(["--gdb", "99999", ECHO], "not a port number")
    refused(["--monitor", "pyocd", ECHO], "neither openocd nor jlink")
    refused([ECHO, ECHO], "one image only")
    refused(["--for", "soon", ECHO], "--for")


def test_wrong_images():
    refused(["build/no/such.elf"], "No such file")
    refused([PROGRAM], "an ELF, but not for Arm (machine")
    refused(["Makefile"], "not an ELF file")
    refused(["test"], "not a file")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "short.elf")
        with open(ECHO, "rb") as source, open(path, "wb") as target:
            target.write(source.read(1000))
        refused([path], "truncated")
        path = os.path.join(folder, "empty.bin")
        with open(path, "wb") as target:
            target.write(bytes(4096))
        refused([path], "no vector table")


def test_port_in_use():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        refused(["--forward", f"{port}:80", ECHO], str(port))
        refused(["--gdb", str(port), ECHO], "in use")


def test_runs_and_ends():
    result = run("--fast", "--for", "1", "--trace", ECHO)
    assert result.returncode == 0, result.stderr
    assert "board: reset (power-on)" in result.stdout
    assert "usb: bus reset" in result.stdout
    assert "usb: SETUP 80 06 00 01" in result.stdout
    assert result.stderr == ""


def test_interrupt_ends_cleanly():
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([PROGRAM, ECHO], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(1)
            process.send_signal(number)
            _, errors = process.communicate(timeout=10)
            assert process.returncode == 0, f"exit code {process.returncode}"
            assert errors == "", errors


def test_lockup_ends_with_1():
    result = run("--fast", "--for", "5", os.path.join(IMAGES, "crash.elf"))
    assert result.returncode == 1, f"exit code {result.returncode}"
    assert "locked up at PC 0xfffffffe" in result.stdout, result.stdout


def test_profile():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "profile.json")
        result = run("--fast", "--for", "1", "--profile", path, ECHO)
        assert result.returncode == 0, result.stderr
        with open(path, encoding="utf-8") as file:
            profile = json.load(file)
        names = {symbol["name"]: symbol for symbol in profile["symbols"]}
        assert "image_main" in names and "image_clock_168" in names, sorted(names)
        assert sum(symbol["instructions"] for symbol in profile["symbols"]) == profile["profiled_instructions"]
        assert profile["profiled_instructions"] == profile["instructions"]
        assert 0x20000000 < names["image_main"]["lowest_sp"] <= 0x20020000
        refused(["--fast", "--for", "0.01", "--profile", os.path.join(folder, "no/such"), ECHO], "No such file")


def test_coverage():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "coverage")
        result = run("--fast", "--for", "1", "--coverage", path, ECHO)
        assert result.returncode == 0, result.stderr
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
        assert lines[0] == "plugnet-coverage 1" and len(lines) > 100, lines[:3]
        assert all(0x08000000 <= int(line.split()[0], 16) < 0x08100000 and 1 <= int(line.split()[1]) <= 7 for line in lines[1:])
        refused(["--fast", "--for", "0.01", "--coverage", os.path.join(folder, "no/such"), ECHO], "No such file")
    refused(["--stopped", ECHO], "--control")


def test_flash_is_kept():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "flash.bin")
        refused(["--flash", path], "no image")
        assert run("--fast", "--for", "0.1", "--flash", path, ECHO).returncode == 0
        assert os.path.getsize(path) == 1 << 20
        result = run("--fast", "--for", "1", "--trace", "--flash", path)
        assert result.returncode == 0 and "usb: SETUP 80 06" in result.stdout, result.stdout + result.stderr
        with open(path, "ab") as file:
            file.write(b"x")
        refused(["--flash", path], "too large")
        with open(path, "wb") as file:
            file.write(bytes(100))
        refused(["--flash", path], "no vector table")
        refused(["--for", "0.01", "--fast", "--flash", os.path.join(folder, "no/such"), ECHO], "No such file")


def test_boot0():
    """The boot loader in ROM, with an empty flash, too; what it writes is in the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "flash.bin")
        with open(path, "wb") as file:
            file.write(b"\xff" * 1000)
        refused(["--flash", path], "no vector table")
        result = run("--fast", "--for", "1", "--boot0", "--flash", path)
        assert result.returncode == 0, result.stderr
        assert "the boot loader in ROM runs" in result.stdout, result.stdout
        assert os.path.getsize(path) == 1 << 20


def test_flash_file_that_fills_up():
    result = run("--fast", "--for", "0.1", "--flash", "/dev/full", ECHO)
    assert result.returncode == 2 and "/dev/full" in result.stderr, result.stderr


def test_gdb():
    """Breakpoint, registers, step, continue, reset, kill; time stands still meanwhile."""
    with subprocess.Popen([PROGRAM, "--fast", "--gdb", "0", ECHO], stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            while "localhost:" not in line:
                assert line, "the program ended"
                line = process.stdout.readline()
            port = line.split("localhost:")[1].split("'")[0]
            commands = [f"target remote localhost:{port}", "break request", "continue", "print/x $pc",
                        "print resets > 0", "backtrace 1", "stepi", "info registers pc", "delete", "monitor reset halt",
                        "break image_main", "continue", "print/x $sp", "kill"]
            arguments = ["gdb-multiarch", "--batch", "-nx", "-ex", "set architecture armv7e-m"]
            for command in commands:
                arguments += ["-ex", command]
            result = subprocess.run([*arguments, ECHO], capture_output=True, text=True, timeout=60, check=False)
            output = result.stdout
            assert "Breakpoint 1, request" in output, output + result.stderr
            assert "$2 = 1" in output, output
            assert "Breakpoint 2, image_main" in output, output + result.stderr
            assert "0x2001ff" in output, output
            assert process.wait(timeout=10) == 0, f"exit code {process.returncode} after kill"
        finally:
            process.kill()


def test_gdb_waits_until_interrupted():
    with subprocess.Popen([PROGRAM, "--gdb", "0", ECHO], stdout=subprocess.PIPE, text=True) as process:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0, f"exit code {process.returncode}"


def said_by(output):
    """Lines that the image wrote by semihosting."""
    return [line.split("[semihosting] ")[1] for line in output.splitlines() if "[semihosting] " in line]


SEMIHOSTING = os.path.join(IMAGES, "semihosting.elf")


def test_semihosting():
    """Each call that newlib makes, output as lines, exit as the program's exit code; without the option a fault, as on the chip."""
    result = run("--fast", "--for", "5", "--semihosting", SEMIHOSTING)
    assert result.returncode == 0, f"exit code {result.returncode}"
    clock = next(line for line in said_by(result.stdout) if line.startswith("clock "))
    assert said_by(result.stdout) == [
        "hello", "x", "stdout 00000002", "stderr 00000003", "a file ffffffff", "errno 00000002", "written", "left of a write 00000000",
        "left where no memory is 00000005", "left of too much ffffffff", "not read 00000007", "a key ffffffff", "a terminal 00000001",
        "nobody knows ffffffff", clock, "ticks a second 3b9aca00", "elapsed 00000000", "seconds of it 00000000",
        "elapsed to nowhere ffffffff", "the end, without a new line"], result.stdout
    assert result.stdout.count("semihosting: call 0x77 is not modelled") == 1, result.stdout
    result = run("--fast", "--for", "0.1", SEMIHOSTING)
    assert not said_by(result.stdout) and result.returncode == 0, result.stdout


def semihosting_debugged(*commands, options=()):
    """What GDB and the board say, and the board's exit code or None while it runs."""
    with subprocess.Popen([PROGRAM, "--fast", "--gdb", "0", *options, SEMIHOSTING], stdout=subprocess.PIPE, text=True) as process:
        try:
            said = ""
            while "localhost:" not in said:
                said = process.stdout.readline()
            port = said.split("localhost:")[1].split("'")[0]
            arguments = ["gdb-multiarch", "--batch", "-nx", "-ex", "set architecture armv7e-m"]
            for command in (f"target remote localhost:{port}", *commands):
                arguments += ["-ex", command]
            result = subprocess.run([*arguments, SEMIHOSTING], capture_output=True, text=True, timeout=60, check=False)
            try:
                code = process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                code = None
                process.terminate()
            return result.stdout + result.stderr, process.stdout.read(), code
        finally:
            process.kill()


def test_semihosting_and_gdb():
    """The monitor's commands switch it; a step goes over a call; with a debugger an exit is a stop, without one the end."""
    output, said, code = semihosting_debugged("monitor arm semihosting enable", "continue", "x/i $pc", "kill")
    assert "the end, without a new line" in said_by(said) or "elapsed to nowhere ffffffff" in said_by(said), said
    assert "bkpt" in output.split("SIGTRAP")[1] and code == 0, output
    output, said, code = semihosting_debugged("monitor semihosting enable", "monitor semihosting disable", "continue", "x/i $pc", "kill")
    assert not said_by(said) and "bkpt" in output.split("SIGTRAP")[1], output
    output, said, code = semihosting_debugged("break call", "continue", "finish", "print wanted = 1", "delete", "detach",
                                              options=("--semihosting",))
    assert "hello" in said_by(said) and code == 1, f"{code}: {output} {said}"


def test_shutdown():
    """As OpenOCD's: it ends the program."""
    _, _, code = semihosting_debugged("monitor shutdown")
    assert code == 0, code


def test_same_run_twice():
    outputs = [run("--fast", "--for", "2", "--trace", ECHO).stdout for _ in range(2)]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) > 5


def main():
    failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        label = f"program_{name[5:]}"
        try:
            test()
        except (AssertionError, OSError, subprocess.SubprocessError, KeyError, ValueError) as error:
            print(f"not ok {label}: {str(error) or type(error).__name__}".replace("\n", " "))
            failed += 1
        else:
            print(f"ok {label}")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
