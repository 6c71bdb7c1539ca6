"""Made-up registers: rows as an old register has them, from a seed, and files that hold them."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from random import Random

FRENCH = (
    "numero_dossier",
    "nom",
    "prenoms",
    "date_naissance",
    "sexe",
    "nationalite",
    "prefecture",
    "categorie",
    "critere",
    "date_depot",
    "date_decision",
    "decision",
    "date_debut",
    "date_fin",
    "langue",
    "email",
    "telephone",
)
ENGLISH = (
    "file_number",
    "family_name",
    "given_names",
    "birth_date",
    "sex",
    "nationality",
    "prefecture",
    "category",
    "criterion",
    "lodged_on",
    "decided_on",
    "decision",
    "valid_from",
    "valid_until",
    "language",
    "email",
    "phone",
)
GOOD = {
    "numero_dossier": "RAB-2014-0001",
    "nom": "Traoré",
    "prenoms": "Aminata",
    "date_naissance": "1990-04-01",
    "sexe": "F",
    "nationalite": "MLI",
    "prefecture": "MA-RAB",
    "categorie": "regularisation-2014",
    "critere": "R5",
    "date_depot": "2014-03-10",
    "date_decision": "2014-09-10",
    "decision": "accordee",
    "date_debut": "2014-09-10",
    "date_fin": "2015-09-09",
    "langue": "fr",
    "email": "aminata@example.org",
    "telephone": "+212661234567",
}
"""A row that goes in: a card of 2014, for a year."""
PENDING = {"date_decision": "", "decision": "", "date_debut": "", "date_fin": ""}
REFUSED = {"decision": "refusee", "date_debut": "", "date_fin": ""}
COURSES: dict[str, dict[str, str]] = {
    "granted": {},
    "refused": REFUSED,
    "pending": PENDING | {"categorie": "ordinary", "critere": ""},
}
"""What is other than in ``GOOD`` for a file that came to another end, or to none yet."""

_FAMILY = ("Diallo", "Ndiaye", "Kouassi", "Mbarga", "Traoré", "Keïta", "Okafor", "الحسن")
_GIVEN = ("Fatou", "Aïcha", "Moussa", "Jean-Marie", "Grace", "مريم")


def row(**changed: str) -> dict[str, str]:
    """The good row with some cells changed."""
    return GOOD | changed


def rows(count: int, seed: int = 2014) -> list[dict[str, str]]:
    """Good rows of people who are all different: most were granted a card, some refused, some wait."""
    random = Random(seed)
    found = []
    for number in range(count):
        course = random.choices(("granted", "refused", "pending"), (80, 15, 5))[0]
        first = date(2021, 1, 4) if course == "pending" else date(2014, 1, 2)
        lodged = first + timedelta(days=random.randrange(150))
        decided = lodged + timedelta(days=random.randrange(20, 200))
        person = {
            "numero_dossier": f"RAB-{seed}-{number:06d}",
            "nom": random.choice(_FAMILY),
            "prenoms": f"{random.choice(_GIVEN)} {_letters(number)}",
            "date_naissance": f"{date(1950, 1, 1) + timedelta(days=random.randrange(20_000)):%d/%m/%Y}",
            "sexe": random.choice("FMH"),
            "nationalite": random.choice(("SEN", "CIV", "NGA", "SYR", "COD")),
            "prefecture": random.choice(("MA-RAB", "MA-CAS.HH", "MA-OUJ", "MA-TNG")),
            "critere": random.choice(("R1", "R2", "R3", "R4", "R5", "R6")),
            "date_depot": lodged.isoformat(),
            "email": random.choice(("", f"holder{number}@example.org")),
            "telephone": random.choice(("", f"+2126{random.randrange(10**8):08d}")),
        }
        dates = {
            "date_decision": decided.isoformat(),
            "date_debut": decided.isoformat(),
            "date_fin": (decided + timedelta(days=364)).isoformat(),
        }
        found.append(row(**person, **dates) | COURSES[course])
    return found


def _letters(number: int) -> str:
    """A name of its own for every number."""
    name = ""
    while True:
        number, digit = divmod(number, 26)
        name = chr(ord("a") + digit) + name
        if not number:
            return name.title()


def text(
    lines: Iterable[Mapping[str, str]],
    *,
    columns: Iterable[str] = FRENCH,
    separator: str = ",",
    end: str = "\r\n",
) -> str:
    """Rows as CSV under a header in French or English; missing cells are empty."""
    names = list(columns)
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(names)
    for line in lines:
        writer.writerow([line.get(_french(name), "") for name in names])
    return out.getvalue()


def _french(name: str) -> str:
    return FRENCH[ENGLISH.index(name)] if name in ENGLISH else name


def write(path: Path, lines: Iterable[Mapping[str, str]]) -> Path:
    """A register in UTF-8, separated by commas."""
    path.write_bytes(text(lines).encode())
    return path
