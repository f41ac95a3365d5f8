"""Flags from dataclasses; a value that settings refuse is a sentence, not a traceback."""

from collections.abc import Mapping, Sequence
from typing import Any

import tyro


def parse(
    kind: Any, argv: Sequence[str], *, prog: str, default: Mapping[str, Any] | None = None, description: str = ""
) -> Any:
    """An instance of a dataclass from flags."""
    settings: dict[str, Any] = {} if default is None else {"default": kind(**default)}
    return tyro.cli(
        tyro.conf.configure(tyro.conf.AvoidSubcommands)(kind),
        args=list(argv),
        prog=prog,
        description=description,
        **settings,
    )
