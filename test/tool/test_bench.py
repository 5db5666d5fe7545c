#!/usr/bin/env python3
"""Tests of what bench/bench.py makes of counts: busy instructions, rows beside peers, images of others; and of the history."""
# SPDX-License-Identifier: MIT
import contextlib
import io
import json
import os
import sys
import tempfile
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for folder in ("bench", "tool"):
    sys.path.insert(0, os.path.join(ROOT, folder))
import bench  # noqa: E402
import chart  # noqa: E402
import history  # noqa: E402
import readme  # noqa: E402
import size  # noqa: E402


def run(**more):
    return {"per_second": 100.0, "bytes_ms": 500.0, "instructions_byte": 3.0, "errors": 0, **more}


def figures(flash=50000, http_ms=260.4, up=None):
    host = {"attach": {"http_ms": http_ms}, "idle": {"asleep_percent": 0}, "runs": {"tcp_up": up or run()}}
    return {"size": {"flash": flash, "ram": 20000, "reserves": 4096}, "hosts": {"linux": host, "eager": host}}


def peers(flash=(51000, 60000), behind=()):
    def row(name, key, host, what, unit, better, values, want, **more):
        return {"row": name, "key": key, "host": host, "run": what, "unit": unit, "better": better, "peers": list(values),
                "want": want, **more}
    return {"peers": ["A", "B"], "source": "a bench", "rows": [
        row("HTTP 200", "http_ms", "linux", "attach", "ms", "less", (260, 300), None),
        row("TCP up", "bytes_ms", "linux", "tcp_up", "B/ms", "more", (None, 400), 450, why=["no server", None]),
        row("flash", "flash", None, "size", "bytes", "less", flash, 45000, behind=list(behind))]}


def polling_counts_idle_turns_only():
    """100 idle turns of 10 instructions in the idle window; then 30 idle turns and 20 with work."""
    idle = {"loop": 500, "nothing": 300, "leave": 200, "tick": 1}
    work = {"loop": 250, "nothing": 90, "leave": 100, "tick": 1, "work": 4000}
    return abs(bench.polling_of(idle, work) - 0.3 * 1001) < 1e-6 and bench.polling_of(idle, {"work": 5}) == 0


def rows_say_who_is_ahead():
    ahead = bench.rows_of(figures(flash=55000), peers(behind=["A"]))[2]
    fine = bench.rows_of(figures(), peers())
    return (ahead["worse_than"] == ahead["behind"] == ["A"] and bench.verdict(ahead) == "behind, as known" and
            not ahead["better"] and all(row["better"] and row["worse_than"] == [] for row in fine))


def rows_unsaid_are_worse():
    rows = bench.rows_of(figures(flash=55000), peers())
    old = bench.rows_of(figures(), peers(behind=["A"]))[2]  # an entry that is no longer true
    return bench.verdict(rows[2]) == "WORSE" and old["worse_than"] != old["behind"]


def rows_compare_whole_ms():
    return bench.rows_of(figures(http_ms=261.0), peers())[0]["worse_than"] == ["A"]


def rows_without_figure_are_worse():
    row = bench.rows_of(figures(up=run(bytes_ms=0)), peers())[1]
    return row["ours"] is None and row["worse_than"] == ["B"] and not row["better"] and not row["wanted"]


def foreign_reasons():
    row = peers()["rows"][1]
    stalls, refused = figures(up=run(bytes_ms=0)), figures(up=run(bytes_ms=0, errors=1))
    return bench.foreign_why(row, stalls) == "stalls" and bench.foreign_why(row, refused) == "no server"


def foreign_become_peers():
    with tempfile.TemporaryDirectory() as root:
        path = os.path.join(root, "peers.json")
        foreign = [("c", figures(flash=40000, up=run(bytes_ms=0, errors=1)), None), ("d", None, "it failed")]
        bench.peers_write(path, peers(), figures(), foreign)
        with open(path, encoding="utf-8") as file:
            written = json.load(file)
    rows = written["rows"]
    return (written["peers"] == ["c"] and "this bench" in written["source"] and rows[2]["peers"] == [40000] and
            rows[2]["behind"] == ["c"] and rows[1]["peers"] == [None] and rows[1]["why"] == ["no server"])


