"""Arrays in and out of a safetensors file, one at a time.

The format is eight bytes with the length of a JSON header, the header, and the bytes of the arrays.
The `safetensors` package reads and writes these files (the tests hold us to it), but it wants all
arrays in host memory at once and its NumPy side knows neither float8 nor, in older versions,
bfloat16. A replay may be gigabytes, so here one array after the other passes through.
"""

import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import jax
import jax.numpy as jnp
import numpy as np

from qohort.errors import QohortError

AnyArray = jax.Array | np.ndarray | np.generic

_NAMES = {
    "bool": "BOOL",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
_DTYPES = {short: name for name, short in _NAMES.items()}
_BLOCK = 1 << 23
_LONGEST_HEADER = 100_000_000  # what the safetensors package accepts


class DamagedError(Exception):
    """A file is not what was written; the message completes the sentence "it is unusable, because ..."."""


def header(arrays: Mapping[str, AnyArray]) -> bytes:
    """The beginning of the file. Wide types come first, so that every array is aligned, as in the package."""
    entries: dict[str, dict[str, object]] = {}
    start = 0
    for name in _order(arrays):
        array = arrays[name]
        if array.dtype.name not in _NAMES:
            raise QohortError(
                f"The array `{name}` has the type {array.dtype.name}, which a checkpoint cannot hold; use one of "
                f"{', '.join(_NAMES)}."
            )
        stop = start + array.nbytes
        entries[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text


def file_size(arrays: Mapping[str, AnyArray]) -> int:
    return len(header(arrays)) + sum(array.nbytes for array in arrays.values())


def write(path: Path, arrays: Mapping[str, AnyArray]) -> int:
    """Write and sync the file; returns the CRC-32 of all its bytes."""
    beginning = header(arrays)
    checksum = zlib.crc32(beginning)
    with path.open("wb") as file:
        file.write(beginning)
        for name in _order(arrays):
            content = _bytes(_host(arrays[name]))
            file.write(content)
            checksum = zlib.crc32(content, checksum)
        file.flush()
        os.fsync(file.fileno())
    return checksum


def checksum(path: Path) -> int:
    """The CRC-32 of a file's bytes."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def read(path: Path, names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the named arrays, each in memory of its own."""
    with path.open("rb") as file:
        entries, data = _read_header(file)
        for name in names:
            if name not in entries:
                raise DamagedError(f"{path.name} lacks the array `{name}`")
            entry = entries[name]
            array = np.empty(entry["shape"], jnp.dtype(_DTYPES[entry["dtype"]]))
            start, stop = entry["data_offsets"]
            file.seek(data + start)
            if stop - start != array.nbytes or file.readinto(_bytes(array)) != array.nbytes:
                raise DamagedError(f"{path.name} has too few bytes for the array `{name}`")
            yield name, array


def _order(arrays: Mapping[str, AnyArray]) -> list[str]:
    return sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)


def _host(array: AnyArray) -> np.ndarray:
    """The values in host memory, little-endian.

    An array on an accelerator remembers what `np.asarray` gave it, and a copy of the replay would stay in
    host memory. A shard made for the occasion is forgotten at once.
    """
    if isinstance(array, jax.Array) and array.is_fully_replicated:
        array = array.addressable_data(0)
    values = np.asarray(array)
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _bytes(values: np.ndarray) -> memoryview:
    """The bytes in C order: the same memory where it is contiguous. (bfloat16 has no buffer protocol of its own.)"""
    return values.reshape(-1).view(np.uint8).data


def _read_header(file: BinaryIO) -> tuple[dict[str, dict], int]:
    start = file.read(8)
    if len(start) < 8:
        raise DamagedError("the array file has no header")
    (length,) = struct.unpack("<Q", start)
    if length > _LONGEST_HEADER:
        raise DamagedError("the array file's header is damaged")
    try:
        entries = json.loads(file.read(length))
        entries.pop("__metadata__", None)
        for entry in entries.values():
            begin, end = entry["data_offsets"]
            width = jnp.dtype(_DTYPES[entry["dtype"]]).itemsize
            if math.prod(entry["shape"]) * width != end - begin:
                raise ValueError("sizes disagree")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError("the array file's header is damaged") from error
    return entries, 8 + length
