"""Whatever a user or a driver may do again and again: after each round the board is reachable, and nothing leaks."""
# SPDX-License-Identifier: MIT
import subprocess

from lib import QUICK, Board, check, pools, pools_kept, read

ROUNDS = 5 if QUICK else 50

board = Board()
state = {}


def begin():
    """begin"""
    board.attach().lease()
    board.reachable()
    state["pools"] = pools(board)


def up_and_down():
    """interface up and down under traffic"""
    traffic = subprocess.Popen(["sh", "-c", f"while :; do ping -q -i 0.02 -w 2 -s 1400 {board.address}; "
                                            f"curl -s -m 2 -o /dev/null http://{board.address}/; done"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(ROUNDS):
            board.down()
            board.back()
    finally:
        traffic.kill()
        traffic.wait()
    pools_kept(board, state["pools"])
    # Linux ends transfers that are under way when the interface goes down: half a block, and what comes next with it.
    state["cut"] = board.status()["usb"]["drops"]["out_length"]
    check(state["cut"] <= ROUNDS, f"{state['cut']} blocks of a wrong length")
    return f"{ROUNDS} times, {state['cut']} blocks cut"


def unbind_and_bind():
    """driver unbound and bound"""
    for _ in range(ROUNDS):
        board.rebind()
    pools_kept(board, state["pools"])
    return f"{ROUNDS} times"


def resets():
    """USBDEVFS_RESET"""
    before = board.status()["usb"]["setups"]
    for _ in range(ROUNDS):
        board.bus_reset()
    pools_kept(board, state["pools"])
    return f"{ROUNDS} times, {board.status()['usb']['setups'] - before} SETUPs"


def attaches():
    """detach and attach"""
    mac, before = board.mac, board.status()["usb"]["resets"]
    for _ in range(ROUNDS):
        board.detach()
        board.attach()
        board.back()
    pools_kept(board, state["pools"])
    assert board.mac == mac
    return f"{ROUNDS} times, {board.status()['usb']['resets'] - before} bus resets"


def drops():
    """nothing was refused or lost at the board"""
    counted = {name: value for name, value in board.status()["usb"]["drops"].items()
               if value > (state["cut"] if name == "out_length" else 0) and name not in ("in_down", "in_abort")}
    assert not counted, counted
    assert read(f"/sys/class/net/{board.name}/statistics/rx_errors") == "0"


TESTS = [begin, up_and_down, unbind_and_bind, resets, attaches, drops]
