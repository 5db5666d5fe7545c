#!/usr/bin/env python3
"""A wire between QEMU's guestfwd (standard input and output) and a local TCP port: one process for each connection.

    test/vm/relay.py PORT

Ends when either side ends.
"""
# SPDX-License-Identifier: MIT
import os
import select
import socket
import sys


def pass_on(source, write):
    """Move what is there. False: this side has ended."""
    try:
        data = os.read(source, 65536)
        while data:
            data = data[write(data):]
            if not data:
                return True
    except OSError:
        pass
    return False


def main():
    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10) as server:
        server.settimeout(None)
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        alive = True
        while alive:
            ready, _, _ = select.select([0, server], [], [])
            if 0 in ready:
                alive = pass_on(0, server.send)
            if alive and server in ready:
                alive = pass_on(server.fileno(), lambda data: os.write(1, data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
