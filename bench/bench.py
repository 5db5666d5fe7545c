#!/usr/bin/env python3
"""The benchmark: run build/bench/bench for both kinds of host, make figures of its counts, print and keep them.

    bench.py IMAGE.elf OBJECT_FOLDER [--board NAME] [--bench PROGRAM] [--out FOLDER] [--json FILE] [--profile]
             [--meter METER.elf]            and what a product's HTTP carries: examples/meter (bench/meter.c)
             [--ownstack OWNSTACK.elf]      and what a stack without lwIP takes: examples/ownstack
    FOREIGN_IMAGES=FOLDER bench.py …    the same rows of each FOLDER/*.elf beside ours: any NCM image for an STM32F407
                                        that leases addresses; with --peers-write they become bench/peers.json's

Virtual time, so the same image gives the same figures, byte by byte. What the words mean:

    linux, eager    the host sends as Linux's cdc_ncm does (400 us timer), or at once
    busy            instructions of a window without the idle ones: those executed in the window less
                    (instructions per ms with the link up and nothing to do) x (ms of the window). An image that never
                    sleeps polls less while it works: its idle turns are told by the code that they alone run through
    to / from       a datagram on its way to the board (OUT) / from it (IN): taken from TCP up and TCP down, the
                    acknowledgements that go the other way included; both: half an echo
    room            folder of the source line that an instruction comes from (tool/size.py)
    load            share of cycles not asleep
    wire            payload as a share of 1216 bytes/ms, 19 packets of 64 bytes a frame
    flash, RAM      code, constants and first values without the page's bytes; data + bss. What is reserved for stack and
                    heap is counted apart, for every image alike
    stack           from the top of the stack to the lowest stack pointer seen while code of a room ran
"""
# SPDX-License-Identifier: MIT
import argparse
import bisect
import glob
import json
import operator
import os
import re
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tool")]
import history  # noqa: E402
import size  # noqa: E402

HOSTS = ("linux", "eager")
WIRE = 1216
RUNS = {
    "echo_1472x1": "echo 1472 B, 1 outstanding", "echo_1472x4": "echo 1472 B, 4 outstanding",
    "echo_1472x8": "echo 1472 B, 8 outstanding", "echo_18x8": "echo 18 B, 8 outstanding",
    "tcp_up": "TCP up (iperf)", "tcp_down": "TCP down (iperf)", "http_page": "HTTP GET /",
    "http_page_x6": "HTTP GET /, 6 connections", "http_script": "HTTP GET /app.js",
    "http_browser": "HTTP GET /, browser", "http_status": "HTTP GET /api/status",
    "http_status_x6": "/api/status, 6 connections", "http_status_x12": "/api/status, 12 connections",
    "tcp_both": "TCP both ways (iperf)", "ping_up": "TCP up and a ping", "ping_down": "TCP down and a ping", "dhcp": "DHCP exchange",
}
FLAVOURS = {"none": "bare metal", "freertos": "FreeRTOS"}
FIRST = "stm32f4discovery-none"  # its figures are build/bench.json, those of others build/bench-BOARD-OS.json
MORE_ROWS = (  # what, host, run, key, unit: those that no peer was asked for
    ("attach to HTTP 200", "linux", "attach", "instructions", "instr"),
    ("DHCP exchange", "linux", "dhcp", "instructions_each", "instr"),
    ("HTTP GET /, 6 connections, eager", "eager", "http_page_x6", "answers_second", "/s"),
    ("HTTP GET /, 6 connections, eager", "eager", "http_page_x6", "instructions_answer", "instr"),
    ("HTTP GET / of a browser, eager", "eager", "http_browser", "answers_second", "/s"),
    ("HTTP GET / of a browser, eager", "eager", "http_browser", "instructions_answer", "instr"),
    ("HTTP GET /app.js, eager", "eager", "http_script", "bytes_ms", "B/ms"),
    ("HTTP GET /app.js, eager", "eager", "http_script", "instructions_byte", "instr/B"),
    ("/api/status, 1 connection, eager", "eager", "http_status", "answers_second", "/s"),
    ("/api/status, 1 connection, eager", "eager", "http_status", "instructions_answer", "instr"),
    ("/api/status, 6 connections, eager", "eager", "http_status_x6", "answers_second", "/s"),
    ("/api/status, 6 connections, eager", "eager", "http_status_x6", "instructions_answer", "instr"),
    ("/api/status, 12 connections, eager", "eager", "http_status_x12", "answers_second", "/s"),
    ("/api/status, 12 connections, eager", "eager", "http_status_x12", "instructions_answer", "instr"),
    ("TCP both ways (iperf)", "linux", "tcp_both", "bytes_ms", "B/ms"),
    ("TCP both ways (iperf)", "linux", "tcp_both", "instructions_byte", "instr/B"),
    ("TCP up (iperf): a packet in udc/", "linux", "tcp_up", "udc_packet", "instr"),
    ("TCP down (iperf): a packet in udc/", "linux", "tcp_down", "udc_packet", "instr"),
    ("ping beside TCP up, half below", "linux", "ping_up", "ping_p50_ms", "ms"),
    ("ping beside TCP up, 99 % below", "linux", "ping_up", "ping_p99_ms", "ms"),
    ("ping beside TCP up, longest", "linux", "ping_up", "ping_max_ms", "ms"),
    ("ping beside TCP down, half below", "linux", "ping_down", "ping_p50_ms", "ms"),
    ("ping beside TCP down, 99 % below", "linux", "ping_down", "ping_p99_ms", "ms"),
    ("ping beside TCP down, longest", "linux", "ping_down", "ping_max_ms", "ms"),
    ("awake, idle", "linux", "idle", "awake_second", "cycles/s"),
    ("awake, the PC sleeps", "linux", "suspended", "awake_second", "cycles/s"),
    ("the PC sleeps: USB's PHY clock stands", "linux", "suspended", "usb_stopped_percent", "%"),
    ("the PC sleeps: the core's clock", "linux", "suspended", "clock_mhz", "MHz"),
    ("awake, TCP both ways", "linux", "tcp_both", "awake_second", "cycles/s"),
    ("awake, /api/status, 12 connections, eager", "eager", "http_status_x12", "awake_second", "cycles/s"),
)
ROOM_RUNS = {"tcp_up": "to the board", "tcp_down": "from the board", "echo_1472x8": "echo 1472 B / 2",
             "echo_18x8": "echo 18 B / 2"}

