"""What one transaction has read: each thing once, many of a kind with one question."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from permits_engine.application.adopted_policies import AdoptedPolicies
from permits_engine.domain.errors import PermitsError, error
from permits_engine.domain.events import Event
from permits_engine.domain.permit.fold import fold
from permits_engine.domain.permit.state import Permit
from permits_engine.domain.rules.policy import Policy
from permits_engine.projections.holder import Person, person_of
from permits_engine.store.database.statements import among
from permits_engine.store.database.transactions import Statement, Transaction
from permits_engine.store.events.application import event_store, numbered
from permits_engine.store.keys.keyring import Cipher, Keyring, erased


class _ById:
    """A query that ends with a column's name, for one id or for many: on SQLite one costs a third alone."""

    def __init__(self, query: str) -> None:
        self._one, self._many = Statement(f"{query} = :id"), Statement(among(query))

    def rows(self, tx: Transaction, ids: Sequence[str]) -> list[Any]:
        if len(ids) == 1:
            return tx.all(self._one, {"id": ids[0]})
        return tx.all(self._many, {"ids": ids}) if ids else []


_COMMANDS = _ById(
    "SELECT command_id, digest, holder_id, permit_id, stream, first_version, last_version"
    " FROM commands WHERE command_id"
)
_HOLDERS = _ById("SELECT holder_id, version, gate FROM holders WHERE holder_id")
_FILES = _ById("SELECT holder_id, permit_id FROM permits WHERE holder_id")


class Needs(msgspec.Struct):
    """What commands are about to read, by kind."""

    permits: set[str] = msgspec.field(default_factory=set)
    persons: set[str] = msgspec.field(default_factory=set)
    holders: set[str] = msgspec.field(default_factory=set)
    keys: set[str] = msgspec.field(default_factory=set)
    files_of: set[str] = msgspec.field(default_factory=set)
    """Holders, all whose files are looked at."""
    commands: set[str] = msgspec.field(default_factory=set)


class OtherFiles(Iterable[Permit]):
    """The person's other files, read when they are first asked for: few questions need them."""

    def __init__(self, read: Callable[[], Iterable[Permit]]) -> None:
        self._read = read
        self._found: tuple[Permit, ...] | None = None

    def __iter__(self) -> Iterator[Permit]:
        if self._found is None:
            self._found = tuple(self._read())
        return iter(self._found)


class HolderRow(NamedTuple):
    """A holder's versions: of the stream, and of the row that decisions about all their files depend on."""

    version: int
    row_version: int


class CommandResult(NamedTuple):
    """What a command that was carried out under an id led to."""

    digest: bytes
    holder_id: str | None
    permit_id: str | None
    stream: str
    first_version: int
    last_version: int


