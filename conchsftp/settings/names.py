"""
The settings as attributes, with their types: for type checkers and editors only.

Written by docs/generate.py from the table; holds no values.
"""

from conchsftp.log import Detail
from conchsftp.secret import Secret
from conchsftp.settings.auth_policy import AuthPolicy
from conchsftp.settings.choices import CertStoreType, IPVersions, StrictKeyExchange
from conchsftp.settings.client_quirks import Overrides
from conchsftp.settings.hosts import Hosts
from conchsftp.settings.key_stores import Store
from conchsftp.settings.kinds import Patterns
from conchsftp.settings.penalties import NetBlocks, PenaltyRules
from conchsftp.settings.prompts import Prompts


class Names:
    """What can be read from settings and overlays."""

    __slots__ = ()

    root_directory: str
    user_root_directory: str
    restrict_user_to_home_dir: bool
    sftp_connection_count: int
    sftp_connection_connected: bool
    sftp_connection_error_message: str
    sftp_connection_file_data: bytes
    sftp_error_message: str
    sftp_connection_local_address: str
    sftp_connection_protocol_version: int
    sftp_connection_remote_host: str
    sftp_connection_remote_port: int
    sftp_connection_timeout: float
    default_timeout: float
    dir_list_buffer_size: int
    protocol_version: int
    server_eol: str
    unix_style_date_format: bool
    default_auth_methods: tuple[str, ...]
    keyboard_interactive_message: str
    keyboard_interactive_prompt_count: int
    keyboard_interactive_prompt_prompt: tuple[str, ...]
    keyboard_interactive_prompt_echo: tuple[bool, ...]
    keyboard_interactive_prompts: Prompts
    fire_auth_request_after_sig: bool
    max_auth_attempts: int
    user_auth_banner: str
    ssh_pub_key_auth_sig_algorithms: tuple[str, ...]
    ssh_public_key_algorithms: tuple[str, ...]
    ssh_key_exchange_algorithms: tuple[str, ...]
    ssh_encryption_algorithms: tuple[str, ...]
    ssh_mac_algorithms: tuple[str, ...]
    ssh_compression_algorithms: tuple[str, ...]
    use_strict_key_exchange: StrictKeyExchange
    key_renegotiation_threshold: int
    client_ssh_version_string: str
    negotiated_strict_kex: bool
    log_level: Detail
    ssh_version_pattern: Patterns
    server_ssh_version_string: str
    ssh_keep_alive_interval: float
    ssh_keep_alive_count_max: int
    ssh_cert_store: Store
    ssh_cert_store_password: Secret
    ssh_cert_store_type: CertStoreType
    ssh_cert_subject: str
    ssh_cert_encoded: Store
    alt_ssh_cert_count: int
    alt_ssh_cert_store: tuple[Store, ...]
    alt_ssh_cert_store_password: tuple[Secret, ...]
    alt_ssh_cert_store_type: tuple[CertStoreType, ...]
    alt_ssh_cert_subject: tuple[str, ...]
    ssh_cert_effective_date: str
    ssh_cert_expiration_date: str
    ssh_cert_extended_key_usage: str
    ssh_cert_fingerprint: str
    ssh_cert_fingerprint_sha1: str
    ssh_cert_fingerprint_sha256: str
    ssh_cert_issuer: str
    ssh_cert_private_key: Secret
    ssh_cert_private_key_available: bool
    ssh_cert_private_key_container: str
    ssh_cert_public_key: str
    ssh_cert_public_key_algorithm: str
    ssh_cert_public_key_length: int
    ssh_cert_serial_number: str
    ssh_cert_signature_algorithm: str
    ssh_cert_subject_alt_names: str
    ssh_cert_thumbprint_md5: str
    ssh_cert_thumbprint_sha1: str
    ssh_cert_thumbprint_sha256: str
    ssh_cert_usage: str
    ssh_cert_usage_flags: int
    ssh_cert_version: str
    listening: bool
    local_host: str
    local_port: int
    use_ipv6: IPVersions
    bind_exclusively: bool
    connection_backlog: int
    allowed_clients: Hosts
    blocked_clients: Hosts
    connection_uid: int
    max_connections: int
    max_read_time: int
    default_connection_timeout: float
    tcp_no_delay: bool
    in_buffer_size: int
    out_buffer_size: int
    keep_alive_time: int
    keep_alive_interval: int
    keep_alive_retry_count: int
    build_info: str
    license_info: str
    code_page: int
    process_idle_events: bool
    select_wait_millis: int
    mask_sensitive_data: bool
    use_fips_compliant_api: bool
    use_internal_security_api: bool
    use_iocp: bool
    use_windows_messages: bool
    algorithm_profile: str
    listen: tuple[str, ...]
    trusted_proxies: Hosts
    host_certificate: tuple[str, ...]
    read_only: bool
    allow_password_change: bool
    client_quirks: Overrides
    set_stat_policy: str
    temp_folder: str
    umask: int | None
    file_mode: int
    directory_mode: int
    force_modes: bool
    cross_device_rename: str
    symlink_policy: str
    authentication_methods: AuthPolicy
    pubkey_auth_options: str
    trusted_user_ca_keys: str
    revoked_keys: str
    ca_signature_algorithms: tuple[str, ...]
    gss_keytab: str
    gss_acceptor: str
    trusted_x509_certificates: str
    x509_revocation_lists: str
    x509_user_name: str
    login_grace_time: float
    max_startups: int
    per_source_max_startups: int
    per_source_penalties: PenaltyRules
    per_source_penalty_exempt_list: Hosts
    per_source_net_block_size: NetBlocks
    handler_time_limit: float
    max_bytes_in_flight: int
    max_channels: int
    max_handles: int
    rekey_packets: int
    rekey_seconds: float
    moduli_file: str
    file_threads: str
