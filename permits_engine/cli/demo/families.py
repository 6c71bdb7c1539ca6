"""One family and one refugee through the years, in a store of their own: the operation's totals stay what they are.

The people are synthetic; who they are is drawn from the seed, what happens to them is a story that goes past the law
that protects them: women accepted from July 2014, ties between files, coming of age, a hearing that opens no work,
recognition, a card shorter than the law's, the spring of 2020, and the end of the title on which another hangs.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from permits_engine.application.queries.views import PermitView
from permits_engine.cli.demo.applicants import FAMILY, GIVEN
from permits_engine.commands import parse
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock

STORE = "years.db"
FIRST, LAST = date(2014, 3, 10), date(2023, 12, 1)
_WHY = {"reasons_in_fact": "what was shown did not suffice", "reasons_in_law": "law 02-03, article 19"}
_HEARD = "2016-10-09"
_PAPER = {"mode": "written", "proof": "signed receipt"}
_COMMISSION = {"body": "local_commission", "reasons": "heard"}

PEOPLE = {
    "father": ("fr", "M", "SEN", date(1979, 2, 3)),
    "mother": ("fr", "F", "SEN", date(1982, 9, 21)),
    "daughter": ("fr", "F", "SEN", date(2001, 6, 15)),
    "refugee": ("ar", "M", "SYR", date(1988, 11, 30)),
}
"""Language, sex, nationality and birth date; names are drawn."""

_PAPERS = {
    "registration_card": "card",
    "residence_card": "ten-year card",
    "minor_document": "minors' document",
    "majority_period": "six months of age",
}
Step = tuple[str, str, str, dict[str, Any]]
"""A day, a file, a command and its fields; a file is lodged for the person whose name it begins with."""

STORY: tuple[Step, ...] = (
    ("2014-03-10", "father", "lodge_application", {"category": "regularisation-2014", "criterion": "R4"}),
    ("2014-04-14", "father", "record_opinion", {**_COMMISSION, "favourable": True}),
    ("2014-05-05", "father", "issue_permit", {}),
    ("2014-05-12", "mother", "lodge_application", {"category": "regularisation-2014", "criterion": "R2"}),
    ("2014-06-02", "mother", "record_opinion", {**_COMMISSION, "favourable": False}),
    ("2014-06-16", "mother", "refuse_application", _WHY),
    ("2014-06-17", "mother", "notify_decision", _PAPER),
    ("2014-07-07", "mother", "lodge_appeal", {"body": "national_commission"}),
    ("2014-09-15", "mother", "decide_appeal", {"outcome": "upheld", "reasons": "every woman is accepted"}),
    ("2014-10-01", "mother", "issue_permit", {}),
    (
        "2014-10-02",
        "mother",
        "record_fact",
        {"kind": "spouse_of_resident", "since": "2000-05-20", "of": "father"},
    ),
    ("2015-02-02", "refugee-1", "lodge_application", {"category": "ordinary"}),
    ("2015-03-02", "refugee-1", "refuse_application", _WHY),
    ("2015-03-03", "refugee-1", "notify_decision", _PAPER),
    (
        "2015-03-10",
        "refugee-1",
        "record_fact",
        {"kind": "pending_asylum", "since": "2015-03-10", "until": "2016-10-09"},
    ),
    (
        "2015-06-01",
        "refugee-1",
        "order_removal",
        {"ground": "after-refusal", "notified_at": "2015-06-01T10:00:00Z"},
    ),
    ("2016-10-10", "refugee-1", "record_fact", {"kind": "hearing_receipt", "since": "2016-10-10"}),
    ("2017-04-10", "father", "request_renewal", {}),
    ("2017-04-20", "father", "renew_permit", {}),
    ("2017-09-04", "mother", "request_renewal", {}),
    ("2017-09-14", "mother", "renew_permit", {}),
    ("2017-10-02", "daughter-1", "lodge_application", {"category": "minor"}),
    (
        "2017-10-02",
        "daughter-1",
        "record_fact",
        {"kind": "minor", "since": "2001-06-15", "until": "2019-06-14"},
    ),
    (
        "2017-10-02",
        "daughter-1",
        "record_fact",
        {"kind": "child_of_resident", "since": "2001-06-15", "of": "father"},
    ),
    ("2017-10-16", "daughter-1", "issue_permit", {}),
    ("2018-06-04", "father-2", "lodge_application", {"category": "residence"}),
    ("2018-06-04", "father-2", "record_fact", {"kind": "lawful_residence", "since": "2014-05-05"}),
    ("2018-07-02", "father-2", "issue_permit", {}),
    ("2018-07-03", "father", "close_permit", {"reason": "other_title"}),
    (
        "2018-07-04",
        "mother",
        "record_fact",
        {"kind": "spouse_of_resident", "since": "2018-07-02", "of": "father-2"},
    ),
    ("2018-10-01", "daughter-1", "request_renewal", {}),
    ("2018-10-08", "daughter-1", "renew_permit", {}),
    ("2019-03-04", "refugee-2", "lodge_application", {"category": "refugee"}),
    ("2019-03-04", "refugee-2", "record_fact", {"kind": "refugee_recognised", "since": "2019-02-25"}),
    ("2019-04-08", "refugee-2", "issue_permit", {"term": "P1Y"}),
    ("2019-10-07", "daughter-2", "lodge_application", {"category": "ordinary"}),
    ("2019-11-04", "daughter-2", "issue_permit", {"term": "P5Y"}),
    ("2020-07-20", "refugee-2", "request_renewal", {}),
    ("2020-09-07", "refugee-2", "renew_permit", {}),
    ("2020-09-01", "mother", "request_renewal", {}),
    ("2020-09-15", "mother", "renew_permit", {}),
    ("2021-02-01", "father-2", "record_exit", {}),
    ("2023-09-04", "mother", "request_renewal", {}),
    ("2023-09-18", "mother", "renew_permit", {}),
    ("2023-09-20", "mother", "record_fact", {"kind": "own_ground", "since": "2022-01-10"}),
    ("2023-09-21", "mother", "renew_permit", {}),
)
TOLD = {
    ("mother", "decide_appeal"): "from July 2014 every woman is accepted, and her refusal falls",
    ("mother", "record_fact"): "a fact of her file: the tie to his, and in the end a ground of her own",
    (
        "refugee-1",
        "record_fact",
    ): "a paper of the asylum chain, which protects, opens school and care, and no work",
    ("daughter-1", "issue_permit"): "a minors' document, which ends with minority",
    ("father-2", "issue_permit"): "a residence card of ten years, after four of lawful residence",
    (
        "refugee-2",
        "issue_permit",
    ): "recognised; a card of one year, recorded as departing from the ten of article 17",
    (
        "daughter-2",
        "lodge_application",
    ): "of age since June, she asks for a card of her own within six months",
    (
        "refugee-2",
        "renew_permit",
    ): "asked in time, since the spring of 2020 does not count; ten years as of right",
    ("father-2", "record_exit"): "he leaves, and does not come back within two years",
    ("mother", "renew_permit"): "her card is renewed",
}


class Years(msgspec.Struct):
    """What came of it: the files by their names, and what is told, day by day."""

    store: Path
    files: dict[str, str] = msgspec.field(default_factory=dict)
    lines: list[str] = msgspec.field(default_factory=list)


def live(folder: Path, seed: int) -> Years:
    """Play the story into a store of its own in the folder, with a pass at each quarter's beginning."""
    clock = FakeClock()
    clock.at(FIRST - timedelta(days=1))
    found = Years(folder / STORE)
    with Engine.initialise(
        f"sqlite:///{found.store}",
        clock=clock,
        simulated=True,
        operator="demo",
        random=Random(seed).randbytes,
        keys=folder / "years.keys",
    ) as engine:
        holders = _registered(engine, seed)
        days = sorted({*_quarters(), *(date.fromisoformat(day) for day, *_ in STORY)})
        routes, _ = sink_routes()
        for day in days:
            clock.at(day)
            for at, file, name, fields in STORY:
                if at == day.isoformat():
                    _step(engine, found, holders, day, (at, file, name, fields))
            report = run_pass(engine.context, routes, on=day)
            if report.acts.get("permit.principal_ended"):
                found.lines.append(
                    f"{day}  a pass finds that a title has ended, and tells those that hang on it"
                )
        found.lines += ["", *_standings(engine, found.files)]
    return found


