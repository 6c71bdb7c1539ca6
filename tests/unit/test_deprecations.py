"""Semantic versioning: what is public stays, or says in time that it goes."""

from __future__ import annotations

import warnings

import pytest

import permits_engine
from permits_engine import commands, deprecations
from permits_engine.commands import COMMANDS
from permits_engine.deprecations import Deprecation
from permits_engine.testing import __all__ as kit

PUBLIC = {
    *("Actor", "ClosePermit", "Command", "ConflictError", "CorrectRecord", "DecideAppeal", "Engine"),
    *("ErasedError", "Exclusion", "ExtendDecision", "InputError", "IntegrityError", "IssuePermit"),
    *("LodgeAppeal", "LodgeApplication", "NotCompetentError", "NotFoundError", "NotifyDecision", "Outcome"),
    *("PermitView", "PermitsError", "PolicyError", "RecordExit", "RecordOpinion", "RecordReturn"),
    *("RefuseApplication", "RefuseRenewal", "RegisterHolder", "RenewPermit", "ReplaceCard"),
    *("RequestDocuments", "RequestRenewal", "RevokePermit", "RuleError", "StoreError", "SupplyDocuments"),
    *("TransferFile", "UpdateHolder", "__version__"),
}
"""What version 0.1 promised: a name is taken out of here only together with its deprecation."""


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_what_was_promised_is_there() -> None:
    """Every public name of an earlier version, or its deprecation until the version that it names."""
    assert PUBLIC - set(permits_engine.__all__) - set(deprecations.NAMES) == set()
    for name in permits_engine.__all__:
        assert getattr(permits_engine, name) is not None
    for name in kit:
        assert getattr(permits_engine.testing, name) is not None


def test_every_command_is_public() -> None:
    """Whoever imports from the package finds each by the name of the contract."""
    classes = {COMMANDS[name].__name__ for name in commands.PUBLIC}
    assert classes - set(permits_engine.__all__) == set()


def test_a_deprecated_name_still_works_and_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning points at the line of the host that uses it."""
    monkeypatch.setitem(deprecations.NAMES, "PermitEngine", Deprecation("Engine", "0.2.0", "0.4.0"))
    with pytest.warns(
        DeprecationWarning, match=r"PermitEngine is deprecated since 0\.2\.0.*use Engine"
    ) as told:
        found = permits_engine.PermitEngine  # type: ignore[attr-defined]
    assert found is permits_engine.Engine
    assert told[0].filename == __file__


def test_a_name_that_never_was_is_none() -> None:
    """An attribute error like any other, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AttributeError, match="no attribute 'Permit'"):
            permits_engine.Permit  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_deprecated_goes_when_it_was_said_to() -> None:
    """Not before a minor version has warned of it, and not after the version that was named."""
    present = _number(permits_engine.__version__)
    for name, each in deprecations.NAMES.items():
        assert _number(each.since)[:2] < _number(each.until)[:2], name
        assert present < _number(each.until), f"{name} was to go in {each.until}"
        assert each.instead in permits_engine.__all__
        assert name not in permits_engine.__all__
