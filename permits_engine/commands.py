"""What may be asked: one vocabulary for Python, JSON Lines and scenario files.

The class is ``LodgeApplication``, the name ``lodge_application``. ``on`` is the legal date (default: today).
"""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from permits_engine.domain.clocks import Period
from permits_engine.domain.errors import InputError

EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
FORBIDDEN = {"Cc", "Cs", "Co", "Cn"}
OVERRIDES = frozenset("\u202a\u202b\u202d\u202e\u2066\u2067\u2068")


def _day(value: object) -> object:
    if isinstance(value, date) and type(value) is date:
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    raise ValueError("is not a calendar date such as 2017-01-31")


def _in_range(value: date) -> date:
    if not EARLIEST <= value <= LATEST:
        raise ValueError(f"lies outside {EARLIEST} to {LATEST}")
    return value


def _identity(value: str) -> str:
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise ValueError("is not a UUID") from None


def _clean(value: str) -> str:
    for char in value:
        if (char not in "\n\r\t" and unicodedata.category(char) in FORBIDDEN) or char in OVERRIDES:
            raise ValueError(f"holds the character U+{ord(char):04X}, which is not text; remove it")
    return unicodedata.normalize("NFC", value)


def _one_line(value: str) -> str:
    if any(char in value for char in "\n\r\t"):
        raise ValueError("holds a line break or a tab; write it on one line")
    if not value.strip():
        raise ValueError("is blank")
    return _clean(value).strip()


def _period(value: str) -> str:
    return str(Period.parse(value))


