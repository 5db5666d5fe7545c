#!/usr/bin/env python3
"""What a product outside of this tree brings along: a board, a chip, and what it says to the compiler. Each is really built,
and what can run is plugged in and asked for a page.

    test/tool/test_compose.py [NAME …]           FreeRTOS where FREERTOS_KERNEL_PATH names a kernel

Prints "ok NAME", "not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_build import ROOT, make_environment, product_write, run  # noqa: E402
sys.path[:0] = [os.path.join(ROOT, "test/websocket"), os.path.join(ROOT, "testkit")]
import test_websocket as websocket  # noqa: E402
from plugnet_testkit import Board  # noqa: E402

VBOARD = (os.path.join(ROOT, "build/vboard/vboard"),)
PC = (os.path.join(ROOT, "build/pc"),)
ANSWER_S_MAX = 60
GUESS_S_MAX = 6  # three turns of a second each; a guesser who comes first each time has ten

PRODUCT = """#include "plugnet/plugnet.h"
static enum http_progress output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{\\"board\\":");
    text_put_json_string(out, board_info()->name);
    text_put(out, "}");
    return HTTP_END;
}
static const struct http_route routes[] = {{.path = "/", .type = "application/json", .output = output}};
static struct plugnet plugnet;
static const struct plugnet_config config = {
    .product_id = 2,
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .routes = routes,
    .route_count = 1,
};
int main(void)
{
    plugnet_run(&plugnet, &config);
}
"""


class Skip(Exception):
    pass


def make(folder, *arguments):
    """Into a build folder of its own; lwIP is the tree's."""
    return run("make", "-j2", f"BUILD={folder}/build", f"LWIP_PATH={ROOT}/build/lwip", *arguments, environment=make_environment())


def built(folder, out, *arguments):
    """The image's path; `out` is its folder in the build folder."""
    done = make(folder, *arguments)
    assert done.returncode == 0, (done.stdout + done.stderr)[-900:]
    return os.path.join(folder, "build", out), done.stdout


def refused(folder, wanted, *arguments):
    done = make(folder, *arguments)
    said = done.stdout + done.stderr
    assert done.returncode == 2 and wanted in said, f"{arguments}: {done.returncode} {said[-600:]!r}, not {wanted!r}"
    return said


def kernel_wanted():
    if not os.environ.get("FREERTOS_KERNEL_PATH"):
        raise Skip("FREERTOS_KERNEL_PATH is not set")


@contextlib.contextmanager
def plugged(command, image, log=None):
    """The address of its page; PC for a process, VBOARD for an image."""
    words = [*command, "--forward", "0:80", *(["--spawn"] if command is PC else []), image]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as process:
        said = []
        try:
            for line in process.stdout:
                said.append(line)
                if "leased" in line:
                    yield re.search(r"http://\S+", "".join(said))[0].rstrip("/") + "/"
                    return
            raise AssertionError(f"{image} ends: {''.join(said)[-600:]}")
        finally:
            process.kill()
            if log is not None:
                log += said + [process.stdout.read()]


def asked(url, path="", **headers):
    request = urllib.request.Request(url + path, headers=headers)
    with urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer:
        return json.loads(answer.read())


def answered(url, path, method="GET", data=None, **headers):
    """Status, head and body, whatever the status is."""
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def page_is(image, **wanted):
    with plugged(VBOARD, image) as url:
        said = asked(url)
    assert said == wanted, said


# ---- What isn't listed isn't linked. ----

LISTS = {  # from the fewest to all; each must cost flash
    "least": ("&plugnet_ncm", "&plugnet_dhcp, &plugnet_http"),
    "dfu": ("&plugnet_ncm, &plugnet_dfu", "&plugnet_dhcp, &plugnet_http"),
    "dns": ("&plugnet_ncm, &plugnet_dfu", "&plugnet_dhcp, &plugnet_http, &plugnet_dns"),
    "default": ("PLUGNET_DEFAULT_FUNCTIONS", "PLUGNET_DEFAULT_SERVICES"),
    "dns_tcp": ("PLUGNET_DEFAULT_FUNCTIONS", "PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp"),
    "iperf": ("PLUGNET_DEFAULT_FUNCTIONS", "PLUGNET_DEFAULT_SERVICES, &plugnet_dns_tcp, &plugnet_iperf"),
}
COSTS_AT_LEAST = {"dfu": 300, "dns": 500, "default": 3000, "dns_tcp": 500, "iperf": 800}  # bytes more than the one before


def test_lists(folder):
    before, said = None, []
    for name, (functions, services) in LISTS.items():
        text = PRODUCT.replace("PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS)", f"PLUGNET_FUNCTIONS({functions})")
        text = text.replace("PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES)", f"PLUGNET_SERVICES({services})")
        product_write(folder, "lists", {"main.c": text})
        out, _ = built(folder, "stm32f4discovery-none-lists", f"APP={folder}/lists", "NAME=lists")
        size = run("arm-none-eabi-size", f"{out}/lists.elf")
        flash = sum(int(number) for number in size.stdout.splitlines()[1].split()[:2])
        if before is not None:
            assert flash - before >= COSTS_AT_LEAST[name], f"{name} costs {flash - before} bytes"
        said.append(f"{name} {flash:,}")
        before = flash
        if name in ("least", "iperf"):
            page_is(f"{out}/lists.elf", board="STM32F4DISCOVERY")
    return "bytes: " + ", ".join(said)


# What HTTP need not do: each option by itself saves so many bytes at least, and all together make the least product with a page.
SWITCHES = {"HTTP_ROUTES": 3000, "HTTP_BODIES": 500, "HTTP_UPGRADES": 400, "HTTP_RANGES": 550, "HTTP_ORIGINS": 450, "HTTP_CHECK": 300,
            "HTTP_QUICK": 800, "PLUGNET_STATUS": 400, "PLUGNET_REPORT_LOG": 250}
LEAN_FLASH_MAX, LEAN_RAM_MAX = 48700, 22400  # bytes, without the boot loader and the page
LEAN_MAIN = """#include "plugnet/plugnet.h"
#include "site.h"
static struct plugnet plugnet;
static const struct plugnet_config config = {
    .product_id = 2,
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(&plugnet_dhcp, &plugnet_dns, &plugnet_http),
    .resources = site_resources,
    .resource_count = site_resources_count,
MORE};
int main(void)
{
    plugnet_run(&plugnet, &config);
}
"""


def lean_product(folder, options, more=""):
    options = "#define PLUGNET_CHECK 0\n" + "".join(f"#define {option}\n" for option in options)
    return product_write(folder, "lean", {"main.c": LEAN_MAIN.replace("MORE", more), "plugnet_options.h": options,
                                          "site/index.html": "<!doctype html><title>lean</title><p>page</p>\n"})


def lean_size(folder, *options, more=""):
    """Bytes of flash without boot loader and page, of RAM, and the image."""
    app = lean_product(folder, options, more)
    out, _ = built(folder, "stm32f4discovery-none-lean", f"APP={app}", "NAME=lean")
    figures = json.loads(run(sys.executable, "tool/size.py", out, f"{out}/lean.elf", "--json").stdout)
    guard = int(re.search(r"^\.guard\s+(\d+)", run("arm-none-eabi-size", "-A", f"{out}/lean.elf").stdout, re.M)[1])
    return figures["flash"] - guard, figures["ram"], f"{out}/lean.elf"


