"""
What handlers of events supply instead of a file system: whole files, and the file system of a session that has none.
"""
