"""A transaction-pooling proxy for PostgreSQL, as small as one can be: PgBouncer's ``pool_mode = transaction``.

Every transaction of a client runs on the next of a few server connections, so that nothing that a client leaves on one
(a prepared statement, a setting, a LISTEN, a session's advisory lock) is there in its next transaction.
"""

import queue
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict

_SSL, _GSS, _CANCEL = 80877103, 80877104, 80877102
_PROTOCOL = 196608


class Gone(Exception):
    """The other side has closed its connection."""


class Wire:
    """One side's connection: whole messages of the protocol."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            came = self.connection.recv(65536)
            if not came:
                raise Gone
            self._buffer += came
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def startup(self) -> tuple[int, bytes]:
        """The first message, which has no type."""
        (size,) = struct.unpack("!I", self._read(4))
        body = self._read(size - 4)
        return struct.unpack("!I", body[:4])[0], body[4:]

    def message(self) -> bytes:
        """A message with its type and length."""
        head = self._read(5)
        return head + self._read(struct.unpack("!I", head[1:])[0] - 4)

    def send(self, data: bytes) -> None:
        """Send messages."""
        self.connection.sendall(data)


class Pooler:
    """Listens on loopback, and shares a few connections to one database."""

    def __init__(self, url: str, size: int) -> None:
        self.parts = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
        self.greeting = b""
        self.servers: queue.Queue[Wire] = queue.Queue()
        self.all = [self._server() for _ in range(size)]
        for each in self.all:
            self.servers.put(each)
        self.transactions = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.clients: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where a client finds the database through the proxy."""
        user, name = self.parts["user"], self.parts["dbname"]
        return f"postgresql://{user}@127.0.0.1:{self.listener.getsockname()[1]}/{name}"

    def close(self) -> None:
        """Cut everybody."""
        for each in (self.listener, *self.clients, *(server.connection for server in self.all)):
            with suppress(OSError):
                each.close()

    def _server(self) -> Wire:
        host, port = self.parts["host"], self.parts.get("port", "5432")
        if host.startswith("/"):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(f"{host}/.s.PGSQL.{port}")
        else:
            connection = socket.create_connection((host, int(port)))
        wire = Wire(connection)
        given = b"".join(
            f"{key}\0{value}\0".encode()
            for key, value in (("user", self.parts["user"]), ("database", self.parts["dbname"]))
        )
        wire.send(struct.pack("!II", len(given) + 9, _PROTOCOL) + given + b"\0")
        greeting = b""
        while True:
            message = wire.message()
            greeting += message
            assert message[:1] != b"E", message
            if message[:1] == b"Z":
                break
        self.greeting = greeting
        return wire

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(connection)
            threading.Thread(target=self._serve, args=(Wire(connection),), daemon=True).start()

    def _serve(self, client: Wire) -> None:
        server: Wire | None = None
        with suppress(Gone, OSError):
            code, _ = client.startup()
            while code in {_SSL, _GSS}:
                client.send(b"N")
                code, _ = client.startup()
            if code == _CANCEL:
                return
            client.send(self.greeting)
            while True:
                asked = b""
                while True:
                    message = client.message()
                    if message[:1] == b"X":
                        return
                    asked += message
                    if message[:1] in {b"Q", b"S"}:
                        break
                if server is None:
                    server = self.servers.get(timeout=30)
                    self.transactions += 1
                if self._answered(client, server, asked):
                    self.servers.put(server)
                    server = None
        if server is not None:  # a client that went away in the middle of a transaction
            server.send(b"Q" + struct.pack("!I", 13) + b"ROLLBACK\0")
            while server.message()[:1] != b"Z":
                pass
            self.servers.put(server)

    def _answered(self, client: Wire, server: Wire, asked: bytes) -> bool:
        """Pass question and answer on; whether the transaction is over."""
        server.send(asked)
        while True:
            message = server.message()
            with suppress(OSError):
                client.send(message)
            if message[:1] == b"Z":
                return message[5:6] == b"I"


@contextmanager
def pooled(url: str, size: int = 3) -> Iterator[Pooler]:
    """A proxy before a database."""
    pooler = Pooler(url, size)
    try:
        yield pooler
    finally:
        pooler.close()
