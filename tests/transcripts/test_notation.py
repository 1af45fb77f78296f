"""
The notation itself: what it sends is what the drafts print, and what must not pass does not.
"""

from struct import pack

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.listing import longname
from conchsftp.sftp.numbers import FileType
from tests.transcripts import needs
from tests.transcripts.longname import NotALine, parse
from tests.transcripts.needs import Conversation, Reply
from tests.transcripts.notation import GONE, File, Link
from tests.transcripts.packets import attributes, init, opening, read, string, symlink
from tests.transcripts.replay import split
from tests.transcripts.stages import differs

NOW = 1_112_000_000


class PacketTests(SynchronousTestCase):
    """Packets that were recorded."""

    def test_recorded(self) -> None:
        """Golden bytes of real clients, or the drafts' layouts."""
        for packet, layout in (
            (init(3), "00000005 01 00000003"),
            # curl downloads with this.
            (
                opening("/big", "r", attributes(mode=0o100644)),
                "00000019 03 00000007 00000004 2f626967 00000001 00000004 000081a4",
            ),
            (opening("/a", "wc"), "00000013 03 00000007 00000002 2f61 0000000a 00000000"),
            # OpenSSH: ln -s up2.py sl
            (symlink("up2.py", "/sl"), "00000016 14 00000007 00000006 7570322e7079 00000003 2f736c"),
            (read("f", 1 << 40, 0x8000), "00000019 05 00000007 00000004 61626364 0000010000000000 00008000"),
        ):
            self.assertEqual(packet.lay(7, {"f": b"abcd"}), bytes.fromhex(layout))

    def test_attributes(self) -> None:
        """Flags and fields of version 3 stand in the draft's order."""
        whole = attributes(size=1, ids=(2, 3), mode=4, times=(5, 6))
        layout = "0000000f 0000000000000001 00000002 00000003 00000004 00000005 00000006"
        self.assertEqual(whole, bytes.fromhex(layout))


class LineTests(SynchronousTestCase):
    """Lines of a listing, read as FileZilla reads them."""

    def line(self, name: bytes, **fields: object) -> bytes:
        return longname(name, Attributes(**fields), NOW)  # type: ignore[arg-type]

    def test_wide(self) -> None:
        """Large files, many links and long names of users widen the columns, which stay apart."""
        seen = {"type": FileType.REGULAR, "permissions": 0o644, "mtime": NOW, "link_count": 123456}
        line = parse(self.line(b"x", size=2**62, owner="a rather long name", group="x" * 30, **seen))
        self.assertEqual((line.size, line.name, line.type), (2**62, b"x", "-"))

    def test_names(self) -> None:
        """A name is whatever follows the blank after the date."""
        for name in (b"a", b"a b", b"  a", b"a  ", b" ", b"a -> b", b"Jan  1  2020 x", b"\xff\xfe", b"-", b"."):
            for date in (NOW, NOW - 400 * 86400, 0):
                line = self.line(name, type=FileType.SYMLINK, permissions=0o777, size=3, mtime=date)
                self.assertEqual(parse(line).name, name)

    def test_refused(self) -> None:
        """What FileZilla makes no sense of is no line."""
        good = b"-rw-r--r--   1 mjos     staff      348911 Mar 25 14:29 t-filexfer"
        self.assertEqual(parse(good).date, "Mar 25 14:29")
        for wrong in (
            good.replace(b"Mar", b"Mrz"),
            good.replace(b"25", b"32"),
            good.replace(b"-rw", b"?rw"),
            good.replace(b"14:29", b" 2.29"),
            good.replace(b"mjos", b""),
            good.replace(b" t-filexfer", b""),
            b"t-filexfer",
        ):
            self.assertRaises(NotALine, parse, wrong)


