"""
What the component documents, as plain lists: the names, what can be written, and the defaults.

Copied from its documentation by hand, and not from the tables that are tested with it.
"""

# Name, index (`id` of a connection, `i` in a list), `rw` or `ro`, default. `?`: none is documented.
PROPERTIES = """
ConnectionBacklog              -   rw  5
SFTPConnectionCount            -   ro  0
SFTPConnectionConnected        id  ro  False
SFTPConnectionErrorMessage     id  ro  ''
SFTPConnectionFileData         id  rw  ''
SFTPConnectionLocalAddress     id  ro  ''
SFTPConnectionProtocolVersion  id  ro  3
SFTPConnectionRemoteHost       id  ro  ''
SFTPConnectionRemotePort       id  ro  0
SFTPConnectionTimeout          id  rw  0
DefaultAuthMethods             -   rw  password,publickey
DefaultTimeout                 -   rw  60
KeyboardInteractiveMessage     -   rw  ''
KeyboardInteractivePromptCount -   rw  0
KeyboardInteractivePromptEcho  i   rw  False
KeyboardInteractivePromptPrompt i  rw  ''
Listening                      -   ro  False
LocalHost                      -   rw  ''
LocalPort                      -   rw  22
RootDirectory                  -   rw  ''
SSHCertEffectiveDate           -   ro  ''
SSHCertExpirationDate          -   ro  ''
SSHCertExtendedKeyUsage        -   ro  ''
SSHCertFingerprint             -   ro  ''
SSHCertFingerprintSHA1         -   ro  ''
SSHCertFingerprintSHA256       -   ro  ''
SSHCertIssuer                  -   ro  ''
SSHCertPrivateKey              -   ro  ''
SSHCertPrivateKeyAvailable     -   ro  False
SSHCertPrivateKeyContainer     -   ro  ''
SSHCertPublicKey               -   ro  ''
SSHCertPublicKeyAlgorithm      -   ro  ''
SSHCertPublicKeyLength         -   ro  0
SSHCertSerialNumber            -   ro  ''
SSHCertSignatureAlgorithm      -   ro  ''
SSHCertStore                   -   rw  MY
SSHCertStorePassword           -   rw  ''
SSHCertStoreType               -   rw  0
SSHCertSubjectAltNames         -   ro  ''
SSHCertThumbprintMD5           -   ro  ''
SSHCertThumbprintSHA1          -   ro  ''
SSHCertThumbprintSHA256        -   ro  ''
SSHCertUsage                   -   ro  ''
SSHCertUsageFlags              -   ro  0
SSHCertVersion                 -   ro  ''
SSHCertSubject                 -   rw  ''
SSHCertEncoded                 -   rw  ''
SSHCompressionAlgorithms       -   rw  none,zlib
SSHEncryptionAlgorithms        -   rw  aes256-ctr,aes192-ctr,aes128-ctr,3des-ctr,arcfour256,arcfour128,arcfour,\
aes256-gcm@openssh.com,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com
"""

