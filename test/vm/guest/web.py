"""Real web clients and a real load."""
# SPDX-License-Identifier: MIT
import json
import re
import subprocess

from lib import QUICK, Board, check, pools, pools_kept, resolv_conf, run, table_find

SECONDS = 5 if QUICK else 30

board = Board()
state = {}


def begin():
    """begin"""
    board.attach().lease()
    # By its name: the board's own DNS server is the guest's only one here.
    resolv_conf(board.address)
    state["pools"] = pools(board)


def page():
    """curl gets the page by name"""
    for name in ("www.lwip.home", "plugnet.home.arpa"):
        text = run("curl", "-sS", "--compressed", "-w", "%{http_code} %{content_type}", f"http://{name}/")
        check("<html" in text and text.endswith("200 text/html; charset=utf-8"), text[-200:])
    return "www.lwip.home, plugnet.home.arpa"


def status():
    """curl gets the status as JSON by name"""
    value = json.loads(run("curl", "-sS", "http://plugnet.home.arpa/api/status"))
    check(value["serial"] == board.serial, f"serial {value['serial']}")
    return value["board"]


def post():
    """curl switches an LED, and is refused where it should be"""
    url = "http://plugnet.home.arpa/api/leds"
    value = json.loads(run("curl", "-sS", "-d", '{"led":0,"on":true}', url))
    check(value["leds"][0]["on"], f"{value}")
    for words, code in ((["-d", "{}"], "400"), (["-H", "Sec-Fetch-Site: cross-site", "-d", "{}"], "403"),
                        (["-H", "Origin: http://evil.example", "-d", "{}"], "403"),
                        (["-H", "Host: evil.example"], "421")):
        got = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", *words, url)
        check(got == code, f"{words}: {got} instead of {code}")


def wrk():
    """wrk, 8 connections"""
    text = run("wrk", "-t", "1", "-c", "8", "-d", f"{SECONDS}s", "--timeout", "5s", f"http://{board.address}/", limit=SECONDS + 60)
    check("Socket errors" not in text and "Non-2xx" not in text, text)
    requests = int(table_find(text, r"(\d+) requests in")[1])
    check(requests > SECONDS, f"{requests} requests")
    return f"{requests} requests in {SECONDS} s, no error, no timeout"


def wrk_status():
    """wrk on /api/status, 8 connections"""
    text = run("wrk", "-t", "1", "-c", "8", "-d", f"{max(SECONDS // 3, 3)}s", "--timeout", "5s",
               f"http://{board.address}/api/status", limit=SECONDS + 60)
    check("Socket errors" not in text and "Non-2xx" not in text, text)
    return table_find(text, r"\d+ requests in [\d.]+s")[0]


def iperf_up():
    """iperf sends to the board"""
    text = run("iperf", "-c", board.address, "-t", "10", "-f", "k", limit=60)
    rate = float(table_find(text, r"([\d.]+) Kbits/sec")[1])
    check(rate > 0 and not re.search("fail|refused|reset", text, re.I), text)
    return f"{rate:.0f} kbit/s, which is the guest's and no figure of the board"


def iperf_down():
    """the board sends to iperf (tradeoff)"""
    text = run("iperf", "-c", board.address, "-t", "5", "-f", "k", "-r", limit=60)
    rates = [float(rate) for rate in re.findall(r"([\d.]+) Kbits/sec", text)]
    check(len(rates) >= 2 and all(rates) and not re.search("fail|refused|reset", text, re.I), text)
    return ", ".join(f"{rate:.0f}" for rate in rates) + " kbit/s"


def kept():
    """the pools are as before, TCP saw no reset of ours"""
    pools_kept(board, state["pools"])
    resets = run("sh", "-c", "awk '/^Tcp:/ && $2 ~ /[0-9]/ { print $8 }' /proc/net/snmp", quiet=True)
    ports = subprocess.run(["ss", "-tn", "dst", board.address], capture_output=True, text=True).stdout
    return f"EstabResets {resets.strip()}, {len(ports.splitlines()) - 1} connections left"


TESTS = [begin, page, status, post, wrk, wrk_status, iperf_up, iperf_down, kept]
