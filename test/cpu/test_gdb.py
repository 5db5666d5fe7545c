#!/usr/bin/env python3
"""The debugger's server, by gdb-multiarch itself and by hostile packets.

  test_gdb.py RUNNER IMAGE.bin IMAGE.elf

SPDX-License-Identifier: MIT
"""
import random
import shutil
import socket
import subprocess
import sys
import time

failed = False


def result(name, why=None):
    global failed
    if why is None:
        print(f"ok gdb_{name}")
    else:
        failed = True
        print(f"not ok gdb_{name}: {why}")
    sys.stdout.flush()


class Runner:
    """One gdb_runner, killed at the end."""

    def __init__(self, program, image):
        self.process = subprocess.Popen([program, image], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def debug(port, elf, commands):
    """What gdb-multiarch prints for these commands."""
    arguments = ["gdb-multiarch", "--batch", "-nx", "-ex", "set confirm off", "-ex", "set architecture armv7e-m",
                 "-ex", f"target remote 127.0.0.1:{port}"]
    for command in commands:
        arguments += ["-ex", command]
    done = subprocess.run(arguments + [elf], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def contains(name, output, *wanted):
    """Each text must occur, in this order."""
    at = 0
    for text in wanted:
        found = output.find(text, at)
        if found < 0:
            result(name, f"no {text!r} in {output[-900:]!r}")
            return
        at = found + len(text)
    result(name)


def with_gdb(program, image, elf):
    with Runner(program, image) as runner:
        output = debug(runner.port, elf, ["print/x $sp", "print/x $pc == ((unsigned)reset & ~1)", "break triple",
                                          "continue", "print n", "backtrace", "info registers r0 xpsr control",
                                          "finish", "print $"])
        contains("breakpoint", output, "= 0x20008000", "= 0x1", "Breakpoint 1, triple (n=4)", "= 4", "#0", "#1",
                 "main", "r0", "0x4", "xpsr", "control", "Value returned is $4 = 12")
        output = debug(runner.port, elf, ["break triple", "continue", "next", "next", "stepi",
                                          "print result == 2 * n", "set var result = 100", "print result", "finish",
                                          "print/x $r4 = 0x1234", "print $r4"])
        contains("step", output, "triple (n=", "result += n", "= 1", "= 100", "Value returned", "= 0x1234", "= 4660")
        output = debug(runner.port, elf, ["set var counter = 1000", "print counter", "break triple", "continue",
                                          "print counter", "print ratio", "print $s0 = 1.5", "print $d0",
                                          "info registers fpscr msp primask"])
        contains("memory_and_fp", output, "= 1000", "= 1004", "= 502", "= 1.5", "fpscr", "msp", "primask")
        output = debug(runner.port, elf, ["watch watched", "continue", "print watched == 3 * counter", "delete",
                                          "hbreak triple", "continue", "detach"])
        contains("watchpoint", output, "watchpoint", "New value", "= 1", "triple (n=")
        output = debug(runner.port, elf, ["break triple", "continue", "monitor reset",
                                          "maintenance flush register-cache", "print/x $sp", "print/x $lr",
                                          "monitor nonsense", "x/2xw 0x30000000", "kill"])
        contains("reset_and_kill", output, "triple", "= 0x20008000", "= 0xffffffff")
        contains("errors", output, "monitor commands")
        contains("unmapped", output, "Cannot access memory at address 0x30000000")
        try:
            result("kill", None if runner.process.wait(5) == 0 else "exit code")
        except subprocess.TimeoutExpired:
            result("kill", "still runs")


class Raw:
    """The protocol by hand."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(b"$" + data + b"#" + b"%02x" % (sum(data) & 255))

    def receive(self):
        while b"#" not in self.buffer or len(self.buffer) < self.buffer.index(b"#") + 3:
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self.buffer += more
        end = self.buffer.index(b"#") + 3
        packet, self.buffer = self.buffer[:end], self.buffer[end:]
        return packet[packet.index(b"$") + 1:-3]

    def ask(self, data):
        self.send(data)
        return self.receive()

    def close(self):
        self.socket.close()


def by_hand(program, image):
    with Runner(program, image) as runner:
        raw = Raw(runner.port)
        raw.send(b"c")
        time.sleep(0.2)
        raw.socket.sendall(b"\x03")
        answer = raw.receive()
        result("interrupt", None if answer == b"S02" else answer)
        pc = int.from_bytes(bytes.fromhex(raw.ask(b"pf").decode()), "little")
        result("interrupted_in_flash", None if 0x08000000 < pc < 0x08010000 else hex(pc))
        raw.close()
        hostile(runner)
        raw = Raw(runner.port)
        answer = raw.ask(b"?")
        result("alive_after_hostile", None if answer.startswith((b"S", b"T")) else answer)
        raw.close()
        with_two(runner)


def hostile(runner):
    """Nothing of this may end the program; each connection gets a fresh one."""
    random.seed(1)
    packets = [b"", b"m", b"m,", b"m0", b"m0,", b"mffffffff,ffffffff", b"m20000000,100000", b"M20000000,4:", b"M0,4:zz",
               b"X20000000,8:}", b"X20000000,ffffffff:a", b"P", b"Pff=", b"P1=1", b"pffffffff", b"p12345678901", b"G",
               b"G12", b"Z", b"Z9,0,0", b"Z0", b"Z0,ffffffffff,2", b"z4,0,0", b"qRcmd,", b"qRcmd,7", b"qRcmd," + b"61" * 100,
               b"qXfer:features:read:target.xml:", b"qXfer:features:read:target.xml:ffffffff,ffffffff", b"S",
               b"s30000000", b"vCont?", b"\x00\xff", b"x" * 9000, b"M20000000,1000:" + b"00" * 5000]
    for packet in packets:
        raw = Raw(runner.port)
        raw.send(packet)
        try:
            if not raw.receive() and packet[:1] in (b"m", b"M", b"X"):
                result("hostile", packet)
        except (socket.timeout, ConnectionError):
            result("hostile", f"no answer to {packet[:60]!r}")
        raw.close()
    for _ in range(200):
        raw = Raw(runner.port)
        noise = bytes(random.choice(b"$#+-\x03}*mMgGpPXZzqsc0123456789abcdef,:;=\x00\xff") for _ in range(500))
        raw.socket.sendall(noise.replace(b"k", b""))
        raw.close()
    result("hostile", None if runner.process.poll() is None else "the program ended")


def with_two(runner):
    """Breakpoints of a lost connection are gone."""
    raw = Raw(runner.port)
    raw.ask(b"qRcmd,7265736574")
    for i in range(70):
        raw.ask(b"Z0,%x,2" % (0x08000000 + 2 * i))
    raw.close()
    raw = Raw(runner.port)
    raw.send(b"c")
    raw.socket.settimeout(0.5)
    try:
        answer = raw.receive()
        result("breakpoints_gone", f"stopped: {answer}")
    except socket.timeout:
        result("breakpoints_gone")
    raw.close()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    if shutil.which("gdb-multiarch"):
        with_gdb(sys.argv[1], sys.argv[2], sys.argv[3])
    else:
        print("skip gdb: gdb-multiarch is not installed")
    by_hand(sys.argv[1], sys.argv[2])
    sys.exit(failed)


main()
