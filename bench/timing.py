"""
`python -m bench.timing`: whether the time of a refusal says which users there are, measured as an attacker would.

The same names are tried again and again; between two rounds the users file says something else about them, while the
server goes on: so whatever depends on a name, or on the machine, is the same in both. `unknown again` is the noise.
Benchmarks are no tests: judge the figures, on a machine that does nothing else.
"""

import argparse
import statistics
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import paramiko

from bench.servers import Keys, Server, start_ours

_BIN_SECONDS = 0.1
_LONGEST_BAR = 40

Try = Callable[[paramiko.Transport, str, paramiko.PKey], float]


def by_password(transport: paramiko.Transport, user: str, key: paramiko.PKey) -> float:
    """Guess a password; return the seconds until it was refused."""
    begin = time.perf_counter()
    _refused(lambda: transport.auth_password(user, "wrong", fallback=False))
    return time.perf_counter() - begin


def by_answer(transport: paramiko.Transport, user: str, key: paramiko.PKey) -> float:
    """Answer the question for a password; return the seconds from the answer to the refusal."""
    asked = [0.0]

    def answer(title: str, instructions: str, prompts: Sequence[tuple[str, bool]]) -> list[str]:
        asked[0] = time.perf_counter()
        return ["wrong"] * len(prompts)

    _refused(lambda: transport.auth_interactive(user, answer))
    return time.perf_counter() - asked[0]


def by_key(transport: paramiko.Transport, user: str, key: paramiko.PKey) -> float:
    """Sign with a key that is nobody's; return the seconds until it was refused."""
    begin = time.perf_counter()
    _refused(lambda: transport.auth_publickey(user, key))
    return time.perf_counter() - begin


def _refused(attempt: Callable[[], object]) -> None:
    try:
        attempt()
    except paramiko.AuthenticationException:
        return
    raise AssertionError("somebody was let in")


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of user.

    Attributes:
        name: for the table.
        entry: lines of the users file; `{password}` and `{key}` stand for a hash and a public key. None: no such user.
    """

    name: str
    entry: tuple[str, ...] | None


_PASSWORD = 'password = "{password}"'
_KEY = 'keys = ["{key}"]'
KINDS = (
    Kind("unknown", None),
    Kind("unknown again", None),
    Kind("wrong password", (_PASSWORD,)),
    Kind("only a key", (_KEY,)),
    Kind("keys in a file", (_PASSWORD, 'keys_file = "keys"')),
    Kind("expired", (_PASSWORD, "expires = 2020-01-01T00:00:00Z")),
    Kind("from elsewhere", (_PASSWORD, 'from = ["192.0.2.0/24"]')),
    Kind("with a code", (_PASSWORD, 'totp = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"')),
    Kind("disabled", (_PASSWORD, "disabled = true")),
    Kind("own methods", (_PASSWORD, 'methods = "password keyboard-interactive publickey"')),
)
WAYS: dict[str, Try] = {"password": by_password, "keyboard-interactive": by_answer, "publickey": by_key}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every kind of user by every method, and print what an attacker sees."""
    options = _parse(arguments)
    with tempfile.TemporaryDirectory(prefix="conchsftp-timing-", dir=options.folder) as folder:
        work = Path(folder)
        keys = Keys.make(work / "keys")
        (work / "served").mkdir()
        settings = ["DefaultAuthMethods=publickey,password", "MaxStartups=1000", *options.set]
        with start_ours(keys, work / "served", work, settings=settings) as server:
            entries = _entries(keys, options.rounds)
            (work / "keys_of_users").write_text(keys.public(keys.client) + "\n")
            for way in options.ways:
                _show(way, _measured(server, work / "users.toml", entries, WAYS[way], options))


def _entries(keys: Keys, rounds: int) -> dict[str, str]:
    hashed = bcrypt.hashpw(b"right", bcrypt.gensalt(rounds)).decode()
    public = keys.public(keys.client)

    def lines(kind: Kind) -> str:
        return "\n".join(kind.entry or ()).replace("{password}", hashed).replace("{key}", public)

    # One user is always there, so that the cost of hashes does not change with the others.
    return {kind.name: lines(kind) for kind in KINDS} | {"": f'[always]\npassword = "{hashed}"\n'}


