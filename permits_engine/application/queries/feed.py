"""The feed: every event in the store's one order, from any position on.

Positions are given at commit, without gaps, and never reused: a consumer that continues after its last processed
position misses no event and gets none twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Any

from permits_engine.application.queries.views import shown
from permits_engine.domain.errors import error, invalid
from permits_engine.store.events import history
from permits_engine.store.events.application import PermitsApplication, decoded


def events(
    application: PermitsApplication,
    after: int,
    *,
    timeout: float | None,
    names: Collection[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the events after a position; end when nothing new came for ``timeout`` seconds (none: never).

    No transaction is open while the caller works on an event. Raises ``position.beyond_head``: such a position
    belongs to another store, or to one that was restored from a backup.
    """
    if after < 0:
        raise invalid("after", f"{after} is no position; give 0 for the beginning")
    with application.database.read() as tx:
        head = history.head(tx).position
    if after > head:
        message = f"after {after} lies beyond the head, {head}: another store, or one restored from a backup?"
        raise error("position.beyond_head", message, after=after, head=head)
    return _following(application, after, timeout, names)


def _following(
    application: PermitsApplication, position: int, timeout: float | None, names: Collection[str] | None
) -> Iterator[dict[str, Any]]:
    # Not the subscription's own filter of types, which would read the same events again and again.
    with closing(application.recorder.subscribe(position, timeout=timeout)) as following:
        for record in following:
            if names is None or record.name.partition("@")[0] in names:
                yield {"stream": record.stream, **shown(decoded(record))}
