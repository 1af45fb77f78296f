"""
Floor 1. The SFTP language, versions 3 to 6. Pure: no reactor, no transport, no disk.
"""
