#!/usr/bin/env python3
"""The test kit's own suite: real boards, each call that docs/testkit.md names, and its code blocks.

    test/testkit/test_testkit.py [PATTERN]        images: make testkit-images boards

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py). Times are virtual; wall-clock limits only
catch what hangs.
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock
import urllib.request
import xml.etree.ElementTree as xml
import zlib

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "testkit"))
os.chdir(ROOT)
from plugnet_testkit import (Board, BoardDied, CommandError, Elf, ElfError, UsbError, VirtualTimeout,  # noqa: E402
                             vboard_coverage)
from plugnet_testkit.board import program_find  # noqa: E402

DEMO = "build/stm32f4discovery-none/plugnet.elf"
MINIMAL = "build/stm32f4discovery-none-minimal/minimal.elf"
METER = "build/test/meter/none/meter.elf"
COVERED = "build/coverage/stm32f4discovery-none-minimal/minimal.elf"
KIT = "build/test/testkit/kit.elf"
CONSOLE = "build/test/console/32l476gdiscovery-none/console.elf"
VENDOR = "build/test/vendor/none/vendor.elf"
KEY = "build/test/ownfunction/none/ownfunction.elf"
SECTOR_11 = 0xE0000
HANG_S = 120


def dns_query(number):
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0\7plugnet\5local\0\0\1\0\1"


class Time(unittest.TestCase):
    def test_stands_still(self):
        with Board(DEMO) as b:
            self.assertEqual((b.now, b.pace, b.state), (0, "stopped", "unplugged"))
            time.sleep(0.2)
            self.assertEqual(b.now, 0)
            b.run_for(2.5)
            self.assertEqual(b.now, 2.5)
            b.run_for(0)
            self.assertEqual(b.now, 2.5)

    def test_same_test_same_times(self):
        def once():
            with Board(DEMO) as b:
                b.wait_state("leased")
                leased = b.now
                b.replug()
                b.wait_state("unplugged")
                b.wait_state()
                return leased, b.now, b.stats(), b.counters(), b.log.last(100)
        self.assertEqual(once(), once())

    def test_pace(self):
        with Board(DEMO, pace="fast") as b:
            end = time.monotonic() + HANG_S
            while b.now < 5:
                self.assertLess(time.monotonic(), end)
            b.pace = "stopped"
            before = b.now
            time.sleep(0.1)
            self.assertEqual(b.now, before)
            with b.running():
                self.assertEqual(b.pace, "real")
                time.sleep(0.3)
            self.assertEqual(b.pace, "stopped")
            self.assertGreater(b.now, before)
            with b.running():
                b.pace = "fast"
                b.run_for(1000)
                b.pace = "real"  # from here on, not when this machine's clock has caught up
                ahead, end = b.now, time.monotonic() + HANG_S / 10
                while b.now < ahead + 0.5:
                    self.assertLess(time.monotonic(), end)
                self.assertLess(b.now, ahead + HANG_S)

    def test_timeouts_are_virtual(self):
        with Board(DEMO, forwards=[80]) as b:
            with self.assertRaises(TimeoutError) as raised:
                b.wait_state("leased", s=0.1)
            self.assertEqual(b.now, 0.1)
            self.assertIn("not leased for 0.1 s, until 0.100 s. The log's end:", str(raised.exception))
            self.assertIn("[board] board: reset (power-on)", str(raised.exception))
            with self.assertRaises(VirtualTimeout) as raised:
                b.run_until(lambda: False, s=0.05, why="pigs don't fly")
            self.assertIn("pigs don't fly for 0.05 s", str(raised.exception))
            self.assertEqual(round(b.now, 3), 0.15)
            with self.assertRaises(ValueError):
                b.wait_state("happy")
            self.assertEqual(b.wait_for(lambda: 5, 0, "not asked"), 5)


class Log(unittest.TestCase):
    def test_wait_find_skip(self):
        with Board(DEMO) as b:
            line = b.log.wait(re.compile(r"address (\S+) leased"), s=5)
            self.assertEqual((line.source, line.s, b.now), ("pc", b.counters()["leased_ns"] / 1e9, round(b.now, 3)))
            with self.assertRaises(VirtualTimeout):
                b.log.wait("link up", s=0.5)  # it was said before the address
            self.assertEqual(len(b.log.find("link up")), 1)
            self.assertEqual(b.log.find("link up", source="board"), [])
            self.assertIn("link up", [entry.text for entry in b.log])
            b.replug()
            b.wait_state("unplugged")
            b.wait_state()
            b.log.skip()
            with self.assertRaises(VirtualTimeout):
                b.log.wait("link up", s=0.5)
            self.assertEqual(len(b.log.last(3).splitlines()), 3)

    def test_more_lines_than_the_program_keeps(self):
        with Board(KIT) as b:
            b.log.wait("kit ready", source="usart2")
            pin = b.pin("PB0")
            for _ in range(2100):
                for level in (True, False):
                    pin.drive(level)
                    b.run_for(0.002)
                len(b.log.lines)
            lines = b.log.find("PB0 is", source="usart2")
            self.assertEqual(len(lines), 4200)
            numbers = [line.number for line in b.log.lines]
            self.assertEqual(numbers, list(range(len(numbers))))
            late = b.control.ask_json("log 0")  # who asks now gets the last 4,096
            self.assertEqual((late["first"], late["lines"][0][0]), (len(numbers) - 4096, len(numbers) - 4096))
            self.assertTrue(late["lines"][0][3].endswith(b.log.lines[late["first"]].text))


class Network(unittest.TestCase):
    def test_http(self):
        with Board(DEMO, forwards=[80]) as b:
            b.wait_state()
            page = b.http.get("/")
            self.assertEqual((page.status, page.headers["Content-Type"].split(";")[0]), (200, "text/html"))
            self.assertLess(b.now, 0.4)
            self.assertIn("200", repr(page))
            status = b.http.get("/api/status", s=1).json()
            self.assertAlmostEqual(status["uptime_ms"] / 1000, b.now, delta=0.03)
            none = b.http.get("/none")
            self.assertEqual(none.status, 404)
            with self.assertRaisesRegex(ValueError, "no JSON in <Answer 404, .* bytes>, which begins b'Not Found"):
                none.json()
            self.assertEqual([b.http.put("/", "x").status, b.http.delete("/").status], [405, 405])
            kept = b.http.connection()
            for _ in range(3):
                kept.request("GET", "/api/status")
                self.assertEqual(json.loads(kept.getresponse().read())["board"], "STM32F4DISCOVERY")
            kept.close()
            b.run_for(0.1)
            self.assertEqual(b.http.get("/api/status").json()["services"]["http"]["open"], 1)

    def test_http_before_the_lease(self):
        """A connection waits for the board: no wait_state needed."""
        with Board(DEMO, forwards=[80]) as b:
            self.assertEqual(b.http.get("/api/status").status, 200)

    def test_http_without_a_board(self):
        with Board(DEMO, forwards=[80]) as b:
            b.unplug()
            with self.assertRaises(VirtualTimeout) as raised:
                b.http.get("/", s=2)
            self.assertIn("port 80: nothing comes for 2 s", str(raised.exception))
            self.assertEqual(round(b.now), 2)
            with self.assertRaises(ValueError):
                b.http_on(81).get("/")
            with self.assertRaises(ValueError):
                b.udp(80)

    def test_stream(self):
        """Server-Sent Events of examples/meter, 20 a second: virtual time tells their pace exactly enough."""
        with Board(METER, forwards=[80]) as b:
            b.wait_state()
            stream = b.http.connection()
            stream.request("GET", "/events")
            answer = stream.getresponse()
            times = []
            while len(times) < 50:
                if answer.readline().startswith(b"data: "):
                    times.append(b.now)
            stream.close()
            self.assertAlmostEqual((times[-1] - times[9]) / 40, 0.05, delta=0.002)

    def test_tcp(self):
        with Board(DEMO, forwards=[80]) as b:
            b.wait_state()
            request = b"GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with b.tcp(80) as tcp:
                tcp.sendall(request)
                head = tcp.recv_until(b"\r\n\r\n")
                self.assertTrue(head.startswith(b"HTTP/1.1 200"))
                self.assertIn(b'"board"', head + tcp.recv_exactly(40))
                with self.assertRaises(VirtualTimeout):
                    while tcp.recv(s=0.5):
                        pass
            with b.tcp(80, s=3) as tcp:
                tcp.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                tcp.shutdown()
                body = tcp.recv_all()
                self.assertIn(b'"board"', body)
                with self.assertRaises(EOFError):
                    tcp.recv_exactly(1)
                with self.assertRaises(EOFError):
                    tcp.recv_until(b"x")

    def test_much_both_ways(self):
        """More than all buffers between us hold, towards a board that throws it away (iperf's port)."""
        with Board(DEMO, forwards=[5001]) as b:
            b.wait_state()
            with b.tcp(5001) as tcp:
                begin = b.now
                tcp.sendall(bytes(1 << 20))
                passed = b.now - begin
            self.assertLess(0.5, passed)  # a full-speed bus carries 1.2 MB/s
            self.assertLess(passed, 5)

    def test_udp(self):
        with Board(DEMO, forwards=[80, "udp:53"]) as b:
            b.wait_state()
            with b.udp(53) as one, b.udp(53) as two:
                answer = one.ask(dns_query(7))
                self.assertEqual(answer[:2] + answer[-4:], b"\0\7" + bytes(map(int, b.addresses()[0].split("."))))
                one.send(dns_query(1))
                two.send(dns_query(2))
                self.assertEqual((two.recv()[1], one.recv()[1]), (2, 1))
                with self.assertRaises(VirtualTimeout):
                    one.recv(s=0.3)

    def test_others_sockets(self):
        with Board(DEMO, forwards=[80]) as b:
            for pace in ("real", "fast"):
                with b.running(pace):
                    with urllib.request.urlopen(f"http://localhost:{b.local_port(80)}/api/status", timeout=HANG_S) as answer:
                        self.assertEqual(json.load(answer)["board"], "STM32F4DISCOVERY")


class Hands(unittest.TestCase):
    def test_button_and_leds(self):
        with Board(DEMO, forwards=[80]) as b:
            b.wait_state()
            for pressed in (True, False):
                b.button(pressed)
                b.run_for(0.1)
                self.assertEqual(b.http.get("/api/status").json()["button"], pressed)
            self.assertEqual(b.leds.names, ["green", "orange", "red", "blue"])
            answer = b.http.post("/api/leds", '{"led":2,"on":true}', headers={"Content-Type": "application/json"})
            self.assertLess(answer.status, 300, answer.text)
            b.leds.wait("red", s=1)
            self.assertEqual(b.leds.lit(), ["red"])
            self.assertTrue(b.leds[2] and not b.leds[0])
            with self.assertRaises(VirtualTimeout):
                b.leds.wait("blue", s=0.1)

    def test_pins(self):
        with Board(KIT) as b:
            b.log.wait("kit ready")
            pin, out = b.pin("PB0"), b.pin("pb1")
            self.assertFalse(pin.level or out.level)
            pin.drive(True)
            self.assertTrue(pin.level)
            out.wait(True, s=0.1)
            self.assertEqual(b.leds.lit(), ["green"])
            self.assertEqual(b.log.wait("PB0 is", s=0.1).text, "PB0 is high")
            pin.release()  # its pull-down
            out.wait(False, s=0.1)
            with self.assertRaises(VirtualTimeout) as raised:
                out.wait(True, s=0.1)
            self.assertIn("pb1 isn't 1", str(raised.exception))
            out.drive(True)  # the chip's output is stronger
            self.assertFalse(out.level)
            for name in ("PB16", "PJ0", "B0", "P", "PBx", "PB123", "PB"):
                with self.assertRaises(CommandError):
                    b.pin(name).level  # pylint: disable=expression-not-assigned

    def test_serial(self):
        with Board(KIT) as b:
            port = b.serial("usart2")
            self.assertEqual(port.line(s=1), "kit ready")
            text = bytes(97 + i * i // 7 % 26 for i in range(900)) + b" the end."
            port.send(text)
            self.assertEqual(port.wait(b"THE END.", s=10), text.upper())
            port.send(b"one two\n")
            self.assertEqual(port.wait(re.compile(rb"T.O"), s=1), b"ONE TWO")
            self.assertEqual(port.line(), "")
            self.assertEqual(port.read(), b"")
            with self.assertRaises(VirtualTimeout):
                port.wait(b"more", s=0.1)
            self.assertEqual(b.serial("usart1").read(), b"")
            with self.assertRaises(CommandError):
                b.serial("usart9").read()
            with self.assertRaises(CommandError):
                b.serial("com1").send(b"x")

    def test_memory(self):
        with Board(KIT) as b:
            b.log.wait("kit ready")
            b.poke_int("kit_factor", 1000)
            b.run_for(0.001)
            self.assertEqual(b.peek_int("kit_product"), 1000 * b.peek_int("kit_ticks"))
            whole = b.peek("kit_bytes")
            self.assertEqual(whole, bytes(i & 255 for i in range(5000)))
            b.poke("kit_bytes", bytes(4000), offset=500)
            self.assertEqual(b.peek("kit_bytes"), whole[:500] + bytes(4000) + whole[4500:])
            self.assertEqual(b.peek_int("kit_bytes", 2, offset=1), 0x0201)
            symbol = b.elf.symbol("kit_factor")
            self.assertEqual((b.peek_int(symbol), b.peek_int(symbol.address), symbol.size, symbol.is_function),
                             (1000, 1000, 4, False))
            self.assertTrue(b.elf.symbol("image_main").is_function)
            self.assertIn("kit_ticks", b.elf.names())
            for wrong in (lambda: b.peek("kit_none"), lambda: b.peek(0x20000000), lambda: b.peek(0x60000000, 4)):
                with self.assertRaises((ElfError, ValueError, CommandError)):
                    wrong()
            self.assertEqual(b.peek_int(0xE0042000) & 0xFFF, 0x413)  # DBGMCU_IDCODE: a register

    def test_elf(self):
        elf = Elf(DEMO)
        self.assertTrue(elf.symbol("main").is_function)
        with tempfile.NamedTemporaryFile() as file:
            for data in (b"", b"\x7fELF\2\1" + bytes(60), b"\x7fELF\1\1" + b"\xff" * 60):
                file.seek(0)
                file.truncate()
                file.write(data)
                file.flush()
                with self.assertRaises(ElfError):
                    Elf(file.name)
            with open(KIT, "rb") as source:
                whole = source.read()
            for length in range(52, len(whole), 611):
                file.seek(0)
                file.truncate()
                file.write(whole[:length])
                file.flush()
                try:
                    Elf(file.name)
                except ElfError:
                    pass


class Usb(unittest.TestCase):
    def test_cable_bus_and_power(self):
        with Board(DEMO) as b:
            b.wait_state()
            for deed, through in ((b.replug, "unplugged"), (b.reset, "attached"), (b.power_cut, "attached")):
                deed()
                b.wait_state(through)
                b.wait_state()
            b.unplug()
            b.run_for(0.5)
            self.assertEqual(b.state, "unplugged")
            b.plug()
            b.wait_state()
            b.power(False)
            b.run_for(0.5)
            self.assertEqual((b.state, b.stats()["powered"]), ("unplugged", False))
            b.power(True)
            b.wait_state()
            self.assertEqual(b.stats()["resets"], 3)

    def test_suspend_resets_and_counters(self):
        with Board(DEMO) as b:
            b.wait_state()
            before = b.counters()
            b.suspend()
            b.run_for(1)
            b.resume()
            b.run_for(0.1)
            self.assertEqual(b.state, "leased")
            b.bus_reset()
            b.run_for(0.06)
            b.wait_state()
            after = b.counters()
            self.assertGreater(after["leased_ns"], before["leased_ns"])
            self.assertGreater(after["packets_setup"], before["packets_setup"])
            b.stop_in(1)
            b.run_for(0.01)
            quiet = b.counters()["packets_in"]
            b.run_for(0.5)
            self.assertLessEqual(b.counters()["packets_in"], quiet + 2)
            self.assertEqual((b.info["id"], b.info["chip"], b.info["ports"][1]), ("stm32f4discovery", "STM32F407", "usart2"))

    def test_pcap(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "trace.pcapng")
            with Board(DEMO, forwards=[80], pcap=path) as b:
                b.http.get("/api/status")
            with open(path, "rb") as file:
                data = file.read()
            self.assertEqual(data[:4], b"\x0a\x0d\x0d\x0a")
            self.assertIn(b"GET /api/status HTTP/1.1", data)

    def test_flash_and_power_cuts(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "flash")
            with Board(KIT, flash=path) as b:
                b.log.wait("kit ready")
                b.serial().send(b"3")
                b.serial().wait(b"3")
                self.assertEqual((b.flash_operations(), b.peek_int("kit_written")), (3, 3))
                b.power_cut_after(2)
                b.serial().send(b"5")
                b.run_until(lambda: not b.stats()["powered"])
                self.assertEqual(b.flash_operations(), 5)
            with open(path, "rb") as file:
                file.seek(SECTOR_11)
                words = file.read(24)
            self.assertEqual(words, b"".join((0x600D0000 + i).to_bytes(4, "little") for i in range(5)) + b"\xff" * 4)
            with Board(flash=path) as b:  # what the flash holds runs
                b.log.wait("kit ready")
                with self.assertRaises(ValueError):
                    b.peek("kit_written")
                b.power_cut_after(1)
                b.power_cut_after(0)
                b.serial().send(b"1")
                b.serial().wait(b"1")
                self.assertEqual(b.peek(0x08000000 + SECTOR_11 + 20, 4), b"\5\0\x0d\x60")

    def test_other_boards(self):
        for board, chip in (("32l476gdiscovery", "STM32L476"), ("blackpill-f411", "STM32F411")):
            with Board(f"build/{board}-none/plugnet.elf", board=board, forwards=[80]) as b:
                b.wait_state()
                self.assertEqual(b.info["chip"], chip)
                self.assertEqual(b.http.get("/").status, 200)


def console_board(**options):
    b = Board(CONSOLE, board="32l476gdiscovery", forwards=[80], **options)
    b.wait_state()
    return b


class Consoles(unittest.TestCase):
    PROMPT = b"console> "

    def command(self, port, line):
        """What a command answers, its echo left out."""
        port.send(line.encode() + b"\r")
        port.wait(line.encode() + b"\r\n")
        return port.wait(self.PROMPT).decode()

    def test_commands_beside_http(self):
        with console_board() as b, b.console() as port:
            self.assertIn(b"plugnet console, try help", port.wait(self.PROMPT))
            self.assertAlmostEqual(int(self.command(port, "uptime").split()[0]) / 1000, b.now - 2, delta=0.3)
            self.assertIn("Up for", b.http.get("/").text)
            self.command(port, "led red on")
            self.assertEqual(b.leds.lit(), ["red"])
            port.send(b"uptime\r")
            self.assertIn("Up for", b.http.get("/").text)  # the answer comes meanwhile
            self.assertRegex(port.wait(re.compile(rb"\d+ ms\r\n")), rb"uptime\r\n\d+ ms\r\n$")
            port.wait(self.PROMPT)
            port.send(b"nonsense\x03")  # Ctrl-C: forgotten
            port.wait(self.PROMPT)
            self.assertIn(" ms\r\n", self.command(port, "uptime"))
            port.send(b"source 9000000\r")
            b.run_for(0.5)
            port.send(b"\x03")
            port.wait(b"\r\n\r" + self.PROMPT)
            b.run_for(0.5)
            port.read()
            self.assertEqual(port.read(), b"")
            port.send(b"uptime\r")
            self.assertIn("uptime", port.line())
            self.assertRegex(port.line(), r"^\d+ ms$")

    def test_nothing_is_lost_while_time_runs(self):
        """Reads go on in run_for and while HTTP waits; the device never has to wait long enough to drop anything."""
        with console_board() as b, b.console() as port:
            port.wait(self.PROMPT)
            port.send(b"source 60000\r")
            port.wait(b"source 60000\r\n")
            b.run_for(0.05)
            self.assertIn("Up for", b.http.get("/").text)
            b.run_for(1)
            data = port.read()
            self.assertEqual(data[60000:60008], b"\r\ncrc32 ")
            self.assertEqual(int(data[60008:60016], 16), zlib.crc32(data[:60000]))
            sent = bytes(i * i // 5 & 255 for i in range(10000))
            self.command_begin(port, b"sink 10000\r", b"send them\r\n")
            port.send(sent)
            self.assertEqual(int(port.wait(re.compile(rb"crc32 [0-9a-f]{8}"))[-8:], 16), zlib.crc32(sent))

    @staticmethod
    def command_begin(port, line, answer):
        port.send(line)
        port.wait(answer)

    def test_lines_and_break(self):
        with console_board() as b, b.console().open(rate=9600, data_bits=7, parity="E", stop_bits=2, rts=False) as port:
            port.wait(self.PROMPT)
            self.assertIn("line 9600 7E2, DTR, break 0", self.command(port, "status"))
            port.set_coding(115200)
            port.set_lines(True, True)
            port.send_break(300)
            port.wait(self.PROMPT)
            status = self.command(port, "status")
            self.assertIn("line 115200 8N1, DTR, RTS, break 300", status)
            self.assertIn("opens 1, breaks 1", status)

    def test_open_and_close(self):
        with console_board() as b:
            port = b.console()
            for deed in (lambda: port.wait(b"x"), lambda: port.send(b"x")):
                with self.assertRaises(UsbError) as raised:
                    deed()
                self.assertEqual(raised.exception.status, "closed")
            with port:
                self.assertTrue(port.is_open)
                for other in (port, b.console()):
                    with self.assertRaises(ValueError):
                        other.open()
                port.wait(self.PROMPT)
                port.send(b"uptime\r")
                b.run_for(0.1)
            self.assertFalse(port.is_open)
            self.assertRegex(port.wait(b"ms"), rb"uptime\r\n\d+ ms$")  # it came before
            port.read()
            with self.assertRaises(UsbError):
                port.wait(b"x")
            before = b.now
            b.run_for(0.1)
            self.assertEqual((port.read(), round(b.now - before, 3)), (b"", 0.1))
            with port:
                port.wait(b"try help")
            with self.assertRaisesRegex(LookupError, "the device has 1 CDC-ACM ports"):
                b.console(1).open()
            self.assertEqual([b.control.ask(f"usb-in 0x84 {i + 1}") != "" for i in range(8)], [True] * 8)  # no place is taken

    def test_suspend_and_unplug(self):
        with console_board() as b:
            port = b.console().open()
            port.wait(self.PROMPT)
            b.suspend()
            b.run_for(1)
            self.assertTrue(port.is_open)
            with self.assertRaises(UsbError) as raised:
                port.send(b"uptime\r")
            self.assertEqual(raised.exception.status, "suspended")
            b.resume()
            b.run_for(0.1)
            self.assertIn(" ms", self.command(port, "uptime"))
            port.send(b"uptime\r")
            b.run_for(0.1)
            b.unplug()
            self.assertFalse(port.is_open)
            self.assertIn(b" ms", port.wait(self.PROMPT))
            with self.assertRaises(UsbError) as raised:
                port.wait(b"x")
            self.assertEqual(raised.exception.status, "cancelled")
            port.close()
            with self.assertRaises(UsbError) as raised:
                port.open()
            self.assertEqual(raised.exception.status, "not configured")
            b.plug()
            b.wait_state()
            with port:
                port.wait(b"try help")
                b.bus_reset()
                b.run_for(0.01)
                self.assertFalse(port.is_open)

    def test_two_boards_and_the_same_times(self):
        def once(b):
            with b.console() as port:
                port.wait(self.PROMPT)
                self.command(port, "source 5000")
                return b.now, b.http.get("/").status, b.stats()["instructions"] > 0
        with console_board() as one, console_board(uid="010029000e51383432383337") as two:
            with one.console() as a, two.console() as z:
                for port in (a, z):
                    port.wait(self.PROMPT)
                self.command(a, "led red on")
                self.assertEqual((one.leds.lit(), two.leds.lit()), (["red"], []))
                self.command(z, "led green on")
                self.assertEqual((one.leds.lit(), two.leds.lit()), (["red"], ["green"]))
        times = []
        for _ in range(2):
            with console_board() as b:
                times.append(once(b)[0])
        self.assertEqual(*times)


class Functions(unittest.TestCase):
    def vendor(self, mode=1, **options):
        """A board with test/vendor; its link is up in this mode."""
        b = Board(VENDOR, **options)
        b.wait_state()
        self.port = b.usb.find(cls=0xFF)
        b.usb.control_out(0x41, 0x10, mode, self.port.number)
        b.usb.set_interface(self.port.number)
        return b

    def echo(self, b, message, **options):
        b.usb.write(self.port.endpoint_out, message, zlp=True)
        answer = b.usb.read(self.port.endpoint_in, len(message) + 9, **options)
        self.assertEqual(answer[:8], len(message).to_bytes(4, "little") + zlib.crc32(message).to_bytes(4, "little"))
        self.assertEqual(answer[8:], message)

    def test_descriptors(self):
        with Board(VENDOR, forwards=[80]) as b:
            with self.assertRaises(UsbError) as raised:
                b.usb.device  # pylint: disable=pointless-statement
            self.assertEqual(raised.exception.status, "not configured")
            b.wait_state()
            device = b.usb.device
            self.assertEqual((device.vendor_id, device.release_bcd, len(device.raw)), (0x1209, 0x0110, 18))
            port = b.usb.find(cls=0xFF, number=2)
            self.assertEqual((port.number, port.alternate, port.subclass, port.protocol, port.name, port.extra),
                             (2, 0, 0, 0, "source and sink", b""))
            self.assertEqual([(e.type, e.max_packet, e.is_in) for e in port.endpoints],
                             [("bulk", 64, True), ("bulk", 64, False)])
            self.assertEqual((port.endpoint_in, port.endpoint_out), tuple(port.endpoints))
            self.assertEqual(b.usb.find(name="source and sink").number, 2)
            self.assertEqual(b.usb.find(cls=10).endpoints, [])
            network = b.usb.find(cls=2, subclass=13, protocol=0)
            self.assertIn(bytes((13, 0x24, 15)), network.extra)
            self.assertEqual((network.name != "", network.endpoint_in.type), (False, "interrupt"))
            self.assertEqual([(i.number, i.alternate) for i in b.usb.interfaces], [(0, 0), (1, 0), (1, 1), (2, 0)])
            with self.assertRaisesRegex(LookupError, "no interface with cls=3; there are: .*class 0xff"):
                b.usb.find(cls=3)
            with self.assertRaisesRegex(LookupError, "has no OUT endpoint"):
                network.endpoint_out  # pylint: disable=pointless-statement
            self.assertEqual(b.usb.control_in(0x80, 6, 0x0100, 0, 255), device.raw)

    def test_echo_of_every_length(self):
        with self.vendor() as b:
            for length in (0, 1, 63, 64, 65, 127, 128, 2047, 2048, 2049, 4095, 4096):
                self.echo(b, bytes(i * 7 & 255 for i in range(length)))
            b.usb.write(self.port.endpoint_out, bytes(64))  # no end: the message goes on
            with self.assertRaises(VirtualTimeout):
                b.usb.read(self.port.endpoint_in, s=0.1)
            b.usb.write(self.port.endpoint_out, b"end")
            self.assertEqual(b.usb.read(self.port.endpoint_in)[8:], bytes(64) + b"end")

    def test_read_that_times_out_loses_nothing(self):
        message, parts = bytes(i * i & 255 for i in range(4000)), 0
        with self.vendor() as b:
            b.usb.write(self.port.endpoint_out, message)
            while True:
                try:
                    answer = b.usb.read(self.port.endpoint_in, 4096, s=0.001)
                    break
                except VirtualTimeout as error:
                    self.assertIn(f"endpoint {self.port.endpoint_in.address:#04x}: nothing comes for 0.001 s", str(error))
                    parts += 1
                    self.assertLess(parts, 20)
            self.assertGreater(parts, 1)
            self.assertEqual(answer[8:], message)
            self.half_read(b, message)  # the device forgets what it was sending, and so does the kit
            b.usb.control_out(0x02, 3, 0, self.port.endpoint_in.address)
            b.usb.clear_halt(self.port.endpoint_in)
            self.echo(b, b"new")
            self.half_read(b, message)
            b.usb.set_interface(self.port.number)
            self.echo(b, b"newer")
            self.half_read(b, message)
            b.replug()
            b.wait_state("unplugged")
            b.wait_state()
            b.usb.control_out(0x41, 0x10, 1, self.port.number)
            b.usb.set_interface(self.port.number)
            self.echo(b, b"newest")

    def half_read(self, b, message):
        """An echo whose beginning was read, and no more."""
        b.usb.write(self.port.endpoint_out, message)
        for _ in range(2):
            with self.assertRaises(VirtualTimeout):
                b.usb.read(self.port.endpoint_in, 4096, s=0.001)

    def test_write_that_times_out_says_how_far(self):
        with self.vendor(mode=2) as b:
            b.usb.write(self.port.endpoint_out, b"kept back")
            with self.assertRaisesRegex(VirtualTimeout, r"^0 of 100 bytes were taken: endpoint 0x02 takes nothing for 0.1 s"):
                b.usb.write(self.port.endpoint_out, bytes(100), s=0.1)
            b.usb.control_out(0x41, 0x11, 0, self.port.number)
            self.assertEqual(b.usb.read(self.port.endpoint_in)[8:], b"kept back")
            with self.assertRaisesRegex(VirtualTimeout, r"^\d{3,4} of 2048 bytes were taken"):
                b.usb.write(self.port.endpoint_out, bytes(2048), s=0.001)

    def test_stalls(self):
        with self.vendor() as b:
            for deed in (lambda: b.usb.control_in(0xC1, 0x77, 0, self.port.number, 4),
                         lambda: b.usb.control_out(0x41, 0x10, 7, self.port.number)):
                with self.assertRaises(UsbError) as raised:
                    deed()
                self.assertEqual(raised.exception.status, "stall")
            for endpoint, use in ((self.port.endpoint_in, b.usb.read), (self.port.endpoint_out, lambda e: b.usb.write(e, b"x"))):
                b.usb.control_out(0x02, 3, 0, endpoint.address)
                for status in ("stall", "halted"):
                    with self.assertRaises(UsbError) as raised:
                        use(endpoint)
                    self.assertEqual(raised.exception.status, status)
                b.usb.clear_halt(endpoint)
                self.echo(b, b"again")
            b.usb.control_out(0x41, 0x5B, 0, self.port.number, b"data stage")
            self.assertEqual(b.usb.control_in(0xC1, 0x5C, 0, self.port.number, 100), b"data stage")
            self.assertEqual(b.usb.control_in(0xC1, 0x5C, 0, self.port.number, 4), b"data")

    def test_beside_the_network(self):
        with self.vendor(forwards=[80]) as b:
            waits = b.usb.start_read(self.port.endpoint_in)
            self.assertEqual(b.http.get("/").status, 200)
            self.assertFalse(waits.done)
            b.usb.write(self.port.endpoint_out, b"beside")
            self.assertEqual(waits.wait()[8:], b"beside")
            self.assertTrue(waits.done)
            self.assertEqual(waits.wait(0)[8:], b"beside")

    def test_bad_use(self):
        with self.vendor() as b:
            for deed in (lambda: b.usb.control_in(0x40, 1, 0, 0, 1), lambda: b.usb.control_out(0xC0, 1, 0, 0)):
                with self.assertRaises(ValueError):
                    deed()
            for deed, status in ((lambda: b.usb.read(0x85), "no such endpoint"), (lambda: b.usb.write(5, b""), "no such endpoint"),
                                 (lambda: b.usb.read(0), "no such endpoint"), (lambda: b.usb.write(0x83, b"x"), "no such OUT endpoint"),
                                 (lambda: b.usb.start_read(2), "no such IN endpoint"), (lambda: b.usb.start_read(0x83, 2049), "1 to 2048"),
                                 (lambda: b.usb.control_out(0, 5, 9, 0), "the PC's own"),
                                 (lambda: b.usb.control_out(0, 9, 0, 0), "the PC's own"),
                                 (lambda: b.usb.control_in(0x80, 6, 0x0100, 0, 2049), "2048")):
                with self.assertRaises(UsbError) as raised:
                    deed()
                self.assertIn(status, raised.exception.status)
            reads = [b.usb.start_read(self.port.endpoint_in) for _ in range(8)]
            with self.assertRaisesRegex(UsbError, "8 transfers are under way"):
                b.usb.start_read(self.port.endpoint_in)
            self.assertEqual([read.cancel() for read in reads], [b""] * 8)
            self.echo(b, b"room again")

    def test_own_function(self):
        with Board(KEY, forwards=[80]) as b:
            b.wait_state()
            key = b.usb.find(cls=3)
            self.assertEqual((key.endpoint_in.type, key.endpoint_in.max_packet, key.endpoint_in.interval), ("interrupt", 1, 10))
            self.assertEqual(b.usb.control_in(0x81, 6, 0x2200, key.number, 255)[:4], bytes((5, 1, 9, 6)))
            report = b.usb.start_read(key.endpoint_in, 1)
            b.run_for(1)
            self.assertFalse(report.done)
            b.button(True)
            pressed = b.now
            self.assertEqual((report.wait(), b.usb.read(key.endpoint_in, 1)), (b"\1", b"\0"))
            self.assertLess(b.now - pressed, 0.025)
            with self.assertRaises(VirtualTimeout):
                b.usb.read(key.endpoint_in, 1, s=0.5)
            for on in (1, 0):
                b.usb.control_out(0x21, 9, 0x0200, key.number, bytes((on,)))
                b.run_for(0.01)
                self.assertEqual((b.leds[0], b.http.get("/light").text), (bool(on), "on\n" if on else "off\n"))
            self.assertEqual(b.http.post("/press").status, 204)
            self.assertEqual(b.usb.read(key.endpoint_in, 1), b"\1")
            self.assertEqual(b.usb.read(key.endpoint_in, 1), b"\0")

    def test_suspend_and_unplug_in_a_read(self):
        with Board(KEY) as b:
            b.wait_state()
            key = b.usb.find(cls=3)
            report = b.usb.start_read(key.endpoint_in, 1)
            b.suspend()
            b.run_for(1)
            with self.assertRaises(UsbError) as raised:
                b.usb.read(key.endpoint_in, 1)
            self.assertEqual(raised.exception.status, "suspended")
            self.assertEqual(b.usb.find(cls=3).number, key.number)
            b.resume()
            b.run_for(0.1)
            self.assertFalse(report.done)
            b.button(True)
            self.assertEqual(report.wait(), b"\1")
            b.button(False)
            for deed in (b.unplug, b.bus_reset, b.reset, lambda: b.power(False)):
                b.plug()
                b.wait_state()
                b.run_for(0.1)
                with self.assertRaises(VirtualTimeout):
                    while True:
                        b.usb.read(key.endpoint_in, 1, s=0.1)
                report = b.usb.start_read(key.endpoint_in, 1)
                deed()
                with self.assertRaises(UsbError) as raised:
                    report.wait()
                self.assertIn(raised.exception.status, ("cancelled", "no answer"))
                b.run_for(0.01)


class Life(unittest.TestCase):
    def test_what_cannot_start(self):
        for words, said in ((("build/none.elf",), "No such file"), ((DEMO,), "no board nucleo")):
            with self.assertRaises(BoardDied) as raised:
                Board(*words, board="nucleo" if "nucleo" in said else "stm32f4discovery")
            self.assertIn(said, str(raised.exception))
        with self.assertRaises(BoardDied) as raised:
            Board(DEMO, program="/nonexistent/vboard")
        self.assertIn("No such file", str(raised.exception))
        with self.assertRaises(BoardDied):
            Board(DEMO, program="/bin/true")

    def test_program_that_dies(self):
        with Board(DEMO) as b:
            b._process.kill()
            with self.assertRaises(BoardDied):
                b.run_for(1)

    def test_program_that_hangs(self):
        with Board(DEMO, wall_s=1) as b:
            b._process.send_signal(signal.SIGSTOP)
            begin = time.monotonic()
            with self.assertRaises(BoardDied) as raised:
                b.run_for(1)
            self.assertIn("no answer after 1 s of real time", str(raised.exception))
            self.assertLess(time.monotonic() - begin, 10)
            b._process.send_signal(signal.SIGCONT)

    def test_lockup_ends_the_program(self):
        with Board("build/test/vboard/image/crash.elf") as b:
            with self.assertRaises(BoardDied):
                b.run_for(5)

    def test_a_killed_test_leaves_nothing(self):
        script = f"import sys; sys.path.insert(0, 'testkit')\nfrom plugnet_testkit import Board\n" \
                 f"b = Board({DEMO!r})\nprint(b._process.pid, flush=True)\nb.run_for(1e6)"
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as test:
            pid = int(test.stdout.readline())
            time.sleep(0.3)
            test.kill()
        end = time.monotonic() + HANG_S
        while os.path.exists(f"/proc/{pid}") and "vboard" in open(f"/proc/{pid}/cmdline", encoding="utf-8").read():
            self.assertLess(time.monotonic(), end, "the board goes on without its test")
            time.sleep(0.01)

    def test_end(self):
        b = Board(DEMO)
        folder = b._folder
        self.assertEqual(b.close(), 0)
        self.assertFalse(os.path.exists(folder))

    def test_program_is_found(self):
        before = dict(os.environ)
        try:
            os.environ.pop("PLUGNET_VBOARD", None)
            self.assertTrue(os.access(program_find(), os.X_OK))
            os.environ["PLUGNET_VBOARD"] = "/somewhere"
            self.assertEqual(program_find(), "/somewhere")
        finally:
            os.environ.clear()
            os.environ.update(before)

    def test_ten_in_parallel(self):
        boards, addresses, errors = 10, set(), []

        def one(number):
            try:
                with Board(DEMO, forwards=[80], uid=f"{number:02x}0029000e51383432383337") as b:
                    b.wait_state()
                    self.assertEqual(b.http.get("/").status, 200)
                    addresses.add(b.http.get("/api/status").json()["address"])
                    b.run_for(10)
            except Exception as error:  # pylint: disable=broad-except
                errors.append(error)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(boards)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANG_S)
        self.assertEqual(errors, [])
        self.assertEqual(len(addresses), boards)


class Protocol(unittest.TestCase):
    def test_hostile_lines(self):
        with Board(KIT) as b:
            for line in ("", "nonsense", "pin", "pin PA0 2", "pin PA0 1 1", "peek", "peek 0", "peek 0 0", "peek 0 2049",
                         "peek -1 4", "peek 0x 4", "peek 0x100000000 4", "peek 4294967296 4", "peek 0xfffffffe 8", "peek 0x60000000 4",
                         "poke 0", "poke 0x20000000 0", "poke 0x20000000 zz", "poke 0x20000000 00" + "00" * 2048,
                         "poke 0x60000000 00", "serial-send", "serial-send usart2", "serial-send usart7 00", "serial-read usart2",
                         "serial-read usart2 -1", "power-cut-after x", "stats 1", "board 1", "run 1 leds serial log state socket leds",
                         "flash-operations 0", "\0", "\xff\xfe"):
                with self.assertRaises(CommandError, msg=line):
                    b.control.ask(line)
            self.assertEqual(b.control.ask("poke 0x20000000 " + "00" * 2048), "ok")
            self.assertEqual(len(b.control.ask("peek 0x20000000 2048")), 4096)
            self.assertEqual(b.control.ask(" \t pin \t PB0 "), "0")
            self.assertEqual(b.control.ask("serial-read usart2 4000000000"), '{"first": 0, "hex": "", "next": 4000000000}')

    def test_many_lines_at_once_and_clients(self):
        with Board(KIT) as b:
            path = os.path.join(b._folder, "control")
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(HANG_S)
                s.connect(path)
                s.sendall(b"run 1\ntime\n" * 100)
                answers = b""
                while answers.count(b"\n") < 200:
                    answers += s.recv(65536)
                self.assertEqual([int(line) for line in answers.split(b"\n")[1:-1:2]], [i * 10**6 for i in range(1, 101)])
                s.sendall(b"x" * 10000)
                try:
                    self.assertEqual(s.recv(1), b"")
                except ConnectionResetError:
                    pass
            others = []
            for _ in range(20):  # CONTROL_CLIENTS_MAX is 8: the rest is turned away
                others.append(socket.socket(socket.AF_UNIX))
                others[-1].connect(path)
                b.control.ask("time")
            for other in others:
                other.close()
            self.assertEqual(b.control.ask("pace"), "stopped")

    def test_documented(self):
        with Board(KIT) as b:
            listed = {word.split()[0] for word in b.control.ask("help").split(", ")}
            self.assertEqual(b.control.hello["program"], "vboard")
        with open("docs/control.md", encoding="utf-8") as file:
            rows = [line.split("|")[1] for line in file if re.match(r"\| `[a-z-]+[` ].*\|.*\|.*\|$", line)]
        self.assertEqual(set(re.findall(r"`([a-z-]+)", "".join(rows))), listed)


class Coverage(unittest.TestCase):
    def kit_lines(self, paths):
        files = vboard_coverage.make(KIT, paths, only="test/testkit")
        self.assertEqual([os.path.basename(path) for path in files], ["kit.c"])
        with open("test/testkit/kit.c", encoding="utf-8") as file:
            source = file.read().splitlines()
        return list(files.values())[0], source

    def test_lines_and_branches(self):
        with tempfile.TemporaryDirectory() as folder:
            quiet, loud = os.path.join(folder, "quiet"), os.path.join(folder, "loud")
            for path, text in ((quiet, b"a"), (loud, b"a!")):
                with Board(KIT, coverage=path) as b:
                    b.log.wait("kit ready")
                    b.serial().send(text)
                    b.run_for(0.1)
                    self.assertEqual(b.peek_int("kit_shouts"), text.count(b"!"))
            shout = {}
            for paths in ((quiet,), (loud,), (quiet, loud)):
                of, source = self.kit_lines(paths)
                line = next(i for i, text in enumerate(source, 1) if "covered by a shout" in text)
                ways = [both for (at, _), both in of.branches.items() if at == line - 1]
                self.assertEqual(len(ways), 1)
                shout[paths] = (of.lines[line], sorted(ways[0]), of.functions["image_main"][1],
                                of.functions["program"][1])
            self.assertEqual(shout[quiet,], (0, [0, 1], 1, 0))
            self.assertEqual(shout[loud,], (1, [1, 1], 1, 0))
            self.assertEqual(shout[quiet, loud], (1, [1, 2], 2, 0))

    def test_same_run_with_and_without(self):
        with tempfile.TemporaryDirectory() as folder:
            stats = []
            for options in ({}, {"coverage": os.path.join(folder, "run")}):
                with Board(DEMO, **options) as b:
                    b.wait_state()
                    b.run_for(1)
                    stats.append(b.stats())
            self.assertEqual(*stats)

    def test_tracefile_and_command(self):
        with tempfile.TemporaryDirectory() as folder:
            run, info = os.path.join(folder, "run"), os.path.join(folder, "image.info")
            with Board(COVERED, forwards=[80], coverage=run) as b:
                b.wait_state()
                self.assertEqual(b.http.get("/uptime").status, 200)
            words = [sys.executable, "-m", "plugnet_testkit.vboard_coverage", "--elf", COVERED]
            environment = {**os.environ, "PYTHONPATH": "testkit"}

            def command(*more):
                return subprocess.run([*words, *more], env=environment, capture_output=True, text=True, check=False)
            done = command("-o", info, "--only", "examples", run)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"^lines \d+ of \d+ \(.*%\), branches \d+ of \d+")
            with open(info, encoding="utf-8") as file:
                text = file.read()
            with open("examples/minimal/main.c", encoding="utf-8") as file:
                line = next(i for i, row in enumerate(file, 1) if "text_put_json_u32" in row)
            self.assertIn(f"DA:{line},1\n", text)
            self.assertIn("FNDA:1,uptime_output\n", text)
            records = text.strip().split("end_of_record")
            self.assertEqual((len(records), records[-1]), (2, ""))
            for row in records[0].strip().splitlines():
                self.assertRegex(row, r"^(TN:|SF:/.*examples/minimal/main\.c|(FN|DA):\d+,\w+|FNDA:\d+,\w+"
                                      r"|(FNF|FNH|BRF|BRH|LF|LH):\d+|BRDA:\d+,\d+,[01],(\d+|-))$")
            self.assertRegex(command("--only", "examples", "--missing", run).stdout.splitlines()[0], r"^(examples/minimal/main\.c: [\d, -]+|lines .*)$")
            for more, said in (((DEMO,), "the first line isn't"), ((os.path.join(folder, "none"),), "No such file"),
                               ((run, "--objdump", "no-such-objdump"), "No such file"), ((run, "--elf", DEMO), "another one")):
                done = command(*more)
                self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)
                self.assertIn(said, done.stderr)

    def test_folder_by_environment(self):
        with tempfile.TemporaryDirectory() as folder:
            runs = os.path.join(folder, "runs")
            with unittest.mock.patch.dict(os.environ, PLUGNET_COVERAGE=runs):
                for _ in range(2):
                    with Board(KIT) as b:
                        b.log.wait("kit ready")
                with Board(KIT, coverage=os.path.join(folder, "own")) as b:
                    b.log.wait("kit ready")
            self.assertTrue(os.path.exists(os.path.join(folder, "own")))
            self.assertEqual([name[:4] + name[-4:] for name in os.listdir(runs)], ["kit-.run"] * 2)
            of, _ = self.kit_lines([os.path.join(runs, name) for name in os.listdir(runs)])
            self.assertEqual(of.functions["image_main"][1], 2)

    def test_missing(self):
        of = vboard_coverage.FileCoverage()
        of.lines.update({3: 1, 4: 0, 6: 0, 7: 2, 9: 0})
        whole = vboard_coverage.FileCoverage()
        whole.lines.update({1: 1})
        self.assertEqual(vboard_coverage.missing({f"{ROOT}/b.c": of, f"{ROOT}/a.c": whole}), "b.c: 4-6, 9\n")

    def test_listing(self):
        code, functions = vboard_coverage.listing_parse(
            "08000010 <f>:\nf():\n/src/a.c:3\n 8000010:\tb150      \tcbz\tr0, 8000028\n/src/a.c:4 (discriminator 2)\n"
            " 8000012:\tbf8c      \tite\thi\n 8000014:\t2000      \tmovhi\tr0, #0\n 8000016:\t2001      \tmovls\tr0, #1\n"
            " 8000018:\tf43f af00 \tbeq.w\t8000000\n 800001c:\t08000000 \t.word\t0x08000000\n"
            "08000020 <g>:\n 8000020:\tbl\t0\n")
        self.assertEqual([(i.address & 0xFF, i.line, i.conditional) for i in code],
                         [(0x10, 3, True), (0x12, 4, False), (0x14, 4, True), (0x16, 4, False), (0x18, 4, True)])
        self.assertEqual([(f.name, f.file, f.line, f.address) for f in functions], [("f", "/src/a.c", 3, 0x8000010)])


