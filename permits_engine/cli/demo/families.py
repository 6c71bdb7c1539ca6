"""One family and one refugee through the years, in a store of their own: the operation's totals stay as they are.

The people are synthetic. ``families.yaml`` holds their story, which goes through the law that protects them: women
accepted from July 2014, ties between files, coming of age, a hearing that opens no work, recognition, a card shorter
than the law's, the spring of 2020, and the end of a title on which another depends.
"""

from __future__ import annotations

from datetime import date, timedelta
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import yaml

from permits_engine.application.queries.views import PermitView
from permits_engine.cli.demo.applicants import FAMILY, GIVEN
from permits_engine.commands import parse
from permits_engine.domain.errors import PermitsError
from permits_engine.domain.events import Actor
from permits_engine.engine import Engine
from permits_engine.scheduler.delivery.memory import sink_routes
from permits_engine.scheduler.passes.run import run_pass
from permits_engine.testing.clock import FakeClock
from permits_engine.testing.office import expected_role

STORE = "years.db"
OFFICE = "MA-RAB"
TIME_ZONE = "Africa/Casablanca"


class Step(msgspec.Struct, array_like=True):
    """A command on a file, on a day."""

    day: date
    file: str
    command: str
    fields: dict[str, Any]

    @property
    def person(self) -> str:
        """The person whose file it is."""
        return _person(self.file)


class Story(msgspec.Struct):
    """People, the steps of their files, the notes on steps, and the names of titles."""

    people: dict[str, dict[str, Any]]
    steps: list[Step]
    notes: dict[str, str]
    papers: dict[str, str]


class Played(msgspec.Struct):
    """A story that was played: its store, its files by name, and lines for people to read."""

    story: Story
    store: Path
    files: dict[str, str] = msgspec.field(default_factory=dict)
    lines: list[str] = msgspec.field(default_factory=list)

    def in_words(self) -> list[str]:
        """Return the story as lines of text."""
        return [
            "",
            "One family and one refugee through the years",
            *(f"  {line}".rstrip() for line in self.lines),
        ]

    def to_try(self, store: str) -> list[str]:
        """Return commands to type: what was open to the refugee and the mother, when, and by which rules."""
        refugee, card, mother = (self.files[name] for name in ("refugee-1", "refugee-2", "mother"))
        return [
            f"  permits --store {store} rights {refugee} --on 2016-11-01    # heard: protected, and no work",
            f"  permits --store {store} explain {card} --version 4    # shorter than the law's",
            f"  permits --store {store} show {mother} --as-of 2023-03-01    # what it depended on has ended",
            f"  permits --store {store} attestation {mother} --on 2023-10-01 --language ar",
        ]


def play(folder: Path, seed: int) -> Played:
    """Play the story into a store of its own in the folder, with a pass at the beginning of each quarter."""
    text = (resources.files(__package__) / "families.yaml").read_text(encoding="utf-8")
    story = msgspec.convert(yaml.safe_load(text), Story, strict=False)
    first, last = story.steps[0].day, date(2023, 12, 1)
    clock = FakeClock(time_zone=TIME_ZONE)
    clock.at(first - timedelta(days=1))
    played = Played(story, folder / STORE)
    with Engine.initialise(
        f"sqlite:///{played.store}",
        clock=clock,
        simulated=True,
        operator="demo",
        random=Random(seed).randbytes,
        keys=folder / "years.keys",
    ) as engine:
        holders = _register(engine, story, seed)
        routes, _ = sink_routes()
        for day in sorted({*_quarters(first, last), *(step.day for step in story.steps)}):
            clock.at(day)
            for step in story.steps:
                if step.day == day:
                    _do(engine, played, holders, step)
            report = run_pass(engine.context, routes, on=day)
            if report.acts.get("permit.principal_ended"):
                played.lines.append(
                    f"{day}  a pass finds that a title has ended, and notifies those that depend on it"
                )
        played.lines += ["", *_by_year(engine, played, range(first.year, last.year + 1))]
    return played


