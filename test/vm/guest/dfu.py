"""New firmware by the real dfu-util: detach, list, download, upload, leave, and everything that goes wrong.

A board that changes into its boot loader is a new device on the cable; USB/IP ends the attachment then, so a thread stands
for the cable and plugs it in again.
"""
# SPDX-License-Identifier: MIT
import glob
import os
import re
import subprocess
import threading
import time

from lib import SERVER, Board, Failed, check, daemon, log, read, run, table_find, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
NEXT = f"{TOP}/build/test/vm/next/plugnet.dfu"
NOW = f"{TOP}/build/stm32f4discovery-none/plugnet.dfu"
OTHER = f"{TOP}/build/blackpill-f411-none/plugnet.dfu"
NEXT_VERSION = "9.9.9"
ADDRESS = 0x08020000
RUNTIME, ROM = "1209:0001", "0483:df11"
IDS = ("-d", f"{RUNTIME},{ROM}", "-a", "0")
SUFFIX = 16

board = Board()


def device_find(ids):
    """The folder of the device on the virtual cable; None while there is none."""
    for path in glob.glob("/sys/bus/usb/devices/*-*/idVendor"):
        folder = os.path.dirname(path)
        try:
            if f"{read(path)}:{read(folder + '/idProduct')}" == ids:
                return folder
        except OSError:
            pass
    return None


