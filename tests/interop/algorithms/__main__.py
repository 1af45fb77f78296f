"""
Run the matrix of algorithms, and write who has spoken what: `python -m tests.interop.algorithms`.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.interop.algorithms.matrix import PEERS, PROJECT, STORED, run, text
from tests.interop.check_keys import SK_PROVIDER


def main() -> None:
    """Write the files; every client must be installed, and nothing may fail."""
    with TemporaryDirectory() as folder:
        outcome = run(Path(folder), SK_PROVIDER)
    for (peer, cell), problem in {**outcome.not_spoken, **outcome.failed}.items():
        print(f"{peer}: {cell}: {problem}")
    for peer, seconds in outcome.seconds.items():
        print(f"{peer} {outcome.versions[peer]}: {len(outcome.passed[peer])} logins, {seconds:.1f} s")
    print(f"{outcome.processor_seconds:.0f} s of a processor")
    missing = [each.name for each in PEERS if each.name not in outcome.versions]
    if missing or outcome.failed:
        sys.exit(f"nothing written; missing: {missing}, failed: {len(outcome.failed)}")
    STORED.write_text(text(outcome), encoding="utf-8")
    subprocess.run([sys.executable, "docs/generate.py"], cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, check=True)


if __name__ == "__main__":
    main()