def foreign_pages_by_name():
    return (all(size.FOREIGN_PAGE.match(name) for name in ("data__index_html", "data__img_sics_gif", "data__404_html")) and
            not any(map(size.FOREIGN_PAGE.match, ("file__index_html", "data_buffer", "desc_html", "data_html_table"))))


def image_names_choose_boards():
    known = ("stm32f4discovery", "blackpill-f411")
    return (bench.image_board("/x/blackpill-f411-thing.elf", known) == known[1] and
            bench.image_board("/x/tinyusb.elf", known) == known[0])


def readme_says_who_is_ahead():
    made = {"rows": bench.rows_of(figures(flash=54200), peers(flash=(51200, 60000), behind=["A"])), "source": "a bench"}
    table = readme.figures_make(made)
    return ("Where A does better today: flash (54.2 kB, 51.2 kB there: 3.0 kB more)." in table and
            "– (no server)" in table and "are from a bench" in table and "Where B" not in table)


def meter(**more):
    one = {"up_bytes_ms": 900.0, "down_bytes_ms": 900.0, "late_p99_ms": 4.999, "events_second_least": 19.9, "pages_second": 1.0,
           "pages_second_least": 20.0, "events_lost": 0}
    return bench.meter_rows({run: {**one, **more} for run in ("upload", "download", "events_upload", "events6_pages6")})


def meter_limits_are_kept_or_missed():
    missed = {"up_bytes_ms": 899.9, "down_bytes_ms": 899.9, "late_p99_ms": 5.0, "events_second_least": 19.8,
              "pages_second_least": 19.9, "events_lost": 1}
    return (all(row["kept"] for row in meter()) and
            all({row["key"] for row in meter(**{key: value}) if not row["kept"]} == {key} for key, value in missed.items()))


def readme_says_meter():
    made = {"rows": bench.rows_of(figures(), peers()), "source": "a bench", "meter": {"rows": meter(up_bytes_ms=1009.6)}}
    run = {"up_bytes_ms": 1009.6, "down_bytes_ms": 997.6, "late_p99_ms": 0.41, "pages_second": 506.7}
    made["meter"]["runs"] = {key: run for _, key, _ in readme.METER_CARRIES}
    carries = readme.carries_make(made)
    return ("| examples/meter: upload, bytes/ms | 1,010 | – | – |\n" in readme.figures_make(made) and
            "\n| upload | 1,010 | | |\n" in carries and "\n| the same beside a download | | 998 | 0.5 ms |\n" in carries and
            "(507 a second) | | | 0.5 ms |" in carries)


def ownstack(**more):
    one = {"flash": 16384, "ram": 12288, "deepest": 1024, "link_ms": 275.0}
    echoes = {"echo_18x8": {"per_second": 7500, "instructions_each": 1500}, "echo_1472x8": {"per_second": 390, "instructions_each": 4700}}
    figures_of = {run: {**one, **more} for run in ("size", "stack", "attach")}
    return bench.ownstack_rows({**figures_of, **{run: {**echo, **more} for run, echo in echoes.items()}})


def ownstack_limits_are_kept_or_missed():
    missed = {"flash": 16385, "ram": 12289, "deepest": 1025, "per_second": 389, "instructions_each": 4701}
    return (all(row["kept"] for row in ownstack()) and
            all({row["key"] for row in ownstack(**{key: value}) if not row["kept"]} == {key} for key, value in missed.items()))


def readme_says_ownstack():
    made = {"rows": bench.rows_of(figures(), peers()), "source": "a bench", "ownstack": {"rows": ownstack(flash=15364)}}
    table = readme.figures_make(made)
    return ("\n| examples/ownstack: flash without the boot loader, bytes | 15,364 | – | – |\n" in table and
            "\n| examples/ownstack: echo 18 B, 8 outstanding, eager, instructions each | 1,500 | – | – |\n" in table)