def _measured(
    server: Server, users: Path, entries: dict[str, str], attempt: Try, options: argparse.Namespace
) -> dict[str, list[float]]:
    """Return the seconds of each name, by the kind of user that it was."""
    names = [f"user{number:04}" for number in range(options.names)]
    stranger = paramiko.ECDSAKey.generate()

    def measure(name: str) -> float:
        transport = paramiko.Transport(("127.0.0.1", server.port))
        try:
            transport.start_client(timeout=60)
            return attempt(transport, name, stranger)
        finally:
            transport.close()

    results: dict[str, list[float]] = {}
    with ThreadPoolExecutor(options.at_once) as pool:
        for kind in KINDS:
            body = entries[kind.name].replace('keys_file = "keys"', 'keys_file = "keys_of_users"')
            text = entries[""] + ("".join(f"[{name}]\n{body}\n" for name in names) if kind.entry is not None else "")
            # In place of the old one at once: a half-written file would not be believed.
            fresh = users.with_suffix(".new")
            fresh.write_text(text)
            fresh.chmod(0o600)
            fresh.replace(users)
            # What is read for the first time, and how slow it was, is not measured.
            list(pool.map(measure, names[: options.at_once]))
            results[kind.name] = list(pool.map(measure, names))
    return results


def _show(way: str, results: dict[str, list[float]]) -> None:
    """Print a table of quantiles and statistics, and the histograms."""
    unknown = results["unknown"]
    print(f"\n{way}: seconds until the refusal, {len(unknown)} names; the difference is to the same name, unknown")
    heads = ("5 %", "median", "95 %", "KS", "AUC", "diff 5 %", "median", "95 %")
    print(f"{'':16}" + "".join(f"{head:>9}" for head in heads))
    for name, seconds in results.items():
        paired = [mine - other for mine, other in zip(seconds, unknown, strict=True)]
        figures = *_quantiles(seconds), kolmogorov_smirnov(unknown, seconds), area(unknown, seconds)
        print(
            f"{name:16}"
            + "".join(f"{figure:9.3f}" for figure in figures)
            + "".join(f"{difference:+9.3f}" for difference in _quantiles(paired))
        )
    every = [int(each / _BIN_SECONDS) for seconds in results.values() for each in seconds]
    for name, seconds in results.items():
        print(f"\n{name}")
        for number in range(min(every), max(every) + 1):
            count = sum(int(each / _BIN_SECONDS) == number for each in seconds)
            print(f"  {number * _BIN_SECONDS:5.1f} s {count:5} {'#' * round(_LONGEST_BAR * count / len(seconds))}")


def _quantiles(values: Sequence[float]) -> tuple[float, float, float]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return cuts[0], statistics.median(values), cuts[-1]


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how far two distributions are apart at most, from 0 to 1."""
    first, second = sorted(one), sorted(other)
    return max(
        abs(bisect_right(first, each) / len(first) - bisect_right(second, each) / len(second))
        for each in (*first, *second)
    )


def area(one: Sequence[float], other: Sequence[float]) -> float:
    """Return how often a value of `other` is above one of `one`: 0.5 if nobody can tell them apart."""
    first = sorted(one)
    above = sum(bisect_left(first, each) + bisect_right(first, each) for each in other)
    return above / 2 / len(first) / len(other)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.timing", description=__doc__.splitlines()[1])
    parser.add_argument("--names", type=int, default=100, help="how many names are tried (100)")
    parser.add_argument("--at-once", type=int, default=10, help="how many at a time (10)")
    parser.add_argument("--rounds", type=int, default=10, help="cost of the hashes (10)")
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS), help=", ".join(WAYS))
    parser.add_argument("--set", action="append", default=[], metavar="Name=Value", help="a setting of the server")
    parser.add_argument("--folder", default=None, help="where its files are")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
