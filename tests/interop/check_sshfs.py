"""
sshfs: programs that know nothing of SFTP work in a mounted folder.

The kernel asks, so the requests are those of real programs: small, many at once, and about files that are still open.
"""

import os
import random
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.servers import Server
from tests.interop.clients.sshfs import mounted
from tests.interop.driving import Place, need, run, same, wait_until

KIB = 1 << 10

# How a folder is mounted: as people do, and without anything in between that would hide an answer of the server.
DEFAULT = ()
NOTHING_KEPT = ("sync_readdir", "dir_cache=no", "sshfs_sync", "no_readahead", "attr_timeout=0", "entry_timeout=0")
DIRECT = ("direct_io", "max_conns=3")


@pytest.fixture(params=(DEFAULT, NOTHING_KEPT), ids=("default", "nothing-kept"))
def mount(request: pytest.FixtureRequest, server: Server, place: Place) -> Iterator[Path]:
    """The place, mounted; where a test does not say how, in both ways in turn."""
    with mounted(server, place.local, place.remote, *request.param) as point:
        yield point


as_people_do = pytest.mark.parametrize("mount", [DEFAULT], indirect=True, ids=["default"])
in_every_way = pytest.mark.parametrize(
    "mount", [DEFAULT, NOTHING_KEPT, DIRECT], indirect=True, ids=["default", "nothing-kept", "direct"]
)


class Exerciser:
    """Does one thing after another to a file and to its model in memory, and compares whatever it reads."""

    LARGEST = 300_000

    def __init__(self, folder: Path, seed: int) -> None:
        self.path = folder / "exercised"
        self.chance = random.Random(seed)
        self.model = bytearray()
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        self.done: list[str] = []

    def step(self) -> None:
        """Do one thing, chosen by chance."""
        doing = self.chance.choice(
            (self.write, self.write, self.write, self.read, self.read, self.read, self.shrink, self.grow)
            + (self.append, self.rename, self.reopen, self.synchronize, self.status)
        )
        self.done.append(doing.__name__)
        doing()

    def compare(self, read: bytes, offset: int, size: int) -> None:
        """Fail with the last few steps unless what was read is what the model holds."""
        expected = bytes(self.model[offset : offset + size])
        if read != expected:
            first = next((i for i, pair in enumerate(zip(read, expected, strict=False)) if pair[0] != pair[1]), -1)
            pytest.fail(
                f"{len(read)} bytes at {offset}, {len(expected)} expected; the first difference is at {first}, "
                f"after {len(self.done)} steps: {' '.join(self.done[-10:])}"
            )

    def _data(self) -> bytes:
        return self.chance.randbytes(self.chance.choice((1, 7, 512, 4096, 4097, 40_000, 70_001)))

    def write(self) -> None:
        data, offset = self._data(), self.chance.randrange(self.LARGEST)
        self.model.extend(bytes(max(0, offset - len(self.model))))
        self.model[offset : offset + len(data)] = data
        assert os.pwrite(self.file, data, offset) == len(data)

    def read(self) -> None:
        offset, size = self.chance.randrange(self.LARGEST), self.chance.randrange(1, 100_000)
        self.compare(os.pread(self.file, size, offset), offset, size)

    def shrink(self) -> None:
        size = self.chance.randrange(len(self.model) + 1)
        del self.model[size:]
        os.ftruncate(self.file, size)

    def grow(self) -> None:
        size = self.chance.randrange(self.LARGEST)
        self.model.extend(bytes(max(0, size - len(self.model))))
        os.truncate(self.path, len(self.model))

    def append(self) -> None:
        data = self._data()
        with self.path.open("ab", buffering=0) as file:
            file.write(data)
        self.model.extend(data)

    def rename(self) -> None:
        other = self.path.with_name("renamed")
        other.write_bytes(b"in the way")
        self.path.rename(other)
        other.rename(self.path)

    def reopen(self) -> None:
        os.close(self.file)
        self.compare(self.path.read_bytes(), 0, len(self.model))
        self.file = os.open(self.path, os.O_RDWR)

    def synchronize(self) -> None:
        os.fsync(self.file)

    def status(self) -> None:
        assert os.fstat(self.file).st_size == self.path.stat().st_size == len(self.model), self.done[-10:]


