"""
Lists of X.509 certificates that their CAs have revoked (CRLs).

Whoever has issued a certificate has to have said which ones are revoked, and not too long ago: without that nobody can
know. Fetches nothing. Source: RFC 5280, sections 5 and 6.3.
"""

import re
from collections.abc import Iterable
from itertools import pairwise

from cryptography import x509

from conchsftp.auth.keys.x509_certificate import UNREADABLE
from conchsftp.auth.keys.x509_path import Path, signed_well

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_UNREADABLE = (TypeError, *UNREADABLE)


class RevocationLists:
    """
    The lists of any number of CAs.

    Args:
        lists: all of them.
    """

    def __init__(self, lists: Iterable[x509.CertificateRevocationList] = ()) -> None:
        self._by_issuer: dict[x509.Name, list[x509.CertificateRevocationList]] = {}
        for each in lists:
            self._by_issuer.setdefault(each.issuer, []).append(each)
        # A list may be large, and its signature covers all of it. What is kept was signed by a trusted CA.
        self._signed: dict[tuple[int, x509.Certificate], bool] = {}

    @classmethod
    def read(cls, content: bytes) -> "RevocationLists":
        """
        Read lists in PEM, one after the other.

        Raises:
            ValueError: there is none, one cannot be read, or one is only a part of what its CA has revoked.
        """
        lists = []
        for block in _BLOCK.findall(content):
            try:
                found = x509.load_pem_x509_crl(block)
                # Every extension that is critical says that a list is not, or not alone, what it seems to be.
                partial = any(each.critical for each in found.extensions)
            except _UNREADABLE:
                raise ValueError("a list of revoked certificates cannot be read") from None
            if partial:
                raise ValueError("a list with critical extensions, which are not supported")
            lists.append(found)
        if len(lists) != content.count(b"-----BEGIN X509 CRL") or not lists:
            raise ValueError("lists of revoked certificates in PEM expected")
        return cls(lists)

    def refusal(self, path: Path, now: float) -> str:
        """
        Return what speaks against a certificate, empty if nothing does.

        Args:
            path: the certificate, and those of who issued it, up to the trusted one.
            now: the date, in seconds since 1970.
        """
        for issued, issuer in pairwise(path):
            lists = [each for each in self._by_issuer.get(issuer.subject, ()) if self._is_of(each, issuer)]
            if any(each.get_revoked_certificate_by_serial_number(issued.serial_number) for each in lists):
                return "the certificate is revoked" if issued is path[0] else "the certificate of its CA is revoked"
            if not any(_current(each, now) for each in lists):
                return "X509RevocationLists has no current list of the CA that issued it"
        return ""

    def _is_of(self, found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
        """Return whether a CA has signed a list."""
        key = id(found), issuer
        if key not in self._signed:
            self._signed[key] = _signed_by(found, issuer)
        return self._signed[key]


def _signed_by(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        usages = [each.value for each in issuer.extensions if isinstance(each.value, x509.KeyUsage)]
        public = issuer.public_key()
        # Its own type knows no CA with another kind of key; what does not fit raises.
        signed = found.is_signature_valid(public)  # type: ignore[arg-type]
    except _UNREADABLE:
        return False
    return signed and signed_well(found) and all(usage.crl_sign for usage in usages)


def _current(found: x509.CertificateRevocationList, now: float) -> bool:
    until = found.next_update_utc
    return found.last_update_utc.timestamp() <= now and (until is None or now <= until.timestamp())
