"""Checkpoints: what goes in comes out bit for bit, whatever happens to the process or the disk."""

import dataclasses
import errno
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from qohort.errors import QohortError
from qohort.training import checkpoint, tensors


class Layer(eqx.Module):
    weight: jax.Array
    activation: Callable
    width: int
    bias: None = None


def whole_tree() -> dict[str, Any]:
    payload = np.array([0x7FC00001, 0xFFC12345, 0x7F800000, 0x80000000, 0x00000001], np.uint32).view(np.float32)
    return {
        "learner": {"team": Layer(jnp.arange(6.0).reshape(2, 3), jax.nn.relu, 3)},
        "nan": payload,
        "half": jnp.array([1.5, jnp.nan, -jnp.inf], jnp.bfloat16),
        "flags": jnp.array([[True, False]]),
        "count": jnp.int32(7),
        "wide": np.array(2**60 + 1, np.int64),
        "scalar": np.float64(0.1),
        "empty": jnp.zeros((0, 4), jnp.int8),
        "keys": jax.random.split(jax.random.key(3), 2),
        "rbg": jax.random.key(4, impl="rbg"),
        "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T[::2],
        "list": [np.uint8([1, 2]), (jnp.float16(0.1),)],
    }


def bits(leaf: Any) -> tuple[Any, ...]:
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic):
        return (leaf,)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return ("key", str(jax.random.key_impl(leaf)), *bits(jax.random.key_data(leaf)))
    return type(leaf), leaf.dtype, leaf.shape, np.asarray(leaf).tobytes()


def assert_same(one: Any, other: Any) -> None:
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert [bits(leaf) for leaf in jax.tree.leaves(one)] == [bits(leaf) for leaf in jax.tree.leaves(other)]


def save(folder: Path, step: int, value: float | None = None, *, keep: int = 3, size: int = 4) -> Path:
    """A small checkpoint whose content names its step."""
    tree = {"x": np.full(size, step if value is None else value, np.float32)}
    return checkpoint.save(folder, tree, counters={"step": step}, keep=keep)


LIKE = {"x": np.zeros(4, np.float32)}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_everything_comes_back_bit_for_bit(tmp_path):
    tree = whole_tree()
    like = jax.tree.map(lambda leaf: leaf, tree)
    like = eqx.tree_at(lambda t: t["learner"]["team"].weight, like, jnp.zeros((2, 3)))
    like["nan"] = np.zeros(5, np.float32)
    like["keys"] = jax.random.split(jax.random.key(0), 2)
    counters = {"step": 5, "best": float("-inf"), "third": 1 / 3, "positions": {"a": 1}, "name": "é", "by_seed": {0: 1}}
    path = checkpoint.save(tmp_path, tree, counters=counters, keep=1)
    loaded = checkpoint.load(tmp_path, like)
    assert_same(loaded.tree, tree)
    assert loaded.counters == {**counters, "by_seed": {"0": 1}}
    assert loaded.path == path == tmp_path / "step-000000000005"
    assert loaded.notes == []
    assert checkpoint.read_counters(path)["third"] == 1 / 3


def test_static_leaves_come_from_like(tmp_path):
    checkpoint.save(tmp_path, Layer(jnp.ones(2), jax.nn.relu, 2), counters={"step": 0}, keep=1)
    loaded = checkpoint.load(tmp_path, Layer(jnp.zeros(2), jax.nn.elu, 5)).tree
    assert loaded.activation is jax.nn.elu
    assert loaded.width == 5
    np.testing.assert_array_equal(loaded.weight, [1, 1])


def test_shapes_alone_are_enough_to_load(tmp_path):
    tree = {"w": jnp.arange(3.0), "key": jax.random.key(1)}
    checkpoint.save(tmp_path, tree, counters={"step": 0}, keep=1)
    assert_same(checkpoint.load(tmp_path, jax.eval_shape(lambda: tree)).tree, tree)


def test_a_part_is_loaded_alone(tmp_path):
    tree = {"learner": {"team": [jnp.ones(2), jnp.zeros(3)]}, "learner2": jnp.ones(9), "replay": jnp.ones(1000)}
    checkpoint.save(tmp_path, tree, counters={"step": 0}, keep=1)
    like = [jnp.zeros(2), jnp.ones(3)]
    assert_same(checkpoint.load(tmp_path, like, part="learner.team").tree, tree["learner"]["team"])
    assert_same(checkpoint.load(tmp_path, jnp.zeros(9), part="learner2").tree, tree["learner2"])
    with pytest.raises(QohortError, match=r"`learner.team.1` is float32\[3\] in the checkpoint and absent here"):
        checkpoint.load(tmp_path, like[:1], part="learner.team")


def test_names_that_would_clash_stay_apart(tmp_path):
    tree = {"a.b": jnp.zeros(1), "a": {"b": jnp.ones(1)}}
    checkpoint.save(tmp_path, tree, counters={"step": 0}, keep=1)
    assert_same(checkpoint.load(tmp_path, tree).tree, tree)


