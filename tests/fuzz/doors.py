"""The doors: how bytes from outside come into the engine, each with good files to begin from.

``enter`` brings bytes in as an operator or a stranger would. It may refuse them with a documented error and must not do
anything else: no other exception, no hang, no code run.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zlib import crc32

from hypothesis import strategies as st

from permits_engine import Actor, Engine
from permits_engine.audit.integrity.trusted_roots import from_outside
from permits_engine.cli.execute_lines import read_line
from permits_engine.cli.settings import load as load_settings
from permits_engine.documents import receipt_proof as receipts
from permits_engine.documents import receipt_status_list
from permits_engine.documents.letter_templates import NoticesError, Templates
from permits_engine.documents.receipt_proof import found_in
from permits_engine.domain.errors import CODES, PermitsError, invalid
from permits_engine.policies.loading import packaged, read_file
from permits_engine.scheduler.notices import bounce, renewal_token
from permits_engine.store.log import proofs
from permits_engine.store.log.signed_note import Signer, packed
from permits_engine.testing.builders import a_title
from permits_engine.testing.clock import FakeClock
from permits_engine.testing.scenario_files import load as load_scenario
from permits_engine.testing.scenarios import run_file as run_scenario
from tests.fuzz.mutations import edited, rebuilt, recelled

ROOT = Path(__file__).resolve().parents[2]
SIGNER = Signer("fuzz", b"\x05" * 32)


@dataclass(frozen=True)
class Door:
    """One way in."""

    name: str
    enter: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    tree: str | None = None
    """What its files are made of: yaml, json, csv or none of them."""

    @property
    def brought(self) -> st.SearchStrategy[bytes]:
        """What is brought to it."""
        ways = [edited(self.seeds), st.binary(max_size=80)]
        if self.tree == "csv":
            ways = [recelled([each for each in self.seeds if each.isascii() or b"\xc3" in each]), *ways]
        elif self.tree is not None:
            ways = [rebuilt(self.seeds, as_json=self.tree == "json"), *ways]
        return st.one_of(*ways)

    def try_to_enter(self, content: bytes) -> str:
        """The code with which it is refused, or that it is taken; anything else is raised: a finding."""
        try:
            self.enter(content)
        except PermitsError as refused:
            assert refused.code in CODES, f"{refused.code} is no documented code"
            assert refused.message, "a refusal without a sentence"
            json.dumps(refused.as_dict())
            return refused.code
        except NoticesError as refused:  # what the letters' own reader documents
            assert str(refused)
            return "notices"
        return "taken"


@contextlib.contextmanager
def doors() -> Iterator[dict[str, Door]]:
    """Every door, opened on one store in memory."""
    clock = FakeClock(datetime(2018, 1, 10, 9, tzinfo=UTC))
    with TemporaryDirectory(prefix="permits-fuzz-") as name, Engine.open("sqlite://", clock=clock) as engine:
        actors = {"issue_permit": "decider", "record_opinion": "local_commission"}
        for command in a_title():
            engine.execute(command, actor=Actor("a", actors.get(command.name, "counter"), "MA-RAB"))
        found = _all(engine, Path(name))
        yield {door.name: door for door in found}


def _all(engine: Engine, folder: Path) -> list[Door]:
    file = folder / "brought"

    def by_file(read: Callable[[Path], object], content: bytes) -> object:
        file.write_bytes(content)
        return read(file)

    permit_id = engine.find()[0]["permit_id"]
    note = engine.audit.checkpoint().note.encode()
    keys = engine.context.signing.verifiers(engine.audit.origin)
    given = renewal_token.Token(permit_id, 1, date(2018, 2, 15))
    signer = engine.context.signing.signer(engine.audit.origin)
    token = renewal_token.issue(given, engine.audit.origin, signer.signature)
    paper = receipts.issue(_filing(), "fuzz", SIGNER.signature)
    marks = "\n".join(("fuzz " + receipt_status_list.HEAD, "2018-01-10", "0", "")) + "\n"
    return [
        Door("register", partial(by_file, engine.store.import_register), _registers(), "csv"),
        Door("commands", partial(_commands, engine), _lines(permit_id), "json"),
        Door(
            "policy",
            partial(by_file, lambda path: engine.policies.adopt(read_file(path))),
            _policies(),
            "yaml",
        ),
        Door("scenario", partial(by_file, _scenario), _scenarios(), "yaml"),
        Door("notices", _notices, _letters(), "yaml"),
        Door("proof", partial(_proof, keys), (str(engine.audit.prove(permit_id, 1)).encode(),)),
        Door("checkpoint", lambda content: from_outside(content, "kept", engine.audit.origin, keys), (note,)),
        Door("token", lambda content: engine.notices.verify_token(_text(content)), (token.encode(),)),
        Door(
            "signed-token",
            partial(_signed_token, engine),
            (renewal_token.Token(permit_id, 1, date(2018, 2, 15)).content(),),
        ),
        Door(
            "receipt",
            _receipt,
            (paper.encode(), b"Recu\n" + paper[:40].encode() + b"\n" + paper[40:].encode()),
        ),
        Door(
            "status-list",
            lambda content: receipt_status_list.read(content, [SIGNER.verifier]),
            (SIGNER.sign(marks).encode(),),
        ),
        Door("bounce", bounce.parse, _bounces()),
        Door("settings", partial(_settings, folder), _settings_files()),
    ]


def _text(content: bytes) -> str:
    """As an argument of a command line comes to the program."""
    return os.fsdecode(content)


def _commands(engine: Engine, content: bytes) -> None:
    command, actor = read_line(content)
    engine.execute(command, actor=actor)


def _scenario(path: Path) -> None:
    """Every file is read; of those that are good one in eight is lived through, which takes a store of its own."""
    load_scenario(path)
    if crc32(path.read_bytes()) % 8 == 0:
        run_scenario(path)


def _notices(content: bytes) -> None:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise invalid("notices", "is not UTF-8 text") from None
    Templates("MA", {"brought.yaml": text})


def _proof(keys: Any, content: bytes) -> None:
    proof = proofs.read(content, "brought")
    proofs.to_dict(proof.check(keys), proof)


def _signed_token(engine: Engine, content: bytes) -> None:
    """Read a token with any content that the store's own key has signed."""
    signer = engine.context.signing.signer(engine.audit.origin)
    signature = signer.signature(renewal_token._text(content, engine.audit.origin))
    engine.notices.verify_token(packed(content, signature))


