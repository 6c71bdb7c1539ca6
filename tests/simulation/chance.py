"""All chance of a run from one seed: decisions of people, ids, nonces and keys."""

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock
from uuid import UUID

from permits_engine.scheduler.daemon import lease
from permits_engine.scheduler.delivery import folder
from permits_engine.store.database import upgrade
from permits_engine.store.events import ids
from permits_engine.store.keys import keyring

T = TypeVar("T")


class Chance:
    """Two streams of one seed: what happens in the world, and the bytes that the engine asks for.

    They are apart so that another number of drawn bytes in the engine changes no story.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._world = random.Random(f"world/{seed}")
        self._bytes = random.Random(f"bytes/{seed}")

    def happens(self, probability: float) -> bool:
        """Whether something does that does so with a probability."""
        return self._world.random() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self._world.randint(low, high)

    def one(self, of: Sequence[T]) -> T:
        """One of several."""
        return of[int(self._world.random() * len(of))]

    def weighted(self, of: Sequence[tuple[T, int]]) -> T:
        """One of several, each as likely as its weight."""
        return self._world.choices([each for each, _ in of], [weight for _, weight in of])[0]

    def bytes(self, size: int) -> bytes:
        """What the engine takes for random."""
        return self._bytes.randbytes(size)


@contextmanager
def seeded(chance: Chance, disk: Any, locks: Any) -> Iterator[None]:
    """While it lasts ids, keys and nonces come from the seed, letters of offices go to a disk that may fill, and
    locks fall with the process that died."""

    class Machine(SimpleNamespace):
        """The operating system as the engine sees it, with another source of chance or another disk."""

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

    with (
        mock.patch.object(keyring, "os", Machine(urandom=chance.bytes)),
        mock.patch.object(upgrade, "uuid4", lambda: UUID(bytes=chance.bytes(16), version=4)),
        mock.patch.object(folder, "os", Machine(write=disk.write, open=disk.open)),
        mock.patch.object(lease, "os", Machine(open=locks.open, close=locks.close)),
        mock.patch.object(ids, "_last", (-1, 0)),
    ):
        yield
