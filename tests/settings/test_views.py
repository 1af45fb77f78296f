"""
Settings as attributes of what has them.
"""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from conchsftp.errors import ServerError
from conchsftp.server.properties import Properties
from conchsftp.server.service import SFTPServer
from conchsftp.settings.kinds import TEXT, integer
from conchsftp.settings.row import Index, Setting, declare
from conchsftp.settings.store import Settings
from conchsftp.settings.table import TABLE, Table
from conchsftp.settings.views import Elements, HasSettings, OfConnections, OfPositions, PerConnection, Value

DOORS = {Index.NONE: Value, Index.CONNECTION: OfConnections, Index.POSITION: OfPositions}

PROMPTS = Table(
    {
        "Prompts": declare(
            Setting(name="PromptCount", kind=integer(0, 9), default=0, doc="How many."),
            Setting(name="Prompt", kind=TEXT, default="", index=Index.POSITION, count="PromptCount", doc="Each."),
        )
    }
)


class Prompts(HasSettings):
    """What has a list for a setting."""

    prompt_count = Value[int, int]("PromptCount")
    prompt = OfPositions[str, str]("Prompt")

    def __init__(self) -> None:
        self.settings = Settings(PROMPTS)


class Owner(Properties):
    """What has every setting of a server."""

    def __init__(self) -> None:
        self.settings = Settings(TABLE, owner=self)


class Library(Owner):
    """An application's own server."""

    database: Any

    def lend(self) -> None:
        """Something that a server does not do."""


def plain() -> SFTPServer:
    """Return a server that nobody has extended, as far as its settings go."""
    server = object.__new__(SFTPServer)
    server.settings = Settings(TABLE)
    return server


class ViewsTests(SynchronousTestCase):
    """Reading and setting."""

    def test_every_row(self) -> None:
        """Each setting is an attribute of a server, of the sort that its index asks for, and nothing hides it."""
        doors = {name: type(door) for name, door in vars(Properties).items() if name[0] != "_"}
        self.assertEqual(doors, {row.attribute: DOORS[row.index] for row in TABLE})
        for row in TABLE:
            self.assertIs(getattr(SFTPServer, row.attribute), vars(Properties)[row.attribute])

    def test_value(self) -> None:
        """A value is read and set, as text or as a Python value; what the table refuses is refused."""
        owner = Owner()
        owner.root_directory = "/srv"
        owner.local_port = "2222"
        self.assertEqual((owner.root_directory, owner.local_port), ("/srv", 2222))
        self.assertEqual(owner.settings.local_port, 2222)
        self.assertEqual(owner.settings.config("LocalPort"), "2222")
        self.assertRaises(ServerError, setattr, owner, "local_port", 65536)
        self.assertRaises(ServerError, setattr, owner, "build_info", "mine")

    def test_of_connections(self) -> None:
        """Of a setting with values of connections, the attribute is a view; to set it sets the server's value."""
        owner = Owner()
        connection = owner.settings.overlay(3)
        owner.dir_list_buffer_size = 20
        self.assertEqual((owner.dir_list_buffer_size[3], owner.dir_list_buffer_size.default), (20, 20))
        owner.dir_list_buffer_size[3] = "7"
        self.assertEqual((owner.dir_list_buffer_size[3], owner.dir_list_buffer_size.default), (7, 20))
        self.assertEqual(connection.dir_list_buffer_size, 7)
        self.assertEqual(self.assertRaises(ServerError, lambda: owner.user_auth_banner[4]).code, 126)
        self.assertRaises(TypeError, iter, owner.user_auth_banner)
        self.assertIsInstance(owner.user_auth_banner, PerConnection)
        self.assertIn("UserAuthBanner", repr(owner.user_auth_banner))

    def test_of_positions(self) -> None:
        """Of a list, the attribute is a view of its elements."""
        owner = Prompts()
        self.assertEqual((len(owner.prompt), list(owner.prompt)), (0, []))
        owner.prompt_count = 2
        owner.prompt[1] = "Token:"
        self.assertEqual((len(owner.prompt), list(owner.prompt)), (2, ["", "Token:"]))
        self.assertIsInstance(owner.prompt, Elements)
        self.assertRaises(ServerError, lambda: owner.prompt[2])
        self.assertRaises(ServerError, setattr, owner, "prompt", "Token:")


class NamesTests(SynchronousTestCase):
    """A name that nobody would read is not stored."""

    def refused(self, owner: Any, name: str) -> str:
        """Return why a name is refused."""
        return str(self.assertRaises(AttributeError, setattr, owner, name, "/srv"))

    def test_mistyped(self) -> None:
        """The nearest setting is told, also to a subclass."""
        for owner in (plain(), Library()):
            self.assertIn("did you mean root_directory?", self.refused(owner, "root_directry"))
            self.assertIn("did you mean max_connections?", self.refused(owner, "maxconnection"))

    def test_unknown(self) -> None:
        """A server has no room for what it does not know."""
        self.assertIn("did you mean root_directory?", self.refused(plain(), "root_dir"))
        self.assertIn("subclass", self.refused(plain(), "colour"))

    def test_hidden(self) -> None:
        """A subclass cannot have something else by the name of a setting: whoever writes that means the setting."""
        error = self.assertRaises(TypeError, type, "Shop", (Library,), {"root_directory": "/srv"})
        self.assertIn("Shop.root_directory would hide the setting", str(error))

    def test_own(self) -> None:
        """A subclass has what it likes, and everybody what is private or a hook."""
        owner = Library()
        owner.colour = owner.listener = owner.database = owner.lend = "own"  # type: ignore[attr-defined,method-assign,assignment]
        Owner()._colour = Owner().on_file_open = "own"  # type: ignore[attr-defined]
        self.assertEqual((owner.colour, owner.database), ("own", "own"))  # type: ignore[attr-defined]
