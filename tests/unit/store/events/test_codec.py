"""Stored bytes: what goes in comes out, and what is personal opens at its own place only."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import EVENTS, Actor, Basis, Event, HolderRegistered, stored_name
from permits_engine.store.events import codec
from permits_engine.store.keys.keyring import Cipher

KEY, OTHER = Cipher(b"k" * 32), Cipher(b"o" * 32)
STREAM = "0197a1a0-0000-7000-8000-000000000001"
HOLDER = "0197a1a0-0000-7000-8000-0000000000aa"
_GOLDEN = Path(__file__).parent / "golden_events.jsonl"
GOLDEN_EVENTS = [msgspec.json.decode(line) for line in _GOLDEN.read_bytes().splitlines()]

_text = st.text(max_size=40)
_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: _text,
    int: st.integers(-(2**53), 2**53),
    bool: st.booleans(),
    date: st.dates(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    type(None): st.none(),
    Any: st.one_of(st.none(), _text, st.integers(0, 9), st.lists(_text, max_size=2)),
    tuple[str, ...]: st.lists(_text, max_size=3).map(tuple),
    dict[str, str]: st.dictionaries(_text, _text, max_size=3),
    Actor: st.builds(Actor, id=_text, role=_text, prefecture=st.none() | _text),
    Basis: st.builds(Basis, policy=_text, rules=st.lists(_text, max_size=2).map(tuple)),
}


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    return st.one_of(*[_strategy(each) for each in get_args(hint)])


def _events(kind: type[Event]) -> st.SearchStrategy[Event]:
    fields = {f: _strategy(h) for f, h in get_type_hints(kind).items() if not f.isupper() and f != "sealed"}
    return st.builds(kind, **fields)


any_event = st.sampled_from(sorted(EVENTS)).flatmap(lambda name: _events(EVENTS[name]))


def registered(**fields: Any) -> HolderRegistered:
    given_fields = {"family_name": "Diallo", "email": "a@example.org", **fields}
    return HolderRegistered(
        event_id="e1",
        effective_on=date(2014, 3, 10),
        actor=Actor("o1", "counter"),
        operator="test",
        correlation_id="c1",
        **given_fields,
    )


def decrypt(event: Event, **other: Any) -> Event:
    place: dict[str, Any] = {
        "stream": STREAM,
        "version": 1,
        "holder_id": HOLDER,
        "cipher": KEY,
        "name": "holder.registered@1",
        **other,
    }
    return codec.decrypt(event, **place)


@given(event=any_event, version=st.integers(1, 2**31 - 1))
def test_every_event_comes_back_as_it_went_in(event: Event, version: int) -> None:
    """Encoded, decoded and revealed, an event of any type with any values is the same event."""
    name = stored_name(event)
    payload = codec.encode(event, version=version, stream=STREAM, holder_id=HOLDER, cipher=KEY)
    decoded = codec.decode(name, payload)
    assert decrypt(decoded, version=version, name=name) == event


@given(event=any_event)
def test_nothing_personal_is_in_the_stored_bytes(event: Event) -> None:
    """Every personal field of a decoded event is none until it is revealed."""
    payload = codec.encode(event, version=1, stream=STREAM, holder_id=HOLDER, cipher=KEY)
    decoded = codec.decode(stored_name(event), payload)
    assert [getattr(decoded, name) for name in event.ENCRYPTED] == [None] * len(event.ENCRYPTED)
    assert (decoded.sealed is None) == all(getattr(event, name) is None for name in event.ENCRYPTED)


def test_personal_data_are_never_stored_without_a_key() -> None:
    """An event with personal fields and no key is an error of the caller's, not a payload in clear."""
    with pytest.raises(ValueError, match="holds personal data"):
        codec.encode(registered(), version=1, stream=STREAM)


def test_an_event_without_personal_data_needs_no_key() -> None:
    """Personal fields that are none are not encrypted."""
    event = registered(family_name=None, email=None)
    assert codec.decode("holder.registered@1", codec.encode(event, version=1, stream=STREAM)) == event


@pytest.mark.parametrize(
    "other",
    [
        {"stream": STREAM[:-1] + "2"},
        {"version": 2},
        {"holder_id": HOLDER[:-1] + "b"},
        {"name": "holder.updated@1"},
        {"cipher": OTHER},
    ],
    ids=lambda other: next(iter(other)),
)
def test_encrypted_data_open_only_at_their_own_place(other: dict[str, Any]) -> None:
    """Moved to another stream, version, holder or type, or under another key, encrypted data are refused."""
    payload = codec.encode(registered(), version=1, stream=STREAM, holder_id=HOLDER, cipher=KEY)
    decoded = codec.decode("holder.registered@1", payload)
    with pytest.raises(PermitsError, match=r"integrity\.broken"):
        decrypt(decoded, **other)


