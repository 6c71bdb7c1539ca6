"""The errors of the engine: a code, a sentence with the remedy, and details for programs."""

from typing import Any, ClassVar

_KINDS: dict[str, type["PermitsError"]] = {}
"""The codes of the contract, each with the class of its errors."""


class PermitsError(Exception):
    """A refused request.

    ``code`` is one of the contract (``window.closed``), ``message`` one sentence that names the field or rule and the
    remedy, ``details`` a JSON-ready mapping. ``said`` is the message as given: a phrase, where it can be translated.
    """

    family: ClassVar[str] = ""

    def __init_subclass__(cls, family: str = "", codes: tuple[str, ...] = ()) -> None:
        cls.family = family or cls.family
        _KINDS.update(dict.fromkeys(codes, cls))

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


class InputError(PermitsError, family="input", codes=("input.invalid", "position.beyond_head")):
    """The request is invalid; ``details["fields"]`` lists ``{path, reason}``."""


class NotFoundError(
    PermitsError, family="not_found", codes=("permit.not_found", "holder.not_found", "notice.not_found")
):
    """There is no such permit, holder or notice."""


_RULE_CODES = (
    "holder.held",
    "transition.not_allowed",
    "window.not_open",
    "window.closed",
    "appeal.out_of_time",
    "appeal.not_available",
    "campaign.closed",
    "criterion.unknown",
    "opinion.missing",
    "decision.reasons_missing",
    "documents.second_request",
    "documents.too_late",
    "documents.not_listed",
    "title.overlap",
    "exclusion.reasons_missing",
    "removal.protected",
)


class RuleError(PermitsError, family="rule", codes=_RULE_CODES):
    """A rule of law or of procedure refuses the command."""


class NotCompetentError(
    PermitsError, family="actor", codes=("actor.not_competent", "actor.wrong_prefecture")
):
    """The actor may not do this."""


class ConflictError(PermitsError, family="concurrency", codes=("concurrency.conflict", "command.id_reused")):
    """Another command changed the file first, or a command id was used for another command."""


class PolicyError(PermitsError, family="policy", codes=("policy.none_in_force", "policy.invalid")):
    """No rule is in force on the date, or a policy text is invalid."""


class ErasedError(PermitsError, family="holder", codes=("holder.erased",)):
    """The holder's personal data were erased; no event can be recorded about them."""


class StoreError(PermitsError, family="store", codes=("store.unavailable", "store.not_initialised")):
    """The store cannot be reached or has not been initialised."""


class IntegrityError(PermitsError, family="integrity", codes=("integrity.broken",)):
    """The stored data are inconsistent."""


class SchedulerError(
    PermitsError, family="scheduler", codes=("scheduler.busy", "scheduler.lease_lost", "scheduler.braked")
):
    """A scheduler pass must not run, or must stop."""


CODES = frozenset(_KINDS)


def error(code: str, message: str, /, **details: Any) -> PermitsError:
    """Return the error of the class that ``code`` belongs to; raise ``KeyError`` for a code outside the contract."""
    return _KINDS[code](code, message, **details)


def invalid(path: str, reason: str) -> InputError:
    """Return an ``input.invalid`` about one field."""
    return InputError("input.invalid", f"{path}: {reason}", fields=[{"path": path, "reason": reason}])


def _rebuild(kind: type[PermitsError], code: str, message: str, details: dict[str, Any]) -> PermitsError:
    return kind(code, message, **details)
