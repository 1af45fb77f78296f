"""Replies, and what holds for any packet."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import SFTPError
from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.clients import find_client
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.numbers import VERSIONS, FileType
from conchsftp.sftp.replies import Attrs, Data, ExtendedReply, HandleReply, NameEntry, Names, StatusReply
from conchsftp.sftp.statuses import CEILING, TEXTS, Status, lower

FILE = Attributes(type=FileType.REGULAR, size=5, uid=1, gid=2, permissions=0o644, atime=3, mtime=4)
FILE_3 = "0000000f 0000000000000005 00000001 00000002 000081a4 00000003 00000004"
FILE_6 = "000000ad 01 0000000000000005 00000001 31 00000001 32 000001a4 0000000000000003 0000000000000004"


def unhex(*layout):
    return bytes.fromhex(" ".join(layout))


def framed(*layout):
    """Lay out a whole packet: its length and what it holds."""
    packet = unhex(*layout)
    return len(packet).to_bytes(4, "big") + packet


class ReplyTests(SynchronousTestCase):
    """Replies as they lie on the wire."""

    def check(self, version, reply, *layout):
        self.assertEqual(Codec(version).encode(7, reply), framed(*layout), version)

    def test_handle(self):
        """HANDLE is a string (filexfer-13, 9.2)."""
        for version in VERSIONS:
            self.check(version, HandleReply(handle=b"abcd"), "66 00000007  00000004 61626364")

    def test_data(self):
        """DATA is a string; version 6 adds a byte where the file ends (filexfer-13, 9.3)."""
        for data in (b"hello", bytearray(b"hello"), memoryview(b"hello")):
            for version in VERSIONS:
                self.check(version, Data(data=data), "67 00000007  00000005 68656c6c6f")
                end = "01" if version == 6 else ""
                self.check(version, Data(data=data, end_of_file=True), "67 00000007  00000005 68656c6c6f", end)

    def test_data_frame(self):
        """The bytes around data that someone else puts in place are those of the whole reply."""
        for version in VERSIONS:
            codec = Codec(version)
            for end_of_file in (False, True):
                head, tail = codec.data_frame(7, 5, end_of_file)
                self.assertEqual(len(head), codec.data_head_size)
                whole = codec.encode(7, Data(data=b"hello", end_of_file=end_of_file))
                self.assertEqual(head + b"hello" + tail, whole)

    def test_attrs(self):
        """ATTRS holds the attributes of the version."""
        self.check(3, Attrs(attributes=FILE), "69 00000007", FILE_3)
        self.check(6, Attrs(attributes=FILE), "69 00000007", FILE_6)

    def test_attribute_bits_of_version_5(self):
        """Clients that read two numbers where version 5 has one are told none there, and in version 6 as others."""
        bits = Attributes(type=FileType.REGULAR, attrib_bits=4, attrib_bits_valid=0x7FF)
        names = (b"AsyncSSH_2.24.1", b"phpseclib_3.0 (openssl)", b"Ruby/Net::SSH_7.0.1 x86_64-linux-gnu")
        for client in (find_client(b"SSH-2.0-" + name) for name in names):
            packet = Codec(5, client).encode(7, Attrs(attributes=bits))
            self.assertEqual(packet, framed("69 00000007", "00000000 01"))
        for version, client, layout in (
            (6, find_client(b"SSH-2.0-AsyncSSH_2.24.1"), "00000200 01 00000004 000007ff"),
            (5, find_client(b"SSH-2.0-WinSCP_release_6.3.4"), "00000200 01 00000004"),
        ):
            packet = Codec(version, client).encode(7, Attrs(attributes=bits))
            self.assertEqual(packet, framed("69 00000007", layout))

    def test_allocation_size(self):
        """lftp, behind OpenSSH, and phpseclib read no allocation size where version 6 has it, and are told none."""
        room = Attributes(type=FileType.REGULAR, allocation_size=4096)
        for name, layout in (
            (b"OpenSSH_9.2p1", "00000000 01"),
            (b"phpseclib_3.0 (openssl)", "00000000 01"),
            (b"WinSCP_release_6.3.4", "00000400 01 0000000000001000"),
        ):
            packet = Codec(6, find_client(b"SSH-2.0-" + name)).encode(7, Attrs(attributes=room))
            self.assertEqual(packet, framed("69 00000007", layout), name)

    def test_change_time(self):
        """phpseclib reads the time of change behind all that follows it, and is not told it."""
        known = Attributes(type=FileType.REGULAR, ctime=1, mime_type="a/b")
        for name, layout in (
            (b"phpseclib_3.0 (openssl)", "00001000 01  00000003 612f62"),
            (b"OpenSSH_9.2p1", "00009000 01 0000000000000001  00000003 612f62"),
        ):
            packet = Codec(6, find_client(b"SSH-2.0-" + name)).encode(7, Attrs(attributes=known))
            self.assertEqual(packet, framed("69 00000007", layout), name)

    def test_ends(self):
        """phpseclib takes the mark of the end for a byte of the file, and is not told it; READ and READDIR say EOF."""
        codec = Codec(6, find_client(b"SSH-2.0-phpseclib_3.0 (openssl)"))
        self.assertEqual(codec.data_frame(7, 5, True)[1], b"")
        self.assertEqual(codec.encode(7, Data(data=b"a", end_of_file=True)), framed("67 00000007 00000001 61"))
        self.assertEqual(codec.encode(7, Names(entries=[], end_of_list=True)), framed("68 00000007 00000000"))

    def test_extended(self):
        """EXTENDED_REPLY holds whatever its request asked for."""
        self.check(3, ExtendedReply(payload=b"\x01\x02"), "c9 00000007 0102")

    def test_highest_id(self):
        """Any request id comes back."""
        reply = Codec(3).encode(0xFFFFFFFF, HandleReply(handle=b""))
        self.assertEqual(reply, framed("66 ffffffff 00000000"))


class StatusTests(SynchronousTestCase):
    """STATUS: a code of the version, a text, a language; always all three, for clients insist on them."""

    def test_ok(self):
        """The commonest reply."""
        expected = framed("65 00000007 00000000  00000007 53756363657373  00000002 656e")
        for version in VERSIONS:
            self.assertEqual(Codec(version).encode(7, StatusReply(status=Status.OK)), expected)

    def test_every_status(self):
        """Every status has a code of the version and its own text in every version."""
        for version in VERSIONS:
            for status in Status:
                packet = Codec(version).encode(7, StatusReply(status=status))
                code = int.from_bytes(packet[9:13], "big")
                self.assertLessEqual(code, CEILING[version])
                self.assertEqual(code, lower(status, version))
                self.assertIn(TEXTS[status].encode(), packet)

    def test_message(self):
        """A message of one's own takes the place of the text; so does another language."""
        reply = StatusReply(status=Status.QUOTA_EXCEEDED, message="voll", language="de")
        expected = framed("65 00000007 00000004  00000004 766f6c6c  00000002 6465")
        self.assertEqual(Codec(3).encode(7, reply), expected)

    def test_text_with_language(self):
        """The standard text is sent where there is no message, whatever the language."""
        packet = Codec(6).encode(7, StatusReply(status=Status.OK, language=""))
        self.assertEqual(packet, framed("65 00000007 00000000  00000007 53756363657373  00000000"))

    def test_no_status(self):
        """A number that is no status is sent as FAILURE, not as a crash."""
        packet = Codec(6).encode(7, StatusReply(status=1000))
        self.assertEqual(int.from_bytes(packet[9:13], "big"), Status.FAILURE)

    def test_message_that_cannot_be_encoded(self):
        """Names that are not UTF-8 may get into a message; it is sent all the same."""
        packet = Codec(3).encode(7, StatusReply(status=Status.FAILURE, message="a\udcffb", language="ü"))
        self.assertEqual(packet, framed("65 00000007 00000004  00000003 613f62  00000001 3f"))


