"""Checkpoints: what goes in comes out bit for bit, whatever happens to the process or the disk."""

import errno
import json
import os
import re
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

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
        "list": [np.array([1, 2], np.uint8), (jnp.float16(0.1),)],
    }


def bits(leaf: Any) -> tuple[Any, ...]:
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic):
        return (leaf,)
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
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
    counters = {
        "step": 5,
        "best": float("-inf"),
        "third": 1 / 3,
        "positions": {"a": 1},
        "name": "é",
        "by_seed": {2: 1, 10: 2},
    }
    path = checkpoint.save(tmp_path, tree, counters=counters, keep=1)
    loaded = checkpoint.load(tmp_path, like)
    assert_same(loaded.tree, tree)
    assert loaded.counters == {**counters, "by_seed": {"2": 1, "10": 2}}
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
    tree = {"learner": {"team": [jnp.ones(2), jnp.zeros(3)]}, "learner.team2": jnp.ones(9), "replay": jnp.ones(1000)}
    checkpoint.save(tmp_path, tree, counters={"step": 0}, keep=1)
    like = [jnp.zeros(2), jnp.ones(3)]
    assert_same(checkpoint.load(tmp_path, like, part="learner.team").tree, tree["learner"]["team"])
    assert_same(checkpoint.load(tmp_path, jnp.zeros(9), part="learner.team2").tree, tree["learner.team2"])
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


def test_arrays_in_the_file_are_aligned(tmp_path):
    path = checkpoint.save(tmp_path, whole_tree(), counters={"step": 0}, keep=1) / "arrays.safetensors"
    (length,) = struct.unpack("<Q", path.read_bytes()[:8])
    header = json.loads(path.read_bytes()[8 : 8 + length])
    widths = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1, "BOOL": 1}
    assert len(header) >= 12
    assert all((8 + length + entry["data_offsets"][0]) % widths[entry["dtype"]] == 0 for entry in header.values())


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
    assert step._cache_size() == 1  # pyright: ignore[reportAttributeAccessIssue]  # neither traced nor compiled again


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


def test_a_folder_of_ruins_is_refused_with_every_reason(tmp_path):
    for step in (10, 20):
        os.truncate(save(tmp_path, step) / "manifest.json", 0)
    with pytest.raises(QohortError) as refusal:
        checkpoint.load(tmp_path, LIKE)
    for words in ("step-000000000010 is unusable", "step-000000000020 is unusable", "--fresh"):
        assert words in str(refusal.value)


def test_no_checkpoint_is_said(tmp_path):
    assert checkpoint.paths(tmp_path / "none") == []
    with pytest.raises(QohortError, match="There is no checkpoint in"):
        checkpoint.load(tmp_path / "none", LIKE)


def test_a_newer_format_is_not_mistaken_for_damage(tmp_path, monkeypatch):
    save(tmp_path, 10)
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    with pytest.raises(QohortError, match="has format 1, and this version of Qohort reads format 2"):
        checkpoint.load(tmp_path, LIKE)


