"""A page's episode, read as pack.py says that it is written."""

import json
import struct
import zlib
from typing import Any

import numpy as np


def header_of(packed: bytes) -> dict[str, Any]:
    raw = zlib.decompress(packed)
    (length,) = struct.unpack("<I", raw[:4])
    return json.loads(raw[4 : 4 + length])


def array_of(packed: bytes, entry: dict[str, Any]) -> np.ndarray:
    raw = zlib.decompress(packed)
    (length,) = struct.unpack("<I", raw[:4])
    code = {"u8": "u1", "u16": "<u2", "q16": "<u2", "f32": "<u4"}[entry["kind"]]
    width, size = np.dtype(code).itemsize, int(np.prod(entry["shape"]))
    start = 4 + length + entry["at"]
    planes = np.frombuffer(raw[start : start + width * size], "u1").reshape(width, size)
    codes = np.ascontiguousarray(planes.T).view(code).reshape(entry["shape"])
    if entry.get("differences"):
        codes = np.cumsum(codes, axis=0, dtype=codes.dtype)
    if entry["kind"] == "f32":
        return codes.view("<f4")
    if entry["kind"] == "q16":
        return np.where(codes == 65535, np.nan, np.array(entry["low"]) + np.array(entry["step"]) * codes)
    return codes