@in_every_way
@pytest.mark.parametrize("seed", range(2))
def check_random_access(mount: Path, place: Place, seed: int) -> None:
    """A file that is written, read, cut, lengthened and renamed by chance holds what its model holds."""
    exerciser = Exerciser(mount, seed)
    for _ in range(300):
        exerciser.step()
    os.close(exerciser.file)
    assert (place.served / "exercised").read_bytes() == exerciser.model


@as_people_do
def check_git(mount: Path, place: Place) -> None:
    """git clones into the mount, and commits, repacks and checks there."""
    need("git")

    def git(*arguments: str | Path, folder: Path) -> str:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        return run(["git", "-C", folder, "-c", "gc.auto=0", *who, *arguments], place.local)

    origin = place.local / "origin"
    (origin / "sub").mkdir(parents=True)
    git("init", "-q", folder=origin)
    for number in range(40):
        (origin / ("sub" if number % 2 else ".") / f"file{number}").write_text(f"{number}\n" * 100)
    (origin / "script").write_text("#!/bin/sh\necho it runs\n")
    (origin / "script").chmod(0o755)
    (origin / "link").symlink_to("sub/file1")
    git("add", ".", folder=origin)
    git("commit", "-qm", "first", folder=origin)

    clone = mount / "clone"
    git("clone", "-q", origin, clone, folder=mount)
    assert git("status", "--porcelain", folder=clone) == ""
    same(origin / "sub", place.served / "clone" / "sub")
    assert run([clone / "script"], place.local) == "it runs\n"
    git("mv", "file0", "moved", folder=clone)
    (clone / "sub" / "file1").write_text("changed\n")
    git("commit", "-qam", "second", folder=clone)
    git("checkout", "-q", "-b", "other", "HEAD~1", folder=clone)
    git("checkout", "-q", "main", folder=clone)
    git("gc", "-q", folder=clone)
    git("fsck", "--strict", folder=clone)
    assert git("status", "--porcelain", folder=clone) == ""
    git("pull", "-q", clone, "main", folder=origin)
    assert (origin / "moved").exists() and (origin / "link").read_text() == "changed\n"
    shutil.rmtree(clone)
    assert os.listdir(place.served) == []


@as_people_do
def check_make(mount: Path, place: Place) -> None:
    """make builds in the mount, and the second time finds nothing to do: times are what they should be."""
    need("make")
    (mount / "Makefile").write_text(
        "all: sum\n\nsum: $(patsubst %.in,%.out,$(wildcard *.in))\n\tcat $^ > $@\n\n%.out: %.in\n\tsort $< > $@\n"
    )
    for number in range(20):
        (mount / f"{number}.in").write_text("b\na\n")
    run(["make", "-j4", "-C", mount], place.local)
    assert (place.served / "sum").read_text() == "a\nb\n" * 20
    assert run(["make", "-q", "-C", mount], place.local) == ""
    os.utime(mount / "7.in", (2_000_000_000, 2_000_000_000))
    run(["make", "-q", "-C", mount], place.local, code=1)


def check_links(mount: Path, place: Place) -> None:
    """Hard and symbolic links hold what they were given; relative ones lead somewhere."""
    (mount / "file").write_text("content")
    os.link(mount / "file", mount / "hard")
    assert (place.served / "hard").samefile(place.served / "file")
    for name, target in (("relative", "file"), ("up", "sub/../file"), ("absolute", "/file"), ("dangling", "nowhere")):
        os.symlink(target, mount / name)
        assert os.readlink(place.served / name) == target
    # sshfs itself refuses to read what it thinks leads out of the mount, unless it is told otherwise.
    assert os.readlink(mount / "relative") == "file"
    assert (mount / "relative").read_text() == "content"
    assert not (mount / "dangling").exists() and (mount / "dangling").is_symlink()
    (mount / "relative").unlink()
    assert (mount / "file").exists()


def check_rename(mount: Path, place: Place) -> None:
    """mv replaces a file, moves one to another folder, moves folders, and does not replace a folder that is full."""
    for name in ("one", "two"):
        (mount / name).write_text(name)
    run(["mv", mount / "one", mount / "two"], place.local)
    assert (place.served / "two").read_text() == "one" and not (mount / "one").exists()
    (mount / "from" / "deep").mkdir(parents=True)
    (mount / "to").mkdir()
    run(["mv", mount / "two", mount / "from" / "deep" / "file"], place.local)
    run(["mv", mount / "from", mount / "to" / "moved"], place.local)
    assert (place.served / "to" / "moved" / "deep" / "file").read_text() == "one"
    (mount / "empty").mkdir()
    with pytest.raises(OSError):
        (mount / "empty").rename(mount / "to")
    with pytest.raises(OSError):
        (mount / "to").rmdir()
    assert (place.served / "to" / "moved" / "deep" / "file").exists()


