#!/usr/bin/env python3
"""Put new firmware on boards, over the network that their USB cable is.

    update.py pump.update                       every board that is found and that the file is for
    update.py pump-1a2b.local pump.update       this one; several names or addresses: all of them, side by side
    update.py --list                            which boards are there, and what runs on them

FILE is the NAME.update that the build makes. It is sent to each board, which checks it and goes on working. Then you are asked, and the
boards install it: each leaves for some seconds and comes back as the new version, on trial. One that crashes, or doesn't serve its page,
goes back to the old version by itself. Power may fail at any moment.

The exit code is 0 if every board runs the new version, 1 if one doesn't, 2 if nothing was begun.
"""
# SPDX-License-Identifier: MIT
import argparse
import concurrent.futures
import contextlib
import http.client
import json
import os
import random
import re
import select
import shutil
import socket
import struct
import sys
import threading
import time
import urllib.parse

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import image  # noqa: E402

PATH = "/api/update"
ANSWER_MAX = 0x10000  # bytes
CHUNK = 4096
ASK_S_MAX = 5  # for a small answer
ERASE_S_MAX = 20  # for "continue"; the board takes 8
SEND_S_MAX = 60  # for a chunk, and for the answer behind the last one
POLL_S = 0.5
LEAVE_S_MAX = 10  # for a board that was told to install; until then the old version means nothing

MDNS = ("224.0.0.251", 5353)
SERVICE = "_http._tcp.local"
A, PTR, SRV = 1, 12, 33
REPEAT_S = 1  # for queries


class Failed(Exception):
    """One board isn't updated; the text says why."""


class Locked(Failed):
    """It wants to know who asks."""


def plain(said):
    """What a board says, with nothing in it that a terminal would obey."""
    if isinstance(said, str):
        return "".join(char if char.isprintable() else "?" for char in said[:200])
    if isinstance(said, dict):
        return {plain(name): plain(value) for name, value in said.items()}
    return said if said is None or isinstance(said, (bool, int, float)) else None


# ---- Finding boards: one-shot queries, RFC 6762 5.1 [unread]. ----

def dns_name(name):
    return b"".join(bytes((len(label),)) + label for label in (label.encode() for label in name.split("."))) + b"\0"


def dns_query(questions):
    """From a port of our own, so that answers come to us alone."""
    return struct.pack(">6H", random.randrange(0x10000), 0, len(questions), 0, 0, 0) + b"".join(
        dns_name(name) + struct.pack(">HH", kind, 1) for name, kind in questions)


def dns_name_read(message, at):
    """(name in small letters, where the next thing begins). A label's dots are none of the name's: an instance may have some."""
    labels, end, jumps = [], None, 0
    while message[at]:
        if message[at] >= 0xC0:
            end = at + 2 if end is None else end
            at = struct.unpack_from(">H", message, at)[0] & 0x3FFF
            jumps += 1
            if jumps > 32:
                raise ValueError("a name that doesn't end")
            continue
        labels.append(message[at + 1:at + 1 + message[at]].decode("utf-8", "replace").lower())
        at += 1 + message[at]
    return ".".join(labels), at + 1 if end is None else end


def dns_records(message):
    """[(name, type, value)] of an answer: of PTR the name, of SRV (host, port), of A the address."""
    found = []
    _, flags, questions, *counts = struct.unpack_from(">6H", message)
    at = 12
    for _ in range(questions if flags & 0x8000 else 0):
        at = dns_name_read(message, at)[1] + 4
    for _ in range(sum(counts) if flags & 0x8000 else 0):
        name, at = dns_name_read(message, at)
        kind, _, _, length = struct.unpack_from(">HHIH", message, at)
        at += 10
        if kind == A and length == 4:
            found.append((name, A, socket.inet_ntoa(message[at:at + 4])))
        elif kind == PTR:
            found.append((name, PTR, dns_name_read(message, at)[0]))
        elif kind == SRV:
            found.append((name, SRV, (dns_name_read(message, at + 6)[0], struct.unpack_from(">H", message, at + 4)[0])))
        at += length
    return found


def mdns_sockets():
    """One for each network interface: a board's is seldom the one that leads to the internet."""
    made = []
    for index, _ in socket.if_nameindex():
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            where = struct.pack("!I", index) if sys.platform == "win32" else struct.pack("@4s4si", bytes(4), bytes(4), index)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, where)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
            one.setblocking(False)
            made.append(one)
        except OSError:
            one.close()
    return made


