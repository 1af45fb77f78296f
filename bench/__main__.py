"""
`python -m bench`: our server and OpenSSH's sshd, measured in one interleaved run.

Every run measures each server once, so that what else the machine does hits them alike; compare only inside one run.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import report
from bench.measures import CIPHERS, MEASURES, MIB, Measure, Scale, prepare
from bench.servers import Keys, Server, start_ours, start_program, start_sshd
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE

_RESULTS = Path(__file__).parent / "results"
_OBSERVED = Path(__file__).parent / "observed.py"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments select, print one table and write JSON."""
    options = _parse(arguments)
    measures = [measure for measure in MEASURES if _selected(measure, options)]
    scale = Scale(transfer=options.size, **_less(options.quick))
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="conchsftp-bench-", dir=options.folder)))
        root, local = work / "served", work / "local"
        root.mkdir()
        local.mkdir()
        prepare(root, local, scale)
        starts = _starts(options, work, root)
        running: dict[tuple[str, str], Server] = {}

        def carry_out(measure: Measure, name: str) -> tuple[float, ...]:
            which = name, measure.observed
            if measure.fresh:
                with starts[which]() as server:
                    return measure.run(server, local, scale)
            if which not in running:
                running[which] = stack.enter_context(starts[which]())
            figures = measure.run(running[which], local, scale)
            running[which].settle()
            return figures

        results = _interleaved(measures, options.servers, options.runs, carry_out)
    print(report.table(measures, options.servers, results))
    level = _log_level(options.set)
    saved = report.save(options.results, results, {**_plain(options), "log_level": level})
    print(f"\nmedians of {options.runs}, ours at LogLevel {level}; all figures in {saved}")


def _starts(options: argparse.Namespace, work: Path, root: Path) -> dict[tuple[str, str], Callable[[], Server]]:
    """Return how each server is started: by its name, and by how those are written who listen to it."""
    keys = Keys.make(work / "keys")
    # AES-CTR is not in the default profile.
    settings = ["AlgorithmProfile=compatible", *options.set]

    def folder() -> Path:
        return Path(tempfile.mkdtemp(dir=work))

    def observed(handlers: str) -> Server:
        return start_program(keys, root, folder(), _OBSERVED, SETTINGS="\n".join(settings), OBSERVED_BY=handlers)

    def sshd() -> Server:
        return start_sshd(keys, root, folder(), internal=options.sftp == "internal")

    return {
        ("ours", ""): lambda: start_ours(keys, root, folder(), settings=settings),
        ("ours", "plain"): lambda: observed("plain"),
        ("ours", "async"): lambda: observed("async"),
        # Nobody can listen there: it is the same one in every line.
        **{("sshd", handlers): sshd for handlers in ("", "plain", "async")},
    }


def _interleaved(
    measures: Sequence[Measure],
    servers: Sequence[str],
    runs: int,
    carry_out: Callable[[Measure, str], tuple[float, ...]],
) -> report.Results:
    results: report.Results = {measure.name: {} for measure in measures}
    for run in range(runs):
        for measure in measures:
            for server in servers:
                _progress(f"{run + 1}/{runs} {measure.name} {server}")
                results[measure.name].setdefault(server, []).append(carry_out(measure, server))
    _progress("")
    return results


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:70}\r", end="", file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    kinds = sorted({measure.kind for measure in MEASURES})
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[1])
    parser.add_argument("--only", action="append", default=[], metavar="KIND", help=f"one of {', '.join(kinds)}")
    parser.add_argument("--cipher", action="append", default=[], choices=CIPHERS, help="transfers with this one")
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("--size", type=_size, default=512 * MIB, help="bytes of a transfer: 64M, 1G (512M)")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything that is not a transfer")
    parser.add_argument("--servers", type=_servers, default=["ours", "sshd"], help="ours, sshd, or ours,sshd (both)")
    parser.add_argument(
        "--sftp", choices=["external", "internal"], default="external", help="how sshd serves SFTP (external)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="Name=Value", help="a setting of our server")
    parser.add_argument("--folder", default="/dev/shm", help="where the files are (/dev/shm)")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where the JSON goes (bench/results)")
    options = parser.parse_args(arguments)
    for kind in options.only:
        if kind not in kinds:
            parser.error(f"--only {kind!r}: one of {', '.join(kinds)}")
    return options


def _selected(measure: Measure, options: argparse.Namespace) -> bool:
    return (not options.only or measure.kind in options.only) and (
        not options.cipher or not measure.cipher or measure.cipher in options.cipher
    )


def _less(quick: bool) -> dict[str, int]:
    full = Scale()
    names = ("lstats", "opens", "entries", "listings", "logins", "idle")
    return {name: getattr(full, name) // 10 for name in names} if quick else {}


def _size(text: str) -> int:
    unit = {"K": 1 << 10, "M": MIB, "G": 1 << 30}.get(text[-1:].upper())
    size = int(text[:-1]) * unit if unit else int(text)
    return size // MIB * MIB or MIB


def _servers(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= {"ours", "sshd"}:
        raise argparse.ArgumentTypeError(f"{text}: ours and sshd are known")
    return names


def _log_level(settings: Sequence[str]) -> str:
    """Return how much our server logs meanwhile: at 1, the default, a line for each file; sshd has none."""
    ours = Settings(TABLE)
    for statement in settings:
        ours.config(statement)
    return ours.config("LogLevel")


def _plain(options: argparse.Namespace) -> dict[str, object]:
    return {name: value for name, value in vars(options).items() if name not in ("folder", "results")}


if __name__ == "__main__":
    main()
