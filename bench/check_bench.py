#!/usr/bin/env python3
"""The benchmark as a suite: no row worse than a peer's but those known to be, two runs that agree, the limits of
examples/meter and examples/ownstack, README's figures, nothing much worse than was recorded.

    check_bench.py IMAGE.elf OBJECT_FOLDER METER.elf OWNSTACK.elf
"""
# SPDX-License-Identifier: MIT
import copy
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tool"))
import bench  # noqa: E402
import history  # noqa: E402
import readme  # noqa: E402
import size  # noqa: E402

LOSS_PERCENT = 5


def say(good, name, why=""):
    print(f"ok {name}" if good else f"not ok {name}: {why}", flush=True)
    return good


def bench_run(out, path, *more):
    command = [sys.executable, os.path.join(HERE, "bench.py"), *sys.argv[1:3], "--out", out, "--json", path,
               "--foreign", "", *more]
    return subprocess.run(command, check=False).returncode


def judge_works(figures):
    """A peer that is twice as good must make every row worse."""
    with open(os.path.join(HERE, "peers.json"), encoding="utf-8") as file:
        peers = json.load(file)
    better = copy.deepcopy(peers)
    for row, ours in zip(better["rows"], figures["rows"]):
        row["peers"] = [None, ours["ours"] * (2 if row["better"] == "more" else 0.5)]
    return all(row["worse_than"] == better["peers"][1:] for row in bench.rows_of(figures, better))


def history_check(figures):
    """No row worse than the last record by LOSS_PERCENT; a smaller loss is named by make bench. A latency depends on what meets what:
    it is recorded, and not judged."""
    last = history.last_of(history.read(), figures["compiler"])
    if last is None:
        print(f"skip history: nothing is recorded of compiler {figures['compiler']} (make bench-record)")
        return True
    tables = {"none": {key: row for key, row in bench.table_of(figures).items() if row["unit"] != "ms"}}
    worse, _ = history.compare(last, tables, LOSS_PERCENT)
    return say(not worse, f"history_since_{last['commit']}",
               "; ".join(history.worse_lines(last, tables, worse)) + " (make bench-record, if that is meant)")


def meter_check(meter):
    """The limits of examples/meter; and nothing lost or refused in any of its runs."""
    good = True
    for row in meter["rows"]:
        good &= say(row["kept"], f"meter: {row['row']}".replace(" ", "_").replace(",", ""),
                    f"{row['ours']} {row['unit']}, wanted {row['limit']}")
    for name, run in meter["runs"].items():
        good &= say(run["events_lost"] + run["errors"] == 0, f"meter_{name}_clean",
                    f"{run['events_lost']} events lost, {run['errors']} errors")
    return good


def ownstack_check(ownstack):
    """The limits of examples/ownstack; and no echo lost."""
    good = True
    for row in ownstack["rows"]:
        good &= say(row["kept"], f"ownstack: {row['row']}: {row['key']}".replace(" ", "_").replace(",", ""),
                    f"{row['ours']} {row['unit']}, wanted {row['limit']}")
    for name, run in ownstack["figures"].items():
        if name in bench.RUNS:
            good &= say(run["lost"] + run["errors"] == 0, f"ownstack_{name}_clean", f"{run['lost']} lost, {run['errors']} errors")
    return good


def main():
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    paths = [f"build/bench/check-{i}/bench.json" for i in (1, 2)]
    for path, more in zip(paths, (("--meter", sys.argv[3], "--ownstack", sys.argv[4]), ())):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if bench_run(os.path.dirname(path), path, *more):
            say(False, "bench_runs", f"bench.py failed, {path} is missing")
            return 1
    good = say(True, "bench_runs")
    both = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            both.append(json.load(file))
    figures = both[0]
    without = {key: value for key, value in figures.items() if key not in ("meter", "ownstack")}  # measured once: README is its second run
    good &= say(without == both[1], "bench_deterministic", f"{paths[0]} and {paths[1]} differ")
    good &= say(judge_works(figures), "bench_judge", "a peer twice as good was not found better")
    # The image, and so the figures, are this compiler's; Debian 12 has exactly one, which setup.sh installs.
    wrong = readme.figures_wrong(figures)
    good &= say(wrong is None, "readme_figures", wrong)
    for row in figures["rows"]:
        name = f"{row['row']}: {row['key']}".replace(" ", "_")
        good &= say(row["worse_than"] == row["behind"] and row["ours"] is not None, name,
                    f"{row['ours']} {row['unit']}, peers {row['peers']}: worse than {row['worse_than']}, peers.json "
                    f"says {row['behind']}")
    good &= history_check(figures)
    good &= meter_check(figures["meter"])
    good &= ownstack_check(figures["ownstack"])
    sizes, other = figures["size"], size.foreign_sizes(sys.argv[1])
    counted = (sizes["flash"] + sizes["page"], sizes["ram"], sizes["reserves"])
    alike = (other["flash"] + other["page"], other["ram"], other["reserves"])
    good &= say(counted == alike, "size_counted_alike", f"{counted} by our sections, {alike} as a foreign image")
    for host, measured in figures["hosts"].items():
        for name, run in measured["runs"].items():
            good &= say(run["lost"] + run["errors"] == 0, f"{host}_{name}_clean",
                        f"{run['lost']} lost, {run['errors']} errors")
        load = measured["runs"]["tcp_down"]["load_percent"]
        good &= say(0 < load < 100, f"{host}_load_known", f"{load} %")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
