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

    def __init__(self, program, image, *options):
        self.process = subprocess.Popen([program, image, *options], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def debug(port, elf, commands, target="remote"):
    """What gdb-multiarch prints for these commands."""
    arguments = ["gdb-multiarch", "--batch", "-nx", "-ex", "set confirm off", "-ex", "set architecture armv7e-m",
                 "-ex", f"target {target} 127.0.0.1:{port}"]
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
        output = debug(runner.port, elf, ["break triple", "continue", "monitor reset halt",
                                          "maintenance flush register-cache", "print/x $sp", "print/x $lr",
                                          "x/2xw 0x30000000", "kill"])
        contains("reset_and_kill", output, "triple", "= 0x20008000", "= 0xffffffff")
        contains("unmapped", output, "Cannot access memory at address 0x30000000")
        try:
            result("kill", None if runner.process.wait(5) == 0 else "exit code")
        except subprocess.TimeoutExpired:
            result("kill", "still runs")


START = "print $pc == ((unsigned)reset & ~1) + 2"  # one instruction (of 2 bytes) behind the reset


def monitor(program, image, elf):
    """Field case 23: OpenOCD's commands mean what they mean there, and what isn't known is an error."""
    with Runner(program, image) as runner:
        for command in ("monitor reset halt", "monitor reset init", "monitor   reset   halt  ", "monitor reset\thalt"):
            output = debug(runner.port, elf, ["break triple", "continue", "delete", command, "stepi", START,
                                              "print/x $lr"])
            contains(" ".join(command.split()).replace(" ", "_"), output, "triple (n=", "= 1", "= 0xffffffff")
        output = debug(runner.port, elf, ["break triple", "continue", "monitor halt", "stepi", "print n",
                                          "monitor resume", "monitor halt", "monitor help"])
        contains("monitor_halt_and_help", output, "triple (n=", "= ", "monitor commands", "reset halt", "halt", "resume",
                 "help")
        for i, command in enumerate(("nonsense", "reset nonsense", "resethalt", "halt now", "x" * 100, "Reset")):
            output = debug(runner.port, elf, ["monitor " + command, "print 1234"])
            contains(f"monitor_unknown_{i}", output, "Protocol error with Rcmd" if len(command) > 63 else f'"{command}"')


def probes(program, image, elf):
    """OpenOCD's and J-Link's commands do what they do there, or say that they do nothing here."""
    with Runner(program, image) as runner:
        for command in ("speed auto", "flash device = STM32F407VG", "flash probe 0", "adapter speed 4000", "SWO EnableTarget 0 0 1 0",
                        "interface SWD", "poll on", "sleep 100", "semihosting IOClient 3"):
            output = debug(runner.port, elf, ["monitor " + command, "print 1234"])
            wanted = "no monitor command" if command.startswith("SWO") else f'"{command}" has no effect here'
            contains("probe_" + command.split()[0].lower(), output, "= 1234")  # two streams: each has its order
            contains("probe_says", output, wanted)
        output = debug(runner.port, elf, ["break triple", "continue", "monitor reset", "monitor halt", "monitor poll",
                                          "monitor peripherals", "monitor peripherals tw", "monitor semihosting enable"])
        contains("peripherals", output, "the processor is halted, pc 0x0800", "ONE        0x40000000 0x10\n", "TWO",
                 "(not modelled)", "TWO        0x40000001", "no semihosting here")
        output = debug(runner.port, elf, ["break triple", "continue", "monitor gdb_sync", "print/x $pc", "stepi", "print/x $pc",
                                          "stepi", "print/x $pc"])
        values = [line.split(" = ")[1] for line in output.splitlines() if line.startswith("$")]
        result("gdb_sync", None if len(values) == 3 and values[0] == values[1] != values[2] else values)
        output = debug(runner.port, elf, ["monitor reset 0", "monitor gdb_sync", "stepi", "print/x $lr"])
        contains("numbered_reset", output, "= 0xffffffff")
    with Runner(program, image, "jlink") as runner:
        output = debug(runner.port, elf, ["break triple", "continue", "delete", "monitor reset", "stepi", START, "print/x $lr",
                                          "monitor go", "monitor shutdown"])
        contains("jlink_reset_halts", output, "triple (n=", "= 1", "= 0xffffffff")
        try:
            result("shutdown", None if runner.process.wait(5) == 0 else "exit code")
        except subprocess.TimeoutExpired:
            result("shutdown", "still runs")


def load(program, image, elf):
    """GDB knows what is flash, and writes there by erasing; the image runs again."""
    with Runner(program, image) as runner:
        output = debug(runner.port, elf, ["info mem", "break triple", "continue", "monitor reset", "load", "compare-sections",
                                          "monitor reset halt", "continue", "print n", "set var *(int *)0x08000000 = 1"])
        contains("load", output, "0x08000000 0x08010000 flash blocksize 0x4000", "Breakpoint 1, triple (n=4)", "matched",
                 "Breakpoint 1, triple (n=4)", "= 4")
        contains("flash_by_load_alone", output, "Writing to flash memory forbidden")
        raw = Raw(runner.port)
        rcmd(raw, "reset")
        answer = None if runs(raw, 10) else "it doesn't run before"
        raw.ask(b"vFlashErase:0800c000,4000")  # where no code is
        result("erase_halts", answer or ("the processor runs" if runs(raw, 0.3) else None))
        for packet, wanted in ((b"vFlashErase:08000000,4000", b"OK"), (b"m08000000,4", b"ffffffff"), (b"vFlashWrite:08000001:a}\x03}\x5d", b"OK"),
                               (b"m08000000,4", b"ff61237d"), (b"vFlashWrite:0800ffff:ab", b"E01"), (b"vFlashWrite:0800fff0:", b"OK"),
                               (b"vFlashErase:08000000,1", b"E01"), (b"vFlashErase:0800c000,8000", b"E01"), (b"vFlashErase:ffffffff,ffffffff", b"E01"),
                               (b"vFlashErase:08000000", b"E01"), (b"vFlashErase:08000000,4000z", b"E01"), (b"vFlashWrite:08000000", b"E01"),
                               (b"vFlashWrite:08000000:}", b"E01"), (b"vFlashWrite::a", b"E01"), (b"vFlashDone", b"OK"), (b"vFlashNonsense", b""),
                               (b"qXfer:memory-map:read::0,0", b"m"), (b"qXfer:memory-map:read::fffffff,10", b"l"),
                               (b"qXfer:memory-map:read:x:0,10", b""), (b"qXfer:memory-map:read::0", b"E01")):
            answer = raw.ask(packet)
            result("flash_packets", None if answer == wanted else f"{packet}: {answer}")
        pieces = [raw.ask(b"qXfer:memory-map:read::%x,20" % at)[1:] for at in range(0, 0x400, 0x20)]
        whole = raw.ask(b"qXfer:memory-map:read::0,1000")
        result("map_in_pieces", None if b"".join(pieces) == whole[1:] and whole[:1] == b"l" else whole)
        raw.close()


def restart(program, image, elf):
    """Field case 23: an extended debugger runs anew, and stays when it kills."""
    with Runner(program, image) as runner:
        output = debug(runner.port, elf, ["break triple", "continue", "continue", "print counter > 0", "run",
                                          "print counter", "print n", "info breakpoints", "kill", "run", "print counter"],
                       "extended-remote")
        contains("run_restarts", output, "triple (n=4)", "triple (n=", "= 1", "triple (n=4)", "= 4", "hit 1 time",
                 "triple (n=4)")
        result("kill_stays", None if runner.process.poll() is None else "the program ended")
        output = debug(runner.port, elf, ["break triple", "continue", "detach", "run", "print n"],
                       "extended-remote")
        contains("run_after_detach", output, "triple (n=", "detached", "triple (n=4)", "= 4")
        output = debug(runner.port, elf, ["print $sp"], "extended-remote")
        contains("run_then_another", output, "$1 = ")


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
        malformed(runner)
        reset_run(runner)
        second(runner)
        hostile(runner)
        raw = Raw(runner.port)
        answer = raw.ask(b"?")
        result("alive_after_hostile", None if answer.startswith((b"S", b"T")) else answer)
        raw.close()
        with_two(runner)


def rcmd(raw, command):
    """The last answer: console output comes before it."""
    raw.send(b"qRcmd," + command.encode().hex().encode())
    while (answer := raw.receive())[:1] == b"O" and answer != b"OK":
        pass
    return answer


def malformed(runner):
    """White space of any kind separates words; packets with a digit too few or too many, or with what is no digit, are
    errors, and change nothing."""
    raw = Raw(runner.port)
    for command in ("reset\thalt", "\treset \t\r\n init\n", "reset\vhalt", "reset\fhalt", "\thelp\t", "halt\r\n"):
        answer = rcmd(raw, command)
        result("monitor_white_space", None if answer == b"OK" else f"{command!r}: {answer}")
    reset_halt, registers, memory = b"reset halt".hex().encode(), raw.ask(b"g"), raw.ask(b"m20000000,4")
    for packet in (b"qRcmd," + reset_halt + b"0", b"qRcmd," + reset_halt[:-1], b"qRcmd,7", b"qRcmd,zz", b"qRcmd,686g6c74",
                   b"qRcmd,68616c74zz", b"qRcmd,68616c7 ", b"qRcmd," + reset_halt + b"00", b"qRcmd,68616c740061",
                   b"p0z", b"p0,", b"P0=000000000", b"P0=0000000g", b"P0=000000", b"P0=00000000zz", b"G" + registers + b"00",
                   b"m20000000,4z", b"m20000000,4,4", b"M20000000,4:0000000", b"M20000000,4:000000000", b"cz", b"s,", b"s2000000g",
                   b"Z0,8000000,2z", b"qXfer:features:read:target.xml:0,10z"):
        answer = raw.ask(packet)
        result("malformed_is_an_error", None if answer[:1] == b"E" else f"{packet[:40]}: {answer}")
    result("malformed_changes_nothing", None if (raw.ask(b"g"), raw.ask(b"m20000000,4")) == (registers, memory) else "changed")
    raw.close()


def runs(raw, limit_s):
    """Do the registers change? Each answer is given between two slices of the processor's time."""
    end, first = time.monotonic() + limit_s, raw.ask(b"g")
    while time.monotonic() < end:
        time.sleep(0.002)
        if raw.ask(b"g") != first:
            return True
    return False


def reset_run(runner):
    """After "monitor reset" the processor runs though the debugger takes it for halted; a stop is told when it asks."""
    for command in ("reset", "reset run"):
        raw = Raw(runner.port)
        answer = rcmd(raw, command)
        answer = answer if answer != b"OK" else None if runs(raw, 10) else "the processor stands still"
        result(f"monitor_{command.replace(' ', '_')}", answer)
        answer = rcmd(raw, "halt")
        answer = answer if answer != b"OK" else "the processor runs" if runs(raw, 0.3) else None
        result("monitor_halt", answer)
        pc = int.from_bytes(bytes.fromhex(raw.ask(b"pf").decode()), "little")
        raw.ask(b"Z0,%x,2" % pc)
        rcmd(raw, "reset")  # sooner or later it comes by there again
        end = time.monotonic() + 10
        while time.monotonic() < end:
            time.sleep(0.002)
            if raw.ask(b"pf") == pc.to_bytes(4, "little").hex().encode():
                break
        raw.send(b"c")
        answer = raw.receive()
        result("stop_while_unwatched", None if answer == b"S05" else answer)
        raw.close()


def second(runner):
    """A second debugger is told that there is one; the first is served on, and the next one when that has gone."""
    first = Raw(runner.port)
    first.ask(b"?")
    for round_number in range(3):
        other, silent = Raw(runner.port), None
        if round_number == 1:
            silent = Raw(runner.port)  # waits its turn, says nothing, is hung up on
        try:
            answer = other.ask(b"qSupported:multiprocess+")
            result("second_is_told", None if answer == b"E.another debugger is connected" else answer)
            result("second_is_hung_up_on", None if other.socket.recv(100) == b"" else "still open")
            if silent:
                result("second_silent", None if silent.socket.recv(100) == b"" else "still open")
        except (OSError, ConnectionError) as error:
            result("second_is_told", repr(error))
        answer = first.ask(b"?")
        result("first_goes_on", None if answer.startswith((b"S", b"T")) else answer)
    first.send(b"c")  # running: the same
    time.sleep(0.1)
    other = Raw(runner.port)
    answer = other.ask(b"qSupported")
    result("second_while_running", None if answer == b"E.another debugger is connected" else answer)
    first.close()
    time.sleep(0.1)
    third = Raw(runner.port)
    answer = third.ask(b"?")
    result("second_when_the_first_has_gone", None if answer == b"S05" else answer)
    third.close()


def hostile(runner):
    """Nothing of this may end the program; each connection gets a fresh one."""
    random.seed(1)
    packets = [b"", b"m", b"m,", b"m0", b"m0,", b"mffffffff,ffffffff", b"m20000000,100000", b"M20000000,4:", b"M0,4:zz",
               b"X20000000,8:}", b"X20000000,ffffffff:a", b"P", b"Pff=", b"P1=1", b"pffffffff", b"p12345678901", b"G",
               b"G12", b"Z", b"Z9,0,0", b"Z0", b"Z0,ffffffffff,2", b"z4,0,0", b"qRcmd,", b"qRcmd,7", b"qRcmd," + b"61" * 100,
               b"qXfer:features:read:target.xml:", b"qXfer:features:read:target.xml:ffffffff,ffffffff", b"S",
               b"s30000000", b"vCont?", b"vCont", b"vCont;", b"vCont;x", b"vCont;s:1;c", b"vRun;", b"vKill;1", b"R00", b"qRcmd,20",
               b"qRcmd,2020726573657420", b"\x00\xff", b"x" * 9000, b"M20000000,1000:" + b"00" * 5000]
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
        monitor(sys.argv[1], sys.argv[2], sys.argv[3])
        restart(sys.argv[1], sys.argv[2], sys.argv[3])
        probes(sys.argv[1], sys.argv[2], sys.argv[3])
        load(sys.argv[1], sys.argv[2], sys.argv[3])
    else:
        print("skip gdb: gdb-multiarch is not installed")
    by_hand(sys.argv[1], sys.argv[2])
    sys.exit(failed)


main()