def meter_shares_leave_out_what_is_idle():
    """Idle: 100 instructions/ms. Six readers of 20 events a second took 2 x 240 more in 2 s; 10 bytes/ms took 5 a byte."""
    none = {"ms": 2000, "up_bytes_ms": 0, "down_bytes_ms": 0, "events_second": 0, "messages_second": 0}
    runs = bench.meter_shares({"idle": {**none, "instructions": 200000}, "upload": {**none, "up_bytes_ms": 10, "instructions": 300000},
                               "events6": {**none, "events_second": 20, "instructions": 200480},
                               "socket": {**none, "messages_second": 50, "instructions": 200700}})
    return (runs["upload"]["instructions_byte"] == 5 and runs["events6"]["instructions_event"] == 2 and
            runs["socket"]["instructions_message"] == 7 and runs["idle"]["instructions_byte"] is None)


def table(**more):
    """A table of three rows, made as bench.py makes it."""
    return bench.table_of({"rows": bench.rows_of(figures(**more), peers(behind=["A"]))})


def printed(what, *arguments):
    with contextlib.redirect_stdout(io.StringIO()) as text:
        value = what(*arguments)
    return value, text.getvalue()


def table_has_both_flavours():
    made = {flavour: {"rows": bench.rows_of(figures(up=run(bytes_ms=value)), peers())}
            for flavour, value in (("none", 500.0), ("freertos", 450.0))}
    line = next(line for line in printed(bench.table_print, made)[1].splitlines() if line.startswith("TCP up"))
    alone = next(line for line in printed(bench.table_print, {"none": made["none"]})[1].splitlines() if line.startswith("TCP up"))
    return line.split()[2:6] == ["B/ms", "500.0", "450.0", "-10.0%"] and alone.split()[2:5] == ["B/ms", "500.0", "-"]


def table_leaves_out_older_images():
    """The other flavour's figures count only if its image is older than they are."""
    with tempfile.TemporaryDirectory() as root:
        elf, other = os.path.join(root, "stm32f4discovery-freertos", "plugnet.elf"), os.path.join(root, "bench-stm32f4discovery-freertos.json")
        os.mkdir(os.path.dirname(elf))
        for path, text in ((elf, ""), (other, '{"image": "stm32f4discovery-freertos"}')):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        found = []
        for measured_s in (200, 50):
            os.utime(elf, (100, 100))
            os.utime(other, (measured_s, measured_s))
            found.append(list(bench.flavours_read(os.path.join(root, "bench.json"), {"image": "stm32f4discovery-none"})))
    return found == [["none", "freertos"], ["none"]]


def sizes(flash=70000):
    return {"rooms": {"net": {"flash": flash, "ram": 0}, "app": {"flash": 2000, "ram": 5000}, "os": {"flash": 99, "ram": 10}},
            "flash": flash + 2000, "ram": 5010, "page": 9000, "reserves": 4096, "stack": 4096}


def chart_shows_rooms_of_both_flavours():
    """Two bars in a room and panel, those of the greatest room as long as can be; none for what is below 100 bytes."""
    svg = xml.etree.ElementTree.fromstring(chart.picture_draw({"none": sizes(), "freertos": sizes(35000)}))
    name = "{http://www.w3.org/2000/svg}"
    bars = [rect for rect in svg.iter(name + "rect") if rect.get("height") == str(chart.BAR - 1)]
    words = [text.text for text in svg.iter(name + "text")]
    return ([float(bar.get("width")) for bar in bars] == [250, 125, 7.1, 7.1, 17.9, 17.9] and "os" not in words and
            words.count("net") == 1 and words.count("app") == 2 and "70.0" in words and "35.0" in words and
            "bare metal: 72.0 kB, and 9.0 kB of page" in words and "FreeRTOS: 5.0 kB, and 4.1 kB for the stack" in words)


