"""A disk that takes its time: ``slow_disk.c``, built where there is a compiler, and the dial that it obeys."""

import mmap
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_FIELDS = ("low", "high", "every", "syncs", "writes")


class SlowDisk:
    """What processes load that have ``environment``: they wait at each sync, and at one write in so many."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or not sys.platform.startswith("linux"):
            pytest.skip("a slow disk needs Linux and a C compiler (cc)")
        library, dial = folder / "slow_disk.so", folder / "dial"
        source = Path(__file__).with_name("slow_disk.c")
        subprocess.run(
            [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"],
            check=True,
        )
        dial.write_bytes(bytes(4 * len(_FIELDS)))
        # The server for tests runs as a user of its own where the tests run as root.
        folder.chmod(0o755)
        dial.chmod(0o666)
        with dial.open("r+b") as file:
            self._dial = memoryview(mmap.mmap(file.fileno(), 0)).cast("I")
        self.environment = {"LD_PRELOAD": str(library), "SLOW_DISK": str(dial)}

    def turn(self, low: int, high: int, every: int = 50) -> None:
        """Let syncs, and one write in ``every``, take so many milliseconds more; it acts at once."""
        self._dial[0], self._dial[1], self._dial[2] = low, high, every

    @property
    def syncs(self) -> int:
        """How many syncs have been made to wait."""
        return self._dial[3]

    @property
    def writes(self) -> int:
        """How many writes have been made to wait."""
        return self._dial[4]
