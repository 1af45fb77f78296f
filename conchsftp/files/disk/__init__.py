"""
The way from a path to a directory and a name on disk, never outside the root; and calls that Python does not offer.
"""
