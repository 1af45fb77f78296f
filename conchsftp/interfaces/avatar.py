"""
What a login yields.
"""

from zope.interface import Attribute, Interface

# zope's interfaces describe methods without `self`, which no type checker understands.
# mypy: disable-error-code="no-untyped-def, misc, empty-body"


class ISFTPAvatar(Interface):
    """What a login yields: who it is, and what they see."""

    user_name = Attribute("str: the name the client gave and proved.")
    home = Attribute("str: the virtual path that relative paths start from; default `/`.")
    read_only = Attribute("bool: refuse every request that changes something; default False.")
    permissions = Attribute("Permissions, or a mapping of patterns to words; may be missing, or None: everything.")
    files = Attribute("IFileSystem: what this user sees; None: the handlers of events are the file system.")
