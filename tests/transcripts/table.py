"""
All transcripts. One that is added to a module's TRANSCRIPTS, or a module that is added here, is played by the suite.
"""

from tests.transcripts import cyberduck, filezilla, libraries, programs, winscp, winscp_six
from tests.transcripts.notation import Transcript

MODULES = (cyberduck, filezilla, libraries, programs, winscp, winscp_six)

TRANSCRIPTS: tuple[Transcript, ...] = tuple(each for module in MODULES for each in module.TRANSCRIPTS)
