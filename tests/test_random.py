import numpy as np
import pytest

from shallownet._random import generator_in_state, generator_state, random_generator, set_generator_state


@pytest.fixture
def global_state():
    """The global random state, put back after the test."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


@pytest.mark.parametrize("seed", [0, 3, np.int64(3), np.uint8(200), 2**32 - 1])
def test_an_int_gives_the_frozen_stream_of_that_seed(seed):
    np.testing.assert_array_equal(
        random_generator(seed).standard_normal(5), np.random.RandomState(int(seed)).standard_normal(5)
    )


@pytest.mark.parametrize("generator", [np.random.RandomState(0), np.random.default_rng(0)])
def test_a_generator_is_used_as_it_is(generator):
    assert random_generator(generator) is generator


def test_none_draws_what_the_seed_of_the_global_state_says(global_state):
    np.random.seed(2)
    drawn = random_generator(None).standard_normal(5)
    np.testing.assert_array_equal(drawn, np.random.RandomState(2).standard_normal(5))


@pytest.mark.parametrize("random_state", [0, np.random.RandomState(0), np.random.default_rng(0)])
def test_the_global_state_stays_untouched_unless_none_is_given(random_state):
    before = np.random.get_state()[1].copy(), np.random.get_state()[2]
    random_generator(random_state).standard_normal(5)
    np.testing.assert_array_equal(np.random.get_state()[1], before[0])
    assert np.random.get_state()[2] == before[1]


@pytest.mark.parametrize("generator", [
    np.random.RandomState(0), np.random.default_rng(0), np.random.Generator(np.random.MT19937(0)),
    np.random.Generator(np.random.Philox(0)), np.random,
])
def test_a_generator_goes_on_from_its_saved_state(generator, global_state):
    generator.standard_normal(3)                                          # half of a pair is kept for the next draw
    state = generator_state(generator)
    drawn = generator.standard_normal(700), generator.permutation(20)
    set_generator_state(generator, state)
    np.testing.assert_array_equal(generator.standard_normal(700), drawn[0])
    np.testing.assert_array_equal(generator.permutation(20), drawn[1])


@pytest.mark.parametrize("random_state", ["3", 3.0, True, np.True_, [3], np.array(3), np.random.PCG64(3)])
def test_something_else_is_refused(random_state):
    with pytest.raises(TypeError, match=r"^random_state must be an int, a RandomState, a Generator or None; got .*"
                                        r"\. Use an int\.$"):
        random_generator(random_state)


@pytest.mark.parametrize("seed", [-1, 2**32, np.int64(-5)])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=rf"^random_state must lie in \[0, 2\*\*32 - 1\]; got {int(seed)}\.$"):
        random_generator(seed)


def test_the_state_of_another_kind_of_generator_is_refused():
    state = generator_state(np.random.RandomState(0))
    with pytest.raises(ValueError, match=r"random_state must be .*; got .*\. Use "):
        set_generator_state(np.random.default_rng(0), state)
    with pytest.raises(ValueError, match=r"random_state must be .*; got .*\. Use "):
        set_generator_state(np.random.RandomState(0), generator_state(np.random.default_rng(0)))


@pytest.mark.parametrize("generator", [
    np.random.RandomState(3), *(np.random.Generator(kind(3)) for kind in (
        np.random.MT19937, np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.SFC64))
])
def test_a_new_generator_goes_on_where_another_one_is(generator):
    generator.standard_normal(3)
    copy = generator_in_state(generator_state(generator))
    assert type(copy) is type(generator)
    np.testing.assert_array_equal(copy.standard_normal(5), generator.standard_normal(5))


def test_the_state_of_an_unknown_generator_is_refused():
    with pytest.raises(ValueError, match=r"bit_generator must be one of MT19937, .*; got 'seed'\."):
        generator_in_state({"bit_generator": "seed", "state": {}})