class NameTests(SynchronousTestCase):
    """NAME: with long names in version 3, with the end of the list in version 6."""

    entry = NameEntry(b"ab", b"long", FILE)

    def test_version_3(self):
        """Version 3 has a long name for each entry, and never says that the list ends."""
        expected = framed("68 00000007 00000001  00000002 6162  00000004 6c6f6e67", FILE_3)
        for end in (None, False, True):
            self.assertEqual(Codec(3).encode(7, Names(entries=[self.entry], end_of_list=end)), expected)

    def test_version_6(self):
        """Version 6 says so, but only if it is true: some clients take a byte of zero for it as well."""
        layout = "68 00000007 00000001  00000002 6162", FILE_6
        for end, tail in ((None, ""), (False, ""), (True, "01")):
            reply = Names(entries=[self.entry], end_of_list=end)
            self.assertEqual(Codec(6).encode(7, reply), framed(*layout, tail))

    def test_two(self):
        """Entries follow one another; a plain tuple is an entry too."""
        packet = Codec(4).encode(7, Names(entries=[NameEntry(b"a"), (b"b", None, None)]))
        self.assertEqual(packet, framed("68 00000007 00000002", "00000001 61 00000000 05", "00000001 62 00000000 05"))

    def test_no_attributes(self):
        """Where nothing is known of a name, its long name is the name (REALPATH, READLINK)."""
        packet = Codec(3).encode(7, Names(entries=[NameEntry(b"/ab")]))
        self.assertEqual(packet, framed("68 00000007 00000001  00000003 2f6162  00000003 2f6162  00000000"))

    def test_long_name_is_made(self):
        """Where no long name is given, it is the line of `ls -l`, with the date as seen from the clock."""
        at = 1_000_000_000
        recent = Attributes(type=FileType.REGULAR, size=5, uid=1, gid=2, permissions=0o644, mtime=at)
        for now, year in ((at + 1, b":"), (at + 10**8, b"2001")):
            packet = Codec(3, clock=lambda now=now: now).encode(7, Names(entries=[NameEntry(b"ab", None, recent)]))
            self.assertIn(b"-rw-r--r--   1 1        2               5 Sep ", packet)
            self.assertIn(year, packet)
        self.assertNotIn(b"Sep", Codec(4).encode(7, Names(entries=[NameEntry(b"ab", None, recent)])))


class NoiseTests(SynchronousTestCase):
    """Whatever a client sends is a request or a bad packet."""

    @given(st.sampled_from(VERSIONS), st.lists(st.binary(max_size=400), min_size=1, max_size=3))
    def test_noise(self, version, pieces):
        """Any bytes, in any pieces, are a request or a bad packet that can be answered."""
        codec = Codec(version)
        try:
            request_id, _ = codec.decode(pieces)
        except BadPacket as problem:
            self.assertIsInstance(problem, SFTPError)
            if problem.request_id is None:
                return
            self.assertLessEqual(problem.status, CEILING[version])
            request_id = problem.request_id
        codec.encode(request_id, StatusReply(status=Status.OK))

    @given(st.sampled_from(VERSIONS), st.sampled_from([*range(3, 24), 200]), st.binary(max_size=80))
    def test_noise_in_requests(self, version, packet_type, body):
        """The same where the type is that of a request."""
        self.test_noise.hypothesis.inner_test(self, version, [bytes([packet_type]) + bytes(4) + body])
