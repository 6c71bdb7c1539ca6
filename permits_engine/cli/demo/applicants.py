"""Synthetic applicants in the published proportions: shares from the figures, individuals from a seed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from importlib import resources
from random import Random

import msgspec
import yaml

from permits_engine.domain.calendars import Calendar
from permits_engine.domain.periods import ONE_DAY

APPLICATIONS = 27_649
"""Applications of the operation of 2014 (final count)."""
REGULARISED = 23_096
"""Cards given (final figure a, of September 2016, to which the published breakdowns belong)."""
WOMEN = 10_178
"""Women among the applicants, all of them accepted (9 February 2015)."""
FIRST_WAVE = 17_916
"""Favourable by 9 February 2015."""
BEFORE_THE_WIDENING = 18_694
"""Favourable by 26 October 2015, when the national commission widened the criteria."""
DISMISSED = 1_809
"""Appeals dismissed by the national commission."""
FAVOURABLE_BY_MID_MARCH = 325
"""Favourable by the middle of March 2014, of about 3,000 examined (the sources say 300 to 350)."""
BY_MID_MARCH = 13_000
"""Applications filed by the middle of March 2014."""
_DATA = yaml.safe_load((resources.files(__package__) / "applicants.yaml").read_text(encoding="utf-8"))
OFFICES: dict[str, str] = _DATA["offices"]
OTHERS: list[str] = _DATA["others"]
"""The nationalities that represent the hundred without a published share."""
LANGUAGES = {code: language for language, codes in _DATA["languages"].items() for code in codes}
FAMILY: dict[str, list[str]] = _DATA["family_names"]
GIVEN: dict[str, dict[str, list[str]]] = _DATA["given_names"]
AGES = {"adult": (18, 50), "minor": (6, 17), "infant": (0, 5), "over_50": (51, 75)}
PATIENCE = ((0.55, 1), (0.25, 2), (0.10, 3), (0.04, 4), (0.03, 7))
"""Share of holders who act on their first, second, … letter; the others never do. An assumption of the demo."""
NEVER = 99

THREE_YEARS = "2017-01-10"
"""Cards are renewed for three years from that day on."""
EARLY = date(2014, 3, 14)
"""By the middle of March the commissions had heard few files, and one in nine opinions was favourable."""
EASED = date(2014, 7, 1)
"""From July 2014 on every application of a woman was accepted."""


class Applicant(msgspec.Struct, gc=False):
    """One synthetic person and the course of their file.

    ``course``: granted by the office; upheld for women in 2014, upheld or dismissed by the national
    commission before or after it widened the criteria; or refused for good. ``patience``: on which letter
    they act.
    """

    number: int
    family_name: str
    given_names: str
    birth_date: date
    sex: str
    nationality: str
    language: str
    office: str
    criterion: str
    filed_on: date
    heard_on: date
    course: str
    patience: int


def figures(name: str) -> list[dict[str, str]]:
    """Read a published table, as printed by its source."""
    file = resources.files("permits_engine") / "jurisdictions" / "ma" / "figures" / f"{name}.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def shares(name: str, key: str) -> dict[str, float]:
    """Read the percentages of a published table by one of its columns."""
    return {row[key]: float(row["share_percent"]) for row in figures(name)}


def apportioned(weights: Mapping[str, float], total: int) -> dict[str, int]:
    """Divide a total in proportion to the weights (largest remainders)."""
    whole = sum(weights.values())
    exact = {name: total * weight / whole for name, weight in weights.items()}
    counts = {name: int(value) for name, value in exact.items()}
    missing = total - sum(counts.values())
    for name in sorted(exact, key=lambda each: (counts[each] - exact[each], each))[:missing]:
        counts[name] += 1
    return counts


def dealt(weights: Mapping[str, float], total: int, random: Random) -> list[str]:
    """Return as many names as applicants, in proportion to the weights and in a seeded order."""
    names = [name for name, count in apportioned(weights, total).items() for _ in range(count)]
    random.shuffle(names)
    return names


def applicant_shares() -> dict[str, float]:
    """Return the seven published shares of applicants; the rest as among cards, and one for others."""
    known = shares("campaign-2014-applicants-by-nationality", "iso3")
    cards = card_shares()
    rest = {code: share for code, share in cards.items() if code not in known}
    scale = (100 - sum(known.values())) / sum(rest.values())
    return known | {code: share * scale for code, share in rest.items()}


def card_shares() -> dict[str, float]:
    """Return the published shares of cards by nationality, and what is missing to a hundred for the others."""
    known = shares("campaign-2014-regularised-by-nationality", "iso3")
    rest = max(0.0, 100 - sum(known.values()))
    return known | dict.fromkeys(OTHERS, rest / len(OTHERS))


def applicants(scale: float, seed: int, calendar: Calendar) -> list[Applicant]:
    """Return the applicants of a run, in the order of filing; the same seed gives the same people."""
    random = Random(seed)
    total = max(1, round(APPLICATIONS * scale))
    nationalities = dealt(applicant_shares(), total, random)
    sexes = dealt({"F": WOMEN, "M": APPLICATIONS - WOMEN}, total, random)
    offices = dealt(shares("campaign-2014-regularised-by-prefecture", "prefecture"), total, random)
    ages = dealt(_ages(), total, random)
    filed = _filing_days(total, calendar, random)
    heard = [_hearing(day, calendar, random) for day in filed]
    courses = _courses(nationalities, sexes, heard, random)
    return [
        _applicant(random, n + 1, *each)
        for n, each in enumerate(zip(nationalities, sexes, offices, ages, filed, heard, courses, strict=True))
    ]


def _applicant(
    random: Random,
    number: int,
    nationality: str,
    sex: str,
    office: str,
    age: str,
    filed: date,
    heard: date,
    course: str,
) -> Applicant:
    language = LANGUAGES.get(nationality, "fr")
    low, high = AGES[age]
    criteria = ("R3",) if age in {"minor", "infant"} else ("R1", "R2", "R4", "R5", "R5", "R6")
    return Applicant(
        number=number,
        family_name=random.choice(FAMILY[language]),
        given_names=random.choice(GIVEN[language][sex]),
        birth_date=filed - timedelta(days=random.randint(low * 366, (high + 1) * 365 - 1)),
        sex=sex,
        nationality=nationality,
        language=language,
        office=OFFICES[office],
        criterion=random.choice(criteria),
        filed_on=filed,
        heard_on=heard,
        course=course,
        patience=_patience(random),
    )


def _ages() -> dict[str, float]:
    printed = {row["measure"]: float(row["value"]) for row in figures("campaign-2014-sex-and-age")}
    names = {"over_18": "adult", "under_18": "minor", "under_6": "infant", "over_50": "over_50"}
    return {ours: printed[theirs] for theirs, ours in names.items()}


def _patience(random: Random) -> int:
    draw = random.random()
    for share, letters in PATIENCE:
        if draw < share:
            return letters
        draw -= share
    return NEVER


def _filing_days(total: int, calendar: Calendar, random: Random) -> list[date]:
    """Draw filing days: 13,000 of 27,649 filed by the middle of March, the others through the year."""
    early = working_days(date(2014, 1, 2), EARLY, calendar)
    later = working_days(EARLY + ONE_DAY, date(2014, 12, 31), calendar)
    first = round(total * BY_MID_MARCH / APPLICATIONS)
    days = [random.choice(early) for _ in range(first)] + [random.choice(later) for _ in range(total - first)]
    return sorted(days)


def _hearing(filed: date, calendar: Calendar, random: Random) -> date:
    """Draw a day within the two months of the circular, later at first, and by the end of January 2015."""
    low, high = (46, 58) if filed <= EARLY else (20, 50)
    heard = filed + timedelta(days=random.randint(low, high))
    last = date(2015, 1, 30)
    if heard > last:
        heard = last - timedelta(days=random.randint(0, 20))
    return max(calendar.next_working(heard, heard), filed + ONE_DAY)


def working_days(first: date, last: date, calendar: Calendar) -> list[date]:
    """Return the days on which offices work, from the first to the last."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if calendar.is_working(day, day)]


