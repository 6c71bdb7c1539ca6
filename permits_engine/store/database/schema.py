"""The tables of a store, the same on both databases.

Dates are ISO texts of ten letters, moments are microseconds since the epoch in UTC. What the migrations build
is held against this description by a test; the triggers stand in the migrations only.
"""

from __future__ import annotations

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
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

metadata = MetaData()

# Ids and dates compare byte by byte: a language's own order is slower and differs between servers.
_ID = Text().with_variant(Text(collation="C"), "postgresql")
_SERIAL = BigInteger().with_variant(Integer, "sqlite")


def _id(name: str, *, key: bool = False, null: bool = False) -> Column[str]:
    return Column(name, _ID, primary_key=key, nullable=null)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _number(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=null)


def _moment(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _day(name: str, *, null: bool = True) -> Column[str]:
    return Column(name, _ID, nullable=null)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


# On PostgreSQL position and recorded time are given at commit, in the order of ``seq`` within a transaction;
# on SQLite, which has one writer, at once: there position is the row's own key and ``seq`` does not exist.
events = Table(
    "events",
    metadata,
    Column("position", _SERIAL),
    _id("stream"),
    _number("version"),
    _id("name"),
    Column("recorded_at", BigInteger),
    _bytes("payload"),
    PrimaryKeyConstraint("stream", "version"),
)
Index(
    "events_position", events.c.position, unique=True, postgresql_where=events.c.position.is_not(None)
).ddl_if(dialect="postgresql")

# Where a file begins: what walks through all files needs no other event to find them.
FILES = "version = 1 AND name >= 'permit.' AND name < 'permit/'"
Index("events_files", events.c.stream, sqlite_where=text(FILES), postgresql_where=text(FILES))

# What people asked about their own data: few, and looked for across the whole history.
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

head = Table(
    "head",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    _moment("position"),
    _moment("recorded_at"),
    Column("simulated", Boolean, nullable=False),
    _moment("created_at"),
    _id("store_id"),
)

commands = Table(
    "commands",
    metadata,
    _id("command_id", key=True),
    _bytes("digest"),
    _id("holder_id", null=True),
    _id("permit_id", null=True),
    _id("stream"),
    _number("first_version"),
    _number("last_version"),
)

holder_keys = Table("holder_keys", metadata, _id("holder_id", key=True), _bytes("wrapped"), _id("key_id"))

holders = Table("holders", metadata, _id("holder_id", key=True), _number("version"), _number("gate"))

policies = Table(
    "policies",
    metadata,
    _id("jurisdiction", key=True),
    _id("stream"),
    _number("version"),
    _id("digest"),
    _moment("adopted_at"),
)

permits = Table(
    "permits",
    metadata,
    _id("permit_id", key=True),
    _number("version"),
    _id("holder_id"),
    _id("jurisdiction"),
    _id("prefecture"),
    _id("category"),
    _id("criterion", null=True),
    _id("title_kind"),
    _id("nationality", null=True),
    _id("sex", null=True),
    _number("age", null=True),
    _day("filed_on", null=False),
    _day("first_decided_on"),
    _text("outcome", null=True),
    _text("request_kind", null=True),
    _day("request_filed_on"),
    _day("request_decided_on"),
    _text("application_status", null=True),
    _day("application_turns_on"),
    _text("application_turns_to", null=True),
    _text("appeal_status", null=True),
    _text("track", null=True),
    _number("term_number", null=True),
    _day("valid_from"),
    _day("valid_until"),
    _day("window_closes"),
    _day("receipt_until"),
    _day("revoked_on"),
    _day("lost_on"),
    _day("closed_on"),
    _day("lapsed_on"),
    _day("next_due"),
    _day("evaluated_on", null=False),
    _text("deadlines"),
    _text("parked", null=True),
)
Index("permits_due", permits.c.next_due, permits.c.valid_until)
Index("permits_holder", permits.c.holder_id)
Index("permits_office", permits.c.prefecture, permits.c.request_filed_on)
Index("permits_ending", permits.c.valid_until)

notices = Table(
    "notices",
    metadata,
    _id("notice_id", key=True),
    _number("version"),
    _id("permit_id"),
    _id("holder_id"),
    _text("kind"),
    _text("tier", null=True),
    _text("recipient"),
    _id("office"),
    _text("language"),
    _text("state"),
    _day("due_on"),
    Column("expedited", Boolean, nullable=False),
    _number("attempts"),
    _text("reason", null=True),
    _moment("updated_at"),
    _day("claimed_on"),
    _text("channel", null=True),
    _text("refused_by", null=True),
    _moment("next_attempt_at", null=True),
)
Index("notices_state", notices.c.state)
Index("notices_permit", notices.c.permit_id)

parked = Table(
    "parked",
    metadata,
    _id("stream", key=True),
    _id("permit_id", null=True),
    _text("reason"),
    _moment("since"),
)

scheduler_passes = Table(
    "scheduler_passes",
    metadata,
    Column("id", _SERIAL, Identity(), primary_key=True),
    _day("on_day", null=False),
    _moment("started_at"),
    _moment("finished_at", null=True),
    _text("summary", null=True),
)

search = Table(
    "search",
    metadata,
    Column("token", LargeBinary, primary_key=True),
    _id("holder_id", key=True),
    _id("permit_id", key=True),
    sqlite_with_rowid=False,
)
Index("search_holder", search.c.holder_id)

# One row: the process that runs the passes, and its jobs. The epoch grows with each holder; writes of passes check it.
scheduler_lease = Table(
    "scheduler_lease",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True, autoincrement=False),
    _moment("epoch"),
    _text("holder"),
    _moment("since"),
    _moment("expires_at"),
    _text("jobs", null=True),
)

# When nothing went out, for all offices (none) or one; kept after it has ended, because it explains.
scheduler_pauses = Table(
    "scheduler_pauses",
    metadata,
    Column("id", _SERIAL, Identity(), primary_key=True),
    _id("office", null=True),
    _moment("since"),
    _text("by"),
    _text("reason"),
    _moment("until", null=True),
    _text("ended_by", null=True),
)

# Keys that were destroyed; until ``scrubbed_at`` their bytes may still lie in the database's files.
erasures = Table(
    "erasures",
    metadata,
    _id("holder_id", key=True),
    _moment("erased_at"),
    _moment("scrubbed_at", null=True),
)

retired_keys = Table("retired_keys", metadata, _id("key_id", key=True), _moment("retired_at"))

restores = Table(
    "restores",
    metadata,
    Column("made_at", BigInteger, primary_key=True, autoincrement=False),
    _moment("position"),
    _moment("recorded_at"),
)

tracking = Table("tracking", metadata, _id("application_name", key=True), _moment("position"))

# Hashes of the Merkle log, 32 bytes each, up to 256 to a row: level 0 holds those of events.
tiles = Table(
    "tiles",
    metadata,
    Column("level", Integer, nullable=False),
    Column("number", BigInteger, nullable=False),
    _bytes("hashes"),
    PrimaryKeyConstraint("level", "number"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    _moment("size"),
    _id("key_id"),
    _text("note"),
    _moment("made_at"),
    PrimaryKeyConstraint("size", "key_id"),
)
