#!/usr/bin/env python3
"""Tests of build/pc as a program, with the native firmware at the other end of its cable.

    test/host/program_tests.py [NAME …]      prints "ok NAME", "not ok NAME: why" or "skip NAME: why"

PC and NATIVE in the environment name other programs than build/pc and build/native-none/plugnet.elf.
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PC = os.path.abspath(os.environ.get("PC", os.path.join(ROOT, "build", "pc")))
NATIVE = os.path.abspath(os.environ.get("NATIVE", os.path.join(ROOT, "build", "native-none", "plugnet.elf")))
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Skip(Exception):
    pass


class Pc:
    """A running build/pc; its forwards' ports are read from what it prints."""

    def __init__(self, folder, *options, forwards=(80,), prefix=(), wait="leased"):
        self.control = os.path.join(folder, "control")
        words = [*prefix, PC, "--control", self.control]
        for port in forwards:
            words += ["--forward", f"0:{port}" if isinstance(port, int) else f"udp:0:{port.split()[1]}"]
        self.process = subprocess.Popen([*words, *options, "--spawn", NATIVE], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.unread = b""
        self.lines = []
        self.ports = []
        try:
            for _ in forwards:
                self.ports.append(int(re.search(r"localhost:(\d+)", self.line())[1]))
            if wait:
                self.wait(wait)
        except Exception:
            self.stop()
            raise

    def line(self, limit_s=20):
        while b"\n" not in self.unread:
            ready = select.select([self.process.stdout], [], [], limit_s)[0]
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            assert chunk, f"no more output after {self.lines[-3:]}; stderr: {self.end_error()}"
            self.unread += chunk
        text, self.unread = self.unread.split(b"\n", 1)
        self.lines.append(text.decode())
        return self.lines[-1]

    def end_error(self):
        self.process.kill()
        return self.process.communicate()[1].decode()

    def wait(self, text):
        while text not in self.line():
            pass

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.control)
            s.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += s.recv(4096)
            return answer.decode().strip()

    def connect(self, index=0, host="127.0.0.1", limit_s=15):
        return socket.create_connection((host, self.ports[index]), timeout=limit_s)

    def get(self, **options):
        with self.connect(**options) as s:
            s.sendall(LAST)
            return read_all(s)

    def stop(self, sign=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=15)
        self.lines += (self.unread + out).decode().splitlines()
        return self.process.returncode, err.decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        code, err = self.stop()
        assert code == 0, f"exit code {code}: {err}"


def read_all(s):
    data = b""
    while chunk := s.recv(65536):
        data += chunk
    return data


def page(data):
    assert data.startswith(b"HTTP/1.1 200"), data[:60]
    return data