class Loaded(ABC):
    """The memory of one transaction: what it reads is read once, its own changes included."""

    def __init__(self, tx: Transaction, keyring: Keyring, adopted: AdoptedPolicies) -> None:
        self.tx = tx
        self.store = event_store(tx)
        self.keyring = keyring
        self.adopted = adopted
        self._files: dict[str, Permit | None] = {}
        self._persons: dict[str, Person | None] = {}
        self._keys: dict[str, Cipher | None] = {}
        self._holders: dict[str, HolderRow | None] = {}
        self._files_of: dict[str, list[str]] = {}
        self._commands: dict[str, CommandResult | None] = {}
        self._policies: dict[str, Policy] = {}
        # Streams with events that are not written yet, and by holder the files among them.
        self._unwritten: set[str] = set()
        self._unwritten_files: dict[str, set[str]] = {}

    @abstractmethod
    def write(self) -> None:
        """Write what was decided, so that it can be read."""

    # --- many at once ---

    def expect(self, needs: Needs) -> None:
        """Read what many commands will ask for, each kind with one question."""
        self.expect_files(sorted(needs.permits))
        self.expect_persons(sorted(needs.persons))
        self.expect_holders(sorted(needs.holders))
        self.expect_keys(sorted(needs.keys))
        self.expect_files_of(sorted(needs.files_of))
        self.expect_commands(sorted(needs.commands))

    def expect_files(self, ids: Iterable[str]) -> None:
        """Read files at once; one that cannot be folded is left to ``file``."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._files]
        found = self.store.several(wanted) if wanted else {}
        for permit_id in wanted:
            try:
                self._files[permit_id] = fold(permit_id, numbered(found.get(permit_id, ())))
            except PermitsError:
                continue

    def expect_persons(self, ids: Iterable[str]) -> None:
        """Read persons at once; one that cannot be decrypted is left to ``person``."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._persons]
        self.expect_keys(wanted)
        found = self.store.several(wanted) if wanted else {}
        for holder_id in wanted:
            try:
                self._persons[holder_id] = self._person(holder_id, found.get(holder_id, ()))
            except PermitsError:
                continue

    def expect_keys(self, ids: Iterable[str]) -> None:
        """Read keys at once."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._keys]
        self._keys |= self.keyring.load_many(self.tx, wanted)

    def expect_holders(self, ids: Iterable[str]) -> None:
        """Read the versions of holders at once."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._holders]
        self._holders |= dict.fromkeys(wanted)
        self._holders |= {row[0]: HolderRow(row[1], row[2]) for row in _HOLDERS.rows(self.tx, wanted)}

    def expect_files_of(self, holder_ids: Iterable[str]) -> None:
        """Read all files of holders at once."""
        wanted = [each for each in dict.fromkeys(holder_ids) if each not in self._files_of]
        self._files_of |= {each: [] for each in wanted}
        for holder_id, permit_id in _FILES.rows(self.tx, wanted):
            self._files_of[holder_id].append(permit_id)
        self.expect_files(permit_id for each in wanted for permit_id in self._files_of[each])

    def expect_commands(self, ids: Iterable[str]) -> None:
        """Read what commands led to at once."""
        wanted = [each for each in dict.fromkeys(ids) if each not in self._commands]
        self._commands |= dict.fromkeys(wanted)
        self._commands |= {row[0]: CommandResult(*row[1:]) for row in _COMMANDS.rows(self.tx, wanted)}

    # --- one at a time ---

    def policy(self, jurisdiction: str) -> Policy:
        """Return the policy in use; raise ``policy.none_in_force``."""
        found = self._policies.get(jurisdiction)
        if found is None:
            found = self._policies[jurisdiction] = self.adopted.current(self.tx, jurisdiction)
        return found

    def file(self, permit_id: str) -> Permit | None:
        """Return the file as this transaction sees it; raise ``integrity.broken`` where it cannot be folded."""
        if permit_id not in self._files:
            self._files[permit_id] = self.store.permit(permit_id)
        return self._files[permit_id]

    def loaded_permit(self, permit_id: str) -> Permit | None:
        """Return the file, if it was read already and exists."""
        return self._files.get(permit_id)

    def past(self, permit_id: str) -> list[tuple[int, Event]]:
        """Return every event of a file with its version, those of this transaction included."""
        if permit_id in self._unwritten:
            self.write()
        return numbered(self.store.get(permit_id))

    def person(self, holder_id: str) -> Person:
        """Return what is known about a person now; raise ``holder.not_found``."""
        if holder_id not in self._persons:
            if holder_id in self._unwritten:
                self.write()
            self._persons[holder_id] = self._person(holder_id, self.store.get(holder_id))
        found = self._persons[holder_id]
        if found is None:
            raise holder_not_found(holder_id)
        return found

    def _person(self, holder_id: str, stream: Iterable[Any]) -> Person | None:
        placed = list(stream)
        if not placed or not placed[0].event.NAME.startswith("holder."):
            return None
        return person_of(holder_id, placed, self.key(holder_id))

    def records_of(self, holder_id: str) -> list[str]:
        """Return every holder that is the same person, the one asked about first."""
        found = [holder_id]
        for each in found:
            row = self.holder(each)
            if row is None or row.version < 2:  # nothing was added since the registration
                continue
            found += [other for other in self.person(each).linked if other not in found]
        return found

    def key(self, holder_id: str) -> Cipher | None:
        """Return the holder's key as this transaction reads it; none once their data were erased."""
        if holder_id not in self._keys:
            self._keys[holder_id] = self.keyring.load(self.tx, holder_id)
        return self._keys[holder_id]

    def cipher(self, holder_id: str) -> Cipher:
        """Return the holder's key; raise ``holder.erased``."""
        found = self.key(holder_id)
        if found is None:
            raise erased(holder_id)
        return found

    def holder(self, holder_id: str) -> HolderRow | None:
        """Return the versions of a holder; none where there is no such holder."""
        if holder_id not in self._holders:
            self.expect_holders([holder_id])
        return self._holders[holder_id]

    def holder_version(self, holder_id: str) -> int:
        """Return the version of a holder's stream; raise ``holder.not_found``."""
        row = self.holder(holder_id)
        if row is None:
            raise holder_not_found(holder_id)
        return row.version

    def other_files(self, permit: Permit, records: Sequence[str]) -> tuple[Permit, ...]:
        """Return the person's other files in the same country, under all records of them."""
        self.expect_files_of(records)
        ids = {permit_id: None for each in records for permit_id in self._files_of[each]}
        ids |= {permit_id: None for each in records for permit_id in self._unwritten_files.get(each, ())}
        ids.pop(permit.permit_id, None)
        found = (self.file(permit_id) for permit_id in ids)
        return tuple(file for file in found if file is not None and file.jurisdiction == permit.jurisdiction)

    def others_of(self, permit: Permit) -> OtherFiles:
        """Return the person's other files, to be read where an answer turns on them."""
        return OtherFiles(lambda: self.other_files(permit, self.records_of(permit.holder_id)))

    def others_for_row(self, permit: Permit) -> OtherFiles:
        """Return the other files under the same record: a row is written before what is new about the person."""
        return OtherFiles(lambda: self.other_files(permit, [permit.holder_id]))

    def command_result(self, command_id: str) -> CommandResult | None:
        """Return what the command with that id led to, if it was carried out."""
        if command_id not in self._commands:
            self.expect_commands([command_id])
        return self._commands[command_id]


def holder_not_found(holder_id: str) -> PermitsError:
    """Return ``holder.not_found``."""
    return error("holder.not_found", f"there is no holder {holder_id}", holder_id=holder_id)
