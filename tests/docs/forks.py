"""``permits`` without its start: processes forked from one that has loaded the program already.

A page types some fifty commands; loading the program for each of them costs more than what they do. Here a command is
still a process of its own, with its folder, environment, pipes and exit code: only what it has loaded is inherited.
The page that a stranger reads first, README, starts the program anew each time.
"""

import array
import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# What a command asks the forking process, in as little Python as can be: it starts for each of them.
CLIENT = """\
#!{python} -IS
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    wanted = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    streams = array.array("i", [0, 1, 2])
    asked.sendmsg([len(wanted).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    asked.sendall(wanted)
    asked.shutdown(socket.SHUT_WR)
    sys.exit(int(asked.recv(8) or b"99"))
"""
LOADED = (
    "permits_engine.cli.app",
    "permits_engine.cli.demo",
    "permits_engine.engine",
    "permits_engine.application.queries.views",
    "permits_engine.cli.settings",
    "typer._adapters",
)


def client(address: Path, program: Path) -> None:
    """Write a ``permits`` that asks the process at the address to fork."""
    program.write_text(CLIENT.format(python=sys.executable, address=str(address)), encoding="utf-8")
    program.chmod(0o755)


@contextmanager
def forking() -> Iterator[Path]:
    """A process that forks for each client at the address given; it ends with this one, however this one ends."""
    with tempfile.TemporaryDirectory(prefix="permits-") as home:  # the path of a Unix socket must be short
        address = Path(home) / "forks"
        command = [sys.executable, "-m", "tests.docs.forks", str(address)]
        root = Path(__file__).resolve().parents[2]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as server:
            assert server.stdin and server.stdout
            assert server.stdout.readline() == b"ready\n"
            yield address
            server.stdin.close()


def main(address: str) -> None:
    """Fork for each client until the parent closes our standard input."""
    for name in LOADED:
        import_module(name)
    import_module("permits_engine.cli.registry").every_command()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        print("ready", flush=True)
        while listening in select.select([listening, sys.stdin], [], [])[0]:
            asking, _ = listening.accept()
            # Two generations: the first waits for the command and tells its exit code, and this one is free.
            if os.fork() == 0:
                listening.close()
                _attend(asking)
            asking.close()
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _attend(asking: socket.socket) -> NoReturn:
    streams = array.array("i")
    head, sent, _, _ = asking.recvmsg(4, socket.CMSG_SPACE(3 * streams.itemsize))
    for _, _, data in sent:
        streams.frombytes(data)
    with asking.makefile("rb") as reading:
        arguments, folder, environment = json.loads(reading.read(int.from_bytes(head, "big")))
    child = os.fork()
    if child == 0:
        asking.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # Those of the loaded program know what kind of file they were.
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            old = getattr(sys, name)
            mode, lines = ("w", 1) if number else ("r", -1)
            new = open(number, mode, lines, old.encoding, old.errors, closefd=False)  # noqa: SIM115
            setattr(sys, name, new)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _permits(arguments)
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    asking.sendall(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _permits(arguments: list[str]) -> NoReturn:
    from permits_engine.cli import main as permits

    code = 1
    try:
        permits(arguments)
    except SystemExit as leave:
        code = int(leave.code or 0)
    except BaseException:
        traceback.print_exc()
    with suppress(OSError):
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