def test_what_http_need_not_do(folder):
    """Each switch saves what it promises, and all of them make a product that serves its page as before."""
    whole = lean_size(folder)
    saved = {name: whole[0] - lean_size(folder, f"{name} 0")[0] for name in SWITCHES}
    assert all(saved[name] >= least for name, least in SWITCHES.items()), saved
    flash, ram, image = lean_size(folder, *(f"{name} 0" for name in SWITCHES if name not in ("HTTP_BODIES", "HTTP_UPGRADES")),
                                  "NCM_AHEAD_DATAGRAMS_MAX 0")
    assert flash <= LEAN_FLASH_MAX and ram <= LEAN_RAM_MAX, (flash, ram)
    with plugged(VBOARD, image) as url:
        status, head, body = answered(url, "")
        assert status == 200 and b"<p>page" in body and "Accept-Ranges" not in head, (status, head, body)
        assert answered(url, "", **{"If-None-Match": head["ETag"]})[0] == 304
        assert answered(url, "", Range="bytes=0-3")[::2] == (200, body), "a range is left out"
        assert answered(url, "", "HEAD")[::2] == (200, b"")
        assert answered(url, "nothing")[0] == 404
        assert answered(url, "", Host="example.com")[0] == 421
        assert answered(url, "", "OPTIONS")[0] == 204
        refused_body = answered(url, "", "POST", b"x" * 3000)
        assert refused_body[0] == 405 and refused_body[1]["Connection"] == "close", refused_body
        assert answered(url, "", "PUT", iter([b"chunk"]), **{"Transfer-Encoding": "chunked"})[0] == 405
        assert answered(url, "")[2] == body
    return f"flash {flash}, of {whole[0]}, RAM {ram}; saved: " + ", ".join(f"{name} {bytes_}" for name, bytes_ in saved.items())


EIGHT_RAM_MAX, EIGHT_STACK_MAX = 16500, 1536


def guide_options(page):
    """The first plugnet_options.h of a guide."""
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        return re.search(r"<!-- options -->\n```c\n(.*?)```", file.read(), re.S)[1]


def test_eight_connections(folder):
    """The RAM of a product that serves eight connections at a time, with a route; eight clients at once all get its answer."""
    text = PRODUCT.replace("PLUGNET_DEFAULT_SERVICES", "&plugnet_dhcp, &plugnet_dns, &plugnet_http").replace('    text_put(out, "}");', """\
    text_put(out, ",");
    text_put_json_u32(out, "stack", board_stack_used_max());
    text_put_json_u32(out, "size", board_stack_size());
    text_put(out, "}");""")
    app = product_write(folder, "eight", {"main.c": text, "plugnet_options.h": guide_options("sizes.md")})
    out, _ = built(folder, "stm32f4discovery-none-eight", f"APP={app}", "NAME=eight")
    ram = json.loads(run(sys.executable, "tool/size.py", out, f"{out}/eight.elf", "--json").stdout)["ram"]
    assert ram <= EIGHT_RAM_MAX, ram
    said = []
    with plugged(VBOARD, f"{out}/eight.elf") as url:
        for _ in range(3):
            clients = [threading.Thread(target=lambda: said.append(asked(url))) for _ in range(8)]
            for client in clients:
                client.start()
            for client in clients:
                client.join(ANSWER_S_MAX)
    assert [answer["board"] for answer in said] == ["STM32F4DISCOVERY"] * 24, said
    deepest = max(answer["stack"] for answer in said)
    assert {answer["size"] for answer in said} == {2048} and deepest <= EIGHT_STACK_MAX, said
    return f"RAM {ram}, stack {deepest}"


def test_routes_without_bodies(folder):
    """A product that has routes, and nothing else of HTTP's: they answer, and a body is refused."""
    app = product_write(folder, "thin", {"main.c": PRODUCT, "plugnet_options.h": "".join(
        f"#define {name} 0\n" for name in SWITCHES if name != "HTTP_ROUTES")})
    out, _ = built(folder, "stm32f4discovery-none-thin", f"APP={app}", "NAME=thin")
    with plugged(VBOARD, f"{out}/thin.elf") as url:
        assert asked(url) == {"board": "STM32F4DISCOVERY"}
        assert answered(url, "", "GET", b"x" * 100)[0] == 413
        assert asked(url) == {"board": "STM32F4DISCOVERY"}


def test_switched_off_and_used(folder):
    """What is switched off has no field; what needs another switch says so."""
    for option, more, wanted in (("HTTP_ROUTES 0", ".route_count = 1,", "no member named 'route_count'"),
                                 ("HTTP_ORIGINS 0", ".origins = NULL,", "no member named 'origins'"),
                                 ("HTTP_CHECK 0", ".check = NULL,", "no member named 'check'"),
                                 ("HTTP_ROUTES 0\n#define HTTP_BODIES 1", "", "need HTTP_ROUTES"),
                                 ("HTTP_RANGES 2", "", "_CHECK, _QUICK: 0 or 1")):
        app = lean_product(folder, [option], more)
        refused(folder, wanted, f"APP={app}", "NAME=lean")


# What docs/services.md's table may differ by from what is built; more, and the table is to be written anew.
FLASH_BYTES_OFF_MAX, RAM_BYTES_OFF_MAX = 150, 32
ALL_SERVICES = "dhcp", "dns", "dns_tcp", "mdns", "http", "iperf"


def services_size(folder, services, functions="&plugnet_ncm, &plugnet_dfu", more="", route=""):
    """Bytes of flash and of RAM of a product with these."""
    text = PRODUCT.replace("PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS)", f"PLUGNET_FUNCTIONS({functions})").replace(
        "PLUGNET_DEFAULT_SERVICES", ", ".join(f"&plugnet_{name}" for name in services))
    if route:
        text = text.replace("routes[] = {", f"routes[] = {{{route}, ").replace(".route_count = 1", ".route_count = 2")
    product_write(folder, "costs", {"main.c": more + text})
    out, _ = built(folder, "stm32f4discovery-none-costs", f"APP={folder}/costs", "NAME=costs")
    size = run("arm-none-eabi-size", f"{out}/costs.elf").stdout.splitlines()[1].split()
    code, data, bss = (int(number) for number in size[:3])
    return code + data, data + bss


UPDATER = """#include "plugnet/updater.h"
static const uint8_t key[32] = {1};
static const struct plugnet_updater_config update_config = {TRUST.dfu = true};
static struct updater updater = {.config = &update_config};
static const struct plugnet_service plugnet_updates = PLUGNET_UPDATER(&updater);
"""


def updater_size(folder, trust):
    more = UPDATER.replace("TRUST", trust) if trust else UPDATER.replace("TRUST", "").replace("static const uint8_t key[32] = {1};\n", "")
    return services_size(folder, (*ALL_SERVICES, "updates"), more=more, route="PLUGNET_UPDATER_ROUTE(&updater)")