def mdns_ask(timeout, wanted):
    """Ask what `wanted` still wants to know of the records that there are, until that is nothing or the time is over. The records."""
    records, sockets, asked_at = set(), mdns_sockets(), None
    end = time.monotonic() + timeout
    try:
        while (now := time.monotonic()) < end and (questions := wanted(records)):
            if asked_at is None or now - asked_at[0] >= REPEAT_S or questions != asked_at[1]:
                asked_at = now, questions
                for one in sockets:
                    with contextlib.suppress(OSError):  # an interface that is down
                        one.sendto(dns_query(questions), MDNS)
            for one in select.select(sockets, [], [], min(0.1, end - now))[0]:
                with contextlib.suppress(OSError, struct.error, IndexError, ValueError):  # not for us, or no DNS
                    records.update(dns_records(one.recv(9000)))
    finally:
        for one in sockets:
            one.close()
    return records


def of_kind(records, kind):
    return {(name, value) for name, found, value in records if found == kind}


def mdns_find(timeout):
    """{host: (address, port)} of all web servers that say so."""
    def wanted(records):
        hosts = {value[0] for _, value in of_kind(records, SRV)}
        known, addressed = ({name for name, _ in of_kind(records, kind)} for kind in (SRV, A))
        return [(SERVICE, PTR), *((name, SRV) for _, name in sorted(of_kind(records, PTR)) if name not in known),
                *((host, A) for host in sorted(hosts - addressed))]

    records = mdns_ask(timeout, wanted)
    instances, addresses = {name for _, name in of_kind(records, PTR)}, dict(of_kind(records, A))
    return {host: (addresses[host], port) for name, (host, port) in sorted(of_kind(records, SRV))
            if name in instances and host in addresses}


def mdns_address(name, timeout):
    """Of NAME.local; None: nobody answers."""
    name = name.lower()
    records = mdns_ask(timeout, lambda found: [] if any(owner == name for owner, _ in of_kind(found, A)) else [(name, A)])
    return next((value for owner, value in of_kind(records, A) if owner == name), None)


# ---- A board. ----

def part(facts, name):
    """A member that is an object; empty: it is null."""
    return facts[name] if isinstance(facts.get(name), dict) else {}


def reason_of(said):
    error = part(said or {}, "error")
    return (error.get("reason") or "it says no reason") + (f" ({error['code']})" if error.get("code") else "")


class Board:
    """What is asked of one board; `name` is what the user calls it."""

    def __init__(self, name, host, port, given, address=None):
        self.name, self.host, self.port, self.address = name, host, port, address
        self.token, self.timeout = given.token, given.timeout

    def connect(self, timeout):
        """By its name each time: while it is away, another one may get its address."""
        if self.host.lower().endswith(".local"):
            self.address = mdns_address(self.host, min(self.timeout, timeout)) or self.address
        try:
            return socket.create_connection((self.address or self.host, self.port), timeout)
        except socket.gaierror:
            raise Failed(f"there is no board of the name {self.host}; update.py --list shows those that there are") from None

    def head(self, method, path, *lines):
        host = self.host if self.port == 80 else f"{self.host}:{self.port}"
        more = [f"Authorization: Bearer {self.token}"] if self.token else []
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: application/json", "Connection: close",
                            *more, *lines, "", ""]).encode("ascii")

    def answer_read(self, connection, method):
        """(status, the JSON in it; None: it is none)"""
        answer = http.client.HTTPResponse(connection, method=method)
        try:
            answer.begin()
            body = answer.read(ANSWER_MAX)
        except http.client.RemoteDisconnected:
            raise Failed("it ends the connection without an answer") from None
        except http.client.HTTPException as why:
            raise Failed(f"it answers no HTTP ({type(why).__name__})") from None
        finally:
            answer.close()
        try:
            said = plain(json.loads(body))
        except (ValueError, RecursionError):
            said = None
        return answer.status, said if isinstance(said, dict) else None

    def ask(self, method, path=PATH, timeout=ASK_S_MAX, body=b""):
        with self.connect(timeout) as connection:
            connection.sendall(self.head(method, path, *([f"Content-Length: {len(body)}"] if method == "POST" else [])) + body)
            return self.answer_read(connection, method)

    def state(self):
        """What it says of itself."""
        return self.taken(*self.ask("GET"))

    def taken(self, status, said):
        """The JSON of an answer that is a yes."""
        if status in (401, 403):
            raise Locked(f"it wants to know who asks ({status}): --token")
        if status == 404 and said is None:
            raise Failed(f"it takes no updates this way: it has no {PATH}")
        if status >= 300:
            raise Failed(f"refused: {reason_of(said)}, status {status}")
        if said is None or not isinstance(said.get("build"), str):
            raise Failed("it is no board of ours: what it answers isn't the JSON of an update")
        return said

    def send(self, data, progress):
        """Stage an update. `progress` is called with the bytes that are out."""
        with self.connect(ASK_S_MAX) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * CHUNK)  # what is "out" has nearly arrived
            connection.sendall(self.head("PUT", PATH, f"Content-Length: {len(data)}", "Content-Type: application/octet-stream",
                                         "Expect: 100-continue"))
            if self.may_send(connection):
                connection.settimeout(SEND_S_MAX)
                try:
                    for at in range(0, len(data), CHUNK):
                        if select.select([connection], [], [], 0)[0]:
                            break  # an answer before the end: a refusal
                        connection.sendall(data[at:at + CHUNK])
                        progress(min(at + CHUNK, len(data)))
                except ConnectionError:
                    pass  # the answer may have come first
            return self.taken(*self.answer_read(connection, "PUT"))

    def may_send(self, connection):
        """After "100 Continue", and after a time without any answer. False: the answer is there."""
        end, head = time.monotonic() + ERASE_S_MAX, b""
        while b"\r\n\r\n" not in head:
            if not select.select([connection], [], [], max(end - time.monotonic(), 0))[0]:
                return True
            head = connection.recv(CHUNK, socket.MSG_PEEK)
            if not head or (len(head) > 12 and not re.match(rb"HTTP/1\.[01] 100 ", head)):
                return False
            time.sleep(0.01)  # for the rest of the head, where it comes in pieces
        connection.recv(head.index(b"\r\n\r\n") + 4)
        return True


