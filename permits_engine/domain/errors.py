"""The errors of the engine: a code, a sentence with the remedy, and details for programs."""

from __future__ import annotations

from typing import Any, ClassVar


class PermitsError(Exception):
    """A refused request.

    ``code`` is one of the contract (``window.closed``), ``message`` one sentence that names the field or rule and the
    remedy, ``details`` a JSON-ready mapping. ``said`` is the message as given: a phrase, where it can be translated.
    """

    family: ClassVar[str] = ""

    def __init__(self, code: str, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = str(message)
        self.said = message
        self.details: dict[str, Any] = details

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.code, self.said, self.details)

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return the machine form: ``{"code", "message", "details"}``."""
        return {"code": self.code, "message": self.message, "details": self.details}


class InputError(PermitsError):
    """The request is invalid; ``details["fields"]`` lists ``{path, reason}``."""

    family = "input"


class NotFoundError(PermitsError):
    """There is no such permit, holder or notice."""

    family = "not_found"


class RuleError(PermitsError):
    """A rule of law or of procedure refuses the command."""

    family = "rule"


class NotCompetentError(PermitsError):
    """The actor may not do this."""

    family = "actor"


class ConflictError(PermitsError):
    """Another command changed the file first, or a command id was used for another command."""

    family = "concurrency"


class PolicyError(PermitsError):
    """No rule is in force on the date, or a policy text is invalid."""

    family = "policy"


class ErasedError(PermitsError):
    """The holder's personal data were erased; no event can be recorded about them."""

    family = "holder"


class StoreError(PermitsError):
    """The store cannot be reached or has not been initialised."""

    family = "store"


class IntegrityError(PermitsError):
    """The stored data are inconsistent."""

    family = "integrity"


class SchedulerError(PermitsError):
    """A scheduler pass must not run, or must stop."""

    family = "scheduler"


_FAMILIES: dict[str, type[PermitsError]] = {
    "input.invalid": InputError,
    "permit.not_found": NotFoundError,
    "holder.not_found": NotFoundError,
    "notice.not_found": NotFoundError,
    "actor.not_competent": NotCompetentError,
    "actor.wrong_prefecture": NotCompetentError,
    "concurrency.conflict": ConflictError,
    "command.id_reused": ConflictError,
    "policy.none_in_force": PolicyError,
    "policy.invalid": PolicyError,
    "position.beyond_head": InputError,
    "holder.erased": ErasedError,
    "holder.held": RuleError,
    "store.unavailable": StoreError,
    "store.not_initialised": StoreError,
    "integrity.broken": IntegrityError,
    "transition.not_allowed": RuleError,
    "window.not_open": RuleError,
    "window.closed": RuleError,
    "appeal.out_of_time": RuleError,
    "appeal.not_available": RuleError,
    "campaign.closed": RuleError,
    "criterion.unknown": RuleError,
    "opinion.missing": RuleError,
    "decision.reasons_missing": RuleError,
    "documents.second_request": RuleError,
    "documents.too_late": RuleError,
    "documents.not_listed": RuleError,
    "title.overlap": RuleError,
    "exclusion.reasons_missing": RuleError,
    "removal.protected": RuleError,
    "scheduler.busy": SchedulerError,
    "scheduler.lease_lost": SchedulerError,
    "scheduler.braked": SchedulerError,
}

CODES: frozenset[str] = frozenset(_FAMILIES)


def error(code: str, message: str, /, **details: Any) -> PermitsError:
    """The error of the family that ``code`` belongs to; a code outside the contract is a ``KeyError``."""
    return _FAMILIES[code](code, message, **details)


def invalid(path: str, reason: str) -> InputError:
    """An ``input.invalid`` about one field."""
    return InputError("input.invalid", f"{path}: {reason}", fields=[{"path": path, "reason": reason}])


def _rebuild(kind: type[PermitsError], code: str, message: str, details: dict[str, Any]) -> PermitsError:
    return kind(code, message, **details)
