"""Options of worlds: the sentences that refuse them."""

import math

from qohort.envs.values import MOST
from qohort.errors import QohortError


def at_least(world: str, least: int, **options: int) -> None:
    """Refuse options that are no whole number, or below the least one."""
    for option, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise QohortError(f"{world}: `{option}` is {value!r}, but it must be a whole number of at least {least}.")


def within(world: str, low: float, high: float, **options: float) -> None:
    """Refuse options outside of an interval, whose ends are allowed if they are finite."""
    for option, value in options.items():
        if not (low <= value <= high and abs(value) <= MOST):
            ends = f"at least {low:g}" if high == math.inf else f"at most {high:g}"
            asked = f"between {low:g} and {high:g}" if math.isfinite(low) and math.isfinite(high) else ends
            raise QohortError(f"{world}: `{option}` is {value:g}, but it must be finite and {asked}.")


def one_of(world: str, choices: tuple[str, ...], **options: str) -> None:
    """Refuse options that are none of the words there are."""
    for option, value in options.items():
        if value not in choices:
            raise QohortError(
                f"{world}: `{option}` is {value!r}, but it must be one of {', '.join(map(repr, choices))}."
            )
