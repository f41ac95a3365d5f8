"""What is read from run folders, and what is said about those that are not whole."""

import dataclasses
import json
import pathlib
import re
from typing import Any

import numpy as np
import pytest

from qohort.algorithms.novelty import Novelty
from qohort.algorithms.value_decomposition import ValueDecomposition
from qohort.errors import QohortError
from qohort.mixers import QMIX, VDN
from qohort.report.caveats import caveats
from qohort.report.comparison import compare
from qohort.report.gather import SeedRun, gather, without_runs
from qohort.report.labels import collect
from qohort.training.run_folder import RunFolder, read_config
from tests.report.synthetic import with_mixer, write_run

WHOLE = {0: [(0, 0.0), (100, 0.5), (200, 1.0)], 1: [(0, 0.0), (100, 0.25), (200, 0.75)]}
ROUGH = "Intervals of fewer than five seeds are rough"


def told(root, **options) -> list[str]:
    """The sentences about a folder, but for the one about few seeds."""
    return [said for said in caveats(compare(collect(gather(root), root, **options))) if ROUGH not in said]


def labels(root, **options) -> list[str]:
    return [f"{label} on {world}" for world, label in collect(gather(root), root, **options).cells]


def saved(run: SeedRun) -> dict[str, Any]:
    return json.loads((run.folder / "absolute.json").read_text())


def test_a_real_run(finished):
    (record,) = gather(finished)
    assert (record.name, record.planned, record.planned_steps) == ("vdn", (0, 1), 120)
    assert [run.state for run in record.seeds] == ["finished"] * 2
    for run in record.seeds:
        assert run.steps.tolist() == [0, 60, 120]
        assert {"eval/return", "eval/win_rate", "eval/length"} <= {*run.values}
        assert (run.episodes, run.absolute_episodes, run.absolute_steps) == (4, 4, 120)
        assert run.absolute is not None
        assert run.absolute == {name: value for name, value in saved(run).items() if name.startswith("eval/")}
        assert run.seconds[0] == 0
        assert (np.diff(run.seconds) > 0).all()
        assert run.speed is not None
        assert run.speed.steps_per_second > 0
    assert record.versions


def test_the_page_on_runs_names_what_every_run_measures(finished):
    page = (pathlib.Path(__file__).parents[2] / "docs" / "runs.md").read_text()
    lines = [json.loads(line) for line in (finished / "seed-0" / "metrics.jsonl").read_text().splitlines()]
    timing = [json.loads(line) for line in (finished / "seed-0" / "timing.jsonl").read_text().splitlines()]
    measured = {name for line in [*lines, *timing] for name in line}
    shared = ("episodes", "exploration", "learning_rate", "length", "loss", "return", "updates", "valid", "win_rate")
    for name in (*(f"train/{each}" for each in shared), "steps_per_second", "updates_per_second", "seconds"):
        assert name in measured
        assert f"`{name}`" in page
    assert all(0 < line["train/valid"] <= 1 for line in lines if "train/valid" in line)


def test_run_folders_are_found_at_any_depth(tmp_path):
    write_run(tmp_path / "a" / "b" / "one", WHOLE, name="vdn")
    write_run(tmp_path / "two", WHOLE, name="qmix", algorithm=with_mixer(QMIX()))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"theirs": 1}')
    write_run(tmp_path / "report" / "three", WHOLE)
    found = gather(tmp_path, leave_out=[tmp_path / "report"])
    assert [record.folder.name for record in found] == ["one", "two"]
    assert [record.name for record in gather(tmp_path / "two")] == ["qmix"]


def test_what_was_written_is_read(tmp_path):
    write_run(tmp_path / "run", WHOLE, absolute={0: 0.9, 1: 0.8}, seconds=lambda step: 3 + step / 50)
    first, second = gather(tmp_path)[0].seeds
    assert first.values["eval/win_rate"].tolist() == [0.0, 0.5, 1.0]
    assert second.values["eval/return"].tolist() == [0.0, 5.0, 15.0]
    assert first.seconds.tolist() == [0.0, 5.0, 7.0]
    assert first.absolute == {"eval/win_rate": 0.9, "eval/return": 18.0, "eval/length": 10.0}
    assert first.absolute_episodes == 320
    assert first.speed is not None
    assert first.speed.steps_per_second == pytest.approx(200 / 4)
    assert first.speed.updates_per_second == pytest.approx(2 / 4)


