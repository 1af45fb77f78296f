"""
The command `conchsftp algorithms`.
"""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from conchsftp import command
from conchsftp.ssh.algorithms.offer import CHAPTERS
from conchsftp.ssh.algorithms.protection import MACS
from conchsftp.ssh.algorithms.registry import Profile


class AlgorithmsCommandTests(SynchronousTestCase):
    def printed(self, *arguments: str) -> tuple[object, dict[str, dict[str, list[str]]]]:
        """Run the command; return its exit code, or the line it ended with, and by heading and name what it printed."""
        output, code = StringIO(), 0
        with redirect_stdout(output):
            try:
                command.main(["algorithms", *arguments])
            except SystemExit as end:
                code = end.code  # type: ignore[assignment]
        tables: dict[str, dict[str, list[str]]] = {}
        for paragraph in filter(None, output.getvalue().split("\n\n")):
            heading, *lines = paragraph.splitlines()
            columns = [[column.strip() for column in line.split("  ") if column.strip()] for line in lines]
            tables[heading] = {name: said for name, *said in columns}
        return code, tables

    def mac(self, *arguments: str) -> tuple[object, dict[str, list[str]]]:
        """Run it for MACs only; return the exit code and the lines."""
        code, tables = self.printed("--kind", "mac", *arguments)
        return code, tables.get("MAC (SSHMacAlgorithms)", {})

    def test_registry(self) -> None:
        """Without settings: each kind with its setting, each name with its profile and what is wrong with it."""
        code, tables = self.printed()
        self.assertEqual(code, 0)
        self.assertEqual(list(tables), [f"{chapter.title} ({chapter.setting.name})" for chapter in CHAPTERS])
        for chapter, lines in zip(CHAPTERS, tables.values(), strict=True):
            self.assertEqual(list(lines), [*chapter.rows, *chapter.unbuilt])
            for row in chapter:
                said = lines[row.name]
                self.assertEqual(said[0], "if named" if row.profile is Profile.NONE else row.profile)
                self.assertIn(row.remark, " ".join(said[1:]))

    def test_not_here(self) -> None:
        """What cannot be used on this machine is shown with the reason."""
        self.patch(MACS["hmac-sha2-512"].__class__, "available", lambda row: "needs a library")
        code, lines = self.mac()
        self.assertEqual((code, lines["hmac-sha2-512"]), (0, ["compatible", "not here: needs a library"]))

    def test_profile(self) -> None:
        """A profile shows what it offers, in its order: code 0, or 2 if there is something to say against it."""
        code, lines = self.mac("--profile", "modern")
        self.assertEqual((code, list(lines)), (0, list(MACS.names("modern"))))
        self.assertEqual(set(map(tuple, lines.values())), {("offered",)})
        code, tables = self.printed("--profile", "documented", "--set", "TrustedX509Certificates=/cas.pem")
        self.assertEqual(code, 2)
        for chapter, lines in zip(CHAPTERS, tables.values(), strict=True):
            self.assertEqual(list(lines), list(chapter.setting.documented or ()))
            for name, said in lines.items():
                self.assertEqual(said[0], "left out" if chapter.reason(name) else "offered")

    def test_waits_for_a_setting(self) -> None:
        """What is only offered with a setting of its own is left out without it, and says which."""
        for trusted, told in (("", ["left out", "needs TrustedX509Certificates"]), ("/cas.pem", ["offered"])):
            chosen = ("--kind", "signature-algorithm", "--set", f"TrustedX509Certificates={trusted}")
            code, tables = self.printed(*chosen)
            (lines,) = tables.values()
            self.assertEqual((code, lines["x509v3-rsa2048-sha256"], lines["ssh-ed25519"]), (0, told, ["offered"]))

    def test_settings(self) -> None:
        """Settings are those of the server, of a file and of the command line, in any spelling."""
        wanted = "hmac-sha2-512,hmac-sha2-256"
        code, lines = self.mac("--set", f"SSHMacAlgorithms={wanted}")
        self.assertEqual((code, list(lines)), (0, wanted.split(",")))
        file = Path(self.mktemp())
        file.write_text(f"SSHMacAlgorithms={wanted}\nRootDirectory=/srv\n")
        self.assertEqual(self.mac("--config", str(file)), (code, lines))
        self.assertEqual(list(self.mac("--set", "algorithm_profile=compatible")[1]), list(MACS.names("compatible")))
        code, lines = self.mac("--config", str(file), "--set", "SSHMacAlgorithms=hmac-sha2-256")
        self.assertEqual(list(lines), ["hmac-sha2-256"])

    def test_weak(self) -> None:
        """Something weak that settings offer makes the exit code 2, if it is of the kind that was asked about."""
        weak = ("--set", "SSHCompressionAlgorithms=zlib")
        code, tables = self.printed("--kind", "compression", *weak)
        said = tables["compression (SSHCompressionAlgorithms)"]["zlib"]
        self.assertEqual((code, said[0]), (2, "offered"))
        self.assertIn("before any login", said[1])
        self.assertEqual(self.mac(*weak)[0], 0)

    def test_mistakes(self) -> None:
        """A mistake ends it with one line: what no server takes, and what is no option."""
        for arguments, text in (
            (["--set", "SSHMacAlgorithms=hmac-sha2-255"], "did you mean hmac-sha2-256?"),
            (["--set", "SSHMacAlgorithms"], "Name=Value expected"),
            (["--set", "NoSuch=1"], "NoSuch"),
            (["--profile", "strong"], "--profile"),
            (["--kind", "hash"], "--kind"),
            (["--config", "/nonexistent/file"], "/nonexistent/file"),
            (["more"], "more"),
        ):
            line, tables = self.printed(*arguments)
            self.assertEqual(tables, {})
            self.assertRegex(str(line), r"\Aconchsftp: [^\n]+\Z")
            self.assertIn(text, str(line))
