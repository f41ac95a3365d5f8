"""Everything that changes, saved so that killing a run loses nothing.

A checkpoint is a folder `step-000000012345` with two files: `arrays.safetensors`, and `manifest.json`
with the counters, the shape and type of every array, and checksums. It is written under a temporary
name, synced, read back, and only then renamed: a folder with the final name is whole. Nothing is
pickled.

The checksum is CRC-32. It guards against accidents (a cut file, a flipped bit), not against forgery, and
it runs at 4 GiB/s where SHA-256 makes 1.7 and BLAKE2 0.9: a replay of gigabytes is checked at the speed
of the disk.
"""

import json
import os
import re
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qohort.errors import QohortError
from qohort.training import disk, tensors
from qohort.training.tensors import AnyArray, DamagedError

FORMAT = 1
_ARRAYS, _MANIFEST = "arrays.safetensors", "manifest.json"
_WRITING, _REMOVING, _DAMAGED = ".writing-", ".removing-", "damaged-"
_NAME = re.compile(r"step-(\d{12,})(?:-(\d+))?")
_SAVE = "save a checkpoint in"


class Loaded(NamedTuple):
    """What a checkpoint gave."""

    tree: Any
    """The tree asked for: saved arrays in the places of the old ones, all else as it was."""
    counters: dict[str, Any]
    path: Path
    notes: list[str]
    """A sentence for each newer checkpoint that could not be used."""


def paths(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the newest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=_age, reverse=True)


def save(folder: Path, tree: Any, *, counters: Mapping[str, Any], keep: int) -> Path:
    """Write a checkpoint, then remove all but the newest `keep`.

    Args:
        folder: where checkpoints live; only one process may save there (the run folder's lock sees to it).
        tree: its arrays are saved; other leaves are settings and come from `like` when loading.
        counters: whatever JSON can say, by name; `step` orders the checkpoints.
        keep: at least 1. Checkpoints of later steps belong to a future that was given up: they go too.
    """
    if keep < 1:
        raise QohortError(f"`keep` is {keep}; at least 1 checkpoint must be kept.")
    plain: dict[str, Any] = json.loads(json.dumps(counters))
    entries, arrays = _stored(tree)
    needed = tensors.file_size(arrays) + 2 * len(json.dumps(entries)) + 65_536
    with disk.explained(folder, _SAVE, needed=needed):
        folder.mkdir(parents=True, exist_ok=True)
        _clean(folder)
        disk.require_space(folder, _SAVE, needed=needed)
        final = _next_name(folder, plain["step"])
        temporary = folder / f"{_WRITING}{final.name}-{os.getpid()}"
        try:
            temporary.mkdir()
            checksum = tensors.write(temporary / _ARRAYS, arrays)
            disk.write_text(temporary / _MANIFEST, _manifest(entries, plain, temporary / _ARRAYS, checksum))
            disk.sync_folder(temporary)
            _read_manifest(temporary, check_arrays=True)
            temporary.rename(final)
        except DamagedError as error:
            raise QohortError(
                f"Cannot {_SAVE} {folder}: read back, {error}. The disk or the memory of this machine is at fault; "
                "use a folder on another disk. Checkpoints saved earlier are untouched."
            ) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        disk.sync_folder(folder)
        _remove_old(folder, final, keep)
    return final


def load(folder: Path, like: Any, *, part: str = "") -> Loaded:
    """Load the newest checkpoint that is whole.

    Args:
        folder: where checkpoints live. Nothing in it is changed, so a running run may be looked at.
        like: a tree of the same structure; its arrays may be `jax.ShapeDtypeStruct`s, which need no memory.
        part: the place of `like` in the saved tree, such as `learner.params`; empty for all of it.
    """
    found = paths(folder)
    if not found:
        raise QohortError(f"There is no checkpoint in {folder}.")
    damages: list[str] = []
    for path in found:
        try:
            manifest = _read_manifest(path, check_arrays=True)
            tree = _rebuild(path, manifest["arrays"], like, part=part)
        except PermissionError as error:
            raise disk.explain(error, path, "read the checkpoint") from error
        except (DamagedError, OSError) as error:
            damages.append(f"The checkpoint {path.name} is unusable: {error}")
        else:
            notes = [f"{damage}; {path.name} is used instead." for damage in damages]
            return Loaded(tree, manifest["counters"], path, notes)
    raise _none_usable(folder, damages)