PACKET_RUNS = {"tcp_up": "packets_out", "tcp_down": "packets_in"}  # what the controller's driver takes for one of 64 bytes

METER_ALL = "six event and six page readers"
METER_ROWS = (  # what, run and key of bench/meter.c, unit, the limit that it must keep or None
    ("upload", "upload", "up_bytes_ms", "B/ms", ">=", 900),
    ("log download", "download", "down_bytes_ms", "B/ms", ">=", 900),
    ("events beside an upload, jitter p99", "events_upload", "late_p99_ms", "ms", "<", 5),
    ("events beside an upload", "events_upload", "events_second_least", "/s", ">=", 19.9),
    (f"{METER_ALL}, pages", "events6_pages6", "pages_second", "/s", None, None),
    (f"{METER_ALL}, pages of the slowest", "events6_pages6", "pages_second_least", "/s", ">=", 20),
    (f"{METER_ALL}, events of the slowest", "events6_pages6", "events_second_least", "/s", ">=", 19.9),
    (f"{METER_ALL}, events lost", "events6_pages6", "events_lost", "", "<=", 0),
)
METER_MORE_ROWS = (  # what, run, key, unit
    ("upload (PUT)", "upload", "instructions_byte", "instr/B"),
    ("log download", "download", "instructions_byte", "instr/B"),
    ("SSE, an event of one reader", "events_alone", "instructions_event", "instr"),
    ("SSE, an event of one of six readers", "events6", "instructions_event", "instr"),
    ("WebSocket, echo of 32 B, one client", "socket", "messages_second", "/s"),
    ("WebSocket, echo of 32 B, one client", "socket", "instructions_message", "instr"),
    ("WebSocket, echo of 32 B, four clients", "socket4", "messages_second", "/s"),
    ("WebSocket, echo of 32 B, four clients", "socket4", "instructions_message", "instr"),
    ("awake, nobody reads", "idle", "awake_second", "cycles/s"),
    ("awake, one reader of events", "events_alone", "awake_second", "cycles/s"),
)
METER_READERS = {"events_alone": 1, "events6": 6}
OWNSTACK_ROWS = (  # what, run, key, unit, the limit that it must keep or None; all with an eager host
    ("flash without the boot loader", "size", "flash", "bytes", "<=", 16384),
    ("RAM, data + bss", "size", "ram", "bytes", "<=", 12288),
    ("deepest stack", "stack", "deepest", "bytes", "<=", 1024),
    ("attach to link", "attach", "link_ms", "ms", None, None),
    ("echo 18 B, 8 outstanding", "echo_18x8", "per_second", "/s", ">=", 7500),
    ("echo 18 B, 8 outstanding", "echo_18x8", "instructions_each", "instructions", "<=", 1500),
    ("echo 1472 B, 8 outstanding", "echo_1472x8", "per_second", "/s", ">=", 390),
    ("echo 1472 B, 8 outstanding", "echo_1472x8", "instructions_each", "instructions", "<=", 4700),
)
KEPT = {">=": operator.ge, "<": operator.lt, "<=": operator.le}