def chart_that_is_stale_is_found():
    svg = chart.picture_draw({"none": sizes(), "freertos": sizes()})
    says = [line.split(":")[0:2] for line in chart.checks(svg, {"none": sizes(70001)})]
    by_hand = list(chart.checks(svg.replace(">70.0<", ">60.0<"), {}))
    return (says == [["ok chart", " drawn"], ["not ok chart", " bare metal"], ["skip chart", " FreeRTOS"]] and
            by_hand[0].startswith("not ok chart: drawn") and
            all(line.startswith("ok") for line in chart.checks(svg, {"none": sizes(), "freertos": sizes()})))


RECORDED = history.record_make("abc", "2026-01-02T03:04:05+00:00", "12.2.1", {"none": table(), "freertos": table(flash=55000)})


def history_names_a_loss_of_1_percent():
    """A rate that falls, a size that grows, and in the other flavour nothing."""
    tables = {"none": table(up=run(bytes_ms=495.0), flash=50499), "freertos": table(flash=55000)}
    count, text = printed(history.compare_print, [RECORDED], tables, "12.2.1")
    grown = printed(history.compare_print, [RECORDED], {"freertos": table(flash=55550)}, "12.2.1")[1]
    return (count == 1 and "since abc of 2026-01-02" in text and "bare metal: TCP up: 500.0 -> 495.0 B/ms, 1.0 % worse" in text and
            "FreeRTOS: " not in text and "FreeRTOS: flash: 55,000 -> 55,550 bytes, 1.0 % worse" in grown)


def history_names_no_gain():
    count, text = printed(history.compare_print, [RECORDED], {"none": table(up=run(bytes_ms=600.0), flash=40000)}, "12.2.1")
    return count == 0 and "0 worse, 2 better" in text and "->" not in text


def history_names_what_can_no_longer_be_measured():
    return printed(history.compare_print, [RECORDED], {"none": table(up=run(bytes_ms=0))}, "12.2.1")[0] == 1


def history_keeps_compilers_apart():
    count, text = printed(history.compare_print, [RECORDED], {"none": table(flash=99999)}, "13.1.0")
    return count == 0 and "nothing is recorded of compiler 13.1.0" in text


def history_has_a_line_for_each_commit():
    older = {**RECORDED, "commit": "old", "none": {**RECORDED["none"], "size.flash": 1}}
    with tempfile.TemporaryDirectory() as root:
        path = os.path.join(root, "history.json")
        records = history.read(path)
        for record in (older, {**RECORDED, "commit": "abc+"}, RECORDED):
            records = history.record_add(records, record)
            history.write(records, path)
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        again = history.read(path)
    return len(lines) == 4 and [record["commit"] for record in again] == ["old", "abc"] and history.last_of(again, "12.2.1") == RECORDED


TESTS = (polling_counts_idle_turns_only, rows_say_who_is_ahead, rows_unsaid_are_worse, rows_compare_whole_ms,
         rows_without_figure_are_worse, foreign_reasons, foreign_become_peers, foreign_pages_by_name,
         image_names_choose_boards, readme_says_who_is_ahead, meter_limits_are_kept_or_missed,
         meter_shares_leave_out_what_is_idle, table_has_both_flavours, table_leaves_out_older_images,
         history_names_a_loss_of_1_percent, history_names_no_gain, history_names_what_can_no_longer_be_measured,
         chart_shows_rooms_of_both_flavours, chart_that_is_stale_is_found, history_keeps_compilers_apart, history_has_a_line_for_each_commit,
         readme_says_meter, ownstack_limits_are_kept_or_missed, readme_says_ownstack)


def main():
    failed = [test.__name__ for test in TESTS if not test()]
    for test in TESTS:
        print(f"not ok bench_{test.__name__}: see the test" if test.__name__ in failed else f"ok bench_{test.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