SAMPLE = '''
import unittest
class Sample(unittest.TestCase):
    def test_good(self):
        pass
    def test_bad(self):
        self.assertEqual(1, 2, "\\x00<&>")
    def test_broken(self):
        raise ValueError("broken")
    @unittest.skip("not today")
    def test_skipped(self):
        pass
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertNotEqual(i, 1)
'''


class Runner(unittest.TestCase):
    def run_kit(self, *words):
        return subprocess.run([sys.executable, "-m", "plugnet_testkit", *words], env={**os.environ, "PYTHONPATH": "testkit"},
                              capture_output=True, text=True, timeout=HANG_S, check=False)

    def test_junit(self):
        with tempfile.TemporaryDirectory() as folder:
            sample, out = os.path.join(folder, "test_sample.py"), os.path.join(folder, "out.xml")
            with open(sample, "w", encoding="utf-8") as file:
                file.write(SAMPLE)
            for tests in (sample, folder):
                done = self.run_kit("--junit", out, tests)
                self.assertEqual(done.returncode, 1, done.stderr)
                suite = xml.parse(out).getroot().find("testsuite")
                self.assertEqual([suite.get(key) for key in ("tests", "failures", "errors", "skipped")], ["5", "2", "1", "1"])
                kinds = {case.get("name"): [child.tag for child in case] for case in suite}
                self.assertEqual(kinds, {"test_good": [], "test_bad": ["failure"], "test_broken": ["error"],
                                         "test_skipped": ["skipped"], "test_sub": ["failure"]})
                broken = next(case for case in suite if case.get("name") == "test_broken")
                self.assertEqual(broken[0].get("message"), "ValueError: broken")
                self.assertEqual(broken.get("classname"), "test_sample.Sample")
            done = self.run_kit("--junit", out, "-v", "-k", "test_good", sample)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(xml.parse(out).getroot().get("tests"), "1")

    def test_exit_codes(self):
        with tempfile.TemporaryDirectory() as folder:
            empty, wrong = os.path.join(folder, "test_empty.py"), os.path.join(folder, "test_wrong.py")
            with open(empty, "w", encoding="utf-8"), open(wrong, "w", encoding="utf-8") as file:
                file.write("this is no Python")
            self.assertEqual(self.run_kit(empty).returncode, 1)
            self.assertEqual(self.run_kit(wrong).returncode, 2)
            self.assertEqual(self.run_kit().returncode, 2)
            self.assertNotEqual(self.run_kit("no.such.module").returncode, 0)


