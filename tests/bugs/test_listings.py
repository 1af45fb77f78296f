"""
Listing a directory: lines that clients can parse, entries that are all there, replies of a size that all take.
"""

import os
import time
from calendar import timegm
from typing import Any

from conchsftp.sftp.attributes import Attributes
from conchsftp.sftp.statuses import Status
from tests.bugs.classes import bug_class
from tests.bugs.listing import MONTHS, Entry, entries, parsed
from tests.bugs.support import LocalWireCase, WireCase
from tests.session.support import (
    CLOSE,
    NAME,
    OPENDIR,
    READDIR,
    REMOVE,
    numbers,
    request,
    string,
    u32,
)
from tests.session.versions import in_versions

SYMLINK_MODE, DIRECTORY_MODE, FILE_MODE = 0o120000, 0o040000, 0o100000
# The drafts ask clients to take packets of 34000 bytes (filexfer-02, 3); not all take more.
LARGEST = 34000
DAY = 24 * 3600


class ListingCase:
    """Help for listings."""

    def listing(self, path: bytes) -> dict[bytes, Entry]:
        """List a directory as OpenSSH does, and return its entries by name."""
        handle = self.opened(request(OPENDIR, 1, string(path)))
        found: dict[bytes, Entry] = {}
        while (reply := self.one(request(READDIR, 2, string(handle))))[0] == NAME:
            self.assertLessEqual(len(reply), LARGEST)
            for entry in entries(reply):
                self.assertNotIn(entry.name, found)
                found[entry.name] = entry
        self.assert_status(reply, Status.EOF)
        self.close(handle)
        return found

    def set_times(self, path: str, seconds: int) -> None:
        """Set the time that a file was changed."""
        self.files.set_attributes(path, Attributes(atime=seconds, mtime=seconds), True)


@bug_class(5)
class AboutLongnames(ListingCase):
    """The line of an entry, from which FileZilla takes all but name and time."""

    def line(self, name: str) -> dict[str, object]:
        """Return the columns of an entry of the root."""
        return parsed(self.listing(b"/")[name.encode()].line)

    def test_types_and_modes(self) -> None:
        """The first letter tells files, directories and links apart, the next nine are the permissions."""
        self.put("/file", b"12345", 0o640)
        self.files.make_directory("/folder", Attributes())
        self.files.set_attributes("/folder", Attributes(permissions=0o2755), True)
        self.files.make_symlink("/link", "file")
        found = {name: parsed(entry.line) for name, entry in self.listing(b"/").items()}
        self.assertEqual(
            {name: columns["type"] for name, columns in found.items()},
            {
                b".": "d",
                b"..": "d",
                b"file": "-",
                b"folder": "d",
                b"link": "l",
            },
        )
        self.assertEqual((found[b"file"]["mode"], found[b"file"]["size"]), ("rw-r-----", 5))
        self.assertEqual(found[b"folder"]["mode"], "rwxr-sr-x")

    def test_names(self) -> None:
        """Whatever is in a name, the columns before it can be told from it; nothing makes two lines of one."""
        names = ["a b", " first", "12:34 x", "ünï", "-rw-r--r--", "a\tb", "two\nlines", "esc\x1b[2J"]
        for name in names:
            self.put(f"/{name}", b"")
        found = self.listing(b"/")
        for name in names:
            entry = found[name.encode()]
            shown = "".join("?" if ord(letter) < 32 else letter for letter in name).encode().decode("latin-1")
            self.assertEqual(parsed(entry.line)["name"], shown)

    def test_dates(self) -> None:
        """Every month has its English name; half a year back there is the time of day, before and after it the year."""
        now = int(time.time())
        self.put("/f", b"")
        for ago in (
            0,
            60,
            30 * DAY,
            150 * DAY,
            200 * DAY,
            400 * DAY,
            20 * 365 * DAY,
            -30 * DAY,
            *range(0, 365 * DAY, 31 * DAY),
        ):
            self.set_times("/f", now - ago)
            columns = self.line("f")
            then = time.localtime(now - ago)
            self.assertEqual((columns["month"], columns["day"]), (MONTHS[then.tm_mon - 1], then.tm_mday))
            if 0 <= ago < 182 * DAY:
                self.assertEqual(columns["time"], f"{then.tm_hour:02}:{then.tm_min:02}")
            else:
                self.assertEqual(columns["year"], str(then.tm_year))

    def test_another_locale(self) -> None:
        """The months are English wherever the server runs."""
        self.put("/f", b"")
        self.set_times("/f", timegm((2001, 5, 17, 12, 0, 0)))
        # What strftime and ctime say in a French locale, which need not be installed here.
        self.patch(time, "strftime", lambda *args: "17 mai   2001")
        self.patch(time, "ctime", lambda *args: "jeu. mai 17 12:00:00 2001")
        self.assertEqual(self.line("f")["month"], "May")

    def test_agrees_with_attributes(self) -> None:
        """Type and size are the same in the line and in the attributes."""
        self.put("/file", b"x" * 1234)
        self.files.make_directory("/folder", Attributes())
        letters = {SYMLINK_MODE: "l", DIRECTORY_MODE: "d", FILE_MODE: "-"}
        for name, entry in self.listing(b"/").items():
            columns = parsed(entry.line)
            self.assertEqual(columns["type"], letters[entry.permissions & 0o170000], name)
            self.assertEqual(columns["size"], entry.size)