class Cable(threading.Thread):
    """Whoever comes up at its other end gets plugged in."""

    def __init__(self):
        super().__init__(daemon=True)
        self.plugged = True
        self.start()

    def run(self):
        while True:
            if self.plugged and not device_find(RUNTIME) and not device_find(ROM):
                subprocess.run(["usbip", "attach", "-r", SERVER, "-b", "1-1"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
            time.sleep(0.2)

    def unplug(self):
        self.plugged = False
        port = int((device_find(ROM) or device_find(RUNTIME)).rsplit("-", 1)[1]) - 1
        run("usbip", "detach", "-p", str(port))


cable = None


def runs(version):
    """The board is back as itself, and shows this version."""
    board.device = wait_for("the firmware", lambda: device_find(RUNTIME), 60)
    board.name = wait_for("a network card", board.card_find)
    board.lease()
    shown = board.status()["version"]
    check(shown == version, f"version {shown}")
    return shown


def in_rom():
    wait_for("the boot loader", lambda: device_find(ROM), 60)


def dfu(*words, good=(0,), limit=240):
    return run("dfu-util", *words, good=good, limit=limit)


def download(path, good=(0,), where=f"{ADDRESS:#010x}:leave"):
    return dfu(*IDS, "-s", where, "-D", path, good=good)


def refused(text, pattern):
    """dfu-util failed, and says why."""
    return table_find(text, pattern)[0]


def version_built():
    return table_find(read(f"{TOP}/CHANGELOG.md"), r"^## ([0-9.]+)")[1]


def begin():
    """dfu-util lists the running board"""
    global cable
    daemon("udevd")  # libusb hears of new devices by it
    cable = Cable()
    runs(version_built())
    text = dfu("-l")
    return table_find(text, r"Found Runtime: \[1209:0001\].*intf=2.*alt=0")[0]


def plain_running():
    """another board's file without -d, while the firmware runs: dfu-util looks for the file's IDs, and finds none"""
    text = dfu("-a", "0", "-s", f"{ADDRESS:#010x}:leave", "-D", OTHER, good=None)
    said = refused(text, r"No DFU capable USB device available")
    runs(version_built())
    return said


def update():
    """detach, download, leave: the new version is on the page"""
    text = download(NEXT)
    for wanted in ("Determining device status", "Device will detach and reattach", "File downloaded successfully",
                   "Submitting leave request"):
        check(wanted.lower() in text.lower(), f"no {wanted!r} in {text[-600:]}")
    return runs(NEXT_VERSION)


def detach():
    """detach alone: the boot loader, with its memory's layout"""
    dfu("-d", RUNTIME, "-e")
    in_rom()
    return table_find(dfu("-l"), r"Found DFU: \[0483:df11\].*alt=0, name=\"(@Internal Flash[^\"]*)\"")[1]


def upload():
    """upload equals what was written"""
    size = os.path.getsize(NEXT) - SUFFIX
    if os.path.exists("/tmp/up.bin"):
        os.remove("/tmp/up.bin")
    dfu(*IDS, "-s", f"{ADDRESS:#010x}:{size}", "-U", "/tmp/up.bin")
    with open("/tmp/up.bin", "rb") as up, open(NEXT, "rb") as file:
        check(up.read() == file.read()[:size], "they differ")
    return f"{size} bytes"


def wrong_file():
    """another board's file: dfu-util refuses it with -d"""
    text = download(OTHER, good=None)
    said = refused(text, r"File ID 1209:0004 does not match device.*")
    in_rom()
    upload()
    return said


def wrong_address():
    """a wrong address: a clear error, nothing is written"""
    text = download(NEXT, good=None, where="0x08f00000:leave")
    said = refused(text, r"Last page at 0x08f.* is not writeable")
    in_rom()
    upload()
    return said


def stays_in_rom():
    gone = time.monotonic() + 3
    while time.monotonic() < gone:
        check(not device_find(RUNTIME), "the boot loader has started what isn't whole, or not its own")
        time.sleep(0.2)
    in_rom()


def plain():
    """another board's file without -d: dfu-util takes the IDs from the file itself, and writes; the guard doesn't start it"""
    text = dfu("-a", "0", "-s", f"{ADDRESS:#010x}:leave", "-D", OTHER, good=None)
    check("File downloaded successfully" in text, text[-300:])
    stays_in_rom()


def broken_file():
    """a file that lost a bit: dfu-util warns, and writes; the guard doesn't start it"""
    with open(NEXT, "rb") as file:
        data = bytearray(file.read())
    data[1000] ^= 1
    with open("/tmp/broken.dfu", "wb") as file:
        file.write(data)
    text = download("/tmp/broken.dfu", good=None)
    said = table_find(text, r"Warning: (.*)")[1]
    check("File downloaded successfully" in text, text[-300:])
    stays_in_rom()
    return said


def repaired():
    """and the board can be updated again"""
    download(NOW)
    return runs(version_built())


def unplugged():
    """unplugged in the middle: an error, and the update works when it is tried again"""
    dfu("-d", RUNTIME, "-e")
    in_rom()
    with open("/tmp/dfu.log", "w", encoding="utf-8") as file:
        child = subprocess.Popen(["stdbuf", "-o0", "dfu-util", *IDS, "-s", f"{ADDRESS:#010x}:leave", "-D", NEXT],
                                 stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        try:
            wait_for("half of the download", lambda: re.search(r"Download\s+\[=* *\]\s+[3-7]\d%", read("/tmp/dfu.log")), 120)
            cable.unplug()
            code = child.wait(60)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            cable.plugged = True
    text = read("/tmp/dfu.log")
    log(text[-600:])
    check(code != 0, "dfu-util says that all is well")
    said = table_find(text.replace("dfu-util:", "\ndfu-util:"), r"^dfu-util: (.*(?:LIBUSB|[Ee]rror).*)$")[1]
    in_rom()
    download(NEXT)
    return f"{said.strip()}; then {runs(NEXT_VERSION)}"


def from_page():
    """POST /api/dfu as the page's button sends it, then make dfu's own command from the boot loader"""
    code = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", f"http://{board.address}/api/dfu")
    check(code == "204", f"answer {code}")
    in_rom()
    download(NOW)
    return runs(version_built())


def no_header():
    """a foreign page's request does nothing"""
    code = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-H", "Origin: http://evil.example",
               f"http://{board.address}/api/dfu")
    check(code == "403", f"answer {code}")
    time.sleep(1)
    return runs(version_built())


def end():
    """unplugged at the end"""
    try:
        cable.unplug()
    except (Failed, AttributeError):
        pass


TESTS = [begin, plain_running, update, detach, upload, wrong_file, wrong_address, plain, broken_file, repaired, unplugged, from_page,
         no_header, end]
