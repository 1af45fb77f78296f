"""Every place and every form that a handler can have: `twistd -ny forms.py`."""

import time
from pathlib import Path

from twisted.application.service import Application
from twisted.internet import reactor
from twisted.internet.task import deferLater

from conchsftp import SFTPAvatar, SFTPError, SFTPServer, Status, events


class User(SFTPAvatar):
    def on_file_remove(self, event):  # 1. a method of the avatar: for this user
        if event.path.endswith(".log"):
            event.deny("logs are kept")


class Files(SFTPServer):
    def on_dir_remove(self, event):  # 2. a method of the server
        raise SFTPError(Status.PERMISSION_DENIED, "folders are kept")


class Journal:
    def on_dir_create(self, event):  # 3. a method of any object, added below
        if not event.before_exec:
            print(event.user, "made", event.path)


application = Application("forms")
server = Files(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    avatar_class=User,
)
server.setServiceParent(application)
server.add_listener(Journal())


@server.on(events.FileOpen)  # 4. a function; or server.on("FileOpen", busy)
async def busy(event):
    if Path("maintenance").exists():
        await deferLater(reactor, 0.1)  # a coroutine may wait for whatever Twisted gives a Deferred for
        event.deny("try again later")


@server.on(events.FileRename)
def slowly(event):
    return deferLater(reactor, 0.1) if event.before_exec else None  # or return the Deferred


@server.on(events.LinkCreate)
@events.in_thread
def look(event):
    time.sleep(0.1)  # what blocks has to run in a thread