class Code:
    """The image's addresses: which function, by debug information even where it was inlined, and which room."""

    def __init__(self, folder, elf):
        self.elf = elf
        self.known = {}
        self.parts = sorted((part[1], part[1] + part[2], part[3]) for part in size.parts_of(folder, elf)
                            if part[0] in (".guard", ".text", ".data"))
        self.begins = [part[0] for part in self.parts]

    def learn(self, addresses):
        new = sorted(set(addresses) - self.known.keys())
        text = subprocess.run([size.TOOL + "addr2line", "-f", "-e", self.elf], check=True, capture_output=True,
                              text=True, input="".join(f"{address:#x}\n" for address in new)).stdout.splitlines()
        for address, function in zip(new, text[::2]):
            self.known[address] = (self.room(address), function)

    def room(self, address):
        at = bisect.bisect_right(self.begins, address) - 1
        return self.parts[at][2] if at >= 0 and address < self.parts[at][1] else "other"

    def of(self, address):
        return self.known[address]


def image_board(path, known):
    """The virtual board that a foreign image's name begins with, else the first one."""
    return next((name for name in known if os.path.basename(path).startswith(name)), known[0])


def stack_top(elf):
    """Address of linker_stack_end in the image's symbol table."""
    with open(elf, "rb") as file:
        image = file.read()
    offset, entry, count = struct.unpack_from("<I10xHH", image, 32)
    heads = [struct.unpack_from("<10I", image, offset + i * entry) for i in range(count)]
    for head in heads:
        if head[1] != 2:  # SHT_SYMTAB
            continue
        strings = heads[head[6]][4]
        for at in range(head[4], head[4] + head[5], 16):
            name, value = struct.unpack_from("<II", image, at)
            begin = strings + name
            if image[begin:begin + 17] == b"linker_stack_end\0":
                return value
    raise ValueError(f"{elf}: no symbol linker_stack_end")


def profile_read(path, code):
    """[(room, function, instructions, lowest stack pointer)], most instructions first."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split() for line in file]
    counts = [(int(address, 16), int(count), int(lowest, 16)) for address, count, lowest in lines]
    code.learn(address for address, _, _ in counts)
    functions = {}
    for address, count, lowest in counts:
        entry = functions.setdefault(code.of(address), [0, lowest])
        entry[0] += count
        entry[1] = min(entry[1], lowest)
    return sorted(((*key, *entry) for key, entry in functions.items()), key=lambda row: (-row[2], row))


def polling_of(idle, run):
    """Instructions that idle polling took in a run of an image that never sleeps. `idle`, `run`: {address: executions}.

    Whatever code belongs to idle turns, some of it is run by them alone: the address whose executions have shrunk most
    against the idle window says how many idle turns there were. Addresses that are rare in the idle window don't count."""
    often = max(idle.values()) / 100
    turns = min(run.get(address, 0) / count for address, count in idle.items() if count >= often)
    return turns * sum(idle.values())


def figures_of(name, raw, idle_instructions):
    """One run's counts as figures."""
    ms = raw["time_ns"] / 1e6
    busy = max(0.0, raw["instructions"] - idle_instructions)
    out = {
        "ms": ms, "busy_instructions": round(busy), "load_percent":
        round(100 * (raw["cycles"] - raw["sleep_cycles"]) / raw["cycles"], 2),
        "packets_frame": round((raw["packets_in"] + raw["packets_out"]) / raw["frames"], 2),
        "datagrams_block_to": ratio(raw["out_frames"], raw["out_blocks"]),
        "datagrams_block_from": ratio(raw["in_frames"], raw["in_blocks"]),
        "datagrams_to": raw["out_frames"], "datagrams_from": raw["in_frames"],
        "naks_in": raw["naks_in"], "naks_out": raw["naks_out"],
        "lost": raw["lost"], "errors": raw["errors"] + raw["rx_errors"], "dropped_at_host": raw["tx_dropped"],
        "awake_second": awake_second(raw),
    }
    if name.startswith("ping"):
        out |= {f"ping_{share}_ms": round(raw[f"ping_{share}_ns"] / 1e6, 2) for share in ("p50", "p99", "max")}
    if name.startswith(("echo", "dhcp")):
        out["per_second"] = round(raw["count"] * 1000 / ms, 1)
        out["instructions_each"] = ratio(busy, raw["count"], 0)
    else:
        out["bytes_ms"] = round(raw["bytes"] / ms, 1)
        out["wire_percent"] = round(100 * raw["bytes"] / ms / WIRE, 1)
        out["instructions_byte"] = ratio(busy, raw["bytes"])
    if name.startswith("http"):
        out["answers_second"] = round(raw["count"] * 1000 / ms, 1)
        out["answer_bytes"] = raw["answer_bytes"]
        out["instructions_answer"] = ratio(busy, raw["count"], 0)
    return out


def awake_second(raw):
    """Cycles that the processor doesn't sleep, in a second."""
    return round((raw["cycles"] - raw["sleep_cycles"]) * 1e9 / raw["time_ns"])