def whole(folder: Path) -> dict[str, Any]:
    """The counters of the newest checkpoint that is whole; refused if there are some and none is."""
    damages: list[str] = []
    for path in paths(folder):
        try:
            return _read_manifest(path, check_arrays=True)["counters"]
        except (DamagedError, OSError) as error:
            damages.append(f"The checkpoint {path.name} is unusable: {error}")
    raise _none_usable(folder, damages)


def set_aside(folder: Path, used: Path) -> None:
    """Rename the checkpoints newer than the one in use: they could not be read, and kept they would count as whole."""
    with disk.explained(folder, "set aside damaged checkpoints in"):
        for path in paths(folder):
            if _age(path) > _age(used):
                aside = folder / f"{_DAMAGED}{path.name}"
                shutil.rmtree(aside, ignore_errors=True)
                path.rename(aside)


def read_counters(path: Path) -> dict[str, Any]:
    """The counters of one checkpoint, without its arrays."""
    try:
        return _read_manifest(path, check_arrays=False)["counters"]
    except (DamagedError, OSError) as error:
        raise QohortError(f"The checkpoint {path} is unusable: {error}.") from error


def _none_usable(folder: Path, damages: Sequence[str]) -> QohortError:
    return QohortError(
        f"No checkpoint in {folder} can be used. {'. '.join(damages)}. Copy one back from a backup; "
        "`qohort train … --fresh` makes another run."
    )