def _receipt(content: bytes) -> None:
    found = found_in(content.decode("utf-8", "replace"))
    for text in (found or "", _text(content)):
        receipts.check(text, [SIGNER.verifier], on=date(2018, 1, 10))


def _settings(folder: Path, content: bytes) -> None:
    (folder / "permits.toml").write_bytes(content)
    with contextlib.chdir(folder):
        load_settings()


# --- good files -------------------------------------------------------------------------------------------


def _registers() -> tuple[bytes, ...]:
    from tests.registers import ENGLISH, FRENCH, GOOD

    french = (
        ";".join(FRENCH)
        + "\n"
        + "".join(
            ";".join({**GOOD, "numero_dossier": f"RAB-{n}"}.get(name, "") for name in FRENCH) + "\n"
            for n in range(3)
        )
    )
    values = [GOOD.get(name, "") for name in FRENCH]
    english = ",".join(ENGLISH) + "\n" + ",".join(f'"{value}"' for value in values) + "\n"
    return (
        french.encode(),
        french.encode("cp1252"),
        french.encode("utf-16"),
        french.replace(";", "\t").encode("utf-8-sig"),
        english.encode(),
    )


def _lines(permit_id: str) -> tuple[bytes, ...]:
    holder = {
        "family_name": "Diallo",
        "given_names": "Aminata",
        "birth_date": "1990-04-01",
        "sex": "F",
        "nationality": "SEN",
        "language": "fr",
        "email": "holder@example.org",
        "phone": "+212661000000",
    }
    actor = {"id": "a", "role": "counter", "prefecture": "MA-RAB"}
    decider = {**actor, "role": "decider"}
    on = {"permit_id": permit_id, "on": "2018-01-09"}
    reasons = {"reasons_in_fact": "f", "reasons_in_law": "l"}
    correction = {"of_version": 1, "field": "sex", "value": "M", "reason": "r"}

    given: list[dict[str, Any]] = [
        {"command": "register_holder", "actor": actor, **holder},
        {"command": "request_renewal", "actor": actor, "missing": ["photos"], "command_id": "x", **on},
        {"command": "renew_permit", "actor": decider, "term": "P3Y", "expected_version": 7, **on},
        {
            "command": "renew_permit",
            "actor": decider,
            "term": "P1Y",
            "exclusion": {"fact": "a", **reasons},
            **on,
        },
        {"command": "correct_record", "actor": decider, **correction, **on},
        {
            "command": "order_removal",
            "actor": decider,
            "ground": "g",
            "notified_at": "2018-01-09T10:00:00Z",
            **on,
        },
        {
            "command": "record_fact",
            "actor": actor,
            "kind": "minor",
            "since": "2017-01-01",
            "evidence": "e",
            **on,
        },
        {
            "command": "lodge_appeal",
            "actor": actor,
            "body": "gracious",
            "at": "2018-01-09T10:00:00+01:00",
            **on,
        },
    ]
    return tuple(json.dumps(each).encode() for each in given)


