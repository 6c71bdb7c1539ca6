"""A property computed once, without the lock that the standard library's takes each time in Python 3.11."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["cached_property"]

if TYPE_CHECKING:
    from functools import cached_property
else:

    class cached_property:
        """Compute the value on first use and keep it in the instance."""

        def __init__(self, compute: Callable[[Any], Any]) -> None:
            self.compute = compute
            self.name = compute.__name__
            self.__doc__ = compute.__doc__

        def __get__(self, instance: object | None, owner: type) -> Any:
            """Return the value, which is found in the instance itself from now on."""
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.compute(instance)
            return value
