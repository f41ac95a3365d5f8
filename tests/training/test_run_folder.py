"""One run, one folder, one process."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.sizes import size
from qohort.training import disk, provenance
from qohort.training.run_folder import RunFolder, default_path, finished_as, latest, read_config, read_finished
from qohort.training.settings import config_to_dict

CONFIG = {
    "name": "qmix",
    "world": "two-step",
    "algorithm": {"class": "Q", "lr": 0.5, "heads": 4},
    "run": {"steps": 100, "keep": 2},
}
MAY_CHANGE = {"run.steps", "run.keep"}


def take(path: Path, config=None, *, fresh=False) -> RunFolder:
    run = RunFolder.open(path, config or CONFIG, fresh=fresh, may_change=MAY_CHANGE)
    try:
        run.begin()
    except QohortError:
        run.close()
        raise
    return run


def with_setting(part: str, **settings):
    return {**CONFIG, part: {**CONFIG[part], **settings}}


def processes(path: Path) -> list[dict]:
    return json.loads((path / "environment.json").read_text())["processes"]


def committed(folder: Path, name: str) -> None:
    """A repository that knows one file."""
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (folder / name).write_text("1")
    for command in (["init", "-q"], ["add", name], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)


def test_a_new_folder_holds_config_and_environment(tmp_path):
    with take(tmp_path / "deep" / "run") as run:
        assert run.notes == []
        assert read_config(run.path) == CONFIG
        (here,) = processes(run.path)
    assert here["versions"]["jax"].count(".") >= 2
    assert here["versions"]["python"] == sys.version.split()[0]
    assert here["devices"] == {"kind": "cpu", "platform": "cpu", "count": 1}
    assert here["cpus"] == len(os.sched_getaffinity(0))
    assert here["xla_threads"] >= 1
    assert here["command"] == sys.argv
    assert len(here["git"]["commit"]) == 40


def test_the_same_settings_resume(tmp_path):
    take(tmp_path / "run").close()
    with take(tmp_path / "run", with_setting("algorithm", heads=4.0)) as run:
        assert run.notes == []
        assert len(processes(run.path)) == 2


def test_a_run_from_before_a_setting_was_there_resumes(tmp_path):
    config = {**CONFIG, "algorithm": config_to_dict(ValueDecomposition())}
    older = {name: value for name, value in config["algorithm"].items() if name != "novelty"}
    take(tmp_path / "run", {**config, "algorithm": older}).close()
    assert "novelty" not in json.loads((tmp_path / "run" / "config.json").read_text())["algorithm"]
    with take(tmp_path / "run", config) as run:
        assert run.notes == []


def test_settings_that_may_change_are_written_down_and_told(tmp_path):
    take(tmp_path / "run").close()
    with take(tmp_path / "run", with_setting("run", steps=200)) as run:
        assert run.notes == ["Settings changed since this run was started: run.steps was 100 and is 200."]
        assert read_config(run.path)["run"]["steps"] == 200


def test_other_settings_are_refused_with_both_values(tmp_path):
    take(tmp_path / "run").close()
    changed = with_setting("algorithm", lr=0.25, extra="x")
    del changed["algorithm"]["heads"]
    changed["run"] = {"steps": 7, "keep": 2}
    with pytest.raises(QohortError) as refusal:
        take(tmp_path / "run", changed)
    for words in (
        "algorithm.lr was 0.5 and is 0.25",
        "algorithm.heads was 4 and is absent",
        'algorithm.extra was absent and is "x"',
        "`--fresh`",
    ):
        assert words in str(refusal.value)
    assert "run.steps" not in str(refusal.value)
    assert read_config(tmp_path / "run") == CONFIG
    take(tmp_path / "run").close()  # a refusal leaves no lock behind


def test_fresh_moves_on_and_deletes_nothing(tmp_path):
    for expected in ("run", "run-2", "run-3"):
        with take(tmp_path / "run", fresh=True) as run:
            assert run.path == tmp_path / expected
            assert len(processes(run.path)) == 1
            (run.path / "mine").touch()
    assert latest(tmp_path / "run") == tmp_path / "run-3"
    assert all((tmp_path / name / "mine").exists() for name in ("run", "run-2", "run-3"))


def test_the_latest_of_none_is_the_first(tmp_path):
    assert latest(tmp_path / "run") == tmp_path / "run"


def test_a_finished_run_says_so_until_it_is_given_more(tmp_path):
    asked = {"steps": 100, "keep": 2}
    with take(tmp_path / "run") as run:
        assert finished_as(run.path, asked) is None
        run.finish({"asked": asked, "absolute": {0: 1.5}})
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob("*.json")}
    with RunFolder.open(tmp_path / "run", with_setting("run", steps=200), fresh=False, may_change=MAY_CHANGE) as run:
        assert finished_as(run.path, asked) == {"asked": asked, "absolute": {"0": 1.5}}
        assert finished_as(run.path, {**asked, "steps": 200}) is None
        assert {path: path.read_bytes() for path in run.path.glob("*.json")} == before  # looking changes nothing
        run.begin()
        assert read_finished(run.path) is None
        assert len(processes(run.path)) == 2


def test_what_a_finished_run_does_not_say_is_as_in_its_settings(tmp_path):
    with take(tmp_path / "run") as run:
        run.finish({"asked": {"steps": 100}})  # by a version that knew no other question
    assert finished_as(tmp_path / "run", {"steps": 100, "keep": 2, "newer": 7})
    assert finished_as(tmp_path / "run", {"steps": 100, "keep": 3}) is None
    (tmp_path / "run" / "finished.json").write_text('{"asked": 3}')
    with pytest.raises(QohortError, match=r"finished\.json is damaged"):
        finished_as(tmp_path / "run", {"steps": 100})


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(QohortError, match=r"is not a run folder: it holds 'thesis.tex' and no config.json"):
        take(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(QohortError, match="is not a run folder"):
        read_config(tmp_path)


def test_a_process_killed_before_it_wrote_anything_does_no_harm(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").touch()
    (tmp_path / "run" / ".config.json.writing").write_text('{"na')
    with take(tmp_path / "run") as run:
        assert read_config(run.path) == CONFIG


def test_a_damaged_config_is_a_sentence(tmp_path):
    take(tmp_path / "run").close()
    (tmp_path / "run" / "config.json").write_text('{"name"')
    with pytest.raises(QohortError, match=r"config.json is damaged"):
        take(tmp_path / "run")


def test_a_damaged_environment_stops_nothing(tmp_path):
    take(tmp_path / "run").close()
    (tmp_path / "run" / "environment.json").write_text("[]")
    with take(tmp_path / "run") as run:
        assert len(processes(run.path)) == 1


HOLDER = """
import json, sys
from pathlib import Path
from qohort.training.run_folder import RunFolder
run = RunFolder.open(Path(sys.argv[1]), json.loads(sys.argv[2]), fresh=False)
run.begin()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process with the folder `run`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "run"), json.dumps(CONFIG)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(QohortError, match=rf"is in use by process {holder.pid} on {os.uname().nodename}\. Wait"):
        take(tmp_path / "run")
    with pytest.raises(QohortError, match=f"process {holder.pid}"):  # being refused did not erase the name
        take(tmp_path / "run")
    with take(tmp_path / "run", fresh=True) as beside:
        assert beside.path == tmp_path / "run-2"
    assert read_config(tmp_path / "run") == CONFIG  # looking needs no lock


