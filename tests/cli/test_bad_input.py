"""Whatever a person gets wrong is answered with a sentence and exit code 2."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from qohort.training import checkpoint, disk
from qohort.training.run_folder import RunFolder, read_config
from tests.cli.conftest import SMALL

TRAIN = ("train", "qmix", "games/two-step")
FAULTY = ("--steps", "200", "--eval-every", "200", "--eval-episodes", "4", "--absolute-factor", "1")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["trian"], "no command named 'trian'. Did you mean 'train'?"),
        (["train", "qaten", "games/two-step"], "no algorithm named 'qaten'. Did you mean 'qatten'?"),
        (["train", "qmix", "games/two-stp"], "no world called 'games/two-stp'. Did you mean 'games/two-step'?"),
        (["train", "qmix", "nowhere:world"], "no module 'nowhere'"),
        (["train", "qmix", "tests.cli.faulty:nothing"], "has no 'nothing'"),
        (["train", "qmix", "tests.cli.faulty:Faulty"], "the option 'fault' is needed"),
        (["train", "qmix"], "lacks a world"),
        (["train", "--steps", "5"], "lacks an algorithm and a world"),
        ([*TRAIN, "--preset", "papr"], "no preset of qmix named 'papr'. Did you mean 'paper'?"),
        ([*TRAIN, "--preset"], "--preset"),
        ([*TRAIN, "--team", "talkin"], "no team network named 'talkin'. Did you mean 'talking'?"),
        ([*TRAIN, "--stepz", "5"], "--stepz"),
        ([*TRAIN, "--steps", "many"], "--steps"),
        ([*TRAIN, "--steps", "-5"], "--steps is -5; it must be at least 1"),
        ([*TRAIN, "--steps", "0"], "--steps is 0"),
        ([*TRAIN, "--seeds", "0"], "--seeds is 0"),
        ([*TRAIN, "--seed", "-1"], "--seed is -1"),
        ([*TRAIN, "--seed", "4294967295", "--seeds", "2"], "seeds repeat earlier ones"),
        ([*TRAIN, "--chunk", "0"], "--chunk is 0"),
        ([*TRAIN, "--keep", "0"], "--keep is 0"),
        ([*TRAIN, "--checkpoint-every", "nan"], "--checkpoint-every is nan"),
        ([*TRAIN, "--steps", "120"], "The nearest is 100."),
        ([*TRAIN, "--steps", "300", "--eval-every", "70"], "--eval-every is 70"),
        ([*TRAIN, "--log-every", "7"], "--log-every is 7"),
        ([*TRAIN, "--algorithm.td-lambda", "1.5"], "td_lambda is 1.5; it must lie between 0 and 1"),
        ([*TRAIN, "--algorithm.td-lambda", "-0.1"], "td_lambda is -0.1"),
        ([*TRAIN, "--algorithm.gamma", "nan"], "gamma is nan"),
        ([*TRAIN, "--algorithm.epsilon.start", "2"], "epsilon.start is 2.0"),
        ([*TRAIN, "--algorithm.epsilon.steps", "-1"], "-1 steps"),
        ([*TRAIN, "--algorithm.environments", "0"], "environments is 0"),
        ([*TRAIN, "--algorithm.team.hidden", "-4"], "hidden is -4"),
        ([*TRAIN, "--algorithm.feed.batch", "0"], "feed.batch is 0"),
        ([*TRAIN, "--algorithm.feed.batch", "501"], "feed.batch is 501, but only 500 episodes are kept"),
        ([*TRAIN, "--algorithm.feed.episodes", "100000000000000"], "Keep fewer episodes"),
        ([*TRAIN, "--algorithm.optimiser.learning-rate", "0"], "learning_rate is 0.0"),
        ([*TRAIN, "--algorithm.optimiser.final-learning-rate", "-1"], "final_learning_rate is -1.0"),
        (
            ["train", "qatten", "games/two-step", "--algorithm.mixer.heads", "0"],
            "Qatten.heads is 0; it must be at least 1",
        ),
        (["eval"], "needs a run folder first"),
        (["preview", "battle/3s5"], "no battle called '3s5'. Did you mean '3s5z'?"),
        (["preview", "3m", "--out", "3m.jpg"], "--out is 3m.jpg; its name must end with .png for a picture, .gif or"),
        (["preview", "nowhere.json"], "Cannot read the scenario 'nowhere.json'"),
        (["eval", "."], "is not a run folder"),
        (["resume", "nowhere"], "is not a run folder"),
        (["resume", "--steps", "5"], "needs a run folder first"),
        (["check-env", "games/two-stp"], "Did you mean 'games/two-step'?"),
        (["check-env", "tests.cli.faulty:avail"], "`avail` has no available action for 'b'"),
        (["check-env", "tests.cli.faulty:reward"], "`reward` is nan"),
        (["list", "nonsense"], "nonsense"),
        (["bench", "lerner"], "Did you mean 'learner'?"),
    ],
)
def test_a_sentence_and_exit_code_2(words, sentence, qohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = qohort(*words)
    assert answer.code == 2
    assert sentence in answer.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("avail", "left agents without any available action"),
        ("reward", "rewards that are not finite numbers"),
        ("features", "train/loss is not a finite number"),
        ("shape", "`obs` has the shape (2, 2), but the spec asks for (2, 1)"),
        ("state", "from int32[] to float32[]"),
        ("individual", "--algorithm.reward-reduction sum or mean"),
    ],
)
def test_faulty_worlds(fault, sentence, qohort, tmp_path):
    answer = qohort(
        *("train", "qmix", f"tests.cli.faulty:{fault}", *FAULTY, "--root", tmp_path),
        *("--algorithm.team.hidden", "8", "--algorithm.feed.batch", "4"),
    )
    assert answer.code == 2
    assert sentence in answer.err


def test_weights_that_are_lost(qohort, tmp_path):
    answer = qohort(*TRAIN, *SMALL, "--algorithm.optimiser.learning-rate", "1e30", "--folder", tmp_path / "run")
    assert answer.code == 2
    assert "try a smaller --algorithm.optimiser.learning-rate" in answer.err


def test_folders_that_cannot_be_used(qohort, tmp_path):
    (tmp_path / "file").write_text("I am no folder")
    for folder, sentence in (
        (tmp_path / "file", "a file is in the place where a folder is needed"),
        (tmp_path / "file" / "run", "a part of that path is a file"),
        (tmp_path, "it holds 'file' and no config.json"),
    ):
        answer = qohort(*TRAIN, *SMALL, "--folder", folder)
        assert answer.code == 2
        assert sentence in answer.err


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's here")
def test_a_file_system_that_is_read_only_or_full(tmp_path):
    """For real, in a name space of our own; what a machine refuses to set up is not tested on it."""
    room = tmp_path / "room"
    room.mkdir()
    command = [sys.executable, "-m", "qohort.cli.main", *TRAIN, *SMALL, "--folder", str(room / "run")]
    for options, sentence in (("ro", "the file system is read-only"), ("size=16k", "the disk or your quota is full")):
        script = f'mount -t tmpfs -o {options} none "{room}" || exit 77; exec "$@"'
        try:
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", script, "sh", *command], capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            pytest.skip("there is no `unshare`")
        if "unshare" in done.stderr or done.returncode == 77:
            pytest.skip("this machine lets nobody mount")
        assert done.returncode == 2, done.stderr
        assert sentence in done.stderr
        assert "Traceback" not in done.stderr


def test_a_disk_without_room(qohort, tmp_path, monkeypatch):
    monkeypatch.setattr(disk, "_free", lambda path: 1000)
    answer = qohort(*TRAIN, *SMALL, "--folder", tmp_path / "run")
    assert answer.code == 2
    assert "the disk or your quota is full" in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(qohort, tmp_path):
    tmp_path.chmod(0o500)
    answer = qohort(*TRAIN, *SMALL, "--folder", tmp_path / "run")
    tmp_path.chmod(0o700)
    assert answer.code == 2
    assert "permission is missing" in answer.err


def test_two_processes_on_one_folder(qohort, finished):
    with RunFolder.open(finished, read_config(finished), fresh=False):
        answer = qohort(*TRAIN, *SMALL, "--folder", finished)
    assert answer.code == 2
    assert f"is in use by process {os.getpid()}" in answer.err


def test_another_configuration(qohort, finished):
    answer = qohort(*TRAIN, *SMALL, "--folder", finished, "--algorithm.gamma", "0.5")
    assert answer.code == 2
    assert "algorithm.gamma was 0.99 and is 0.5" in answer.err


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (truncate, "arrays.safetensors"),
        (flip, "arrays.safetensors"),
        (empty, "manifest.json"),
        (Path.unlink, "manifest.json"),
    ],
)
def test_a_damaged_checkpoint(damage, name, qohort, finished):
    assert qohort("resume", finished, "--steps", "300").code == 0
    newest, older = checkpoint.paths(finished / "seed-0" / "checkpoints")
    damage(newest / name)
    answer = qohort("eval", finished, "--episodes", "4", "--json")
    assert answer.code == 0
    answer = qohort("resume", finished, "--steps", "400")
    assert answer.code == 0
    assert f"The checkpoint {newest.name} is unusable: " in answer.err
    assert f"{older.name} is used instead." in answer.err
    assert [path.name[-3:] for path in checkpoint.paths(newest.parent)] == ["400", "200"]
    assert newest.with_name(f"damaged-{newest.name}").is_dir()

    for path in checkpoint.paths(finished / "seed-0" / "checkpoints"):
        damage(path / name)
    for words in (["resume", finished, "--steps", "500"], ["eval", finished]):
        answer = qohort(*words)
        assert answer.code == 2
        assert "No checkpoint in" in answer.err
        assert "--fresh" in answer.err


def test_a_run_without_a_checkpoint(qohort, finished):
    shutil.rmtree(finished / "seed-0" / "checkpoints")
    commands = (["eval", finished], ["watch", finished], ["analyse", "igm", finished])
    for words in commands:
        answer = qohort(*words)
        assert answer.code == 2
        assert f"{finished} was kept without checkpoints; train it again to watch or judge it." in answer.err
    (finished / "finished.json").unlink()
    for words in commands:
        answer = qohort(*words)
        assert answer.code == 2
        assert f"There is no checkpoint of seed 0 in {finished}: the run stopped before its first one." in answer.err
    with RunFolder.open(finished, read_config(finished), fresh=False):
        assert "There is no checkpoint of seed 0" in (said := qohort("eval", finished).err)
        assert "yet; wait some minutes for its first one." in said


@pytest.mark.parametrize("command", ["eval", "watch", "resume"])
def test_a_folder_that_is_no_run(command, qohort, tmp_path):
    for content, sentence in (
        (None, "there is no config.json in it"),
        ("{}", "its config.json is not one of Qohort's"),
        ('{"name": "x", "version": 3}', "its config.json is not one of Qohort's"),
    ):
        if content is not None:
            (tmp_path / "config.json").write_text(content)
        answer = qohort(command, tmp_path)
        assert answer.code == 2
        assert f"{tmp_path} is not a run folder: {sentence}. Run folders are named runs/WORLD/ALGORITHM-HASH." in (
            answer.err
        )


def test_lost_lines(qohort, finished):
    truncate(finished / "seed-0" / "metrics.jsonl")
    answer = qohort("resume", finished, "--steps", "300")
    assert answer.code == 2
    assert "lines are missing" in answer.err


def test_a_damaged_line_of_metrics_leaves_the_run_as_it_is(qohort, finished):
    metrics = finished / "seed-0" / "metrics.jsonl"
    metrics.write_bytes(b"\0" + metrics.read_bytes()[1:])
    before = (finished / "config.json").read_bytes(), (finished / "finished.json").read_bytes()
    answer = qohort("resume", finished, "--steps", "300")
    assert answer.code == 2
    assert "metrics.jsonl is damaged: line 1 of" in answer.err
    assert ((finished / "config.json").read_bytes(), (finished / "finished.json").read_bytes()) == before


def test_a_damaged_config(qohort, finished):
    truncate(finished / "config.json")
    for words in (["resume", finished], ["eval", finished], [*TRAIN, *SMALL, "--folder", finished]):
        answer = qohort(*words)
        assert answer.code == 2
        assert "config.json is damaged" in answer.err
        assert "Put it back from a copy; `qohort train … --fresh` makes another run." in answer.err


@pytest.mark.parametrize(
    "words",
    [
        ["study", "somewhere", "--file", "nofile.toml"],
        ["preview", "3m", "--out", "nodir/3m.png"],
    ],
)
def test_a_path_that_never_was(words, qohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = qohort(*words)
    assert answer.code == 2
    assert "there is no such file or folder" in answer.err
    assert "To fix it, check the spelling, or make the folder first." in answer.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["eval", "--seed", "3"], "has no seed 3; it has 0"),
        (["eval", "--episodes", "0"], "--episodes is 0"),
        (["eval", "--stream", "-1"], "--stream is -1"),
        (["eval", "--which", "worst"], "worst"),
        (["resume", "--algorithm.gamma", "0.5"], "--algorithm.gamma"),
        (["resume", "--seed", "1"], "run.seed was 0 and is 1"),
        (["resume", "--folder", "elsewhere"], "move the folder first"),
        (["resume", "--root", "elsewhere"], "move the folder first"),
        (["resume", "--fresh"], "--fresh begins another run"),
        (["resume", "--steps", "100"], "200 steps already, and --steps is 100"),
    ],
)
def test_flags_for_a_run(words, sentence, qohort, finished):
    answer = qohort(words[0], finished, *words[1:])
    assert answer.code == 2
    assert sentence in answer.err


def test_a_missing_extra(qohort, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.setitem(sys.modules, "tensorboardX.event_file_writer", None)
    answer = qohort(*TRAIN, *SMALL, "--folder", tmp_path / "run", "--tensorboard")
    assert answer.code == 2
    assert "pip install -e '.[tensorboard]'" in answer.err
