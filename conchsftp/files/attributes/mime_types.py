"""
The MIME type of a file by its name, and whether it is text.

A fixed table: what the tables of a machine say differs from one to the next, and reading them would block. A name tells
less than the content does, so what it tells is a guess, and one that is not in the table tells nothing.
Source: the registry of media types (IANA); filexfer-13, sections 7.10 and 7.11.
"""

from functools import lru_cache

from conchsftp.sftp.numbers import TextHint

_LONGEST_ENDING = 12

_BY_TYPE = {
    "text/plain": "txt text log conf cfg ini md5 sha256 asc diff patch",
    "text/markdown": "md markdown",
    "text/html": "html htm",
    "text/css": "css",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/javascript": "js mjs",
    "text/x-python": "py",
    "text/x-c": "c h cc cpp cxx hpp hh",
    "text/x-java-source": "java",
    "text/x-script": "sh bash zsh pl rb",
    "text/xml": "xml xsl xsd",
    "text/rtf": "rtf",
    "application/json": "json",
    "application/yaml": "yaml yml",
    "application/toml": "toml",
    "application/sql": "sql",
    "application/xhtml+xml": "xhtml",
    "application/pem-certificate-chain": "pem",
    "application/pdf": "pdf",
    "application/postscript": "ps eps ai",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/zstd": "zst",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-tar": "tar",
    "application/java-archive": "jar",
    "application/vnd.debian.binary-package": "deb",
    "application/x-rpm": "rpm",
    "application/x-iso9660-image": "iso",
    "application/x-sqlite3": "sqlite sqlite3 db3",
    "application/wasm": "wasm",
    "application/octet-stream": "bin exe dll so o a obj img dat",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
    "application/pgp-encrypted": "pgp gpg",
    "application/pkcs12": "p12 pfx",
    "image/png": "png",
    "image/jpeg": "jpg jpeg",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/webp": "webp",
    "image/tiff": "tif tiff",
    "image/heic": "heic",
    "image/avif": "avif",
    "image/svg+xml": "svg",
    "image/vnd.microsoft.icon": "ico",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg oga opus",
    "audio/flac": "flac",
    "audio/wav": "wav",
    "audio/aac": "aac",
    "video/mp4": "mp4 m4v",
    "video/mpeg": "mpeg mpg",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/matroska": "mkv",
    "video/x-msvideo": "avi",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/woff": "woff",
    "font/woff2": "woff2",
}
_TYPES = {ending.encode(): mime_type for mime_type, endings in _BY_TYPE.items() for ending in endings.split()}
_TEXTS = frozenset(
    "application/json application/yaml application/toml application/sql application/xhtml+xml"
    " application/pem-certificate-chain image/svg+xml".split()
)


@lru_cache(1024)
def _by_ending(ending: bytes) -> tuple[str, int] | tuple[None, None]:
    mime_type = _TYPES.get(ending.lower())
    if mime_type is None:
        return None, None
    is_text = mime_type.startswith("text/") or mime_type in _TEXTS
    return mime_type, int(TextHint.GUESSED_TEXT if is_text else TextHint.GUESSED_BINARY)


def guessed(name: bytes) -> tuple[str, int] | tuple[None, None]:
    """Return the MIME type and the `TextHint` of a file by the end of its name; twice None where that tells nothing."""
    stem, dot, ending = name.rpartition(b".")
    # `.txt` is a hidden file without an ending.
    if not dot or not stem or len(ending) > _LONGEST_ENDING:
        return None, None
    return _by_ending(ending)