def suspended_of(raw):
    """What stands for the current while the PC sleeps; {} where that wasn't measured."""
    return {} if raw is None else {"awake_second": awake_second(raw), "clock_mhz": raw["clock_hz"] / 1e6,
                                   "usb_stopped_percent": round(100 * raw["usb_stopped_ns"] / raw["time_ns"], 1)}


def ratio(a, b, digits=2):
    if not b:
        return None
    return round(a / b, digits) if digits else round(a / b)


def status_parse(text):
    """The JSON object in a chunked answer; None if there is none."""
    head, _, body = text.partition("\r\n\r\n")
    if re.search(r"^transfer-encoding:\s*chunked", head, re.I | re.M):
        plain = ""
        while (match := re.match(r"([0-9a-fA-F]+)[^\r]*\r\n", body)) and (length := int(match[1], 16)):
            plain += body[match.end():match.end() + length]
            body = body[match.end() + length + 2:]
        body = plain
    try:
        return json.loads(body)
    except ValueError:
        return None


def counts_read(folder, host, name):
    """{address: executions} of a run."""
    with open(f"{folder}/profile-{host}-{name}.txt", encoding="utf-8") as file:
        return {words[0]: int(words[1]) for words in map(str.split, file)}


def host_basics(folder, host):
    """What any image can be asked: raw counts; times of attaching, idle, runs."""
    with open(f"{folder}/raw-{host}.json", encoding="utf-8") as file:
        raw = json.load(file)
    runs, attach, idle = raw["runs"], raw["attach"], raw["runs"]["idle"]
    idle_per_ms = idle["instructions"] / (idle["time_ns"] / 1e6)
    polls = counts_read(folder, host, "idle") if idle["sleep_cycles"] == 0 else None
    figures = {}
    for name in RUNS:
        if name in runs:
            unused = (idle_per_ms * runs[name]["time_ns"] / 1e6 if polls is None
                      else polling_of(polls, counts_read(folder, host, name)))
            figures[name] = figures_of(name, runs[name], unused)
    return raw, {
        "attach": {key + "_ms": round((attach[key + "_ns"] - attach["attached_ns"]) / 1e6, 1)
                   for key in ("configured", "link", "leased", "http") if attach[key + "_ns"]} |
                  {"instructions": attach["instructions"]},
        "idle": {"asleep_percent": round(100 * idle["sleep_cycles"] / idle["cycles"], 3),
                 "instructions_ms": round(idle_per_ms, 1), "awake_second": awake_second(idle)},
        "suspended": suspended_of(runs.get("suspended")),
        "runs": figures,
    }


def host_figures(folder, host, code, top):
    """All figures measured with one kind of host."""
    raw, basics = host_basics(folder, host)
    runs = raw["runs"]
    result = {**basics, "instructions_datagram": {}, "stack": {}}
    for name in ["attach", "idle"] + list(result["runs"]):
        profile = profile_read(f"{folder}/profile-{host}-{name}.txt", code)
        split = {}
        for room, _, instructions, lowest in profile:
            split[room] = split.get(room, 0) + instructions
            result["stack"][room] = max(result["stack"].get(room, 0), top - lowest)
        if name in ROOM_RUNS and name in runs:
            way = runs[name]
            datagrams = way["out_frames"] if name == "tcp_up" else way["in_frames"] if name == "tcp_down" else (
                way["out_frames"] + way["in_frames"])
            if name in PACKET_RUNS:
                result["runs"][name]["udc_packet"] = ratio(split.get("udc", 0), way[PACKET_RUNS[name]], 1)
            if datagrams:
                result["instructions_datagram"][name] = {room: ratio(n, datagrams, 1)
                                                         for room, n in sorted(split.items())}
    result["stack_deepest"] = max(result["stack"].values(), default=0)
    status = status_parse(raw["status"]) or {}
    result["pools"], result["drops"] = status.get("pools"), status.get("usb", {}).get("drops")
    return result


def value_of(row, figures):
    """An image's figure for a row of peers.json; None where it has none."""
    if row["run"] == "size":
        return figures["size"][row["key"]]
    host = figures["hosts"][row["host"]]
    if row["run"] in ("attach", "idle"):
        return host[row["run"]][row["key"]]
    if row["run"] == "suspended":
        return host.get("suspended", {}).get(row["key"])
    run = host["runs"].get(row["run"], {})
    return run.get(row["key"]) if run.get("bytes_ms") != 0 and run.get("per_second") != 0 else None


