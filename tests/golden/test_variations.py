"""The comparison itself: files whose numbers follow from those that are there, and files that must not pass."""

import json
import pathlib
from typing import Any

import numpy as np
import pytest

from tests.golden.cases import VARIABLE, Case, Golden, Kind, all_cases
from tests.golden.comparison import Comparison
from tests.golden.limits import refused
from tests.golden.test_golden import COMPARE

LEARNERS: tuple[Kind, ...] = ("learner", "coma learner")


def one_of(kind: Kind) -> Case:
    """The first file of a kind."""
    cases = [case for case in all_cases() if case.kind == kind and not case.x64]
    return cases[0] if cases else pytest.skip(f"no golden vectors of a {kind}")


def written(folder: pathlib.Path, arrays: dict[str, Any], meta: dict[str, Any]) -> Golden:
    """A file of these arrays, read again under its first variant."""
    folder.mkdir(exist_ok=True)
    path = folder / "varied.npz"
    np.savez(path, **arrays, meta=json.dumps(meta))
    return Golden(path, next(iter(meta.get("variants") or [""])))


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_batch_twice_over_has_the_same_means(kind: Kind, tmp_path: pathlib.Path) -> None:
    """All losses are means over the steps that count: with every episode twice they stay, and so does every step."""
    case = one_of(kind)
    assert case.path is not None
    golden = Golden(case.path, case.variant)
    episodes = len(golden.arrays["batch/filled"])
    named = f"{case.variant}/mid/"
    kept = ("batch/", f"{case.variant}/", "param/", "target/")
    arrays = {
        name: np.concatenate([array, array])
        if name.startswith(("batch/", named)) and np.ndim(array) > 1 and len(array) == episodes
        else array
        for name, array in golden.arrays.items()
        if name.startswith(kept)
    }
    compare(written(tmp_path, arrays, golden.meta), kind, case.variant)


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("weighted qmix", {"central_loss": ("central_loss", 0.25)}),
        ("weighted qmix", {"qmix_loss": ("qmix_loss", 0.25)}),
        ("qtran", {"opt_loss": ("opt_loss", 2.0), "nopt_loss": ("nopt_min_loss", 0.75)}),
    ],
)
def test_other_weights_of_the_losses(kind: Kind, weights: dict[str, tuple[str, float]], tmp_path: pathlib.Path) -> None:
    """The gradient of every part is stored, so that of their sum with other weights is known."""
    case = one_of(kind)
    assert case.path is not None
    golden = Golden(case.path, case.variant)
    stored, config = golden.under(f"{case.variant}/"), dict(golden.meta["config"])
    loss = np.asarray(stored["loss"], float)
    gradient = {
        path: np.asarray(array, float) for path, array in stored.items() if path.startswith(("grad/", "grad_of_"))
    }
    for part, (setting, value) in weights.items():
        change = value - float(config[setting])
        loss = loss + change * stored[f"mid/{part}"]
        for path in [path for path in gradient if path.startswith(f"grad_of_{part}/")]:
            whole = path.replace(f"grad_of_{part}/", "grad/")
            gradient[whole] = gradient.get(whole, 0.0) + change * gradient[path]
        config[setting] = value
    norm = np.sqrt(sum((array**2).sum() for path, array in gradient.items() if path.startswith("grad/")))
    known = {path: array for path, array in stored.items() if not path.startswith("step")}
    varied = {**known, **gradient, "loss": loss, "grad_norm": norm}
    inputs = {name: array for name, array in golden.arrays.items() if name.startswith(("batch/", "param/", "target/"))}
    arrays = {**inputs, **{f"{case.variant}/{path}": array for path, array in varied.items()}}
    compare(written(tmp_path, arrays, {**golden.meta, "config": config}), kind, case.variant)


def compare(golden: Golden, kind: Kind, variant: str) -> None:
    comparison = Comparison(x64=False)
    COMPARE[kind](golden, variant, comparison)
    comparison.check()


def test_files_are_found_in_folders_below_and_none_is_passed_over(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "deeper", {}, {"classes": ["src/learners/q_learner.py QLearner"], "config": {"mixer": "new"}})
    written(tmp_path / "other", {}, {"classes": ["modules/mixers/new.py NewMixer"]})
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    kinds = {case.path.parent.name: case.kind for case in all_cases() if case.path and tmp_path in case.path.parents}
    assert kinds == {"deeper": "learner", "other": "unknown"}


@pytest.mark.parametrize(
    ("file", "config", "sentence"),
    [
        ("q_learner.py QLearner", {"optim_alpha": 0.9}, "optim_alpha is 0.9, which is not computed here"),
        ("max_q_learner.py MAXQLearner", {"qmix_loss": 0}, "qmix_loss is 0"),
        ("max_q_learner.py MAXQLearner", {"central_loss": 0}, "central_loss is 0"),
        ("qmix_central_no_hyper.py QMixerCentralFF", {"central_action_embed": 2}, "central_action_embed is 2"),
        (
            "nmix.py Mixer",
            {"qmix_pos_func": "softplus", "qmix_pos_func_beta": 2.0},
            "qmix_pos_func_beta is 2.0",
        ),
        ("nq_learner.py NQLearner", {"agent": "n_rnn", "use_layer_norm": True}, "use_layer_norm is True"),
    ],
)
def test_a_setting_that_nothing_computes_is_named(
    file: str, config: dict[str, Any], sentence: str, tmp_path: pathlib.Path
) -> None:
    meta = {"classes": [file], "repository": "", "config": config}
    (told,) = refused(written(tmp_path, {}, meta))
    assert told.startswith(sentence)


def test_a_variant_has_the_last_word(tmp_path: pathlib.Path) -> None:
    """What Adam does not read is no obstacle to it."""
    meta: dict[str, Any] = {
        "classes": ["nq_learner.py NQLearner"],
        "repository": "",
        "config": {"optimizer": "rmsprop", "optim_alpha": 0.9, "lr": 1e-3},
        "variants": {"adam": {"optimizer": "adam", "lr": 2e-3}},
    }
    golden = written(tmp_path, {}, meta)
    assert golden.adam
    assert golden.setting("lr") == 2e-3
    assert not refused(golden)
