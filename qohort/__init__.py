"""Cooperative multi-agent reinforcement learning by value decomposition, in JAX."""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from qohort.api import *  # noqa: F403  (type checkers see every name; importing them takes a second)
else:

    def __getattr__(name: str) -> Any:
        """Import JAX and all the rest when something is asked for: `qohort --help` answers at once."""
        api = importlib.import_module("qohort.api")
        namespace = vars(api) | globals()
        if name not in namespace:
            raise AttributeError(f"module 'qohort' has no attribute {name!r}")
        return namespace[name]

    def __dir__() -> list[str]:
        return [*globals(), *importlib.import_module("qohort.api").__all__]