def _register(engine: Engine, story: Story, seed: int) -> dict[str, str]:
    """Register the people under names that are drawn from the seed; the family shares one."""
    draw = Random(seed)
    shared = draw.choice(FAMILY["fr"])
    holders = {}
    for name, person in story.people.items():
        language, sex = person["language"], person["sex"]
        names = {
            "family_name": shared if language == "fr" else draw.choice(FAMILY[language]),
            "given_names": draw.choice(GIVEN[language][sex]),
        }
        register = parse("register_holder", {**names, **person})
        outcome = engine.execute(register, actor=Actor("officer-1", "counter", OFFICE))
        holders[name] = str(outcome.holder_id)
    return holders


def _quarters(first: date, last: date) -> list[date]:
    """Return days of a pass besides those of the story; what happens in between is dated on its own day."""
    days = (date(year, month, 1) for year in range(first.year, last.year + 1) for month in (1, 4, 7, 10))
    return [day for day in days if first <= day <= last]


def _do(engine: Engine, played: Played, holders: dict[str, str], step: Step) -> None:
    """Give the command of a step in the role that the law asks for; note what it shows, or its refusal."""
    fields = {"on": step.day, **step.fields}
    if step.command == "lodge_application":
        fields |= {"holder_id": holders[step.person], "jurisdiction": OFFICE[:2], "prefecture": OFFICE}
    else:
        fields["permit_id"] = played.files[step.file]
    if step.command == "record_fact":
        fields["evidence"] = "the paper was seen"
        if "of" in fields:
            fields["of"] = played.files[fields["of"]]
    command = parse(step.command, fields)
    role, _ = expected_role(engine, command, OFFICE, on=step.day, permit_id=played.files.get(step.file))
    try:
        outcome = engine.execute(command, actor=Actor(f"{role}-1", role, OFFICE))
    except PermitsError as refused:
        what, reason = step.command.replace("_", " "), refused.message.partition(";")[0]
        played.lines.append(f"{step.day}  {step.person}, {what} refused ({refused.code}): {reason}")
        return
    if step.command == "lodge_application":
        played.files[step.file] = str(outcome.permit_id)
    note = played.story.notes.get(f"{step.file} {step.command}")
    if note is not None:
        played.lines.append(f"{step.day}  {step.person}: {note}")


def _by_year(engine: Engine, played: Played, years: range) -> list[str]:
    """Return on each first of July the title or protection under which each person stays."""
    people = played.story.people
    lines = [f"{'on':12}" + "".join(f"{name:20}" for name in people).rstrip()]
    for day in (date(year, 7, 1) for year in years):
        cells = [
            _stay(engine, played, day, [id_ for name, id_ in played.files.items() if _person(name) == person])
            for person in people
        ]
        lines.append(f"{day.isoformat():12}" + "".join(f"{cell:20}" for cell in cells).rstrip())
    return lines


def _person(file: str) -> str:
    return file.partition("-")[0]


def _stay(engine: Engine, played: Played, day: date, files: list[str]) -> str:
    views = [view for each in files if (view := engine.permit(each, as_of=day)).application_status != "none"]
    lawful = [view for view in views if view.lawful_stay and view.title_status != "closed"]
    if not lawful:
        return _without_title(engine, day, views[-1]) if views else "-"
    view = next((x for x in reversed(lawful) if x.standing["because"] == "title"), lawful[-1])
    because = str(view.standing["because"])
    paper = view.title_kind if because == "title" else because
    return played.story.papers.get(paper, because.replace("_", " "))


def _without_title(engine: Engine, day: date, view: PermitView) -> str:
    """Return what ended the title, or what protects from removal."""
    if view.title_status == "lost_by_absence":
        return "lost by absence"
    protection = engine.queries.rights(view.permit_id, on=day)[-1]
    return str(protection["because"]).replace("_", " ") if protection["open"] else "nothing"
