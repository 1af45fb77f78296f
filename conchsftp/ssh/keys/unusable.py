"""
What every reader of a key store raises.
"""


class Unusable(Exception):
    """A store that cannot be read; the text says why, and holds nothing of a key or a password."""
