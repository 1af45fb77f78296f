"""
The figures of a run as one table, and as JSON.

Medians over the runs; the JSON keeps every run, and what the machine was.
"""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.measures import Measure

# measure → server → one tuple of figures for each run
Results = dict[str, dict[str, list[tuple[float, ...]]]]


def table(measures: Sequence[Measure], servers: Sequence[str], results: Results) -> str:
    """Lay out the medians: a line for each figure, a column for each server; ratio is the first over the second."""
    lines = [("", "", *servers, *(["ratio", ""] if len(servers) == 2 else []))]
    for measure in measures:
        for column, figure in enumerate(measure.figures):
            medians = [_median(results[measure.name].get(server, []), column) for server in servers]
            cells = [_short(value) for value in medians]
            if len(medians) == 2:
                cells += _ratio(*medians, more_is_better=figure.more_is_better)
            lines.append((measure.name if column == 0 else "", figure.unit, *cells))
    widths = [max(len(line[cell]) for line in lines) for cell in range(len(lines[0]))]
    return "\n".join(_row(line, widths) for line in lines)


def save(folder: Path, results: Results, options: dict[str, object]) -> Path:
    """Write everything as a new JSON file of the folder, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("%Y%m%d-%H%M%S.json")
    machine = {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "openssh": subprocess.run(["ssh", "-V"], capture_output=True, text=True).stderr.strip(),
    }
    path.write_text(json.dumps({"machine": machine, "options": options, "results": results}, indent=1) + "\n")
    return path


def _median(runs: Sequence[tuple[float, ...]], column: int) -> float | None:
    return statistics.median(run[column] for run in runs) if runs else None


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(first: float | None, second: float | None, *, more_is_better: bool) -> list[str]:
    if first is None or not second:
        return ["", ""]
    ratio = first / second
    return [f"{ratio:.2f}", "" if (ratio >= 1) == more_is_better or ratio == 1 else "behind"]


def _row(line: Sequence[str], widths: Sequence[int]) -> str:
    texts = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
    numbers = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)]
    return "  ".join(texts + numbers).rstrip()
