#!/usr/bin/env python3
"""Tests of tool/check_includes.py: what the table of rooms must let through, and what it must refuse."""
# SPDX-License-Identifier: MIT
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CHECK = os.path.join(ROOT, "tool", "check_includes.py")
HEADERS = ["wire/ntb.h", "wire/le.h", "wire/usb_ch9.h", "usb/ncm.h", "usb/udc.h", "usb/usb_device.h",
           "udc/dwc2/dwc2.h", "udc/virtual/virtual.h", "net/http/http.h", "net/netif_ncm.h", "net/lwipopts.h", "os/os.h",
           "os/none/x.h", "board/board.h", "board/native/n.h", "board/stm/pins.h", "plugnet/plugnet.h", "app/leds.h",
           "store/store.h", "store/record.h", "board/flash.h",
           "vboard/cpu.h", "cable/cable.h", "cable/cable_socket.h", "cable/fixture.h", "host/pc.h", "test/test.h"]

# (file, include line, allowed?)
CASES = [
    ("wire/ntb.c", '#include "wire/le.h"', True),
    ("wire/ntb.c", "#include <string.h>", True),
    ("wire/ntb.c", "#include <stdio.h>", False),
    ("wire/ntb.c", "#include <stdlib.h>", False),
    ("wire/ntb.c", '#include "usb/ncm.h"', False),
    ("wire/ntb.c", '#include "le.h"', False),
    ("wire/ntb.c", "#include <wire/le.h>", False),
    ("wire/ntb.c", '#include "lwip/pbuf.h"', False),
    ("usb/ncm.c", '#include "wire/ntb.h"', True),
    ("usb/ncm.c", '#include "net/http/http.h"', False),
    ("usb/ncm.c", '#include "udc/dwc2/dwc2.h"', False),
    ("usb/ncm.c", '#include "board/board.h"', False),
    ("udc/dwc2/dwc2.c", '#include "usb/udc.h"', True),
    ("udc/dwc2/dwc2.c", '#include "usb/usb_device.h"', False),
    ("udc/dwc2/dwc2.c", '#include "cable/cable.h"', False),
    ("udc/dwc2/dwc2.c", '#include "board/board.h"', False),
    ("udc/virtual/virtual.c", '#include "cable/cable.h"', True),
    ("udc/virtual/virtual.c", '#include "host/pc.h"', False),
    ("udc/virtual/virtual.c", "#include <sys/socket.h>", True),
    ("net/netif_ncm.c", '#include "usb/ncm.h"', True),
    ("net/http/http.c", '#include "usb/ncm.h"', False),
    ("net/netif_ncm.h", '#include "usb/ncm.h"', False),
    ("net/http/http.c", '#include "lwip/tcp.h"', True),
    ("net/http/http.c", "#include <lwip/tcp.h>", True),
    ("net/http/http.c", "#include <stdio.h>", False),
    ("os/none/os.c", '#include "board/board.h"', True),
    ("os/none/os.c", '#include "usb/ncm.h"', False),
    ("os/none/os.c", "#include <pthread.h>", False),
    ("os/posix/os.c", "#include <pthread.h>", True),
    ("board/stm/board.c", '#include "board/stm/pins.h"', True),
    ("board/stm/board.c", '#include "board/native/n.h"', False),
    ("board/stm/board.c", '#include "usb/ncm.h"', False),
    ("board/stm/board.c", '#include "cable/cable.h"', False),
    ("board/native/board.c", '#include "cable/fixture.h"', True),
    ("board/native/board.c", '#include "host/pc.h"', False),
    ("store/store.c", '#include "board/flash.h"', True),
    ("store/store.c", '#include "wire/ntb.h"', True),
    ("store/store.c", '#include "board/board.h"', False),
    ("store/store.c", '#include "usb/ncm.h"', False),
    ("store/store.c", '#include "lwip/tcp.h"', False),
    ("net/http/http.c", '#include "store/store.h"', False),
    ("app/main.c", '#include "store/store.h"', True),
    ("app/main.c", '#include "store/record.h"', False),
    ("plugnet/plugnet.c", '#include "store/store.h"', True),
    ("plugnet/plugnet.c", '#include "usb/ncm.h"', True),
    ("plugnet/plugnet.c", '#include "board/stm/pins.h"', False),
    ("app/main.c", '#include "net/http/http.h"', True),
    ("app/main.c", '#include "leds.h"', True),
    ("app/main.c", '#include "udc/dwc2/dwc2.h"', False),
    ("app/main.c", '#include "cable/cable.h"', False),
    ("app/main.c", "#include <stdlib.h>", False),
    ("examples/minimal/main.c", '#include "plugnet/plugnet.h"', True),
    ("examples/minimal/main.c", '#include "app/leds.h"', False),
    ("examples/minimal/main.c", "#include <stm32f4xx_hal.h>", False),
    ("examples/hal/board_hal.c", "#include <stm32f4xx_hal_uart.h>", True),
    ("examples/hal/board_hal.c", '#include "udc/dwc2/dwc2.h"', True),
    ("examples/hal/board_hal.c", '#include "chip/cortex_m4/cortex_m4.h"', False),
    ("vboard/otg.c", '#include "wire/usb_ch9.h"', True),
    ("vboard/otg.c", '#include "cable/cable.h"', True),
    ("vboard/otg.c", '#include "host/pc.h"', False),
    ("vboard/otg.c", '#include "usb/udc.h"', False),
    ("vboard/otg.c", '#include "wire/ntb.h"', False),
    ("vboard/main.c", '#include "host/pc.h"', True),
    ("vboard/main.c", '#include "usb/ncm.h"', False),
    ("host/ncm_host.c", '#include "wire/usb_ch9.h"', True),
    ("host/ncm_host.c", '#include "wire/ntb.h"', False),
    ("host/ncm_host.c", '#include "usb/ncm.h"', False),
    ("host/ncm_host.c", '#include "net/lwipopts.h"', False),
    ("host/ncm_host.c", '#include "vboard/cpu.h"', False),
    ("host/ncm_host.c", '#include "lwip/netif.h"', True),
    ("test/unit/ntb_test.c", '#include "wire/ntb.h"', True),
    ("test/unit/ntb_test.c", "#include <stdlib.h>", True),
    ("usb/ncm.c", '#include "usb/absent.h"', False),
    ("elsewhere/x.c", "#include <stdint.h>", False),
    ("wire/ntb.c", "/*\n#include <stdio.h>\n*/", True),
    ("wire/ntb.c", "  #  include   <stdio.h> // x", False),
]


