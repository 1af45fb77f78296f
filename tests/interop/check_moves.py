"""
Moving files between two file systems that stand in one served folder: the disk, and /dev/shm.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from errno import EPERM, EXDEV
from pathlib import Path

import pytest

from bench.servers import Server
from tests.interop.check_sshfs import mounted
from tests.interop.driving import run, unavailable

MEMORY = Path("/dev/shm")


@pytest.fixture
def far(tmp_path: Path, ours: None) -> Iterator[Path]:
    """A folder on another file system than everything else."""
    if not MEMORY.is_dir() or MEMORY.stat().st_dev == tmp_path.stat().st_dev:
        unavailable(f"{MEMORY} is no file system of its own")
    place = Path(tempfile.mkdtemp(dir=MEMORY))
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def refusing(start: Callable[..., Server]) -> Server:
    """A server of everything, which refuses."""
    return start("RootDirectory=/")


@pytest.fixture(scope="module")
def copying(start: Callable[..., Server]) -> Server:
    """A server of everything, which copies."""
    return start("RootDirectory=/", "CrossDeviceRename=copy")


def check_sshfs_refused(far: Path, tmp_path: Path, refusing: Server) -> None:
    """A refused rename is EXDEV where sshfs is told to say so: `mv` then copies."""
    for how, number in ((), EPERM), (("workaround=renamexdev",), EXDEV):
        (tmp_path / "f").write_bytes(b"data")
        with mounted(refusing, tmp_path, "/", *how) as point:
            source, target = point / str(tmp_path / "f")[1:], point / str(far / "f")[1:]
            with pytest.raises(OSError) as refusal:
                source.rename(target)
            assert refusal.value.errno == number
            if number == EXDEV:
                run(["mv", source, target], tmp_path)
    assert (far / "f").read_bytes() == b"data"
    assert not (tmp_path / "f").exists()


def check_sshfs_copied(far: Path, tmp_path: Path, copying: Server) -> None:
    """Where the server copies, a rename is a rename to the client: mode and time are kept."""
    data = os.urandom(3_000_000)
    (tmp_path / "f").write_bytes(data)
    (tmp_path / "f").chmod(0o640)
    os.utime(tmp_path / "f", (1_000_000_000, 1_000_000_000))
    (far / "f").write_bytes(b"replaced")
    with mounted(copying, tmp_path, "/") as point:
        (point / str(tmp_path / "f")[1:]).rename(point / str(far / "f")[1:])
    status = (far / "f").stat()
    assert (status.st_mode & 0o7777, status.st_mtime) == (0o640, 1_000_000_000)
    assert (far / "f").read_bytes() == data
    assert os.listdir(far) == ["f"]
    assert not (tmp_path / "f").exists()
