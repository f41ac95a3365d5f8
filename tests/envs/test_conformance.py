"""Every registered world keeps the contract."""

import pytest

from qohort.envs import check_env, make, names


@pytest.mark.parametrize("name", names())
def test_world_keeps_the_contract(name):
    env = make(name)
    assert env.spec.name == name
    check_env(env)