def board_given(text, given):
    """ADDRESS, NAME or URL, with a port where it isn't 80. A name without a dot is NAME.local."""
    found = urllib.parse.urlsplit(text if "//" in text else f"//{text}")
    try:
        host, port = found.hostname, found.port or 80
    except ValueError:
        host = None
    if not host or found.scheme not in ("", "http") or found.path not in ("", "/") or not host.isascii():
        raise image.Wrong(f"'{text}' is no board: a name, an address, or http://… (FILE comes last)")
    if not set(".:") & set(host) and host != "localhost":
        host += ".local"
    return Board(text, host, port, given)


def found_of(given):
    """[(board that mDNS finds, what it says; None: that takes a token)], and how many web servers are no boards."""
    def asked(server):
        host, (address, port) = server
        board = Board(plain(host.removesuffix(".local")), host, port, given, address)
        try:
            return board, board.state()
        except Locked:
            return board, None
        except (Failed, OSError):
            return None

    servers = mdns_find(given.timeout)
    with concurrent.futures.ThreadPoolExecutor(max_workers=16) as pool:
        boards = list(filter(None, pool.map(asked, servers.items())))
    return boards, len(servers) - len(boards)


# ---- What the user sees. ----

class Screen:
    """A line for each board: drawn anew on a terminal, else said when it has something new."""

    def __init__(self, boards):
        self.width = max(len(board.name) for board in boards)
        self.lines = {board: "" for board in boards}
        self.lock = threading.Lock()
        self.terminal = sys.stdout.isatty()
        self.drawn = False

    def _draw(self, columns):
        up = f"\x1b[{len(self.lines)}A" if self.drawn else ""
        lines = [f"{board.name:{self.width}}  {line}"[:columns] for board, line in self.lines.items()]
        print(up + "".join(f"\r\x1b[2K{line}\n" for line in lines), end="", flush=True)
        self.drawn = True

    def say(self, board, text, passing=False):
        """`passing`: what follows soon makes it needless."""
        with self.lock:
            if self.lines[board] == text:
                return
            self.lines[board] = text
            if self.terminal:
                self._draw(shutil.get_terminal_size().columns - 1)
            elif not passing:
                print(f"{board.name:{self.width}}  {text}", flush=True)

    def end(self):
        """All lines whole, and what comes is printed below them."""
        if self.terminal and self.drawn:
            self._draw(None)


def version_told(facts):
    return f"{facts.get('product')} {facts.get('version')}" + (f" ({facts['git']})" if facts.get("git") else "")


