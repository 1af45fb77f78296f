"""
CodePage and ServerEOL: what may be set.
"""

import codecs

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.settings.code_pages import CODECS, REFUSED
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE

# As documented for the component.
DOCUMENTED = """
37 437 500 708 709 710 720 737 775 850 852 855 857 858 860 861 862 863 864 865 866 869 870 874 875 932 936 949 950 1026
1047 1140 1141 1142 1143 1144 1145 1146 1147 1148 1149 1200 1201 1250 1251 1252 1253 1254 1255 1256 1257 1258 1361 10000
10001 10002 10003 10004 10005 10006 10007 10008 10010 10017 10021 10029 10079 10081 10082 12000 12001 20000 20001 20002
20003 20004 20005 20105 20106 20107 20108 20127 20261 20269 20273 20277 20278 20280 20284 20285 20290 20297 20420 20423
20424 20833 20838 20866 20871 20880 20905 20924 20932 20936 21025 21027 21866 28591 28592 28593 28594 28595 28596 28597
28598 28599 28605 29001 38598 50220 50221 50222 50225 50227 50229 50930 50931 50933 50935 50936 50937 50939 51932 51936
51949 51950 52936 54936 57002 57003 57004 57005 57006 57007 57008 57009 57010 57011 65000 65001 1 2 3
"""


class CodePageTests(SynchronousTestCase):
    """The table of code pages."""

    def test_complete(self) -> None:
        """Every documented code page is served or refused, and only one of both."""
        refused = [page for pages, _ in REFUSED for page in pages]
        self.assertEqual(sorted([*CODECS, *refused]), sorted(map(int, DOCUMENTED.split())))

    def test_names_stay_apart(self) -> None:
        """What paths are made of means itself in each, before and after what else there is, and is part of nothing."""
        plain = "/.0Az~"[:5]
        for page, codec in CODECS.items():
            codecs.lookup(codec)
            self.assertEqual(plain.encode(codec), plain.encode("ascii"), page)
            self.assertEqual("\0".encode(codec), b"\0", page)
            for lead in range(0x80, 0x100):
                for part in (b"/", b"/../", b"\0"):
                    raw = bytes((lead,)) + part
                    text = raw.decode(codec, "surrogateescape")
                    self.assertTrue(text.endswith(part.decode()), (page, raw))

    def test_refused(self) -> None:
        """What cannot be is refused with its number and the reason; so is what is no code page."""
        settings = Settings(TABLE)
        for given, said in (
            ("037", "code page 37 is EBCDIC"),
            ("708", "code page 708 has no codec"),
            ("1200", "code page 1200 writes ASCII in more than one byte"),
            (50221, "code page 50221 does not write"),
            ("4711", "code page 4711 is not known"),
            ("utf-8", "'utf-8': the number of a code page"),
            (True, "the number of a code page"),
        ):
            problem = self.assertRaises(ServerError, settings.set, "CodePage", given)
            self.assertIn(said, problem.text)
        self.assertEqual(settings.config("CodePage"), "65001")
        self.assertEqual(settings.config("codepage=1252"), "1252")


class LineEndTests(SynchronousTestCase):
    """How lines end."""

    def test_spellings(self) -> None:
        """By name, in any case, or by the characters."""
        settings = Settings(TABLE)
        self.assertEqual((settings.server_eol, settings.config("ServerEOL")), ("\n", "LF"))
        for given, end, shown in (
            ("CrLf", "\r\n", "CrLf"),
            ("crlf", "\r\n", "CrLf"),
            ("\r\n", "\r\n", "CrLf"),
            (b"\r\n", "\r\n", "CrLf"),
            (r"\r\n", "\r\n", "CrLf"),
            ("Cr", "\r", "Cr"),
            ("\n", "\n", "LF"),
            (r"\n\r", "\n\r", r"\n\r"),
        ):
            settings.set("ServerEOL", given)
            self.assertEqual((settings.server_eol, settings.config("ServerEOL")), (end, shown))
        for wrong in ("", "\u2028", "\n" * 9, 10, b"\xff", "crlff", "\n "):
            problem = self.assertRaises(ServerError, settings.set, "ServerEOL", wrong)
            self.assertIn("the characters themselves", problem.text)

    def test_documented(self) -> None:
        """The documented default comes back with the documented profile."""
        settings = Settings(TABLE, algorithm_profile="documented")
        self.assertEqual(settings.config("ServerEOL"), "CrLf")
