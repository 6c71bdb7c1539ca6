"""The policies adopted in the history, each text compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Event, PolicyAdopted
from permits_engine.domain.rules.policy import Policy
from permits_engine.policies.loading import compile_text, completed, country_and_missing, digest_of
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import Events, Placed, event_store
from permits_engine.store.events.ids import derived

Stamp = Callable[..., Event]

_CURRENT = Statement("SELECT stream, version, digest FROM policies WHERE jurisdiction = :jurisdiction")
_ALL = Statement("SELECT jurisdiction, digest, version, adopted_at FROM policies ORDER BY jurisdiction")
_HOME = Statement(
    "SELECT policies.jurisdiction FROM policies"
    " JOIN events ON events.stream = policies.stream AND events.version = 1"
    " ORDER BY events.position LIMIT 1"  # PostgreSQL sorts one that is not committed yet last
)
_FIRST = Statement(
    "INSERT INTO policies (jurisdiction, stream, version, digest, adopted_at)"
    " VALUES (:jurisdiction, :stream, :version, :digest, :adopted_at)"
)
_NEXT = Statement(
    "UPDATE policies SET version = :version, digest = :digest, adopted_at = :adopted_at"
    " WHERE jurisdiction = :jurisdiction AND version = :version - 1"
)
_LOOK_AGAIN = Statement(
    "UPDATE permits SET next_due = :next_due"
    " WHERE jurisdiction = :jurisdiction AND (next_due IS NULL OR next_due > :next_due)"
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
        """Return the policy in use; raise ``policy.none_in_force``."""
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        if row is None:
            raise _none(jurisdiction)
        stream, version, digest = row
        known = self._by_digest.get(digest)
        if known is not None:
            return known
        return self._compiled(event_store(tx).stream(stream, after=version - 1)[0])

    def at(self, tx: Transaction, jurisdiction: str, recorded_at: int | None) -> Policy:
        """Return the policy that was in use at a moment (microseconds since the epoch; none: now)."""
        if recorded_at is None:
            return self.current(tx, jurisdiction)
        found = [each for each in self._adoptions(tx, jurisdiction) if each.recorded_at <= recorded_at]
        if not found:
            raise _none(jurisdiction)
        return self._compiled(found[-1])

    def by_digest(self, tx: Transaction, jurisdiction: str, digest: str) -> Policy | None:
        """Return the adopted text with that digest, if there is one."""
        if digest in self._by_digest:
            return self._by_digest[digest]
        for adoption in self._adoptions(tx, jurisdiction):
            if isinstance(adoption.event, PolicyAdopted) and adoption.event.digest == digest:
                return self._compiled(adoption)
        return None

    def every(self, tx: Transaction, jurisdiction: str) -> list[tuple[Placed, Policy]]:
        """Return every adoption of a jurisdiction in order, with its text compiled."""
        return [(each, self._compiled(each)) for each in self._adoptions(tx, jurisdiction)]

    def all(self, tx: Transaction) -> list[tuple[str, str, int, int]]:
        """Return jurisdiction, digest, number of adoptions and moment of the last, of every adopted policy."""
        return [(row[0], row[1], row[2], row[3]) for row in tx.all(_ALL)]

    def in_use(self, tx: Transaction) -> list[Policy]:
        """Return the policy in use of every jurisdiction, by code."""
        return [self.current(tx, code) for code, *_ in self.all(tx)]

    def adopted_by(self, tx: Transaction, jurisdiction: str) -> str | None:
        """Return the id of the actor who adopted the policy in use, if there is one."""
        adoptions = self._adoptions(tx, jurisdiction)
        return adoptions[-1].event.actor.id if adoptions else None

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
        stream, version = (row[0], row[1] + 1) if row else (derived(f"policy/{jurisdiction}"), 1)
        event = stamp(PolicyAdopted, jurisdiction=jurisdiction, digest=digest, text=whole)
        fields = {"jurisdiction": jurisdiction, "version": version, "digest": digest, "adopted_at": now}
        if row is None:
            if self._home is None:
                self._adopting_first = tx
            tx.run(_FIRST, {**fields, "stream": stream})
        elif tx.run(_NEXT, fields) != 1:
            raise error("concurrency.conflict", "another policy was adopted meanwhile; look at it first")
        store.put([Placed(stream, version, event)], tx=tx, now=now)
        tx.run(_LOOK_AGAIN, {"jurisdiction": jurisdiction, "next_due": today})
        self._by_digest[digest] = policy
        return Adoption(jurisdiction, digest, True)

    def _completed(self, tx: Transaction, text: str) -> tuple[str, str]:
        code, missing = country_and_missing(text)
        if not missing or not code:
            return text, code
        adoptions = self._adoptions(tx, code)
        if not adoptions:
            raise error("policy.invalid", f"line 1: the text lacks: {', '.join(missing)}")
        present = adoptions[-1].event
        assert isinstance(present, PolicyAdopted)
        return completed(text, present.text), code

    def _adoptions(self, tx: Transaction, jurisdiction: str) -> list[Placed]:
        row = tx.one(_CURRENT, {"jurisdiction": jurisdiction})
        return event_store(tx).stream(row[0]) if row else []

    def _compiled(self, adoption: Placed) -> Policy:
        event = adoption.event
        assert isinstance(event, PolicyAdopted)
        policy = self._by_digest.get(event.digest)
        if policy is None:
            policy = compile_text(event.text)
            if policy.digest != event.digest:
                reason = f"the policy text of {event.jurisdiction} is not the adopted one"
                raise error("integrity.broken", reason)
            self._by_digest[event.digest] = policy
        return policy


def _none(jurisdiction: str) -> PermitsError:
    message = f"no policy of {jurisdiction} has been adopted; run: permits policy adopt FILE"
    return error("policy.none_in_force", message, jurisdiction=jurisdiction)
