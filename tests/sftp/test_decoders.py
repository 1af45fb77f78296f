"""The requests of every version: what they are, cut short, with bytes behind them, in pieces."""

from dataclasses import MISSING

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.sftp.clients import Client, Order
from conchsftp.sftp.codec import BadPacket, Codec
from conchsftp.sftp.extended import UnknownExtended
from conchsftp.sftp.fields import REQUESTS
from conchsftp.sftp.numbers import VERSIONS, Access, Disposition, OpenFlag, PacketType, RealPath
from conchsftp.sftp.requests import LStat, Open, Rename, SymLink
from conchsftp.sftp.requests import RealPath as RealPathRequest
from conchsftp.sftp.statuses import Status
from tests.sftp.samples import PATH, SAMPLES, extension

LINK_FIRST = Client(symlinks=Order.LINK_FIRST)


def unhex(*layout):
    return bytes.fromhex(" ".join(layout))


def cases():
    for sample in SAMPLES:
        for version in sample.versions:
            yield version, sample


class SampleTests(SynchronousTestCase):
    """Each sample in each version that has it."""

    def test_record(self):
        """A packet is read as the record that it was laid out for, whatever buffer it is in."""
        for version, sample in cases():
            for kind in (bytes, bytearray, memoryview):
                decoded = Codec(version).decode([kind(sample.packet)])
                self.assertEqual(decoded, (7, sample.record), (version, kind))

    def test_own_bytes(self):
        """What a record holds, data to write excepted, outlives the buffer that the packet was in."""
        for version, sample in cases():
            if sample.packet[0] == PacketType.WRITE:
                continue
            buffer = bytearray(sample.packet)
            _, record = Codec(version).decode([memoryview(buffer)])
            buffer[:] = bytes(len(buffer))
            self.assertEqual(record, sample.record)

    def test_excess(self):
        """Bytes behind a valid packet are ignored ("MUST ignore excess data", filexfer-13, 4)."""
        for version, sample in cases():
            if version == 6 and sample.packet[0] == PacketType.REALPATH:
                continue  # ends with any number of paths
            if isinstance(sample.record, UnknownExtended):
                continue  # who knows it says where it ends
            self.assertEqual(Codec(version).decode([sample.packet + b"\xff\x00"]), (7, sample.record), version)

    def test_cut_short(self):
        """A packet that ends too early is a bad message, answered if its id can be read."""
        for version, sample in cases():
            for length in range(len(sample.packet)):
                if length in sample.complete:
                    Codec(version).decode([sample.packet[:length]])
                    continue
                problem = self.assertRaises(BadPacket, Codec(version).decode, [sample.packet[:length]])
                self.assertEqual(problem.request_id, 7 if length >= 5 else None, (version, sample, length))
                self.assertEqual(problem.status, Status.BAD_MESSAGE, (version, sample, length))

    def test_pieces(self):
        """A packet that spans buffers is read as if it did not."""
        for version, sample in cases():
            for cut in range(1, len(sample.packet)):
                pieces = [memoryview(sample.packet)[:cut], memoryview(sample.packet)[cut:]]
                self.assertEqual(Codec(version).decode(pieces), (7, sample.record))

    def test_outside_span(self):
        """A request that a version does not have is answered OP_UNSUPPORTED."""
        spans = {layout.type: layout.versions for layout in REQUESTS if not layout.name}
        for packet_type in range(256):
            for version in VERSIONS:
                if version in spans.get(packet_type, ()) or packet_type in (PacketType.INIT, PacketType.EXTENDED):
                    continue
                packet = bytes([packet_type]) + unhex("00000007", PATH, PATH, "01")
                problem = self.assertRaises(BadPacket, Codec(version).decode, [packet])
                answer = problem.request_id, problem.status
                self.assertEqual(answer, (7, Status.OP_UNSUPPORTED), (packet_type, version))


class TableTests(SynchronousTestCase):
    """What must hold for all rows."""

    def test_every_request_is_decoded(self):
        """Every request has a decoder, and a sample here, in every version of its span."""
        seen = {(version, type(sample.record)) for version, sample in cases()}
        for layout in REQUESTS:
            for version in layout.versions:
                self.assertIn((version, layout.record), seen)

    def test_fields(self):
        """Every field of a record is on the wire, or has a default, in every version of the request's span."""
        for layout in REQUESTS:
            for version in layout.versions:
                on_wire = {name for field in layout.fields if version in field.versions for name in field.names}
                for field in layout.fields:
                    for name in field.names:
                        self.assertTrue(name in on_wire or field.default is not MISSING, (layout.record, name, version))

    def test_names(self):
        """No two requests have the same type and name in one version."""
        for version in VERSIONS:
            keys = [(layout.type, layout.name) for layout in REQUESTS if version in layout.versions]
            self.assertEqual(len(keys), len(set(keys)))