@pytest.mark.parametrize("encrypted", ["", "!", "AAAA", "A" * 64])
def test_encrypted_data_that_were_changed_do_not_open(encrypted: str) -> None:
    """Whatever is in the place of encrypted data is refused, however short or odd."""
    with pytest.raises(PermitsError, match=r"integrity\.broken"):
        decrypt(msgspec.structs.replace(registered(family_name=None, email=None), sealed=encrypted))


def test_encrypted_data_can_fill_personal_fields_only() -> None:
    """What was encrypted cannot change a clear field, even under the right key and place."""
    bound = codec._associated(HOLDER, STREAM, 1, "holder.registered@1")
    encrypted = KEY.encrypt(b'{"operator": "somebody else"}', bound)
    event = msgspec.structs.replace(registered(family_name=None, email=None), sealed=encrypted)
    with pytest.raises(PermitsError, match=r"integrity\.broken"):
        decrypt(event)


def test_without_a_key_an_event_stays_encrypted() -> None:
    """After an erasure an event still reads, its personal fields none."""
    payload = codec.encode(registered(), version=1, stream=STREAM, holder_id=HOLDER, cipher=KEY)
    decoded = codec.decode("holder.registered@1", payload)
    assert decrypt(decoded, cipher=None) is decoded


@pytest.mark.parametrize(
    "name", ["permit.unknown@1", "permit.issued@2", "permit.issued", "builtins:eval", ""]
)
def test_a_type_outside_the_registry_is_not_read(name: str) -> None:
    """A stored name is looked up in the closed registry and nowhere else."""
    with pytest.raises(PermitsError, match=r"integrity\.broken.*unknown"):
        codec.decode(name, b"{}")


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"null", b"[]", b'{"event_id": 7}', b"\xff\xfe", b"[" * 100_000]
)
def test_malformed_bytes_are_broken_history(payload: bytes) -> None:
    """Bytes that are not the event they claim to be are integrity.broken, never another error."""
    with pytest.raises(PermitsError, match=r"integrity\.broken"):
        codec.decode("permit.issued@1", payload)


def test_stored_events_of_earlier_releases_still_read() -> None:
    """Payloads as once written decode to the values written then."""
    for golden in GOLDEN_EVENTS:
        event = codec.decode(golden["name"], golden["payload"].encode())
        assert msgspec.json.encode(event).decode() == golden["payload"]


def test_every_type_of_event_has_a_stored_example() -> None:
    """A new type of event, or a new version of one, comes with a line of golden_events.jsonl."""
    assert set(EVENTS) - {golden["name"] for golden in GOLDEN_EVENTS} == set()


class Third(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An event at its third version."""

    NAME: ClassVar[str] = ""
    SCHEMA: ClassVar[int] = 3

    days: int


def test_a_gap_between_versions_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version that nothing can read is found at import, by name."""
    monkeypatch.setattr(Third, "NAME", "permit.third")
    with pytest.raises(RuntimeError, match=r"permit\.third@2"):
        codec.check_chain({"permit.third@3": Third}, {"permit.third@1": dict})
    with pytest.raises(RuntimeError, match=r"nowhere: permit\.third@3"):
        upcasters = dict.fromkeys([f"permit.third@{n}" for n in (1, 2, 3)], dict)
        codec.check_chain({"permit.third@3": Third}, upcasters)


def test_an_old_event_is_read_as_the_newest_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """Upcasters are applied one after another until the version of this program."""
    monkeypatch.setattr(Third, "NAME", "permit.third")
    monkeypatch.setitem(EVENTS, "permit.third@3", Third)
    monkeypatch.setitem(codec.UPCASTERS, "permit.third@1", lambda old: {**old, "weeks": old["week"]})
    monkeypatch.setitem(codec.UPCASTERS, "permit.third@2", lambda old: {**old, "days": 7 * old["weeks"]})
    common = {
        "event_id": "1",
        "effective_on": "2014-01-01",
        "actor": {"id": "a", "role": "r"},
        "operator": "o",
        "correlation_id": "c",
    }
    event = codec.decode("permit.third@1", msgspec.json.encode({**common, "week": 2}))
    assert isinstance(event, Third)
    assert event.days == 14
    with pytest.raises(PermitsError, match=r"integrity\.broken"):
        codec.decode("permit.third@1", msgspec.json.encode(common))