def test_the_clock_goes_on_when_another_process_does(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    timing = [(100, 10.0), (150, 14.0), (200, 3.0)]
    lines = [json.dumps({"seed": 0, "step": step, "seconds": clock}) + "\n" for step, clock in timing]
    (tmp_path / "run" / "seed-0" / "timing.jsonl").write_text("".join(lines))
    assert gather(tmp_path)[0].seeds[0].seconds.tolist() == [0.0, 10.0, 17.0]


def test_a_run_without_a_clock(tmp_path):
    write_run(tmp_path / "run", WHOLE, seconds=None)
    run = gather(tmp_path)[0].seeds[0]
    assert np.isnan(run.seconds).all()
    assert run.speed is None


def test_nothing_to_compare(tmp_path):
    with pytest.raises(QohortError, match=r"There are no runs below .*`qohort train` makes them"):
        gather(tmp_path)
    with pytest.raises(QohortError, match="is not a folder"):
        gather(tmp_path / "nowhere")
    config = {"name": "a", "world": "w", "algorithm": {}, "run": {"seed": 0, "seeds": 2, "steps": 9}}
    with RunFolder.open(tmp_path / "run", config, fresh=False) as opened:
        opened.begin()
    with pytest.raises(QohortError, match=r"No run below .* has an evaluation yet"):
        collect(gather(tmp_path), tmp_path)


def test_a_torn_last_line_is_left_out_and_said(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    path = tmp_path / "run" / "seed-1" / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    assert gather(tmp_path)[0].seeds[1].steps.tolist() == [0, 100]
    assert "The last line of run/seed-1/metrics.jsonl is damaged and was left out." in told(tmp_path)


def test_damage_inside_is_refused(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    path = tmp_path / "run" / "seed-1" / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\x00\x00\n", *lines[1:]]))
    with pytest.raises(QohortError, match=r"metrics\.jsonl is damaged: line 2 of 6 .* move the run folder"):
        gather(tmp_path)


def test_a_damaged_absolute_metric_is_refused(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    (tmp_path / "run" / "seed-0" / "absolute.json").write_text("{")
    with pytest.raises(QohortError, match=r"absolute\.json is damaged"):
        gather(tmp_path)


def test_a_whole_run_needs_no_words(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    assert told(tmp_path) == []


def test_a_seed_that_stopped_and_one_that_never_began(tmp_path):
    lines = {0: WHOLE[0], 1: WHOLE[1][:2]}
    write_run(tmp_path / "run", lines, name="qmix", planned_seeds=[0, 1, 2], absolute={0: 1.0})
    assert told(tmp_path) == [
        "qmix on battle/3m: 1 of 3 seeds are finished; seed 1 stopped at 100 of 200 steps and is drawn until there; "
        "seed 2 has no evaluation yet."
    ]


def test_a_run_that_goes_on_is_marked(tmp_path):
    folder = write_run(tmp_path / "run", {0: WHOLE[0][:2]}, planned=200, absolute={})
    with RunFolder.open(folder, read_config(folder), fresh=False):
        assert gather(tmp_path)[0].seeds[0].state == "running"
        assert "seed 0 is still running (100 of 200 steps)" in told(tmp_path)[0]
    assert gather(tmp_path)[0].seeds[0].state == "stopped"


def test_a_run_that_was_given_more_steps(tmp_path):
    folder = write_run(tmp_path / "run", {0: WHOLE[0]})
    line = json.loads((folder / "seed-0" / "absolute.json").read_text()) | {"steps": 100}
    (folder / "seed-0" / "absolute.json").write_text(json.dumps(line))
    assert told(tmp_path) == [
        "vdn on battle/3m, seed 0: the absolute metric is of step 100, and training has gone on to 200."
    ]


def test_few_seeds_are_said_to_be_rough(tmp_path):
    write_run(tmp_path / "a", {seed: WHOLE[0] for seed in range(5)}, name="vdn")
    assert caveats(compare(collect(gather(tmp_path), tmp_path))) == []
    write_run(tmp_path / "b", WHOLE, name="qmix", algorithm=with_mixer(QMIX()))
    (said,) = caveats(compare(collect(gather(tmp_path), tmp_path)))
    assert said.startswith("Fewer than five seeds: qmix on battle/3m (2). Intervals of fewer than five seeds are rough")


def test_an_interval_is_as_rough_as_the_seeds_that_are_finished_are_few(tmp_path):
    write_run(tmp_path / "a", {seed: WHOLE[0] for seed in range(5)}, name="vdn", absolute={0: 1.0, 1: 0.5})
    assert caveats(compare(collect(gather(tmp_path), tmp_path)))[-1].startswith("Every algorithm has 2 seeds on every")


def test_different_settings_of_one_name_are_shown_apart(tmp_path):
    for gamma in (0.9, 0.99):
        algorithm = with_mixer(VDN())
        write_run(tmp_path / f"vdn-{gamma}", WHOLE, algorithm=type(algorithm)(mixer=VDN(), gamma=gamma))
    assert labels(tmp_path) == ["vdn gamma=0.9 on battle/3m", "vdn gamma=0.99 on battle/3m"]
    assert told(tmp_path) == [
        "Runs called vdn on battle/3m have different settings (algorithm.gamma) and are shown apart: 'vdn gamma=0.9' "
        "and 'vdn gamma=0.99'."
    ]
    names = {"vdn gamma=0.9": "short-sighted"}
    assert labels(tmp_path, names=names) == ["short-sighted on battle/3m", "vdn gamma=0.99 on battle/3m"]
    with pytest.raises(QohortError, match=r"different settings under 'vdn' on battle/3m \(algorithm\.gamma\)"):
        collect(gather(tmp_path), tmp_path, names={"vdn gamma=0.9": "vdn", "vdn gamma=0.99": "vdn"})


def test_many_settings_are_told_by_what_is_not_as_in_most(tmp_path):
    """One thing at a time around what most runs have, which is told by its name alone."""
    changes = ({}, {}, {"gamma": 0.9}, {"double_q": False}, {"target_interval": 7}, {"td_lambda": 0.1})
    for number, change in enumerate(changes):
        algorithm = dataclasses.replace(with_mixer(VDN()), **change)
        write_run(tmp_path / f"{number}", WHOLE, algorithm=algorithm)
    changed = ("double_q=False", "gamma=0.9", "target_interval=7", "td_lambda=0.1")
    assert labels(tmp_path) == ["vdn on battle/3m", *(f"vdn {name} on battle/3m" for name in changed)]


def test_labels_by_folder_and_in_the_order_given(tmp_path):
    write_run(tmp_path / "a", WHOLE, name="vdn")
    write_run(tmp_path / "b", WHOLE, name="qmix", algorithm=with_mixer(QMIX()))
    collection = collect(gather(tmp_path), tmp_path, names={"b": "zebra", "vdn": "Ant"})
    assert collection.labels == ("zebra", "Ant")
    with pytest.raises(QohortError, match=r"--labels names 'iql', which is neither .* Labels are: qmix, vdn\."):
        collect(gather(tmp_path), tmp_path, names={"iql": "x"})


def test_seeds_of_several_folders_are_one_label_and_none_counts_twice(tmp_path):
    write_run(tmp_path / "a", WHOLE)
    write_run(tmp_path / "b", {1: WHOLE[1][:2], 2: WHOLE[0]}, planned=200, absolute={2: 1.0})
    (cell,) = collect(gather(tmp_path), tmp_path).cells.values()
    assert [(run.seed, run.last_step) for run in cell.seeds] == [(0, 200), (1, 200), (2, 200)]
    assert told(tmp_path)[0] == (
        "vdn on battle/3m: seed 1 was trained more than once (a and b). A seed is counted once: the run that is "
        "finished, or came further."
    )


def test_a_finished_seed_counts_though_another_run_of_it_came_further(tmp_path):
    write_run(tmp_path / "a", {0: WHOLE[0]})
    write_run(tmp_path / "b", {0: [*WHOLE[0], (400, 0.1)]}, planned=1000, absolute={})
    (cell,) = collect(gather(tmp_path), tmp_path).cells.values()
    assert [(run.state, run.last_step) for run in cell.seeds] == [("finished", 200)]


def test_links_to_runs_are_followed_and_to_folders_above_not_for_ever(tmp_path):
    write_run(tmp_path / "elsewhere" / "run", WHOLE)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "linked").symlink_to(tmp_path / "elsewhere" / "run")
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    assert [record.folder.name for record in gather(tmp_path / "runs")] == ["linked"]


def test_a_number_that_is_none_counts_as_not_measured(tmp_path):
    file = write_run(tmp_path / "run", {0: [(0, 0.0), (10, 0.5), (20, 1.0)]}) / "seed-0" / "metrics.jsonl"
    file.write_text(file.read_text().replace('"eval/win_rate": 0.5', '"eval/win_rate": Infinity'))
    (seed,) = gather(tmp_path)[0].seeds
    assert np.isnan(seed.values["eval/win_rate"]).tolist() == [False, True, False]


def test_settings_that_differ_between_worlds_are_said(tmp_path):
    for world, gamma in (("games/and", 0.9), ("games/or", 0.99)):
        write_run(tmp_path / world, WHOLE, world=world, algorithm=type(with_mixer(VDN()))(mixer=VDN(), gamma=gamma))
    assert told(tmp_path) == ["vdn has not the same settings on every world (algorithm.gamma differ)."]


def test_versions_machines_lengths_and_episodes_that_differ_are_said(tmp_path):
    write_run(tmp_path / "a", WHOLE)
    other = {"versions": {"qohort": "0.2.0", "jax": "0.11.0"}, "host": "there", "git": {"commit": "1" * 40}}
    longer = {0: [*WHOLE[0], (300, 1.0)]}
    write_run(tmp_path / "b", longer, name="qmix", algorithm=with_mixer(QMIX()), process=other, episodes=64)
    said = " ".join(told(tmp_path))
    assert "different versions of Qohort: 0.1.0 (vdn on battle/3m) and 0.2.0 (qmix on battle/3m)" in said
    assert "the game may differ too" in said
    assert "different revisions of the code: 00000000 (vdn on battle/3m) and 11111111" in said
    assert "other packages: jax 0.10.2 and 0.11.0." in said
    assert "Seconds and throughput of those cannot be compared." in said
    assert "On battle/3m the planned steps differ: 200 (vdn) and 300 (qmix)." in said
    assert "different numbers of episodes: 32 (vdn) and 64 (qmix)" in said


def test_versions_of_a_world_that_differ_are_said(tmp_path):
    for name, version in (("vdn", "battle-v2"), ("iql", "battle-v3"), ("qmix", "battle-v3")):
        write_run(tmp_path / "runs" / name, WHOLE, name=name, process={"world_version": version})
    assert told(tmp_path) == [
        "Runs on battle/3m are of different versions of it: battle-v2 (vdn) and battle-v3 (iql and qmix). Their scores "
        "are of different games."
    ]
    assert told(tmp_path / "runs" / "vdn") == []


def test_runs_from_before_versions_were_recorded_are_named(tmp_path):
    write_run(tmp_path / "old", WHOLE, name="vdn")
    write_run(tmp_path / "new", WHOLE, name="qmix", process={"world_version": "battle-v3"})
    write_run(tmp_path / "game", WHOLE, name="qmix", world="games/and", process={"world_version": None})
    assert told(tmp_path) == [
        "With some runs on battle/3m (vdn) no version of it was recorded, as with all older runs; the others are of "
        "battle-v3."
    ]


def test_a_run_that_went_on_by_other_rules_is_said(tmp_path):
    folder = write_run(tmp_path / "run", WHOLE, process={"world_version": "battle-v3"})
    (first,) = json.loads((folder / "environment.json").read_text())["processes"]
    then = [first, first, {**first, "world_version": "battle-v4"}]
    (folder / "environment.json").write_text(json.dumps({"processes": then}))
    (record,) = gather(tmp_path)
    assert record.world_versions == ("battle-v3", "battle-v4")
    (said,) = told(tmp_path)
    assert "different versions of it: battle-v3, then battle-v4 (vdn)." in said


def test_every_process_of_a_run_counts(tmp_path):
    """Not only the last one: what another machine or version did is in the numbers."""
    write_run(tmp_path / "a", WHOLE, name="vdn")
    folder = write_run(tmp_path / "b", WHOLE, name="qmix")
    (then,) = json.loads((folder / "environment.json").read_text())["processes"]
    first = {**then, "host": "there", "versions": {"qohort": "0.0.9"}, "git": {"commit": "1" * 40}}
    (folder / "environment.json").write_text(json.dumps({"processes": [first, then]}))
    said = told(tmp_path)
    assert len(said) == 3
    assert "0.0.9 (qmix on battle/3m) and 0.1.0 (qmix on battle/3m and vdn on battle/3m)" in said[0]
    assert "00000000 (qmix on battle/3m and vdn on battle/3m) and 11111111 (qmix on battle/3m)" in said[1]
    assert "different machines" in said[2]
    assert [record.versions for record in gather(tmp_path)] == [("0.1.0",), ("0.0.9", "0.1.0")]


def test_machines_are_told_apart_by_their_processors(tmp_path):
    """One name may be that of many machines, as in a cloud."""
    for name, processor in (("vdn", "Xeon"), ("qmix", "EPYC"), ("iql", "EPYC")):
        write_run(tmp_path / name, WHOLE, name=name, process={"processor": processor})
    assert told(tmp_path) == [
        "Runs were made on different machines: here, cpu, 2 processors (EPYC) (iql on battle/3m and qmix on battle/3m) "
        "and here, cpu, 2 processors (Xeon) (vdn on battle/3m). Seconds and throughput of those cannot be compared."
    ]


def test_what_a_run_did_not_record_is_no_other_machine(tmp_path):
    write_run(tmp_path / "old", WHOLE, name="vdn")
    write_run(tmp_path / "kept", WHOLE, name="iql", process={"host": None})
    write_run(tmp_path / "new", WHOLE, name="qmix", process={"processor": "Xeon"})
    assert told(tmp_path) == []
    write_run(tmp_path / "other", WHOLE, name="qatten", process={"processor": "Xeon", "host": "there"})
    (said,) = told(tmp_path)
    assert "here, cpu, 2 processors (Xeon) (qmix on battle/3m and vdn on battle/3m)" in said
    assert "there, cpu, 2 processors (Xeon) (qatten on battle/3m)." in said  # iql may be of either


def test_revisions_of_the_users_own_code_that_differ_are_said(tmp_path):
    for name, letter in (("vdn", "1"), ("qmix", "2")):
        write_run(tmp_path / name, WHOLE, name=name, process={"folder_git": {"commit": letter * 40}})
    assert told(tmp_path) == [
        "The code in the folder where runs were started is of different revisions: 11111111 (vdn on battle/3m) and "
        "22222222 (qmix on battle/3m)."
    ]


def test_in_a_study_the_folder_is_the_label(tmp_path):
    mixers = {"vdn": VDN(), "qmix-mixer.embed=8": QMIX(embed=8), "qmix-mixer.embed=32": QMIX(embed=32)}
    for name, mixer in mixers.items():
        own = name.partition("-")[0]
        write_run(tmp_path / "battle" / "3m" / name, WHOLE, name=own, algorithm=with_mixer(mixer))
    cells = [{"name": f"battle/3m/{name}", "folder": f"battle/3m/{name}"} for name in (*mixers, "iql")]
    (tmp_path / "study.json").write_text(json.dumps({"cells": cells}))
    assert sorted(labels(tmp_path)) == sorted(f"{name} on battle/3m" for name in mixers)
    assert told(tmp_path) == []
    assert without_runs(gather(tmp_path), tmp_path) == ["The study has cells that have not begun: battle/3m/iql."]


def test_of_a_study_below_the_folder_cells_that_have_not_begun_are_named_too(tmp_path):
    write_run(tmp_path / "mine" / "a" / "vdn", WHOLE, name="vdn")
    cells = [{"name": f"a/{name}", "folder": f"a/{name}"} for name in ("vdn", "iql")]
    (tmp_path / "mine" / "study.json").write_text(json.dumps({"cells": cells}))
    assert without_runs(gather(tmp_path), tmp_path) == ["The study mine has cells that have not begun: a/iql."]
    (tmp_path / "mine" / "study.json").write_text("{")
    assert "cannot be read" in without_runs(gather(tmp_path), tmp_path)[0]


def test_names_of_cells_keep_their_numbers(tmp_path):
    """A number at the end is cut off only where a cell has a newer folder, and this is an older one of it."""
    names = {"a/vdn-rate=1e-05": "a/vdn-rate=1e-05", "a/vdn-heads-4": "a/vdn-heads-4", "a/iql-3": "a/iql"}
    cells = [{"name": name, "folder": folder} for folder, name in names.items()]
    for folder in (*names, "a/iql-2", "a/iql", "a/other-2", "a/vdn-0a1b2c3d-2"):
        write_run(tmp_path / folder, WHOLE, name="vdn")
    (tmp_path / "study.json").write_text(json.dumps({"cells": cells}))
    found = {record.folder.name: record.name for record in gather(tmp_path)}
    assert found == {
        "vdn-rate=1e-05": "vdn-rate=1e-05",
        "vdn-heads-4": "vdn-heads-4",
        **{"iql": "iql", "iql-2": "iql", "iql-3": "iql"},
        "other-2": "other-2",
        "vdn-0a1b2c3d-2": "vdn",
    }


def test_configurations_of_other_programs_are_left_alone(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    for number, text in enumerate(
        ("[1, 2]", "// a comment", '{"name": "x", "world": "y", "algorithm": {}, "run": {}}')
    ):
        (tmp_path / f"other-{number}").mkdir()
        (tmp_path / f"other-{number}" / "config.json").write_text(text)
    assert [record.folder.name for record in gather(tmp_path)] == ["run"]


def test_a_run_with_a_damaged_configuration_is_not_passed_over(tmp_path):
    write_run(tmp_path / "run", WHOLE)
    (tmp_path / "run" / "config.json").write_text("{")
    (tmp_path / "run" / "environment.json").write_text("{}")
    with pytest.raises(QohortError, match=r"config.json is damaged"):
        gather(tmp_path)


def test_an_odd_version_of_a_world_stops_nothing(tmp_path):
    write_run(tmp_path, WHOLE, process={"world_version": [1]})
    assert gather(tmp_path)[0].world_versions == ("[1]",)


def odd(number: int) -> ValueDecomposition:
    """Settings that are in many ways not as usual."""
    return dataclasses.replace(
        with_mixer(VDN()), gamma=0.5 / number, target_interval=number, update_every=number, environments=4 * number
    )


def test_seeds_of_one_setting_stay_together_where_many_settings_differ(tmp_path):
    for seed in range(3):
        write_run(tmp_path / f"{seed}", {seed: WHOLE[0]}, name="vdn")
        write_run(tmp_path / "others" / f"{seed}", {seed: WHOLE[0]}, name="vdn", algorithm=odd(2))
    found = collect(gather(tmp_path), tmp_path)
    assert {label: len(cell.seeds) for (_, label), cell in found.cells.items()} == {"vdn": 3, "vdn others": 3}


def test_folders_of_one_name_are_told_apart_by_their_settings(tmp_path):
    write_run(tmp_path / "usual" / "s0", {0: WHOLE[0]}, name="vdn")
    for number in (2, 3):
        write_run(tmp_path / f"{number}" / "s0", {0: WHOLE[0]}, name="vdn", algorithm=odd(number))
    labels = [label for _, label in collect(gather(tmp_path), tmp_path).cells]
    assert len({*labels}) == 3
    assert all(re.fullmatch("vdn( [0-9a-f]{8}| s0)?", label) for label in labels)


def test_a_part_that_one_has_switched_off_still_tells_the_others_apart(tmp_path):
    bonuses = {"off": Novelty(), "slow": Novelty(weight=0.1, learning_rate=1e-4), "fast": Novelty(weight=0.1)}
    for name, bonus in bonuses.items():
        algorithm = dataclasses.replace(with_mixer(VDN()), novelty=bonus)
        write_run(tmp_path / name, {0: WHOLE[0]}, name="vdn", algorithm=algorithm)
    assert sorted(label for _, label in collect(gather(tmp_path), tmp_path).cells) == [
        "vdn weight=0",
        "vdn weight=0.1 learning_rate=0.0001",
        f"vdn weight=0.1 learning_rate={Novelty().learning_rate}",
    ]


def test_worlds_that_were_made_in_python_are_not_one_because_of_their_name(tmp_path):
    write_run(tmp_path / "a", {0: WHOLE[0]}, name="vdn")
    write_run(tmp_path / "b", {0: WHOLE[0]}, name="vdn")
    config = json.loads((tmp_path / "b" / "config.json").read_text()) | {"world_object": "0123"}
    (tmp_path / "b" / "config.json").write_text(json.dumps(config))
    assert sorted(label for _, label in collect(gather(tmp_path), tmp_path).cells) == ["vdn", "vdn world_object=0123"]