def run(*words):
    done = subprocess.run([PC, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=30,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def test_bad_use_is_one_line_and_2(folder):
    for words in ([], ["--forward"], ["--forward", "80", "--cable", "x"], ["--forward", "1:70000", "--cable", "x"],
                  ["--forward", "a:80", "--cable", "x"], ["--for", "-1", "--cable", "x"], ["--for", "x"],
                  ["--nonsense"], ["--cable", "/nonexistent", "--spawn", "true"], ["--cable", "/nonexistent"],
                  ["--address", "300.1.2.3", "--cable", "x"], ["--address", "10.0.0.1/33", "--cable", "x"],
                  ["--spawn"], ["--spawn", "/nonexistent/program"],
                  ["--tap", "t0", "--forward", "0:80", "--spawn", "cat"],
                  ["--pcap", "/nonexistent/x", "--spawn", "cat"], ["--control", "/nonexistent/x", "--spawn", "cat"],
                  ["--forward", "0:80"] * 9 + ["--spawn", "cat"]):
        code, _, err = run(*words)
        assert code == 2, f"{words}: exit code {code}"
        assert len(err.splitlines()) == 1, f"{words}: {err!r}"


def test_help(folder):
    code, out, _ = run("--help")
    assert code == 0
    for option in ("--cable", "--spawn", "--forward", "--tap", "--pcap", "--control", "--address", "--eager", "--fast",
                   "--for"):
        assert option in out, option


def test_port_in_use(folder):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        code, _, err = run("--forward", f"{port}:80", "--spawn", NATIVE)
        assert (code, err) == (2, f"port {port} is in use on this machine: choose another one\n"), err


def test_device_that_ends(folder):
    code, _, err = run("--spawn", "true")
    assert code == 1 and err == "pc: the device process has ended\n", (code, err)


def test_page_by_both_protocols_and_events(folder):
    with Pc(folder) as pc:
        page(pc.get())
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") and open("/proc/net/if_inet6").read():
            page(pc.get(host="::1"))
        order = ["attached", "enumerated", "NCM bound", "link up", "leased"]
        text = "\n".join(pc.lines)
        found = [text.find(word) for word in order]
        assert -1 not in found and found == sorted(found), text


def test_connection_before_the_board_is_there(folder):
    with Pc(folder, wait=None) as pc:
        page(pc.get())


def test_six_connections_kept(folder):
    with Pc(folder) as pc:
        open_ones = [pc.connect() for _ in range(6)]
        for _ in range(3):
            for s in open_ones:
                s.sendall(REQUEST)
            for s in open_ones:
                assert s.recv(20).startswith(b"HTTP/1.1 200")
                while s in select.select([s], [], [], 0.1)[0]:
                    assert s.recv(65536)
        for s in open_ones:
            s.close()
        page(pc.get())


def test_half_close(folder):
    with Pc(folder) as pc, pc.connect() as s:
        s.sendall(LAST)
        s.shutdown(socket.SHUT_WR)
        page(read_all(s))


def received(pc):
    return json.loads(pc.ask("counters"))["rx_bytes"]


def test_back_pressure_towards_the_program(folder):
    """Requests one at a time, answers unread, until the board can't send any more; then all of them are there."""
    with Pc(folder) as pc, pc.connect() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        for asked in range(1, 2000):
            before = received(pc)
            s.sendall(REQUEST)
            patience = time.time() + 0.3
            while received(pc) < before + 1000 and time.time() < patience:
                time.sleep(0.002)
            if received(pc) < before + 1000:
                break
        else:
            raise AssertionError("2000 answers unread, and the board still sends")
        got = b""
        s.settimeout(8)
        while got.count(b"HTTP/1.1 200") < asked and (chunk := s.recv(65536)):
            got += chunk
        assert got.count(b"HTTP/1.1 200") == asked, f"{got.count(b'HTTP/1.1 200')} answers to {asked} requests"


def test_back_pressure_towards_the_board(folder):
    """An upload while nothing comes back from the board: the program is held up, and goes on afterwards."""
    with Pc(folder, forwards=(80, 5001)) as pc, pc.connect(1) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        s.setblocking(False)
        block = b"x" * 16384

        def upload(seconds, enough=1 << 40):
            """Bytes that could be sent in so many seconds; back at once with enough of them."""
            sent, end = 0, time.time() + seconds
            while sent < enough and time.time() < end:
                try:
                    sent += s.send(block)
                except BlockingIOError:
                    time.sleep(0.005)
            return sent
        assert upload(30, 150_000) >= 150_000
        assert pc.ask("stop-in 4000") == "ok"
        for _ in range(5):
            if upload(0.4) == 0: # the buffers on the way are full
                break
        assert upload(1) == 0, "sending goes on while the board acknowledges nothing"
        assert upload(30, 300_000) >= 300_000, "it doesn't go on"


def test_reset_replug_and_power(folder):
    with Pc(folder) as pc:
        for deed in ("reset", "replug", "bus-reset", "power 0"):
            with pc.connect() as s:
                s.sendall(REQUEST)
                assert s.recv(100)
                assert pc.ask(deed) == "ok"
                try:
                    while s.recv(65536):
                        pass
                    raise AssertionError(f"{deed}: the connection ended in order")
                except ConnectionResetError:
                    pass
            if deed == "power 0":
                assert pc.ask("power 1") == "ok"
            page(pc.get())


def test_suspend_and_stop_in(folder):
    with Pc(folder) as pc:
        assert pc.ask("suspend") == "ok"
        time.sleep(0.1)
        assert pc.ask("resume") == "ok"
        page(pc.get())
        assert pc.ask("stop-in 500") == "ok"
        start = time.time()
        page(pc.get())
        assert time.time() - start > 0.3


def test_refused_port(folder):
    with Pc(folder, forwards=(80, 9)) as pc, pc.connect(1) as s:
        try:
            assert not s.recv(1)
            raise AssertionError("ended in order")
        except ConnectionResetError:
            pass


def test_unplugged_says_so(folder):
    with Pc(folder, "--fast") as pc:
        pc.ask("unplug")
        with pc.connect() as s:
            try:
                assert not s.recv(1)
                raise AssertionError("ended in order")
            except ConnectionResetError:
                pass
        pc.wait("no board to connect to")
        pc.ask("plug")
        page(pc.get())


def test_control_commands(folder):
    with Pc(folder) as pc:
        assert pc.ask("state") == "leased"
        assert pc.ask("button 1") == "ok"
        assert pc.ask("button 0 0") == "ok"
        assert pc.ask("leds").isdigit()
        assert int(pc.ask("time")) > 200_000_000
        assert pc.ask("port 0") == str(pc.ports[0])
        assert json.loads(pc.ask("counters"))["rx_frames"] > 0
        listed = pc.ask("help")
        words = [word.split()[0] for word in listed.split(", ")]
        assert words == ["hello", "run", "pace", "hold", "quit", "help", "button", "leds", "reset", "power", "replug", "plug",
                         "unplug", "suspend", "resume", "bus-reset", "stop-in", "time", "state", "port", "address", "log",
                         "counters", "usb-control", "usb-in", "usb-out", "usb-result", "usb-cancel", "usb-descriptors"], listed
        with open(os.path.join(ROOT, "docs/control.md"), encoding="utf-8") as file:
            text = file.read().split("## The virtual board")[0]
        cells = [line.split("|")[1] for line in text.splitlines() if re.match(r"\| `[a-z-]+[` ].*\|.*\|.*\|$", line)]
        described = re.findall(r"`([a-z-]+)", "".join(cells))
        assert set(described) == set(words), f"docs/control.md: {set(described) ^ set(words)}"
        for line in ("", "nonsense", "press button 1"):
            name = line.split(" ")[0]
            assert pc.ask(line) == f"error: unknown command '{name}'; there are: {listed}", line
        assert pc.ask("button 1 x") == "error: 'x' is not expected here: button [N] 0|1"
        assert pc.ask("power") == "error: wrong number of arguments: power 0|1"
        assert pc.ask("button 1 " + "x" * 3000).startswith("error: 'xxx")
        for line in ("", "nonsense", "button", "button 1 2 3", "button x", "leds 1", "port 7", "stop-in", "run", "run x", "run -1",
                     "run 4294967296", "run 1 nonsense", "run 1 a b c d e f", "pace slow", "pace real fast", "log -1", "port 0x0",
                     "hello 1", "button 99999999999999999999", "n" * 4000):
            assert pc.ask(line).startswith("error: "), line
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(pc.control)
            s.settimeout(5)
            s.sendall(b"x" * 5000)
            try:
                assert s.recv(10) == b""
            except ConnectionResetError:
                pass
        assert pc.ask("state") == "leased"


class Client:
    """A connection to the control socket that stays."""

    def __init__(self, pc):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(pc.control)
        self.file = self.socket.makefile("rw")

    def say(self, *lines):
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def hear(self):
        return self.file.readline().strip()

    def ask(self, line):
        self.say(line)
        return self.hear()

    def close(self):
        self.file.close()
        self.socket.close()


def test_usb_over_control(folder):
    """Beside the network, and with the program's end while transfers are under way."""
    with Pc(folder, "--stopped", wait=None) as pc:
        a, b = Client(pc), Client(pc)
        assert a.ask("usb-descriptors") == a.ask("usb-in 0x81 64") == "error: not configured"
        while a.ask("state") != "leased":
            assert json.loads(a.ask("run 1000 state"))["ended"] == "state"
        device = json.loads(a.ask("usb-descriptors"))["device"]
        number = a.ask("usb-control 8006000100001200")
        assert json.loads(a.ask("run 1000 log usb"))["ended"] == "usb"
        assert json.loads(b.ask(f"usb-result {number}")) == {"status": "ok", "actual": 18, "hex": device}, "another client's"
        for line in ("usb-control 0005010000000000", "usb-control 0009000000000000", "usb-control 80", "usb-in 0x8f 1", "usb-in 0x82 0",
                     "usb-out 0 00", "usb-out 2 " + "00" * 2049, f"usb-result {number}", "usb-cancel 4294967295"):
            assert a.ask(line).startswith("error: "), line
        numbers = [a.ask("usb-in 0x81 64") for _ in range(8)]
        assert a.ask("usb-in 0x81 64") == "error: 8 transfers are under way or wait for usb-result"
        a.close()  # they are the program's
        assert b.ask(f"usb-cancel {numbers[0]}") == "ok"
        assert json.loads(b.ask(f"usb-result {numbers[0]}"))["status"] == "cancelled"
        b.ask("unplug")
        b.ask("run 100")
        assert {json.loads(b.ask(f"usb-result {n}"))["status"] for n in numbers[1:5]} == {"cancelled"}
        b.ask("plug")
        while b.ask("state") != "leased":
            b.ask("run 1000 state")
        for _ in range(5):
            assert b.ask("usb-in 0x81 64").isdigit()
        assert b.ask("quit") == "ok"


def test_time_stands_still_until_told(folder):
    with Pc(folder, "--stopped", wait=None) as pc:
        a, b = Client(pc), Client(pc)
        hello = json.loads(a.ask("hello"))
        assert hello["protocol"] == 1 and hello["program"] == "pc" and hello["pid"] == pc.process.pid, hello
        assert a.ask("pace") == "stopped" and a.ask("time") == "0"
        time.sleep(0.2)
        assert a.ask("time") == "0"
        assert json.loads(a.ask("run 7")) == {"ns": 7000000, "ended": "time"} and a.ask("time") == "7000000"
        assert json.loads(a.ask("run 0"))["ns"] == 7000000
        ended = json.loads(a.ask("run 5000 socket state"))
        assert ended["ended"] == "state" and ended["ns"] < 1e9 and a.ask("state") in ("attached", "configured"), ended
        ended = json.loads(a.ask("run 5000 log"))
        assert ended["ended"] == "log", ended
        a.say("run 60000", "time")  # what follows a run waits for it, others don't
        assert b.ask("time").isdigit()
        assert b.ask("run 1") == "error: time runs for another client"
        ended = json.loads(a.hear())
        assert ended["ended"] == "time" and int(a.hear()) == ended["ns"]
        a.say("run 4000000000")
        assert b.ask("time").isdigit()
        a.close()  # and so its run ends
        for _ in range(1000):
            before = b.ask("time")
            time.sleep(0.01)
            if b.ask("time") == before:
                break
        assert b.ask("run 1").startswith("{")
        assert b.ask("pace fast") == "ok" and b.ask("pace") == "fast"
        before = int(b.ask("time"))
        assert json.loads(b.ask("run 1000"))["ns"] >= before + 1e9
        assert b.ask("pace real") == "ok"
        begin, start = int(b.ask("time")), time.monotonic()
        time.sleep(0.5)
        passed, real = int(b.ask("time")) - begin, time.monotonic() - start
        assert 0.2e9 < passed < (real + 0.1) * 1e9, (passed, real)
        assert b.ask("pace stopped") == "ok"
        before = b.ask("time")
        time.sleep(0.1)
        assert b.ask("time") == before
        b.close()


def test_log_over_control(folder):
    with Pc(folder) as pc:
        answer = json.loads(pc.ask("log 0"))
        assert answer["first"] == 0 and answer["next"] == len(answer["lines"])
        assert [line[0] for line in answer["lines"]] == list(range(answer["next"]))
        assert any(source == "pc" and "leased" in text for _, _, source, text in answer["lines"]), answer
        assert json.loads(pc.ask(f"log {answer['next'] + 100}"))["lines"] == []
        assert json.loads(pc.ask("log"))["next"] == answer["next"]
        address = pc.ask("address").split()
        assert len(address) == 2 and all(part.count(".") == 3 for part in address), address


def test_hold_and_quit(folder):
    for deed in ("hold", "quit"):
        pc = Pc(folder, "--stopped", wait=None)
        client = Client(pc)
        assert client.ask(deed) == "ok"
        if deed == "hold":
            assert pc.ask("state")
            assert pc.process.poll() is None
            client.close()
        assert pc.process.wait(20) == 0, deed
        pc.stop()
        assert not os.path.exists(pc.control)


def test_stopped_needs_control(folder):
    code, _, err = run("--stopped", "--spawn", NATIVE)
    assert code == 2 and "--control" in err and len(err.splitlines()) == 1, err


def dns_query(number, name="plugnet.local"):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


def udp_open(pc, index):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(15)
    s.connect(("127.0.0.1", pc.ports[index]))
    return s


def test_udp_forward(folder):
    """The board's DNS server by UDP: answers find the program that asked, more programs than there are flows, and a replug."""
    with Pc(folder, "--fast", forwards=("udp 53",)) as pc:
        assert "(UDP)" in pc.lines[0] and "localhost" in pc.lines[0], pc.lines
        some = [udp_open(pc, 0) for _ in range(80)]  # FORWARD_UDP_FLOWS_MAX is 64
        for number, s in enumerate(some):
            s.send(dns_query(number))
            answer = s.recv(2000)
            assert answer[:2] == number.to_bytes(2, "big") and answer[3] & 15 == 0 and answer[-4] == 10, answer
        both = some[-2:]
        for number, s in enumerate(both):
            s.send(dns_query(1000 + number))
        for number, s in reversed(list(enumerate(both))):
            assert s.recv(2000)[:2] == (1000 + number).to_bytes(2, "big")
        s = some[0]  # its flow went to a newer one
        s.send(dns_query(7))
        assert s.recv(2000)[:2] == b"\0\7"
        s.send(b"x" * 2000)  # more than a frame carries: lost
        s.send(b"")
        s.send(dns_query(8))
        assert s.recv(2000)[:2] == b"\0\x08"
        client = Client(pc)
        assert client.ask("unplug") == "ok" and client.ask("state") == "unplugged"
        s.send(dns_query(9))  # nobody there: lost
        client.ask("run 100")
        assert client.ask("plug") == "ok" and json.loads(client.ask("run 1000 state"))["ended"] == "state"
        while client.ask("state") != "leased":
            assert json.loads(client.ask("run 5000 state"))["ended"] == "state"
        s.send(dns_query(10))
        assert s.recv(2000)[:2] == b"\0\x0a"
        client.close()
        for s in some:
            s.close()


def test_udp_port_in_use(folder):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        code, _, err = run("--forward", f"udp:{port}:53", "--spawn", NATIVE)
        assert code == 2 and f"UDP port {port} is in use" in err and len(err.splitlines()) == 1, err
    for wrong in ("udp:", "udp:1", "udp:1:0", "udp:x:53", "tcp:1:2"):
        code, _, err = run("--forward", wrong, "--spawn", NATIVE)
        assert code == 2 and wrong in err and len(err.splitlines()) == 1, err


def test_pcap_read_by_tshark(folder):
    if not shutil.which("tshark"):
        raise Skip("no tshark: apt install tshark")
    file = os.path.join(folder, "trace.pcapng")
    with Pc(folder, "--pcap", file) as pc:
        page(pc.get())
        assert f"{file}: frames (LINKTYPE_ETHERNET) and USB transfers (LINKTYPE_USB_LINUX_MMAPPED)" in pc.lines

    def tshark(*words):
        return subprocess.run(["tshark", "-r", file, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True, check=True).stdout
    # A transfer that the program's end has cut (-ENOENT) may hold half a block.
    bad = tshark("-Y", "(_ws.malformed || _ws.expert.severity == error) && !(usb.urb_status == -2)", "-o", "ip.check_checksum:TRUE",
                 "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
    assert bad == "", bad
    kinds = set(tshark("-T", "fields", "-e", "frame.encap_type").split())
    assert len(kinds) == 2, kinds
    protocols = tshark("-T", "fields", "-e", "frame.protocols")
    for wanted in ("eth:ethertype:ip:tcp:http", "eth:ethertype:ip:udp:dhcp", "usb"):
        assert wanted in protocols, wanted
    assert "DHCP ACK" in tshark("-Y", "dhcp")
    assert "SET CONFIGURATION" in tshark("-Y", "usb")


def test_repeatable(folder):
    times = []
    for i in range(2):
        with Pc(folder, "--fast", forwards=()) as pc:
            times.append([line for line in pc.lines if "leased" in line])
    assert times[0] == times[1] and times[0], times


def test_for_and_signals(folder):
    start = time.time()
    code, out, _ = run("--for", "0.5", "--spawn", NATIVE)
    assert code == 0 and "leased" in out and 0.4 < time.time() - start < 5
    pc = Pc(folder)
    assert pc.stop(signal.SIGTERM)[0] == 0
    assert not os.path.exists(pc.control)


def test_tap(folder):
    """In a network namespace of its own, so that nothing outside changes."""
    if why := tap.missing():
        raise Skip(why)
    with Pc(folder, "--fast", forwards=()) as pc:
        own, board = re.search(r"address ([\d.]+) leased, board ([\d.]+)", pc.lines[-1]).groups()
    script = (f'{PC} --tap plug0 --spawn {NATIVE} > {folder}/log 2>&1 & pc=$!\n'
              f'for i in $(seq 50); do grep -q "link up" {folder}/log && break; sleep 0.1; done\n'
              'ip link show plug0 | grep -qi "link/ether 00:80:e1" || { echo no MAC; ip link; }\n'
              f'ip addr add {own}/30 dev plug0 && curl -s -m 5 -o /dev/null -w "%{{http_code}}" http://{board}/\n'
              'kill -INT $pc; wait $pc; echo " exit $?"\n')
    out = subprocess.run(["unshare", "-n", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=60, check=False).stdout
    with open(f"{folder}/log", encoding="utf-8") as file:
        log = file.read()
    if "Operation not permitted" in log or "No such" in log:
        raise Skip(log.strip().splitlines()[-1])
    assert out == "200 exit 0\n", out + log


def firmware_copy(folder):
    """The firmware as it is now, so that a build meanwhile does no harm."""
    global NATIVE
    NATIVE = shutil.copy(NATIVE, folder)


def main(chosen, folder_all):
    tests = [(name[5:], run_it) for name, run_it in globals().items() if name.startswith("test_")]
    failed = False
    there = os.path.exists(NATIVE)
    if there:
        firmware_copy(folder_all)
    for name, run_it in tests:
        if chosen and name not in chosen:
            continue
        if not there:
            print(f"skip {name}: {os.path.relpath(NATIVE, ROOT)} is not built")
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                run_it(folder)
            print(f"ok {name}")
        except Skip as why:
            print(f"skip {name}: {why}")
        except Exception as why: # whatever it is, it is this test's failure
            failed = True
            text = str(why).replace("\n", " | ")
            print(f"not ok {name}: {type(why).__name__}: {text[:600]}")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as for_all:
        code = main(sys.argv[1:], for_all)
    sys.exit(code)
