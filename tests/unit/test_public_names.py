"""What is public stays."""

import pytest

import permits_engine
from permits_engine import commands
from permits_engine.commands import COMMANDS
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
"""What version 0.1 promised."""


def test_what_was_promised_is_there() -> None:
    """Every public name of an earlier version, and all that the package lists."""
    assert PUBLIC - set(permits_engine.__all__) == set()
    for name in permits_engine.__all__:
        assert getattr(permits_engine, name) is not None
    for name in kit:
        assert getattr(permits_engine.testing, name) is not None


def test_every_command_is_public() -> None:
    """An importer of the package finds each by the name of the contract."""
    classes = {COMMANDS[name].__name__ for name in commands.PUBLIC}
    assert classes - set(permits_engine.__all__) == set()


def test_another_name_is_an_attribute_error() -> None:
    """As of any other module."""
    with pytest.raises(AttributeError, match="no attribute 'Permit'"):
        permits_engine.Permit  # type: ignore[attr-defined]  # noqa: B018
