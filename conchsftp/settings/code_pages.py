"""
Code pages: in which encoding clients of version 3 write names.

The numbers are those of Windows, as documented for the component; the encodings are Python's. Only such are here as
write ASCII as ASCII and keep no state between characters: `/` and `.` of the protocol must mean themselves in them.
"""

from conchsftp.settings.kinds import Kind

_CODE_PAGE = "the number of a code page that contains ASCII, such as 65001 for UTF-8"
_ISO_8859 = {28590 + part: f"iso8859-{part}" for part in range(1, 10)}

CODECS: dict[int, str] = {
    437: "cp437",
    720: "cp720",
    **{page: f"cp{page}" for page in (737, 775, 850, 852, 855, 857, 858, *range(860, 867), 869, 874)},
    932: "cp932",
    936: "gbk",
    949: "cp949",
    950: "cp950",
    **{page: f"cp{page}" for page in range(1250, 1259)},
    1361: "johab",
    10000: "mac_roman",
    10006: "mac_greek",
    10007: "mac_cyrillic",
    10010: "mac_romanian",
    10029: "mac_latin2",
    10079: "mac_iceland",
    10081: "mac_turkish",
    10082: "mac_croatian",
    20105: "ascii",
    20127: "ascii",
    20866: "koi8_r",
    20932: "euc_jp",
    20936: "gb2312",
    21866: "koi8_u",
    **_ISO_8859,
    28605: "iso8859-15",
    38598: "iso8859-8",
    51932: "euc_jp",
    51936: "gb2312",
    51949: "euc_kr",
    54936: "gb18030",
    65001: "utf-8",
}
"""The number of a code page → the name of Python's codec."""

_EBCDIC = {37, 500, 870, 875, 1026, 1047, *range(1140, 1150), 20273, 20277, 20278, 20280, 20284, 20285, 20290, 20297}
_EBCDIC |= {20420, 20423, 20424, 20833, 20838, 20871, 20880, 20905, 20924, 21025, 21027}
_EBCDIC |= {50930, 50931, 50933, 50935, 50936, 50937, 50939}
_WIDE = {1200, 1201, 12000, 12001}
_STATEFUL = {10004, 50220, 50221, 50222, 50225, 50227, 50229, 52936, 65000}
_WITHOUT_CODEC = {708, 709, 710, 10001, 10002, 10003, 10005, 10008, 10017, 10021, *range(20000, 20006), 51950}
_WITHOUT_CODEC |= {20106, 20107, 20108, 20261, 20269, 29001, *range(57002, 57012), 1, 2, 3}

REFUSED: tuple[tuple[set[int], str], ...] = (
    (_EBCDIC, "is EBCDIC, which writes the `/` of paths otherwise"),
    (_WIDE, "writes ASCII in more than one byte"),
    (_STATEFUL, "does not write all of ASCII as itself, or shifts between sets of characters"),
    (_WITHOUT_CODEC, "has no codec in Python"),
)
"""The documented code pages that cannot be used, and why."""


def _take(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r}: {_CODE_PAGE} expected")
    if value not in CODECS:
        reason = next((text for pages, text in REFUSED if value in pages), "is not known")
        raise ValueError(f"code page {value} {reason}")
    return value


def _parse(text: str) -> int:
    try:
        return _take(int(text))
    except ValueError as problem:
        if text.strip().isdecimal():
            raise
        raise ValueError(f"{text!r}: {_CODE_PAGE} expected") from problem


CODE_PAGE: Kind[int] = Kind(described=_CODE_PAGE, annotation="int", parse=_parse, take=_take)