@bug_class(10)
class AboutBrokenEntries(ListingCase):
    """Entries that lead nowhere, or are gone."""

    def test_dangling_links(self) -> None:
        """Links to nothing, to themselves, and out of the root are entries like others, and hide no other."""
        self.put("/before", b"1")
        for name, target in (("dangling", "nowhere"), ("loop", "loop"), ("outside", "../../../etc/none")):
            self.files.make_symlink(f"/{name}", target)
        self.put("/zzz", b"22")
        found = self.listing(b"/")
        self.assertEqual(set(found), {b".", b"..", b"before", b"dangling", b"loop", b"outside", b"zzz"})
        for name in (b"dangling", b"loop", b"outside"):
            self.assertEqual(found[name].permissions & 0o170000, SYMLINK_MODE)
        self.assertEqual((found[b"before"].size, found[b"zzz"].size), (1, 2))

    def test_links_are_not_followed(self) -> None:
        """A link is shown as it is, not as what it leads to."""
        self.put("/large", b"x" * 1000)
        self.files.make_symlink("/link", "large")
        self.assertEqual(self.listing(b"/")[b"link"].size, len("large"))

    def test_vanishing(self) -> None:
        """What is removed while a listing goes on is left out; all others are there."""
        kept = {b"%04d" % number for number in range(300)}
        gone = {b"gone%04d" % number for number in range(300)}
        for name in sorted(kept | gone):
            self.put(f"/{name.decode()}", b"")
        handle = self.opened(request(OPENDIR, 1, string(b"/")))
        found = {entry.name for entry in entries(self.one(request(READDIR, 2, string(handle))))}
        for name in gone:
            self.files.remove(f"/{name.decode()}")
        while (reply := self.one(request(READDIR, 2, string(handle))))[0] == NAME:
            found |= {entry.name for entry in entries(reply)}
        self.assert_status(reply, Status.EOF)
        self.assertLessEqual(kept, found)

    def test_nearly_all_vanish(self) -> None:
        """A listing does not end where many in a row have vanished; at its end there is EOF, not an empty NAME."""
        for number in range(500):
            self.put(f"/{number}", b"")
        names = list(self.listing(b"/"))
        handle = self.opened(request(OPENDIR, 1, string(b"/")))
        found = entries(self.one(request(READDIR, 2, string(handle))))
        for name in names[2:-1]:
            self.files.remove(f"/{name.decode()}")
        while (reply := self.one(request(READDIR, 2, string(handle))))[0] == NAME:
            found += entries(reply)
        self.assert_status(reply, Status.EOF)
        self.assertEqual(found[-1].name, names[-1])