class FieldTests(SynchronousTestCase):
    """Single fields that are more than numbers and strings."""

    def refusal(self, version, *layout):
        problem = self.assertRaises(BadPacket, Codec(version).decode, [unhex(*layout)])
        self.assertEqual(problem.request_id, 7)
        return problem.status

    def test_zero_byte(self):
        """A path with a zero byte is an invalid file name; older versions call the message bad."""
        for version, status in ((3, Status.BAD_MESSAGE), (5, Status.BAD_MESSAGE), (6, Status.INVALID_FILENAME)):
            self.assertEqual(self.refusal(version, "0d 00000007  00000003 610062"), status)

    def test_real_path_without_control(self):
        """lftp leaves the control byte of version 6 out, and means NO_CHECK (filexfer-13, 8.9)."""
        _, record = Codec(6).decode([unhex("10 00000007  00000001 2e")])
        self.assertEqual(record, RealPathRequest(path=b".", control=RealPath.NO_CHECK))

    def test_real_path_in_version_3(self):
        """Versions 3 to 5 have no control byte; what follows the path is excess."""
        _, record = Codec(3).decode([unhex("10 00000007", PATH, "03")])
        self.assertEqual(record, RealPathRequest(path=b"/ab", control=RealPath.RESOLVE))

    def test_real_path_control(self):
        """Only three control bytes are known."""
        for control in ("00", "04", "ff"):
            self.assertEqual(self.refusal(6, "10 00000007", PATH, control), Status.BAD_MESSAGE)

    def test_stat_without_flags(self):
        """A missing mask of wanted attributes means any, from version 4."""
        self.assertEqual(Codec(4).decode([unhex("07 00000007", PATH)]), (7, LStat(path=b"/ab", flags=0)))

    def test_disposition(self):
        """The dispositions 5 to 7 mean nothing."""
        for bits in range(8):
            packet = unhex("03 00000007", PATH, f"00000001 {bits:08x}  00000000 05")
            if bits <= Disposition.TRUNCATE_EXISTING:
                self.assertEqual(Codec(6).decode([packet])[1].flags, bits)
                continue
            self.assertEqual(self.refusal(6, packet.hex()), Status.INVALID_PARAMETER)
            self.assertEqual(self.refusal(5, packet.hex()), Status.BAD_MESSAGE)

    def test_unknown_flags(self):
        """Bits that mean nothing are dropped, so that no client can make the enums remember millions of them."""
        _, record = Codec(6).decode([unhex("03 00000007", PATH, "ffffffff fffffffa  00000000 05")])
        self.assertEqual((record.access, record.flags), (0x1F01FF, 0xFFFA))
        self.assertIsInstance(record.access, Access)
        self.assertIsInstance(record.flags, OpenFlag)
        _, record = Codec(6).decode([unhex("12 00000007", PATH, PATH, "fffffff9")])
        self.assertEqual(record, Rename(path=b"/ab", new_path=b"/ab", flags=1))

    def test_text_flag(self):
        """TEXT is a flag of version 4; version 3 ignores the bit."""
        for version, flags in ((3, 2), (4, 0x22)):
            attributes = "00000000" if version == 3 else "00000000 05"
            _, record = Codec(version).decode([unhex("03 00000007", PATH, "00000041", attributes)])
            self.assertEqual(record.flags, flags)

    def test_symlink_order(self):
        """Which name of SYMLINK is the link depends on the client."""
        packet = unhex("14 00000007  00000001 61  00000001 62")
        for version in (3, 4, 5):
            self.assertEqual(Codec(version).decode([packet])[1], SymLink(path=b"b", target=b"a"))
            self.assertEqual(Codec(version, LINK_FIRST).decode([packet])[1], SymLink(path=b"a", target=b"b"))

    def test_curl_read(self):
        """curl sends a mode with type bits when it only reads; they do not get into the permissions."""
        _, record = Codec(3).decode([unhex("03 00000007  00000004 2f626967  00000001 00000004 000081a4")])
        self.assertEqual(record.path, b"/big")
        self.assertEqual((record.access, record.flags), (0x81, Disposition.OPEN_EXISTING))
        self.assertEqual(record.attributes.permissions, 0o644)

    def test_attributes_of_no_version(self):
        """Flags of attributes that the version does not have cannot be skipped: the message is bad."""
        for version, attributes in ((3, "00000040"), (4, "00000200 05"), (5, "00000400 05"), (6, "00010000 05")):
            self.assertEqual(self.refusal(version, "09 00000007", PATH, attributes), Status.BAD_MESSAGE)

    def test_many_pairs(self):
        """A number of pairs that the packet cannot hold is refused before anything is made for it."""
        for count in ("00000001", "ffffffff"):
            self.assertEqual(self.refusal(3, "09 00000007", PATH, "80000000", count, "000000"), Status.BAD_MESSAGE)

    def test_crooked_numbers(self):
        """A list of 32-bit numbers is a multiple of four bytes."""
        head = extension("users-groups-by-id@openssh.com")
        self.assertEqual(self.refusal(3, head, "00000003 000000 00000000"), Status.BAD_MESSAGE)

    def test_many_numbers(self):
        """Each number costs a look-up: more of them than any listing has users are refused."""
        head = extension("users-groups-by-id@openssh.com")
        for count, accepted in ((1023, True), (1024, True), (1025, False)):
            numbers = f"{4 * count:08x}" + "00000001" * count
            for layout in (f"{head} {numbers} 00000000", f"{head} 00000000 {numbers}"):
                if accepted:
                    Codec(3).decode([unhex(layout)])
                else:
                    self.assertEqual(self.refusal(3, layout), Status.BAD_MESSAGE)

    def test_second_init(self):
        """INIT has no request id; a second one cannot be answered."""
        problem = self.assertRaises(BadPacket, Codec(3).decode, [unhex("01 00000003")])
        self.assertIsNone(problem.request_id)

    def test_empty(self):
        """An empty packet cannot be answered."""
        self.assertIsNone(self.assertRaises(BadPacket, Codec(3).decode, [b""]).request_id)

    def test_version(self):
        """Only versions 3 to 6 are spoken."""
        for version in (2, 7):
            self.assertRaises(ValueError, Codec, version)

    def test_open_record_has_no_wire_only_field(self):
        """What is on the wire only is not in the record."""
        self.assertEqual(set(Open.__slots__), {"path", "access", "flags", "attributes"})


