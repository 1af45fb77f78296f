"""
Whether this machine computes with validated cryptography only, which UseFIPSCompliantAPI=True needs.

Which algorithms are approved is a column of the rows. Asks the two libraries that compute: `cryptography`, for SSH, and
hashlib. Each has an OpenSSL of its own, and each has to use its FIPS provider.
"""

from _hashlib import get_fips_mode as hashlib_fips
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.backends.openssl import backend


def without_fips() -> str | None:
    """Return None if both libraries use OpenSSL's FIPS provider only, else which does not, and that it has to."""
    # Neither has a public name for it; a later version that has none of these is one that cannot be asked.
    libraries = {
        "cryptography": (getattr(backend, "_fips_enabled", False), backend.openssl_version_text()),
        "hashlib": (hashlib_fips(), "that of Python"),
    }
    missing = [f"{name} ({version})" for name, (enabled, version) in libraries.items() if not enabled]
    if not missing:
        return None
    return f"OpenSSL's FIPS provider has to be active, and is not in {' and '.join(missing)}"


def check_fips(wanted: bool) -> None:
    """Raise ValueError if it is wanted, and cannot be had on this machine."""
    if wanted and (reason := without_fips()):
        raise ValueError(reason)


VALIDATORS: dict[str, Callable[[Any], None]] = {"UseFIPSCompliantAPI": check_fips}
"""For `Settings(validators=…)`."""
