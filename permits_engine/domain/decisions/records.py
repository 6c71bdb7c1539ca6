"""Plain records on a file: absences, transfers and corrections."""

from typing import Annotated, Any, Literal

import msgspec

from permits_engine.domain.decisions.case import Case, Draft, recording
from permits_engine.domain.decisions.notifications import is_regular
from permits_engine.domain.errors import invalid
from permits_engine.domain.events import Corrected, DecisionNotified, Event
from permits_engine.domain.permit.fold import with_fields


def later_exit(case: Case) -> None:
    """Require an exit that is not recorded already, nor dated within a recorded absence.

    A second exit without a return between proves one, on an unknown day (legal reference 10.7).
    """
    for absence in case.situation.permit.absences:
        if absence.out == case.on or (absence.back is not None and absence.out < case.on < absence.back):
            raise case.not_allowed(f"an exit on {absence.out} is recorded")


def abroad(case: Case) -> None:
    """Require for a return that an exit is recorded."""
    absences = case.situation.permit.absences
    if not any(a.out <= case.on and a.back is None for a in absences):
        raise case.not_allowed("no exit without a return is recorded before that day")


def office_exists(case: Case) -> None:
    """Require an office of the same jurisdiction."""
    office = case.command.prefecture
    if office not in case.rules.policy.offices:
        raise invalid("prefecture", f"{office!r} is not an office of {case.rules.policy.jurisdiction}")


def other_office(case: Case) -> None:
    """Require an office that does not hold the file already."""
    office = case.command.prefecture
    if office == case.situation.prefecture:
        raise invalid("prefecture", f"the file is with {office} already")


_CORRECTED_AS: dict[tuple[str, str], Any] = {
    ("permit.application_lodged", "nationality"): Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")],
    ("permit.application_lodged", "sex"): Literal["F", "M", "X"],
    ("permit.application_lodged", "age"): Annotated[int, msgspec.Meta(ge=0, le=150)],
    ("permit.application_lodged", "age_at_most"): Annotated[int, msgspec.Meta(ge=0, le=150)],
    ("permit.decision_notified", "mode"): Literal["written", "electronic", "oral"],
    ("permit.closed", "reason"): Literal["naturalised", "departed", "deceased", "other_title"],
}
"""Corrected fields that are narrower than their type in the event."""


def correctable(case: Case) -> None:
    """Require a correctable field of an event on record, and a value that fits it."""
    c, target = case.command, case.target
    if target is None:
        last = case.situation.permit.version
        raise invalid("of_version", f"there is no event {c.of_version}; the last one is {last}")
    if c.field not in target.CORRECTABLE:
        names = ", ".join(sorted(target.CORRECTABLE)) or "nothing"
        raise invalid("field", f"{c.field!r} of {target.NAME} cannot be corrected; correctable: {names}")
    if c.value is None:
        raise invalid("value", "is missing; give the right value")
    try:
        msgspec.convert(c.value, _CORRECTED_AS.get((target.NAME, c.field), Any))
        fixed = with_fields(target, {c.field: c.value})
    except (msgspec.ValidationError, TypeError, ValueError) as problem:
        raise invalid("value", f"does not fit {target.NAME}.{c.field}: {problem}") from None
    if fixed.effective_on > case.today:
        raise invalid("value", f"{fixed.effective_on} lies after today")
    start, end = getattr(fixed, "valid_from", None), getattr(fixed, "valid_until", None)
    if start is not None and end is not None and end < start:
        raise invalid("value", f"the term would end on {end}, before it begins on {start}")


@recording(Corrected)
def correct_record(case: Case) -> list[Draft]:
    """Append a correction of one field, and of what follows from it."""
    c, target = case.command, case.target
    assert target is not None
    fixed = with_fields(target, {c.field: c.value})
    drafts = [_correction(case, target, c.field, msgspec.to_builtins(getattr(fixed, c.field)))]
    if isinstance(fixed, DecisionNotified) and c.field in {"mode", "proof"}:
        proven = bool(c.value.strip()) if c.field == "proof" else fixed.proven
        regular = is_regular(case, fixed.mode, proven)
        if regular != fixed.regular:
            drafts.append(_correction(case, target, "regular", regular))
    return drafts


def _correction(case: Case, target: Event, field: str, value: Any) -> Draft:
    if field in target.ENCRYPTED:
        return case.draft(Corrected, field=field, value=None, sealed_value=value)
    return case.draft(Corrected, field=field, value=value)