@bug_class(11)
class AboutReplies(ListingCase):
    """READDIR: many replies, none too large, none empty."""

    def test_long_names(self) -> None:
        """Names as long as they may be fill the replies no further than every client takes."""
        names = {b"%03d" % number + b"n" * 252 for number in range(500)}
        for name in names:
            self.put(f"/{name.decode()}", b"")
        self.assertEqual(set(self.listing(b"/")), names | {b".", b".."})

    def test_setting(self) -> None:
        """The setting for entries in a reply does not make it larger than that."""
        for number in range(400):
            self.put(f"/{number:03}" + "n" * 252, b"")
        self.server = self.make_server(dir_list_buffer_size=10_000)
        self.session = self.begin()
        self.assertEqual(len(self.listing(b"/")), 402)

    def test_end(self) -> None:
        """After the last entry every READDIR is answered EOF; sshfs and Net::SFTP::Foreign have 32 on their way."""
        self.put("/one", b"")
        handle = self.opened(request(OPENDIR, 1, string(b"/")))
        replies = self.session.ask(*(request(READDIR, number, string(handle)) for number in range(40)))
        self.assertEqual(numbers(replies), list(range(40)))
        found = [entry.name for reply in replies if reply[0] == NAME for entry in entries(reply)]
        self.assertEqual(sorted(found), [b".", b"..", b"one"])
        ends = [reply for reply in replies if reply[0] != NAME]
        self.assertGreater(len(ends), 32)
        self.assert_statuses(ends, *[Status.EOF] * len(ends))

    def test_empty_directory(self) -> None:
        """An empty directory has itself and the one above it."""
        self.files.make_directory("/d", Attributes())
        self.assertEqual(list(self.listing(b"/d")), [b".", b".."])

    def test_pipelined(self) -> None:
        """paramiko asks 50 times at once and pairs replies with requests by their order; nothing is lost or doubled."""
        expected = {b"%05d" % number for number in range(3000)}
        for name in expected:
            self.put(f"/{name.decode()}", b"")
        handle = self.opened(request(OPENDIR, 1, string(b"/")))
        replies = self.session.ask(*(request(READDIR, number, string(handle)) for number in range(50)))
        self.assertEqual(numbers(replies), list(range(50)))
        found = [entry.name for reply in replies if reply[0] == NAME for entry in entries(reply)]
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(set(found), expected | {b".", b".."})


@bug_class(12)
class AboutOpening(ListingCase):
    """OPENDIR."""

    def test_missing(self) -> None:
        """What cannot be listed is refused when it is opened, as missing; below a file there is nothing either."""
        self.put("/file", b"")
        for path, status in (
            (b"/none", Status.NO_SUCH_FILE),
            (b"/none/deeper", Status.NO_SUCH_FILE),
            (b"/file", Status.NOT_A_DIRECTORY),
            (b"/file/below", Status.NOT_A_DIRECTORY),
        ):
            self.assert_status(self.one(request(OPENDIR, 1, string(path))), status)

    def test_twice(self) -> None:
        """One directory that is opened twice has two handles; each listing is whole, and outlives the other."""
        self.put("/one", b"")
        first = self.opened(request(OPENDIR, 1, string(b"/")))
        second = self.opened(request(OPENDIR, 2, string(b"/")))
        self.assertNotEqual(first, second)
        for handle in (first, second):
            names = {entry.name for entry in entries(self.one(request(READDIR, 3, string(handle))))}
            self.assertEqual(names, {b".", b"..", b"one"})
            self.assert_status(self.one(request(CLOSE, 4, string(handle))), Status.OK)

    def test_closed(self) -> None:
        """A handle that was closed is none any more, and is not given out again for the next directory."""
        first = self.opened(request(OPENDIR, 1, string(b"/")))
        self.close(first)
        second = self.opened(request(OPENDIR, 2, string(b"/")))
        self.assertNotEqual(first, second)
        for kind in (READDIR, CLOSE):
            self.assert_status(self.one(request(kind, 3, string(first))), Status.INVALID_HANDLE)
        self.assertEqual(self.one(request(READDIR, 4, string(second)))[0], NAME)

    def test_files_and_directories(self) -> None:
        """A handle of one kind is not taken for the other, and says so without ending the session."""
        self.put("/f", b"")
        directory = self.opened(request(OPENDIR, 1, string(b"/")))
        file = self.open(b"/f", 1)
        self.assert_status(self.one(request(READDIR, 2, string(file))), Status.INVALID_HANDLE)
        self.assert_status(self.one(request(5, 2, string(directory), bytes(8), u32(10))), Status.INVALID_HANDLE)
        self.assert_status(self.one(request(REMOVE, 3, string(b"/f"))), Status.OK)


