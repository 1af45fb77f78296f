"""
A KDC on loopback, as an ordinary process: realms, principals and tickets of its own.

Nothing of the machine's Kerberos is used or changed. Debian's krb5-kdc and krb5-admin-server may be installed, or only
unpacked below .clients.
"""

import os
import subprocess
from pathlib import Path

from bench.servers import free_port
from tests.interop.driving import PATH, environment, need, run, unavailable, wait_until
from tests.interop.programs import PROJECT, listens

REALM, OTHER = "EXAMPLE.TEST", "OTHER.TEST"
SERVICE = f"host/localhost@{REALM}"
_UNPACKED = PROJECT / ".clients"

_CLIENT = """
[libdefaults]
    default_realm = {REALM}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
    udp_preference_limit = 1
[realms]
    {REALM} = {{
        kdc = 127.0.0.1:{port}
    }}
    {OTHER} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    localhost = {REALM}
"""
_SERVER = """
[kdcdefaults]
    kdc_listen = ""
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {REALM} = {{
        database_name = {folder}/{REALM}
        key_stash_file = {folder}/{REALM}.stash
    }}
    {OTHER} = {{
        database_name = {folder}/{OTHER}
        key_stash_file = {folder}/{OTHER}.stash
    }}
[dbmodules]
    db_module_dir = {modules}
[logging]
    kdc = FILE:{folder}/kdc.log
"""


class KDC:
    """
    The KDC of two realms that trust each other, with alice, bob and a server in the first and alice in the second.

    Args:
        folder: for all of its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = f"{_UNPACKED / 'usr/sbin'}:{PATH}:/usr/sbin:/sbin"
        need("kinit", "klist")
        named = {"REALM": REALM, "OTHER": OTHER, "port": free_port(), "folder": folder, "modules": _modules()}
        (folder / "krb5.conf").write_text(_CLIENT.format(**named))
        (folder / "kdc.conf").write_text(_SERVER.format(**named))
        self.variables = {
            "KRB5_CONFIG": str(folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "KRB5RCACHEDIR": str(folder),
        }
        trust = [f"addprinc -pw between krbtgt/{a}@{b}" for a, b in ((REALM, OTHER), (OTHER, REALM))]
        users = "addprinc -pw wonderland alice", "addprinc -pw builder bob", "addprinc -pw wonderland alice/admin"
        keytab = f"ktadd -k {folder}/sftp.keytab host/localhost"
        self._realm(
            REALM, *users, "addprinc -randkey host/localhost", "addprinc -randkey nfs/localhost", keytab, *trust
        )
        self._realm(OTHER, users[0], *trust)
        self._process = subprocess.Popen(
            [self._program("krb5kdc"), "-n", "-r", REALM, "-r", OTHER],
            cwd=folder,
            env=environment(folder, **self.variables),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: self._process.poll() is not None or listens(named["port"]))
        assert self._process.poll() is None, (folder / "kdc.log").read_text()

    def ticket(self, principal: str, password: str, *arguments: str) -> dict[str, str]:
        """Log in as somebody; return the variables with which programs find the ticket."""
        name = f"cache-{principal.replace('/', '-')}-{'-'.join(arguments)}"
        variables = {**self.variables, "KRB5CCNAME": f"FILE:{self.folder / name}"}
        run(["kinit", *arguments, principal], self.folder, text=f"{password}\n", **variables)
        return variables

    def end(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(60)

    def admin(self, realm: str, *commands: str) -> None:
        """Carry out commands of kadmin."""
        text = "".join(f"{command}\n" for command in commands)
        run(
            [self._program("kadmin.local"), "-r", realm, "-d", self.folder / realm],
            self.folder,
            text=text,
            **self.variables,
        )

    def _realm(self, realm: str, *commands: str) -> None:
        # Named here as well: a mistake in kdc.conf must not lead to the machine's own.
        place = ["-r", realm, "-d", self.folder / realm, "-sf", self.folder / f"{realm}.stash"]
        create = [self._program("kdb5_util"), *place, "create", "-s", "-P", "master"]
        run(create, self.folder, **self.variables)
        self.admin(realm, *commands)

    def _program(self, name: str) -> str:
        for folder in self._path.split(":"):
            if os.access(f"{folder}/{name}", os.X_OK):
                return f"{folder}/{name}"
        unavailable(f"missing: {name}, of krb5-kdc and krb5-admin-server")
        raise AssertionError


def _modules() -> Path:
    """Return where the KDC's database modules are."""
    for root in (_UNPACKED, Path("/")):
        for found in root.glob("usr/lib/*-linux-gnu/krb5/plugins/kdb"):
            return found
    unavailable("missing: krb5-kdc")
    raise AssertionError
