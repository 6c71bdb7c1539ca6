"""The types of command fields: each is checked and normalised."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from permits_engine.commands.nationality import of_today
from permits_engine.domain.partial_dates import PartialDate
from permits_engine.domain.periods import Period

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""The range of legal dates."""
_NO_TEXT = frozenset({"Cc", "Cs", "Co", "Cn"})
_OVERRIDES = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")
_BREAKS = frozenset("\n\r\t\u2028\u2029")
_JOINERS = frozenset("\u200c\u200d")
_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that show nothing: fillers of Hangul, and the empty pattern of Braille."""
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ISO_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}.{0,24}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_PHONE = re.compile(r"\+[\d\s().\-/]+")


def day_of(text: str) -> date:
    """Return an ISO 8601 date in the range of legal dates; raise ``ValueError``."""
    if not _ISO_DAY.fullmatch(text):
        raise ValueError("is not a calendar date such as 2017-01-31")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day of the calendar; dates look like 2017-01-31") from None
    return in_range(day)


def in_range(day: date) -> date:
    """Return a day in the range of legal dates; raise ``ValueError``."""
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}; check the year")
    return day


def _day(value: object) -> object:
    if type(value) is date:
        return in_range(value)
    if isinstance(value, str):
        return day_of(value)
    raise ValueError("is not a calendar date such as 2017-01-31")


def birth_date(value: object) -> str:
    """Return what is known of a birth date, as ISO 8601 writes it; raise ``ValueError``."""
    wanted = "is not a day, month or year such as 1990-05-31, 1990-05 or 1990"
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # YAML reads a year as a number
    if not isinstance(value, str) and type(value) is not date:
        raise ValueError(wanted)
    try:
        known = PartialDate.of(value)
    except ValueError:
        raise ValueError(wanted) from None
    in_range(known.earliest)
    return str(known)


def _moment(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO_MOMENT.fullmatch(value)):
        return value
    raise ValueError("is not an instant such as 2019-05-04T20:00:00+01:00")


def _in_time(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("lacks its offset from UTC; write it as 2019-05-04T20:00:00+01:00")
    in_range(value.date())
    return value.astimezone(UTC)


def _identity(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise ValueError("is not a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057") from None


def clean(value: str) -> str:
    """Return text in Unicode's form NFC; raise ``ValueError`` for characters that are no text or hide others."""
    if value.isascii() and value.isprintable():
        return value
    for char in value:
        if (char not in "\n\r\t" and unicodedata.category(char) in _NO_TEXT) or char in _OVERRIDES:
            raise ValueError(f"holds the character U+{ord(char):04X}, which is not text; remove it")
    return unicodedata.normalize("NFC", value)


def is_blank(value: str) -> bool:
    """Return whether a text has no visible character."""
    return not any(unicodedata.category(char)[0] in "LNPS" and char not in _EMPTY for char in value)


def _one_line(value: str) -> str:
    if not _BREAKS.isdisjoint(value):
        raise ValueError("holds a line break or a tab; write it on one line")
    if is_blank(value):
        raise ValueError("is blank; leave it out or fill it in")
    return visible(clean(value))


def visible(value: str) -> str:
    """Return a line without characters that show nothing (Unicode category Cf), and without blanks around it.

    Joiners stay between two letters that are not Latin: some scripts spell with them.
    """
    if value.isascii():
        return value.strip()
    kept = []
    for at, char in enumerate(value):
        if char in _EMPTY:
            continue
        if unicodedata.category(char) != "Cf" or (char in _JOINERS and _joins(value, at)):
            kept.append(char)
    return "".join(kept).strip()


def _joins(value: str, at: int) -> bool:
    around = value[max(at - 1, 0) : at] + value[at + 1 : at + 2]
    return len(around) == 2 and all(c > "\u0590" and unicodedata.category(c)[0] in "LM" for c in around)


def _name(value: str) -> str:
    line = _one_line(value)
    if not any(unicodedata.category(char)[0] in "LN" for char in line):
        raise ValueError("holds no letter; a person with one name only has it as family_name alone")
    return line