def test_a_killed_process_lets_go(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with take(tmp_path / "run") as run:
        assert len(processes(run.path)) == 2


def test_the_same_process_cannot_take_a_folder_twice(tmp_path):
    with take(tmp_path / "run"), pytest.raises(QohortError, match=f"in use by process {os.getpid()}"):
        take(tmp_path / "run")
    take(tmp_path / "run").close()


def test_a_file_system_without_locks_is_a_note(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with take(tmp_path / "run") as run:
        assert "has no locks" in run.notes[0]


def test_a_run_that_moves_to_another_machine_is_told_so(tmp_path, monkeypatch):
    take(tmp_path / "run").close()
    here = provenance.describe()
    there = {**here, "cpus": 64, "versions": {**here["versions"], "jax": "9.9"}, "host": "other", "pid": 1}
    monkeypatch.setattr(provenance, "describe", lambda: there)
    with take(tmp_path / "run") as run:
        (note,) = run.notes
    assert f"jax {here['versions']['jax']} → 9.9, cpus {here['cpus']} → 64" in note
    assert "may differ in the last bits" in note
    with take(tmp_path / "run") as run:
        assert run.notes == []  # told once: the process before was there already


def test_drift_names_the_device():
    before = {"devices": {"kind": "cpu", "count": 1}, "versions": {}, "cpus": 2}
    after = {"devices": {"kind": "NVIDIA H200", "count": 1}, "versions": {}, "cpus": 2}
    assert "(device kind cpu → NVIDIA H200)" in (provenance.drift(before, after) or "")
    assert provenance.drift(before, before) is None


def test_drift_names_the_threads_that_xla_was_given():
    before = {"devices": {}, "versions": {}, "cpus": 2, "xla_threads": 2, "xla_flags": ""}
    after = {**before, "xla_threads": 1, "xla_flags": "--xla_cpu_multi_thread_eigen=false"}
    told = provenance.drift(before, after) or ""
    assert "(xla_threads 2 → 1, xla_flags none → --xla_cpu_multi_thread_eigen=false)" in told
    of_an_older_version = {"devices": {}, "versions": {}, "cpus": 2}
    assert provenance.drift(of_an_older_version, after) is None


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted on Linux only")
def test_the_threads_are_those_that_there_are():
    script = "from qohort.training import provenance; print(provenance.describe()['xla_threads'])"
    environment = {**os.environ, "NPROC": "3"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"


def test_a_run_records_the_version_of_its_world(tmp_path):
    with RunFolder.open(tmp_path / "run", CONFIG, fresh=False, world_version="battle-v3") as run:
        run.begin()
    take(tmp_path / "other").close()
    assert processes(tmp_path / "run")[-1]["world_version"] == "battle-v3"
    assert processes(tmp_path / "other")[-1]["world_version"] is None


def test_a_run_that_goes_on_by_other_rules_is_told_so(tmp_path):
    def opened(version: str | None) -> list[str]:
        with RunFolder.open(tmp_path / "run", CONFIG, fresh=False, world_version=version) as run:
            run.begin()
            return run.notes

    assert opened(None) == []
    assert opened("battle-v3") == []  # of an older version nobody knows whether it had these rules
    (note,) = opened("battle-v4")
    assert note.startswith("This run was trained in battle-v3, and the world is battle-v4: it goes on by other rules.")
    with RunFolder.open(tmp_path / "run", CONFIG, fresh=False, world_version="battle-v4") as run:
        run.begin()
    versions = [process["world_version"] for process in processes(tmp_path / "run")]
    assert versions == [None, "battle-v3", "battle-v4", "battle-v4"]


def test_the_revision_is_that_of_the_package_wherever_a_run_is_started(tmp_path, monkeypatch):
    package = Path(provenance.__file__).parent
    monkeypatch.chdir(tmp_path)
    told = provenance.describe()
    assert told["folder_git"] is None
    assert told["git"] == provenance.own_revision() == provenance.git_revision(package)


def test_a_copy_that_is_installed_inside_a_repository_is_not_of_its_revision(tmp_path, monkeypatch):
    committed(tmp_path, "mine.py")
    (tmp_path / "installed.py").touch()
    for name, revision in (("mine.py", provenance.git_revision(tmp_path)), ("installed.py", None)):
        monkeypatch.setattr(provenance, "__file__", str(tmp_path / name))
        assert provenance.own_revision() == revision


def test_the_processor_has_a_name():
    name = provenance.processor()
    assert name
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file() and "model name" in cpuinfo.read_text():
        assert f": {name}\n" in cpuinfo.read_text()


def test_no_repository_is_no_revision(tmp_path):
    assert provenance.git_revision(tmp_path) is None


def test_a_changed_file_is_noted(tmp_path):
    committed(tmp_path, "file")
    clean = provenance.git_revision(tmp_path)
    assert clean is not None
    assert clean["changed"] is False
    (tmp_path / "file").write_text("2")
    assert provenance.git_revision(tmp_path) == {"commit": clean["commit"], "changed": True}


def test_a_file_where_a_folder_is_needed_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(QohortError, match=r"Cannot use the run folder .*: a part of that path is a file"):
        take(tmp_path / "file" / "run")
    for path, fresh in ((tmp_path / "file" / "run", True), (tmp_path / "file", False)):
        with pytest.raises(QohortError, match=r"a file is in the place where a folder is needed.* choose another"):
            take(path, fresh=fresh)


REFUSALS = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is missing",
    errno.ENOSPC: "the disk or your quota is full: .* free .*Free some space",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ESTALE: "Stale file handle",
}


@pytest.mark.parametrize("number", REFUSALS)
@pytest.mark.parametrize("call", ["mkdir", "fsync"])
def test_every_refusal_of_the_system_is_a_sentence(tmp_path, monkeypatch, number, call):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(QohortError, match=f"Cannot use the run folder .*/run: {REFUSALS[number]}"):
        take(tmp_path / "run")
    monkeypatch.undo()
    take(tmp_path / "run").close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_sentence(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(QohortError, match="permission is missing"):
        take(tmp_path / "run")


def test_replacing_a_file_leaves_the_old_one_when_it_fails(tmp_path, monkeypatch):
    disk.replace_json(tmp_path / "a.json", {"version": 1})

    def refuse(*_):
        raise OSError(errno.EIO, "I/O error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="I/O"):
        disk.replace_json(tmp_path / "a.json", {"version": 2})
    assert json.loads((tmp_path / "a.json").read_text()) == {"version": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_sizes_are_readable():
    assert [size(n) for n in (0, 1023, 1024, 5 * 2**29, 3 * 2**50)] == [
        "0 bytes",
        "1023 bytes",
        "1.0 KiB",
        "2.5 GiB",
        "3072.0 TiB",
    ]


@pytest.mark.parametrize(
    ("world", "algorithm", "path"),
    [
        ("battle/3m", "qatten", "battle/3m/qatten-0a1b2c3d"),
        ("two-step", "pqn qatten", "two-step/pqn-qatten-0a1b2c3d"),
        ("my.module:factory", "q", "my.module-factory/q-0a1b2c3d"),
        ("../../etc", "../x", "etc/..-x-0a1b2c3d"),
        ("/abs", "q", "abs/q-0a1b2c3d"),
        ("", "q", "world/q-0a1b2c3d"),
    ],
)
def test_the_default_path_stays_below_the_root(world, algorithm, path):
    assert default_path(Path("runs"), world=world, algorithm=algorithm, digest="0a1b2c3d") == Path("runs") / path
