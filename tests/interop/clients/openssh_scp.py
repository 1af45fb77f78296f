"""
OpenSSH's `scp`, which speaks SFTP since OpenSSH 9.0.
"""

from tests.interop.clients.client import Client, printed_version
from tests.interop.driving import BY_PASSWORD, Place, ask_password, scp
from tests.interop.operations import Step

_UP = ("source", ":{there}/arrived")
_DOWN = (":{there}/source", "arrived")


def _copy(*transfers: tuple[str, ...], code: int = 0) -> Step:
    def step(place: Place) -> str:
        return "".join(
            scp(place.server, place.local, *(part.format(there=place.remote) for part in transfer), code=code)
            for transfer in transfers
        )

    return step


def _password(place: Place) -> None:
    scp(place.server, place.local, f":{place.remote}/source", "arrived", extra=BY_PASSWORD, **ask_password(place))


CLIENT = Client(
    name="OpenSSH scp",
    version=lambda: printed_version("ssh", "-V"),
    needs=("ssh", "scp"),
    steps={
        "upload": _copy(_UP),
        "download": _copy(_DOWN),
        "replace": _copy(_UP),
        "empty": _copy(_UP, _DOWN),
        "tree_up": _copy(("-r", *_UP)),
        "tree_down": _copy(("-r", *_DOWN)),
        "time_up": _copy(("-p", *_UP)),
        "time_down": _copy(("-p", *_DOWN)),
        "odd_names": _copy(("-r", *_UP), ("-r", *_DOWN)),
        "latin_name": _copy(("-r", *_UP), ("-r", *_DOWN)),
        "missing": _copy((":{there}/absent", "arrived"), code=1),
        "refused": _copy(_UP, code=1),
        "password": _password,
    },
)
