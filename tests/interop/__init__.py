"""
Real clients against the real server, over loopback sockets.

pytest runs it, in a process of its own; the modules are named check_*.py, which trial does not collect. With
INTEROP_PEER=sshd the tests run against OpenSSH's server: what fails there is a mistake of the test.
"""