def label(value: str) -> str:
    """Return an identifier of the caller (an idempotency key, a correlation id) unchanged; raise ``ValueError``."""
    if is_blank(value) or not value.isprintable():
        raise ValueError("is blank or holds characters that cannot be printed")
    return value


def _matching(pattern: str, otherwise: str) -> Callable[[str], str]:
    """Return what returns a text of a pattern unchanged, and raises ``ValueError`` for any other."""

    def checked(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(otherwise)
        return value

    return checked


_code = _matching(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}",
    "is not a code: letters, digits, dots, dashes and underscores, 80 at most",
)
_read_code = _matching("[A-Z]{1,3}", "is not a code in one to three capitals")
_country = _matching("[A-Z]{2}", "is not a country code in two capitals such as MA")
office = _matching(
    r"[A-Z]{2}-[A-Z0-9]{1,3}(\.[A-Z0-9]{1,8})?", "is not an office code such as MA-RAB or MA-CAS.HH"
)


def _once(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _period(value: str) -> str:
    try:
        return str(Period.parse(value))
    except ValueError:
        raise ValueError("is not an ISO 8601 period such as P1Y, P3M, P15D or PT48H") from None


def _language(value: str) -> str:
    """Return a BCP 47 tag (RFC 5646) in its recommended spelling: ``fr``, ``zh-Hant-TW``."""
    if not _LANGUAGE.fullmatch(value) or len(value.rsplit("-", maxsplit=1)[-1]) == 1:
        raise ValueError("is not a BCP 47 language tag such as fr, ar or es-MX")
    first, *rest = value.lower().split("-")
    spelt, extension = [first], False
    for part in rest:
        extension = extension or len(part) == 1
        if not extension and part.isalpha() and len(part) in {2, 4}:
            part = part.upper() if len(part) == 2 else part.title()
        spelt.append(part)
    return "-".join(spelt)


def _email(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email  # 41 ms

    try:
        return str(validate_email(value, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError as problem:
        raise ValueError(f"is not an e-mail address such as name@example.org: {problem}") from None


def _phone(value: str) -> str:
    import phonenumbers  # 55 ms

    wanted = "write it in E.164 form such as +212537000000, without an extension"
    if not _PHONE.fullmatch(value):
        raise ValueError(f"is not a telephone number; {wanted}")
    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        raise ValueError(f"is not a telephone number; {wanted}") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"is not a possible telephone number; {wanted}")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


Day = Annotated[date, BeforeValidator(_day)]
BirthDate = Annotated[date | str, BeforeValidator(birth_date)]
Identity = Annotated[str, Field(max_length=64), AfterValidator(_identity)]
Label = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(label)]
Version = Annotated[int, Field(ge=0, strict=True)]
EventVersion = Annotated[int, Field(ge=1, strict=True)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_name)]
Text = Annotated[str, Field(max_length=20_000), AfterValidator(clean)]
Address = Annotated[str, Field(max_length=1000), AfterValidator(clean)]
Code = Annotated[str, AfterValidator(_code)]
Codes = Annotated[tuple[Code, ...], Field(max_length=60), AfterValidator(_once)]
SomeCodes = Annotated[tuple[Code, ...], Field(min_length=1, max_length=60), AfterValidator(_once)]
Office = Annotated[str, AfterValidator(office)]
Country = Annotated[str, AfterValidator(_country)]
Term = Annotated[str, AfterValidator(_period)]
Language = Annotated[str, Field(max_length=35), AfterValidator(_language)]
Nationality = Annotated[str, AfterValidator(of_today)]
NationalityRead = Annotated[str, AfterValidator(_read_code)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Phone = Annotated[str, Field(max_length=30), AfterValidator(_phone)]
Flag = Annotated[bool, Field(strict=True)]
Sex = Literal["F", "M", "X"]
Age = Annotated[int, Field(ge=0, le=130, strict=True)]
Instant = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_in_time)]
Against = Literal["decision", "removal"]
Body = Literal[
    "national_commission", "administrative_tribunal", "gracious", "hierarchical", "administrative_authority"
]
Mode = Literal["written", "electronic", "oral"]