def test_the_file_is_one_that_the_safetensors_package_reads(tmp_path):
    tree = whole_tree()
    path = checkpoint.save(tmp_path, tree, counters={"step": 0}, keep=1)
    read = safetensors.numpy.load_file(path / "arrays.safetensors")
    assert "learner.team.weight" in read
    np.testing.assert_array_equal(read["learner.team.weight"], tree["learner"]["team"].weight)
    np.testing.assert_array_equal(read["turned"], tree["turned"])
    assert read["half"].tobytes() == np.asarray(tree["half"]).tobytes()
    assert read["nan"].tobytes() == tree["nan"].tobytes()


def test_we_read_what_the_safetensors_package_writes(tmp_path):
    arrays = {"a": np.arange(3, dtype=np.int16), "b": np.ones((2, 2))}
    safetensors.numpy.save_file(arrays, tmp_path / "x", metadata={"format": "pt"})
    read = dict(tensors.read(tmp_path / "x", ["b", "a"]))
    assert_same(read, arrays)


def test_a_saved_array_can_still_be_donated(tmp_path):
    array = jnp.zeros((512, 512))
    place = array.unsafe_buffer_pointer()
    checkpoint.save(tmp_path, {"x": array}, counters={"step": 0}, keep=1)
    result = jax.jit(lambda x: x + 1, donate_argnums=0)(array)
    assert array.is_deleted()
    assert result.unsafe_buffer_pointer() == place  # no copy: a replay of gigabytes stays where it is


def test_a_loaded_array_can_be_donated_and_is_not_recompiled_for(tmp_path):
    traces = []

    @jax.jit
    def step(x):
        traces.append(x)
        return x + 1

    start = step(jnp.zeros(3))
    checkpoint.save(tmp_path, start, counters={"step": 0}, keep=1)
    loaded = checkpoint.load(tmp_path, jnp.zeros(3)).tree
    np.testing.assert_array_equal(step(loaded), step(start))
    assert len(traces) == 1
    assert step._cache_size() == 1  # neither traced nor compiled again


def test_saving_keeps_the_newest(tmp_path):
    for step in (10, 20, 30, 40):
        save(tmp_path, step, keep=2)
    assert names(tmp_path) == ["step-000000000030", "step-000000000040"]
    assert checkpoint.load(tmp_path, LIKE).tree["x"][0] == 40


def test_the_same_step_can_be_saved_again(tmp_path):
    save(tmp_path, 10, 1.0, keep=1)
    for value in range(2, 13):
        save(tmp_path, 10, value, keep=1)
        assert checkpoint.load(tmp_path, LIKE).tree["x"][0] == value
        assert len(names(tmp_path)) == 1


def test_a_future_that_was_given_up_is_removed(tmp_path):
    for step in (10, 20, 30):
        save(tmp_path, step)
    (tmp_path / "step-000000000030" / "manifest.json").unlink()
    assert checkpoint.load(tmp_path, LIKE).counters["step"] == 20
    save(tmp_path, 25, keep=2)
    assert names(tmp_path) == ["step-000000000020", "step-000000000025"]


def test_keep_must_be_positive(tmp_path):
    with pytest.raises(QohortError, match="`keep` is 0"):
        save(tmp_path, 1, keep=0)


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def counters_flip(path: Path) -> None:
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"step": 20', '"step": 28'))


DAMAGES = {
    "a bit of an array": (lambda p: flip(p / "arrays.safetensors", -1), "do not match their checksum"),
    "a bit of the header": (lambda p: flip(p / "arrays.safetensors", 12), "do not match their checksum"),
    "a digit in the counters": (counters_flip, "was changed after it was written"),
    "cut arrays": (lambda p: os.truncate(p / "arrays.safetensors", 9), r"has 9 bytes instead of \d+"),
    "empty arrays": (lambda p: os.truncate(p / "arrays.safetensors", 0), "has 0 bytes instead of"),
    "no arrays": (lambda p: (p / "arrays.safetensors").unlink(), "arrays.safetensors is missing"),
    "empty manifest": (lambda p: os.truncate(p / "manifest.json", 0), "manifest.json is empty or damaged"),
    "half a manifest": (lambda p: os.truncate(p / "manifest.json", 60), "manifest.json is empty or damaged"),
    "a manifest of nothing": (lambda p: (p / "manifest.json").write_text("{}"), "manifest.json is empty or damaged"),
    "a list for a manifest": (lambda p: (p / "manifest.json").write_text("[]"), "manifest.json is empty or damaged"),
    "binary manifest": (lambda p: (p / "manifest.json").write_bytes(b"\xff\xfe"), "manifest.json is empty or damaged"),
    "no manifest": (lambda p: (p / "manifest.json").unlink(), "manifest.json is missing"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_told_and_stepped_over(tmp_path, damage):
    hurt, what = DAMAGES[damage]
    save(tmp_path, 10)
    newest = save(tmp_path, 20)
    hurt(newest)
    loaded = checkpoint.load(tmp_path, LIKE)
    assert loaded.counters == {"step": 10}
    assert loaded.tree["x"].tolist() == [10] * 4
    (note,) = loaded.notes
    assert note.startswith("The checkpoint step-000000000020 is unusable: ")
    assert note.endswith("; step-000000000010 is used instead.")
    assert re.search(what, note)
