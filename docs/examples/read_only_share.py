"""A share that is only read, and that shows no hidden files: `twistd -ny read_only_share.py`."""

from twisted.application.service import Application

from conchsftp import SFTPAvatar, SFTPServer, Status


class Reader(SFTPAvatar):
    """Changes nothing, and sees nothing whose name begins with a dot."""

    def __init__(self, user_name, **facts):
        super().__init__(user_name, read_only=True, **facts)

    def on_dir_read(self, event):
        event.entries = [(name, attributes) for name, attributes in event.entries if not name.startswith(".")]

    def conceal(self, event):
        """What is not listed is not there either, for whoever knows its name."""
        path = getattr(event, "real_path", "") or getattr(event, "path", "")
        if "/." in path:
            event.deny(status=Status.NO_SUCH_FILE)

    on_file_open = on_dir_list = on_get_attributes = on_link_read = on_extended_request = on_resolve_path = conceal


application = Application("share")
server = SFTPServer(
    root_directory="files",
    listen=["tcp:2222:interface=127.0.0.1"],
    host_keys=["host_key"],
    users="users.toml",
    avatar_class=Reader,
)
server.setServiceParent(application)
