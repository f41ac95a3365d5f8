"""What is packed comes back: whole numbers and what is read off exactly, what is drawn nearly."""

import numpy as np
import pytest

from qohort.watch.pack import CODES, Pack
from tests.watch.unpacked import array_of, header_of


def packed(**entries) -> bytes:
    pack = Pack()
    header = {name: getattr(pack, how)(values, **options) for name, (how, values, options) in entries.items()}
    return pack.bytes(header)


def back(content: bytes, name: str) -> np.ndarray:
    return array_of(content, header_of(content)[name])


def test_whole_numbers_come_back_even_where_they_fall():
    small, large = np.array([[3, 250], [200, 0], [0, 255]]), np.array([[65535, 0], [0, 65535]])
    content = packed(small=("whole", small, {}), large=("whole", large, {}), truth=("whole", small > 100, {}))
    header = header_of(content)
    assert (header["small"]["kind"], header["large"]["kind"], header["truth"]["kind"]) == ("u8", "u16", "u8")
    np.testing.assert_array_equal(back(content, "small"), small)
    np.testing.assert_array_equal(back(content, "large"), large)
    np.testing.assert_array_equal(back(content, "truth"), small > 100)


def test_numbers_that_are_read_off_are_exact():
    values = np.array([[1.1, -2.5e-30], [np.nan, 3e30]], np.float32)
    np.testing.assert_array_equal(back(packed(x=("exact", values, {})), "x"), values)


def test_numbers_that_are_drawn_are_off_by_half_a_step_at_most():
    values = np.random.default_rng(0).normal(size=(20, 3, 2))
    near = back(packed(x=("coarse", values, {})), "x")
    step = (values.max() - values.min()) / CODES
    assert 0 < np.abs(near - values).max() <= 0.5001 * step


def test_every_entry_can_have_a_range_of_its_own():
    values = np.array([[0.0, 1e6], [1e-3, -1e6]])
    near = back(packed(x=("coarse", values, {"by_entry": True})), "x")
    np.testing.assert_allclose(near, values, rtol=1e-6)
    assert back(packed(x=("coarse", values, {})), "x")[1, 0] == pytest.approx(0, abs=1e-9)  # lost among millions


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_is_not_a_number():
    values = np.array([[np.inf, 1.0], [np.nan, 2.0], [-np.inf, 3.0]])
    near = back(packed(x=("coarse", values, {}), none=("coarse", np.full((2, 2), np.nan), {})), "x")
    assert np.isnan(near[:, 0]).all()
    np.testing.assert_allclose(near[:, 1], [1, 2, 3], atol=1e-4)


def test_what_stays_takes_next_to_nothing():
    still = np.tile(np.random.default_rng(0).normal(size=(1, 200)), (300, 1))
    assert len(packed(x=("coarse", still, {}))) < 2_000