def check(root, *options):
    done = subprocess.run([sys.executable, CHECK, "--root", root, *options], text=True, timeout=60,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout


def write(root, path, text):
    path = os.path.join(root, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def cases_wrong():
    """All cases in one tree, each in a file of its own beside the file it speaks of."""
    with tempfile.TemporaryDirectory() as root:
        for path in HEADERS:
            write(root, path, "")
        special = {}
        for i, (path, line, allowed) in enumerate(CASES):
            if path in ("net/netif_ncm.c", "net/netif_ncm.h", "vboard/main.c"):
                special.setdefault(path, []).append((line, allowed))
            else:
                write(root, f"{path[:-2]}_{i}.c", line + "\n")
        for path, lines in special.items():
            write(root, path, "".join(line + "\n" for line, _ in lines))
        _, output = check(root, "--no-headers")
        for i, (path, line, allowed) in enumerate(CASES):
            if path in special:
                place = f"{path}:{special[path].index((line, allowed)) + 1}"
            else:
                place = f"{path[:-2]}_{i}.c"
            if (f", {place}" in output) == allowed:
                yield f"{path} with {' '.join(line.split())} must {'pass' if allowed else 'be refused'}"


def headers_wrong():
    with tempfile.TemporaryDirectory() as root:
        write(root, "wire/good.h", "#include <stdint.h>\nstatic inline uint8_t f(uint8_t a) { return a; }\n")
        code, output = check(root)
        if code != 0 or "not ok" in output:
            yield "a good header must pass"
        write(root, "wire/bad.h", "uint8_t f(void);\n")
        code, output = check(root)
        if code != 1 or "not ok header alone, wire/bad.h, gcc" not in output:
            yield "a header that needs another one must be refused"
        linkage = '#ifdef __cplusplus\nextern "C" {\n#endif\n%s#ifdef __cplusplus\n}\n#endif\n'
        for text, wanted in (("struct good {\n    int class;\n};\n", "header alone, wire/bad.h, g++"),
                             ("_Noreturn void f(void);\n", "header alone, wire/bad.h, arm-none-eabi-g++"),
                             ("int f(void);\n", "C linkage, wire/bad.h"),
                             ("int g(void);\n" + linkage % "int f(void);\n", "C linkage, wire/bad.h"),
                             (linkage % "int f(void);\n", None)):
            write(root, "wire/bad.h", text)
            code, output = check(root)
            compiler = wanted.split()[-1] if wanted else ""
            if compiler.endswith("g++") and not shutil.which(compiler):
                continue
            if code != (wanted is not None) or (wanted and f"not ok {wanted}" not in output):
                yield f"a C++ caller's header: {text!r}: {output!r}"
    with tempfile.TemporaryDirectory() as root:
        code, output = check(root)
        if code != 1:
            yield "an empty tree must be refused"


def main():
    failed = 0
    for name, wrong in (("table of rooms", list(cases_wrong())), ("headers alone", list(headers_wrong()))):
        failed += len(wrong)
        for why in wrong:
            print(f"not ok check_includes: {name}: {why}")
        if not wrong:
            print(f"ok check_includes: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
