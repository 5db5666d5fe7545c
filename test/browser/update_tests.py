"""New firmware by the page, in Chromium: a file is chosen and watched, a wrong one refused, a version that crashes comes back."""
# SPDX-License-Identifier: MIT
import json
import os
import sys
import tempfile
import urllib.request

import board as boards
from page_tests import WAIT_S, forget_failures

sys.path.insert(0, os.path.join(boards.ROOT, "test", "update"))
from craft import CRASH, Craft  # noqa: E402


def craft(page):
    elf = os.path.join(boards.ROOT, boards.TARGETS[page.board.target][-1])
    return Craft(elf.replace(".elf", ".update"), elf)


def update_state(page):
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(page.board.url + "api/update", timeout=100) as answer:
        return json.load(answer)


def note(page):
    return page.browser.text("#fw-note")


def note_wanted(page, *words):
    page.browser.wait(lambda: all(word in note(page) for word in words), WAIT_S, f"the note to say {words}, not {note(page)!r}")


def choose(page, data):
    """Give the page a file, as a person does."""
    with tempfile.NamedTemporaryFile(suffix=".update", delete=False) as file:
        file.write(data)
    try:
        ready = "return !document.querySelector('#fw-file').disabled"
        page.browser.wait(lambda: page.browser.run(ready), WAIT_S, "the card to take a file")
        page.browser.run("document.querySelector('#fw-note').textContent = ''")
        page.browser.keys("#fw-file", file.name)
        page.browser.wait(lambda: note(page) and note(page) != "Sending.", WAIT_S, "anything of the upload")
        page.seen = {note(page)}
        page.browser.wait(lambda: page.seen.add(note(page)) or not page.browser.run(
            "return document.querySelector('#fw-file').disabled"), WAIT_S, "the upload's end")
    finally:
        os.remove(file.name)


def install(page, answer):
    page.browser.click("#fw-install")
    page.browser.wait(lambda: page.browser.run("return document.querySelector('#fw-ask').open"), WAIT_S, "the question")
    page.browser.screenshot(os.path.join(page.shots, f"{page.name}-firmware-ask.png"))
    page.browser.click(f"#fw-ask button:nth-child({answer})")


def shot(page, name):
    page.browser.run("document.querySelector('#firmware').scrollIntoView()")
    page.browser.screenshot(os.path.join(page.shots, f"{page.name}-firmware-{name}.png"))


def test_opens(page):
    page.browser.look(1280, False)
    page.browser.open(page.board.url)
    page.live()
    page.browser.wait(lambda: not page.browser.run("return document.querySelector('#firmware').hidden"), WAIT_S, "the card")
    now = update_state(page)
    assert page.browser.text("#fw-installed").startswith(f"{now['product']} {now['version']}"), page.browser.text("#fw-installed")
    assert page.browser.text("#fw-trust") == "takes files without a signature"
    shot(page, "idle")


def test_wrong_files(page):
    good = craft(page).version("9.9.9").data()
    for data, words in ((good[:-5], "part of it is missing"), (b"GIF89a" + bytes(3000), "no firmware"),
                        (craft(page).product("pump").data(), "another product"),
                        (craft(page).version("0.0.1").data(), "older")):
        choose(page, data)
        note_wanted(page, words)
        assert page.browser.run("return document.querySelector('#fw-install').hidden")
    shot(page, "refused")
    assert update_state(page)["staged"] is None


def test_new_version(page):
    choose(page, craft(page).version("9.9.9").data())
    note_wanted(page, "9.9.9", "is ready")
    assert any("Erasing" in text or "kB/s" in text or "Checking" in text for text in page.seen), page.seen
    assert "9.9.9" in page.browser.text("#fw-staged")
    shot(page, "ready")
    install(page, 1)
    assert update_state(page)["state"] == "ready", "it was installed though nobody wanted that"
    install(page, 2)
    note_wanted(page, "9.9.9", "runs.")
    shot(page, "new")
    page.live()
    page.browser.wait(lambda: "9.9.9" in page.browser.text("#fw-installed"), WAIT_S, "the new version on the page")
    assert update_state(page)["last"]["result"] == "confirmed"
    forget_failures(page)


def test_version_that_crashes(page):
    choose(page, craft(page).version("9.9.10").code("main", CRASH).data())
    note_wanted(page, "9.9.10", "is ready")
    install(page, 2)
    note_wanted(page, "the one before runs again", "fault")
    shot(page, "back")
    page.live()
    page.browser.wait(lambda: "9.9.9" in page.browser.text("#fw-installed"), WAIT_S, "the old version on the page")
    assert "fault" in page.browser.text("#facts"), page.browser.text("#facts")
    forget_failures(page)


def test_looks(page):
    for width in (1280, 390):
        for dark in (False, True):
            page.browser.look(width, dark)
            assert page.browser.run("return document.documentElement.scrollWidth") <= width
            shot(page, f"{width}-{'dark' if dark else 'light'}")
    page.browser.look(1280, False)


TESTS = [(name[5:], test) for name, test in list(globals().items()) if name.startswith("test_")]