def _language(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", value):
        raise ValueError("is not a BCP 47 language tag such as fr, ar or es-MX")
    return value


def _nationality(value: str) -> str:
    import pycountry

    code = value.upper()
    if code in {"XXA", "XXB", "XXC", "XXX", "XKX"} or pycountry.countries.get(alpha_3=code) is not None:
        return code
    raise ValueError("is not an ISO 3166-1 alpha-3 code such as SEN (stateless: XXA)")


def _email(value: str) -> str:
    from email_validator import EmailNotValidError, validate_email

    try:
        return str(validate_email(value, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError as problem:
        raise ValueError(f"is not an e-mail address: {problem}") from None


def _phone(value: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(value, None)
    except phonenumbers.NumberParseException:
        raise ValueError("is not a telephone number in E.164 form such as +212537000000") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("is not a possible telephone number; write it in E.164 form such as +212537000000")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


Day = Annotated[date, BeforeValidator(_day), AfterValidator(_in_range)]
Identity = Annotated[str, Field(max_length=64), AfterValidator(_identity)]
Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Text = Annotated[str, Field(max_length=20_000), AfterValidator(_clean)]
Code = Annotated[str, Field(max_length=80, pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$")]
Codes = Annotated[tuple[Code, ...], Field(max_length=60)]
SomeCodes = Annotated[tuple[Code, ...], Field(min_length=1, max_length=60)]
Office = Annotated[str, Field(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}(\.[A-Z0-9]{1,8})?$")]
Term = Annotated[str, Field(max_length=20), AfterValidator(_period)]
Language = Annotated[str, Field(max_length=35), AfterValidator(_language)]
Nationality = Annotated[str, Field(min_length=3, max_length=3), AfterValidator(_nationality)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
Phone = Annotated[str, Field(max_length=30), AfterValidator(_phone)]
Sex = Literal["F", "M", "X"]
Body = Literal["national_commission", "administrative_tribunal", "gracious", "hierarchical"]


class Command(BaseModel):
    """What every command carries."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, hide_input_in_errors=True)
    name: ClassVar[str] = ""

    on: Day | None = None
    command_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    expected_version: Annotated[int, Field(ge=0, strict=True)] | None = None
    correlation_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    causation_id: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            cls.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as problem:
            raise input_error(problem, self.name) from None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"  # personal data stay out of logs

    __str__ = __repr__


class _OnPermit(Command):
    permit_id: Identity


class _Person(Command):
    family_name: Line
    given_names: Line
    birth_date: Day
    sex: Sex
    nationality: Nationality
    language: Language
    email: Email | None = None
    phone: Phone | None = None
    address: Annotated[Text, Field(max_length=1000)] | None = None


class RegisterHolder(_Person):
    """Make a person known; gives the ``holder_id``."""

    holder_id: Identity | None = None


class UpdateHolder(Command):
    """Change what is known about a person; only the fields given change."""

    holder_id: Identity
    family_name: Line | None = None
    given_names: Line | None = None
    birth_date: Day | None = None
    sex: Sex | None = None
    nationality: Nationality | None = None
    language: Language | None = None
    email: Email | None = None
    phone: Phone | None = None
    address: Annotated[Text, Field(max_length=1000)] | None = None


class LodgeApplication(Command):
    """File a first application; gives the ``permit_id``."""

    permit_id: Identity | None = None
    holder_id: Identity
    jurisdiction: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    category: Code
    criterion: Code | None = None
    prefecture: Office
    file_number: Line | None = None
    missing: Codes = ()


class SupplyDocuments(_OnPermit):
    """Documents came in."""

    documents: SomeCodes


class RequestDocuments(_OnPermit):
    """Ask for documents after filing."""

    documents: SomeCodes
    reason: Text


class ExtendDecision(_OnPermit):
    """Extend the time to decide."""

    reason: Code
    until: Day


class RecordOpinion(_OnPermit):
    """Record a commission's opinion."""

    body: Literal["local_commission", "national_commission"]
    favourable: Annotated[bool, Field(strict=True)]
    reasons: Text


class IssuePermit(_OnPermit):
    """Grant the first card."""

    card_number: Line | None = None
    term: Term | None = None


class RefuseApplication(_OnPermit):
    """Refuse the application."""

    reasons_in_fact: Text
    reasons_in_law: Text


class RequestRenewal(_OnPermit):
    """Ask for a renewal."""

    missing: Codes = ()


class Exclusion(BaseModel):
    """Why a renewed term is shorter than the policy's."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    fact: Text
    reasons_in_fact: Text
    reasons_in_law: Text


class RenewPermit(_OnPermit):
    """Grant a further term."""

    card_number: Line | None = None
    term: Term | None = None
    exclusion: Exclusion | None = None


class RefuseRenewal(_OnPermit):
    """Refuse the renewal."""

    reasons_in_fact: Text
    reasons_in_law: Text


class RevokePermit(_OnPermit):
    """Withdraw the title."""

    ground: Code
    reasons_in_fact: Text
    reasons_in_law: Text


class NotifyDecision(_OnPermit):
    """Bring a decision to the holder's knowledge."""

    mode: Literal["written", "electronic", "oral"]
    proof: Text | None = None
    decision_version: Annotated[int, Field(ge=1, strict=True)] | None = None


class LodgeAppeal(_OnPermit):
    """Lodge an appeal against the decision that stands."""

    body: Body


class DecideAppeal(_OnPermit):
    """Decide the pending appeal."""

    outcome: Literal["upheld", "dismissed", "withdrawn"]
    reasons: Text


class RecordExit(_OnPermit):
    """The holder left the territory on that day."""


class RecordReturn(_OnPermit):
    """The holder came back on that day."""


class TransferFile(_OnPermit):
    """Hand the file to another office."""

    prefecture: Office


class ReplaceCard(_OnPermit):
    """Make another card for the same term."""

    reason: Literal["lost", "stolen", "damaged"]
    card_number: Line | None = None


class ClosePermit(_OnPermit):
    """End the permit for good."""

    reason: Literal["naturalised", "departed", "deceased", "other_title"]


class CorrectRecord(_OnPermit):
    """Correct a field of an earlier event by appending."""

    of_version: Annotated[int, Field(ge=1, strict=True)]
    field: Annotated[str, Field(min_length=1, max_length=60)]
    value: Any
    reason: Text


class RunClock(_OnPermit):
    """Record what time alone has brought about; given by the scheduler."""


def _concrete(kind: type[Command]) -> list[type[Command]]:
    below = [each for child in kind.__subclasses__() for each in _concrete(child)]
    return [*([] if kind.__name__.startswith("_") or kind is Command else [kind]), *below]


COMMANDS: dict[str, type[Command]] = {kind.name: kind for kind in _concrete(Command)}
"""Every command by its name."""

PUBLIC: tuple[str, ...] = tuple(sorted(name for name in COMMANDS if name != "run_clock"))


def input_error(problem: ValidationError, name: str) -> InputError:
    """``input.invalid`` with the path and reason of each bad field; values are not repeated."""
    fields = []
    for fault in problem.errors(include_url=False, include_input=False, include_context=False):
        path = ".".join(str(step) for step in fault["loc"]) or name
        kind = fault["type"]
        reason = {
            "missing": "is missing",
            "extra_forbidden": f"is not a field of {name}",
            "string_too_long": "is too long",
        }.get(kind, fault["msg"].removeprefix("Value error, "))
        fields.append({"path": path, "reason": reason})
    text = "; ".join(f"{f['path']}: {f['reason']}" for f in fields[:3])
    more = f" (and {len(fields) - 3} more)" if len(fields) > 3 else ""
    return InputError("input.invalid", f"{text}{more}", fields=fields)


def parse(name: object, fields: Mapping[str, Any]) -> Command:
    """A command from its name and plain fields; raises ``input.invalid``."""
    kind = COMMANDS.get(name) if isinstance(name, str) and name != "run_clock" else None
    if kind is None:
        reason = f"is none of {', '.join(PUBLIC)}"
        raise InputError(
            "input.invalid", f"command: {reason}", fields=[{"path": "command", "reason": reason}]
        )
    if not all(isinstance(key, str) for key in fields):
        raise InputError("input.invalid", "a field name is not text", fields=[])
    return kind(**fields)


def ages(birth: date, on: date) -> int:
    """Full years between two days."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