class MemoryLongnameTests(AboutLongnames, WireCase):
    """In memory. Later versions have no such line."""

    @bug_class(5)
    def test_owners(self) -> None:
        """A blank in the name of an owner does not make a column more, nor a long one run into the next."""
        self.put("/f", b"123")
        for owner, group in (("DOMAIN\\Some One", "Domain Users"), ("o" * 60, "g" * 60), ("ünï", "?"), ("12", "34")):
            self.files.set_attributes("/f", Attributes(owner=owner, group=group), True)
            self.assertEqual(self.line("f")["size"], 3)


class LocalLongnameTests(AboutLongnames, LocalWireCase):
    """On a disk."""

    @bug_class(5)
    def test_wide_sizes(self) -> None:
        """A size is shown with all its digits, however wide its column gets."""
        for size in (0, 99_999_999, 100_000_000, 5 * 2**30, 2**42):
            with open(f"{self.root}/{size}", "wb") as file:
                file.truncate(size)
        for name, entry in self.listing(b"/").items():
            if name not in (b".", b".."):
                columns: dict[str, Any] = parsed(entry.line)
                self.assertEqual((columns["size"], columns["name"]), (int(name), name.decode()))


class AllTests(AboutBrokenEntries, AboutReplies, AboutOpening):
    """All of it that every version has."""


@in_versions()
class MemoryTests(AllTests, WireCase):
    """In memory."""

    @bug_class(11)
    def test_long_owners(self) -> None:
        """Neither does a directory full of files whose owners have long names."""
        for number in range(300):
            path = f"/{number:03}" + "n" * 252
            self.put(path, b"")
            self.files.set_attributes(path, Attributes(owner="o" * 200, group="g" * 200), True)
        self.assertEqual(len(self.listing(b"/")), 302)

    @bug_class(11)
    def test_huge_directory(self) -> None:
        """5,000 long names come in many replies, each of its own, none too large."""
        for number in range(5000):
            self.files.make_symlink(f"/{number:04}" + "n" * 200, "x")
        self.assertEqual(len(self.listing(b"/")), 5002)


@in_versions()
class LocalTests(AllTests, LocalWireCase):
    """On a disk."""

    @bug_class(10)
    def test_unreadable_entries(self) -> None:
        """What is no file, directory or link is an entry as well."""
        os.mkfifo(f"{self.root}/pipe")
        self.put("/file", b"")
        self.assertEqual(set(self.listing(b"/")), {b".", b"..", b"file", b"pipe"})


@in_versions()
@bug_class(5)
class NamesOnlyTests(WireCase):
    """A file system that knows nothing but names."""

    def test_nothing_known(self) -> None:
        """An entry of which nothing is known has its name for a line, and no attributes."""
        self.put("/f", b"")
        original = self.files.list

        def bare(path: str) -> Any:
            directory = original(path)
            read = directory.read
            directory.read = lambda count: [(name, None) for name, _ in read(count)]
            return directory

        self.files.list = bare
        self.session = self.begin()
        handle = self.opened(request(OPENDIR, 1, string(b"/")))
        reply = self.one(request(READDIR, 2, string(handle)))
        # Only version 3 has a line; another one is this test's own.
        lines = {name: name if self.version == 3 else b"? 0 " + name for name in (b".", b"..", b"f")}
        entries = (string(name) + string(line) + u32(0) for name, line in lines.items())
        self.assertEqual(reply[5:], u32(3) + b"".join(entries))
