"""What a store holds, without what two runs of the same thing may not share: ids and moments."""

from typing import Any

import msgspec

from permits_engine import Engine
from permits_engine.domain.events import ApplicationLodged
from permits_engine.store.database.transactions import Statement
from permits_engine.store.events import codec
from permits_engine.store.events.recorder import TransactionRecorder

_ENVELOPE = ("event_id", "operator", "correlation_id", "holder_id", "permit_id", "sealed")
_STREAMS = Statement("SELECT permit_id, holder_id FROM permits")
_NOTICES = Statement("SELECT notice_id, permit_id, holder_id FROM notices ORDER BY kind, tier")


def canonical(engine: Engine) -> dict[str, Any]:
    """By file number: every event of each file, of its holder and of its notices, opened."""
    with engine.database.read() as tx:
        permits = tx.all(_STREAMS)
        notices = tx.all(_NOTICES)
        keys = engine.context.keyring.load_many(tx, [holder_id for _, holder_id in permits])
        wanted = [
            (permit_id, stream, holder) for permit_id, holder in permits for stream in (holder, permit_id)
        ]
        wanted += [(permit_id, notice_id, holder) for notice_id, permit_id, holder in notices]
        records = TransactionRecorder(tx).select_streams([stream for _, stream, _ in wanted])
    files: dict[str, list[Any]] = {}
    numbers: dict[str, str] = {}
    for permit_id, stream, holder_id in wanted:
        for record in records[stream]:
            event = codec.decrypt(
                codec.decode(record.name, record.payload),
                stream=stream,
                version=record.version,
                holder_id=holder_id,
                cipher=keys[holder_id],
                name=record.name,
            )
            if isinstance(event, ApplicationLodged):
                assert event.file_number is not None
                numbers[permit_id] = event.file_number
            plain = msgspec.to_builtins(event)
            said = {name: value for name, value in plain.items() if name not in _ENVELOPE}
            files.setdefault(permit_id, []).append((record.name, record.version, said))
    assert len(set(numbers.values())) == len(files)
    return {numbers[permit_id]: told for permit_id, told in files.items()}


def family_name(engine: Engine, file_number: str) -> str:
    """The name under which a file's holder was registered."""
    name: str = canonical(engine)[file_number][0][2]["family_name"]
    return name
