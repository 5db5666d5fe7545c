"""Floods and scans of real tools: whatever they do, the board answers at once afterwards: within a
second, or ten of a machine that is busy otherwise."""
# SPDX-License-Identifier: MIT
import re

from lib import QUICK, Board, check, pools, pools_kept, run

SECONDS = 3 if QUICK else 10

board = Board()
state = {}


def begin():
    """begin"""
    board.attach().lease()
    state["pools"] = pools(board)


def well():
    check(board.ping(1), "no answer afterwards")
    check(b"<html" in board.get("/"), "no page afterwards")


def ping_flood():
    """ping -f"""
    text = run("ping", "-f", "-q", "-w", str(SECONDS), "-s", "56", board.address, good=(0, 1))
    text += run("ping", "-f", "-q", "-w", str(SECONDS), "-s", "1472", board.address, good=(0, 1))
    well()
    return "; ".join(re.findall(r"\d+ packets transmitted, \d+ received", text))


def nmap():
    """nmap -T4 -A"""
    text = run("nmap", "-T4", "-A", "-n", "-e", board.name, *(["-F"] if QUICK else []), board.address, limit=400)
    well()
    check(re.search(r"^80/tcp\s+open", text, re.M), text[-300:])
    return "; ".join(line.strip() for line in re.findall(r"^\d+/tcp\s+open.*$", text, re.M))


def hping(*words):
    run("timeout", str(SECONDS), "hping3", "--flood", "-q", "-I", board.name, *words, board.address, good=None)
    well()


def hping_syn():
    """hping3 --flood -S"""
    hping("-S", "-p", "80")


def hping_random():
    """hping3 --flood -S from random addresses"""
    hping("-S", "-p", "80", "--rand-source")


def hping_udp():
    """hping3 --flood --udp"""
    hping("--udp", "-p", "53", "-d", "100")


def hping_icmp():
    """hping3 --flood --icmp, fragments"""
    hping("--icmp", "-d", "3000", "-f")


def kept():
    """the pools are as before"""
    pools_kept(board, state["pools"], 8)  # half-open connections stay for 20 s
    counted = board.status()
    return f"guarded {counted['services']['tcp']['guarded']}, dropped {counted['services']['tcp']['dropped']}"


TESTS = [begin, ping_flood, nmap, hping_syn, hping_random, hping_udp, hping_icmp, kept]
