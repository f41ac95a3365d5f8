"""Arrays as bytes that a page can carry: few, and read back by `assets/unpack.js`.

What changes little from one moment to the next is stored as differences along the first axis; the bytes of a number
are stored apart, all first bytes, then all second ones. Both make runs of equal bytes, which deflate likes.

`u8`, `u16`
    Whole numbers as they are.
`f32`
    Numbers as they are.
`q16`
    Numbers in 65,535 steps from the least to the greatest, of all or of each entry of the last axis; the code that is
    left over is NaN.
"""

import json
import struct
import zlib
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, Shaped

CODES = 65_534
"""The greatest code of a number; the next one is NaN."""

Entry = dict[str, Any]
"""How one array is stored; what a page needs to read it."""


class Pack:
    """Arrays, one after the other."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._length = 0

    def whole(self, values: Shaped[np.ndarray, "..."]) -> Entry:
        """Whole numbers of 0 to 65,535, and truth values."""
        kind = np.dtype("u1") if values.size == 0 or values.max() < 256 else np.dtype("<u2")
        return {**self._store(values.astype(kind)), "kind": "u8" if kind.itemsize == 1 else "u16"}

    def exact(self, values: Float[np.ndarray, "..."]) -> Entry:
        """Numbers that are read off."""
        flat = np.ascontiguousarray(values, "<f4")
        return {**self._store(flat.view("<u4"), differences=False), "kind": "f32"}

    def coarse(self, values: Float[np.ndarray, "..."], *, by_entry: bool = False) -> Entry:
        """Numbers that are drawn.

        Args:
            values: what is not finite becomes NaN.
            by_entry: whether the last axis has a least and a greatest number for each entry.
        """
        axes = tuple(range(values.ndim - 1)) if by_entry else None
        known = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
        empty = values.size == 0 or bool(np.isnan(known).all())
        low = np.zeros(()) if empty else np.nan_to_num(np.fmin.reduce(known, axis=axes))
        high = np.zeros(()) if empty else np.nan_to_num(np.fmax.reduce(known, axis=axes))
        step = (high - low) / CODES
        codes = np.rint((known - low) / np.where(step > 0, step, 1.0))
        entry = self._store(np.where(np.isnan(codes), CODES + 1, codes).astype("<u2"))
        return {**entry, "kind": "q16", "low": np.ravel(low).tolist(), "step": np.ravel(step).tolist()}

    def bytes(self, header: Entry) -> bytes:
        """The length of the header, the header, and the arrays; deflated."""
        text = json.dumps(header, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        return zlib.compress(struct.pack("<I", len(text)) + text + b"".join(self._blocks), 9)

    def _store(self, values: Integer[np.ndarray, "..."], *, differences: bool = True) -> Entry:
        if differences and values.ndim > 1:
            values = np.diff(values, axis=0, prepend=np.zeros_like(values[:1]))  # modulo the type's size
        width = values.dtype.itemsize
        planes = np.ascontiguousarray(values).reshape(-1, 1).view("u1").reshape(-1, width).T
        entry: Entry = {"at": self._length, "shape": list(values.shape)}
        if differences and values.ndim > 1:
            entry["differences"] = True
        self._blocks.append(planes.tobytes())
        self._length += values.size * width
        return entry
