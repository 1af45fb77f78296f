"""Files and folders that live in SQLite: `twistd -ny sqlite_files.py`."""

import time
from posixpath import basename, dirname

from twisted.application.service import Application
from twisted.enterprise.adbapi import ConnectionPool

from conchsftp import Attributes, SFTPError, SFTPServer, SpooledSink, Status, events
from conchsftp.sftp.numbers import PFlag, RenameFlag

SCHEMA = """
    CREATE TABLE IF NOT EXISTS files (
        path TEXT PRIMARY KEY,
        content BLOB,  -- NULL: a folder
        mtime REAL NOT NULL,
        folder TEXT AS (rtrim(path, replace(path, '/', '')))  -- the path up to its last slash
    );
    CREATE INDEX IF NOT EXISTS by_folder ON files (folder);
"""

application = Application("files in SQLite")
server = SFTPServer(listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"], users="users.toml")
server.setServiceParent(application)

# One connection, in one thread: SQLite has one writer at a time anyway. Only at the end another thread closes it.
pool = ConnectionPool(
    "sqlite3",
    "files.db",
    check_same_thread=False,
    cp_min=1,
    cp_max=1,
    cp_openfun=lambda connection: connection.executescript(SCHEMA),
)


def handles(kind):
    """Have a function do what an event tells of: in the thread of the database, as one transaction."""

    def register(function):
        def run(db, event):
            try:
                function(db, event)
            except UnicodeEncodeError:
                raise SFTPError(Status.INVALID_FILENAME) from None

        @server.on(kind)
        def handler(event):
            if event.before_exec or kind is events.GetAttributes:
                return pool.runInteraction(run, event)

        return function

    return register


def attributes(size, mtime):
    return Attributes.of_directory(mtime=mtime) if size is None else Attributes.of_file(size=size, mtime=mtime)


def find(db, path):
    """Return the attributes of what is there, or None."""
    if path == "/":
        return Attributes.of_directory()
    row = db.execute("SELECT length(content), mtime FROM files WHERE path = ?", (path,)).fetchone()
    return row and attributes(*row)


def check_folder(db, path):
    found = find(db, path)
    if found is None or found.size is not None:
        raise SFTPError(Status.NO_SUCH_FILE)


def check_free(db, path):
    check_folder(db, dirname(path))
    if find(db, path) is not None:
        raise SFTPError(Status.FILE_ALREADY_EXISTS)


def check_changed(db):
    if db.rowcount < 1:
        raise SFTPError(Status.NO_SUCH_FILE)


@handles(events.GetAttributes)
def get_attributes(db, event):
    # An open file knows its own.
    if event.attributes is None:
        event.attributes = find(db, event.path)


@handles(events.DirList)
def dir_list(db, event):
    check_folder(db, event.path)
    folder = event.path.rstrip("/") + "/"
    rows = db.execute("SELECT path, length(content), mtime FROM files WHERE folder = ?", (folder,))
    event.result = {basename(path): attributes(size, mtime) for path, size, mtime in rows}


@handles(events.FileOpen)
def file_open(db, event):
    row = db.execute("SELECT content FROM files WHERE path = ?", (event.path,)).fetchone()
    if event.path == "/" or row == (None,):
        raise SFTPError(Status.FILE_IS_A_DIRECTORY)
    if row is None and not event.flags & PFlag.CREAT:
        raise SFTPError(Status.NO_SUCH_FILE)
    if row is None or event.flags & PFlag.EXCL:
        check_free(db, event.path)
    event.result = b"" if row is None or event.flags & PFlag.TRUNC else row[0]
    if event.flags & PFlag.WRITE:
        event.result = SpooledSink(
            lambda file, size: pool.runInteraction(store, event.path, file), initial=event.result, limit=100_000_000
        )


def store(db, path, file):
    db.execute("REPLACE INTO files (path, content, mtime) VALUES (?, ?, ?)", (path, file.read(), time.time()))


@handles(events.FileRemove)
def file_remove(db, event):
    db.execute("DELETE FROM files WHERE path = ? AND content IS NOT NULL", (event.path,))
    check_changed(db)
    event.handled = True


@handles(events.DirCreate)
def dir_create(db, event):
    check_free(db, event.path)
    db.execute("INSERT INTO files (path, mtime) VALUES (?, ?)", (event.path, time.time()))
    event.handled = True


@handles(events.DirRemove)
def dir_remove(db, event):
    if db.execute("SELECT 1 FROM files WHERE folder = ? || '/'", (event.path,)).fetchone():
        raise SFTPError(Status.DIR_NOT_EMPTY)
    db.execute("DELETE FROM files WHERE path = ? AND content IS NULL", (event.path,))
    check_changed(db)
    event.handled = True


@handles(events.FileRename)
def file_rename(db, event):
    old, new = event.path, event.new_path
    if old == "/" or new.startswith(f"{old}/"):
        raise SFTPError(Status.INVALID_PARAMETER)
    if event.flags & RenameFlag.OVERWRITE and new != old:
        db.execute("DELETE FROM files WHERE path = ? AND content IS NOT NULL", (new,))
    check_free(db, new)
    below = len(old) + 1
    db.execute(
        "UPDATE files SET path = ? || substr(path, ?) WHERE path = ? OR substr(path, 1, ?) = ? || '/'",
        (new, below, old, below, old),
    )
    check_changed(db)
    event.handled = True
