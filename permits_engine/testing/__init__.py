"""For those who embed the engine: an office in memory, given/when/then, a fake clock, scenarios under pytest.

The names in ``__all__`` are public and loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from permits_engine.testing.builders import (
        HOLDER_ID,
        PERMIT_ID,
        a_file,
        a_holder,
        a_renewal_request,
        a_title,
        an_application,
    )
    from permits_engine.testing.clock import FakeClock
    from permits_engine.testing.given_when_then import given, stored_form
    from permits_engine.testing.notices import Letters
    from permits_engine.testing.office import Office

_HOMES = {
    "builders": (
        "HOLDER_ID",
        "PERMIT_ID",
        "a_file",
        "a_holder",
        "a_renewal_request",
        "a_title",
        "an_application",
    ),
    "clock": ("FakeClock",),
    "notices": ("Letters",),
    "office": ("Office",),
    "given_when_then": ("given", "stored_form"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "HOLDER_ID",
    "PERMIT_ID",
    "FakeClock",
    "Letters",
    "Office",
    "a_file",
    "a_holder",
    "a_renewal_request",
    "a_title",
    "an_application",
    "given",
    "stored_form",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: the pytest plug-in is loaded in runs that need none."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