class NeedTests(SynchronousTestCase):
    """A need that is not met."""

    def refused(self, need: needs.Need, kind: int, *fields: bytes) -> None:
        packet = pack(">BI", kind, 7) + b"".join(fields)
        self.assertRaises((AssertionError, ValueError), need, Reply(packet), Conversation())

    def test_status(self) -> None:
        """Another code, no text, no language, bytes that follow, and a local path are noticed."""
        good = pack(">I", 2), string("No such file"), string("en")
        needs.missing(Reply(pack(">BI", 101, 7) + b"".join(good)), Conversation())
        self.refused(needs.ok, 101, *good)
        self.refused(needs.missing, 101, *good, b"\0")
        self.refused(needs.missing, 101, good[0], string(""), good[2])
        self.refused(needs.missing, 101, good[0], string("No such file: /srv/a"), good[2])
        self.refused(needs.missing, 102, string("No such file"))

    def test_data(self) -> None:
        """A short DATA, other bytes and an empty one are noticed."""
        for wrong in (b"hell", b"hallo", b"", b"hello "):
            self.refused(needs.data(b"hello"), 103, string(wrong))
        self.refused(needs.data(b"hello"), 103, string(b"hello"), b"\1")

    def test_attributes(self) -> None:
        """Attributes without type, size or times are noticed, and other values."""
        need = needs.attrs(0o100644, size=5, mtime=9)
        good = {"size": 5, "mode": 0o100644, "times": (1, 9)}
        need(Reply(pack(">BI", 105, 7) + attributes(**good)), Conversation())  # type: ignore[arg-type]
        for wrong in ({"size": 6}, {"mode": 0o644}, {"times": (1, 8)}, {"size": None}, {"mode": None}, {"times": None}):
            self.refused(need, 105, attributes(**{**good, **wrong}))  # type: ignore[arg-type]

    def test_names(self) -> None:
        """A NAME of no entry, of one too many or with another line is noticed."""
        entry = string("/a") * 2 + attributes()
        needs.one_name("/a")(Reply(pack(">BII", 104, 7, 1) + entry), Conversation())
        self.refused(needs.one_name("/a"), 104, pack(">I", 0))
        self.refused(needs.one_name("/a"), 104, pack(">I", 2), entry, entry)
        self.refused(needs.one_name("/b"), 104, pack(">I", 1), entry)
        self.refused(needs.some_names(), 104, pack(">I", 0))

    def test_listing(self) -> None:
        """A line that contradicts name, size or type is noticed."""
        seen = attributes(size=348911, mode=0o100644, times=(0, 0))
        dots = b"".join(
            string(name)
            + string(b"drwxr-xr-x   1 0        0               0 Mar 25 14:29 " + name)
            + attributes(size=0, mode=0o40755, times=(0, 0))
            for name in (b".", b"..")
        )
        good = b"-rw-r--r--   1 mjos     staff      348911 Mar 25 14:29 x"
        whole = pack(">BII", 104, 7, 3) + dots + string("x") + string(good) + seen
        needs.names("x")(Reply(whole), Conversation())
        longer, executable = good.replace(b"348911", b"348912"), good.replace(b"rw-", b"rwx")
        for wrong in (good[:-1] + b"y", longer, executable, b"d" + good[1:]):
            self.refused(needs.names("x"), 104, pack(">I", 3), dots, string("x"), string(wrong), seen)

    def test_handle(self) -> None:
        """No handle, one that is too long, and one that is given out twice are noticed."""
        self.refused(needs.handle("f"), 102, string(b""))
        self.refused(needs.handle("f"), 102, string(b"x" * 257))
        talk = Conversation(handles={"f": b"x"})
        self.assertRaises(AssertionError, needs.handle("g"), Reply(pack(">BI", 102, 7) + string(b"x")), talk)

    def test_version(self) -> None:
        """Another version, and a newline of more than two bytes, are noticed."""

        def reply(number: int, *pairs: str) -> Reply:
            return Reply(pack(">BI", 2, number) + b"".join(map(string, pairs)))

        needs.version(3)(reply(3, "newline", "\r\n"), Conversation())
        self.assertRaises(AssertionError, needs.version(3), reply(4), Conversation())
        self.assertRaises(AssertionError, needs.version(3), reply(3, "newline", "\r\n\n"), Conversation())
        self.assertRaises(AssertionError, needs.advertising(3, limits="1"), reply(3), Conversation())

    def test_cut_short(self) -> None:
        """A stream that ends within a packet is noticed."""
        self.assertEqual([each.request_id for each in split(bytes.fromhex("00000005 65 00000001") * 2)], [1, 1])
        self.assertRaises(AssertionError, split, bytes.fromhex("00000006 65 00000001"))


class ThingTests(SynchronousTestCase):
    """What lies in the files."""

    def test_differs(self) -> None:
        """Other bytes, modes, times and kinds are noticed."""
        found = File(data=b"abc", mode=0o644, mtime=5)
        self.assertEqual([differs(found, same) for same in (b"abc", found, File(data=b"abc"))], [""] * 3)
        for wrong in (b"abd", b"ab", File(data=b"abc", mode=0o600), File(data=b"abc", mtime=6), GONE, Link("abc")):
            self.assertTrue(differs(found, wrong), wrong)
