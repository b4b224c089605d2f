"""Figures beside their limits, as a table, as JSON and as a plot."""

import html
import json
import math
import os
import platform
import statistics
import subprocess
import time


class Figure:
    """One measured figure.

    value: the figure in `unit`; the median where it was measured several times, spread: (least, most) of those.
    limit: what bounds it, measured in the same run; ratio: value against limit, as `reach` means it.
    reach: what is aimed at, in words; reached: whether it was, or None where nothing is aimed at.
    """

    def __init__(self, name, value, unit, spread=None, limit=None, limit_name=None, ratio=None, reach=None, reached=None, note=None):
        self.name, self.value, self.unit, self.spread = name, value, unit, spread
        self.limit, self.limit_name, self.ratio = limit, limit_name, ratio
        self.reach, self.reached, self.note = reach, reached, note


def median(values):
    return statistics.median(values)


def spread(values):
    return (min(values), max(values))


def number(value):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.3g}"


class Results:
    """What has been measured, where and when."""

    def __init__(self, folder, effort):
        self.folder = folder
        self.figures, self.tables, self.parts = [], {}, []
        self.began = time.time()
        self.seconds = None
        os.makedirs(folder, exist_ok=True)
        self.machine = machine(effort, self.began)

    @staticmethod
    def read(folder):
        """What was written by an earlier run."""
        path = os.path.join(folder, "results.json")
        try:
            written = json.load(open(path))
        except OSError as error:
            raise SystemExit(f"error: {path} cannot be read: {error.strerror}. Run `make bench` first.")
        results = Results(folder, written["machine"]["effort"])
        results.machine, results.seconds = written["machine"], written["seconds"]
        results.tables, results.parts = written["tables"], written["parts"]
        for row in written["figures"]:
            results.figures.append(Figure(
                row["figure"], row["value"], row["unit"], row["spread"], row["limit"], row["limit_name"], row["ratio"], row["reach"],
                row["reached"], row["note"]))
        return results

    def begin(self, part, busy, is_noisy):
        self.parts.append({"part": part, "busy_processors_before": round(busy, 2), "noisy": is_noisy, "began": time.time()})
        if is_noisy:
            print(f"  warning: {busy:.1f} processors are busy with something else, after a minute of waiting; times may be too long", flush=True)

    def end(self):
        self.parts[-1]["seconds"] = round(time.time() - self.parts[-1].pop("began"), 1)

    def add(self, *figures):
        for figure in figures:
            self.figures.append(figure)
            print("  " + "  ".join(self.row(figure)), flush=True)

    def table(self, name, header, rows):
        self.tables[name] = {"header": header, "rows": rows}
        print("\n" + aligned([header] + cells(rows)), flush=True)

    @staticmethod
    def row(f):
        value = f"{number(f.value)} {f.unit}"
        if f.spread and f.spread[0] != f.spread[1]:
            value += f" ({number(f.spread[0])}–{number(f.spread[1])})"
        limit = f"{f.limit_name or ''} {number(f.limit)}".strip() if f.limit is not None else "–"
        ratio = number(f.ratio) if f.ratio is not None else "–"
        verdict = {True: "reached", False: "NOT reached", None: ""}[f.reached]
        return [f.name, value, limit, ratio, f.reach or "–", verdict]

    def write(self):
        self.seconds = round(time.time() - self.began, 1)
        path = os.path.join(self.folder, "results.json")
        figures = [{"figure": f.name, "value": f.value, "unit": f.unit, "limit": f.limit, "ratio": f.ratio, "reach": f.reach,
                    "reached": f.reached, "spread": f.spread, "limit_name": f.limit_name, "note": f.note} for f in self.figures]
        with open(path, "w") as out:
            json.dump({"machine": self.machine, "seconds": self.seconds, "parts": self.parts, "figures": figures, "tables": self.tables},
                      out, indent=1, ensure_ascii=False)
            out.write("\n")
        with open(os.path.join(self.folder, "results.svg"), "w") as out:
            out.write(self.plot())
        return path

    def headline(self):
        m = self.machine
        return (f"{m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB, kernel {m['kernel']}, PostgreSQL {m['postgresql']}, "
                f"commit {m['commit']}, {m['date']}, load average {m['load_average_at_start']:.2f} at the start, {self.seconds:.0f} s")

    HEAD = ["figure", "measured", "limit", "ratio", "reach", ""]

    def text(self):
        noisy = [p["part"] for p in self.parts if p["noisy"]]
        warning = f"warning: the machine did something else while these were measured: {', '.join(noisy)}\n" if noisy else ""
        return f"{self.headline()}\n{warning}\n{aligned([self.HEAD] + [self.row(f) for f in self.figures])}"

    def markdown(self):
        """RESULTS.md."""
        m = self.machine
        out = ["# What was measured", "",
               f"By `make bench{' FULL=1' if m['effort'] == 'full' else ''}` in {self.seconds:.0f} s; this file comes from its `results.json`.", "",
               "| | |", "|---|---|", f"| machine | {m['cpu']}, {m['cores']} cores, {m['memory_gib']} GiB |", f"| kernel | {m['kernel']} |",
               f"| PostgreSQL | {m['postgresql']}, as `embedded:` runs it |", f"| commit | {m['commit']} |", f"| date | {m['date']} |",
               f"| load average at the start | {m['load_average_at_start']:.2f} |", "",
               "Node, agent, aggregator and database share the machine's cores. The value is the median of several rounds, with the least and "
               "the most in parentheses; the ratio is the value against its limit, which was measured in the same run.", ""]
        noisy = [f"{p['part']} ({p['busy_processors_before']} processors)" for p in self.parts if p["noisy"]]
        if noisy:
            out += [f"**Something else ran when these parts began: {', '.join(noisy)}.**", ""]
        notes = []
        rows = []
        for f in self.figures:
            row = self.row(f)
            if f.note:
                notes.append(f.note)
                row[1] += f" [^{len(notes)}]"
            rows.append(row)
        out += pipes(self.HEAD[:-1] + ["reached"], [r[:-1] + [{"reached": "yes", "NOT reached": "**no**"}.get(r[-1], "")] for r in rows]) + [""]
        out += [f"[^{index + 1}]: {note}" for index, note in enumerate(notes)]
        for name, table in self.tables.items():
            out += ["", f"## {name}", ""] + pipes(table["header"], cells(table["rows"]))
        return "\n".join(out) + "\n"

    def plot(self):
        """Every figure that has a limit and a goal, as a bar from its limit; the scale is logarithmic."""
        bars = [f for f in self.figures if f.ratio and f.reach]
        height, left, width, top = 26, 480, 400, 64
        low, high = -2, 2  # Powers of ten.

        def place(ratio):
            return left + (min(max(math.log10(ratio), low), high) - low) / (high - low) * width

        bottom = top + height * len(bars)
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 220}" height="{bottom + 16}" '
               'font-family="sans-serif" font-size="13">',
               '<rect width="100%" height="100%" fill="white"/>',
               '<text x="10" y="24" font-size="16">Peerscope: measured against what bounds it, in the same run</text>']
        for power in range(low, high + 1):
            x = place(10**power)
            out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 6}" y2="{bottom}" stroke="{"black" if power == 0 else "#ddd"}"/>')
            label = "limit" if power == 0 else f"{10**power:g} ×"
            out.append(f'<text x="{x:.1f}" y="{top - 12}" text-anchor="middle" fill="#444">{label}</text>')
        for index, f in enumerate(bars):
            y = top + index * height
            colour = {True: "#2a7f62", False: "#b3402a", None: "#777"}[f.reached]
            ends = sorted([place(1), place(f.ratio)])
            out.append(f'<text x="{left - 12}" y="{y + 16}" text-anchor="end">{html.escape(f.name)}</text>')
            out.append(f'<rect x="{ends[0]:.1f}" y="{y + 4}" width="{max(ends[1] - ends[0], 2):.1f}" height="{height - 9}" fill="{colour}"/>')
            out.append(f'<text x="{left + width + 10}" y="{y + 16}" fill="{colour}">{number(f.ratio)} × ({html.escape(f.reach)})</text>')
        out.append("</svg>\n")
        return "\n".join(out)


def machine(effort, began):
    """What the figures depend on."""

    def said(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"
        except OSError:
            return "unknown"

    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    return {
        "cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
        "postgresql": said("pg_config", "--version").split(" ")[-1 if said("pg_config", "--version") == "unknown" else 1],
        "commit": said("git", "describe", "--always", "--dirty"), "load_average_at_start": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began)), "effort": effort,
    }


def cells(rows):
    return [[number(cell) if isinstance(cell, float) else grouped(cell) for cell in row] for row in rows]


def grouped(cell):
    return f"{cell:,}".replace(",", " ") if isinstance(cell, int) else str(cell)


def pipes(header, rows):
    """A table in Markdown."""
    lines = [header, ["---"] * len(header)] + rows
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
