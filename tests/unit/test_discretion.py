"""Nothing personal is in what ends up in logs: errors, tracebacks and the short forms of objects."""

import json
import traceback
from datetime import UTC, date, datetime
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.commands import COMMANDS, PUBLIC, parse
from permits_engine.domain.decisions.case import Draft
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import EVENTS
from permits_engine.projections.holder import Person
from permits_engine.scheduler.delivery.channel import Letter
from permits_engine.store.keys.blind_index import Entry
from permits_engine.store.keys.keyring import Cipher, Keyring, MasterKeys

MARK = "Zzmarker"

_MARKED = st.builds(
    lambda before, after: f"{before}{MARK}{after}",
    st.sampled_from(["", " ", "2016-01-01", "+212", "\x00", "\u202e", "a@", "MA-", "é" * 250]),
    st.sampled_from(["", "\n", "@", "@example", ".org", "\ud800", "x" * 30_000]),
)
_SPOILT = st.one_of(
    _MARKED, st.lists(_MARKED, max_size=3), st.dictionaries(st.just("fact"), _MARKED), st.none()
)


@given(st.data())
@pytest.mark.parametrize("name", PUBLIC)
def test_no_refused_command_tells_what_it_was_given(name: str, data: st.DataObject) -> None:
    """Whatever is wrong with a field, message, details and traceback say which field and why, and not its value."""
    fields = [each for each in COMMANDS[name].model_fields if each != "command_id"]
    chosen = data.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=4, unique=True))
    given_fields: dict[str, Any] = {each: data.draw(_SPOILT) for each in chosen}
    try:
        made = parse(name, given_fields)
    except PermitsError as problem:
        told = [str(problem), repr(problem), json.dumps(problem.as_dict())]
        told += traceback.format_exception(problem)
    else:
        told = [repr(made), str(made), f"{made}", f"{made!r}"]
    for each in told:
        assert MARK not in each


@pytest.mark.parametrize("name", EVENTS)
def test_no_event_shows_what_is_encrypted(name: str) -> None:
    """Its short form names the event and its id, whatever it holds: in a log, a traceback, a failed assertion."""
    kind = EVENTS[name]
    hints = get_type_hints(kind)
    fields: dict[str, Any] = {
        field.name: MARK if hints[field.name] in (str, str | None) else None
        for field in msgspec.structs.fields(kind)
        if field.required or field.name in kind.ENCRYPTED
    }
    event = kind(**fields | {"event_id": "1"})
    for each in (repr(event), str(event), f"{[event]}", repr(Draft(kind, date(2017, 1, 1), fields))):
        assert MARK not in each


def test_no_object_about_a_person_shows_them() -> None:
    """People, letters, files with their numbers, rows of a register, receipts, keys."""
    from permits_engine.application.register.csv_file import Row
    from permits_engine.application.register.planning import ImportedFile
    from permits_engine.application.register.rows import Record
    from permits_engine.commands import Exclusion
    from permits_engine.scheduler.notices.bounce import Bounce

    def filled(kind: Any, **more: Any) -> Any:
        """Every field of a struct marked, whatever its type."""
        return kind(**{field.name: MARK for field in msgspec.structs.fields(kind)} | more)

    from permits_engine.application.queries.views import PermitView
    from permits_engine.documents.receipt import Paper
    from permits_engine.documents.receipt_proof import Filing

    marked = filled(Filing)
    objects = [
        Person("h1", family_name=MARK, email=MARK),
        filled(PermitView, permit_id="p1", version=1),
        filled(Record),
        filled(ImportedFile, permit_id="p1"),
        marked,
        filled(Paper, filing=marked),
        Row(1, [MARK]),
        Bounce("n1", MARK, "failed", None, MARK),
        Entry(MARK.encode(), "h1"),
        Exclusion(fact=MARK, reasons_in_fact=MARK, reasons_in_law=MARK),
        Letter(
            *("n1", "kind", None, MARK, MARK, "MA-RAB", "fr", "ltr", MARK, MARK, False),
            datetime(2017, 1, 1, tzinfo=UTC),
        ),
        Cipher(b"Zzmarker" * 4),
        MasterKeys("k", {"k": b"Zzmarker" * 4}),
        Keyring(MasterKeys("k", {"k": b"Zzmarker" * 4})),
    ]
    for each in objects:
        assert MARK not in repr(each), type(each)
        assert MARK not in str(each), type(each)
        assert MARK not in f"{[each]!r}", type(each)
