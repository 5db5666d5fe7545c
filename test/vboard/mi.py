"""gdb-multiarch by its machine interface, as an IDE drives it. Used by test_ide.py.

    with Mi(folder) as mi:
        mi.all(["gdb-set mi-async on", …])           sent at once, as Cortex-Debug does; each must be done
        stop = mi.until_stopped()                    the next one that wasn't taken yet
"""
# SPDX-License-Identifier: MIT
import queue
import re
import subprocess
import threading
import time

LIMIT_S = 120  # for one answer; it takes tenths of a second


class Mi:
    def __init__(self, folder):
        self.process = subprocess.Popen(["gdb-multiarch", "-q", "--interpreter=mi2", "-nx"], cwd=folder, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        self.token = 0
        self.lines = queue.Queue()
        self.said = []  # all of it
        self.results = {}
        self.stops = []
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def _take(self, until):
        end = time.monotonic() + LIMIT_S
        while not until():
            try:
                line = self.lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no answer of GDB after {self.said[-12:]}") from None
            if line is None:
                raise AssertionError(f"GDB ends: {self.said[-12:]}")
            self.said.append(line)
            if match := re.match(r"(\d+)\^(\w+)(.*)", line):
                self.results[int(match[1])] = (match[2], match[3])
            elif line.startswith("*stopped"):
                self.stops.append(line)

    def send(self, command):
        self.token += 1
        self.process.stdin.write(f"{self.token}-{command}\n")
        self.process.stdin.flush()
        return self.token

    def all(self, commands):
        """None of them may be an error; the answer to the last one."""
        tokens = [(self.send(command), command) for command in commands]
        for token, command in tokens:
            self._take(lambda: token in self.results)
            assert self.results[token][0] != "error", f"{command}: {self.results[token][1]}"
        return self.results[tokens[-1][0]][1]

    def one(self, command):
        return self.all([command])

    def refused(self, command):
        token = self.send(command)
        self._take(lambda: token in self.results)
        assert self.results[token][0] == "error", f"{command}: {self.results[token]}"
        return self.results[token][1]

    def console(self, command):
        """What a command of GDB's own prints."""
        before = len(self.said)
        self.one(f'interpreter-exec console "{command}"')
        lines = [line for line in self.said[before:] if line.startswith(('~"', '@"'))]
        return "".join(line[2:-1].replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"') for line in lines)

    def until_stopped(self, reason):
        self._take(lambda: self.stops)
        stop = self.stops.pop(0)
        assert f'reason="{reason}"' in stop, f"{stop}, not {reason}"
        return stop

    def value(self, expression):
        answer = self.one(f'data-evaluate-expression "{expression}"')
        return re.match(r',value="(.*)"$', answer)[1]
