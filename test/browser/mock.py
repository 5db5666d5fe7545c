#!/usr/bin/env python3
"""A board that isn't there: serves app/site and a made-up, moving /api/status, to work on the page.

    test/browser/mock.py [--port 8080] [--control PATH] [--drops]

Speaks as app/API.md says, loosely: no check of Host or Origin. Never use it to test the firmware.
"""
# SPDX-License-Identifier: MIT
import argparse
import http.server
import json
import math
import os
import random
import socketserver
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript",
         ".svg": "image/svg+xml"}


class Board:
    """Counters that grow with time as if somebody downloaded something now and then."""

    def __init__(self, drops):
        self.drops = drops
        self.button = False
        self.away = 0.0  # until then nobody answers
        self.reset()

    def reset(self):
        self.begin = time.monotonic()
        self.at = 0.0
        self.leds = {"green": True, "orange": False, "red": False, "blue": True}
        self.up = self.down = self.blocks = 0
        self.requests = 0

    def live(self):
        now = time.monotonic() - self.begin
        step, self.at = now - self.at, now
        wave = max(0.0, math.sin(now / 5)) ** 3
        self.up += int(step * (5000 + 900e3 * wave * random.uniform(0.85, 1)))
        self.down += int(step * (900 + 420e3 * max(0.0, math.sin(now / 7 + 2)) ** 5 * random.uniform(0.8, 1)))

    def status(self):
        self.live()
        self.requests += 1
        up, down = self.up // 1100 + 12, self.down // 600 + 17
        drops = {key: 0 for key in ("out_header", "out_length", "out_table", "out_chain", "out_bounds", "out_overlap",
                                    "out_oversize", "out_count", "out_crc", "in_full", "in_down", "in_abort")}
        if self.drops:
            drops.update(out_overlap=3, in_full=1284)
        return {
            "board": "STM32F4DISCOVERY", "chip": "STM32F407VG", "flavour": "bare metal", "version": "0.1.0",
            "serial": "0123456789ABCDEF01234567", "address": "192.168.7.1", "host_address": "192.168.7.2",
            "names": ["plugnet.local", "plugnet-1a2b.local", "plugnet.internal", "plugnet.home.arpa", "www.lwip.home"],
            "uptime_ms": int(self.at * 1000) + 93784, "cpu_permille": 3 + int(140 * abs(math.sin(self.at / 5))),
            "button": self.button, "leds": [{"name": name, "on": on} for name, on in self.leds.items()],
            "dfu": True, "stack": {"used": 1208, "size": 4096},
            "usb": {"link": True, "resets": 1, "setups": 31, "stalls": 0, "out_blocks": down - down // 4, "out_datagrams": down, "out_bytes": self.down,
                    "in_blocks": up // 2 + 6, "in_datagrams": up, "in_bytes": self.up, "out_sequence_jumps": 0,
                    "out_starved": 2, "in_unread": 1, "drops": drops},
            "netif": {"in_place": down - down // 3, "copied": down // 3, "sent": up, "sent_copied": up // 60,
                      "waited": 0, "drops": {"no_memory": 0, "send_full": 0, "arp_forged": 0,
                                             "send_no_memory": 7 if self.drops else 0}},
            "pools": [{"name": name, "size": size, "used": used, "max": most, "errors": errors}
                      for name, size, used, most, errors in
                      (("HEAP", 3072, 128, 1836, 0), ("TCP_PCB", 16, 3, 7, 0), ("TCP_PCB_LISTEN", 4, 3, 3, 0),
                       ("TCP_SEG", 32, 4, 29, 0), ("UDP_PCB", 4, 3, 3, 0), ("PBUF", 24, 2, 11, 0),
                       ("PBUF_POOL", 12, 0, 12, 5 if self.drops else 0), ("SYS_TIMEOUT", 8, 5, 6, 0))],
            "services": {
                "dhcp": {"requests": 2, "offers": 1, "acks": 1, "naks": 0, "declines": 0, "releases": 0, "ignored": 0,
                         "malformed": 0},
                "dns": {"queries": 41, "answered": 4, "no_data": 2, "refused": 35, "malformed": 0, "tcp": 0},
                "mdns": {"queries": 6, "answers": 3, "announcements": 2, "conflicts": 0, "malformed": 0},
                "http": {"connections": 6, "open": 2, "requests": self.requests, "errors": 0, "timeouts": 0,
                         "evicted": 0},
                "iperf": {"open": 0, "runs": 0, "received": 0, "sent": 0},
                "tcp": {"sent": up, "received": down, "dropped": 0, "guarded": 0},
            },
        }


class Control(socketserver.StreamRequestHandler):
    """The commands of host/control.h that a page can feel."""

    def handle(self):
        board = self.server.board
        for line in self.rfile:
            words, answer = line.decode().split(), "ok"
            if words[0] == "button":
                board.button = words[-1] != "0"
            elif words[0] == "leds":
                answer = str(sum(on << led for led, on in enumerate(board.leds.values())))
            elif words[0] in ("unplug", "plug"):
                board.away = math.inf if words[0] == "unplug" else 0.0
            elif words[0] == "reset":
                board.away = time.monotonic() + 1.5
                board.reset()
            else:
                answer = f"error: unknown command '{words[0]}'"
            self.wfile.write(answer.encode() + b"\n")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, code, kind, body):
        if time.monotonic() < self.server.board.away:
            self.close_connection = True
            return
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/api/status":
            return self.answer(200, "application/json", json.dumps(self.server.board.status()).encode())
        path = os.path.join(self.server.site, "index.html" if self.path == "/" else os.path.basename(self.path))
        if not os.path.isfile(path):
            return self.answer(404, "text/plain", b"not found\n")
        with open(path, "rb") as file:
            return self.answer(200, TYPES.get(os.path.splitext(path)[1], "text/plain"), file.read())

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none") or self.path != "/api/leds":
            return self.answer(403, "text/plain", b"forbidden\n")
        change, board = json.loads(body), self.server.board
        board.leds[list(board.leds)[change["led"]]] = change["on"]
        status = board.status()
        answer = {"leds": status["leds"], "button": status["button"]}
        return self.answer(200, "application/json", json.dumps(answer).encode())

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--site", default=os.path.join(ROOT, "app", "site"))
    parser.add_argument("--drops", action="store_true", help="show some drops and refusals")
    parser.add_argument("--control", metavar="PATH", help="a control socket as host/control.h describes, in part")
    options = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    server.site, server.board = options.site, Board(options.drops)
    if options.control:
        control = socketserver.ThreadingUnixStreamServer(options.control, Control)
        control.daemon_threads, control.board = True, server.board
        threading.Thread(target=control.serve_forever, daemon=True).start()
    print(f"http://localhost:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
