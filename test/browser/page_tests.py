"""The page in Chromium: live figures, LEDs, the button, and nothing asked of anybody but the board."""
# SPDX-License-Identifier: MIT
import os
import time
import urllib.parse

WAIT_S = 200  # generous: the machine may be busy


class Page:
    """The open page, its board, and where screenshots go."""

    def __init__(self, browser, board, shots, name):
        self.browser, self.board, self.shots, self.name = browser, board, shots, name
        self.asked = []
        self.console = []

    def collect(self):
        """Take what the browser's logs hold: URLs asked for, in order, and the most at one time."""
        asked, flying, most = [], set(), 0
        for event, parameters in self.browser.network():
            if event == "requestWillBeSent":
                asked.append(parameters["request"]["url"])
                flying.add(parameters["requestId"])
                most = max(most, len(flying))
            elif event in ("loadingFinished", "loadingFailed"):
                flying.discard(parameters["requestId"])
        self.asked += asked
        self.console += [entry["message"] for entry in self.browser.entries("browser")]
        return asked, most

    def wait(self, question, what):
        return self.browser.wait(question, WAIT_S, what)

    def live(self):
        return self.wait(lambda: self.browser.run("return document.querySelector('#state').dataset.state") == "live",
                         "the page to be live")

    def checked(self, led):
        return self.browser.run("return document.querySelectorAll('#leds button')[arguments[0]]"
                                ".getAttribute('aria-checked') === 'true'", led)


class Skip(Exception):
    pass


def control_needed(page):
    if not page.board.control:
        raise Skip("no control socket")


def test_opens(page):
    page.browser.look(1280, False)
    page.browser.open("about:blank")
    page.collect()
    page.asked, page.console = [], []
    page.browser.open(page.board.url)
    page.live()


def test_board_is_named(page):
    status = page.board.status()
    assert page.browser.text("#board") == status["board"]
    assert page.browser.text("#chip") == status["chip"]
    assert page.browser.text("#version") == status["version"]
    assert status["flavour"] in page.browser.text("#flavour")
    assert page.browser.run("return document.title") == status["board"] + " · plugnet"
    facts = page.browser.text("#facts")
    for wanted in [status["address"], status["serial"], *status["names"]]:
        assert wanted in facts, f"{wanted} is not in {facts}"


def test_figures_move(page):
    for selector in ("#cable tr:nth-child(1) td:nth-child(2) span", "#cable tr:nth-child(2) td:nth-child(3) span",
                     "#flavour", "#trace .up"):
        def look():
            return page.browser.run("const e = document.querySelector(arguments[0]);"
                                    "return e.getAttribute('d') || e.textContent", selector)
        before = look()
        page.wait(lambda: look() != before, f"{selector} to change from {before!r}")
    page.wait(lambda: float(page.browser.text("#up").replace(",", "") or 0) > 0, "a rate")
    assert float(page.browser.text("#cpu")) <= 100


def test_everything_is_there(page):
    status = page.board.status()
    assert page.browser.run("return document.querySelectorAll('#drops div').length") >= len(status["usb"]["drops"])
    assert page.browser.run("return document.querySelectorAll('#pools .pool').length") == len(status["pools"]) + 1
    assert page.browser.run("return document.querySelectorAll('#services dt').length") == len(status["services"])
    hidden = page.browser.run("return document.querySelector('#tasks').hidden")
    assert hidden == ("tasks" not in status), f"tasks hidden: {hidden}"
    shown = page.browser.text("#threads")
    for task in status.get("tasks", []):
        assert task["name"] in shown, f"{task['name']} is not in {shown!r}"
        assert not task["stack"] or 0 < task["stack_left"] < task["stack"], task
    shares = sum(task["cpu_permille"] for task in status.get("tasks", []))
    assert "IDLE" not in shown or 980 <= shares <= 1010, status["tasks"]  # a process has no idle task, and no shares
    text = page.browser.text("body")
    assert "NaN" not in text and "undefined" not in text and "[object" not in text, text


def test_led_by_click(page):
    for led, was in enumerate(page.board.leds_ours()):
        page.browser.click(f"#leds button:nth-child({led + 1})")
        page.wait(lambda: page.checked(led) != was, f"LED {led} on the page")
        assert page.board.leds()[led] != was, f"LED {led} of the board"
    leds = page.board.leds_ours()
    if page.board.control:
        lit = leds_lit(page)[:len(leds)]
        assert lit == leds, f"the board's pins say {lit}, its status {leds}"


def leds_lit(page):
    """The LEDs as the control socket sees them: one bit for each."""
    lit = int(page.board.ask("leds"))
    return [bool(lit >> led & 1) for led in range(len(page.board.leds()))]


def test_led_by_keyboard(page):
    was = page.checked(0)
    page.browser.keys("#leds button:nth-child(1)", " ")
    page.wait(lambda: page.checked(0) != was, "the LED after the space bar")
    page.wait(lambda: page.board.leds()[0] != was, "the LED itself")
    page.browser.keys("#leds button:nth-child(1)", "\ue007")
    page.wait(lambda: page.checked(0) == was, "the LED after the enter key")


def test_led_from_elsewhere(page):
    led = len(page.board.leds_ours()) - 1
    was = page.checked(led)
    page.board.led_set(led, not was)
    page.wait(lambda: page.checked(led) != was, "an LED that somebody else has switched")


def test_button(page):
    control_needed(page)
    assert page.browser.text("#button") == "released"
    page.board.ask("button 1")
    try:
        page.wait(lambda: page.browser.text("#button") == "pressed", "the pressed button")
        assert page.browser.run("return document.querySelector('#cap').className") == "down"
    finally:
        page.board.ask("button 0")
    page.wait(lambda: page.browser.text("#button") == "released", "the released button")