def list_boards(given):
    boards, others = found_of(given)
    rows = [(board.name, f"http://{board.address}" + (f":{board.port}" if board.port != 80 else ""),
             version_told(facts) if facts else "asks for a --token", (facts or {}).get("board") or "",
             "" if (facts or {}).get("loader", True) else "its boot guard can't install updates")
            for board, facts in boards]
    widths = [max((len(str(row[i])) for row in rows), default=0) for i in range(5)]
    for row in rows:
        print("  ".join(f"{value!s:{width}}" for value, width in zip(row, widths)).rstrip())
    if not rows:
        print("no board answers; is it plugged in, and has this computer an address from it?")
    if others:
        print(f"({others} more web server{'s' * (others > 1)} here, which take{'s' * (others == 1)} no updates)")
    return 0 if rows else 1


# ---- Updating. ----

class Update:
    """One board's way to the new version; `failed` says why it ended early, `before` what ran then."""

    def __init__(self, board, file, data, given):
        self.board, self.file, self.data, self.given, self.screen = board, file, data, given, None
        self.failed, self.done, self.before = None, False, {}

    def guarded(self, work):
        try:
            work()
        except Failed as why:
            self.failed = str(why)
        except TimeoutError:
            self.failed = "it doesn't answer any more"
        except OSError as why:
            self.failed = f"no connection: {why.strerror or why}"
        if self.failed:
            self.screen.say(self.board, f"failed: {self.failed}")

    def runs(self, facts):
        return str(facts.get("build")).lower() == self.file.build.hex()

    def fits(self):
        """What can be known before a byte is sent; the board checks all of it again."""
        facts, name = self.before, image.board_name(self.file.board)
        if facts.get("product") != self.file.product:
            raise Failed(f"the file is for {self.file.product}, and this is {facts.get('product')}")
        if name and isinstance(facts.get("board"), str) and facts["board"] in image.board_names() and facts["board"] != name:
            raise Failed(f"the file is for the board {name}, and this is {facts['board']}")
        if not facts.get("loader", True):
            raise Failed("its boot guard is from before updates this way; write all of it once, by USB (docs/update.md)")
        if facts.get("signed") and self.file.signature is None:
            raise Failed("it takes signed updates alone: tool/image.py sign --key …")

    def stage(self):
        self.before = self.board.state()
        if self.runs(self.before):
            self.done = True
            self.screen.say(self.board, f"runs {version_told(self.before)} already, this very build")
            return
        self.fits()
        if not (self.before.get("state") == "ready" and self.runs(part(self.before, "staged"))):
            self.screen.say(self.board, "erasing", passing=True)
            said = self.board.send(self.data, self.progress())
            if said.get("state") != "ready":
                raise Failed(f"all was sent, and it is \"{said.get('state')}\", not ready: {reason_of(said)}")
        self.screen.say(self.board, f"ready: {version_told(self.before)} → {self.file.version}")

    def progress(self):
        """The rate is that of what is sent, without the time that erasing takes."""
        begin, first, told, total = None, 0, 0, len(self.data)

        def now(sent):
            nonlocal begin, first, told
            if begin is None:
                begin, first = time.monotonic(), sent
            percent = sent * 100 // total
            if percent != told:
                took = time.monotonic() - begin  # what goes in a moment lies in this machine's buffers, and says nothing
                rate = f"  {(sent - first) / 1000 / took:.0f} kB/s" if took > 0.2 else ""
                self.screen.say(self.board, f"{percent:3} %{rate}", passing=percent // 25 == told // 25)
                told = percent
        return now

    def install(self):
        begin = time.monotonic()
        self.board.taken(*self.board.ask("POST", body=self.file.build.hex().encode()))
        self.screen.say(self.board, "installing")
        trial, last = False, None
        while time.monotonic() - begin < self.given.wait:
            time.sleep(POLL_S)
            try:
                facts = last = self.board.state()
            except (OSError, Failed):  # it is away, or comes up
                last = None
                continue
            if self.runs(facts):
                if facts.get("state") != "trial":
                    self.done = True
                    self.screen.say(self.board, f"runs {version_told(facts)}, after {time.monotonic() - begin:.0f} s")
                    return
                if not trial:
                    self.screen.say(self.board, f"runs {self.file.version} on trial, and waits to be confirmed")
                trial = True
                with contextlib.suppress(OSError, Failed):
                    self.board.ask("GET", "/")  # a page that is served confirms it
            elif facts.get("state") not in ("installing", "ready") and time.monotonic() - begin > LEAVE_S_MAX:
                raise Failed(self.old_again(facts))
        raise Failed(self.not_back(last, trial))

    def old_again(self, facts):
        last = part(facts, "last")
        why = {"restored": "went back", "refused": "refused"}.get(last.get("result"), "didn't change")
        return f"it {why}, and runs {version_told(facts)}: {last.get('reason') or 'it says no reason'}"

    def not_back(self, last, trial):
        wait = f"{self.given.wait:.0f} s"
        if trial:
            return f"it runs {self.file.version} on trial, and hasn't confirmed that within {wait}; it will go back if it doesn't"
        if last is None:
            return f"it hasn't come back within {wait}; is it still plugged in?"
        return f"nothing has happened within {wait}; it says \"{last.get('state')}\""


def side_by_side(updates, name):
    if not updates:
        return
    screen = Screen([update.board for update in updates])
    for update in updates:
        update.screen = screen
    threads = [threading.Thread(target=update.guarded, args=(getattr(update, name),), daemon=True) for update in updates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    screen.end()


def agreed(count, given):
    if given.yes:
        return True
    try:
        return input(f"Install on {count} board{'s' * (count > 1)}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False


def targets_of(given, file):
    """The boards that the user names, else those that are found and that the file is for."""
    if given.boards:
        return [board_given(text, given) for text in dict.fromkeys(given.boards)]
    boards, _ = found_of(given)
    mine = [board for board, facts in boards if facts and facts.get("product") == file.product]
    if not mine:
        there = ", ".join(f"{board.name} ({version_told(facts) if facts else 'asks for a --token'})" for board, facts in boards)
        raise image.Wrong(f"no board with {file.product} answers" + (f"; there are: {there}" if there else
                          "; is it plugged in, and has this computer an address from it? A name or an address can be given, too"))
    return mine


def update_all(given):
    try:
        file = image.Image(given.file)
    except image.Wrong as why:
        raise image.Wrong(f"{why} (FILE comes last)" if given.boards and not os.path.exists(given.file) else str(why)) from None
    if file.kind != "update":
        raise image.Wrong(f"{given.file} is for other tools; the build makes NAME.update beside it")
    file.must_be_whole(given.file)
    if not (given.yes or given.stage_only or sys.stdin.isatty()):
        raise image.Wrong("nobody can be asked here: --yes, or --stage-only")
    boards = targets_of(given, file)
    print(f"{file.product} {file.version}, build {file.build.hex()[:8]}, {len(image.read(given.file)) / 1000:.0f} kB,"
          f" {'signed' if file.signature else 'not signed'}")
    updates = [Update(board, file, image.read(given.file), given) for board in boards]
    side_by_side(updates, "stage")
    ready = [update for update in updates if not update.failed and not update.done]
    if given.stage_only:
        return 1 if any(update.failed for update in updates) else 0
    if ready and not agreed(len(ready), given):
        for update in ready:
            with contextlib.suppress(OSError, Failed):
                update.board.ask("DELETE")
        print("not installed; the boards have forgotten it")
        return 1
    side_by_side(ready, "install")
    good = sum(update.done for update in updates)
    print(f"{good} of {len(updates)} board{'s' * (len(updates) > 1)} updated to {file.version}")
    return 0 if good == len(updates) else 1


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     usage="update.py [options] [BOARD ...] FILE\n       update.py [options] --list")
    parser.add_argument("words", metavar="BOARD ... FILE", nargs="*",
                        help="names (pump-1a2b.local, or pump-1a2b), addresses, URLs; the file comes last")
    parser.add_argument("--list", action="store_true", help="show the boards that are found")
    parser.add_argument("--yes", action="store_true", help="don't ask before installing")
    parser.add_argument("--stage-only", action="store_true", help="send it, and leave it there; the same command without this installs it")
    parser.add_argument("--token", metavar="TEXT", default=os.environ.get("PLUGNET_TOKEN"),
                        help="what the product wants to know (Authorization: Bearer TEXT); else PLUGNET_TOKEN of the environment")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=3, help="for finding boards (default %(default)s)")
    parser.add_argument("--wait", metavar="SECONDS", type=float, default=200,
                        help="for a board to come back, its trial included (default %(default)s)")
    given = parser.parse_args(argv)
    *given.boards, given.file = given.words or [None]
    if given.list == bool(given.file):
        parser.error("FILE is needed, or --list alone")
    try:
        return list_boards(given) if given.list else update_all(given)
    except image.Wrong as why:
        print(f"update: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nupdate: ended by you; a board that was told to install goes on by itself", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