def _policies() -> tuple[bytes, ...]:
    """Small texts of a made-up country: every value of the packaged rules once, some to a text."""
    import yaml

    rows = yaml.safe_load(packaged("MA").partition("\n---\n")[0])["parameters"]
    seen: dict[str, Any] = {}
    for row in rows:
        seen.setdefault(row["name"], row)
    names = list(seen)
    texts = []
    calendar = {
        "calendar": "XX",
        "time_zone": "UTC",
        "weekend": [6, 7],
        "source": {"text": "a decree"},
        "rank": "decree",
        "confidence": "high",
    }
    offices = {
        "offices": "XX",
        "source": {"text": "a decree"},
        "rank": "decree",
        "confidence": "high",
        "list": [{"code": "XX-A", "name": {"en": "Somewhere"}}],
    }
    for first in range(0, len(names), 6):
        policy = {
            "policy": "XX",
            "title": "a country",
            "parameters": [seen[name] for name in names[first : first + 6]],
        }
        texts.append(
            yaml.safe_dump_all([policy, calendar, offices], sort_keys=False, allow_unicode=True).encode()
        )
    return tuple(texts)


def _scenarios() -> tuple[bytes, ...]:
    names = (
        "campaigns/one-year-card-renewed-for-three-years",
        "documents/one-early-request-from-the-list",
        "decisions/notification-of-latest-decision",
        "decisions/blank-proof",
        "spain/renewal-under-spanish-policy",
        "receipts/extended-until-refusal-notified",
        "renewals/titles-ended-in-2020-lockdown",
    )
    return tuple((ROOT / f"tests/scenarios/{name}.yaml").read_bytes() for name in names)


def _letters() -> tuple[bytes, ...]:
    folder = ROOT / "permits_engine/jurisdictions"
    return tuple((folder / name).read_bytes() for name in ("ma/notices/fr.yaml", "es/notices/es.yaml"))


def _bounces() -> tuple[bytes, ...]:
    from tests.unit.scheduler.notices.test_bounce import POSTFIX

    return tuple(POSTFIX.format(kind=kind).encode() for kind in ("message/rfc822", "text/rfc822-headers"))


def _settings_files() -> tuple[bytes, ...]:
    return (
        b'store = "sqlite:///permits.db"\nkeys = "permits.keys"\nbrake = 100\ninterval = 60.5\n'
        b'operator_roles = ["counter@MA-RAB"]\noffice_digest = true\n[office_addresses]\nMA-RAB = "o@example.org"\n',
        b'smtp_host = "mail.example.org"\nsmtp_port = 25\nsmtp_security = "none"\nchannels = ["mail", "sms"]\n'
        b'[[services]]\nname = "sms"\nurl = "json://localhost/{phone}"\nsegments = 2\n',
    )


def _filing() -> receipts.Filing:
    day = date(2018, 1, 10).toordinal()
    return receipts.Filing(
        permit=b"\x01" * 16,
        kind="renewal",
        filed=day,
        timely=True,
        missing=(),
        serial=7,
        since=day,
        until=day + 90,
        stands_for_title=True,
        office="MA-RAB",
        issued=day,
        name="Aminata Diallo",
        born=None,
        position=12,
        leaf=b"\x02" * 32,
    )