def test_services_cost_what_the_guide_says(folder):
    """docs/services.md's table: what a product with all services saves by leaving one out."""
    with open(os.path.join(ROOT, "docs/services.md"), encoding="utf-8") as file:
        text = file.read()
    told = {name: (float(flash) * 1000, int(ram.replace(",", "")))
            for name, flash, ram in re.findall(r"^\| `plugnet_(\w+)` .*\| ([\d.]+) kB[^|]*\| ([\d,]+) \|$", text, re.M)}
    assert sorted(told) == sorted(ALL_SERVICES), told
    whole = services_size(folder, ALL_SERVICES)
    found = {name: tuple(a - b for a, b in zip(whole, services_size(folder, [other for other in ALL_SERVICES if other != name])))
             for name in ALL_SERVICES}
    found["all"] = whole
    found["dfu"] = tuple(a - b for a, b in zip(whole, services_size(folder, ALL_SERVICES, "&plugnet_ncm")))
    told["all"] = float(re.search(r"with all of them \(([\d.]+) kB", text)[1]) * 1000, whole[1]
    told["dfu"] = float(re.search(r"functions DFU ([\d.]+) kB", text)[1]) * 1000, found["dfu"][1]
    found["update"] = tuple(a - b for a, b in zip(updater_size(folder, ""), whole))
    found["key"] = tuple(a - b - c for a, b, c in zip(updater_size(folder, ".update.trust = UPDATE_SIGNED_BY(key), "), whole, found["update"]))
    for name, words in (("update", "updates by the page"), ("key", "with signatures")):
        flash, ram = re.search(words + r" ([\d.]+) kB and\s+([\d,]+) bytes", text).groups()
        told[name] = float(flash) * 1000, int(ram.replace(",", ""))
    wrong = [f"{name}: {found[name]}, not {told[name]}" for name in told if abs(told[name][0] - found[name][0]) > FLASH_BYTES_OFF_MAX or
             abs(told[name][1] - found[name][1]) > RAM_BYTES_OFF_MAX]
    assert not wrong, "; ".join(wrong)
    return ", ".join(f"{name} {flash} {ram}" for name, (flash, ram) in found.items())


def guide_code(page, begin):
    """The first C text of a guide that begins so."""
    with open(os.path.join(ROOT, "docs", page), encoding="utf-8") as file:
        return re.search(r"```c\n(" + re.escape(begin) + r".*?)```", file.read(), re.S)[1]


def test_service_of_the_guide(folder):
    """docs/services.md's UDP service, beside a page that shows its status object: an echo comes, and is counted."""
    text = guide_code("services.md", '#include "net/udp_socket.h"') + PRODUCT.replace(
        "PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES)", "PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES, &telemetry)").replace(
            "    text_put(out, \"}\");", "    text_put(out, \",\\\"telemetry\\\":{\");\n    telemetry.status(telemetry.state, out);\n    text_put(out, \"}}\");")
    product_write(folder, "guide", {"main.c": text})
    out, _ = built(folder, "stm32f4discovery-none-guide", f"APP={folder}/guide", "NAME=guide")
    page_is(f"{out}/guide.elf", board="STM32F4DISCOVERY", telemetry={"heard": 0})


SETTINGS_MAIN = """static const struct plugnet_config config = {
    .product_id = 2,
    .name = name,
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES)};
static struct plugnet plugnet;
int main(void)
{
    board_log("before board_init\\n");
    settings_open();
    (void)name_save;
    plugnet_run(&plugnet, &config);
}
"""


def test_settings_of_the_guide(folder):
    """docs/settings.md's first code in a product that opens its settings, and logs, before the board is initialised."""
    text = guide_code("settings.md", "#include <string.h>") + SETTINGS_MAIN
    for board in ("stm32f4discovery", "blackpill-f411", "32l476gdiscovery"):
        app, log = product_write(folder, "settings", {"main.c": text}), []
        image, _ = built(folder, f"{board}-none-settings/settings.elf", f"BOARD={board}", f"APP={app}", "NAME=settings")
        with plugged((*VBOARD, "--board", board), image, log):
            pass
        said = "".join(log)
        assert "before board_init" in said and "warning" not in said, said


def test_function_of_the_guide(folder):
    """docs/usb-functions.md's echo beside the network: a third interface, and the page."""
    text = guide_code("usb-functions.md", '#include "plugnet/plugnet.h"\n#include "usb/vendor.h"') + PRODUCT.replace(
        "PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS)", "PLUGNET_FUNCTIONS(&plugnet_ncm, &link_function)")
    product_write(folder, "guide-function", {"main.c": text})
    out, _ = built(folder, "stm32f4discovery-none-guide-function", f"APP={folder}/guide-function", "NAME=guide-function")
    page_is(f"{out}/guide-function.elf", board="STM32F4DISCOVERY")


def events_read(url, last_id, count):
    """(id, data) of so many events."""
    seen, id_ = [], None
    request = urllib.request.Request(url, headers={"Last-Event-ID": last_id} if last_id else {})
    with urllib.request.urlopen(request, timeout=ANSWER_S_MAX) as answer:
        while len(seen) < count:
            field, _, value = answer.readline().decode().rstrip("\n").partition(": ")
            id_ = value if field == "id" else id_
            if field == "data":
                seen.append((id_, json.loads(value)))
    return seen


def test_events_of_the_guide(folder):
    """docs/events.md's product: ten events a second, and a reader that comes again goes on where it was."""
    product_write(folder, "guide-events", {"main.c": guide_code("events.md", '#include "net/http/events.h"')})
    out, _ = built(folder, "stm32f4discovery-none-guide-events", f"APP={folder}/guide-events", "NAME=guide-events")
    with plugged(VBOARD, f"{out}/guide-events.elf") as url:
        seen = events_read(url + "events", None, 5)
        seen += events_read(url + "events", seen[-1][0], 5)
    numbers = [int(id_.split("-")[1], 16) for id_, _ in seen]
    assert numbers == list(range(numbers[0], numbers[0] + 10)), numbers
    assert len({id_.split("-")[0] for id_, _ in seen}) == 1, seen
    steps = [after["ms"] - before["ms"] for (_, before), (_, after) in zip(seen, seen[1:])]
    assert all(100 <= step <= 105 for step in steps), steps


def test_websocket_of_the_guide(folder):
    """docs/websocket.md's product: ten numbers a second, and an echo that is longer than its buffer."""
    product_write(folder, "guide-websocket", {"main.c": guide_code("websocket.md", '#include "net/http/websocket.h"')})
    out, _ = built(folder, "stm32f4discovery-none-guide-websocket", f"APP={folder}/guide-websocket", "NAME=guide-websocket")
    with plugged(VBOARD, f"{out}/guide-websocket.elf") as url:
        address = urllib.parse.urlsplit(url)
        with websocket.Socket("/ws", address=(address.hostname, address.port)) as one:
            numbers = [json.loads(one.message()[1])["number"] for _ in range(5)]
            one.send(websocket.frame(websocket.FIN | websocket.TEXT, b"hello" * 200))
            while (said := one.message())[1][:1] == b"{":
                pass
            assert said == (websocket.TEXT, b"hello" * 200), said
            one.send(websocket.closing(1000))
            one.is_ended(1000)
    assert numbers == list(range(numbers[0], numbers[0] + 5)), numbers
    product_write(folder, "guide-websocket", {"plugnet_options.h": "#define HTTP_KEEP_MAX 23\n"})
    refused(folder, "HTTP_KEEP_MAX: a WebSocket", f"APP={folder}/guide-websocket", "NAME=guide-websocket")


def test_websocket_json_of_the_guide(folder):
    """docs/websocket.md's table, in its product: what fits counts, also in two frames; what doesn't changes nothing."""
    text = guide_code("websocket.md", '#include "net/http/websocket.h"')
    at = text.index("static const struct websocket live")
    table = guide_code("websocket.md", '#include "wire/json.h"').replace("control = wanted;", "control = wanted;\n        number = wanted.interval_ms * 1000u;")
    text = text[:at] + table + text[at:].replace(".message = live_message", ".message = control_message").replace("4096", "256")
    product_write(folder, "guide-json", {"main.c": text})
    out, _ = built(folder, "stm32f4discovery-none-guide-json", f"APP={folder}/guide-json", "NAME=guide-json",
                   "CFLAGS_APP=-Wno-unused-function") # its other reader
    text_of, frame = websocket.FIN | websocket.TEXT, websocket.frame
    with plugged(VBOARD, f"{out}/guide-json.elf") as url:
        address = urllib.parse.urlsplit(url)
        with websocket.Socket("/ws", address=(address.hostname, address.port)) as one:
            for sent in ([frame(text_of, b'{"interval_ms":777,"limit":23.5,"running":true,"name":"x"}')], [frame(text_of, b'{"interval_ms":5}')],
                         [frame(text_of, b'{"nope":5}')], [frame(text_of, b'{"interval_ms":300} x')]):
                one.send(*sent)
                numbers = [json.loads(one.message()[1])["number"] for _ in range(4)]
                assert 777000 <= numbers[-1] < 778000, (sent, numbers)
            one.send(frame(websocket.TEXT, b'{"interv') + frame(websocket.FIN, b'al_ms":999}'))
            numbers = [json.loads(one.message()[1])["number"] for _ in range(4)]
            assert 999000 <= numbers[-1] < 1000000, numbers