def test_lost_and_regained(page):
    control_needed(page)
    page.board.ask("unplug")
    page.wait(lambda: page.browser.run("return document.body.className") == "lost", "the lost connection")
    page.browser.screenshot(os.path.join(page.shots, f"{page.name}-lost.png"))
    page.board.ask("plug")
    page.live()
    assert page.browser.run("return document.body.className") == ""
    forget_failures(page)


def forget_failures(page):
    """The browser itself reports what it could not load while the board was away."""
    page.console += [entry["message"] for entry in page.browser.entries("browser")]
    page.console = [text for text in page.console if "net::ERR" not in text]


def test_board_reset(page):
    """The board is back within half a second: the page may see a lost connection, or only a younger board."""
    control_needed(page)
    before = page.board.status()["uptime_ms"]
    page.board.ask("reset")
    page.wait(lambda: 0 < uptime_shown_s(page) < before // 1000, "the page to show a younger board")
    after = page.board.answers()["uptime_ms"]
    page.live()
    assert after < before, f"uptime {before} ms before the reset, {after} ms after"
    test_figures_move(page)
    forget_failures(page)


def uptime_shown_s(page):
    hours, minutes, seconds = page.browser.text("#flavour").rsplit(" ", 1)[1].split(":")
    return (int(hours) * 60 + int(minutes)) * 60 + int(seconds)


def update_asked(page, answer):
    """Press the button, and the dialog's button number `answer`."""
    page.browser.click("#update")
    page.wait(lambda: page.browser.run("return document.querySelector('#leave').open"), "the dialog")
    page.browser.screenshot(os.path.join(page.shots, f"{page.name}-update.png"))
    page.browser.click(f"#leave button:nth-child({answer})")
    page.wait(lambda: not page.browser.run("return document.querySelector('#leave').open"), "the dialog's end")


def test_update(page):
    """A board with a boot loader leaves for it, after a question; its reset key brings it back."""
    control_needed(page)
    hidden = page.browser.run("return document.querySelector('#update').hidden")
    assert hidden != page.board.status()["dfu"]
    if hidden:
        return
    update_asked(page, 1)
    page.board.status()
    update_asked(page, 2)
    page.wait(lambda: "boot loader" in page.browser.text("#note"), "what the page says of it")
    page.wait(lambda: page.browser.run("return document.body.className") == "lost", "the board to be gone")
    assert "has started" in page.browser.text("#note"), page.browser.text("#note")
    page.board.ask("reset")
    page.live()
    page.board.status()
    forget_failures(page)


def test_looks(page):
    colours = set()
    lit = [led in (0, 3) for led in range(len(page.board.leds()))]
    for led, on in enumerate(lit):
        page.board.led_set(led, on)
    page.browser.run("document.activeElement.blur()")
    page.wait(lambda: [page.checked(led) for led in range(len(lit))] == lit, "the LEDs for the picture")
    for width in (1280, 820, 390, 320):
        for dark in (False, True):
            page.browser.look(width, dark)
            wide = page.browser.run("return document.documentElement.scrollWidth")
            assert wide <= width, f"at {width} pixels the page is {wide} wide"
            lines = page.browser.run("const e = document.querySelector('#board'), r = document.createRange();"
                                     "r.selectNodeContents(e); return r.getClientRects().length")
            assert lines == 1, f"at {width} pixels the board's name stands on {lines} lines"
            colours.add(page.browser.run("return getComputedStyle(document.documentElement).backgroundColor"))
            if width in (1280, 390):
                page.browser.screenshot(os.path.join(page.shots, f"{page.name}-{width}-{'dark' if dark else 'light'}.png"))
    page.browser.look(1280, False)
    assert len(colours) == 2, f"light and dark: {colours}"


def test_names_for_screen_readers(page):
    nameless = page.browser.run(
        "return [...document.querySelectorAll('button, a, section')].filter((e) => !(e.textContent.trim()"
        " || e.getAttribute('aria-label'))).length")
    assert nameless == 0
    assert page.browser.run("return document.documentElement.lang") == "en"
    assert page.browser.run("return document.querySelectorAll('h1').length") == 1


def test_one_question_at_a_time(page):
    """A few questions a second, none before the one before is answered."""
    page.collect()
    time.sleep(4)
    asked, most = page.collect()
    assert 2 <= len(asked) <= 16, f"{len(asked)} questions in 4 s"
    assert most == 1, f"{most} questions at once"


def test_pauses_when_hidden(page):
    """Nobody looks: nothing is asked. (Headless Chromium hides no tab, so the page is told so.)"""
    tell = ("Object.defineProperty(document, 'hidden', { value: arguments[0], configurable: true });"
            "document.dispatchEvent(new Event('visibilitychange'))")
    page.browser.run(tell, True)
    try:
        page.wait(lambda: page.browser.text("#state") == "paused", "the page to pause")
        page.collect()
        time.sleep(2)
        asked, _ = page.collect()
        assert not asked, f"{len(asked)} questions while hidden"
    finally:
        page.browser.run(tell, False)
    page.live()


def test_asks_only_the_board(page):
    page.collect()
    base = urllib.parse.urlsplit(page.board.url).netloc
    elsewhere = {url for url in page.asked if urllib.parse.urlsplit(url).netloc != base}
    assert any(url.endswith("/api/status") for url in page.asked), "the log of requests works"
    assert not elsewhere, f"asked {sorted(elsewhere)}"


def test_console_is_empty(page):
    page.collect()
    assert not page.console, page.console[:3]


TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]
