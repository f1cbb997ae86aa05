"""How time and memory of `symbolon link` grow with the registries.

Makes countries of the project's own generator, links each with the whole program, and writes the figures as JSON
and a chart of them, both axes logarithmic, as SVG. Data that is there already is not made again.

    cargo build --release
    python3 benches/growth.py target/release/symbolon --data DIR --chart docs/growth.svg

Needs nothing but Python. A million persons take about 60 GB of disk.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SCHEMA = Path(__file__).parents[1] / "examples/four-registries/schema.toml"
PARTIES = ["CRVS", "ID", "SR", "IBR"]
STAGES = ["encode", "compare", "resolve"]
TOLD = re.compile(r"encode ([0-9.]+) s, compare ([0-9.]+) s, resolve ([0-9.]+) s")
RECORDS = re.compile(r"^([0-9]+) records", re.MULTILINE)


def main():
    options = arguments()
    options.data.mkdir(parents=True, exist_ok=True)
    runs = [grown(options, persons) for persons in sorted(options.persons)]
    print(json.dumps({"cores": os.cpu_count(), "memory": options.memory, "runs": runs}, indent=2))
    if options.chart:
        options.chart.write_text(chart(runs))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("symbolon", help="the program, built with --release")
    parser.add_argument("--data", type=Path, required=True, help="where the countries are made, and kept")
    parser.add_argument("--persons", type=int, nargs="+", default=[5_000, 20_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--memory", default="6GiB", help="as `symbolon link --memory` takes it")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--chart", type=Path, help="where the chart goes")
    return parser.parse_args()


def grown(options, persons):
    """Links a country of so many persons. Time is that of the whole program."""
    country = options.data / f"country-{persons}-{options.seed}"
    if not (country / "truth.csv.gz").exists():
        made = [options.symbolon, "country", "--persons", str(persons), "--seed", str(options.seed)]
        subprocess.run([*made, "--out", str(country)], check=True, stdout=sys.stderr)
    parties = [word for party in PARTIES for word in ("--party", f"{party}={country}/{party.lower()}.csv.gz")]
    out = options.data / "out"
    command = [options.symbolon, "link", str(SCHEMA), *parties, "--memory", options.memory, "--out", str(out)]
    load, started = os.getloadavg()[0], time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        raise SystemExit(f"symbolon link failed with {os.waitstatus_to_exitcode(status)}")
    run = {
        "persons": persons,
        "records": int(RECORDS.search(told)[1]),
        "load": round(load, 1),
        "seconds": round(seconds, 1),
        "stages": dict(zip(STAGES, map(float, TOLD.search(told).groups()))),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }
    print(json.dumps(run), file=sys.stderr)
    return run


# The chart: one panel for time, one for memory.

WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 260, 62, 34, 84
COLOURS = {"all": "#1b4965", "encode": "#5fa8d3", "compare": "#c97b12", "resolve": "#7a3b69", "peak": "#1b4965"}


def chart(runs):
    time_of = {"all": [(run["records"], run["seconds"]) for run in runs]}
    for stage in STAGES:
        time_of[stage] = [(run["records"], run["stages"][stage]) for run in runs]
    memory = {"peak": [(run["records"], run["peak_mib"]) for run in runs]}
    panels = [panel("Seconds, whole program and stages", time_of), panel("Peak memory, MiB", memory)]
    width, height = 2 * (LEFT + WIDTH) + GAP + 24, TOP + HEIGHT + 50
    body = panels[0] + f'<g transform="translate({LEFT + WIDTH + GAP},0)">{panels[1]}</g>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
        f"<title>Time and memory of symbolon link by records</title>"
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>{body}</svg>\n'
    )


def panel(title, lines):
    points = [point for line in lines.values() for point in line if point[1] > 0]
    across = Scale([x for x, _ in points], LEFT, LEFT + WIDTH)
    upward = Scale([y for _, y in points], TOP + HEIGHT, TOP)
    parts = [f'<text x="{LEFT}" y="{TOP - 14}" font-size="13" fill="#222">{title}</text>']
    for tick in across.ticks():
        x = across.place(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{TOP + HEIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle" fill="#444">{short(tick)}</text>')
    for tick in upward.ticks():
        y = upward.place(tick)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + WIDTH}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{short(tick)}</text>')
    parts.append(f'<text x="{LEFT + WIDTH}" y="{TOP + HEIGHT + 34}" text-anchor="end" fill="#444">records</text>')
    names = {}
    for name, line in lines.items():
        line = [(across.place(x), upward.place(y)) for x, y in line if y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>' for x, y in line)
        names[name] = line[-1]
    last = -math.inf
    for name, (x, y) in sorted(names.items(), key=lambda named: named[1][1]):
        # Lines that end together have their names one below the other.
        last = max(y + 4, last + 13)
        parts.append(f'<text x="{x + 6:.1f}" y="{last:.1f}" fill="{COLOURS[name]}">{name}</text>')
    return "".join(parts)


class Scale:
    """A logarithmic axis over whole powers of ten."""

    def __init__(self, values, start, end):
        self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self.high = max(self.high, self.low + 1)
        self.start, self.end = start, end

    def ticks(self):
        return [10.0**power for power in range(self.low, self.high + 1)]

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def short(value):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


if __name__ == "__main__":
    main()
