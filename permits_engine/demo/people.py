"""Synthetic applicants in the published proportions: shares from the figures, individuals from a seed."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from importlib import resources
from random import Random

import msgspec

APPLICATIONS = 27_649
"""Applications of the operation of 2014 (final count)."""
REGULARISED = 23_096
"""Cards given (final figure a, of September 2016)."""
FIRST_INSTANCE = 17_916 / 27_332
"""Share favourable at first instance (9 February 2015)."""
WOMEN = 10_178 / 27_332
"""Share of women among applicants (9 February 2015); all of their applications were accepted."""
DISMISSED = 1_809
"""Appeals dismissed by the national commission."""
OFFICES = {
    "Rabat": "MA-RAB",
    "Casablanca-Hay Hassani": "MA-CAS.HH",
    "Casablanca-Ain Sebaa-Hay Mohammadi": "MA-CAS.AS",
    "Casablanca-Anfa": "MA-CAS.AN",
    "Casablanca-Ain Chock": "MA-CAS.AC",
    "Oujda-Angad": "MA-OUJ",
    "Fes": "MA-FES",
    "Tanger-Assilah": "MA-TNG",
    "Sale": "MA-SAL",
    "Marrakech": "MA-MAR",
    "Agadir-Ida-Ou-Tanane": "MA-AGD",
    "Kenitra": "MA-KEN",
    "Inezgane-Ait Melloul": "MA-INE",
}
LANGUAGES = {"SYR": "ar", "LBY": "ar", "EGY": "ar", "MRT": "ar", "NGA": "en", "LBR": "en", "PHL": "en"}
FAMILY = {
    "ar": ("الحسن", "خليل", "درويش", "المصري", "السالم", "حداد"),
    "en": ("Okafor", "Santos", "Johnson", "Adeyemi", "Reyes", "Cooper"),
    "fr": ("Diallo", "Ndiaye", "Kouassi", "Mbarga", "Traoré", "Keïta", "Diop", "Ilunga"),
}
GIVEN = {
    ("ar", "F"): ("مريم", "ليلى", "نور"),
    ("ar", "M"): ("أحمد", "سامر", "يوسف"),
    ("en", "F"): ("Grace", "Blessing", "Maria"),
    ("en", "M"): ("Emmanuel", "John", "Daniel"),
    ("fr", "F"): ("Fatou", "Aïcha", "Marie"),
    ("fr", "M"): ("Moussa", "Ibrahim", "Jean"),
}


class Applicant(msgspec.Struct):
    """One synthetic person and what will become of their file at first instance and on appeal."""

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
    course: str


def figures(name: str) -> list[dict[str, str]]:
    """A published table, as printed by its source."""
    text = (resources.files("permits_engine.demo") / "figures" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def quota(shares: dict[str, float], total: int, random: Random) -> list[str]:
    """``total`` names in the given shares (largest remainders), in a seeded order."""
    whole = sum(shares.values())
    exact = {name: total * share / whole for name, share in shares.items()}
    counts = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda n: counts[n] - exact[n])[: total - sum(counts.values())]:
        counts[name] += 1
    names = [name for name, count in counts.items() for _ in range(count)]
    random.shuffle(names)
    return names


def nationalities() -> dict[str, float]:
    """Applicants' shares for the seven published; the others share the rest as among the regularised."""
    known = {
        row["iso3"]: float(row["share_percent"]) for row in figures("campaign-2014-applicants-by-nationality")
    }
    others = {
        row["iso3"]: float(row["share_percent"])
        for row in figures("campaign-2014-regularised-by-nationality")
        if row["iso3"] not in known
    }
    rest = (100 - sum(known.values())) / sum(others.values())
    return known | {code: share * rest for code, share in others.items()}


def working_days(first: date, last: date) -> list[date]:
    """Monday to Friday from the first to the last day."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [day for day in days if day.isoweekday() < 6]


def filing_days(total: int, random: Random) -> list[date]:
    """13,000 of 27,649 had filed by mid-March 2014; the others through the year."""
    early = working_days(date(2014, 1, 2), date(2014, 3, 14))
    later = working_days(date(2014, 3, 17), date(2014, 12, 31))
    first = round(total * 13_000 / APPLICATIONS)
    days = [random.choice(early) for _ in range(first)] + [random.choice(later) for _ in range(total - first)]
    return sorted(days)


def courses(sexes: list[str], random: Random) -> list[str]:
    """What becomes of each file: granted, upheld on appeal, dismissed on appeal, or refused for good.

    Every woman's application is accepted in the end; the totals are the published ones.
    """
    total = len(sexes)
    cards = round(total * REGULARISED / APPLICATIONS)
    at_first = round(total * FIRST_INSTANCE)
    dismissed = round(total * DISMISSED / APPLICATIONS)
    women = [n for n, sex in enumerate(sexes) if sex == "F"]
    men = [n for n, sex in enumerate(sexes) if sex == "M"]
    random.shuffle(women)
    random.shuffle(men)
    accepted = women + men[: max(0, cards - len(women))]
    refused = men[max(0, cards - len(women)) :]
    random.shuffle(accepted)
    found = ["granted"] * total
    for n in accepted[at_first:]:
        found[n] = "upheld"
    for rank, n in enumerate(refused):
        found[n] = "dismissed" if rank < dismissed else "refused"
    return found


def applicants(scale: float, seed: int) -> Iterator[Applicant]:
    """The applicants of a run, in the order of filing; the same seed gives the same people."""
    random = Random(seed)
    total = max(1, round(APPLICATIONS * scale))
    shares = {
        OFFICES[r["prefecture"]]: float(r["share_percent"])
        for r in figures("campaign-2014-regularised-by-prefecture")
    }
    sexes = quota({"F": WOMEN, "M": 1 - WOMEN}, total, random)
    people = zip(
        quota(nationalities(), total, random),
        sexes,
        quota(shares, total, random),
        quota({"adult": 83, "minor": 8, "infant": 1, "over_50": 4}, total, random),
        courses(sexes, random),
        filing_days(total, random),
        strict=True,
    )
    for number, (nationality, sex, office, ages, course, filed) in enumerate(people, 1):
        language = LANGUAGES.get(nationality, "fr")
        yield Applicant(
            number=number,
            family_name=random.choice(FAMILY[language]),
            given_names=random.choice(GIVEN[language, sex]),
            birth_date=_birth(ages, filed, random),
            sex=sex,
            nationality=nationality,
            language=language,
            office=office,
            criterion=random.choice(
                ("R3",) if ages in {"minor", "infant"} else ("R1", "R2", "R4", "R5", "R5", "R6")
            ),
            filed_on=filed,
            course=course,
        )


def _birth(ages: str, filed: date, random: Random) -> date:
    low, high = {"infant": (0, 5), "minor": (6, 17), "adult": (18, 49), "over_50": (51, 75)}[ages]
    return filed - timedelta(days=random.randint(low * 366, (high + 1) * 365 - 1))
