"""Errors, what they may be, and the lines of the table."""

import dataclasses
import json

import numpy as np

LIMITS = {
    # kind of array: (single precision, double precision)
    "value": (1e-5, 1e-7),
    "gradient": (1e-4, 1e-7),
    "step": (1e-3, 1e-7),
}


@dataclasses.dataclass
class Comparison:
    """Collects errors: max|x − ref| / max|ref| of each array."""

    x64: bool
    errors: dict[str, tuple[str, float]] = dataclasses.field(default_factory=dict)
    left_out: list[str] = dataclasses.field(default_factory=list)

    def add(
        self,
        kind: str,
        name: str,
        found: object,
        wanted: np.ndarray,
        where: np.ndarray | None = None,
        *,
        rounding: float = 0.0,
    ) -> None:
        """Compare two arrays, or their entries `where` a mask over the leading axes is set.

        Args:
            kind: which limit holds.
            name: what the table calls them.
            found: ours.
            wanted: theirs.
            where: which entries, all if not given.
            rounding: by how much entries may differ because of how they were stored.
        """
        ours, theirs = np.asarray(found, float), np.asarray(wanted, float)
        assert ours.shape == theirs.shape, f"{name}: ours is {ours.shape}, theirs {theirs.shape}"
        if where is not None:
            ours, theirs = ours[where], theirs[where]
        scale = np.abs(theirs).max(initial=0.0)
        apart = max(np.abs(ours - theirs).max(initial=0.0) - rounding, 0.0)
        error = apart / (scale if scale > 0 else 1.0)
        self.errors[name] = (kind, float(error))

    def bound(self, kind: str, name: str, size: float, limit: float) -> None:
        """Something whose exact value is 0 and whose stored value is noise: it only has to be small."""
        self.errors[name] = (kind, 0.0 if size <= limit else float("inf"))

    def limit(self, kind: str) -> float:
        return LIMITS[kind][self.x64]

    def worst(self, kind: str) -> float | None:
        return max((error for k, error in self.errors.values() if k == kind), default=None)

    def summary(self) -> str:
        worst = {kind: self.worst(kind) for kind in LIMITS}
        return json.dumps({"arrays": len(self.errors), "left_out": self.left_out, **worst})

    def check(self) -> None:
        wrong = [
            f"{name}: {error:.2e} > {self.limit(kind):.0e} ({kind})"
            for name, (kind, error) in self.errors.items()
            if not error <= self.limit(kind)
        ]
        assert self.errors, "nothing was compared"
        assert not wrong, "\n".join(wrong)
