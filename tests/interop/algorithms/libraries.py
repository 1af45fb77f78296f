"""
The clients that are libraries for Python: asyncssh and paramiko. Of each, many connections in one process.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncssh
import paramiko

from tests.interop.algorithms.cells import CIPHER, COMPRESSION, HOST_KEY, KEY_EXCHANGE, MAC, SIGNATURE, Cell
from tests.interop.algorithms.peer import Errand, Keys

_SECONDS = 100


class AsyncSSH:
    """asyncssh: every choice is a keyword, and it refuses at once what it does not know."""

    name = "asyncssh"
    at_once = 3
    tried: frozenset[str] = frozenset()
    _KEYWORDS = {
        KEY_EXCHANGE: "kex_algs",
        HOST_KEY: "server_host_key_algs",
        CIPHER: "encryption_algs",
        MAC: "mac_algs",
        COMPRESSION: "compression_algs",
        SIGNATURE: "signature_algs",
    }

    @property
    def version(self) -> str:
        return asyncssh.__version__

    def prepare(self, keys: Keys) -> None:
        self._known = str(keys.known)

    def speaks(self, kind: str, name: str) -> bool:
        if kind == SIGNATURE and name.startswith("sk-"):
            # It wants a real device.
            return False
        try:
            asyncssh.SSHClientConnectionOptions(**{self._KEYWORDS[kind]: [name]}, config=None)
        except ValueError:
            return False
        return True

    def run(self, errands: Iterable[Errand], done: Callable[[Errand, str], None]) -> None:
        asyncio.run(self._all(list(errands), done))

    async def _all(self, errands: list[Errand], done: Callable[[Errand, str], None]) -> None:
        free = asyncio.Semaphore(self.at_once)

        async def one(errand: Errand) -> None:
            async with free:
                try:
                    await asyncio.wait_for(self._one(errand), _SECONDS)
                except (asyncssh.Error, OSError, TimeoutError) as problem:
                    done(errand, f"{type(problem).__name__}: {problem}")
                else:
                    done(errand, "")

        await asyncio.gather(*map(one, errands))

    async def _one(self, errand: Errand) -> None:
        wanted = {self._KEYWORDS[kind]: [name] for kind, name in errand.cell.wanted}
        async with asyncssh.connect(
            "127.0.0.1",
            errand.port,
            username=errand.user,
            known_hosts=self._known,
            client_keys=[str(errand.key)],
            agent_path=None,
            config=None,
            **wanted,
        ) as connection:
            async with connection.start_sftp_client() as client:
                await client.put(str(errand.source), errand.there)
                await client.put(str(errand.small), errand.there_small)
                await client.get(errand.there_small, str(errand.back))


class Paramiko:
    """paramiko: a transport's options take what it knows."""

    name = "paramiko"
    at_once = 2
    tried = frozenset({SIGNATURE})
    _OPTIONS = {
        KEY_EXCHANGE: "kex",
        HOST_KEY: "key_types",
        CIPHER: "ciphers",
        MAC: "digests",
        COMPRESSION: "compression",
    }
    _SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")

    @property
    def version(self) -> str:
        return paramiko.__version__

    def prepare(self, keys: Keys) -> None:
        # What is tried in vain is told by the exception; its threads would also print it.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

    def speaks(self, kind: str, name: str) -> bool:
        if kind == SIGNATURE:
            return not name.startswith("sk-")
        here, there = socket.socketpair()
        with here, there:
            try:
                self._choose(paramiko.Transport(here), Cell(((kind, name),)))
            except ValueError:
                return False
        return True

    def _choose(self, transport: paramiko.Transport, cell: Cell) -> None:
        options = transport.get_security_options()
        for kind, name in cell.wanted:
            if kind in self._OPTIONS:
                setattr(options, self._OPTIONS[kind], (name,))

    def run(self, errands: Iterable[Errand], done: Callable[[Errand, str], None]) -> None:
        def one(errand: Errand) -> None:
            try:
                self._one(errand)
            except (paramiko.SSHException, paramiko.pkey.UnknownKeyType, OSError, EOFError, ValueError) as problem:
                done(errand, f"{type(problem).__name__}: {problem}")
            else:
                done(errand, "")

        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(one, errands))

    def _one(self, errand: Errand) -> None:
        wanted = errand.cell.get(SIGNATURE)
        others = [name for name in self._SIGNATURES if wanted and name != wanted]
        key: Any = paramiko.PKey.from_path(errand.key)
        transport = paramiko.Transport(("127.0.0.1", errand.port), disabled_algorithms={"pubkeys": others})
        transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = _SECONDS
        with transport:
            self._choose(transport, errand.cell)
            transport.connect(username=errand.user, pkey=key)
            session = paramiko.SFTPClient.from_transport(transport)
            assert session is not None
            session.get_channel().settimeout(_SECONDS)
            session.put(str(errand.source), errand.there)
            session.put(str(errand.small), errand.there_small)
            session.get(errand.there_small, str(errand.back))