def rows_of(figures, peers):
    """The peers' rows with ours beside them: better, worse; reached what we want or not."""
    rows = []
    for row in peers["rows"]:
        ours = value_of(row, figures)
        sign = 1 if row["better"] == "more" else -1
        compared = int(ours) if row["unit"] == "ms" and ours is not None else ours  # as the peers' are: whole ms
        known = dict((name, peer) for name, peer in zip(peers["peers"], row["peers"]) if peer is not None)
        worse = sorted(name for name, peer in known.items() if ours is None or sign * compared < sign * peer)
        want = row["want"]
        rows.append({"row": row["row"], "host": row["host"], "run": row["run"], "key": row["key"], "unit": row["unit"], "ours": ours,
                     "peers": dict(zip(peers["peers"], row["peers"])), "want": want, "worse_than": worse,
                     "why": dict(zip(peers["peers"], row.get("why", [None] * len(row["peers"])))),
                     "behind": sorted(row.get("behind", [])),
                     "better": not worse and bool(ours is not None and (known or ours)),
                     "wanted": want is not None and ours is not None and sign * compared >= sign * want})
    return rows


def more_rows(figures):
    return [{"row": name, "host": host, "run": run, "key": key, "unit": unit,
             "ours": value_of({"host": host, "run": run, "key": key}, figures)} for name, host, run, key, unit in MORE_ROWS]


# ---- A product: examples/meter ----

def meter_measure(options):
    """(what bench/meter.c measured, None), or (None, why it failed)."""
    command = [options.bench_meter, "--board", options.board, options.meter]
    done = subprocess.run(command, check=False, text=True, capture_output=True)
    sys.stderr.write(done.stderr)
    if done.returncode:
        return None, f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-200:]}"
    return meter_shares(json.loads(done.stdout)), None


def meter_shares(runs):
    """The runs with the instructions that a byte, an event or a message took; what the idle product takes isn't theirs."""
    idle = runs["idle"]["instructions"] / runs["idle"]["ms"]
    for name, run in runs.items():
        busy, events = run["instructions"] - idle * run["ms"], run["events_second"] * METER_READERS.get(name, 0)
        run["instructions_byte"] = ratio(busy, (run["up_bytes_ms"] + run["down_bytes_ms"]) * run["ms"])
        run["instructions_event"] = ratio(busy, events * run["ms"] / 1000, 0)
        run["instructions_message"] = ratio(busy, run["messages_second"] * run["ms"] / 1000, 0)
    return runs


def meter_more_rows(runs):
    return [{"row": name, "run": run, "key": key, "unit": unit, "ours": runs[run][key]} for name, run, key, unit in METER_MORE_ROWS]


def meter_rows(runs):
    return [{"row": name, "run": run, "key": key, "unit": unit, "ours": runs[run][key],
             "limit": f"{sign} {limit}" if sign else None, "kept": not sign or KEPT[sign](runs[run][key], limit)}
            for name, run, key, unit, sign, limit in METER_ROWS]


# ---- A stack without lwIP: examples/ownstack ----

def ownstack_measure(options):
    """(its figures, None), or (None, why there are none). The image's objects lie in its folder."""
    out, folder = os.path.join(options.out, "ownstack"), os.path.dirname(options.ownstack)
    os.makedirs(out, exist_ok=True)
    why = bench_run(options, "eager", options.ownstack, out, options.board, "--echo-only")
    if why:
        return None, why
    sizes = size.sizes_of(folder, options.ownstack)
    sizes["flash"] -= size.sections_of(options.ownstack)[".guard"]  # the boot loader lies in a sector of its own, whatever the stack
    host = host_figures(out, "eager", Code(folder, options.ownstack), stack_top(options.ownstack))
    return {"size": {key: sizes[key] for key in ("flash", "ram", "reserves")}, "attach": host["attach"], "idle": host["idle"],
            "stack": {"deepest": host["stack_deepest"]}, **host["runs"]}, None


def ownstack_rows(figures):
    return [{"row": name, "run": run, "key": key, "unit": unit, "ours": figures[run][key], "limit": f"{sign} {limit}" if sign else None,
             "kept": not sign or KEPT[sign](figures[run][key], limit)} for name, run, key, unit, sign, limit in OWNSTACK_ROWS]


# ---- Images of others ----

def foreign_why(row, figures):
    """Why an image has no figure for a row."""
    run = figures["hosts"][row["host"]]["runs"].get(row["run"], {}) if row["host"] else {}
    return "no server" if run.get("errors") else "stalls"


def foreign_measure(options, path):
    """An image's figures, or why there are none."""
    name = os.path.splitext(os.path.basename(path))[0]
    out = os.path.join(options.out, "foreign", name)
    os.makedirs(out, exist_ok=True)
    board = image_board(path, ("stm32f4discovery", "32l476gdiscovery", "blackpill-f411"))
    for host in HOSTS:
        why = bench_run(options, host, path, out, board)
        if why:
            return name, None, why
    figures = {"size": size.foreign_sizes(path), "hosts": {host: host_basics(out, host)[1] for host in HOSTS}}
    return name, figures, None


