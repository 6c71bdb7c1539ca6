"""For tests of those who embed the engine: an office in memory, given/when/then, a fake clock, scenarios under pytest.

The names in ``__all__`` are public and loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from permits_engine.testing.builders import HOLDER_ID as HOLDER_ID
    from permits_engine.testing.builders import PERMIT_ID as PERMIT_ID
    from permits_engine.testing.builders import a_file as a_file
    from permits_engine.testing.builders import a_holder as a_holder
    from permits_engine.testing.builders import a_renewal_request as a_renewal_request
    from permits_engine.testing.builders import a_title as a_title
    from permits_engine.testing.builders import an_application as an_application
    from permits_engine.testing.clock import FakeClock as FakeClock
    from permits_engine.testing.given_when_then import given as given
    from permits_engine.testing.given_when_then import stored_form as stored_form
    from permits_engine.testing.office import Letters as Letters
    from permits_engine.testing.office import Office as Office

_HOMES = {
    **dict.fromkeys(("HOLDER_ID", "PERMIT_ID", "a_file", "a_holder", "a_renewal_request"), "builders"),
    **dict.fromkeys(("a_title", "an_application"), "builders"),
    **dict.fromkeys(("given", "stored_form"), "given_when_then"),
    "FakeClock": "clock",
    **dict.fromkeys(("Letters", "Office"), "office"),
}
__all__ = sorted(_HOMES)  # noqa: PLE0605 - type checkers read the imports above


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: most runs of pytest load the plug-in and use none."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
