"""
What a client says about the session itself: which version it wants, who it is, how names are to be sent.

These are alone: nothing that comes behind them is read before they are answered, as it may have to be read otherwise.
Sources: filexfer-13, sections 5.5 (version-select) and 6 (names); filexfer-extensions-00 (vendor-id).
"""

from typing import Any

from conchsftp.errors import SFTPError
from conchsftp.events.own import ExtendedRequest
from conchsftp.log import printable
from conchsftp.session.operation import by_nothing, extended_row, tell_request
from conchsftp.sftp import extended
from conchsftp.sftp.statuses import Status

# A client may say as much as a packet holds; a log is not to be filled with it.
_LONGEST_NAME = 100


_tell_select = tell_request(extended.VersionSelect)


def _announce_select(c: Any, r: Any) -> ExtendedRequest:
    if not c.fresh:
        raise SFTPError(Status.INVALID_PARAMETER, "version-select is only possible as the first request")
    return _tell_select(c, r)


def _selected(c: Any, r: Any) -> int:
    """Return the version that is asked for; raises SFTPError if it cannot be had."""
    if b"versions" not in c.told:
        raise SFTPError(Status.OP_UNSUPPORTED, "There are no other versions to select")
    for version in c.versions:
        if r.version == b"%d" % version:
            return version
    raise SFTPError(Status.INVALID_PARAMETER, "version-select with a version that is not among those told")


def _select(c: Any, e: Any, r: Any) -> int:
    return _selected(c, r)


def _speak(c: Any, e: Any, r: Any) -> None:
    # Behind the last handler: the first that refuses keeps the version as it is.
    if e.status_code == Status.OK:
        c.log.verbose("SFTP version {version}, which the client chose", version=c.speak(_selected(c, r)).version)


def _take_note(c: Any, e: Any, r: Any) -> None:
    names = (name[:_LONGEST_NAME].decode("utf-8", "replace") for name in (r.vendor, r.product, r.version))
    c.log.verbose("the client is {client}", client=printable(f"{', '.join(names)}, build {r.build}"))


def _translate(c: Any, e: Any, r: Any) -> None:
    if b"filename-charset" not in c.told:
        # Names on the disk are taken for UTF-8: there is nothing to translate, and nothing that could be turned off.
        raise SFTPError(Status.OP_UNSUPPORTED)


def _send_names(c: Any, e: Any, r: Any) -> None:
    if e.status_code == Status.OK and b"filename-charset" in c.told:
        c.translate(r.translates)


_COMMON: dict[str, Any] = {"needs": None, "files": by_nothing, "alone": True}

ROWS = (
    extended_row(
        extended.VersionSelect,
        announce=_announce_select,
        perform=_select,
        result="result",
        conclude=_speak,
        vital=True,
        **_COMMON,
    ),
    extended_row(extended.VendorId, perform=_take_note, **_COMMON),
    extended_row(extended.FilenameTranslationControl, perform=_translate, conclude=_send_names, **_COMMON),
)
