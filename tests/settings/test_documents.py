"""
What the tables of settings and events write.
"""

import runpy
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.events import EVENTS

ROOT = Path(__file__).parents[2]


class DocumentsTests(SynchronousTestCase):
    def setUp(self):
        self.generator = runpy.run_path(str(ROOT / "docs" / "generate.py"))

    def test_up_to_date(self):
        """Every generated file is what the tables say; if it is not, run docs/generate.py."""
        for page, text in self.generator["PAGES"].items():
            self.assertEqual((ROOT / page).read_text(encoding="utf-8"), text(), page)

    def test_events_described(self):
        """Every event, and everything that can be read from it, has a type and a text."""
        for each in EVENTS.values():
            self.assertTrue((each.__doc__ or "").strip(), each.name)
            for name, annotation, text in self.generator["parameters"](each):
                self.assertTrue(annotation and text, f"{each.name}.{name}")
