"""Logins that a handler decides, by password, key or both: `twistd -ny auth_by_event.py`."""

from base64 import b64decode
from hashlib import scrypt
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes

from twisted.application.service import Application

from conchsftp import SFTPServer, events


class Account:
    """What your database knows of a user: how passwords are kept, and which key is theirs."""

    def __init__(self, password=None, key_file=None, home=""):
        self.salt, self.home = token_bytes(16), home
        self.hash = self.scramble(password or token_bytes(16).hex())
        self.key = b64decode(Path(key_file).read_text().split()[1]) if key_file else None
        self.needs = {name for name, has in (("password", password), ("publickey", key_file)) if has}

    def scramble(self, password):
        return scrypt(password.encode("utf-8", "surrogateescape"), salt=self.salt, n=2**14, r=8, p=1)


NOBODY = Account()  # is as much work as somebody, and needs what nobody can prove
ACCOUNTS = {
    "alice": Account(password="wonderland"),
    "bob": Account(password="builder", key_file="bob.pub", home="/incoming"),  # both, in any order
    "carol": Account(key_file="bob.pub"),
}

application = Application("files")
server = SFTPServer(root_directory="files", listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"])
server.setServiceParent(application)


@server.on(events.SSHUserAuthRequest)
@events.in_thread
def decide(event):
    account = ACCOUNTS.get(event.user, NOBODY)
    if event.auth_method == "none":  # only asks for the methods
        event.available_methods = "publickey,password"
        return
    if event.auth_method == "publickey":
        right = event.auth_param == account.key
    else:
        right = compare_digest(account.scramble(event.auth_param), account.hash)
    missing = account.needs - {event.auth_method, *event.proven}
    event.accept = right and event.auth_method in account.needs and not missing
    event.partial_success = right and event.auth_method in account.needs and bool(missing)
    event.home_dir = account.home