def test_http_of_the_guide(folder):
    """docs/http.md's routes: a text, an upload that is held back, an answer that waits for another request, login and CORS."""
    product_write(folder, "http", {"main.c": guide_code("http.md", "#include <string.h>")})
    out, _ = built(folder, "stm32f4discovery-none-http", f"APP={folder}/http", "NAME=http")
    token = {"Authorization": "Bearer secret"}
    with plugged(VBOARD, f"{out}/http.elf") as url:
        for path in ("log.csv", "nothing"):
            assert answered(url, path)[0] == 401, path
        status, _, body = answered(url, "log.csv?rows=3", **token)
        assert (status, body) == (200, b"0,42\n1,42\n2,42\n"), (status, body)
        data = bytes(range(250)) * 40
        status, _, body = answered(url, "upload", "PUT", data, **token)
        assert json.loads(body) == {"length": len(data), "sum": sum(data)}, (status, body)
        for note, wanted in ((b"x" * 64, b"x" * 64), (b"y" * 65, b"x" * 64), (b"", b""), (b"short", b"short")):
            status, _, _ = answered(url, "note", "PUT", note, **token)
            assert status == (204 if note == wanted else 413), (note, status)
            assert answered(url, "note", **token)[2] == wanted, note
        waits = []
        thread = threading.Thread(target=lambda: waits.append(answered(url, "measure", **token)), daemon=True)
        thread.start()
        time.sleep(1)
        assert not waits, waits
        assert answered(url, "trigger", "POST", b"", **token)[0] == 204
        thread.join(ANSWER_S_MAX)
        assert waits and json.loads(waits[0][2]) == {"volts": 3}, waits
        status, head, _ = answered(url, "upload", "OPTIONS", Origin="https://app.example",
                                   **{"Access-Control-Request-Method": "PUT"})
        assert status == 204 and head["Access-Control-Allow-Origin"] == "https://app.example", (status, head)
        assert head["Content-Security-Policy"] == "default-src 'self'", head
        guesser_keeps_nobody_out(url, token)


def guesser_keeps_nobody_out(url, token):
    """Who guesses and guesses, on two connections that came before, makes others wait for a turn each, and no longer."""
    host = urllib.parse.urlsplit(url)
    guess = b"GET /log.csv HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            guesser = stack.enter_context(socket.create_connection((host.hostname, host.port)))
            guesser.sendall(guess * 5)
        time.sleep(0.5)
        begin = time.monotonic()
        thread = threading.Thread(target=lambda: guesses.append(answered(url, "log.csv", **token)[0]), daemon=True)
        guesses = []
        thread.start()
        thread.join(GUESS_S_MAX)
        assert guesses == [200], f"{guesses} after {time.monotonic() - begin:.1f} s beside those who guess"


# ---- A stack of a product's own. ----

NO_LWIP = "PRODUCT_LWIP := no\n"


def test_without_lwip(folder):
    """examples/ownstack needs no lwIP and is short; product.mk says yes or no; what needs lwIP isn't there without it."""
    image, said = built(folder, "stm32f4discovery-none-ownstack/ownstack.elf", "APP=examples/ownstack", "NAME=ownstack",
                        "LWIP_PATH=/nonexistent")
    wrong = [line for line in said.splitlines() if re.search(r"lwip|CC (net|plugnet)/", line)]
    assert "CC usb/ncm.c" in said and not wrong, wrong or said
    with open(os.path.join(ROOT, "examples/ownstack/main.c"), encoding="utf-8") as file:
        assert len(file.readlines()) < 200, "docs/ownstack.md promises fewer than 200 lines"
    app = product_write(folder, "thing", {"main.c": "int main(void)\n{\n    for (;;) {\n    }\n}\n", "product.mk": NO_LWIP})
    words = f"APP={app}", "NAME=thing"
    built(folder, "stm32f4discovery-none-thing", *words)
    refused(folder, "its loop is lwIP's thread", "BOARD=native", "OS=posix", *words)
    product_write(folder, "thing", {"header.c": "#include \"plugnet/plugnet.h\"\n"})
    refused(folder, "No such file or directory", *words)
    os.remove(os.path.join(app, "header.c"))
    product_write(folder, "thing", {"product.mk": "PRODUCT_LWIP := maybe\n"})
    refused(folder, "PRODUCT_LWIP is yes or no", *words)
    product_write(folder, "thing", {"main.c": PRODUCT, "product.mk": "PRODUCT_LWIP := yes\n"})
    page_is(built(folder, "stm32f4discovery-none-thing/thing.elf", *words)[0], board="STM32F4DISCOVERY")
    return f"{len(said.splitlines())} steps"


# ---- A board and a chip of a product's own. ----

def board_write(folder, name, in_tree="stm32f4discovery"):
    """One like a board of the tree, but for its name."""
    path = os.path.join(folder, name)
    shutil.copytree(os.path.join(ROOT, "board", in_tree), path)
    file_change(os.path.join(path, "board.c"), '"STM32F4DISCOVERY"', f'"{name}"')
    return path


