"""Scenarios of one's own: JSON both ways, and a sentence for everything that is wrong."""

import dataclasses
import json

import pytest

from qohort.envs.battle import catalogue
from qohort.envs.battle.battles import BATTLES
from qohort.envs.battle.scenario import AttackMove, Group, Hold, Hunt, RandomTeams, Scenario
from qohort.envs.battle.scenario_file import from_json, to_json
from qohort.envs.battle.units import Kind
from qohort.envs.battle.validation import checked
from qohort.errors import QohortError

AMBUSH = Scenario(
    name="ambush",
    limit=120,
    terrain="octagon",
    allies=(Group(kind=Kind.MARINE, count=3, at=(13.0, 12.5)), Group(kind=Kind.MEDIVAC, count=1, at=(13.0, 12.5))),
    enemies=(Group(kind=Kind.SPINE_CRAWLER, count=1, at=(16.0, 19.0)),),
    plan=Hold(),
)
DRAWN = Scenario(
    name="drawn",
    limit=50,
    terrain="flat",
    teams=RandomTeams(
        allies=2, enemies=3, kinds=(Kind.MARINE, Kind.MEDIVAC), weights=(1.0, 3.0), never_alone=(Kind.MEDIVAC,)
    ),
    plan=Hunt(),
)
TEXT = {
    "name": "ambush",
    "limit": 120,
    "terrain": "octagon",
    "allies": [{"kind": "marine", "count": 3, "at": [13, 12.5]}, {"kind": "Medivac", "count": 1, "at": [13, 12.5]}],
    "enemies": [{"kind": "spine crawler", "count": 1, "at": [16, 19]}],
    "plan": "hold",
}


def test_a_file_and_its_text_are_the_same_scenario(tmp_path):
    path = tmp_path / "ambush.json"
    path.write_text(json.dumps(TEXT))
    assert from_json(path) == from_json(str(path)) == from_json(json.dumps(TEXT)) == AMBUSH


@pytest.mark.parametrize("name", BATTLES)
def test_every_battle_survives_json(name):
    assert from_json(to_json(catalogue.named(name))) == catalogue.named(name)


def test_numbers_become_those_of_the_scenario():
    plan = from_json(json.dumps({**TEXT, "plan": {"to": [16, 8], "until": [17, 8]}})).plan
    assert plan == AttackMove(to=(16.0, 8.0), until=(17.0, 8.0))
    assert isinstance(plan, AttackMove)
    assert all(type(part) is float for part in plan.to)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"limt": 3}, "a field 'limt', which is not known. Did you mean 'limit'?"),
        ({"limit": "many"}, 'limit is "many"; it must be a whole number'),
        ({"limit": True}, "limit is true; it must be a whole number"),
        ({"limit": 0}, "`limit` is 0; an episode has 1 to 32,767 steps"),
        ({"name": 3}, "name is 3; it must be a text"),
        ({"name": " "}, "it has no name"),
        ({"terrain": "octagn"}, "no terrain called 'octagn'. Did you mean 'octagon'?"),
        ({"allies": []}, "it has no allies; give at least one group"),
        ({"enemies": []}, "it has no enemies"),
        ({"allies": {}}, "allies is {}; it must be a list"),
        ({"allies": [3]}, "allies[0] is 3; it must be an object with 'kind', 'count', 'at'"),
        ({"allies": [{"kind": "marine", "count": 1}]}, "allies[0] lacks 'at'"),
        ({"allies": [{"kind": "marin", "count": 1, "at": [9, 9]}]}, "allies[0].kind is 'marin', which is no kind"),
        ({"allies": [{"kind": "marine", "count": 0, "at": [9, 9]}]}, "`allies[0]` has a count of 0"),
        ({"allies": [{"kind": "marine", "count": 1, "at": [9]}]}, "allies[0].at is [9]; it must be a point"),
        ({"allies": [{"kind": "marine", "count": 1, "at": [9, "b"]}]}, 'allies[0].at[1] is "b"; it must be a number'),
        ({"allies": [{"kind": "marine", "count": 1, "at": [40, 9]}]}, "outside of the map; x is from 0 to 32"),
        ({"allies": [{"kind": "marine", "count": 1, "at": [5.5, 7.9]}]}, "The nearest place is (6.5, 8.5)."),
        ({"allies": [{"kind": "medivac", "count": 1, "at": [2, 5]}]}, "where a Medivac cannot be"),
        ({"plan": "hide"}, "plan is 'hide'; it must be 'hunt' or 'hold', or a point"),
        ({"plan": {"to": [16, 33]}}, "`plan.to` is (16.0, 33.0), which is outside of the map"),
        ({"plan": {"to": [16, 3], "until": [-1, 3]}}, "`plan.until` is (-1.0, 3.0)"),
        ({"plan": {"until": [1, 3]}}, "plan lacks 'to'"),
        ({"teams": {"allies": 2, "enemies": 2, "kinds": ["marine"], "weights": [1]}}, "keep one of the two"),
    ],
)
def test_what_is_wrong_with_a_text_is_a_sentence(changes, sentence):
    with pytest.raises(QohortError) as caught:
        from_json(json.dumps({**TEXT, **changes}))
    assert sentence in str(caught.value)


def test_what_is_wrong_with_a_file_is_a_sentence(tmp_path):
    with pytest.raises(QohortError, match=r"Cannot read the scenario .*nowhere.json'"):
        from_json(tmp_path / "nowhere.json")
    broken = tmp_path / "broken.json"
    broken.write_text('{"name": "a",\n "limit" 3}')
    with pytest.raises(QohortError, match=r"broken.json is not JSON: .* line 2, column 10"):
        from_json(broken)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"allies": 0}, "`teams.allies` is 0; each side has at least 1 unit"),
        ({"enemies": -1}, "`teams.enemies` is -1"),
        ({"kinds": ()}, "`teams.kinds` is []"),
        ({"kinds": (Kind.MARINE, Kind.MARINE)}, "each only once"),
        ({"weights": (1.0,)}, "`teams.weights` has 1 numbers for 2 kinds"),
        ({"weights": (-1.0, 1.0)}, "`teams.weights` has -1.0 for Marine; weights are finite numbers from 0"),
        ({"weights": (0.0, 0.0)}, "`teams.weights` are all 0"),
        ({"weights": (float("nan"), 1.0)}, "has nan for Marine"),
        ({"never_alone": (Kind.ZEALOT,)}, "`teams.never_alone` names Zealot, which is not among"),
        ({"never_alone": (Kind.MARINE, Kind.MEDIVAC)}, "names all kinds that can be drawn, so that no team is allowed"),
        ({"surrounded": 1.5}, "`teams.surrounded` is 1.5; it is a probability"),
    ],
)
def test_what_is_wrong_with_teams_is_a_sentence(changes, sentence):
    assert DRAWN.teams
    wrong = dataclasses.replace(DRAWN, teams=dataclasses.replace(DRAWN.teams, **changes))
    with pytest.raises(QohortError) as caught:
        checked(wrong)
    assert "The scenario 'drawn' cannot be played: " in str(caught.value)
    assert sentence in str(caught.value)


def test_who_takes_part():
    assert AMBUSH.kinds == ((Kind.MARINE, Kind.MARINE, Kind.MARINE, Kind.MEDIVAC), (Kind.SPINE_CRAWLER,))
    assert (AMBUSH.n_allies, AMBUSH.n_enemies) == (4, 1)
    assert (DRAWN.kinds, DRAWN.n_allies, DRAWN.n_enemies) == (None, 2, 3)
    assert DRAWN.possible_kinds == (Kind.MARINE, Kind.MEDIVAC)
