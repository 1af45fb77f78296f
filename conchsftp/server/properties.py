"""
The settings as attributes of a server: what they are when read, and what they may be set to.

Written by docs/generate.py from the table; holds no values.
"""

from collections.abc import Iterable
from os import PathLike
from typing import Never

from conchsftp.settings.choices import IPVersions, StrictKeyExchange
from conchsftp.settings.client_quirks import Overrides
from conchsftp.settings.hosts import Hosts
from conchsftp.settings.kinds import Patterns
from conchsftp.settings.prompts import Prompts
from conchsftp.settings.views import HasSettings, OfConnections, OfPositions, Value


class Properties(HasSettings):
    """One attribute for each setting; docs/settings.md says what it means."""

    root_directory = Value[str, PathLike[str] | str]("RootDirectory")
    sftp_connection_count = Value[int, Never]("SFTPConnectionCount")
    sftp_connection_connected = OfConnections[bool, Never]("SFTPConnectionConnected")
    sftp_connection_local_address = OfConnections[str, Never]("SFTPConnectionLocalAddress")
    sftp_connection_protocol_version = OfConnections[int, Never]("SFTPConnectionProtocolVersion")
    sftp_connection_remote_host = OfConnections[str, Never]("SFTPConnectionRemoteHost")
    sftp_connection_remote_port = OfConnections[int, Never]("SFTPConnectionRemotePort")
    sftp_connection_timeout = OfConnections[float, float | str]("SFTPConnectionTimeout")
    default_timeout = Value[float, float | str]("DefaultTimeout")
    dir_list_buffer_size = OfConnections[int, int | str]("DirListBufferSize")
    unix_style_date_format = Value[bool, bool | str]("UnixStyleDateFormat")
    default_auth_methods = Value[tuple[str, ...], Iterable[str]]("DefaultAuthMethods")
    keyboard_interactive_message = Value[str, str]("KeyboardInteractiveMessage")
    keyboard_interactive_prompt_count = Value[int, int | str]("KeyboardInteractivePromptCount")
    keyboard_interactive_prompt_prompt = OfPositions[str, str]("KeyboardInteractivePromptPrompt")
    keyboard_interactive_prompt_echo = OfPositions[bool, bool | str]("KeyboardInteractivePromptEcho")
    keyboard_interactive_prompts = OfConnections[Prompts, Prompts | str]("KeyboardInteractivePrompts")
    fire_auth_request_after_sig = Value[bool, bool | str]("FireAuthRequestAfterSig")
    max_auth_attempts = Value[int, int | str]("MaxAuthAttempts")
    user_auth_banner = OfConnections[str, str]("UserAuthBanner")
    ssh_pub_key_auth_sig_algorithms = Value[tuple[str, ...], Iterable[str]]("SSHPubKeyAuthSigAlgorithms")
    ssh_public_key_algorithms = Value[tuple[str, ...], Iterable[str]]("SSHPublicKeyAlgorithms")
    ssh_key_exchange_algorithms = Value[tuple[str, ...], Iterable[str]]("SSHKeyExchangeAlgorithms")
    ssh_encryption_algorithms = Value[tuple[str, ...], Iterable[str]]("SSHEncryptionAlgorithms")
    ssh_mac_algorithms = Value[tuple[str, ...], Iterable[str]]("SSHMacAlgorithms")
    ssh_compression_algorithms = Value[tuple[str, ...], Iterable[str]]("SSHCompressionAlgorithms")
    use_strict_key_exchange = Value[StrictKeyExchange, int | str]("UseStrictKeyExchange")
    key_renegotiation_threshold = Value[int, int | str]("KeyRenegotiationThreshold")
    client_ssh_version_string = OfConnections[str, Never]("ClientSSHVersionString")
    negotiated_strict_kex = OfConnections[bool, Never]("NegotiatedStrictKex")
    ssh_version_pattern = Value[Patterns, Patterns | Iterable[str]]("SSHVersionPattern")
    server_ssh_version_string = Value[str, str]("ServerSSHVersionString")
    ssh_keep_alive_interval = Value[float, float | str]("SSHKeepAliveInterval")
    ssh_keep_alive_count_max = Value[int, int | str]("SSHKeepAliveCountMax")
    listening = Value[bool, bool | str]("Listening")
    local_host = Value[str, str]("LocalHost")
    local_port = Value[int, int | str]("LocalPort")
    use_ipv6 = Value[IPVersions, int | str]("UseIPv6")
    bind_exclusively = Value[bool, bool | str]("BindExclusively")
    connection_backlog = Value[int, int | str]("ConnectionBacklog")
    allowed_clients = Value[Hosts, Hosts | Iterable[str]]("AllowedClients")
    blocked_clients = Value[Hosts, Hosts | Iterable[str]]("BlockedClients")
    connection_uid = OfConnections[int, Never]("ConnectionUID")
    max_connections = Value[int, int | str]("MaxConnections")
    max_read_time = Value[int, int | str]("MaxReadTime")
    default_connection_timeout = Value[float, float | str]("DefaultConnectionTimeout")
    tcp_no_delay = Value[bool, bool | str]("TcpNoDelay")
    in_buffer_size = Value[int, int | str]("InBufferSize")
    out_buffer_size = Value[int, int | str]("OutBufferSize")
    keep_alive_time = Value[int, int | str]("KeepAliveTime")
    keep_alive_interval = Value[int, int | str]("KeepAliveInterval")
    keep_alive_retry_count = Value[int, int | str]("KeepAliveRetryCount")
    build_info = Value[str, Never]("BuildInfo")
    license_info = Value[str, Never]("LicenseInfo")
    process_idle_events = Value[bool, bool | str]("ProcessIdleEvents")
    select_wait_millis = Value[int, int | str]("SelectWaitMillis")
    use_fips_compliant_api = Value[bool, bool | str]("UseFIPSCompliantAPI")
    use_internal_security_api = Value[bool, bool | str]("UseInternalSecurityAPI")
    use_iocp = Value[bool, bool | str]("UseIOCP")
    use_windows_messages = Value[bool, bool | str]("UseWindowsMessages")
    algorithm_profile = Value[str, str]("AlgorithmProfile")
    listen = Value[tuple[str, ...], Iterable[str]]("Listen")
    read_only = Value[bool, bool | str]("ReadOnly")
    client_quirks = Value[Overrides, Overrides | str]("ClientQuirks")
    set_stat_policy = OfConnections[str, str]("SetStatPolicy")
    umask = Value[int | None, int | None | str]("Umask")
    file_mode = Value[int, int | str]("FileMode")
    directory_mode = Value[int, int | str]("DirectoryMode")
    force_modes = Value[bool, bool | str]("ForceModes")
    cross_device_rename = Value[str, str]("CrossDeviceRename")
    symlink_policy = Value[str, str]("SymlinkPolicy")
    login_grace_time = Value[float, float | str]("LoginGraceTime")
    max_startups = Value[int, int | str]("MaxStartups")
    handler_time_limit = Value[float, float | str]("HandlerTimeLimit")
    max_bytes_in_flight = Value[int, int | str]("MaxBytesInFlight")
    max_channels = Value[int, int | str]("MaxChannels")
    max_handles = Value[int, int | str]("MaxHandles")
    rekey_packets = Value[int, int | str]("RekeyPackets")
    rekey_seconds = Value[float, float | str]("RekeySeconds")
    file_threads = Value[str, str]("FileThreads")