def file_change(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, f"no {old!r} in {path}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


def nothing_built_in(folder):
    for base, _, files in os.walk(folder):
        assert not [name for name in files if name.endswith((".o", ".d", ".elf"))], f"built outside of the build folder: {base} {files}"


def test_board_outside(folder):
    """By a whole path; what changes there is made anew."""
    board, app = board_write(folder, "my-board"), product_write(folder, "thing", {"main.c": PRODUCT})
    words = (f"BOARD_DIR={board}/", f"APP={app}", "NAME=thing", "OS=none")
    image, _ = built(folder, "my-board-none-thing/thing.elf", *words)
    page_is(image, board="my-board")
    _, said = built(folder, "", *words)
    assert "CC" not in said and "LD" not in said, f"made anew for nothing: {said!r}"
    file_change(os.path.join(board, "board.c"), '"my-board"', '"My Board"')
    _, said = built(folder, "", *words)
    assert said.count("CC") == 1 and f"CC {os.path.realpath(board)}/board.c" in said, said
    page_is(image, board="My Board")
    nothing_built_in(board)


def test_board_in_the_product(folder):
    """Board and chip in the product's folder, as docs/porting.md has it: each is compiled once, and nothing of what CMake has built."""
    app = product_write(folder, "thing", {"main.c": PRODUCT, "build-cov/CMakeCache.txt": "", "build-cov/a.c": "#error this is not to be compiled\n"})
    board = board_write(app, "boards/my-board")
    chip = os.path.join(app, "chips/my-chip")
    shutil.copytree(os.path.join(ROOT, "chip/stm32f407"), chip)
    image, said = built(folder, "my-board-none-thing/thing.elf", f"BOARD_DIR={board}", f"CHIP_DIR={chip}/", f"APP={app}", "NAME=thing", "OS=none")
    for path in (f"{app}/main.c", f"{board}/board.c", f"{chip}/stm32f407.c"):
        assert said.count(f"CC {os.path.realpath(path)}") == 1, f"{path}: {said}"
    page_is(image, board="boards/my-board")


def test_chip_outside(folder):
    """Board and chip by relative paths; the board has sources in two folders, the chip is in its folder."""
    board, app = board_write(folder, "my-board"), product_write(folder, "thing", {"main.c": PRODUCT})
    chip = os.path.join(folder, "my-chip")
    shutil.copytree(os.path.join(ROOT, "chip/stm32f407"), chip)
    product_write(folder, "shared", {"more.c": "const char more[] __attribute__((used)) = \"more\";\n"})
    file_change(os.path.join(board, "board.mk"), "stm32f407\n", "no-such-chip\n")
    with open(os.path.join(board, "board.mk"), "a", encoding="utf-8") as file:
        file.write("BOARD_SRC += $(BOARD_DIR)/../shared/more.c\n")
    relative = os.path.relpath(board, ROOT), os.path.relpath(chip, ROOT)
    words = (f"BOARD_DIR={relative[0]}", f"CHIP_DIR={relative[1]}", f"APP={app}", "NAME=thing", "OS=none")
    image, said = built(folder, "my-board-none-thing/thing.elf", *words)
    for path in (f"{board}/board.c", f"{chip}/stm32f407.c", f"{folder}/shared/more.c"):
        assert f"CC {os.path.realpath(path)}" in said, f"{path} is not compiled: {said}"
    assert "CC chip/stm32f407/" not in said, said
    page_is(image, board="my-board")
    for name in (board, chip, f"{folder}/shared"):
        nothing_built_in(name)


def test_board_outside_freertos(folder):
    kernel_wanted()
    board, app = board_write(folder, "my-board"), product_write(folder, "thing", {"main.c": PRODUCT})
    image, _ = built(folder, "my-board-freertos-thing/thing.elf", f"BOARD_DIR={board}", f"APP={app}", "NAME=thing", "OS=freertos")
    page_is(image, board="my-board")
    nothing_built_in(board)


def test_freertos_costs_what_the_guide_says(folder):
    """docs/freertos.md: the same product in both flavours, and without what threads of its own would need."""
    kernel_wanted()
    with open(os.path.join(ROOT, "docs/freertos.md"), encoding="utf-8") as file:
        text = file.read()
    flash, ram, least = re.search(r"takes ([\d.]+) kB more flash with FreeRTOS and ([\d,]+) bytes more RAM\..* it takes ([\d,]+) bytes more RAM",
                                  text, re.S).groups()
    with open(os.path.join(ROOT, "examples/minimal/main.c"), encoding="utf-8") as file:
        source = file.read()
    product_write(folder, "costs", {"main.c": source})
    product_write(folder, "least", {"main.c": source, "plugnet_options.h": "#define MEMP_NUM_NETCONN 1\n#define OS_THREADS_MAX 2\n"
                                                                           "#define OS_STACKS_SIZE 2560\n"})
    sizes = []
    for system, name in (("none", "costs"), ("freertos", "costs"), ("freertos", "least")):
        out, _ = built(folder, f"stm32f4discovery-{system}-{name}", f"APP={folder}/{name}", f"NAME={name}", f"OS={system}")
        code, data, bss = (int(word) for word in run("arm-none-eabi-size", f"{out}/{name}.elf").stdout.splitlines()[1].split()[:3])
        sizes.append((code + data, data + bss))
    bare, more, lean = sizes
    found = (more[0] - bare[0], more[1] - bare[1], lean[1] - bare[1])
    told = (float(flash) * 1000, int(ram.replace(",", "")), int(least.replace(",", "")))
    assert all(abs(a - b) <= limit for a, b, limit in zip(found, told, (FLASH_BYTES_OFF_MAX, RAM_BYTES_OFF_MAX, RAM_BYTES_OFF_MAX))), (found, told)
    assert found[0] <= 8000 and found[2] <= 6000, found
    with plugged(VBOARD, f"{out}/least.elf") as url:
        assert asked(url, "uptime")["uptime_ms"] > 0
    return f"{found[0]} of flash, {found[1]} of RAM, {found[2]} with the options"


def test_board_mistakes(folder):
    """Each is said in one line, before anything is built."""
    board, empty = board_write(folder, "my-board"), os.path.join(folder, "empty")
    os.makedirs(empty)
    for words, wanted in (((f"BOARD_DIR={folder}/none",), "none: there is no such folder"),
                          ((f"BOARD_DIR={empty}",), "there is no board.mk in that folder"),
                          (("BOARD_DIR=two words",), "BOARD_DIR='two words': a folder, one path without spaces"),
                          (("CHIP_DIR=two words",), "CHIP_DIR='two words': a folder, one path without spaces"),
                          ((f"CHIP_DIR={folder}/none",), "none: there is no such folder"),
                          ((f"CHIP_DIR={empty}",), "there is no chip.mk in that folder"),
                          (("BOARD=nonexistent",), "no such board; there are: ")):
        assert "CC" not in refused(folder, wanted, *words)
    for old, new, wanted in (("stm32f407\n", "stm32x\n", "CHIP=stm32x in "), ("CHIP", "CHAP", "CHIP names no chip, and CHIP_DIR"),
                             ("CHAP     := stm32x\n", "CHIP := stm32f407\n", None), ("\ninclude", "\nBOARD_SRC := no.c\ninclude", None)):
        file_change(os.path.join(board, "board.mk"), old, new)
        if wanted:
            assert "CC" not in refused(folder, wanted, f"BOARD_DIR={board}")
    shutil.copy(os.path.join(board, "board.c"), os.path.join(board, "my board.c"))
    assert "CC" not in refused(folder, "there is no source ", f"BOARD_DIR={board}")


# ---- Loops. ----

def test_own_loop_with_threads(folder):
    """Refused at compile time, with the reason; on bare metal it is a product's right."""
    text = PRODUCT[:PRODUCT.index("int main")] + """int main(void)
{
    board_init();
    plugnet_init(&plugnet, &config);
    for (;;) {
        plugnet_poll(&plugnet);
        plugnet_idle(&plugnet);
    }
}
"""
    app = product_write(folder, "looper", {"main.c": text})
    words = f"APP={app}", "NAME=looper"
    image, _ = built(folder, "stm32f4discovery-none-looper/looper.elf", "OS=none", *words)
    page_is(image, board="STM32F4DISCOVERY")
    flavours = [("native", "posix")] + ([("stm32f4discovery", "freertos")] if os.environ.get("FREERTOS_KERNEL_PATH") else [])
    for board, flavour in flavours:
        object_ = f"{folder}/build/{board}-{flavour}-looper/app{os.path.realpath(app)}/main.o"
        said = refused(folder, "the loop is lwIP's thread: call plugnet_run", f"BOARD={board}", f"OS={flavour}", *words, object_)
        for name in ("plugnet_init", "plugnet_poll", "plugnet_idle"):
            assert re.search(rf"main\.c:\d+:\d+: error: .{name}. is unavailable", said), f"{name} is not named: {said}"


STARTED = """#define _GNU_SOURCE
#include "lwip/priv/tcp_priv.h"
#include "plugnet/plugnet.h"
#include <pthread.h>
#include "lwip/netif.h"
#include "lwip/udp.h"
static struct plugnet plugnet;
static int my_context;
static struct { unsigned count; pthread_t thread; bool is_up, bound, is_mine, polled; } seen;
static void started(void *context)
{
    struct udp_pcb *pcb = udp_new();
    seen.count++;
    seen.thread = pthread_self();
    seen.is_up = plugnet.address != 0 && netif_is_up(&plugnet.netif.netif) && tcp_listen_pcbs.listen_pcbs != NULL;
    seen.bound = pcb != NULL && udp_bind(pcb, IP_ANY_TYPE, 5005) == ERR_OK;
    seen.is_mine = context == &my_context;
    seen.polled = plugnet.polled_ms != 0;
}
static enum http_progress output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{");
    text_put_json_u32(out, "count", seen.count);
    text_put(out, seen.is_up && seen.bound && seen.is_mine && !seen.polled ? ",\\"good\\":true" : ",\\"good\\":false");
    text_put(out, pthread_equal(seen.thread, pthread_self()) ? ",\\"thread\\":true}" : ",\\"thread\\":false}");
    return HTTP_END;
}
static const struct http_route routes[] = {{.path = "/", .type = "application/json", .output = output}};
static const struct plugnet_config config = {
    .product_id = 2,
    .functions = PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS),
    .services = PLUGNET_SERVICES(PLUGNET_DEFAULT_SERVICES),
    .routes = routes, .route_count = 1, .context = &my_context, .started = started};
int main(void)
{
    plugnet_run(&plugnet, &config);
}
"""


def test_started(folder):
    """Once, when all is there, in the thread that routes are called by."""
    app = product_write(folder, "hook", {"main.c": STARTED})
    for flavour in ("none", "posix"):
        image, _ = built(folder, f"native-{flavour}-hook/hook.elf", "BOARD=native", f"OS={flavour}", f"APP={app}", "NAME=hook")
        with plugged(PC, image) as url:
            said = asked(url)
        assert said == {"count": 1, "good": True, "thread": True}, f"{flavour}: {said}"


def test_long_last_words(folder):
    """What the log has no room for is cut, but its line ends, so that whoever reads lines has it."""
    service = """static const char *start(void *state, struct plugnet *p)
{
    (void)state, (void)p;
    return "WORDS";
}
static const struct plugnet_service words = {.name = "long", .start = start};
static struct plugnet plugnet;""".replace("WORDS", 20 * "so it goes ")
    text = PRODUCT.replace("static struct plugnet plugnet;", service).replace("PLUGNET_DEFAULT_SERVICES", "PLUGNET_DEFAULT_SERVICES, &words")
    app = product_write(folder, "last", {"main.c": text})
    image, _ = built(folder, "stm32f4discovery-none-last/last.elf", f"APP={app}", "NAME=last")
    with Board(image, program=VBOARD[0]) as b:
        b.run_for(0.5)
        assert b.log.find("service long: panic: so it goes so"), b.log.last()


# ---- Options of a product. ----

OPTIONS_SAY = """#include "plugnet/plugnet.h"
#include "lwip/opt.h"
static enum http_progress output(struct http_request *r, struct text *out)
{
    (void)r;
    text_put(out, "{");
    text_put_json_u32(out, "mss", TCP_MSS);
    text_put(out, ",");
    text_put_json_u32(out, "heap", MEM_SIZE);
    text_put(out, ",");
    text_put_json_u32(out, "text", HTTP_TEXT_MAX);
    text_put(out, ",");
    text_put_json_u32(out, "size", sizeof plugnet.blocks / sizeof plugnet.blocks[0]);
    text_put(out, "}");
    return HTTP_END;
}
"""


def options_product(folder, name, options, more=""):
    """Tells what it was compiled with."""
    at = PRODUCT.index("static const struct http_route")
    text = OPTIONS_SAY.replace("static enum", "static struct plugnet plugnet;\nstatic enum", 1) + more + \
        PRODUCT[at:].replace("static struct plugnet plugnet;\n", "")
    return product_write(folder, name, {"main.c": text, "plugnet_options.h": options})


def symbol_size(image, name):
    said = run("arm-none-eabi-nm", "-S", image).stdout
    found = re.search(rf"^\w+ (\w+) \w {name}$", said, re.M)
    assert found, f"no {name} in {image}"
    return int(found[1], 16)


def test_options(folder):
    """They reach product, firmware and lwIP; a change makes anew; two products in one place don't mix."""
    first = options_product(folder, "first", "#define TCP_MSS 536\n#define MEM_SIZE 5000\n#define HTTP_TEXT_MAX 100\n"
                                             "#define PLUGNET_BLOCKS 2\n#define CONFIG_TEXT_IS_OURS 1\n#include <stdint.h>\n")
    second = options_product(folder, "second", "#define MEM_SIZE 4000\n")
    place = f"OUT={folder}/build/one-place"
    first_says = {"mss": 536, "heap": 5000, "text": 100, "size": 2}
    for app, wanted, heap in ((first, first_says, 5000), (second, {"mss": 1460, "heap": 4000, "text": 63, "size": 3}, 4000),
                              (first, first_says, 5000)):
        image, _ = built(folder, "one-place/plugnet.elf", f"APP={app}", place)
        page_is(image, **wanted)
        size = symbol_size(image, "ram_heap")
        assert heap <= size <= heap + 64, f"lwIP's heap has {size} bytes, not {heap}"
    _, said = built(folder, "", f"APP={app}", place)
    assert "CC" not in said and "LD" not in said, f"made anew for nothing: {said!r}"
    product_write(folder, "first", {"plugnet_options.h": "#define TCP_MSS 1000\n"})
    image, said = built(folder, "one-place/plugnet.elf", f"APP={app}", place)
    page_is(image, mss=1000, heap=3264, text=63, size=3)
    os.remove(os.path.join(first, "plugnet_options.h"))
    image, said = built(folder, "one-place/plugnet.elf", f"APP={app}", place)
    page_is(image, mss=1460, heap=3264, text=63, size=3)


def test_options_freertos(folder):
    """They reach the kernel, which its own build makes anew."""
    kernel_wanted()
    options = "#define configMAX_TASK_NAME_LEN %d\n#define configUSE_TIMERS 1\n#define configTIMER_TASK_PRIORITY 1\n" \
              "#define configTIMER_QUEUE_LENGTH 4\n#define configTIMER_TASK_STACK_DEPTH 128\n#define OS_THREADS_MAX 3\n"
    more = "const unsigned name_length __attribute__((used)) = 0;\n"
    app = options_product(folder, "thing", options % 16, more)
    words = f"APP={app}", "NAME=thing", "OS=freertos"
    image, _ = built(folder, "stm32f4discovery-freertos-thing/thing.elf", *words)
    assert symbol_size(image, "xTimerQueue") == 4, "the kernel has no timers"
    before = symbol_size(image, "pool")
    page_is(image, mss=1460, heap=3264, text=63, size=3)
    _, said = built(folder, "", *words)
    assert "CMAKE" not in said and "CC" not in said and "LD" not in said, f"made anew for nothing: {said!r}"
    product_write(folder, "thing", {"plugnet_options.h": options % 40})
    image, said = built(folder, "stm32f4discovery-freertos-thing/thing.elf", *words)
    assert "CMAKE" in said, said
    assert symbol_size(image, "pool") == before + 3 * 24, "a task's memory doesn't follow its name's length"
    page_is(image, mss=1460, heap=3264, text=63, size=3)


REFUSED = (
    ("TCP_MSS 1461", "TCP_MSS: 536 to 1460"), ("TCP_MSS 535", "TCP_MSS: 536 to 1460"), ("TCP_WND 2000", "TCP_WND, TCP_SND_BUF: two"),
    ("TCP_WND 65536", "TCP_WND, TCP_SND_BUF: 65535"), ("TCP_SND_QUEUELEN 15", "TCP_SND_QUEUELEN: two pbufs"),
    ("TCP_SND_QUEUELEN 24", "NCM_FRAME_PIECES_MAX"), ("MEM_SIZE 2000", "MEM_SIZE: below 2048"), ("MEM_LIBC_MALLOC 1", "no heap"),
    ("MEMP_MEM_MALLOC 1", "no heap"), ("MEM_ALIGNMENT 2", "MEM_ALIGNMENT"), ("LWIP_SUPPORT_CUSTOM_PBUF 0", "netif_ncm.c"),
    ("ETH_PAD_SIZE 2", "ETH_PAD_SIZE"), ("MEMP_STATS 0", "tcp_guard.c"), ("LWIP_ARP 0", "an Ethernet host"),
    ("LWIP_IPV6 1", "not in the build"), ("LWIP_DHCP 1", "not in the build"), ("LWIP_EVENT_API 1", "LWIP_EVENT_API"),
    ("CHECKSUM_GEN_TCP 0", "CHECKSUM_GEN_IP"), ("NO_SYS 0", "follow from the flavour"), ("HTTP_TEXT_MAX 256", "one byte"), ("HTTP_STATE_MAX 66", "HTTP_STATE_MAX: a multiple of 4"),
    ("HTTP_SCRATCH_MAX 600", "HTTP_SCRATCH_MAX"), ("HTTP_RAW_PIPELINE_MAX 1600", "HTTP_RAW_PIPELINE_MAX: "),
    ("MEMP_NUM_TCP_PCB 13", "MEMP_NUM_TCP_PCB: HTTP_RAW_CONNECTIONS and 2"), ("BOARD_STACK_SIZE 2044", "BOARD_STACK_SIZE: a multiple"), ("HTTP_RAW_CONNECTIONS 0", "HTTP_RAW_CONNECTIONS: 1 to 255"), ("PLUGNET_BLOCKS 1", "PLUGNET_BLOCKS: "), ("NCM_OUT_BLOCK_MAX 2000", "NCM_OUT_BLOCK_MAX"),
    ("NCM_IN_PIECES_MAX 19", "NCM_IN_PIECES_MAX"), ("PLUGNET_NAME_MAX 60", "PLUGNET_NAME_MAX: "), ("TCP_GUARD_HEAP 3000", "MEM_SIZE: "))
REFUSED_THREADS = (
    ("LWIP_TCPIP_CORE_LOCKING 1", "foreign thread"), ("LWIP_TCP_PCB_NUM_EXT_ARGS 0", "netconn_guard.c"), ("TCPIP_THREAD_PRIO 3", "TCPIP_THREAD_PRIO: 4"),
    ("TCPIP_THREAD_PRIO 5", "no such priority"), ("TCPIP_MBOX_SIZE 9", "SYS_MBOX_LENGTH_MAX"), ("OS_STACKS_SIZE 2048", "OS_STACKS_SIZE: "),
    ("configTICK_RATE_HZ 100", "configTICK_RATE_HZ: 1000"), ("configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_64_BITS", "32 bits"),
    ("configSUPPORT_STATIC_ALLOCATION 0", "there is no heap"), ("configSUPPORT_DYNAMIC_ALLOCATION 1", "there is no heap"),
    ("configUSE_PREEMPTION 0", "configUSE_PREEMPTION"), ("configMAX_PRIORITIES 4", "configMAX_PRIORITIES: 5"), ("configUSE_TICKLESS_IDLE 1", "TICKLESS"),
    ("configUSE_IDLE_HOOK 0", "configUSE_IDLE_HOOK"), ("configGENERATE_RUN_TIME_STATS 0", "os_thread_info_get"),
    ("INCLUDE_xTaskDelayUntil 0", "INCLUDE_xTaskDelayUntil"), ("configMAX_SYSCALL_INTERRUPT_PRIORITY 0x60", "0x10 to 0x50"))
SOURCES = ("net/netif_ncm.c", "net/tcp_guard.c", "net/http/http.c", "net/http/http_body.c", "net/http/http_raw.c", "plugnet/plugnet_check.c",
           "plugnet/service_mdns.c", "usb/ncm.c", "chip/cortex_m4/startup.c")


def options_wrong(command, sources, cases):
    """Each case compiled as the build would: its reason is said. The command is one that the build itself has printed."""
    for option, wanted in cases:
        said = ""
        for source in sources:
            words = [*command, "-fsyntax-only", "-c", source, "-include", "/dev/stdin"]
            done = subprocess.run(words, cwd=ROOT, input=f"#define {option}\n", capture_output=True, text=True, timeout=60, check=False,
                                  env={**os.environ, "CCACHE_DISABLE": "1"})  # it would read /dev/stdin before the compiler does
            said += done.stderr if done.returncode else ""
        assert wanted in said, f"{option}: {said[:300]!r}, not {wanted!r}"


def command_of(folder, source, *words):
    """How make compiles a source, without its own file names."""
    done = make(folder, "-n", "V=1", *words)
    line = next(line for line in done.stdout.splitlines() if f" -c {source} " in line)
    flags = shlex.split(line[:line.index(" -c ")])
    return [word for word in flags if word not in ("-MMD", "-MP")]


def test_options_refused(folder):
    """What plugnet can't work with, each with the reason; and a build that fails by one."""
    app = product_write(folder, "thing", {"main.c": PRODUCT})
    words = f"APP={app}", "NAME=thing"
    command = command_of(folder, SOURCES[0], "OS=none", *words)
    options_wrong(command, SOURCES, REFUSED)
    product_write(folder, "thing", {"plugnet_options.h": "#define TCP_MSS 1500\n"})
    refused(folder, "TCP_MSS: 536 to 1460; a frame has 1,514 bytes", "OS=none", *words)
    os.remove(os.path.join(app, "plugnet_options.h"))
    if os.environ.get("FREERTOS_KERNEL_PATH"):
        command = command_of(folder, "os/freertos/sys_arch.c", "OS=freertos", *words)
        options_wrong(command, ["os/freertos/sys_arch.c"], REFUSED_THREADS)


# ---- C++. ----

CXX = """#include "plugnet/plugnet.h"
extern "C" int from_c(void);
struct Shape {
    virtual ~Shape() {}
    virtual uint32_t area() const = 0;
};
struct Square : Shape {
    uint32_t side;
    explicit Square(uint32_t s) : side(s) { made++; }
    ~Square() override { made--; }
    uint32_t area() const override { return side * side; }
    static uint32_t made;
};
uint32_t Square::made;
static volatile uint32_t three = 3;
static Square first{three}, second{three + 1};
static enum http_progress output(struct http_request *, struct text *out)
{
    static Square local{three + 2};
    const Shape *shapes[] = {&first, &second, &local};
    text_put(out, "{\\"areas\\":[0");
    for (const Shape *shape : shapes) {
        text_put(out, ",");
        text_put_u32(out, shape->area());
    }
    text_put(out, "],");
    text_put_json_u32(out, "made", Square::made);
    text_put(out, ",");
    text_put_json_u32(out, "from_c", static_cast<uint32_t>(from_c()));
    text_put(out, "}");
    return HTTP_END;
}
static const struct http_route routes[] = {{.path = "/", .type = "application/json", .output = output}};
static const plugnet_function *const functions[] = {PLUGNET_DEFAULT_FUNCTIONS, nullptr};
static const plugnet_service *const services[] = {PLUGNET_DEFAULT_SERVICES, nullptr};
static const struct plugnet_config config = {
    .product_id = 2, .functions = functions, .services = services, .routes = routes, .route_count = 1};
static struct plugnet plugnet;
int main()
{
    plugnet_run(&plugnet, &config);
}
"""
CXX_SAYS = {"areas": [0, 9, 16, 25], "made": 3, "from_c": 7}


def test_cplusplus(folder):
    """Constructors have run before main; virtual functions and C beside C++, under one name, too."""
    app = product_write(folder, "shapes", {"main.cpp": CXX, "main.c": "int from_c(void);\nint from_c(void)\n{\n    return 7;\n}\n",
                                           "deep/er/more.cc": "int more() { return 1; }\n"})
    words = f"APP={app}", "NAME=shapes"
    image, said = built(folder, "stm32f4discovery-none-shapes/shapes.elf", *words)
    assert said.count("CXX ") == 3, said
    page_is(image, **CXX_SAYS)
    _, said = built(folder, "", *words)
    assert "CC" not in said and "CXX" not in said and "LD" not in said, f"made anew for nothing: {said!r}"
    _, said = built(folder, "", *words, "CXXFLAGS_APP=-std=gnu++20")
    assert said.count("CXX ") == 3 and "CC" not in said, said
    for flavour in ("none", "posix"):
        image, _ = built(folder, f"native-{flavour}-shapes/shapes.elf", "BOARD=native", f"OS={flavour}", *words)
        with plugged(PC, image) as url:
            said = asked(url)
        assert said == CXX_SAYS, f"{flavour}: {said}"


def test_cplusplus_freertos(folder):
    kernel_wanted()
    app = product_write(folder, "shapes", {"main.cpp": CXX, "c.c": "int from_c(void);\nint from_c(void)\n{\n    return 7;\n}\n"})
    image, _ = built(folder, "stm32f4discovery-freertos-shapes/shapes.elf", "OS=freertos", f"APP={app}", "NAME=shapes")
    page_is(image, **CXX_SAYS)


def test_console_of_the_guide(folder):
    """docs/console.md's product, with either table: it enumerates beside the network; without the console it is smaller by what the guide says."""
    text = guide_code("console.md", '#include "plugnet/acm_console.h"')
    table = text[text.index("static enum console_progress uptime_run"):text.index("static char history")]
    app = product_write(folder, "words", {"main.c": text.replace(table, guide_code("console.md", "#include <string.h>"))})
    image, _ = built(folder, "32l476gdiscovery-none-words/words.elf", "BOARD=32l476gdiscovery", f"APP={app}", "NAME=words")
    with plugged((*VBOARD, "--board", "32l476gdiscovery"), image):
        pass
    sizes = []
    for name, code in (("with", text), ("without", text.replace("PLUGNET_DEFAULT_FUNCTIONS, &console_function", "PLUGNET_DEFAULT_FUNCTIONS").replace(
            "static const struct plugnet_function console", "extern const struct plugnet_function console_function;\nconst struct plugnet_function console"))):
        app = product_write(folder, name, {"main.c": code})
        image, _ = built(folder, f"32l476gdiscovery-none-{name}/{name}.elf", "BOARD=32l476gdiscovery", f"APP={app}", f"NAME={name}")
        numbers = [int(number) for number in run("arm-none-eabi-size", image).stdout.splitlines()[1].split()[:3]]
        sizes.append((numbers[0] + numbers[1], numbers[1] + numbers[2]))
        with plugged((*VBOARD, "--board", "32l476gdiscovery"), image):
            pass
    flash, ram = sizes[0][0] - sizes[1][0], sizes[0][1] - sizes[1][1]
    with open(os.path.join(ROOT, "docs/console.md"), encoding="utf-8") as file:
        found = re.search(r"([\d,]+) bytes of flash and ([\d,]+) of RAM", file.read())
    told = [int(number.replace(",", "")) for number in found.groups()]
    assert abs(flash - told[0]) <= 200 and abs(ram - told[1]) <= 50, f"{flash} bytes of flash, {ram} of RAM, not {told}"
    return f"{flash} bytes of flash, {ram} of RAM"


PORT = """#include "usb/acm.h"
static uint8_t ring[256], from_host[64] __attribute__((aligned(4)));
static void changed(void *context, uint8_t what);
static const struct acm_config port_config = {.ring = ring, .ring_size = sizeof ring, .out = from_host,
                                              .out_size = sizeof from_host, .changed = changed};
static struct acm port = {.config = &port_config};
static const struct plugnet_function port_function = PLUGNET_ACM("port", &port);
static void changed(void *context, uint8_t what)
{
    size_t length;
    const uint8_t *bytes = acm_peek(&port, &length);

    (void)context, (void)what;
    if (bytes != NULL) {
        acm_take(&port, acm_write(&port, bytes, length));
    }
}
"""


def test_bare_port(folder):
    """A serial port that sends back what it gets, by PLUGNET_ACM, twice in a Linux process."""
    text = PRODUCT.replace("static const struct plugnet_config", PORT + "static const struct plugnet_config", 1)
    other = text.replace(
        "static const struct plugnet_config", "static struct acm second = {.config = &port_config};\n"
        'static const struct plugnet_function second_function = PLUGNET_ACM("second", &second);\nstatic const struct plugnet_config', 1)
    for name, code, listed, words, command in (
            ("one", text, "&port_function", ("BOARD=32l476gdiscovery",), (*VBOARD, "--board", "32l476gdiscovery")),
            ("two", other, "&port_function, &second_function", ("BOARD=native",), PC)):
        code = code.replace("PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS)", f"PLUGNET_FUNCTIONS(PLUGNET_DEFAULT_FUNCTIONS, {listed})")
        app = product_write(folder, name, {"main.c": code})
        image, _ = built(folder, f"{words[0][6:]}-none-{name}/{name}.elf", *words, f"APP={app}", f"NAME={name}")
        with plugged(command, image) as url:
            assert "board" in asked(url)


def test_cplusplus_example(folder):
    image, _ = built(folder, "stm32f4discovery-none-counter/counter.elf", "APP=examples/cplusplus", "NAME=counter")
    with plugged(VBOARD, image) as url:
        said = [asked(url, "count")["count"] for _ in range(3)]
    assert said == [41, 42, 43], said


def test_no_heap_no_stray_constructors(folder):
    """`new` has no heap to take from; a constructor in C would never run. One build, its last step again and again."""
    c = PRODUCT + "__attribute__((constructor)) static void early(void)\n{\n    plugnet.polled_ms = 1;\n}\n"
    app = product_write(folder, "thing", {"main.c": c})
    words = f"APP={app}", "NAME=thing"
    refused(folder, "constructors in an image without C++ sources", *words)
    os.remove(os.path.join(app, "main.c"))
    for text, wanted in (("int *volatile heap;\nvoid f();\nvoid f() { heap = new int[2]; }\n", "undefined reference to `operator new"),
                         ("#include <stdlib.h>\nvoid *volatile heap;\nvoid f();\nvoid f() { heap = malloc(9); }\n", "undefined reference to `_sbrk'")):
        product_write(folder, "thing", {"main.cpp": CXX.replace("from_c()", "7").replace("int main()\n{", "void f();\nint main()\n{\n    f();"),
                                        "heap.cpp": text})
        refused(folder, wanted, *words)


def tests_run(suite, tests, chosen):
    """Each in a folder of its own; the exit code."""
    failed = 0
    for name, test in list(tests.items()):
        if not name.startswith("test_") or not callable(test) or (chosen and name[5:] not in chosen):
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                said = test(folder)
                print(f"ok {suite} {name[5:]}" + (f" ({said})" if said else ""), flush=True)
            except Skip as why:
                print(f"skip {suite} {name[5:]}: {why}", flush=True)
            except Exception as why:  # whatever it is, it is this test's
                failed += 1
                print(f"not ok {suite} {name[5:]}: " + " ".join(f"{why or type(why).__name__}".split()), flush=True)
    return 1 if failed else 0


def main(chosen):
    return tests_run("compose", globals(), chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
