"""The policies that the history holds: which text was adopted when, compiled once per text."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import bindparam, insert, or_, select, update

from permits_engine.domain.errors import error
from permits_engine.domain.events import Event, PolicyAdopted
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text, completed, country_and_missing, digest_of
from permits_engine.store.database.schema import permits, policies
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Events, Placed, event_store
from permits_engine.store.events.ids import derived

Stamp = Callable[..., Event]

_CURRENT = Statement(
    select(policies.c.stream, policies.c.version, policies.c.digest).where(
        policies.c.jurisdiction == bindparam("jurisdiction")
    )
)
_ALL = Statement(
    select(policies.c.jurisdiction, policies.c.digest, policies.c.version, policies.c.adopted_at).order_by(
        policies.c.jurisdiction
    )
)
_HOME = Statement(
    "SELECT policies.jurisdiction FROM policies"
    " JOIN events ON events.stream = policies.stream AND events.version = 1"
    " ORDER BY events.position LIMIT 1"  # PostgreSQL sorts one that is not committed yet last
)
_FIRST = Statement(
    insert(policies).values(
        {name: bindparam(name) for name in ("jurisdiction", "stream", "version", "digest", "adopted_at")}
    )
)
_NEXT = Statement(
    update(policies)
    .where(policies.c.jurisdiction == bindparam("of"), policies.c.version == bindparam("seen"))
    .values(version=bindparam("version"), digest=bindparam("digest"), adopted_at=bindparam("adopted_at"))
)
_LOOK_AGAIN = Statement(
    update(permits)
    .where(
        permits.c.jurisdiction == bindparam("of"),
        or_(permits.c.next_due.is_(None), permits.c.next_due > bindparam("next_due")),
    )
    .values(next_due=bindparam("next_due"))
)


class Adoption(NamedTuple):
    """An adopted text: its jurisdiction and digest, and whether it differs from the one in use before."""

    jurisdiction: str
    digest: str
    new: bool


class AdoptedPolicies:
    """The adopted policies of one store; texts are compiled once and kept by digest."""

    def __init__(self) -> None:
        self._by_digest: dict[str, Policy] = {}
        self._home: str | None = None
        self._adopting_first: Transaction | None = None

    def home(self, tx: Transaction) -> str:
        """Return the store's home country: the jurisdiction whose policy was adopted first.

        Raises ``policy.none_in_force`` where no policy was adopted.
        """
        if self._home is not None:
            return self._home
        row = tx.one(_HOME)
        if row is None:
            raise error("policy.none_in_force", "no policy has been adopted; run: permits policy adopt FILE")
        home: str = row[0]
        if tx is not self._adopting_first:  # that one may still roll back
            self._home = home
        return home

    def home_policy(self, tx: Transaction) -> Policy:
        """Return the policy in use in the home country; raise ``policy.none_in_force``."""
        return self.current(tx, self.home(tx))

    def current(self, tx: Transaction, jurisdiction: str) -> Policy:
        """The policy in use; raises ``policy.none_in_force`` where none was adopted."""
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        if row is None:
            raise _none(jurisdiction)
        known = self._by_digest.get(row[2])
        return known if known is not None else self._load(tx, row[0], row[1])

    def at(self, tx: Transaction, jurisdiction: str, recorded_at: int | None) -> Policy:
        """The policy that was in use at a moment (microseconds since the epoch; none: now)."""
        if recorded_at is None:
            return self.current(tx, jurisdiction)
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        if row is None:
            raise _none(jurisdiction)
        found = None
        for record in event_store(tx).get(row[0]):
            if record.recorded_at <= recorded_at:
                found = record
        if found is None:
            raise _none(jurisdiction)
        return self._compiled(found.event)

    def by_digest(self, tx: Transaction, jurisdiction: str, digest: str) -> Policy | None:
        """The adopted text with that digest, if there is one."""
        if digest in self._by_digest:
            return self._by_digest[digest]
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        for record in event_store(tx).get(row[0]) if row else ():
            policy = self._compiled(record.event)
            if policy.digest == digest:
                return policy
        return None

    def every(self, tx: Transaction, jurisdiction: str) -> list[tuple[Placed, Policy]]:
        """Every adoption of a jurisdiction in order, with its text compiled."""
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        return [(each, self._compiled(each.event)) for each in event_store(tx).get(row[0])] if row else []

    def all(self, tx: Transaction) -> list[tuple[str, str, int, int]]:
        """Jurisdiction, digest, number of adoptions and moment of the last, of every adopted policy."""
        return [(row[0], row[1], row[2], row[3]) for row in tx.all(_ALL)]

    def adopted_by(self, tx: Transaction, jurisdiction: str) -> str | None:
        """Who adopted the policy in use; none where there is none."""
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        if row is None:
            return None
        return _last(tx, row[0]).event.actor.id

    def adopt(
        self, tx: Transaction, text: str, stamp: Stamp, *, store: Events, now: int, today: str
    ) -> Adoption:
        """Make a text part of the history; parts that it lacks are kept from the text in use.

        Raises ``policy.invalid``.
        """
        whole, jurisdiction = self._completed(tx, text)
        policy = compile_text(whole)
        digest = digest_of(whole)
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        if row is not None and row[2] == digest:
            return Adoption(jurisdiction, digest, False)
        stream = row[0] if row else derived(f"policy/{jurisdiction}")
        version = (row[1] if row else 0) + 1
        event = stamp(PolicyAdopted, jurisdiction=jurisdiction, digest=digest, text=whole)
        fields = {"version": version, "digest": digest, "adopted_at": now}
        if row is None:
            if self._home is None:
                self._adopting_first = tx
            tx.run(_FIRST, {"jurisdiction": jurisdiction, "stream": stream, **fields})
        elif tx.run(_NEXT, {"of": jurisdiction, "seen": row[1], **fields}) != 1:
            raise error("concurrency.conflict", "another policy was adopted meanwhile; look at it first")
        store.put([Placed(stream, version, event)], tx=tx, now=now)
        tx.run(_LOOK_AGAIN, {"of": jurisdiction, "next_due": today})
        self._by_digest[digest] = policy
        return Adoption(jurisdiction, digest, True)

    def _completed(self, tx: Transaction, text: str) -> tuple[str, str]:
        code, missing = country_and_missing(text)
        if not missing or not code:
            return text, code
        row = tx.one(_CURRENT, {"jurisdiction": code})
        if row is None:
            raise error("policy.invalid", f"line 1: the text lacks: {', '.join(missing)}")
        present = _last(tx, row[0]).event
        assert isinstance(present, PolicyAdopted)
        return completed(text, present.text), code

    def _load(self, tx: Transaction, stream: str, version: int) -> Policy:
        return self._compiled(event_store(tx).stream(stream, after=version - 1)[0].event)

    def _compiled(self, event: Event) -> Policy:
        assert isinstance(event, PolicyAdopted)
        policy = self._by_digest.get(event.digest)
        if policy is None:
            policy = compile_text(event.text)
            if policy.digest != event.digest:
                raise error(
                    "integrity.broken", f"the policy text of {event.jurisdiction} is not the adopted one"
                )
            self._by_digest[event.digest] = policy
        return policy


def _last(tx: Transaction, stream: str) -> Placed:
    return next(event_store(tx).get(stream, desc=True, limit=1))


def _none(jurisdiction: str) -> Exception:
    return error(
        "policy.none_in_force",
        f"no policy of {jurisdiction} has been adopted; run: permits policy adopt FILE",
        jurisdiction=jurisdiction,
    )