class WriteTests(SynchronousTestCase):
    """WRITE in several pieces; its data is never joined."""

    data = bytes(range(256)) * 4

    def packet(self, handle=b"abcd", excess=b""):
        return b"".join(
            (
                unhex("06 00000007"),
                len(handle).to_bytes(4, "big") + handle,
                unhex("0000000000000063"),
                len(self.data).to_bytes(4, "big") + self.data,
                excess,
            )
        )

    def split(self, packet, *cuts):
        view = memoryview(packet)
        return [view[start:end] for start, end in zip((0, *cuts), (*cuts, len(packet)), strict=True)]

    def test_slices(self):
        """The data comes back as slices of the pieces, in order, without a copy."""
        packet = bytearray(self.packet(excess=b"more"))
        _, record = Codec(3).decode(self.split(packet, 400, 700, 1045))
        self.assertEqual([len(piece) for piece in record.data], [400 - 25, 300, 345, 4])
        self.assertEqual(b"".join(record.data), self.data)
        packet[25] = 0x77
        self.assertEqual(record.data[0][0], 0x77)

    def test_every_cut(self):
        """It does not matter where the pieces meet, nor how long the handle is that is allowed."""
        for handle in (b"abcd", b"h" * 256):
            packet = self.packet(handle)
            for cut in range(1, len(packet)):
                _, record = Codec(3).decode(self.split(packet, cut))
                self.assertEqual((record.handle, record.offset), (handle, 99))
                self.assertEqual(b"".join(record.data), self.data)

    def test_too_short(self):
        """Fewer bytes than the length of the data says are a bad message."""
        packet = self.packet()[:-1]
        for pieces in ([packet], self.split(packet, 500), self.split(packet, 500, 600)):
            problem = self.assertRaises(BadPacket, Codec(3).decode, pieces)
            self.assertEqual((problem.request_id, problem.status), (7, Status.BAD_MESSAGE))

    def test_empty(self):
        """Writing nothing is legal."""
        _, record = Codec(3).decode([unhex("06 00000007  00000001 61  0000000000000000 00000000")])
        self.assertEqual(b"".join(record.data), b"")