def foreign_print(rows, figures, foreign):
    """Our column and one for each foreign image, all of this run."""
    names = [name for name, _, _ in foreign]
    print(f"\n{'all images, this run':36} {'':8} {'ours':>9}" + "".join(f" {name[:16]:>16}" for name in names))
    for row in rows:
        cells = ""
        for _, other, _ in foreign:
            value = value_of(row, other) if other else None
            why = foreign_why(row, other) if other else "failed"
            cells += f" {number(value, row['unit']) if value is not None else '– ' + why:>16}"
        print(f"{row['row']:36} {row['unit']:8} {number(value_of(row, figures), row['unit']):>9}{cells}")
    for name, _, why in foreign:
        if why:
            print(f"{name}: {why}")


def peers_write(path, peers, figures, foreign):
    """peers.json anew, of foreign images that were measured in this run."""
    measured = [(name, other) for name, other, _ in foreign if other]
    peers["source"] = "this bench, in the run that wrote them"
    peers["peers"] = [name for name, _ in measured]
    peers["images"] = {name: {"file": name + ".elf"} for name, _ in measured}
    for row in peers["rows"]:
        row["peers"] = [value_of(row, other) for _, other in measured]
        row["why"] = [foreign_why(row, other) if value is None else None
                      for value, (_, other) in zip(row["peers"], measured)]
    for row, judged in zip(peers["rows"], rows_of(figures, peers)):
        row["behind"] = judged["worse_than"]
    with open(path, "w", encoding="utf-8") as file:
        heads = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in peers.items() if key != "rows"]
        lines = ",\n".join("    " + json.dumps(row) for row in peers["rows"])
        file.write("{\n" + ",\n".join(heads) + ',\n  "rows": [\n' + lines + "\n  ]\n}\n")


def number(value, unit=""):
    if value is None:
        return "-"
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.3f}" if unit == "%" else f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"
    return f"{value:,.0f}"


def verdict(row):
    if row["better"]:
        return "better"
    return "behind, as known" if row["worse_than"] == row["behind"] else "WORSE"


# ---- The table ----

def is_rate(unit):
    """More of it is better."""
    return unit in ("/s", "B/ms", "%")


def table_of(figures):
    """All rows as {id: {"row", "unit", "ours", "peers", "wanted", "verdict"}}, in the order in which they are shown."""
    table = {}

    def add(prefix, row, wanted="", said=""):
        table[f"{prefix}{row['run']}.{row['key']}"] = {
            "row": (prefix.replace(".", ": ") + row["row"]), "unit": UNITS.get(row["unit"], row["unit"]), "ours": row["ours"],
            "peers": row.get("peers", {}), "wanted": wanted, "verdict": said}

    for row in figures["rows"]:
        sign = ">=" if is_rate(row["unit"]) else "<="
        add("", row, sign + number(row["want"]) if row["want"] is not None else "",
            verdict(row) + (", wanted" if row["wanted"] else ""))
    for row in figures.get("more", []):
        add("", row)
    for name in ("meter", "ownstack"):
        product = figures.get(name, {})
        for row in product.get("rows", []):
            add(f"{name}.", row, (row["limit"] or "").replace(" ", ""), ("kept" if row["kept"] else "MISSED") if row["limit"] else "")
        for row in product.get("more", []):
            add(f"{name}.", row)
    return table


UNITS = {"instructions": "instr"}


def percent_worse(unit, old, new):
    """By how many percent of `old` is `new` worse? Less than 0: it is better."""
    loss = old - new if is_rate(unit) else new - old
    return 100 * loss / abs(old) if old else 100.0 * (loss > 0) - 100.0 * (loss < 0)


def difference(old, new):
    return f"{100 * (new - old) / old:+.1f}%" if old and new is not None else ""


def table_print(flavours):
    """One line for each row: our flavours side by side, then the peers. `flavours`: {"none": figures, "freertos": figures}, one at least."""
    tables = {flavour: table_of(figures) for flavour, figures in flavours.items()}
    first = next(iter(tables.values()))
    peers = list(next(iter(first.values()))["peers"])
    width = max(len(entry["row"]) for entry in first.values())
    print(f"\n{'':{width}} {'':8} {FLAVOURS['none']:>11} {FLAVOURS['freertos']:>11} {'':>7}"
          + "".join(f" {peer[:10]:>10}" for peer in peers) + f" {'wanted':>9}")
    for row, entry in first.items():
        ours = [tables.get(flavour, {}).get(row, {}).get("ours") for flavour in FLAVOURS]
        line = (f"{entry['row']:{width}} {entry['unit']:8}"
                + "".join(f" {number(value, entry['unit']) if value is not None else '':>11}" for value in ours)
                + f" {difference(*ours):>7}"
                + "".join(f" {number(entry['peers'][peer]) if entry['peers'] else '':>10}" for peer in peers)
                + f" {entry['wanted']:>9}  {entry['verdict']}")
        print(line.rstrip())


