"""The commands, as a person uses them."""

import json

import equinox as eqx
import numpy as np
import pytest

from qohort.algorithms.registry import METHODS, preset_names
from qohort.cli.main import COMMANDS
from qohort.envs import names
from qohort.envs.games.two_step import two_step
from tests.cli.conftest import SMALL

TRAIN = ("train", "qmix", "games/two-step")


def test_help_names_every_command(qohort):
    for words in ([], ["-h"], ["--help"]):
        answer = qohort(*words)
        assert answer.code == 0
        assert all(f"  {command}" in answer.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, qohort):
    answer = qohort(command, "--help")
    assert answer.code == 0
    assert f"qohort {command}" in answer.out


def test_help_shows_flags_with_the_preset_s_values(qohort):
    answer = qohort("train", "qatten", "games/relay", "--preset", "pymarl2", "--help")
    assert answer.code == 0
    for flag in ("--algorithm.mixer.heads", "--algorithm.td-lambda", "--steps", "--seeds", "PyMARL2"):
        assert flag in answer.out


def test_another_network_for_the_agents(qohort):
    answer = qohort("train", "qmix", "games/relay", "--team", "talking", "--help")
    assert answer.code == 0
    for flag in ("--algorithm.team.rounds", "--algorithm.team.signature", "--algorithm.mixer.embed"):
        assert flag in answer.out


def test_version(qohort):
    assert qohort("--version").out.startswith("qohort 0.")


def test_list_shows_everything(qohort):
    out = qohort("list").out
    for name in (*METHODS, *preset_names(), *names()):
        assert name in out
    assert "games/relay" not in qohort("list", "algorithms").out


def test_lists_fit_80_columns(qohort, monkeypatch):
    """Headings, names, numbers and words are whole; only sentences and lists are folded."""
    monkeypatch.setenv("COLUMNS", "80")
    out = qohort("list").out
    assert max(map(len, out.splitlines())) <= 80
    for row in (
        "name agents actions obs state limit reward",
        "games/multi-domain-gaussian-squeeze 10 11 11 10 1 team",
        "particles/treasure 8 5 88 95 100 individual",
        "name terrain allies enemies limit",
        "paper: the default for all other worlds",
        "of ow-qmix, cw-qmix",
    ):
        assert row in [" ".join(line.split()) for line in out.splitlines()]


@pytest.mark.parametrize(("command", "name"), [("report", "DIR"), ("preview", "MAP"), ("check-env", "WORLD")])
def test_help_names_what_a_command_takes(command, name, qohort):
    told = qohort(command, "--help").out
    assert f" {name}" in told.splitlines()[0]
    assert not {"STR", "PATH"} & set(told.splitlines()[0].replace("{None}|PATH", "").split())


def test_list_maps_shows_all_battles(qohort):
    out = qohort("list", "maps").out
    for words in ("battle/3m", "battle/2c_vs_64zg", "battle/zerg_20_vs_23", "64 Zerglings", "ravine", "400"):
        assert words in out
    assert "games/relay" not in out


def test_preview_draws_a_battle(qohort, tmp_path):
    for name in ("battle/3m", "3m"):
        answer = qohort("preview", name, "--out", tmp_path / "3m.png", "--width", "200")
        assert answer.code == 0
        assert answer.out.strip() == str(tmp_path / "3m.png")
        assert (tmp_path / "3m.png").read_bytes().startswith(b"\x89PNG")


def test_preview_films_a_battle(qohort, tmp_path):
    answer = qohort("preview", "3m", "--out", tmp_path / "3m.gif", "--width", "100")
    assert answer.code == 0
    film = (tmp_path / "3m.gif").read_bytes()
    assert film.startswith(b"GIF89a")
    assert film.count(b"\x21\xf9\x04") > 10  # frames


def test_preview_draws_a_scenario_of_one_s_own(qohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    group = {"kind": "marine", "count": 2, "at": [9, 16]}
    text = {"name": "mine", "limit": 9, "terrain": "band", "allies": [group], "enemies": [group], "plan": "hold"}
    (tmp_path / "own.json").write_text(json.dumps(text))
    assert qohort("preview", "own.json").code == 0
    assert (tmp_path / "mine.png").exists()


def test_train_finishes_and_then_says_so(qohort, tmp_path):
    first = qohort(*TRAIN, *SMALL, "--root", tmp_path)
    assert first.code == 0
    assert "seed 0: best policy, absolute metric:" in first.out
    (folder,) = (tmp_path / "games" / "two-step").iterdir()
    assert f"Everything is in {folder}" in first.out
    again = qohort(*TRAIN, *SMALL, "--root", tmp_path)
    assert again.code == 0
    assert "is finished: 200 steps" in again.err
    assert again.out == first.out


def test_fresh_starts_another_beside_it(qohort, tmp_path):
    for _ in range(2):
        assert qohort(*TRAIN, *SMALL, "--root", tmp_path, "--fresh").code == 0
    first, second = sorted((tmp_path / "games" / "two-step").iterdir())
    assert second.name == f"{first.name}-2"
    assert "-2 is finished" in qohort(*TRAIN, *SMALL, "--root", tmp_path).err
    assert "-2 is finished" not in qohort("resume", first).err  # the one that was named


def test_resume_gives_more_steps(qohort, finished):
    answer = qohort("resume", finished, "--steps", "300")
    assert answer.code == 0
    assert "going on from step 200" in answer.err
    assert qohort("resume", finished).err.count("is finished: 300 steps") == 1


def test_eval_prints_means_or_everything(qohort, finished):
    plain = qohort("eval", finished, "--episodes", "8")
    assert plain.code == 0
    assert "qmix on games/two-step, seed 0, best team, 8 greedy episodes" in plain.out
    last = qohort("eval", finished, "--episodes", "8", "--which", "last")
    assert "saved at step 200" in last.out
    values = json.loads(qohort("eval", finished, "--episodes", "8", "--json").out)
    assert len(values["return"]) == 8
    assert f"{np.mean(values['return']):.4g}" in plain.out


def paid_twice():
    env = two_step()
    return eqx.tree_at(lambda env: env.rewards, env, 2 * env.rewards)


def test_eval_plays_in_another_world_of_the_same_sizes(qohort, finished):
    own = json.loads(qohort("eval", finished, "--episodes", "8", "--json").out)
    answer = qohort("eval", finished, "--episodes", "8", "--world", f"{__name__}:paid_twice", "--json")
    assert json.loads(answer.out)["return"] == [2 * value for value in own["return"]]
    answer = qohort("eval", finished, "--world", "games/relay")
    assert answer.code == 2
    assert "was trained on games/two-step and has 2 agents; games/relay has 4. Choose a world" in answer.err


def test_check_env_tells_the_sizes(qohort):
    answer = qohort("check-env", "games/two-step")
    assert answer.code == 0
    assert "keeps the contract: 2 agents, 2 actions" in answer.out


def test_doctor_tests_itself(qohort):
    answer = qohort("doctor")
    assert answer.code == 0
    assert "Everything works." in answer.out


def test_tensorboard_files_are_written(qohort, tmp_path):
    pytest.importorskip("tensorboardX")
    assert qohort(*TRAIN, *SMALL, "--folder", tmp_path / "run", "--tensorboard").code == 0
    assert len(list((tmp_path / "run" / "tensorboard" / "seed-0").iterdir())) == 1


@pytest.mark.parametrize("steps", ["4,101", "4.101e3", "4101E0", "4101"])
def test_numbers_as_people_write_them(steps, qohort):
    answer = qohort("train", "iql", "games/two-step", "--steps", steps)
    assert "--steps is 4101, which is not a whole number" in answer.err
