"""What destinations behind a server process have in common."""

import secrets
from abc import abstractmethod
from pathlib import Path
from typing import Generic, TypeVar

from simlab.process import Login, ServerProcess
from tests.integration.conformance.places import Destination, Place, Server

P = TypeVar("P", bound=ServerProcess)
USER = "storage"


class ServerDestination(Server, Destination, Generic[P]):
    """A server with a folder, and a second one that serves the same read-only."""

    refused_line: str  # that the server logs when it refuses a log-on

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir(parents=True)
        self.password = f"test-secret-{secrets.token_hex(8)}"
        self.server = self.make("server")
        self.read_only = self.make("read-only")

    @property
    def login(self) -> Login:
        """Who may enter."""
        return Login(USER, self.password)

    @abstractmethod
    def make(self, name: str) -> P:
        """Make the server; the one called `read-only` lets nobody write."""

    @abstractmethod
    def place_at(self, folder: Path, server: P) -> Place:
        """Make a place."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    def start(self) -> None:
        """Start it."""
        self.server.start()

    def kill(self) -> None:
        """End it."""
        self.server.kill()

    def freeze(self) -> None:
        """Stop it."""
        self.server.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self.server.thaw()

    def close(self) -> None:
        """End both."""
        self.server.close()
        self.read_only.close()

    def refused_logons(self) -> int:
        """Count the server's own words."""
        return self.server.log_path.read_text().count(self.refused_line)

    def place(self) -> Place:
        """A folder of its own."""
        return self.place_at(self.files / f"root-{secrets.token_hex(4)}", self.server)

    def read_only_place(self) -> Place:
        """The same behind the second server."""
        self.read_only.start()
        return self.place_at(self.files / f"root-{secrets.token_hex(4)}", self.read_only)