def flavours_read(path, figures):
    """These figures and the other flavour's of the same board, if those were measured with the image that is there now."""
    build, image = os.path.dirname(path) or ".", figures["image"]
    board, _, own = image.rpartition("-")
    found = {}
    for flavour in FLAVOURS:
        name = f"{board}-{flavour}"
        measured = os.path.join(build, "bench.json" if name == FIRST else f"bench-{name}.json")
        elf = os.path.join(build, name, "plugnet.elf")
        if flavour == own:
            found[flavour] = figures
        elif all(map(os.path.exists, (measured, elf))) and os.path.getmtime(elf) < os.path.getmtime(measured):
            with open(measured, encoding="utf-8") as file:
                found[flavour] = json.load(file)
    return found or {"none": figures}


def host_print(host, figures):
    attach, idle = figures["attach"], figures["idle"]
    print(f"\nHost {host}: attach to configured {attach['configured_ms']}, link {attach['link_ms']}, "
          f"lease {attach['leased_ms']}, HTTP 200 {attach['http_ms']} ms; "
          f"idle asleep {idle['asleep_percent']} %, {idle['instructions_ms']} instructions/ms")
    print(f"{'':28} {'/s':>7} {'instr':>6} {'B/ms':>7} {'wire':>6} {'instr/B':>7} {'packets':>7} "
          f"{'dg/NTB to':>9} {'from':>5} {'load':>6} {'lost':>5}")
    for name, f in figures["runs"].items():
        each, rate = f.get("instructions_each", f.get("instructions_answer")), f.get("per_second", f.get("answers_second"))
        print(f"{RUNS[name]:28} {number(rate):>7} {number(each):>6} {number(f.get('bytes_ms')):>7} "
              f"{number(f.get('wire_percent')) + '%' if 'wire_percent' in f else '-':>6} "
              f"{number(f.get('instructions_byte')):>7} {number(f['packets_frame']):>7} "
              f"{number(f['datagrams_block_to']):>9} {number(f['datagrams_block_from']):>5} "
              f"{f['load_percent']:>5.1f}% {f['lost'] + f['errors']:>5}")
    rooms = sorted({room for split in figures["instructions_datagram"].values() for room in split})
    if rooms:
        print(f"{'instructions per datagram':28} " + " ".join(f"{room:>7}" for room in rooms) + "     all")
    for name, split in figures["instructions_datagram"].items():
        print(f"  {ROOM_RUNS[name]:26} " + " ".join(f"{number(split.get(room, 0)):>7}" for room in rooms)
              + f" {number(sum(split.values())):>7}")
    print(f"stack: deepest {figures['stack_deepest']}; " +
          ", ".join(f"{room} {depth}" for room, depth in sorted(figures["stack"].items())))
    print("pools, most used of size: " + (", ".join(
        f"{pool['name']} {pool['max']}/{pool['size']}" + (f" ({pool['errors']} refused)" if pool["errors"] else "")
        for pool in figures["pools"]) if figures["pools"] else "not told"))


def images_print(path):
    """Where other boards were measured, too, one row for each image: build/bench*.json."""
    measured = []
    for name in sorted(glob.glob(os.path.join(os.path.dirname(path) or ".", "bench*.json"))):
        with open(name, encoding="utf-8") as file:
            figures = json.load(file)
        if "image" in figures:
            measured.append(figures)
    if len({figures["image"].rpartition("-")[0] for figures in measured}) < 2:
        return  # one board: the table has it
    columns = (("HTTP 200", "ms"), ("TCP up", "B/ms"), ("", "instr/B"), ("TCP down", "B/ms"), ("", "instr/B"),
               ("echo 18 B", "/s"), ("", "instr"), ("asleep", "%"), ("flash", "bytes"), ("RAM", "bytes"))
    print(f"\n{'images, eager host':28}" + "".join(f" {head:>9}" for head, _ in columns))
    print(f"{'':28}" + "".join(f" {unit:>9}" for _, unit in columns))
    for figures in measured:
        host, sizes = figures["hosts"]["eager"], figures["size"]
        up, down, echo = (host["runs"][name] for name in ("tcp_up", "tcp_down", "echo_18x8"))
        values = (host["attach"]["http_ms"], up["bytes_ms"], up["instructions_byte"], down["bytes_ms"],
                  down["instructions_byte"], echo["per_second"], echo["instructions_each"],
                  host["idle"]["asleep_percent"], sizes["flash"], sizes["ram"])
        print(f"{figures['image']:28}" + "".join(f" {number(value):>9}" for value in values))


def size_print(sizes):
    print(f"\n{'bytes':10} {'flash':>7} {'RAM':>7}")
    for room, entry in sorted(sizes["rooms"].items(), key=lambda item: -item[1]["flash"]):
        print(f"{room:10} {entry['flash']:>7} {entry['ram']:>7}")
    print(f"{'all':10} {sizes['flash']:>7} {sizes['ram']:>7}   flash without the page's {sizes['page']}; "
          f"reserved for the stack {sizes['reserves']}")


