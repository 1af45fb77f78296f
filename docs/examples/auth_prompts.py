"""A password and a code from a card, asked for in one go: `twistd -ny auth_prompts.py`."""

from hmac import compare_digest
from secrets import choice

from twisted.application.service import Application

from conchsftp import SFTPServer, events

PASSWORDS = {"alice": "wonderland"}
CARD = {1: "4711", 2: "0815", 3: "1234"}

application = Application("files")
server = SFTPServer(root_directory="files", listen=["tcp:2222:interface=127.0.0.1"], host_keys=["host_key"])
server.setServiceParent(application)
expected = {}  # connection → the code that was asked for


def same(given, wanted):
    return wanted is not None and compare_digest(given.encode("utf-8", "surrogateescape"), wanted.encode())


@server.on(events.SSHUserAuthRequest)
def decide(event):
    if event.auth_method == "none":
        number = choice(list(CARD))
        expected[event.connection_id] = CARD[number]
        prompts = [("Password: ", False), (f"Code {number}: ", True)]
        server.keyboard_interactive_prompts[event.connection_id] = prompts
        event.available_methods = "keyboard-interactive"
    elif event.auth_method == "keyboard-interactive-1":
        event.accept = same(event.auth_param, PASSWORDS.get(event.user))
    elif event.auth_method == "keyboard-interactive-2":
        event.accept = same(event.auth_param, expected.get(event.connection_id))
    elif event.auth_method == "keyboard-interactive":
        event.accept = event.connection_id in expected


@server.on(events.Disconnected)
def forget(event):
    expected.pop(event.connection_id, None)
