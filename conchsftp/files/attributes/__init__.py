"""
What is told of files on disk, and how it is changed: owners, times, bits, access control lists.
"""