def profile_print(folder, host, name, figures, code, file):
    """A run's functions: instructions per datagram (both ways together), room, name."""
    run = figures["hosts"][host]["runs"][name]
    datagrams = max(1, run["datagrams_to"] + run["datagrams_from"])
    profile = profile_read(f"{folder}/profile-{host}-{name}.txt", code)
    total = sum(row[2] for row in profile)
    print(f"{RUNS[name]}, host {host}: {run['datagrams_to']} datagrams to the board, {run['datagrams_from']} from it, "
          f"{total} instructions, {ratio(total, datagrams, 0)} a datagram", file=file)
    for room, function, instructions, _ in profile[:60]:
        print(f"{100 * instructions / total:5.1f}% {instructions / datagrams:8.1f}  {room:8} {function}", file=file)
    print(file=file)


def arguments_read():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("objects", help="folder with the image's objects, room by room")
    parser.add_argument("--board", default="stm32f4discovery", help="the virtual board (default %(default)s)")
    parser.add_argument("--bench", default="build/bench/bench")
    parser.add_argument("--meter", help="an image of examples/meter, to measure it, too")
    parser.add_argument("--ownstack", help="an image of examples/ownstack, to measure it, too")
    parser.add_argument("--bench-meter", default="build/bench/bench_meter")
    parser.add_argument("--out", default="build/bench", help="folder for raw counts and profiles")
    parser.add_argument("--json", default="build/bench.json")
    parser.add_argument("--profile", action="store_true", help="write OUT/profile.txt, too")
    parser.add_argument("--foreign", default=os.environ.get("FOREIGN_IMAGES", ""),
                        help="folder of images to measure beside ours (default: $FOREIGN_IMAGES)")
    parser.add_argument("--peers-write", action="store_true", help="make bench/peers.json of the foreign images' figures")
    return parser.parse_args()


def bench_run(options, host, image, out, board, *more):
    """Measure an image with one kind of host. None, or why it failed."""
    command = [options.bench, "--board", board] + (["--eager"] if host == "eager" else []) + [*more, image, out]
    done = subprocess.run(command, check=False, text=True, stderr=subprocess.PIPE)
    sys.stderr.write(done.stderr)
    last = (done.stderr.strip().split("\n") or [""])[-1]
    return f"{' '.join(command)} ended with {done.returncode}: {last}" if done.returncode else None


def main():
    options = arguments_read()
    folder = options.objects.rstrip("/")
    os.makedirs(options.out, exist_ok=True)
    for host in HOSTS:
        why = bench_run(options, host, options.image, options.out, options.board)
        if why:
            print(f"bench.py: {why}", file=sys.stderr)
            return 1
    with open(os.path.join(HERE, "peers.json"), encoding="utf-8") as file:
        peers = json.load(file)
    code, top = Code(folder, options.image), stack_top(options.image)
    sizes = size.sizes_of(folder, options.image)
    figures = {"image": os.path.basename(folder), "compiler": history.compiler(), "size": sizes,
               "hosts": {host: host_figures(options.out, host, code, top) for host in HOSTS}}
    figures["rows"], figures["more"], figures["source"] = rows_of(figures, peers), more_rows(figures), peers["source"]
    if options.meter:
        runs, why = meter_measure(options)
        if why:
            print(f"bench.py: {why}", file=sys.stderr)
            return 1
        figures["meter"] = {"runs": runs, "rows": meter_rows(runs), "more": meter_more_rows(runs)}
    if options.ownstack:
        measured, why = ownstack_measure(options)
        if why:
            print(f"bench.py: {why}", file=sys.stderr)
            return 1
        figures["ownstack"] = {"figures": measured, "rows": ownstack_rows(measured)}
    foreign = [foreign_measure(options, path) for path in sorted(glob.glob(os.path.join(options.foreign, "*.elf")))
               ] if options.foreign else []
    figures["foreign"] = {name: other or why for name, other, why in foreign}
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=1, sort_keys=True)
        file.write("\n")
    for host in HOSTS:
        host_print(host, figures["hosts"][host])
    size_print(sizes)
    flavours = flavours_read(options.json, figures)
    table_print(flavours)
    images_print(options.json)
    if options.foreign:
        foreign_print(peers["rows"], figures, foreign)
    if options.peers_write and any(other for _, other, _ in foreign):
        peers_write(os.path.join(HERE, "peers.json"), peers, figures, foreign)
    if options.profile:
        with open(f"{options.out}/profile.txt", "w", encoding="utf-8") as file:
            for host in HOSTS:
                for name in figures["hosts"][host]["runs"]:
                    profile_print(options.out, host, name, figures, code, file)
    worse = sum(not row["better"] for row in figures["rows"])
    wanted = sum(row["wanted"] for row in figures["rows"])
    print(f"\n{len(figures['rows']) - worse} of {len(figures['rows'])} rows not worse than any peer, "
          f"{wanted} as wanted; all figures in {options.json}")
    history.compare_print(history.read(), {flavour: table_of(measured) for flavour, measured in flavours.items()},
                          figures["compiler"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
