#!/usr/bin/env python3
"""The picture of flash and RAM by room, docs/sizes.svg: the demo on the first board, bare metal beside FreeRTOS.

    tool/chart.py             draw it of the images in build/; a flavour that isn't built stays as it was drawn last
    tool/chart.py --check     the picture is what this program draws, and its figures are those of the images

The figures stand in the picture, too (<metadata>), in bytes, as tool/size.py counts them. With --check it prints "ok NAME",
"not ok NAME: why" and "skip NAME: why" lines (tool/suites.py).
"""
# SPDX-License-Identifier: MIT
import json
import os
import re
import sys
from xml.sax.saxutils import escape

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tool"))
import size  # noqa: E402

PICTURE = os.path.join("docs", "sizes.svg")
FLAVOURS = {"none": "bare metal", "freertos": "FreeRTOS"}
IMAGES = {flavour: os.path.join("build", f"stm32f4discovery-{flavour}") for flavour in FLAVOURS}
NAMES = {"site": "page", "libc": "libc, kernel"}  # FreeRTOS' kernel is none of our folders, either
SMALL = 100  # rooms below it in both flavours have no bars

# All in pixels.
WIDTH, PANEL, MARGIN, NAME, TOP, FOOT = 880, 430, 20, 92, 92, 14
BAR, ROW = 12, 33
FULL = 250  # the longest bar
STYLE = """
  svg { --card: #ffffff; --ink: #1b2325; --dim: #59646a; --line: #c3c9c6; --none: #0b5cad; --freertos: #c77a1c; }
  @media (prefers-color-scheme: dark) {
    svg { --card: #1e2427; --ink: #e4e9e7; --dim: #94a1a5; --line: #4a5459; --none: #7db7f5; --freertos: #f0b35a; }
  }
  text { font: 13px system-ui, "DejaVu Sans", Verdana, sans-serif; fill: var(--ink); }
  .head { font-size: 16px; font-weight: 600; }
  .dim { fill: var(--dim); }
  .value { font-size: 11px; }
  .card { fill: var(--card); }
  .line { stroke: var(--line); }
  .none { fill: var(--none); }
  .freertos { fill: var(--freertos); }
"""


def kilo(value):
    return f"{value / 1000:.1f}"


def text(x, y, words, look="", anchor="start"):
    return f'<text class="{look}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'


def rooms_shown(figures, kind):
    """Rooms with bars, the largest first."""
    most = {}
    for sizes in figures.values():
        for room, entry in sizes["rooms"].items():
            most[room] = max(most.get(room, 0), entry[kind])
    return [room for room, value in sorted(most.items(), key=lambda item: (-item[1], item[0])) if value >= SMALL]


def panel_draw(left, head, kind, figures, scale):
    """One half of the picture: a head, a sum for each flavour, and bars."""
    lines = [text(left, 30, head, "head")]
    for i, (flavour, sizes) in enumerate(figures.items()):
        more = f"{kilo(sizes['page'])} kB of page" if kind == "flash" else f"{kilo(sizes['reserves'])} kB for the stack"
        lines += [f'<rect class="{flavour}" x="{left}" y="{41 + 18 * i}" width="12" height="12"/>',
                  text(left + 18, 52 + 18 * i, f"{FLAVOURS[flavour]}: {kilo(sizes[kind])} kB, and {more}", "dim")]
    rooms = rooms_shown(figures, kind)
    for row, room in enumerate(rooms):
        y = TOP + ROW * row
        lines.append(text(left + NAME - 8, y + 16, NAMES.get(room, room), "room", "end"))
        for i, (flavour, sizes) in enumerate(figures.items()):
            value = sizes["rooms"].get(room, {}).get(kind, 0)
            length = round(value * scale, 1)
            lines += [f'<rect class="{flavour}" x="{left + NAME}" y="{y + BAR * i}" width="{length}" height="{BAR - 1}"/>',
                      text(round(left + NAME + length + 5, 1), y + BAR * i + 10, kilo(value), "value")]
    bottom = TOP + ROW * len(rooms)
    lines.append(f'<line class="line" x1="{left + NAME}" y1="{TOP - 4}" x2="{left + NAME}" y2="{bottom - 4}"/>')
    return lines, bottom


def picture_draw(figures):
    """The SVG. `figures`: {flavour: size.sizes_of(…)}, one flavour at least."""
    figures = {flavour: figures[flavour] for flavour in FLAVOURS if flavour in figures}
    longest = max(entry[kind] for sizes in figures.values() for entry in sizes["rooms"].values() for kind in ("flash", "ram"))
    flash, low = panel_draw(MARGIN, "Flash by room, kB", "flash", figures, FULL / longest)
    ram, other = panel_draw(MARGIN + PANEL, "RAM by room, kB (data + bss)", "ram", figures, FULL / longest)
    height = max(low, other) + FOOT
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">',
        "<title>Flash and RAM of the demo by room</title>",
        f"<metadata>{escape(json.dumps(figures, sort_keys=True))}</metadata>", f"<style>{STYLE}</style>",
        f'<rect class="card" width="{WIDTH}" height="{height}" rx="8"/>', *flash, *ram, "</svg>", ""])


def picture_figures(svg):
    """The figures that a picture was drawn of."""
    found = re.search("<metadata>(.*?)</metadata>", svg, re.S)
    return json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")) if found else {}


def picture_read():
    if not os.path.exists(PICTURE):
        return ""
    with open(PICTURE, encoding="utf-8") as file:
        return file.read()


def measured():
    """{flavour: figures} of the images that are there."""
    elves = {flavour: os.path.join(folder, "plugnet.elf") for flavour, folder in IMAGES.items()}
    return {flavour: size.sizes_of(IMAGES[flavour], elf) for flavour, elf in elves.items() if os.path.exists(elf)}


def checks(svg, now):
    """Lines for tool/suites.py. `now`: measured()."""
    drawn = picture_figures(svg)
    yield ("ok chart: drawn" if drawn and picture_draw(drawn) == svg else
           f"not ok chart: drawn: {PICTURE} isn't what its figures are drawn as (run tool/chart.py)")
    for flavour, name in FLAVOURS.items():
        if flavour not in now:
            yield f"skip chart: {name}: there is no {IMAGES[flavour]}/plugnet.elf"
        elif drawn.get(flavour) != now[flavour]:
            old, new = drawn.get(flavour, {}), now[flavour]
            yield (f"not ok chart: {name}: drawn with {old.get('flash')} bytes of flash and {old.get('ram')} of RAM, now {new['flash']} "
                   f"and {new['ram']}, or in other rooms (run tool/chart.py)")
        else:
            yield f"ok chart: {name}"


def fill():
    """Draw it anew."""
    figures = {**picture_figures(picture_read()), **measured()}
    if not figures:
        print("chart.py: no image in build/, the picture stays as it is (make)", file=sys.stderr)
        return
    with open(PICTURE, "w", encoding="utf-8") as file:
        file.write(picture_draw(figures))


def main(argv):
    os.chdir(ROOT)
    if argv not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    if not argv:
        fill()
        return 0
    lines = list(checks(picture_read(), measured()))
    print("\n".join(lines))
    return 1 if any(line.startswith("not ok") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