SETTINGS = """
DirListBufferSize              id  rw  1
MaskSensitiveData              -   rw  True
ProtocolVersion                -   rw  3
RestrictUserToHomeDir          id  rw  False
ServerEOL                      -   rw  CrLf
SFTPErrorMessage               id  rw  ?
UnixStyleDateFormat            -   rw  ?
UserRootDirectory              id  rw  ?
AltSSHCertCount                -   rw  ?
AltSSHCertStore                i   rw  ?
AltSSHCertStorePassword        i   rw  ?
AltSSHCertStoreType            i   rw  0
AltSSHCertSubject              i   rw  ?
ClientSSHVersionString         id  ro  ?
FireAuthRequestAfterSig        -   rw  ?
KeyboardInteractivePrompts     id  rw  ?
KeyRenegotiationThreshold      -   rw  1073741824
LogLevel                       -   rw  1
MaxAuthAttempts                -   rw  ?
NegotiatedStrictKex            id  ro  ?
ServerSSHVersionString         -   rw  SSH-2.0-IPWorks SSH Daemon 2024
SSHKeepAliveCountMax           -   rw  5
SSHKeepAliveInterval           -   rw  0
SSHKeyExchangeAlgorithms       -   rw  curve25519-sha256,curve25519-sha256@libssh.org,\
diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,\
diffie-hellman-group18-sha512,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
diffie-hellman-group-exchange-sha1,diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,\
gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g==,gss-group16-sha512-toWM5Slw5Ew8Mqkay+al2g==,\
gss-nistp256-sha256-toWM5Slw5Ew8Mqkay+al2g==,gss-curve25519-sha256-toWM5Slw5Ew8Mqkay+al2g==,\
gss-group14-sha1-toWM5Slw5Ew8Mqkay+al2g==,gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==
SSHMacAlgorithms               -   rw  hmac-sha2-256,hmac-sha2-512,hmac-sha1,hmac-md5,hmac-ripemd160,hmac-sha1-96,\
hmac-md5-96,hmac-sha2-256-96,hmac-sha2-512-96,hmac-ripemd160-96,hmac-sha2-256-etm@openssh.com,\
hmac-sha2-512-etm@openssh.com,umac-64@openssh.com,umac-64-etm@openssh.com,umac-128@openssh.com,umac-128-etm@openssh.com
SSHPubKeyAuthSigAlgorithms     -   rw  ssh-rsa,rsa-sha2-256,rsa-sha2-512,x509v3-sign-rsa,ssh-dss,x509v3-sign-dss,\
ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,ssh-ed25519
SSHPublicKeyAlgorithms         -   rw  ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
rsa-sha2-256,rsa-sha2-512,ssh-rsa,ssh-dss,x509v3-sign-rsa,x509v3-sign-dss
SSHVersionPattern              -   rw  *SSH-1.99-*,*SSH-2.0-*
UserAuthBanner                 id  rw  ?
UseStrictKeyExchange           -   rw  1
AllowedClients                 -   rw  *
BindExclusively                -   rw  True
BlockedClients                 -   rw  ''
ConnectionUID                  id  ro  ?
DefaultConnectionTimeout       -   rw  0
InBufferSize                   -   rw  ?
KeepAliveInterval              -   rw  1000
KeepAliveRetryCount            -   rw  9
KeepAliveTime                  -   rw  7200000
MaxConnections                 -   rw  1000
MaxReadTime                    -   rw  50
OutBufferSize                  -   rw  ?
TcpNoDelay                     -   rw  False
UseIOCP                        -   rw  False
UseIPv6                        -   rw  0
UseWindowsMessages             -   rw  True
BuildInfo                      -   ro  ?
CodePage                       -   rw  65001
LicenseInfo                    -   ro  ?
ProcessIdleEvents              -   rw  True
SelectWaitMillis               -   rw  20
UseFIPSCompliantAPI            -   rw  ?
UseInternalSecurityAPI         -   rw  True
"""

METHODS = "Config Disconnect DoEvents ExchangeKeys Reset SetFileList Shutdown StartListening StopListening"

ATTRIBUTES = (
    "FileType FileSize FileOwner FileGroup FilePermissions FileATime FileCreateTime FileMTime FileAttribBits"
    " FileAttribBitsValid OtherAttributes"
)
_WRITABLE_ATTRIBUTES = " ".join(f"{name}*" for name in ATTRIBUTES.split())

