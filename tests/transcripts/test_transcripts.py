"""
Clients that cannot run here say what they are known to say, byte by byte, and get what they need.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.transcripts.notation import Transcript
from tests.transcripts.replay import Player
from tests.transcripts.stages import STAGES, Stage, differs
from tests.transcripts.table import TRANSCRIPTS


class TranscriptTests(SynchronousTestCase):
    """Each transcript, with files in memory, on disk, on a slow disk, and over a narrow line; `table` lists them."""

    def play(self, transcript: Transcript, stage: Stage) -> None:
        """Play a transcript from the login to the end, and look at the files."""
        for path, thing in transcript.before.items():
            stage.make(path, thing)
        player = Player(stage, transcript.client)
        for number, step in enumerate(transcript.steps):
            try:
                player.step(step)
            except AssertionError as problem:
                raise AssertionError(f"step {number}: {problem}") from None
        player.finish()
        wrong = {path: differs(stage.look(path), thing) for path, thing in transcript.after.items()}
        self.assertEqual({path: text for path, text in wrong.items() if text}, {})

    def test_names(self) -> None:
        """Every transcript has a name of its own, and says what it proves."""
        names = [each.name for each in TRANSCRIPTS]
        self.assertEqual(sorted(set(names)), sorted(names))
        self.assertEqual([each.name for each in TRANSCRIPTS if not each.shows.endswith(".")], [])

    def test_documented(self) -> None:
        """docs/clients.md names the clients that are replayed, and no other ones."""
        text = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
        _, _, section = text.partition("## What is replayed")
        named = re.findall(r"^\| ([^|]+) \|", section.partition("\n## ")[0], re.MULTILINE)
        self.assertEqual(sorted(named), sorted({"Client", "---", *(each.client.name for each in TRANSCRIPTS)}))


def _test(transcript: Transcript, stage: Callable[..., Stage]) -> Callable[[Any], None]:
    def test(self: TranscriptTests) -> None:
        self.play(transcript, stage(self, protocol_version=transcript.client.protocol_version))

    test.__doc__ = transcript.shows
    return test


for _transcript in TRANSCRIPTS:
    for _name, _stage in STAGES.items():
        setattr(TranscriptTests, f"test_{_transcript.name}_{_name}", _test(_transcript, _stage))
