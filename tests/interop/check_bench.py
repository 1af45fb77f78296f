"""
The bench, with so little work that its figures mean nothing: it must not rot.
"""

import json
import sys
from pathlib import Path

from bench.measures import MEASURES
from tests.interop.conftest import PEER
from tests.interop.driving import need, run


def check_every_measure(tmp_path: Path) -> None:
    """Each measure is carried out, shown in the table and written as JSON."""
    need("sftp")
    where = ["--servers", PEER, "--folder", str(tmp_path), "--results", str(tmp_path)]
    shown = run(
        [sys.executable, "-m", "bench", "--quick", "--runs", "1", "--size", "4M", *where],
        tmp_path,
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    (written,) = tmp_path.glob("*.json")
    results = json.loads(written.read_text())["results"]
    for measure in MEASURES:
        assert measure.name in shown
        assert len(results[measure.name][PEER][0]) == len(measure.figures)
