"""Figures beside their limits, as a table, as JSON and as a plot."""

import html
import json
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
    def __init__(self, folder, full):
        self.folder, self.full = folder, full
        self.figures, self.tables = [], {}
        self.began = time.time()
        os.makedirs(folder, exist_ok=True)

    def add(self, *figures):
        for figure in figures:
            self.figures.append(figure)
            print("  " + "  ".join(self.row(figure)), flush=True)

    def table(self, name, header, rows):
        self.tables[name] = {"header": header, "rows": rows}
        print("\n" + aligned([header] + [[number(c) if isinstance(c, float) else str(c) for c in row] for row in rows]), flush=True)

    @staticmethod
    def row(f):
        value = f"{number(f.value)} {f.unit}"
        if f.spread and f.spread[0] != f.spread[1]:
            value += f" ({number(f.spread[0])}–{number(f.spread[1])})"
        limit = f"{f.limit_name or ''} {number(f.limit)}".strip() if f.limit is not None else "–"
        ratio = f"{f.ratio:.2f}" if f.ratio is not None else "–"
        verdict = {True: "reached", False: "NOT reached", None: ""}[f.reached]
        return [f.name, value, limit, ratio, f.reach or "–", verdict]

    def machine(self):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
        memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
        return {
            "cpu": model, "cores": os.cpu_count(), "memory_gib": round(memory / 2**20, 1), "kernel": platform.release(),
            "commit": commit or "unknown", "load_average_at_start": os.getloadavg()[0],
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.began)), "full": self.full,
        }

    def write(self, machine):
        path = os.path.join(self.folder, "results.json")
        with open(path, "w") as out:
            json.dump({"machine": machine, "seconds": round(time.time() - self.began, 1),
                       "figures": [vars(f) for f in self.figures], "tables": self.tables}, out, indent=1)
            out.write("\n")
        with open(os.path.join(self.folder, "results.svg"), "w") as out:
            out.write(self.plot())
        return path

    def text(self, machine):
        head = ["figure", "measured", "limit", "ratio", "reach", ""]
        lines = [f"{machine['cpu']}, {machine['cores']} cores, kernel {machine['kernel']}, commit {machine['commit']}, {machine['date']}", ""]
        return "\n".join(lines) + aligned([head] + [self.row(f) for f in self.figures])

    def plot(self):
        """Every figure that has a ratio and a goal, as a bar against its goal."""
        bars = [f for f in self.figures if f.ratio is not None]
        height, left, width = 26, 430, 420
        most = max([1.0] + [min(f.ratio, 4) for f in bars])
        out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 160}" height="{height * len(bars) + 70}" '
               'font-family="sans-serif" font-size="13">',
               '<rect width="100%" height="100%" fill="white"/>',
               '<text x="10" y="24" font-size="16">Peerscope against what bounds it (ratio; the line is the limit itself)</text>']
        for index, f in enumerate(bars):
            y = 44 + index * height
            colour = {True: "#2a7f62", False: "#b3402a", None: "#777"}[f.reached]
            length = min(f.ratio, 4) / most * width
            out.append(f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{html.escape(f.name)}</text>')
            out.append(f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="{height - 8}" fill="{colour}"/>')
            out.append(f'<text x="{left + length + 6:.1f}" y="{y + 15}">{f.ratio:.2f}{"  (" + html.escape(f.reach) + ")" if f.reach else ""}</text>')
        x = left + width / most
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="40" y2="{44 + height * len(bars)}" stroke="black" stroke-dasharray="4 3"/>')
        out.append("</svg>\n")
        return "\n".join(out)


def aligned(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