def _named(tree: Any, part: str = "") -> tuple[list[tuple[str, Any]], Any]:
    """All leaves with readable names, and the structure."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    dotted = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in leaves]
    names = [".".join(filter(None, (part, name))) or "array" for name in dotted]
    if len(set(names)) < len(names):  # {"a.b": ...} beside {"a": {"b": ...}}
        names = [part + jax.tree_util.keystr(path) for path, _ in leaves]
    return [(name, leaf) for name, (_, leaf) in zip(names, leaves, strict=True)], structure


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, AnyArray | jax.ShapeDtypeStruct)


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _stored(tree: Any) -> tuple[dict[str, dict[str, Any]], dict[str, AnyArray]]:
    """What the manifest says of each array, and the arrays as they go into the file."""
    entries: dict[str, dict[str, Any]] = {}
    arrays: dict[str, AnyArray] = {}
    for name, leaf in _named(tree)[0]:
        if not _is_array(leaf):
            continue
        entries[name] = {"shape": list(leaf.shape), "dtype": leaf.dtype.name}
        arrays[name] = leaf
        if _is_key(leaf):
            entries[name]["prng"] = str(jax.random.key_impl(leaf))
            arrays[name] = jax.random.key_data(leaf)
    return entries, arrays


def _manifest(entries: dict[str, Any], counters: dict[str, Any], arrays: Path, checksum: int) -> str:
    content = {
        "format": FORMAT,
        "counters": counters,
        "file": {"bytes": arrays.stat().st_size, "crc32": checksum},
        "arrays": entries,
    }
    return json.dumps({"crc32": _crc(content), **content}, indent=1) + "\n"


def _crc(content: Any) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())


def _read_manifest(path: Path, *, check_arrays: bool) -> dict[str, Any]:
    """The manifest, if it and (when asked) the arrays are what was written."""
    for name in (_MANIFEST, _ARRAYS):
        if not (path / name).is_file():
            raise DamagedError(f"{name} is missing")
    try:
        manifest = json.loads((path / _MANIFEST).read_text(encoding="utf-8"))
        checksum = manifest.pop("crc32")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise DamagedError(f"{_MANIFEST} is empty or damaged") from error
    if checksum != _crc(manifest):
        raise DamagedError(f"{_MANIFEST} was changed after it was written")
    if manifest["format"] != FORMAT:
        raise QohortError(
            f"The checkpoint {path} has format {manifest['format']}, and this version of Qohort reads format {FORMAT}; "
            "go on with the version that wrote it (see environment.json in the run folder)."
        )
    if check_arrays:
        wanted, there = manifest["file"]["bytes"], (path / _ARRAYS).stat().st_size
        if wanted != there:
            raise DamagedError(f"{_ARRAYS} has {there:,} bytes instead of {wanted:,}")
        if tensors.checksum(path / _ARRAYS) != manifest["file"]["crc32"]:
            raise DamagedError(f"the bytes of {_ARRAYS} do not match their checksum")
    return manifest


def _rebuild(path: Path, entries: dict[str, dict[str, Any]], like: Any, *, part: str) -> Any:
    leaves, structure = _named(like, part)
    wanted = {name: leaf for name, leaf in leaves if _is_array(leaf)}
    if part:
        entries = {
            name: entry for name, entry in entries.items() if name == part or name.startswith((f"{part}.", f"{part}["))
        }
    _compare(path, entries, wanted)
    placed = {
        name: _placed(values, entries[name].get("prng"), wanted[name])
        for name, values in tensors.read(path / _ARRAYS, list(wanted))
    }
    return structure.unflatten([placed.get(name, leaf) for name, leaf in leaves])


def _compare(path: Path, saved: dict[str, dict[str, Any]], wanted: dict[str, Any]) -> None:
    """Refuse, at the first difference, a checkpoint of another structure."""
    for name in dict.fromkeys((*wanted, *saved)):
        there = _describe(saved[name]["shape"], saved[name]["dtype"]) if name in saved else "absent"
        here = _describe(wanted[name].shape, wanted[name].dtype.name) if name in wanted else "absent"
        if there != here:
            raise QohortError(
                f"The checkpoint {path} does not fit this configuration: `{name}` is {there} in the checkpoint and "
                f"{here} here. It was saved with other settings; give the settings it was saved with, use another run "
                "folder (`--folder`), or start again with `--fresh`."
            )


def _describe(shape: Sequence[int], dtype: str) -> str:
    return f"{dtype}[{', '.join(map(str, shape))}]"


def _placed(values: np.ndarray, prng: str | None, like: Any) -> Any:
    """The values in the kind of array, and on the device, of `like`."""
    if isinstance(like, np.ndarray):
        return values
    if isinstance(like, np.generic):
        return values[()]
    array = jax.device_put(values)
    if prng is not None:
        array = jax.random.wrap_key_data(array, impl=prng)
    pinned = like.sharding is not None if isinstance(like, jax.ShapeDtypeStruct) else like.committed
    return jax.device_put(array, like.sharding) if pinned else array


def _age(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1]), int(match[2] or 1)


def _next_name(folder: Path, step: int) -> Path:
    """A name that is free: a step saved twice gets `-2`, so that the first stays until the second is whole."""
    final, number = folder / f"step-{step:012d}", 1
    while final.exists():
        number += 1
        final = folder / f"step-{step:012d}-{number}"
    return final


def _remove_old(folder: Path, newest: Path, keep: int) -> None:
    found = paths(folder)
    at = found.index(newest)
    for path in (*found[:at], *found[at + keep :]):
        doomed = folder / f"{_REMOVING}{path.name}"
        path.rename(doomed)  # half a checkpoint must never carry a checkpoint's name
        shutil.rmtree(doomed)


def _clean(folder: Path) -> None:
    """Remove what processes that were killed left behind."""
    for path in folder.iterdir():
        if path.name.startswith((_WRITING, _REMOVING)):
            shutil.rmtree(path)
