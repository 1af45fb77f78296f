"""
What is particular to one client, or to several, besides the matrix.
"""

from collections.abc import Callable

import paramiko

from bench.servers import Server
from tests.interop.clients.curl_client import curl
from tests.interop.clients.putty import psftp
from tests.interop.driving import Place, need


def check_asked_for_the_password(
    ours: None, start: Callable[..., Server], make_place: Callable[[Server], Place]
) -> None:
    """Clients that bring their own SSH answer the question for it, where a server takes a password in no other way."""
    need("psftp", "curl")
    server = start("AlgorithmProfile=compatible", "DefaultAuthMethods=keyboard-interactive")
    place = make_place(server)
    (place.served / "file").write_text("content")
    assert curl(server, place.local, f":{place.remote}/file", password=server.password) == "content"
    psftp(server, place.local, f"get {place.remote}/file got", password=server.password)
    assert (place.local / "got").read_text() == "content"
    asked = []

    def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        asked.append((title, instructions, prompts))
        return [server.password]

    with paramiko.Transport(("127.0.0.1", server.port)) as transport:
        transport.start_client(timeout=60)
        transport.auth_interactive(server.user, answer)
        session = paramiko.SFTPClient.from_transport(transport)
        assert session is not None and session.listdir(place.remote) == ["file"]
    assert asked == [("", "", [("Password: ", False)])]
