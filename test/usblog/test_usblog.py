#!/usr/bin/env python3
"""The log's host side: its tool serves the WebUSB page to this machine alone, the page reads records from a mock of WebUSB.

    test/usblog/test_usblog.py          the tool with a real driver: test/vm/guest/usblog.py

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(ROOT, "examples/usblog")


def served():
    """Each file of the page, as a browser asks for it."""
    tool = subprocess.Popen([os.path.join(EXAMPLE, "usblog.py"), "--page", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True)
    try:
        found = re.fullmatch(r"http://localhost:(\d+)/\n", tool.stdout.readline())
        assert found, "it doesn't say where"
        for path, kind in (("/", "text/html"), ("/page.js", "javascript"), ("/usblog.js", "javascript")):
            connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200 and kind in answer.getheader("Content-Type"), f"{path}: {answer.status}"
            with open(os.path.join(EXAMPLE, "webusb", path[1:] or "index.html"), "rb") as file:
                assert answer.read() == file.read(), path
            connection.close()
    finally:
        tool.terminate()
        tool.wait()
        tool.stdout.close()


def main():
    failed = 0
    try:
        served()
        print("ok usblog page: served to localhost")
    except (AssertionError, OSError) as error:
        failed = 1
        print(f"not ok usblog page: served to localhost: {error}")
    if not shutil.which("node"):
        print("skip usblog page in node: no node (package nodejs)")
        return failed
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(os.path.join(EXAMPLE, "webusb/usblog.js"), os.path.join(folder, "usblog.mjs"))
        done = subprocess.run(["node", os.path.join(ROOT, "test/usblog/page_test.mjs"), copy], check=False, timeout=300)
    return failed | done.returncode


if __name__ == "__main__":
    sys.exit(main())
