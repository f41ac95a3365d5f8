"""Files as PyMARL's `save_models` leaves them: written, and read again."""

import errno
import os
import pathlib
import re
import sys
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

from qohort.algorithms import qtran, value_decomposition, weighted_qmix
from qohort.algorithms.coma import COMA
from qohort.algorithms.ppo import PPO
from qohort.algorithms.qtran import QTRAN
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.algorithms.weighted_qmix import WeightedQMIX
from qohort.errors import QohortError
from qohort.interop.critics import joint_critic_from_pymarl
from qohort.interop.pymarl import agent_from_pymarl, mixer_from_pymarl
from qohort.interop.pymarl_coma import coma_from_pymarl
from qohort.interop.pymarl_files import models, save_models, write_th
from qohort.interop.th_file import read_th
from qohort.mixers import QMIX, QPLEX, VDN, Central, Importance, Independent
from qohort.networks.counterfactual import CounterfactualCritic
from qohort.networks.joint_critic import QTRANCritic
from qohort.networks.recurrent import Recurrent
from tests.references.moments import spec_of

SPEC = spec_of(agents=3, actions=4, obs=5, state=6, units=2)
TEAM = Recurrent(hidden=8)
SMALL = QMIX(embed=3, hypernet_hidden=7)
QPLEX_SMALL = QPLEX(hypernet_hidden=7, importance=Importance(kernels=2, layers=3, hidden=5))

Files = dict[str, dict[str, np.ndarray]]


def mixed(files: Files) -> Any:
    team, mixer = agent_from_pymarl(files["agent"], SPEC), mixer_from_pymarl(files["mixer"], SPEC)
    return value_decomposition.Params(team, mixer)


def unmixed(files: Files) -> Any:
    mixer = Independent().build(SPEC, jax.random.key(0))
    return value_decomposition.Params(agent_from_pymarl(files["agent"], SPEC), mixer)


def of_qtran(files: Files) -> Any:
    return qtran.Params(agent_from_pymarl(files["agent"], SPEC), joint_critic_from_pymarl(files["mixer"], SPEC))


def weighted(files: Files) -> Any:
    teams = [agent_from_pymarl(files[name], SPEC) for name in ("agent", "central_agent")]
    mixers = [mixer_from_pymarl(files[name], SPEC) for name in ("mixer", "central_mixer")]
    return weighted_qmix.Params(teams[0], mixers[0], teams[1], mixers[1])


def of_coma(files: Files) -> Any:
    return coma_from_pymarl(files["agent"], files["critic"], SPEC)


METHODS: dict[str, tuple[Any, Any]] = {
    "iql": (ValueDecomposition(mixer=Independent(), team=TEAM), unmixed),
    "vdn": (ValueDecomposition(mixer=VDN(), team=TEAM), mixed),
    "qmix": (ValueDecomposition(mixer=SMALL, team=TEAM), mixed),
    "qplex": (ValueDecomposition(mixer=QPLEX_SMALL, team=TEAM), mixed),
    "qtran": (QTRAN(critic=QTRANCritic(form="pymarl", embed=3), team=TEAM), of_qtran),
    "ow-qmix": (WeightedQMIX(mixer=SMALL, central=Central(embed=4), team=TEAM), weighted),
    "coma": (COMA(critic=CounterfactualCritic(hidden=7), team=TEAM), of_coma),
}


@pytest.mark.parametrize("method", METHODS)
def test_files_are_written_and_read_again(method: str, tmp_path: pathlib.Path) -> None:
    pytest.importorskip("torch")
    config, read = METHODS[method]
    params = config.init(SPEC, jax.random.key(1)).params
    written = save_models(tmp_path / "models", params)
    assert {path.stem: path for path in written} == {path.stem: path for path in (tmp_path / "models").glob("*.th")}
    assert eqx.tree_equal(read({path.stem: read_th(path) for path in written}), params)


def test_weighted_qmix_has_the_names_of_pymarls_qmix_in_pymarl2_too() -> None:
    written = models(METHODS["ow-qmix"][0].init(SPEC, jax.random.key(1)).params, "pymarl2")
    assert "hyper_w_1.0.weight" in written["mixer"]
    alone = models(METHODS["qmix"][0].init(SPEC, jax.random.key(1)).params, "pymarl2")
    assert "hyper_w1.0.weight" in alone["mixer"]


def test_torch_modules_of_the_same_names_load_them(tmp_path: pathlib.Path) -> None:
    """Strictly: no name is lacking, none is left over, and every shape fits."""
    torch: Any = pytest.importorskip("torch")
    linear, relu = torch.nn.Linear, torch.nn.ReLU()
    save_models(tmp_path, METHODS["qmix"][0].init(SPEC, jax.random.key(1)).params)
    agent = torch.nn.ModuleDict({"fc1": linear(12, 8), "rnn": torch.nn.GRUCell(8, 8), "fc2": linear(8, 4)})
    mixer = torch.nn.ModuleDict(
        {
            "hyper_w_1": torch.nn.Sequential(linear(6, 7), relu, linear(7, 9)),
            "hyper_w_final": torch.nn.Sequential(linear(6, 7), relu, linear(7, 3)),
            "hyper_b_1": linear(6, 3),
            "V": torch.nn.Sequential(linear(6, 3), relu, linear(3, 1)),
        }
    )
    for name, module in (("agent", agent), ("mixer", mixer)):
        module.load_state_dict(torch.load(tmp_path / f"{name}.th", weights_only=True), strict=True)


def test_a_file_that_cannot_be_written_leaves_the_one_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "agent.th"
    write_th(path, {"fc1.weight": np.ones((2, 3), np.float32)})
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(QohortError, match="the disk or your quota is full"):
        write_th(path, {"fc1.weight": np.zeros((2, 3), np.float32)})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["agent.th"]


@pytest.mark.parametrize("content", [b"", b"hello", "list", "tensor", "nested"])
def test_what_holds_no_weights_is_refused_in_a_sentence(content: bytes | str, tmp_path: pathlib.Path) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "opt.th"
    others = {"list": [1, 2], "tensor": torch.ones(2), "nested": {"state": {}, "param_groups": [1]}}
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(others[content], path)
    with pytest.raises(QohortError, match=r"opt\.th (is not a file that PyTorch has saved|holds no weights)"):
        read_th(path)


def test_methods_that_pymarl_has_not_are_refused(tmp_path: pathlib.Path) -> None:
    learned = PPO(team=TEAM).init(SPEC, jax.random.key(0)).params
    with pytest.raises(QohortError, match="PyMARL has no files for what ppo learns"):
        save_models(tmp_path, learned)
    mixed = ValueDecomposition(mixer=SMALL, team=TEAM).init(SPEC, jax.random.key(0)).params
    pytest.importorskip("torch")
    (tmp_path / "file").write_text("")
    with pytest.raises(QohortError, match="Cannot write"):
        save_models(tmp_path / "file", mixed)


def test_without_torch_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(QohortError, match=re.escape("pip install -e '.[pymarl]'")):
        write_th(tmp_path / "agent.th", {})
