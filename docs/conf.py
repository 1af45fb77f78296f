"""
How Sphinx builds the documents: Markdown through MyST, no theme but the one it brings.
"""

from importlib import metadata

project = "conchsftp"
author = "conchsftp contributors"
copyright = author
try:
    release = metadata.version("conchsftp")
except metadata.PackageNotFoundError:
    release = "source"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "An SFTP server on Twisted Conch"}
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_member_order = "bysource"
