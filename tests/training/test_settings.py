"""Settings to data and back."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, Literal

import pytest

from qohort.algorithms.novelty import Novelty
from qohort.errors import QohortError
from qohort.training.settings import (
    completed,
    config_from_dict,
    config_hash,
    config_to_dict,
    differences,
    listed,
    split_differences,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Qmix:
    embed: int = 32


@dataclasses.dataclass(frozen=True, kw_only=True)
class Qatten:
    heads: int = 4
    weights: tuple[float, ...] = (1.0, 0.5)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learner:
    mixer: Qmix | Qatten
    lr: float = 5e-4
    clip: float | None = None
    kind_of_rest: Literal["zero", "noise"] = "zero"
    layers: tuple[Qmix | Qatten, ...] = ()
    folder: Path | None = None
    names: dict[str, Any] = dataclasses.field(default_factory=dict)


REGISTRY = {"Learner": Learner, "Qmix": Qmix, "Qatten": Qatten}


def test_settings_that_are_newer_than_a_file_are_at_their_defaults():
    """Also inside of others; what has no default, or is of an unknown class, stays as it is."""
    old = {"class": "Learner", "mixer": {"class": "Qatten", "heads": 2}, "layers": [{"class": "Qmix"}], "lr": 1.0}
    new = config_to_dict(Learner(mixer=Qatten(heads=2), layers=(Qmix(),), lr=1.0))
    del new["names"]  # its default is made anew each time
    assert completed(old, REGISTRY) == new
    assert completed({"class": "Learner"}, REGISTRY).get("mixer") is None
    other = {"class": "Other", "a": {"b": 1}}
    assert completed(other, REGISTRY) == other


def test_nested_settings_come_back_through_json():
    config = Learner(
        mixer=Qatten(heads=8),
        clip=math.inf,
        layers=(Qmix(), Qatten(weights=())),
        folder=Path("a/b"),
        names={"x": (1, 2)},
    )
    data = json.loads(json.dumps(config_to_dict(config)))
    assert data["class"] == "Learner"
    assert data["mixer"] == {"class": "Qatten", "heads": 8, "weights": [1.0, 0.5]}
    assert config_from_dict(data, REGISTRY) == config


def test_a_setting_that_was_not_written_down_has_its_default():
    assert config_from_dict({"class": "Learner", "mixer": {"class": "Qmix"}}, REGISTRY) == Learner(mixer=Qmix())


STRANGE = {
    "class": ({"class": "Learner", "mixer": {"class": "Qplex"}}, "mixer is of the kind 'Qplex', which is not known"),
    "root": ({"class": "Other"}, "the configuration is of the kind 'Other'.* known are Learner, Qatten, Qmix"),
    "field": ({"class": "Learner", "mixer": {"class": "Qmix", "hedas": 1}}, r"mixer \(Qmix\) has a setting 'hedas'"),
    "missing": ({"class": "Learner"}, r"the configuration \(Learner\) lacks the setting 'mixer', which has no default"),
    "list": (
        {"class": "Learner", "mixer": {"class": "Qmix"}, "layers": [{"class": "X"}]},
        "layers.0 is of the kind 'X'",
    ),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_is_not_known_is_a_sentence(case):
    data, sentence = STRANGE[case]
    with pytest.raises(QohortError, match=sentence):
        config_from_dict(data, REGISTRY)


@pytest.mark.parametrize("value", [object(), [1], {1: 2}, {"class": "x"}, len, Learner])
def test_what_cannot_be_written_down_is_named(value):
    with pytest.raises(QohortError, match=r"The setting Learner.names.a is .*cannot write down"):
        config_to_dict(Learner(mixer=Qmix(), names={"a": value}))


def test_only_dataclasses_are_configurations():
    with pytest.raises(QohortError, match="is a dataclass"):
        config_to_dict({"a": 1})


def test_the_hash_is_stable():
    """A number typed by hand: another value would orphan every run folder that exists."""
    assert config_hash({"a": 1, "b": {"c": [1.5, None, True], "d": "é"}}) == "253d2f00"


def test_the_hash_sees_settings_and_not_how_they_are_written():
    base = {"a": 1, "b": {"c": 2.0, "steps": 5}}
    digest = config_hash(base, may_change={"b.steps"})
    assert digest == config_hash({"b": {"steps": 9, "c": 2}, "a": 1.0}, may_change={"b.steps"})
    assert digest != config_hash({"a": 1, "b": {"c": 3, "steps": 5}}, may_change={"b.steps"})
    assert digest != config_hash(base)
    assert config_hash({"a": 1, "b": (1, 2)}) == config_hash({"a": 1, "b": [1, 2]})
    assert config_hash({"a": True}) != config_hash({"a": 1})
    assert config_hash({"a": {}}) != config_hash({})


def test_differences_name_both_values():
    before = {"a": 1, "mixer": {"class": "Qmix", "embed": 32}, "same": 2, "list": [1]}
    after = {"a": None, "mixer": {"class": "Qatten", "heads": 4}, "same": 2.0, "list": (1,)}
    changes = differences(before, after)
    assert changes == {
        "a": ("1", "null"),
        "mixer.class": ('"Qmix"', '"Qatten"'),
        "mixer.embed": ("32", "absent"),
        "mixer.heads": ("absent", "4"),
    }
    allowed, refused = split_differences(changes, {"mixer"})
    assert list(allowed) == ["mixer.class", "mixer.embed", "mixer.heads"]
    assert list(refused) == ["a"]
    assert split_differences({"mixers": ("1", "2")}, {"mixer"})[0] == {}


def test_what_does_nothing_does_not_differ():
    """A bonus for exploring without a weight is none, however it would have been learnt."""
    off, other, on = (
        {"novelty": config_to_dict(novelty)}
        for novelty in (Novelty(learning_rate=1e-3), Novelty(learning_rate=1e-4), Novelty(weight=0.1))
    )
    assert differences(off, other) == {}
    assert config_hash(off) == config_hash(other) != config_hash(on)
    assert set(differences(off, on)) >= {"novelty.weight"}


def test_long_lists_of_differences_are_cut():
    text = listed({f"s{n}": ("1", "2") for n in range(11)})
    assert text.startswith("s0 was 1 and is 2; s1")
    assert text.endswith("; and 3 more")
