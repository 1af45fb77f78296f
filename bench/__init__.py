"""
Compares the server with OpenSSH's sshd on this machine; `python -m bench --help` says how.

Not a part of the installed package. `servers` and `accounting` are lent to the real-client tests.
"""