class Documents(unittest.TestCase):
    def test_blocks_of_the_manual(self):
        with open("docs/testkit.md", encoding="utf-8") as file:
            text = file.read()
        names = {"__name__": "manual"}
        blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.S | re.M))
        self.assertGreater(len(blocks), 8)
        for block in blocks:
            line = text.count("\n", 0, block.start()) + 1
            with self.subTest(line=line):
                exec(compile("\n" * line + block[1], "docs/testkit.md", "exec"), names)  # pylint: disable=exec-used
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(names["Uptime"])
        self.assertTrue(unittest.TextTestRunner(stream=open(os.devnull, "w", encoding="utf-8")).run(suite).wasSuccessful())

    def test_own_function_s_example(self):
        done = subprocess.run([sys.executable, "-m", "plugnet_testkit", "examples/ownfunction/test_key.py"], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": "testkit", "PLUGNET_IMAGE": KEY}, timeout=HANG_S, check=False)
        self.assertEqual((done.returncode, "Ran 2 tests" in done.stderr), (0, True), done.stderr)

    def test_every_call_has_a_docstring_and_is_named(self):
        import plugnet_testkit
        with open("docs/testkit.md", encoding="utf-8") as file:
            manual = file.read()
        for name in plugnet_testkit.__all__:
            thing = getattr(plugnet_testkit, name)
            if isinstance(thing, type):
                self.assertTrue(thing.__doc__, name)
        for name, thing in vars(Board).items():
            if not name.startswith("_"):
                self.assertTrue((thing.fget if isinstance(thing, property) else thing).__doc__, name)
                self.assertRegex(manual, rf"\b{name}\b", f"docs/testkit.md doesn't name Board.{name}")
        for kind in (plugnet_testkit.Usb, plugnet_testkit.Transfer, plugnet_testkit.Interface, plugnet_testkit.Endpoint,
                     plugnet_testkit.Console):
            for name, thing in vars(kind).items():
                if not name.startswith("_") and (callable(thing) or isinstance(thing, property)):
                    self.assertTrue((thing.fget if isinstance(thing, property) else thing).__doc__, f"{kind.__name__}.{name}")

    def test_speed_command(self):
        done = subprocess.run(["build/bench/speed", "--ms", "200", DEMO], capture_output=True, text=True, timeout=HANG_S,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        head = done.stdout.splitlines()[0]
        self.assertEqual({row.count("|") for row in done.stdout.splitlines()}, {8})
        with open("docs/testkit.md", encoding="utf-8") as file:
            self.assertIn(head + "\n", file.read())
        self.assertEqual([row.split("|")[1].strip() for row in done.stdout.splitlines()], ["load", "---", "idle", "page", "tcp"])


class Lines(unittest.TextTestResult):
    """What tool/suites.py reads."""

    def line(self, kind, test, why=""):
        print(f"{kind} {test.id().split('.', 1)[-1]}" + (": " + " ".join(why.split())[-600:] if why else ""), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        if not any(test is failed or getattr(failed, "test_case", None) is test for failed, _ in self.failures + self.errors):
            self.line("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line("not ok", test, self.failures[-1][1])

    def addError(self, test, err):
        super().addError(test, err)
        self.line("not ok", test, self.errors[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.line("not ok", subtest, str(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skip", test, reason)


def main(argv):
    loader = unittest.TestLoader()
    if len(argv) > 1:
        loader.testNamePatterns = [f"*{argv[1]}*"]
    suite = loader.loadTestsFromModule(sys.modules[__name__])
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        result = unittest.TextTestRunner(stream=nowhere, resultclass=Lines).run(suite)
    return 0 if result.wasSuccessful() and result.testsRun else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
