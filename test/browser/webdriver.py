"""Drives Debian's Chromium through chromedriver: the few WebDriver and DevTools calls that the page test needs.

    with Browser() as browser:
        browser.open("http://localhost:8080/")
        browser.wait(lambda: browser.run("return document.title") != "", 10)
"""
# SPDX-License-Identifier: MIT
import base64
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-default-apps", "--disable-extensions", "--disable-domain-reliability",
         "--no-default-browser-check", "--no-proxy-server", "--hide-scrollbars",
         "--disable-features=OptimizationHints,MediaRouter,Translate,DialMediaRouteProvider"]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class BrowserError(Exception):
    pass


def missing():
    """The package to install, or None."""
    for program, package in (("chromedriver", "chromium-driver"), ("chromium", "chromium")):
        if not shutil.which(program):
            return package
    return None


class Browser:
    """Chromium behind chromedriver. `preferences` of its profile, by their names."""

    def __init__(self, preferences=None):
        self.preferences = preferences or {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="plugnet-browser-")
        self.log = open(os.path.join(self.folder.name, "chromedriver.log"), "w+", encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        environment["HOME"] = self.folder.name
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True, env=environment)
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        self.session = None
        self.port = self.wait(self._port, 30)
        options = {"binary": shutil.which("chromium"), "prefs": self.preferences,
                   "args": FLAGS + ["--user-data-dir=" + os.path.join(self.folder.name, "profile")]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"}}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}}, limit_s=120)
        self.session = answer["sessionId"]
        self.command("POST", "/timeouts", {"pageLoad": 60000, "script": 30000, "implicit": 0})

    def _port(self):
        if self.process.poll() is not None:
            raise BrowserError("chromedriver ended: " + self._said())
        match = re.search(r"started successfully on port (\d+)", self._said())
        return int(match[1]) if match else None

    def _said(self):
        self.log.seek(0)
        return self.log.read()

    def __exit__(self, *_):
        try:
            if getattr(self, "session", None):
                self._call("DELETE", f"/session/{self.session}", limit_s=20)
        except (BrowserError, OSError):
            pass
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.log.close()
        for _ in range(20):  # Chromium's last children may still be writing into it
            try:
                self.folder.cleanup()
                break
            except OSError:
                time.sleep(0.1)

    def _call(self, method, path, body=None, limit_s=90):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=limit_s) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error).get("value", {})
            raise BrowserError(f"{value.get('error')}: {value.get('message', '').splitlines()[0]}") from None

    def command(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def devtools(self, name, **parameters):
        return self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def wait(self, question, limit_s, what="something"):
        """The first true answer of question(), asked until the time is over."""
        end = time.monotonic() + limit_s
        while True:
            answer = question()
            if answer:
                return answer
            if time.monotonic() > end:
                raise BrowserError(f"waited {limit_s} s for {what}")
            time.sleep(0.05)

    def open(self, url):
        self.command("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]); return e && e.textContent", selector)

    def element(self, selector):
        return self.command("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.command("POST", f"/element/{self.element(selector)}/click")

    def keys(self, selector, keys):
        self.command("POST", f"/element/{self.element(selector)}/value", {"text": keys})

    def entries(self, kind):
        """Log entries since the last call: kind "browser" (console) or "performance" (DevTools events)."""
        return self.command("POST", "/se/log", {"type": kind})

    def network(self):
        """(event, parameters) of the network since the last call, as DevTools names them."""
        for entry in self.entries("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"].startswith("Network."):
                yield message["method"][len("Network."):], message["params"]

    def look(self, width, dark):
        """Make the window this wide, and the system's colours light or dark."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1,
                      mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                             clip={"x": 0, "y": 0, "scale": 1, **self.run(
                                 "const e = document.documentElement;"
                                 "return { width: e.clientWidth, height: e.scrollHeight }")})
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))
