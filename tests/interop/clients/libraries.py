"""
Libraries of other languages: of Perl, JavaScript, Java, Ruby and PHP.
"""

from tests.interop.clients.client import Client, printed_version
from tests.interop.clients.driver import DRIVERS, INSTALLED, Driver, ReplacingDriver

_JARS = ":".join(f"/usr/share/java/{name}.jar" for name in ("jsch", "jzlib"))
_NPM = INSTALLED / "node_modules"

FOREIGN = Driver("perl", DRIVERS / "net_sftp_foreign.pl")
NODE = Driver("node", DRIVERS / "ssh2_sftp_client.js", NODE_PATH=str(_NPM))
JSCH = ReplacingDriver("java", "-Xshare:auto", "-cp", f"{INSTALLED}/java:{_JARS}", "JSchDriver", old_keys=True)
RUBY = Driver("ruby", DRIVERS / "net_sftp.rb")
PHPSECLIB = Driver("php", DRIVERS / "phpseclib.php")

_PARALLEL = ("put_tree source :arrived", "get_tree :source arrived")
_ONE_AT_A_TIME = "it takes one file at a time, in many requests at once"
_NO_EXTENSION = "it does not know that extension"
_AS_TEXT = "it takes names for text"

CLIENTS = (
    Client(
        name="Net::SFTP::Foreign",
        # What it says where the library is missing has a number in it, too.
        version=lambda: printed_version(
            "perl", "-e", "eval { require Net::SFTP::Foreign; print Net::SFTP::Foreign->VERSION }"
        ),
        needs=("perl", "ssh"),
        steps=FOREIGN.steps("latin_name", time_up=("put source :arrived",), time_down=("get :source arrived",)),
        cannot={"copy": _NO_EXTENSION, "parallel": _ONE_AT_A_TIME, "latin_name": _AS_TEXT},
    ),
    Client(
        name="ssh2-sftp-client",
        version=lambda: printed_version(
            "node", "-e", f"try {{ console.log(require('{_NPM}/ssh2-sftp-client/package.json').version) }} catch {{}}"
        ),
        needs=("node",),
        steps=NODE.steps("latin_name", parallel=_PARALLEL),
        cannot={"copy": "the data passes through it", "latin_name": _AS_TEXT},
    ),
    Client(
        name="JSch",
        version=lambda: printed_version(*map(str, JSCH.program), "--version"),
        needs=("java",),
        old=True,
        steps=JSCH.steps("latin_name", "time_down"),
        cannot={
            "copy": _NO_EXTENSION,
            "parallel": _ONE_AT_A_TIME,
            "time_down": "a program sets the time itself",
            "latin_name": _AS_TEXT,
        },
    ),
    Client(
        name="net-sftp",
        version=lambda: printed_version(
            "ruby", "-e", "begin; require 'net/sftp/version'; puts Net::SFTP::Version::STRING; rescue LoadError; end"
        ),
        needs=("ruby",),
        old=True,
        steps=RUBY.steps("hard_link", "space", parallel=_PARALLEL),
        cannot=dict.fromkeys(("copy", "hard_link", "space"), _NO_EXTENSION),
    ),
    Client(
        name="phpseclib",
        version=lambda: printed_version("dpkg-query", "-W", "-f", "${Version}", "php-phpseclib3"),
        needs=("php",),
        steps=PHPSECLIB.steps("hard_link", "space"),
        cannot=dict.fromkeys(("copy", "hard_link", "space"), _NO_EXTENSION) | {"parallel": _ONE_AT_A_TIME},
    ),
)