def _registered(engine: Engine, seed: int) -> dict[str, str]:
    draw = Random(seed)
    shared = draw.choice(FAMILY["fr"])
    holders = {}
    for who, (language, sex, nationality, born) in PEOPLE.items():
        outcome = engine.execute(
            parse(
                "register_holder",
                {
                    "family_name": shared if language == "fr" else draw.choice(FAMILY[language]),
                    "given_names": draw.choice(GIVEN[language, sex]),
                    "birth_date": born,
                    "sex": sex,
                    "nationality": nationality,
                    "language": language,
                },
            ),
            actor=Actor("officer-1", "counter", "MA-RAB"),
        )
        holders[who] = str(outcome.holder_id)
    return holders


def _quarters() -> list[date]:
    """Days of a pass beside those of the story: what time does in between bears its own day."""
    return [
        date(year, month, 1)
        for year in range(FIRST.year, LAST.year + 1)
        for month in (1, 4, 7, 10)
        if FIRST <= date(year, month, 1) <= LAST
    ]


def _step(engine: Engine, found: Years, holders: dict[str, str], day: date, step: Step) -> None:
    _, file, name, fields = step
    fields = {"on": day, **fields}
    if name == "lodge_application":
        who = file.partition("-")[0]
        fields |= {"holder_id": holders[who], "jurisdiction": "MA", "prefecture": "MA-RAB"}
    else:
        fields["permit_id"] = found.files[file]
    if name == "record_fact":
        fields["evidence"] = "the paper was seen"
        if "of" in fields:
            fields["of"] = found.files[fields["of"]]
    body = fields.get("body") if name == "record_opinion" else None
    if name == "decide_appeal":
        body = engine.queries.pending_body(found.files[file], day)
    role = next(iter(engine.queries.roles("MA", name, day, body)))
    said = TOLD.get((file, name))
    try:
        outcome = engine.execute(parse(name, fields), actor=Actor(f"{role}-1", role, "MA-RAB"))
    except PermitsError as refused:
        who, what = file.partition("-")[0], name.replace("_", " ")
        found.lines.append(
            f"{day}  {who}, {what} refused ({refused.code}): {refused.message.partition(';')[0]}"
        )
        return
    if name == "lodge_application":
        found.files[file] = str(outcome.permit_id)
    if said is not None:
        found.lines.append(f"{day}  {file.partition('-')[0]}: {said}")


