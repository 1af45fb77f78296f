"""
Every blocking call of the product, and where it runs.

A table for who adds one; who runs them is `workers`.
"""

from enum import Enum


class Policy(Enum):
    """Where a kind of blocking call runs."""

    MOUNT = "inline while its mount answers quickly, else in a thread"
    PROBE = "inline if it cannot block (RWF_NOWAIT), else in a thread"
    THREAD = "always in a thread"
    QUICK = "always inline: answered from the kernel's memory"


BLOCKING = {
    # Names of files
    "os.open": Policy.MOUNT,
    "os.stat": Policy.MOUNT,
    "os.readlink": Policy.MOUNT,
    "os.path.realpath": Policy.THREAD,
    "os.mkdir": Policy.MOUNT,
    "os.rmdir": Policy.MOUNT,
    "os.unlink": Policy.MOUNT,
    "os.rename": Policy.MOUNT,
    "os.link": Policy.MOUNT,
    "os.symlink": Policy.MOUNT,
    "os.chmod": Policy.MOUNT,
    "os.chown": Policy.MOUNT,
    "os.utime": Policy.MOUNT,
    "os.getxattr": Policy.MOUNT,
    "os.setxattr": Policy.MOUNT,
    "os.removexattr": Policy.MOUNT,
    "os.fstatvfs": Policy.MOUNT,
    "renameat2": Policy.MOUNT,
    "openat2": Policy.MOUNT,
    "statx": Policy.MOUNT,
    # Open files and directories
    "os.fstat": Policy.MOUNT,
    "os.fchmod": Policy.MOUNT,
    "os.fchown": Policy.MOUNT,
    "os.ftruncate": Policy.MOUNT,
    "fcntl.fcntl(F_OFD_SETLK)": Policy.MOUNT,
    "os.preadv": Policy.PROBE,
    "os.pwritev": Policy.MOUNT,
    "os.close": Policy.MOUNT,
    "os.scandir": Policy.MOUNT,  # THREAD where the directory itself is large (files/local_directory.py)
    "fcntl.ioctl": Policy.MOUNT,
    "fallocate": Policy.THREAD,
    "os.fsync": Policy.THREAD,
    "os.copy_file_range": Policy.THREAD,
    "os.lseek": Policy.THREAD,
    "os.access": Policy.THREAD,
    # Who is who: LDAP or a file, one never knows. They count as a mount of their own.
    "pwd.getpwuid": Policy.MOUNT,
    "pwd.getpwnam": Policy.MOUNT,
    "grp.getgrgid": Policy.MOUNT,
    "grp.getgrnam": Policy.MOUNT,
    # Login and keys
    "bcrypt.checkpw": Policy.THREAD,
    "signatures of large keys and curves": Policy.THREAD,
    "users file": Policy.THREAD,
    "htpasswd file": Policy.THREAD,
    "PAM": Policy.THREAD,
    "authorized_keys of a user": Policy.THREAD,
    "host keys on tokens": Policy.THREAD,
    "heavy key exchange (Diffie-Hellman groups, RSA signatures)": Policy.THREAD,
    "handlers marked @in_thread": Policy.THREAD,
    # Our own state
    "os.dup": Policy.QUICK,
    "/proc/self/fdinfo": Policy.QUICK,
    "/proc/self/mountinfo": Policy.QUICK,
}
"""Every blocking call of the product and where it runs."""
