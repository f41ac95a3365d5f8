"""Errors, what they may be, and the line of the table."""

import dataclasses
import json

import numpy as np

LIMIT = 1e-6


@dataclasses.dataclass
class Comparison:
    """Collects errors: the largest |x - ref| / max(1, |ref|) of each array; integers must be equal."""

    errors: dict[str, float] = dataclasses.field(default_factory=dict)
    values: int = 0
    other_bits: int = 0

    def close(self, name: str, found: object, wanted: np.ndarray) -> None:
        ours, theirs = np.asarray(found), np.asarray(wanted)
        assert ours.shape == theirs.shape, f"{name}: ours is {ours.shape}, theirs {theirs.shape}"
        self.values += theirs.size
        self.other_bits += int(np.sum(ours.astype(np.float32) != theirs.astype(np.float32)))
        error = np.abs(ours.astype(float) - theirs.astype(float)) / np.maximum(1, np.abs(theirs.astype(float)))
        self._note(name, float(np.max(error, initial=0.0)))

    def same(self, name: str, found: object, wanted: object) -> None:
        ours, theirs = np.asarray(found), np.asarray(wanted)
        assert ours.shape == theirs.shape, f"{name}: ours is {ours.shape}, theirs {theirs.shape}"
        self.values += theirs.size
        self._note(name, 0.0 if np.array_equal(ours, theirs) else float("inf"))

    def _note(self, name: str, error: float) -> None:
        self.errors[name] = max(error, self.errors.get(name, 0.0)) if np.isfinite(error) else float("inf")

    def summary(self) -> str:
        worst = max(self.errors.values(), default=None)
        return json.dumps(
            {"arrays": len(self.errors), "values": self.values, "other_bits": self.other_bits, "worst": worst}
        )

    def check(self) -> None:
        assert self.errors, "nothing was compared"
        wrong = [f"{name}: {error:.2e} > {LIMIT:.0e}" for name, error in self.errors.items() if not error <= LIMIT]
        assert not wrong, "\n".join(wrong)