def _courses(
    nationalities: Sequence[str], sexes: Sequence[str], heard: Sequence[date], random: Random
) -> list[str]:
    """Choose the course of each file so that the published totals are reached on their dates."""
    total = len(sexes)

    def part(count: int) -> int:
        return round(total * count / APPLICATIONS)

    found = ["refused"] * total
    for n in range(total):
        if sexes[n] == "F":
            found[n] = "upheld_2014" if random.random() < _doubt(heard[n]) else "granted"
    men = _accepted_men(nationalities, sexes, part(REGULARISED), random)
    # Most of those heard early were refused at first: 300 to 350 of some 3,000 were not.
    men.sort(key=lambda n: heard[n] <= EARLY and random.random() > 2 / 9)
    women = sexes.count("F")
    at_first = max(0, part(FIRST_WAVE) - women)
    by_then = max(at_first, part(BEFORE_THE_WIDENING) - women)
    for rank, n in enumerate(men):
        found[n] = "granted" if rank < at_first else "upheld_before" if rank < by_then else "upheld_after"
    accepted = set(men)
    others = [n for n in range(total) if sexes[n] == "M" and n not in accepted]
    random.shuffle(others)
    for n in others[: part(DISMISSED)]:
        found[n] = "dismissed"
    return found


def _doubt(heard: date) -> float:
    """Return how often a woman was refused at first, by the day of hearing."""
    return 8 / 9 if heard <= EARLY else 1 / 4 if heard < EASED else 0.0


def _accepted_men(
    nationalities: Sequence[str], sexes: Sequence[str], cards: int, random: Random
) -> list[int]:
    """Choose the men who get a card in the end: of each nationality what its share of cards leaves after women."""
    men: dict[str, list[int]] = {code: [] for code in dict.fromkeys(nationalities)}
    for n, (code, sex) in enumerate(zip(nationalities, sexes, strict=True)):
        if sex == "M":
            men[code].append(n)
    women = Counter(c for c, sex in zip(nationalities, sexes, strict=True) if sex == "F")
    target = apportioned(card_shares(), cards)
    chosen: list[int] = []
    spare: list[int] = []
    for code, each in men.items():
        random.shuffle(each)
        count = max(0, target.get(code, 0) - women[code])
        chosen += each[:count]
        spare += each[count:]
    random.shuffle(spare)
    missing = max(0, cards - women.total() - len(chosen))
    chosen += spare[:missing]
    random.shuffle(chosen)
    return chosen[: max(0, cards - women.total())]
