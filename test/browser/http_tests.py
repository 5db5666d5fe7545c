"""What the web server must answer, asked with curl, and with a bare socket where curl is too polite."""
# SPDX-License-Identifier: MIT
import contextlib
import gzip
import json
import re
import socket
import subprocess
import urllib.parse

ANSWER_S = 300


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:60]!r}"


def head_parse(head):
    lines = head.decode("latin-1").split("\r\n")
    version, status = lines[0].split(" ")[:2]
    assert version == "HTTP/1.1", f"status line {lines[0]!r}"
    headers = {}
    for line in lines[1:]:
        name, value = line.split(":", 1)
        assert name.lower() not in headers, f"header {name} twice"
        headers[name.lower()] = value.strip()
    cors = [name for name in headers if name.startswith("access-control-")]
    assert not cors, f"CORS headers: {cors}"
    return int(status), headers


def curl(site, path, *options):
    """One request; the body as it came, not unpacked."""
    done = subprocess.run(["curl", "--silent", "--show-error", "--include", "--path-as-is", "--noproxy", "*", "--max-time",
                           str(ANSWER_S), *options, site.url.rstrip("/") + path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=ANSWER_S + 10)
    assert done.returncode == 0, f"curl: {done.stderr.decode(errors='replace').strip()}"
    rest = done.stdout
    while True:  # 100 Continue comes before the answer
        head, _, rest = rest.partition(b"\r\n\r\n")
        status, headers = head_parse(head)
        if status != 100:
            return Answer(status, headers, rest)


class Socket:
    """A connection on which anything can be said."""

    def __init__(self, site):
        parts = urllib.parse.urlsplit(site.url)
        self.host = parts.netloc
        self.socket = socket.create_connection(("127.0.0.1", parts.port), ANSWER_S)
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, text, **fields):
        try:
            self.socket.sendall(text.replace("\n", "\r\n").format(host=self.host, **fields).encode("latin-1"))
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused already; the answer may still be there

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        assert data, f"the connection ended after {self.got!r}"
        self.got += data

    def answer(self, head=False):
        while b"\r\n\r\n" not in self.got:
            self._more()
        top, _, self.got = self.got.partition(b"\r\n\r\n")
        status, headers = head_parse(top)
        body = b""
        if head or status in (204, 304) or status == 100:
            pass
        elif headers.get("transfer-encoding") == "chunked":
            while True:
                size = int(self._line(), 16)
                body += self._bytes(size)
                assert self._line() == "", "a chunk doesn't end"
                if size == 0:
                    break
        else:
            body = self._bytes(int(headers["content-length"]))
        return Answer(status, headers, body)

    def _line(self):
        while b"\r\n" not in self.got:
            self._more()
        line, _, self.got = self.got.partition(b"\r\n")
        return line.decode("latin-1")

    def _bytes(self, size):
        while len(self.got) < size:
            self._more()
        data, self.got = self.got[:size], self.got[size:]
        return data

    def closed(self):
        """True when the server closes, with nothing more to say."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def say(site, text, **fields):
    with Socket(site) as connection:
        connection.say(text, **fields)
        return connection.answer()


def expect(answer, *statuses):
    assert answer.status in statuses, f"{answer} instead of {statuses}"
    return answer


LED_ON = '{"led":0,"on":true}'
POST = ["--header", "Content-Type: application/json"]


# ---- Pages ----

def test_page(site):
    page = expect(curl(site, "/", "--header", "Accept-Encoding: gzip"), 200)
    assert page.headers["content-type"] == "text/html; charset=utf-8", page
    assert page.headers["content-encoding"] == "gzip" and page.headers["etag"], page
    assert int(page.headers["content-length"]) == len(page.body), page
    assert "default-src 'self'" in page.headers["content-security-policy"], page
    assert page.headers["cache-control"] == "no-cache" and page.headers["x-content-type-options"] == "nosniff", page
    assert b"<title>plugnet" in gzip.decompress(page.body)
    done = subprocess.run(["curl", "--silent", "--compressed", "--noproxy", "*", "--max-time", str(ANSWER_S), site.url],
                          stdout=subprocess.PIPE, timeout=ANSWER_S + 10, check=True)
    assert done.stdout.startswith(b"<!doctype html>"), "curl --compressed gets the page"


def test_everything_the_page_names(site):
    page = gzip.decompress(curl(site, "/", "--header", "Accept-Encoding: gzip").body).decode()
    names = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(names) >= 3, names
    for name in names:
        assert "://" not in name and not name.startswith("//"), f"{name} is elsewhere"
        answer = expect(curl(site, "/" + name.lstrip("/")), 200)
        kind = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}.get(name.rsplit(".")[-1],
                                                                                    "application/json")
        assert answer.headers["content-type"].startswith(kind), answer


def test_head(site):
    get, head = curl(site, "/"), expect(curl(site, "/", "--head"), 200)
    assert head.body == b"" and head.headers == get.headers, f"{head.headers} and {get.headers}"
    head = expect(curl(site, "/api/status", "--head"), 200)
    assert head.body == b"" and head.headers["content-type"] == "application/json", head
    assert expect(curl(site, "/absent", "--head"), 404).body == b""


def test_not_modified(site):
    etag = curl(site, "/app.js").headers["etag"]
    for value in (etag, "W/" + etag, '"other", ' + etag, "*"):
        answer = expect(curl(site, "/app.js", "--header", "If-None-Match: " + value), 304)
        assert answer.body == b"" and answer.headers["etag"] == etag, answer
    expect(curl(site, "/app.js", "--header", 'If-None-Match: "other"'), 200)


def test_query_and_percent(site):
    expect(curl(site, "/?x=1&y=%20"), 200)
    expect(curl(site, "/%61pp.js"), 200)
    expect(curl(site, "/api%2fstatus"), 200, 404)
    expect(curl(site, "/%zz"), 400)
    expect(curl(site, "/%6"), 400)
    expect(curl(site, "/%00"), 400, 404)
    expect(curl(site, "/../../etc/passwd"), 400, 404)


def test_accept_encoding(site):
    """Field case 03: who excludes gzip gets it never, but what is small plain, and else the reason."""
    packed = expect(curl(site, "/", "--header", "Accept-Encoding: gzip"), 200)
    for value in ("identity", "gzip;q=0", "identity;q=1, *;q=0"):
        answer = expect(curl(site, "/app.js", "--header", "Accept-Encoding: " + value), 406)
        assert b"gzip" in answer.body and answer.headers["vary"] == "Accept-Encoding", answer
        answer = expect(curl(site, "/favicon.svg", "--header", "Accept-Encoding: " + value), 200)
        assert "content-encoding" not in answer.headers and answer.body.startswith(b"<svg"), answer
        answer = expect(curl(site, "/", "--header", "Accept-Encoding: " + value), 200)
        assert "content-encoding" not in answer.headers and answer.body == gzip.decompress(packed.body), answer
        assert answer.headers["vary"] == "Accept-Encoding" and answer.headers["etag"] != packed.headers["etag"], answer
        json.loads(expect(curl(site, "/api/status", "--header", "Accept-Encoding: " + value), 200).body)
    assert packed.headers["vary"] == "Accept-Encoding", packed
    assert expect(curl(site, "/"), 200).body == packed.body, "who says nothing accepts any"


def test_preconditions(site):
    """Field case 09: 304 has the Vary of 200; If-Match holds for GET, too."""
    etag = curl(site, "/app.js").headers["etag"]
    answer = expect(curl(site, "/app.js", "--header", "If-None-Match: " + etag), 304)
    assert answer.headers["vary"] == "Accept-Encoding", answer
    long = '"' + "x" * 70 + '", '
    expect(curl(site, "/app.js", "--header", "If-None-Match: " + long + etag), 304)
    expect(curl(site, "/app.js", "--header", 'If-Match: "nope"'), 412)
    expect(curl(site, "/app.js", "--header", "If-Match: " + long + etag), 200)


# ---- Refusals ----

def test_not_found(site):
    for path in ("/absent", "/api", "/api/", "/api/status/", "/api/statusx", "/APP.JS", "/.", "/app.js/"):
        expect(curl(site, path), 404)


def test_method_not_allowed(site):
    for method, path in (("POST", "/"), ("PUT", "/app.js"), ("DELETE", "/api/status"), ("PATCH", "/api/leds"),
                         ("POST", "/api/status")):
        answer = expect(curl(site, path, "--request", method, *POST), 405, 501)
        if answer.status == 405:
            assert answer.headers.get("allow"), f"{method} {path}: {answer}"
    answer = expect(curl(site, "/api/leds", "--request", "OPTIONS"), 204)
    assert answer.headers.get("allow") == "GET, HEAD, POST, OPTIONS", answer


def test_host(site):
    for host in ("localhost", "localhost:1", "127.0.0.1", "127.0.0.1:65535", "[::1]:80", "LocalHost", "app.localhost:1", "[0:0:0:0:0:0:0:1]:80",
                 "plugnet.home.arpa", "plugnet.internal", "plugnet.local", "plugnet.local:80", site.status()["address"]):
        expect(curl(site, "/api/status", "--header", "Host: " + host), 200)
    for host in ("evil.example", "localhost.evil.example", "xlocalhost", "127.0.0.2", "plugnet.home.arpa.evil.example",
                 "192.0.2.1", "a" * 90 + ".example", "a" * 300 + ".example"):
        expect(curl(site, "/api/status", "--header", "Host: " + host), 421)
    expect(say(site, "GET / HTTP/1.1\n\n"), 400)
    expect(say(site, "GET / HTTP/1.1\nHost: localhost\nHost: localhost\n\n"), 400)
    expect(say(site, "GET / HTTP/1.1\nHost: localhost\nHost: evil.example\n\n"), 400)


def test_origin(site):
    host = urllib.parse.urlsplit(site.url).netloc
    good = ("http://" + host,)
    bad = ("http://evil.example", "null", "http://localhost.evil.example", "http://" + host + ".evil.example",
           "http://localhost:1", "http://evil.example:" + host.split(":")[1], "")
    before = site.leds_ours()
    for origin in bad:
        answer = curl(site, "/api/leds", *POST, "--header", "Origin: " + origin if origin else "Origin;", "--data",
                      json.dumps({"led": 0, "on": not before[0]}))
        expect(answer, 403)
    assert site.leds_ours() == before, "a foreign page has switched an LED"
    # Field case 05: Origin without its port, where the browser calls the page the same origin.
    expect(curl(site, "/api/leds", *POST, "--header", "Origin: http://localhost", "--header", "Sec-Fetch-Site: same-origin",
                "--data", LED_ON), 200)
    expect(curl(site, "/api/leds", *POST, "--header", "Host: plugnet.local:80", "--header", "Origin: http://plugnet.local",
                "--data", LED_ON), 200)
    for origin in good:
        expect(curl(site, "/api/leds", *POST, "--header", "Origin: " + origin, "--data", LED_ON), 200)
    expect(curl(site, "/api/leds", *POST, "--data", LED_ON), 200)
    for fetch_site in ("cross-site", "same-site"):
        expect(curl(site, "/api/leds", *POST, "--header", "Sec-Fetch-Site: " + fetch_site, "--data", LED_ON), 403)
    expect(curl(site, "/api/leds", *POST, "--header", "Host: evil.example", "--data", LED_ON), 421)
    site.led_set(0, before[0])


def test_bad_requests(site):
    for text in ("GET\n\n", "GET /\n\n", "GET / HTTP/2.0\n\n", " GET / HTTP/1.1\nHost: localhost\n\n",
                 "GET / HTTP/1.1\nHost : localhost\n\n", "GET / HTTP/1.1\nHost: localhost\nbad line\n\n",
                 "GET / HTTP/1.1\nHost: localhost\n folded: x\n\n",
                 "GET absent HTTP/1.1\nHost: localhost\n\n", "\x16\x03\x01\x02\x00\x01\x00\n\n"):
        with Socket(site) as connection:
            connection.say(text)
            expect(connection.answer(), 400, 405, 501, 505)


def test_header_limits(site):
    expect(curl(site, "/", "--header", "X-Long: " + "x" * 2000), 200)
    expect(say(site, "GET / HTTP/1.1\nHost: {host}\nX-Long: {long}\n\n", long="x" * 9000), 200)
    expect(say(site, "GET / HTTP/1.1\nHost: {host}\n{many}\n", many="X: y\n" * 1000), 200)
    expect(say(site, "GET / HTTP/1.1\nHost: {host}\nX-Long: {long}\n\n", long="x" * 66000), 431)
    for size in (1000, 8119, 16000, 60000):  # field case 01: cookies of every program on localhost
        expect(say(site, "GET /api/status HTTP/1.1\nHost: {host}\nCookie: a={long}\n\n", long="x" * size), 200)
    expect(say(site, "GET /{long} HTTP/1.1\nHost: {host}\n\n", long="x" * 9000), 414)
    expect(curl(site, "/" + "x" * 400), 404, 414)


# ---- POST ----

def test_leds(site):
    before = site.leds_ours()
    for led in range(len(before)):
        for on in (True, False, before[led]):
            answer = expect(curl(site, "/api/leds", *POST, "--data", json.dumps({"led": led, "on": on})), 200)
            assert [item["on"] for item in json.loads(answer_body(answer))["leds"]][led] == on
            assert site.leds()[led] == on
    assert site.leds_ours() == before


def answer_body(answer):
    """curl has undone the chunks."""
    return answer.body


def test_bad_json(site):
    for body in ("", "x", "[]", "{", '{"led":1}', '{"on":true}', '{"led":"1","on":true}', '{"led":1,"on":1}',
                 '{"led":-1,"on":true}', '{"led":1,"on":true,"x":1}', '{"led":1,"on":true} x',
                 '{"led":1,"led":1,"on":true}', '{"led":1.5,"on":true}', "\x00"):
        expect(curl(site, "/api/leds", *POST, "--data-raw", body) if body and "\x00" not in body else
               say(site, "POST /api/leds HTTP/1.1\nHost: {host}\nContent-Length: {n}\n\n{body}",
                   n=len(body), body=body), 400)
    for led in (len(site.leds()), 99, 4294967295, 4294967296, 10**30):
        expect(curl(site, "/api/leds", *POST, "--data", f'{{"led":{led},"on":true}}'), 400, 404)
    expect(curl(site, "/api/leds", *POST, "--data", ' {\n"on" : true ,\t"led" : 0 }\n'), 200)


def test_body_too_large(site):
    body = LED_ON + " " * 200
    expect(curl(site, "/api/leds", *POST, "--data", body), 413)
    expect(curl(site, "/api/leds", *POST, "--header", "Transfer-Encoding: chunked", "--data", body), 413)
    expect(say(site, "POST /api/leds HTTP/1.1\nHost: {host}\nContent-Length: 4294967297\n\n"), 400, 413)
    expect(say(site, "POST /api/leds HTTP/1.1\nHost: {host}\nContent-Length: 99999999999999999999\n\n"),
           400, 413)


def test_chunked(site):
    before = site.leds_ours()
    answer = curl(site, "/api/leds", *POST, "--header", "Transfer-Encoding: chunked", "--data",
                  json.dumps({"led": 0, "on": not before[0]}))
    expect(answer, 200)
    assert site.leds()[0] != before[0]
    pieces = "".join(f"1;x=y\n{char}\n" for char in '{{"led":0,"on":')
    pieces = pieces.replace("1;x=y\n{\n1;x=y\n{\n", "1;x=y\n{{\n")  # str.format in say()
    text = ("POST /api/leds HTTP/1.1\nHost: {{host}}\nTransfer-Encoding: chunked\n\n"
            + pieces.replace("{{", "{{{{") + "{n:x}\n{value}}}}}\n0\nTrailer: x\n\n")
    value = "true" if before[0] else "false"
    expect(say(site, text.format(n=len(value) + 1, value=value)), 200)
    assert site.leds_ours() == before
    for bad in ("Transfer-Encoding: chunked\n\nx\n", "Transfer-Encoding: chunked\n\n-1\n",
                "Transfer-Encoding: chunked\nContent-Length: 5\n\n0\n\n", "Transfer-Encoding: gzip\n\n",
                "Content-Length: 5\nContent-Length: 6\n\nhello", "Content-Length: x\n\n", "Content-Length: -1\n\n",
                "Content-Length: 1,1\n\nx", "Transfer-Encoding: chunked\n\nffffffffff\n"):
        expect(say(site, "POST /api/leds HTTP/1.1\nHost: {host}\n{bad}", bad=bad), 400, 413, 501)


def test_expect_continue(site):
    with Socket(site) as connection:
        connection.say("POST /api/leds HTTP/1.1\nHost: {host}\nContent-Length: {n}\n"
                       "Expect: 100-continue\n\n", n=len(LED_ON))
        expect(connection.answer(), 100)
        connection.socket.sendall(LED_ON.encode())
        expect(connection.answer(), 200)


def test_expect_of_http_1_0(site):
    """Field case 02: HTTP/1.0 knows no interim answers."""
    with Socket(site) as connection:
        connection.say("POST /api/leds HTTP/1.0\nHost: {host}\nContent-Length: {n}\n"
                       "Expect: 100-continue\n\n", n=len(LED_ON))
        connection.socket.settimeout(1)
        try:
            early = connection.socket.recv(100)
        except TimeoutError:
            early = b""
        assert early == b"", early
        connection.socket.settimeout(ANSWER_S)
        connection.socket.sendall(LED_ON.encode())
        data = b""
        while piece := connection.socket.recv(65536):
            data += piece
        assert data.startswith(b"HTTP/1.1 200 "), data


# ---- Connections ----

def test_keep_alive(site):
    with Socket(site) as connection:
        for _ in range(5):
            connection.say("GET /app.js HTTP/1.1\nHost: {host}\n\n")
            expect(connection.answer(), 200)
            connection.say("HEAD / HTTP/1.1\nHost: {host}\n\n")
            expect(connection.answer(head=True), 200)
            connection.say("GET /absent HTTP/1.1\nHost: {host}\n\n")
            expect(connection.answer(), 404)
            connection.say("POST /api/leds HTTP/1.1\nHost: {host}\nContent-Length: 3\n\nabc")
            if expect(connection.answer(), 400).headers.get("connection", "") == "close":
                break


def test_pipelined(site):
    with Socket(site) as connection:
        connection.say("GET /api/status HTTP/1.1\nHost: {host}\n\nGET /style.css HTTP/1.1\nHost: {host}\n\n"
                       "HEAD / HTTP/1.1\nHost: {host}\n\nGET /absent HTTP/1.1\nHost: {host}\nConnection: close\n\n")
        kinds = [connection.answer().headers["content-type"] for _ in range(2)]
        assert kinds[0] == "application/json" and kinds[1].startswith("text/css"), kinds
        expect(connection.answer(head=True), 200)
        expect(connection.answer(), 404)
        assert connection.closed()


def test_close(site):
    for text in ("GET / HTTP/1.1\nHost: {host}\nConnection: close\n\n",
                 "GET / HTTP/1.1\nHost: {host}\nConnection: foo, Close\n\n", "GET / HTTP/1.0\nHost: {host}\n\n"):
        with Socket(site) as connection:
            connection.say(text)
            expect(connection.answer(), 200)
            assert connection.closed(), text


def test_http_1_0_json(site):
    """HTTP/1.0 knows no chunks: the body ends with the connection."""
    with Socket(site) as connection:
        connection.say("GET /api/status HTTP/1.0\nHost: {host}\n\n")
        data = b""
        while piece := connection.socket.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    status, headers = head_parse(head)
    assert status == 200 and "transfer-encoding" not in headers, headers
    json.loads(body)


def test_byte_by_byte(site):
    with Socket(site) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for char in "GET /api/status?x=%20 HTTP/1.1\nHost: localhost\nX-A:  b \n\n":
            connection.say(char)
        json.loads(expect(connection.answer(), 200).body)


def test_twelve_connections(site):
    connections = [Socket(site) for _ in range(12)]
    try:
        for connection in connections:
            connection.say("GET /api/status HTTP/1.1\nHost: {host}\n\n")
        for connection in connections:
            json.loads(expect(connection.answer(), 200).body)
        for connection in reversed(connections):
            connection.say("GET /app.js HTTP/1.1\nHost: {host}\n\n")
            gzip.decompress(expect(connection.answer(), 200).body)
    finally:
        for connection in connections:
            connection.__exit__()
    expect(curl(site, "/"), 200)


def test_idle_connections_make_room(site):
    """A new request is served although more connections than the board has sit there and say nothing. Some of those may be reset
    before we look at them: they make room."""
    idle = []
    try:
        for _ in range(20):
            with contextlib.suppress(ConnectionResetError):
                idle.append(Socket(site))
        expect(curl(site, "/api/status"), 200)
    finally:
        for connection in idle:
            connection.__exit__()


# ---- JSON ----

def test_status(site):
    answer = expect(curl(site, "/api/status"), 200)
    assert answer.headers["content-type"] == "application/json", answer
    assert answer.headers["cache-control"] == "no-store", answer
    one, two = json.loads(answer.body), site.status()
    for name, kind in (("board", str), ("chip", str), ("flavour", str), ("version", str), ("serial", str),
                       ("address", str), ("host_address", str), ("names", list), ("uptime_ms", int),
                       ("cpu_permille", int), ("button", bool), ("leds", list), ("stack", dict), ("usb", dict),
                       ("netif", dict), ("pools", list), ("services", dict)):
        assert isinstance(one[name], kind), f"{name}: {one.get(name)!r}"
    assert re.fullmatch(r"\d+\.\d+\.\d+", one["version"]), one["version"]
    assert re.fullmatch(r"[0-9A-F]{24}", one["serial"]), one["serial"]
    assert two["uptime_ms"] > one["uptime_ms"], "time moves"
    for name in ("in_datagrams", "out_datagrams", "in_blocks", "out_blocks", "in_bytes", "out_bytes"):
        assert two["usb"][name] > one["usb"][name], f"{name} moves"
    assert len(one["usb"]["drops"]) >= 12 and one["usb"]["link"] is True
    assert 0 <= one["cpu_permille"] <= 1000
    for pool in one["pools"]:
        assert pool["used"] <= pool["max"] <= pool["size"], pool
    assert two["services"]["http"]["requests"] > one["services"]["http"]["requests"]


TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]
