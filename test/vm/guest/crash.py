"""A guest that dies with everything under way: run.py kills QEMU when it is asked to, and then asks for the board itself."""
# SPDX-License-Identifier: MIT
import subprocess
import time

from lib import Board, check, run_ask

board = Board()


def dies():
    """in the middle of traffic, both ways"""
    board.attach().lease()
    for words in (["ping", "-q", "-i", "0.002", "-s", "1400", board.address],
                  ["sh", "-c", f"while :; do curl -s -o /dev/null http://{board.address}/; done"]):
        subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)
    check(board.ping(), "no answer under load")
    run_ask("die")
    time.sleep(600)
    check(False, "it wasn't killed")


TESTS = [dies]
