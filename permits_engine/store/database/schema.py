"""The tables of a store, the same on both databases.

Days are ISO texts, moments microseconds since the epoch in UTC. Migration 0001 makes what is described here, and the
triggers.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

# Ids and dates compare byte by byte: a language's own order is slower and differs between servers.
_ID = Text().with_variant(Text(collation="C"), "postgresql")
_SERIAL = BigInteger().with_variant(Integer, "sqlite")
_TYPES: dict[str, Any] = {
    "id": _ID,
    "day": _ID,
    "text": Text,
    "int": Integer,
    "long": BigInteger,
    "moment": BigInteger,
    "serial": _SERIAL,
    "bool": Boolean,
    "bytes": LargeBinary,
}


def _table(name: str, columns: str, *constraints: Any, key: str, **options: Any) -> Table:
    """Return a table of columns written as ``name type``; ``type?`` may be null, ``key`` names the primary key."""
    made: list[Any] = []
    for column, kind in (each.split() for each in columns.split(",")):
        own = Identity() if kind == "serial" and column in key.split() else None
        made.append(
            Column(
                column,
                _TYPES[kind.rstrip("?")],
                *([own] if own else []),
                primary_key=column in key.split(),
                nullable=kind.endswith("?"),
                autoincrement=own is not None,
            )
        )
    return Table(name, metadata, *made, *constraints, **options)


# On PostgreSQL position and recorded time are given at commit, in the order of ``seq`` within a transaction;
# on SQLite, which has one writer, at once: there position is the row's own key and ``seq`` does not exist.
events = _table(
    "events",
    "position serial?, stream id, version int, name id, recorded_at moment?, payload bytes",
    key="stream version",
)
Index(
    "events_position", events.c.position, unique=True, postgresql_where=events.c.position.is_not(None)
).ddl_if(dialect="postgresql")

# The first event of each permit: what walks through all permits needs no other event to find them.
FILES = "version = 1 AND name >= 'permit.' AND name < 'permit/'"
Index("events_files", events.c.stream, sqlite_where=text(FILES), postgresql_where=text(FILES))

# What people asked about their own data: few events, and looked for in the whole history.
PEOPLE_ASKED = (
    "name IN ('holder.request_recorded@1', 'holder.request_answered@1',"
    " 'holder.hold_placed@1', 'holder.hold_lifted@1', 'holder.erased@1')"
)
Index(
    "events_asked",
    events.c.stream,
    events.c.version,
    sqlite_where=text(PEOPLE_ASKED),
    postgresql_where=text(PEOPLE_ASKED),
)

# The end of the history: one row.
head = _table(
    "head",
    "one int, position long, recorded_at moment, simulated bool, created_at moment, store_id id",
    CheckConstraint("one = 1"),
    key="one",
)

# Which command ids were carried out, and what by.
commands = _table(
    "commands",
    "command_id id, digest bytes, holder_id id?, permit_id id?, stream id, first_version int, last_version int",
    key="command_id",
)

holder_keys = _table("holder_keys", "holder_id id, wrapped bytes, key_id id", key="holder_id")

# ``version`` is that of the stream, ``gate`` a second row version: of decisions that depend on all the person's files.
holders = _table("holders", "holder_id id, version int, gate int", key="holder_id")

policies = _table(
    "policies",
    "jurisdiction id, stream id, version int, digest id, adopted_at moment",
    key="jurisdiction",
)

# The read model of a permit, whose version makes a conflict of two commands.
permits = _table(
    "permits",
    "permit_id id, version int, holder_id id, jurisdiction id, prefecture id, category id, criterion id?,"
    "title_kind id, nationality id?, sex id?, age int?, filed_on day, first_decided_on day?, outcome text?,"
    "request_kind text?, request_filed_on day?, request_decided_on day?, application_status text?,"
    "application_turns_on day?, application_turns_to text?, appeal_status text?, track text?, term_number int?,"
    "valid_from day?, valid_until day?, counts_until day?, window_closes day?, receipt_until day?,"
    "revoked_on day?, lost_on day?, closed_on day?, lapsed_on day?, next_due day?, changes_on day?,"
    "evaluated_on day, deadlines text, parked text?",
    key="permit_id",
)
Index("permits_due", permits.c.next_due, permits.c.valid_until)
Index("permits_changing", permits.c.changes_on)
Index("permits_holder", permits.c.holder_id)
Index("permits_office", permits.c.prefecture, permits.c.request_filed_on)
Index("permits_ending", permits.c.valid_until)

notices = _table(
    "notices",
    "notice_id id, version int, permit_id id, holder_id id, kind text, tier text?, recipient text, office id,"
    "language text, state text, due_on day?, expedited bool, attempts int, reason text?, updated_at moment,"
    "claimed_on day?, channel text?, refused_by text?, next_attempt_at moment?, named text?",
    key="notice_id",
)
Index("notices_state", notices.c.state)
Index("notices_permit", notices.c.permit_id)

# Streams that a pass could not read.
parked = _table("parked", "stream id, permit_id id?, reason text, since moment", key="stream")

scheduler_passes = _table(
    "scheduler_passes",
    "id serial, on_day day, started_at moment, finished_at moment?, summary text?",
    key="id",
)

# The blind index by which people and permits are found.
search = _table(
    "search",
    "token bytes, holder_id id, permit_id id",
    key="token holder_id permit_id",
    sqlite_with_rowid=False,
)
Index("search_holder", search.c.holder_id)

# One row: which process runs the passes. The epoch grows with each holder; a write of a pass checks it.
scheduler_lease = _table(
    "scheduler_lease",
    "one int, epoch long, holder text, since moment, expires_at moment, jobs text?",
    CheckConstraint("one = 1"),
    key="one",
)

# When nothing was sent, for all offices (null) or one; kept after its end, because it explains.
scheduler_pauses = _table(
    "scheduler_pauses",
    "id serial, office id?, since moment, by text, reason text, until moment?, ended_by text?",
    key="id",
)

# Keys that were destroyed; until ``scrubbed_at`` their bytes may still be in the database's files.
erasures = _table("erasures", "holder_id id, erased_at moment, scrubbed_at moment?", key="holder_id")

# Master keys that wrap nothing any more, whatever an older key file says.
retired_keys = _table("retired_keys", "key_id id, retired_at moment", key="key_id")

# The backups that this store was restored from.
restores = _table("restores", "made_at moment, position long, recorded_at moment", key="made_at")

# How far other applications have processed their notifications.
tracking = _table("tracking", "application_name id, position long", key="application_name")

# Hashes of the Merkle log, 32 bytes each, up to 256 to a row: level 0 has those of events.
tiles = _table("tiles", "level int, number long, hashes bytes", key="level number")

checkpoints = _table("checkpoints", "size long, key_id id, note text, made_at moment", key="size key_id")
