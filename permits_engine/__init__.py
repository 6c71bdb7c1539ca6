"""An event-sourced lifecycle engine for residence permits.

``Engine``, ``Actor``, the commands and the errors are the public face; nothing else is promised. ``__init__.pyi``
lists the names.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def _homes() -> dict[str, str]:
    """Return each public name with the module that it is loaded from, as the stub beside this file says."""
    found, module = {}, ""
    with open(f"{__file__}i", encoding="utf-8") as stub:  # noqa: PTH123 - pathlib costs more than all else here
        for line in stub:
            words = line.replace(",", " ").split()
            if words[:1] == ["from"]:
                module = words[1]
            if words[-2:-1] == ["as"]:
                found[words[-1]] = module
    return found


_HOMES = _homes()
__all__ = sorted((*_HOMES, "__version__"))  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that importing the package costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