def check_open_file_removed(mount: Path, place: Place) -> None:
    """A file that is removed or replaced while it is open can still be read and written."""
    with (mount / "file").open("w+b", buffering=0) as file:
        file.write(b"before")
        (mount / "file").unlink()
        file.write(b" and after")
        file.seek(0)
        assert file.read() == b"before and after"
    # The kernel tells sshfs of the close when it pleases; until then the file has a hidden name.
    wait_until(lambda: os.listdir(place.served) == [])
    (mount / "kept").write_text("old")
    (mount / "new").write_text("new")
    with (mount / "kept").open("rb", buffering=0) as file:
        (mount / "new").rename(mount / "kept")
        assert file.read() == b"old"
    assert (place.served / "kept").read_text() == "new"


def check_attributes(mount: Path, place: Place) -> None:
    """Modes, times and free space are the server's; a program that is told its file is for reading only believes it."""
    path = mount / "file"
    path.touch()
    path.chmod(0o604)
    run(["touch", "-d", "@1234567890", path], place.local)
    found = (place.served / "file").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o604, 1234567890)
    assert (path.stat().st_mode, path.stat().st_mtime) == (found.st_mode, found.st_mtime)
    assert os.statvfs(mount).f_blocks * os.statvfs(mount).f_frsize == (
        os.statvfs(place.served).f_blocks * os.statvfs(place.served).f_frsize
    )
    assert str(mount) in run(["df", mount], place.local)
    with pytest.raises(FileExistsError):
        os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    (mount / "folder").mkdir()
    with pytest.raises(FileExistsError):
        (mount / "folder").mkdir()
    with pytest.raises(FileNotFoundError):
        (mount / "absent" / "file").touch()
    with pytest.raises(OSError):
        (mount / ("n" * 300)).touch()


def check_tar(mount: Path, place: Place) -> None:
    """A tree goes in with tar and with cp -a, and comes out again, with everything that tar keeps."""
    need("tar")
    tree = place.local / "tree"
    (tree / "sub" / "ünï cödé").mkdir(parents=True)
    for name, size in (("large", 1024 * KIB + 1), ("empty", 0), ("sub/ünï cödé/a blank", 5)):
        (tree / name).write_bytes(os.urandom(size))
        os.utime(tree / name, (1_000_000_000, 1_100_000_000))
    # Where it leads is there in whatever order cp takes the names: sshfs sets the owner of what a link leads to.
    (tree / "sub" / "link").symlink_to(".")
    os.link(tree / "empty", tree / "hard")
    os.utime(tree / "sub", (1_000_000_000, 1_100_000_000))
    run(["tar", "-cf", place.local / "tree.tar", "-C", tree, "."], place.local)
    (mount / "there").mkdir()
    run(["tar", "-xf", place.local / "tree.tar", "-C", mount / "there"], place.local)
    run(["cp", "-a", tree, mount / "copied"], place.local)
    for name in ("there", "copied"):
        same(tree, place.served / name)
        assert (place.served / name / "sub").stat().st_mtime == 1_100_000_000
        assert (place.served / name / "hard").samefile(place.served / name / "empty")
    run(["tar", "-cf", place.local / "back.tar", "-C", mount / "there", "."], place.local)
    (place.local / "back").mkdir()
    run(["tar", "-xf", place.local / "back.tar", "-C", place.local / "back"], place.local)
    same(tree, place.local / "back")
    run(["rm", "-rf", mount / "there", mount / "copied"], place.local)
    assert os.listdir(place.served) == []


@as_people_do
def check_many_names(mount: Path, place: Place) -> None:
    """A folder with several thousand names is listed whole, and emptied while it is being read."""
    names = {f"entry{number}" for number in range(3000)}
    for name in names:
        (place.served / name).touch()
    assert set(os.listdir(mount)) == names
    run(["rm", "-r", *(mount / name for name in sorted(names)[:100])], place.local)
    assert set(os.listdir(mount)) == names - set(sorted(names)[:100])
