"""
What is held against a client, noted for tests.
"""

from typing import Any

from conchsftp.settings.penalties import Offence


class Penalised:
    """
    The part of a transport that takes note of offences.

    Attributes:
        offences: what was held against the client, and what was forgiven.
        slower: how many times as long refusals take.
    """

    slower = 1.0

    def __init__(self) -> None:
        self.offences: list[Any] = []

    def penalise(self, offence: Offence | None) -> float:
        self.offences.append(offence)
        return self.slower

    def forgive(self, offence: Offence, times: int) -> None:
        self.offences += [f"forgiven {offence.value}"] * times
