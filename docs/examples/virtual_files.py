"""Files that are made when somebody reads them: `twistd -ny virtual_files.py`."""

import time

from twisted.application.service import Application

from conchsftp import Attributes, SFTPError, SFTPServer, Status, events


def now(user):
    return time.ctime().encode()


def greeting(user):
    return f"Hello {user}!\n".encode()


async def numbers(user):
    for number in range(100_000):
        yield b"%06d\n" % number


# What makes each of them, and its size where it is known before.
FILES = {"/time.txt": (now, None), "/greeting.txt": (greeting, None), "/numbers.txt": (numbers, 700_000)}

application = Application("virtual files")
server = SFTPServer(listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"], users="users.toml")
server.setServiceParent(application)


def known(path):
    return Attributes.of_file(size=FILES[path][1], permissions=0o444)


@server.on(events.DirList)
def listing(event):
    if event.path != "/":
        raise SFTPError(Status.NO_SUCH_FILE)
    event.result = {path[1:]: known(path) for path in FILES}


@server.on(events.GetAttributes)
def attributes(event):
    if event.path in FILES:
        event.attributes = known(event.path)


@server.on(events.FileOpen)
def opening(event):
    if event.path not in FILES:
        raise SFTPError(Status.NO_SUCH_FILE)
    if event.before_exec:
        make, _ = FILES[event.path]
        event.result = make(event.user)
