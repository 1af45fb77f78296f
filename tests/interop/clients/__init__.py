"""
The clients that people use, one module each: how every one of them does what `operations` asks for.

Each does so in its own idiom and with its own defaults, with a public key, and checks the host key.
"""

from collections.abc import Sequence

from tests.interop.clients import (
    asyncssh_client,
    curl_client,
    lftp,
    libraries,
    openssh_scp,
    openssh_sftp,
    paramiko_client,
    putty,
    rclone,
    sshfs,
)
from tests.interop.clients.client import Client

CLIENTS: Sequence[Client] = (
    openssh_sftp.CLIENT,
    openssh_scp.CLIENT,
    lftp.CLIENT,
    putty.PSFTP,
    putty.PSCP,
    curl_client.CLIENT,
    rclone.CLIENT,
    sshfs.CLIENT,
    paramiko_client.CLIENT,
    asyncssh_client.CLIENT,
    *libraries.CLIENTS,
)