def _standings(engine: Engine, files: dict[str, str]) -> list[str]:
    """On each first of July, by which paper each of them stays."""
    lines = [f"{'on':12}" + "".join(f"{who:20}" for who in PEOPLE).rstrip()]
    for year in range(FIRST.year, LAST.year + 1):
        day = date(year, 7, 1)
        cells = [
            _standing(engine, day, [id_ for name, id_ in files.items() if _of(name) == who]) for who in PEOPLE
        ]
        lines.append(f"{day.isoformat():12}" + "".join(f"{cell:20}" for cell in cells).rstrip())
    return lines


def _of(file: str) -> str:
    return file.partition("-")[0]


def _standing(engine: Engine, day: date, files: list[str]) -> str:
    views = [view for each in files if (view := engine.permit(each, as_of=day)).application_status != "none"]
    lawful = [view for view in views if view.lawful_stay and view.title_status != "closed"]
    if not lawful:
        return _without(engine, day, views[-1]) if views else "-"
    view = next((x for x in reversed(lawful) if x.standing["because"] == "title"), lawful[-1])
    because = str(view.standing["because"])
    return _PAPERS.get(view.title_kind if because == "title" else because, because.replace("_", " "))


def _without(engine: Engine, day: date, view: PermitView) -> str:
    """What stands for a title where there is none: what ended it, or what protects from removal."""
    if view.title_status == "lost_by_absence":
        return "lost by absence"
    protection = engine.queries.rights(view.permit_id, on=day)[-1]
    return str(protection["because"]).replace("_", " ") if protection["open"] else "nothing"


def told(years: Years) -> list[str]:
    """The story in lines for a person."""
    return [
        "",
        "One family and one refugee through the years",
        *(f"  {line}".rstrip() for line in years.lines),
    ]


def to_try(years: Years, store: str) -> list[str]:
    """Commands to type: what was open to the refugee and the mother, on which days and by which rules."""
    refugee, card, mother = (years.files[name] for name in ("refugee-1", "refugee-2", "mother"))
    return [
        f"  permits --store {store} rights {refugee} --on 2016-11-01    # heard: protected, and no work",
        f"  permits --store {store} explain {card} --version 4    # shorter than the law's",
        f"  permits --store {store} show {mother} --as-of 2023-03-01    # what it hung on has ended",
        f"  permits --store {store} attestation {mother} --on 2023-10-01 --language ar",
    ]