# Parameters of each event; what a handler may set has a `*`. An event that has BeforeExec fires before and after.
EVENTS = {
    "Connected": "ConnectionId StatusCode Description CertStoreType* CertStore* CertPassword* CertSubject*",
    "ConnectionRequest": "Address Port Accept*",
    "DirCreate": f"ConnectionId User Path* {_WRITABLE_ATTRIBUTES} BeforeExec StatusCode*",
    "DirList": "ConnectionId User Path BeforeExec StatusCode*",
    "DirRemove": "ConnectionId User Path BeforeExec StatusCode*",
    "Disconnected": "ConnectionId StatusCode Description",
    "Error": "ConnectionId ErrorCode Description",
    "FileClose": "ConnectionId User Path Handle StatusCode*",
    "FileOpen": f"ConnectionId User Path* DesiredAccess Flags {ATTRIBUTES} Handle* BeforeExec StatusCode*",
    "FileRead": "ConnectionId User Handle FileOffset Length StatusCode*",
    "FileRemove": "ConnectionId User Path BeforeExec StatusCode*",
    "FileRename": "ConnectionId User Path* NewPath* Flags BeforeExec StatusCode*",
    "FileWrite": "ConnectionId User Handle FileOffset BeforeExec StatusCode*",
    "GetAttributes": f"ConnectionId User Path Flags {_WRITABLE_ATTRIBUTES} StatusCode*",
    "Log": "ConnectionId LogLevel Message LogType",
    "ResolvePath": "ConnectionId User OriginalPath ControlFlags RealPath* StatusCode*",
    "SetAttributes": f"ConnectionId User Path {_WRITABLE_ATTRIBUTES} BeforeExec StatusCode*",
    "SSHStatus": "ConnectionId Message",
    "SSHUserAuthRequest": "ConnectionId User Service AuthMethod AuthParam Accept* PartialSuccess* AvailableMethods*"
    " HomeDir* KeyAlgorithm",
}

ERRORS = """
100 101 102 104 106 107 108 112 116 118 126 135 1201 1202 1300 1301 2001 2002 2003
10004 10009 10013 10014 10022 10024 10035 10036 10037 10038 10039 10040 10041 10042 10043 10044 10045 10046 10047 10048
10049 10050 10051 10052 10053 10054 10055 10056 10057 10058 10059 10060 10061 10062 10063 10064 10065 10066 10067 10068
10069 10070 10071 10091 10092 10093 11001 11002 11003 11004
"""

# In the order of their numbers, from 0.
STATUSES = """
OK EOF NO_SUCH_FILE PERMISSION_DENIED FAILURE BAD_MESSAGE NO_CONNECTION CONNECTION_LOST OP_UNSUPPORTED INVALID_HANDLE
NO_SUCH_PATH FILE_ALREADY_EXISTS WRITE_PROTECT NO_MEDIA NO_SPACE_ON_FILESYSTEM QUOTA_EXCEEDED UNKNOWN_PRINCIPAL
LOCK_CONFLICT DIR_NOT_EMPTY NOT_A_DIRECTORY INVALID_FILENAME LINK_LOOP CANNOT_DELETE INVALID_PARAMETER
FILE_IS_A_DIRECTORY BYTE_RANGE_LOCK_CONFLICT BYTE_RANGE_LOCK_REFUSED DELETE_PENDING FILE_CORRUPT OWNER_INVALID
GROUP_INVALID NO_MATCHING_BYTE_RANGE_LOCK
"""

# Number and name.
STORE_TYPES = """
0 cstUser, 1 cstMachine, 2 cstPFXFile, 3 cstPFXBlob, 4 cstJKSFile, 5 cstJKSBlob, 6 cstPEMKeyFile, 7 cstPEMKeyBlob,
8 cstPublicKeyFile, 9 cstPublicKeyBlob, 10 cstSSHPublicKeyBlob, 11 cstP7BFile, 12 cstP7BBlob, 13 cstSSHPublicKeyFile,
14 cstPPKFile, 15 cstPPKBlob, 16 cstXMLFile, 17 cstXMLBlob, 18 cstJWKFile, 19 cstJWKBlob, 21 cstBCFKSFile,
22 cstBCFKSBlob, 23 cstPKCS11, 99 cstAuto
"""