MISFITS = {
    "shape": ({"a": np.zeros(1), "x": np.zeros((2, 3))}, r"`x` is float64\[4\] in the checkpoint and float64\[2, 3\]"),
    "type": ({"a": np.zeros(1), "x": np.zeros(4, np.int32)}, r"`x` is float64\[4\] in the checkpoint and int32\[4\]"),
    "more": (
        {"a": np.zeros(1), "b": np.zeros(2), "x": np.zeros(4)},
        r"`b` is absent in the checkpoint and float64\[2\]",
    ),
    "less": ({"a": np.zeros(1)}, r"`x` is float64\[4\] in the checkpoint and absent here"),
    "first": ({"a": np.zeros(9), "x": np.zeros(9)}, r"`a` is float64\[1\] in the checkpoint and float64\[9\]"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_another_structure_is_refused_naming_the_first_difference(tmp_path, misfit):
    like, what = MISFITS[misfit]
    checkpoint.save(tmp_path, {"a": np.zeros(1), "x": np.zeros(4)}, counters={"step": 0}, keep=1)
    with pytest.raises(QohortError, match=what) as refusal:
        checkpoint.load(tmp_path, like)
    assert "`--fresh`" in str(refusal.value)


def test_keys_of_another_kind_are_a_misfit(tmp_path):
    checkpoint.save(tmp_path, jax.random.key(0), counters={"step": 0}, keep=1)
    with pytest.raises(QohortError, match=r"`array` is key<fry>\[\] in the checkpoint and key<rbg>\[\] here"):
        checkpoint.load(tmp_path, jax.random.key(0, impl="rbg"))


def test_what_cannot_be_stored_without_pickle_is_refused(tmp_path):
    with pytest.raises(QohortError, match="`x` has the type object"):
        checkpoint.save(tmp_path, {"x": np.array([{}], object)}, counters={"step": 0}, keep=1)
    assert checkpoint.paths(tmp_path) == []


def test_big_endian_arrays_keep_their_values(tmp_path):
    checkpoint.save(tmp_path, {"x": np.arange(3, dtype=">f4")}, counters={"step": 0}, keep=1)
    assert checkpoint.load(tmp_path, {"x": np.zeros(3, "<f4")}).tree["x"].tolist() == [0, 1, 2]


def test_a_checkpoint_that_reads_back_wrong_never_gets_its_name(tmp_path, monkeypatch):
    save(tmp_path, 10)
    write = tensors.write
    monkeypatch.setattr(tensors, "write", lambda path, arrays: write(path, arrays) ^ 1)
    with pytest.raises(QohortError, match=r"read back, the bytes of arrays.safetensors do not match their checksum"):
        save(tmp_path, 20)
    assert names(tmp_path) == ["step-000000000010"]


class Usage(NamedTuple):
    free: int


def test_too_little_space_is_seen_before_writing(tmp_path, monkeypatch):
    save(tmp_path, 10, keep=1)
    monkeypatch.setattr(tensors, "write", lambda *_: pytest.fail("began to write"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free=10_000))
    with pytest.raises(QohortError, match=r"is full: 9.8 KiB free \(10,000 bytes\), .* needed .* Free some space"):
        save(tmp_path, 20, keep=1)
    assert names(tmp_path) == ["step-000000000010"]


REFUSALS = {
    errno.ENOSPC: "the disk or your quota is full: .* free .*, .* needed",
    errno.EDQUOT: "the disk or your quota is full: .* free .*, .* needed",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is missing",
    errno.EIO: "the disk reports an input/output error",
}


@pytest.mark.parametrize("number", REFUSALS)
def test_a_refusal_of_the_disk_is_a_sentence_and_costs_nothing(tmp_path, monkeypatch, number):
    save(tmp_path, 10, keep=1)

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(QohortError, match=f"Cannot save a checkpoint in .*: {REFUSALS[number]}"):
        save(tmp_path, 20, keep=1)
    monkeypatch.undo()
    assert names(tmp_path) == ["step-000000000010"]
    assert checkpoint.load(tmp_path, LIKE).tree["x"].tolist() == [10] * 4


def test_a_file_in_the_place_of_the_folder_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QohortError, match="a part of that path is a file"):
        save(tmp_path / "file" / "checkpoints", 1)
    with pytest.raises(QohortError, match="a file is in the place where a folder is needed"):
        save(tmp_path / "file", 1)


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of one mebibyte, where mounting one is allowed."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a tmpfs needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("foreseen", [True, False])
def test_a_disk_that_is_really_full(tiny_disk, monkeypatch, foreseen):
    """Foreseen by looking at the free space; or found out while writing, as with a quota."""
    save(tiny_disk, 10, keep=1, size=100_000)
    if not foreseen:
        monkeypatch.setattr("qohort.training.disk.require_space", lambda *_, **__: None)
    with pytest.raises(QohortError, match=r"is full: .* free .*, .* KiB needed .* Nothing saved earlier is lost"):
        save(tiny_disk, 20, keep=1, size=200_000)
    assert names(tiny_disk) == ["step-000000000010"]
    loaded = checkpoint.load(tiny_disk, {"x": np.zeros(100_000, np.float32)})
    assert (loaded.tree["x"] == 10).all()


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from qohort.training import checkpoint, disk

    folder, like = Path(sys.argv[1]), {"x": np.zeros(4, np.float32)}
    save = lambda step: checkpoint.save(folder, {"x": np.full(4, step, np.float32)}, counters={"step": step}, keep=1)
    save(1)
    point, survived = 0, False
    while not survived:
        point += 1
        child = os.fork()
        if not child:
            left = point
            def die(event, arguments):
                global left
                inside = event == "fsync" or arguments and str(folder) in str(arguments[0])
                if inside and (event == "fsync" or event == "open" or event.startswith("os.")):
                    left -= 1
                    if not left:
                        os.kill(os.getpid(), signal.SIGKILL)
            sync = os.fsync
            os.fsync = lambda handle: (die("fsync", ()), sync(handle))
            sys.addaudithook(die)
            save(point + 1)
            os._exit(0)
        survived = os.waitpid(child, 0)[1] == 0
        loaded = checkpoint.load(folder, like)
        step = loaded.counters["step"]
        ruins = sorted(path.name.split("-")[0] for path in folder.iterdir() if path.name.startswith("."))
        print(point, step, (loaded.tree["x"] == step).all(), len(loaded.notes), ",".join(ruins) or "-", survived)
        save(point + 1)
        assert [path.name for path in folder.iterdir()] == [checkpoint.paths(folder)[0].name], "ruins stayed"
    """
)


def test_killed_at_any_point_of_a_save_leaves_the_old_or_the_new(tmp_path):
    """The process kills itself before every single call that touches the folder, one call after the other."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(tmp_path / "c")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    outcomes = []
    for point, step, intact, notes, ruins, survived in rows:
        assert (intact, notes) == ("True", "0")
        assert int(step) in (int(point), int(point) + 1)
        outcomes.append((int(step) > int(point), ruins, survived == "True"))
    assert len(rows) > 12
    assert outcomes == sorted(outcomes, key=lambda outcome: outcome[0])  # once the new one is there, it stays there
    assert (False, ".writing", False) in outcomes  # killed while writing
    assert (True, ".removing", False) in outcomes  # killed while removing the old one
    assert outcomes[-1] == (True, "-", True)
    assert all(not survived for *_, survived in outcomes[:-1])


def test_everything_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    """A power cut cannot be tried here; the order of syncs and the rename can."""
    if not os.path.exists("/proc/self/fd"):
        pytest.skip("this system does not tell the names of open files")
    calls: list[str] = []
    sync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda f: calls.append(Path(os.readlink(f"/proc/self/fd/{f}")).name) or sync(f))
    monkeypatch.setattr(os, "rename", lambda a, b: calls.append(f"rename to {Path(b).name}") or rename(a, b))
    save(tmp_path, 10)
    final = "step-000000000010"
    assert calls == [
        "arrays.safetensors",
        "manifest.json",
        f".writing-{final}-{os.getpid()}",
        f"rename to {final}",
        tmp_path.name,
    ]


def test_a_checkpoint_that_may_not_be_read_is_not_passed_over(tmp_path, monkeypatch):
    save(tmp_path, 10)
    save(tmp_path, 20)

    def refuse(_: Path) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tensors, "checksum", refuse)
    with pytest.raises(QohortError, match=r"Cannot read the checkpoint .*step-000000000020: permission is missing"):
        checkpoint.load(tmp_path, LIKE)


def test_a_second_interrupt_in_the_middle_of_a_save_leaves_nothing_behind(tmp_path, monkeypatch):
    save(tmp_path, 10)

    def stop(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qohort.training.disk.sync_folder", stop)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path, 20)
    assert names(tmp_path) == ["step-000000000010"]
