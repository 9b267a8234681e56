import copy

import h5py
import numpy as np
import pytest
from asserts import assert_close, assert_identical
from streams import Slices, mini_batches

from shallownet import columns
from shallownet.callbacks import early_stopping, print_cost
from shallownet.datasets import spiral
from shallownet.evaluation import accuracy, predict_probability
from shallownet.network import NAMES, initialize_parameters, update_parameters
from shallownet.objective import cost_and_gradient
from shallownet.optimizers import Optimizer, adam, gradient_descent, inverse_time_decay, momentum, step_decay
from shallownet.training import nn_model, train

pytestmark = pytest.mark.usefixtures("engine")

OPTIMIZERS = {
    "gradient descent": gradient_descent(0.5), "momentum": momentum(0.5), "adam": adam(0.05),
    "adam, decaying": adam(inverse_time_decay(0.05, 0.1)), "momentum, in steps": momentum(step_decay(0.5, 0.5, 4)),
}
GENERATORS = {"RandomState": np.random.RandomState, "Generator": np.random.default_rng}


@pytest.fixture
def global_state():
    """The global random state, put back after the test."""
    state = np.random.get_state()
    yield
    np.random.set_state(state)


@pytest.fixture
def small_chunks(monkeypatch):
    """Chunks of 16 columns of a problem's float64 data with n_x = 3 and n_y = 1, in batches of 8."""
    monkeypatch.setattr(columns, "READ_BYTES", 16 * 4 * 8)


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of two hidden units, in a network of four or more."""
    monkeypatch.setattr("shallownet.objective.PART_UNITS", 2)
    monkeypatch.setattr("shallownet.objective.PART_OPERATIONS", 1)


# The published numbers

@pytest.mark.parametrize(("seed", "series"), [(3, "planar_costs_seed3"), (2, "planar_costs_seed2")])
def test_the_planar_costs_are_the_published_ones(seed, series, published, planar, capsys):
    costs = published[series]["costs"]
    parameters = nn_model(*planar, 4, 10000, True, random_state=seed)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:len(costs)] == [f"Cost after iteration {1000 * k}: {cost:.6f}" for k, cost in enumerate(costs)]
    assert len(lines) == 10
    assert 100 * accuracy(parameters, *planar) in published["planar_final_accuracy_percent"]["n_h=4, 10000 iterations"]


def test_the_planar_cost_at_7000_is_near_the_published_one(planar):
    parameters = initialize_parameters(2, 4, 1, random_state=3)
    assert train(*planar, parameters, 7000)[1]["cost"][-1] == pytest.approx(0.2206, abs=1e-3)


@pytest.mark.parametrize("n_h", [1, 2, 3, 4, 5, 20, 50])
def test_the_planar_accuracy_by_hidden_size_is_the_published_one(n_h, published, planar):
    expected = published["planar_accuracy_percent_by_hidden_size"][str(n_h)]
    percent = 100 * accuracy(nn_model(*planar, n_h, 5000), *planar)
    if isinstance(expected, list):
        assert expected[0] <= percent <= expected[1]
    else:
        assert percent == expected


def test_the_sine_losses_are_the_published_ones(published):
    generator = np.random.RandomState(0)
    x = generator.rand(100)
    X, Y = x[None], (np.sin(2 * np.pi * x) + generator.rand(100))[None]
    parameters = initialize_parameters(1, 10, 1, hidden="sigmoid", cost="squared_error", random_state=generator)
    losses = published["sine_regression"]["losses_every_1000"]
    parameters, history = train(X, Y, parameters, 10000, optimizer=gradient_descent(0.2))
    assert history["iteration"] == list(range(0, 10001, 1000))
    np.testing.assert_allclose(history["cost"][:10], losses, rtol=1e-9)
    residual = predict_probability(parameters, X) - Y
    assert history["cost"][10] == pytest.approx((residual**2).mean(), rel=1e-12)
    assert history["cost"][10] < losses[9]


def test_nn_model_reaches_the_sine_losses_in_one_call(published, capsys):
    generator = np.random.RandomState(0)
    x = generator.rand(100)
    Y = (np.sin(2 * np.pi * x) + generator.rand(100))[None]
    nn_model(x[None], Y, 10, 3001, True, learning_rate=0.2, hidden="sigmoid", cost="squared_error",
             random_state=generator)
    losses = published["sine_regression"]["losses_every_1000"][:4]
    assert capsys.readouterr().out.splitlines() == [
        f"Cost after iteration {1000 * k}: {loss:f}" for k, loss in enumerate(losses)
    ]


def test_the_spiral_is_learned_as_in_its_text():
    X, Y = spiral()
    parameters = initialize_parameters(2, 10, 3, hidden="sigmoid", cost="softmax_cross_entropy", random_state=0)
    parameters, history = train(
        X, Y, parameters, 3000, optimizer=gradient_descent(1.0), batch_size=30, report_every=10
    )
    assert history["cost"][0] == pytest.approx(1.13, abs=0.1)
    assert history["cost"][-1] == pytest.approx(0.11, abs=0.04)
    assert accuracy(parameters, X, Y) >= 0.95


# What an iteration is

@pytest.mark.parametrize("settings", [{}, {"l2": 0.7}, {"l2": 0.7, "sample_weight": np.arange(7.0)[None]}])
def test_full_batch_training_is_the_loop_of_the_text(settings, problem):
    parameters, X, Y = problem()
    trained, history = train(X, Y, parameters, 5, optimizer=gradient_descent(0.5), report_every=2, **settings)
    costs = []
    for _ in range(5):
        cost, grads = cost_and_gradient(parameters, X, Y, **settings)
        costs.append(cost)
        parameters = update_parameters(parameters, grads, 0.5)
    costs.append(cost_and_gradient(parameters, X, Y, **settings)[0])
    assert_close(trained, parameters, rtol=1e-13)
    assert history["iteration"] == [0, 2, 4, 5]
    np.testing.assert_allclose(history["cost"], [costs[0], costs[2], costs[4], costs[5]], rtol=1e-13)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("m", "report_every"), [(40, 3), (37, 3), (37, 5), (37, 7), (37, 1)])
def test_mini_batch_training_is_the_loop_over_the_batches(m, report_every, streamed, weighted, small_chunks, problem):
    """The reported cost is the mean over the batches since the last report, weighted by their sizes or weights."""
    parameters, X, Y = problem(m=m)
    weights = np.random.RandomState(1).randint(1, 4, size=(1, m)).astype(float) if weighted else None
    data = Slices(X) if streamed else X
    trained, history = train(data, Y, parameters, 13, optimizer=gradient_descent(0.5), batch_size=8, l2=0.7,
                             sample_weight=weights, report_every=report_every, random_state=5)

    generator, whole = np.random.RandomState(5), weights.sum() if weighted else m
    batches = [batch for _ in range(3) for batch in mini_batches((data, Y, weights), 8, generator)]
    since_report, reports = [], []

    def mean(pairs):
        costs, sizes = zip(*pairs, strict=True)
        return np.average(costs, weights=sizes)

    for iteration, (x, y, w) in enumerate(batches[:13]):
        size = w.sum() if weighted else x.shape[1]
        cost, grads = cost_and_gradient(parameters, x, y, l2=0.7 * size / whole, sample_weight=w)
        since_report.append((cost, size))
        if iteration % report_every == 0:
            reports.append((iteration, mean(since_report)))
            since_report = []
        parameters = update_parameters(parameters, grads, 0.5)
    if since_report:
        reports.append((13, mean(since_report)))
    assert_close(trained, parameters, rtol=1e-12)
    assert history["iteration"][:len(reports)] == [iteration for iteration, _ in reports]
    np.testing.assert_allclose(history["cost"][:len(reports)], [cost for _, cost in reports], rtol=1e-12)
    assert history["iteration"][-1] == 13                                 # the last entry is for the last update


def test_an_epoch_of_small_steps_is_a_full_batch_step(problem):
    """The whole gradient is the size-weighted mean of the batches' gradients."""
    parameters, X, Y = problem(m=37)
    weights = np.random.RandomState(1).rand(1, 37)
    generator = np.random.RandomState(0)
    total = {name: 0.0 for name in ("dW1", "db1", "dW2", "db2")}
    for x, y, w in mini_batches((X, Y, weights), 8, generator):
        share = w.sum() / weights.sum()
        for name, gradient in cost_and_gradient(parameters, x, y, l2=0.7 * share, sample_weight=w)[1].items():
            total[name] = total[name] + share * gradient
    expected = cost_and_gradient(parameters, X, Y, l2=0.7, sample_weight=weights)[1]
    for name in total:
        np.testing.assert_allclose(total[name], expected[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_size", [7, 100, 10**6])
def test_a_batch_of_all_samples_is_the_full_batch(batch_size, problem):
    parameters, X, Y = problem()
    full, batched = (train(X, Y, parameters, 20, batch_size=size, report_every=6) for size in (None, batch_size))
    assert_close(batched[0], full[0], rtol=1e-11)
    assert batched[1]["iteration"] == full[1]["iteration"]
    np.testing.assert_allclose(batched[1]["cost"][0], full[1]["cost"][0], rtol=1e-12)


def test_nn_model_is_initialize_parameters_and_train(planar):
    X, Y = planar
    parameters = nn_model(X, Y, 3, 50, learning_rate=0.3, hidden="sigmoid", cost="brier", scale=0.5, random_state=7,
                          batch_size=100, l2=0.1)
    initial = initialize_parameters(2, 3, 1, hidden="sigmoid", cost="brier", scale=0.5, random_state=7)
    expected, _ = train(X, Y, initial, 50, optimizer=gradient_descent(0.3), batch_size=100, l2=0.1, random_state=7)
    assert_identical(parameters, expected)


def test_nn_model_returns_the_history_to_those_who_ask(planar):
    parameters, history = nn_model(*planar, 3, 50, report_every=10, return_history=True)
    assert_identical(parameters, nn_model(*planar, 3, 50))
    start = initialize_parameters(2, 3, 1, random_state=3)
    assert history == train(*planar, start, 50, optimizer=gradient_descent(1.2), report_every=10)[1]


def test_nn_model_has_the_texts_defaults(planar):
    X, Y = planar
    assert_identical(nn_model(X, Y, num_iterations=20), nn_model(X, Y, 4, 20, False, learning_rate=1.2, hidden="tanh",
                                                                 cost="cross_entropy", scale=0.01, random_state=3))


def test_an_optimizer_takes_the_place_of_the_learning_rate(planar):
    X, Y = planar
    assert_identical(nn_model(X, Y, 4, 20, learning_rate=0.1, optimizer=None), nn_model(X, Y, 4, 20, learning_rate=0.1))
    assert_identical(nn_model(X, Y, 4, 20, optimizer=gradient_descent(0.1)), nn_model(X, Y, 4, 20, learning_rate=0.1))


def test_training_without_iterations_gives_the_parameters_back(problem):
    parameters, X, Y = problem()
    trained, history = train(X, Y, parameters, 0)
    assert_identical(trained, parameters)
    assert history["iteration"] == [0]
    trained, history = train(X, Y, parameters, 0, batch_size=3)
    assert_identical(trained, parameters)


@pytest.mark.parametrize("optimizer", [gradient_descent(1.2), momentum(1.2), adam(0.05)])
@pytest.mark.parametrize("batch_size", [None, 100])
def test_every_optimizer_learns_the_planar_data(optimizer, batch_size, planar):
    assert accuracy(nn_model(*planar, 4, 2000, optimizer=optimizer, batch_size=batch_size), *planar) > 0.88


# Reports

@pytest.mark.parametrize(("num_iterations", "report_every", "iterations"), [
    (10, 4, [0, 4, 8, 10]), (8, 4, [0, 4, 8]), (3, 1000, [0, 3]), (2, 1, [0, 1, 2]),
])
def test_reports_come_before_the_updates_0_k_2k_and_after_the_last(num_iterations, report_every, iterations, problem):
    parameters, X, Y = problem()
    seen = []

    def callback(state):
        seen.append((state["iteration"], state["cost"], state["finished"], state["num_iterations"]))
        assert state["history"]["iteration"][-1] == state["iteration"]
        assert state["history"]["cost"][-1] == state["cost"]
        assert cost_and_gradient(state["parameters"], X, Y)[0] == pytest.approx(state["cost"], rel=1e-13)
        assert state["optimizer_state"]["t"] == state["iteration"]

    _, history = train(X, Y, parameters, num_iterations, report_every=report_every, callbacks=[callback])
    assert history["iteration"] == iterations
    assert [entry[0] for entry in seen] == iterations
    assert [entry[1] for entry in seen] == history["cost"]
    assert [entry[2] for entry in seen] == [False] * (len(seen) - 1) + [True]
    assert {entry[3] for entry in seen} == {num_iterations}
    assert all(type(cost) is float for cost in history["cost"])


def test_the_closing_cost_is_in_the_history_and_is_not_printed(problem, capsys):
    parameters, X, Y = problem()
    _, history = train(X, Y, parameters, 5, report_every=2, callbacks=[print_cost()])
    assert capsys.readouterr().out == "".join(
        f"Cost after iteration {k}: {cost:.6f}\n" for k, cost in zip([0, 2, 4], history["cost"][:3], strict=True)
    )
    assert len(history["cost"]) == 4


@pytest.mark.parametrize("batch_size", [None, 3])
def test_reports_do_not_touch_the_training(batch_size, problem):
    parameters, X, Y = problem()
    results = [train(X, Y, parameters, 20, batch_size=batch_size, report_every=k)[0] for k in (1, 7, 1000)]
    assert_identical(results[0], results[1])
    assert_identical(results[0], results[2])


@pytest.mark.parametrize("batch_size", [None, 3])
def test_a_callback_stops_the_training_by_returning_true(batch_size, problem):
    parameters, X, Y = problem()
    calls = []
    trained, history = train(
        X, Y, parameters, 100, report_every=5, batch_size=batch_size,
        callbacks=[lambda state: state["iteration"] == 10, lambda state: calls.append(
            (state["iteration"], state["finished"]))],
    )
    assert history["iteration"] == [0, 5, 10]
    assert calls == [(0, False), (5, False), (10, False), (10, True)]     # all callbacks are called, and closed
    assert_identical(trained, train(X, Y, parameters, 10, batch_size=batch_size)[0])


def test_callbacks_may_come_as_any_sequence(problem):
    parameters, X, Y = problem()
    for wrap in (list, tuple, iter):
        calls = []
        train(X, Y, parameters, 10, report_every=5, callbacks=wrap([lambda state, calls=calls: calls.append(1)]))
        assert len(calls) == 3


# Sources, threads, dtypes

@pytest.mark.parametrize("kind", ["memmap", "hdf5", "slices"])
@pytest.mark.parametrize("which", ["X", "Y", "X and Y"])
def test_streamed_data_trains_like_data_in_memory(kind, which, tmp_path, small_chunks, problem):
    parameters, X, Y = problem(m=300)
    with h5py.File(tmp_path / "data.h5", "w") as file:
        def store(name, array):
            if name not in which:
                return array
            if kind == "hdf5":
                return file.create_dataset(name, data=array)
            if kind == "slices":
                return Slices(array)
            mapped = np.memmap(tmp_path / name, float, "w+", shape=array.shape)
            mapped[:] = array
            return mapped

        data, settings = (store("X", X), store("Y", Y)), {"l2": 0.7, "report_every": 4}
        full = train(*data, parameters, 10, **settings)
        batched = train(*data, parameters, 50, batch_size=8, **settings)
        made = nn_model(*data, 3, 10)
    expected = train(X, Y, parameters, 10, **settings)
    assert_close(full[0], expected[0], rtol=1e-11)
    np.testing.assert_allclose(full[1]["cost"], expected[1]["cost"], rtol=1e-12)
    assert_identical(batched, train(Slices(X), Slices(Y), parameters, 50, batch_size=8, **settings))
    assert_close(made, nn_model(X, Y, 3, 10), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch_size", [None, 150])
@pytest.mark.parametrize("split", ["blocks of samples", "parts of the hidden units"])
def test_the_bits_do_not_depend_on_the_number_of_threads(dtype, batch_size, split, monkeypatch, problem, request):
    if split == "blocks of samples":
        monkeypatch.setattr(columns, "BLOCK_BYTES", 1)
    else:
        request.getfixturevalue("small_parts")
    parameters, X, Y = problem(n_x=20, n_h=10, m=500, dtype=dtype)
    results = [train(X, Y, parameters, 8, batch_size=batch_size, threads=threads, report_every=3)
               for threads in (1, 2, 4, None)]
    for result in results[1:]:
        assert_identical(result, results[0])


def test_a_report_over_batches_without_weight_repeats_the_last_one(problem):
    parameters, X, Y = problem(m=40)
    weights = np.zeros((1, 40))
    weights[:, 7] = 1
    _, history = train(X, Y, parameters, 40, batch_size=4, report_every=1, sample_weight=weights)
    costs = np.array(history["cost"])
    weighted = np.flatnonzero(costs)[0]                                   # before it, no batch had a weight
    assert weighted < 10
    assert (costs[weighted:] > 0).all()


def test_blas_is_held_at_one_thread_during_mini_batches(problem):
    from threadpoolctl import threadpool_info

    def update(parameters, grads, state):
        seen.update(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")
        return parameters, state

    parameters, X, Y = problem()
    seen = set()
    train(X, Y, parameters, 2, batch_size=3, optimizer=(lambda parameters: {}, update))
    assert seen == {1}


@pytest.mark.parametrize("batch_size", [None, 8])
def test_parts_of_the_hidden_units_train_like_the_whole(batch_size, problem, request):
    parameters, X, Y = problem(n_h=9, n_y=3, m=40, cost="softmax_cross_entropy")
    settings = {"optimizer": adam(0.05), "l2": 0.7, "report_every": 3, "batch_size": batch_size}
    whole = train(X, Y, parameters, 8, **settings)
    request.getfixturevalue("small_parts")
    parts = train(X, Y, parameters, 8, **settings)
    assert_close(parts[0], whole[0], rtol=1e-11)
    np.testing.assert_allclose(parts[1]["cost"], whole[1]["cost"], rtol=1e-12)


def test_blocks_train_like_the_whole(monkeypatch, problem):
    parameters, X, Y = problem(m=500)
    whole = train(X, Y, parameters, 8, l2=0.7, report_every=3)
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)
    blocks = train(X, Y, parameters, 8, l2=0.7, report_every=3)
    assert_close(blocks[0], whole[0], rtol=1e-11)
    np.testing.assert_allclose(blocks[1]["cost"], whole[1]["cost"], rtol=1e-12)


@pytest.mark.parametrize("settings", [
    {}, {"batch_size": 3}, {"optimizer": adam(lambda t: np.float64(0.1))},
    {"optimizer": momentum(np.float64(0.1), np.float64(0.9)), "l2": np.float64(0.1)},
    {"sample_weight": np.ones((1, 7))}, {"sample_weight": np.ones((1, 7)), "batch_size": 3, "optimizer": adam()},
])
@pytest.mark.parametrize("cost", ["cross_entropy", "softmax_cross_entropy", "squared_error", "brier"])
def test_float32_stays_float32_from_end_to_end(settings, cost, problem):
    parameters, X, Y = problem(n_y=2, cost=cost, dtype=np.float32)
    states = []
    trained, _ = train(X, Y.astype(float), parameters, 4, callbacks=[states.append], **settings)
    made = nn_model(X, Y.astype(float), 3, 4, cost=cost, **settings)
    arrays = [*(trained[name] for name in NAMES), *(made[name] for name in NAMES),
              *(value for key, value in states[-1]["optimizer_state"].items() if key != "t"),
              predict_probability(trained, X)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool, np.float16])
def test_other_numbers_become_float64_and_do_not_wrap(dtype, problem):
    parameters, X, Y = problem()
    X = (X > 0).astype(float)
    trained, history = train(X.astype(dtype), Y.astype(dtype), parameters, 20)
    expected = train(X, Y, parameters, 20)
    assert_identical(trained, expected[0])
    assert_identical(history, expected[1])
    assert nn_model(X.astype(dtype), Y.astype(dtype), 3, 2)["W1"].dtype == np.float64


# Randomness

def test_none_trains_as_the_seed_of_the_text_says(planar, global_state):
    np.random.seed(2)
    parameters = nn_model(*planar, 4, 20, random_state=None)
    assert_identical(parameters, nn_model(*planar, 4, 20, random_state=np.random.RandomState(2)))


@pytest.mark.parametrize("random_state", [3, np.random.RandomState(0), np.random.default_rng(0)])
@pytest.mark.parametrize("batch_size", [None, 100])
def test_the_global_state_stays_untouched(random_state, batch_size, planar):
    before = np.random.get_state(legacy=False)
    nn_model(*planar, 4, 10, random_state=random_state, batch_size=batch_size, callbacks=[early_stopping(*planar)])
    assert_identical(np.random.get_state(legacy=False), before)


def test_a_seed_gives_the_same_bits_again_and_another_one_others(planar):
    one, again, other = (nn_model(*planar, 4, 20, batch_size=32, random_state=seed) for seed in (1, 1, 2))
    assert_identical(one, again)
    assert not np.array_equal(one["W1"], other["W1"])


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_is_used_as_it_is(kind, planar):
    generator, same = GENERATORS[kind](0), GENERATORS[kind](0)
    first, second = (nn_model(*planar, 4, 5, batch_size=32, random_state=generator) for _ in range(2))
    assert not np.array_equal(first["W1"], second["W1"])
    assert_identical(first, nn_model(*planar, 4, 5, batch_size=32, random_state=same))


def test_every_epoch_has_an_order_of_its_own(problem):
    X = problem(m=40)[1]
    parameters = initialize_parameters(3, 1, 1, scale=0)
    drawn = []

    def update(parameters, grads, state):
        drawn.append(grads["db2"].item())
        return parameters, state

    train(X, np.linspace(0, 1, 40)[None], parameters, 10, batch_size=8, optimizer=(lambda parameters: {}, update))
    assert len(set(drawn)) == 10
    assert sum(drawn[:5]) == pytest.approx(sum(drawn[5:]), abs=1e-14)     # the same samples in another order


# Going on where a training stopped

def states_of(*arguments, callbacks=(), first=False, **settings):
    """The result of a training, and a copy of its state at every call of a callback."""
    states = []

    def keep(state):
        states.append(copy.deepcopy(state))

    callbacks = [keep, *callbacks] if first else [*callbacks, keep]
    return train(*arguments, callbacks=callbacks, **settings), states


RUNS = {
    "full batch": {"batch_size": None, "report_every": 3},
    "reports within the epochs": {"batch_size": 8, "report_every": 3},
    "reports between the epochs": {"batch_size": 8, "report_every": 5},
    "a report every update": {"batch_size": 8, "report_every": 1},
    "reports less often than epochs": {"batch_size": 8, "report_every": 11},
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_resumed_training_ends_with_the_bits_of_one_that_never_stopped(run, name, streamed, small_chunks, problem):
    parameters, X, Y = problem(m=37)
    data = (Slices(X), Slices(Y)) if streamed else (X, Y)
    settings = {"optimizer": OPTIMIZERS[name], "l2": 0.1, "sample_weight": np.arange(1.0, 38)[None], **run}
    result, states = states_of(*data, parameters, 23, **settings)
    assert len(states) > 2
    for state in states:
        resumed, later = states_of(*data, None, 23, state=copy.deepcopy(state), **settings)
        assert_identical(resumed, result)
        assert_identical(later[-1], states[-1])


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_resumed_training_in_parts_ends_with_the_bits_of_one_that_never_stopped(run, small_parts, problem):
    test_a_resumed_training_ends_with_the_bits_of_one_that_never_stopped(run, "adam", False, None, problem)


@pytest.mark.parametrize("kind", [*GENERATORS, "global"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_resumed_training_draws_on_with_any_generator(kind, streamed, small_chunks, problem, global_state):
    parameters, X, Y = problem(m=37)
    X = Slices(X) if streamed else X

    def generator(seed):
        if kind == "global":
            np.random.seed(seed)
            return None
        return GENERATORS[kind](seed)

    settings = {"batch_size": 8, "report_every": 3, "optimizer": adam(0.05)}
    one = generator(0)
    result, states = states_of(X, Y, parameters, 23, random_state=one, **settings)
    drawn = (one or np.random).standard_normal()
    for state in states[:-1]:
        other = generator(99)                                             # its own state does not matter
        assert_identical(train(X, Y, None, 23, state=state, random_state=other, **settings), result)
        assert (other or np.random).standard_normal() == drawn


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("first", [10, 15, 11])
def test_a_finished_training_goes_on_as_if_it_had_been_longer(run, first, problem):
    parameters, X, Y = problem(m=37)
    settings = {"optimizer": adam(0.05), **run}
    longer, states = states_of(X, Y, parameters, 23, **settings)
    _, finished = states_of(X, Y, parameters, first, **settings)
    assert finished[-1]["finished"]
    resumed, later = states_of(X, Y, None, 23, state=finished[-1], **settings)
    assert_identical(resumed, longer)
    assert_identical(later[-1], states[-1])


@pytest.mark.parametrize("batch_size", [None, 8])
def test_a_finished_training_resumed_for_no_more_iterations_is_as_it_was(batch_size, problem):
    parameters, X, Y = problem(m=37)
    settings = {"optimizer": adam(0.05), "batch_size": batch_size, "report_every": 3}
    result, states = states_of(X, Y, parameters, 23, **settings)
    assert_identical(train(X, Y, None, 23, state=states[-1], **settings), result)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("patience", [2, 100])
def test_early_stopping_survives_a_resumption(first, batch_size, patience, problem):
    parameters, X, Y = problem(m=37)
    _, X_val, Y_val = problem(m=20, seed=9)
    settings = {"optimizer": adam(0.5), "batch_size": batch_size, "report_every": 2, "first": first}
    result, states = states_of(X, Y, parameters, 60, callbacks=[early_stopping(X_val, Y_val, patience)], **settings)
    assert (result[1]["iteration"][-1] < 60) == (patience == 2)
    for state in states:
        resumed, _ = states_of(X, Y, None, 60, state=copy.deepcopy(state),
                               callbacks=[early_stopping(X_val, Y_val, patience)], **settings)
        assert_identical(resumed, result)


def test_a_training_resumed_without_early_stopping_returns_what_it_trained(problem):
    parameters, X, Y = problem(m=37)
    _, X_val, Y_val = problem(m=20, seed=9)
    settings = {"optimizer": adam(0.5), "report_every": 2}
    _, states = states_of(X, Y, parameters, 60, callbacks=[early_stopping(X_val, Y_val, 2)], **settings)
    assert states[-1]["iteration"] < 60
    assert_identical(train(X, Y, None, 60, state=states[-1], **settings)[0], train(X, Y, parameters, 60, **settings)[0])


def test_resuming_leaves_the_state_alone(problem):
    parameters, X, Y = problem(m=37)
    settings = {"optimizer": adam(0.05), "batch_size": 8, "report_every": 3}
    _, states = states_of(X, Y, parameters, 23, **settings)
    before = copy.deepcopy(states[2])
    train(X, Y, None, 23, state=states[2], callbacks=[early_stopping(X, Y)], **settings)
    assert_identical(states[2], before)


@pytest.fixture
def halfway(problem):
    """A problem and a state of its training."""
    parameters, X, Y = problem(m=37)
    _, states = states_of(X, Y, parameters, 23, optimizer=adam(0.05), batch_size=8, report_every=3)
    return X, Y, states[3]


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"batch_size": 10}, ValueError, r"^state must come from a training with .*'batch_size': 10.*; got .*: 8.*\. Use"),
    ({"batch_size": None}, ValueError, r"^state must come from a training with .*'batch_size': None.*; got .*: 8.*"),
    ({"optimizer": momentum(0.1)}, ValueError,
     r"^state must hold what the optimizer needs, \['t', 'v_W1'.*; got \['m_W1'.*\. Use the optimizer of"),
    ({"optimizer": gradient_descent(0.1)}, ValueError, r"^state must hold what the optimizer needs, \['t'\]; got"),
    ({"num_iterations": 5}, ValueError, r"^num_iterations must .*got 5\."),
    ({"random_state": np.random.default_rng(0)}, ValueError,
     "^random_state must"),
    ({"state": 3}, TypeError, r"^state must be a training state; got 3\. Use load_checkpoint\(path\)\.$"),
    ({"state": {}}, ValueError, r"^state must be a training state; got no .*iteration.*\. Use load_checkpoint\(path\)"),
])
def test_a_state_that_does_not_fit_is_refused(change, error, message, halfway):
    X, Y, state = halfway
    settings = {"num_iterations": 23, "optimizer": adam(0.05), "batch_size": 8, "state": state} | change
    with pytest.raises(error, match=message):
        train(X, Y, None, **settings)


def test_a_state_for_other_data_is_refused(halfway):
    X, Y, state = halfway
    with pytest.raises(ValueError, match=r"^state must come from a training with \{'m': 30, .*; got .*'m': 37"):
        train(X[:, :30], Y[:, :30], None, 23, optimizer=adam(0.05), batch_size=8, state=state)
    with pytest.raises(ValueError, match=r"^X must .*got \(2, 37\)"):
        train(X[:2], Y, None, 23, optimizer=adam(0.05), batch_size=8, state=state)


# Divergence and interruption

DIVERGING = {
    "full batch": (gradient_descent(1e3), r"1000", {}),
    "mini-batches": (gradient_descent(1e3), r"1000", {"batch_size": 8}),
    "rare reports": (gradient_descent(1e3), r"1000", {"report_every": 10**6}),
    "momentum": (momentum(1e3), r"1000", {}),
    "adam": (adam(1e200), r"1e\+200", {}),
    "a rate that is a function": (gradient_descent(lambda t: 1e3 + t), r"10\d\d", {}),
}


def assert_carries_the_training(stop, parameters):
    for name in NAMES:
        assert np.isfinite(stop.parameters[name]).all()
        assert stop.parameters[name].shape == parameters[name].shape
    assert np.isfinite(stop.history["cost"]).all()


@pytest.mark.parametrize("n_y", [1, 3])
@pytest.mark.parametrize(("optimizer", "rate", "settings"), DIVERGING.values(), ids=DIVERGING)
def test_divergence_names_iteration_rate_and_cure(optimizer, rate, settings, n_y, problem):
    parameters, X, Y = problem(n_y=n_y, m=37, cost="squared_error", hidden="relu")
    with pytest.raises(FloatingPointError, match=rf"^cost must .* \d+ .* {rate}\. ") as stop:
        train(X, Y, parameters, 10_000, optimizer=optimizer, **{"report_every": 1} | settings)
    assert_carries_the_training(stop.value, parameters)
    assert stop.value.history["iteration"][0] == 0


@pytest.mark.parametrize("report_every", [1, 10**6])
def test_divergence_carries_the_last_finite_parameters(report_every, problem):
    parameters, X, Y = problem(m=37, cost="squared_error")
    init, update = gradient_descent(1e3)
    finite = []

    def recorded(parameters, grads, state):
        parameters, state = update(parameters, grads, state)
        if all(np.isfinite(parameters[name]).all() for name in NAMES):
            finite.append(parameters)
        return parameters, state

    with pytest.raises(FloatingPointError) as stop:
        train(X, Y, parameters, 1000, optimizer=(init, recorded), report_every=report_every)
    assert len(finite) > 10
    assert_identical(stop.value.parameters, finite[-1])


def test_divergence_in_the_last_update_is_not_returned(problem):
    parameters, X, Y = problem(m=37, cost="squared_error")
    with pytest.raises(FloatingPointError, match=(
        r"^cost must stay finite; got .* at iteration 1 with learning rate 1e\+300\. "
        r"Use a smaller learning rate, or standardize X \(and Y for squared error\)\.$"
    )) as stop:
        train(X, Y, parameters, 1, optimizer=gradient_descent(1e300))
    assert_carries_the_training(stop.value, parameters)


def test_a_cost_that_is_infinite_from_the_start_does_not_blame_the_learning_rate(problem):
    parameters, X, Y = problem(cost="squared_error")
    with pytest.raises(FloatingPointError, match=(
        r"^cost must stay finite; got inf at iteration 0\. "
        r"Begin with smaller weights, or standardize X \(and Y for squared error\)\.$"
    )):
        train(X, 1e200 * Y, parameters, 10)


def test_divergence_in_threads_is_no_warning(monkeypatch, problem):
    monkeypatch.setattr(columns, "BLOCK_BYTES", 1)
    parameters, X, Y = problem(m=500, cost="squared_error", hidden="relu")
    with pytest.raises(FloatingPointError, match=r"^cost must"):
        train(X, Y, parameters, 1000, optimizer=gradient_descent(1e3), threads=2)


@pytest.mark.parametrize("wrap", [tuple, lambda pair: Optimizer(*pair)])
def test_divergence_with_an_optimizer_of_the_user_s_own(wrap, problem):
    parameters, X, Y = problem(cost="squared_error")
    optimizer = wrap((lambda parameters: {}, lambda parameters, grads, state: (
        update_parameters(parameters, grads, 1e3), state)))
    with pytest.raises(FloatingPointError, match=r"^cost must .* \d+\. ") as stop:
        train(X, Y, parameters, 1000, optimizer=optimizer)
    assert_carries_the_training(stop.value, parameters)


def test_divergence_with_early_stopping_carries_the_best_parameters(problem):
    parameters, X, Y = problem(m=37, cost="squared_error")
    best = []

    def keep(state):
        best.append(state["best_parameters"])

    with pytest.raises(FloatingPointError) as stop:
        train(X, Y, parameters, 1000, optimizer=gradient_descent(0.9), report_every=1,
              callbacks=[early_stopping(X, Y, 10**6), keep])
    assert_identical(stop.value.parameters, best[-1])


@pytest.mark.parametrize("batch_size", [None, 8])
def test_an_interruption_in_a_callback_carries_parameters_and_history(batch_size, problem):
    parameters, X, Y = problem(m=37)

    def interrupt(state):
        if state["iteration"] == 10:
            raise KeyboardInterrupt

    settings = {"batch_size": batch_size, "report_every": 5}
    with pytest.raises(KeyboardInterrupt) as stop:
        train(X, Y, parameters, 100, callbacks=[interrupt], **settings)
    assert_identical(stop.value.parameters, train(X, Y, parameters, 10, **settings)[0])
    assert stop.value.history["iteration"] == [0, 5, 10]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_an_interruption_in_an_update_carries_parameters_and_history(batch_size, problem):
    parameters, X, Y = problem(m=37)

    def update(parameters, grads, state):
        if state["t"] == 7:
            raise KeyboardInterrupt
        return update_parameters(parameters, grads), {"t": state["t"] + 1}

    settings = {"batch_size": batch_size, "report_every": 5}
    with pytest.raises(KeyboardInterrupt) as stop:
        train(X, Y, parameters, 100, optimizer=(lambda parameters: {"t": 0}, update), **settings)
    assert_identical(stop.value.parameters, train(X, Y, parameters, 7, **settings)[0])
    assert stop.value.history["iteration"] == [0, 5]


def test_an_interruption_in_the_closing_call_carries_parameters_and_history(problem):
    parameters, X, Y = problem()

    def stop_and_interrupt(state):
        if state["finished"]:
            raise KeyboardInterrupt
        return True

    with pytest.raises(KeyboardInterrupt) as stop:
        train(X, Y, parameters, 100, callbacks=[stop_and_interrupt])
    assert_identical(stop.value.parameters, parameters)
    assert stop.value.history["iteration"] == [0]


def test_an_error_in_a_callback_comes_through_as_it_is(problem):
    def broken(state):
        raise LookupError("mine")

    with pytest.raises(LookupError, match=r"^mine$"):
        train(*problem()[1:], problem()[0], 5, callbacks=[broken])


# Errors at the door

@pytest.mark.parametrize(("change", "error", "message"), [
    ({"Y": lambda Y: Y[0]}, ValueError,
     r"^Y must .*got \(7,\)\."),
    ({"Y": lambda Y: Y.T}, ValueError,
     r"^Y must .*got \(7, 1\)\."),
    ({"Y": lambda Y: np.vstack([Y, Y]).T}, ValueError, r"^Y must .*got \(7, 2\)\."),
    ({"Y": lambda Y: Y[:, :5]}, ValueError, r"^Y must .*got \(1, 5\)\."),
    ({"Y": lambda Y: Y[:0]}, ValueError, r"^Y must .*got \(0, 7\)\."),
    ({"Y": lambda Y: Y * np.nan}, ValueError, r"^Y must .*got 7 .*Y\[0"),
    ({"Y": lambda Y: Y + 0.5}, ValueError,
     "^Y must"),
    ({"Y": lambda Y: -Y}, ValueError, "^Y must"),
    ({"Y": lambda Y: Y + 1j}, TypeError, "^Y must"),
    ({"X": lambda X: X[0]}, ValueError, r"^X must .*got \(7,\)\."),
    ({"X": lambda X: X[None]}, ValueError, r"^X must .*got \(1, 3, 7\)\."),
    ({"X": lambda X: X[:, :0]}, ValueError, "^X must"),
    ({"X": lambda X: np.where(X == X[1, 2], np.inf, X)}, ValueError,
     r"^X must .*got 1 .*X\[1, 2\]"),
    ({"X": lambda X: X.astype(str)}, TypeError, "^X must"),
    ({"X": lambda X: np.ma.masked_array(X)}, TypeError, "^X must"),
    ({"X": lambda X: [[1, 2], [3]]}, ValueError, "^X must"),
    ({"X": lambda X: None}, TypeError, "^X must"),
    ({"num_iterations": -1}, ValueError, r"^num_iterations must .*got -1\."),
    ({"num_iterations": 1e4}, TypeError, r"^num_iterations must .*got 10000\.0\."),
    ({"report_every": 0}, ValueError, r"^report_every must .*got 0\."),
    ({"report_every": None}, TypeError, "^report_every must"),
    ({"batch_size": 0}, ValueError, r"^batch_size must .*got 0\."),
    ({"batch_size": 32.0}, TypeError, r"^batch_size must .*got 32\.0\."),
    ({"threads": 0}, ValueError, r"^threads must .*got 0\."),
    ({"threads": "2"}, TypeError, r"^threads must .*got '2'\."),
    ({"l2": -0.1}, ValueError, r"^l2 must .*got -0\.1\."),
    ({"l2": np.inf}, ValueError, "^l2 must"),
    ({"l2": "0.1"}, TypeError, r"^l2 must .*got '0\.1'\."),
    ({"sample_weight": np.ones(7)}, ValueError,
     r"^sample_weight must .*got \(7,\)\."),
    ({"sample_weight": np.ones((1, 5))}, ValueError,
     r"^sample_weight must .*got \(1, 5\)\."),
    ({"sample_weight": -np.ones((1, 7))}, ValueError,
     "^sample_weight must"),
    ({"sample_weight": np.full((1, 7), 1e308)}, ValueError, "^sample_weight must .*overflows"),
    ({"sample_weight": np.zeros((1, 7))}, ValueError, "^sample_weight must"),
    ({"sample_weight": np.full((1, 7), np.nan)}, ValueError, "^sample_weight must .*got 7 "),
    ({"random_state": "3"}, TypeError, r"^random_state must .*got '3'\."),
    ({"random_state": -1}, ValueError, r"^random_state must .*got -1\."),
    ({"optimizer": "adam"}, TypeError, r"^optimizer must be a pair of functions \(init, update\); got 'adam'\."),
    ({"optimizer": adam}, TypeError, r"^optimizer must be a pair of functions \(init, update\); got <fun.* adam"),
    ({"optimizer": (1, 2)}, TypeError, r"^optimizer must be a pair of functions \(init, update\); got \(1, 2\)"),
    ({"callbacks": print_cost()}, TypeError, "^callbacks must"),
    ({"callbacks": None}, TypeError, "^callbacks must"),
    ({"callbacks": [3]}, TypeError, "^callbacks must .*got 3 "),
])
@pytest.mark.parametrize("door", ["train", "nn_model"])
def test_a_wrong_argument_is_refused(change, error, message, door, problem):
    door = {"train": train, "nn_model": nn_model}[door]                   # of the engine
    parameters, X, Y = problem()
    arguments = {"X": X, "Y": Y, "num_iterations": 5} | {
        name: value({"X": X, "Y": Y}[name]) if name in "XY" else value for name, value in change.items()
    }
    if door is train:
        arguments["parameters"] = parameters
    elif "print_cost" not in arguments:
        arguments["print_cost"] = True
    with pytest.raises(error, match=message.replace("{}", "1" if door is train else "n_y")):
        door(**arguments)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"n_h": 0}, ValueError, r"^n_h must .*got 0\."),
    ({"n_h": 4.0}, TypeError, r"^n_h must .*got 4\.0\."),
    ({"learning_rate": 0}, ValueError, r"^learning_rate must .*got 0\.0\."),
    ({"learning_rate": "1.2"}, TypeError, r"^learning_rate must .*got '1\.2'\."),
    ({"hidden": "swish"}, ValueError, r"^hidden must .*got 'swish'\."),
    ({"hidden": []}, ValueError, "^hidden must"),
    ({"cost": "hinge"}, ValueError, "^cost must .*got 'hinge'"),
    ({"cost": []}, ValueError, "^cost must"),
    ({"scale": -1}, ValueError, r"^scale must .*got -1\.0\."),
    ({"cost": "softmax_cross_entropy"}, ValueError,
     "^Y must"),
    ({"cost": "softmax_cross_entropy", "Y": np.ones((2, 7))}, ValueError,
     "^Y must"),
    ({"cost": "softmax_cross_entropy", "Y": np.array([[2.0] * 7, [-1.0] * 7])}, ValueError,
     "^Y must"),
])
def test_nn_model_refuses_a_wrong_setting(change, error, message, problem):
    _, X, Y = problem()
    with pytest.raises(error, match=message):
        nn_model(**{"X": X, "Y": Y, "num_iterations": 5} | change)


def test_class_numbers_for_a_softmax_are_told_to_be_one_hot(problem):
    parameters, X, Y = problem(n_y=3, cost="softmax_cross_entropy")
    with pytest.raises(ValueError, match=r"^Y must .*got \(1, 7\)\."):
        train(X, Y[:1], parameters, 5)
    with pytest.raises(ValueError, match=r"^Y must .*got \(1, 7\)\."):
        train(X, Y[:1], parameters | {"cost": "squared_error"}, 5)


def test_a_wrong_argument_is_refused_before_anything_is_called(problem):
    parameters, X, Y = problem()
    generator, called = np.random.RandomState(0), []
    with pytest.raises(ValueError, match="report_every"):
        train(X, Y, parameters, 5, report_every=0, batch_size=3, random_state=generator, callbacks=[called.append])
    assert called == []
    assert generator.standard_normal() == np.random.RandomState(0).standard_normal()


@pytest.mark.parametrize("stop", [np.True_, 1, "yes", [0], np.ones(2)])
def test_only_true_stops(stop, problem):
    """What a function happens to return, such as the number of characters written, is no wish to stop."""
    parameters, X, Y = problem()
    _, history = train(X, Y, parameters, 20, report_every=10, callbacks=[lambda state: stop])
    assert history["iteration"] == ([0] if stop is np.True_ else [0, 10, 20])


def test_the_state_fits_together_between_two_reports(problem):
    """Who keeps the state of a callback and is interrupted resumes from the report, whatever epoch has begun since."""
    parameters, X, Y = problem(m=20)
    settings = {"batch_size": 4, "report_every": 7}
    descent = gradient_descent(0.5)
    live, updates = [], iter(range(100))

    def interrupted(*arguments):
        if next(updates) == 12:
            raise KeyboardInterrupt
        return descent.update(*arguments)

    with pytest.raises(KeyboardInterrupt):
        train(X, Y, parameters, 30, optimizer=(descent.init, interrupted), callbacks=[live.append], **settings)
    resumed = train(X, Y, None, 30, optimizer=descent, state=live[-1], **settings)
    assert_identical(resumed, train(X, Y, parameters, 30, optimizer=descent, **settings))


def test_divergence_in_the_last_mini_batch_is_not_returned(problem):
    parameters, X, Y = problem(cost="squared_error", hidden="relu")
    with pytest.raises(FloatingPointError, match=r"^cost must .* 1 "):
        train(X * 100, Y, parameters, 1, optimizer=gradient_descent(1e306), batch_size=7)


def test_mixed_dtypes_are_one_from_the_first_update_on(problem):
    parameters, _, _ = problem(dtype=np.float32)
    _, X, Y = problem()
    trained, _ = train(X, Y, parameters, 0)
    assert {trained[name].dtype for name in NAMES} == {np.dtype(float)}


@pytest.mark.parametrize("iterations", [0, 1])
def test_the_result_shares_no_memory_with_the_network_to_begin_with(iterations, problem):
    parameters, X, Y = problem()
    trained, _ = train(X, Y, parameters, iterations)
    assert not any(np.shares_memory(trained[name], parameters[name]) for name in NAMES)


def test_a_stream_that_gives_other_columns_than_asked_for_is_refused(problem):
    parameters, X, Y = problem()

    class Short(Slices):
        def __getitem__(self, key):
            return super().__getitem__(key)[:, :-1]

    with pytest.raises(ValueError, match=r"^X\[:, 0:\] must .*got \(3, 6\)\."):
        train(Short(X), Y, parameters, 3)
    with pytest.raises(ValueError, match="The source gave other columns"):
        predict_probability(parameters, Short(X))


def test_sparse_data_is_refused_with_its_cure(problem):
    class Sparse(Slices):
        toarray = None

    parameters, X, Y = problem()
    with pytest.raises(TypeError, match=r"^X must"):
        train(Sparse(X), Y, parameters, 3)


def test_a_schedule_that_turns_negative_is_refused(problem):
    parameters, X, Y = problem()
    with pytest.raises(ValueError, match=r"^learning_rate\(2\) must .*got -1"):
        train(X, Y, parameters, 5, optimizer=gradient_descent(lambda t: 1 - t))


def test_numpy_may_raise_at_underflow(problem):
    parameters, X, Y = problem(n_y=3, cost="softmax_cross_entropy")
    parameters["W2"] = parameters["W2"] * 1000
    with np.errstate(all="raise"):
        train(X, Y, parameters, 3)
        predict_probability(parameters, X)


def test_nn_model_goes_on_with_the_network_it_is_asked_for(problem):
    _, X, Y = problem()
    states = []
    nn_model(X, Y, 5, 5, hidden="relu", callbacks=[states.append])
    resumed = nn_model(X, Y, 5, 9, hidden="relu", state=states[-1])
    assert_identical(resumed, nn_model(X, Y, 5, 9, hidden="relu"))
    for name, settings in (("n_h", {"n_h": 4, "hidden": "relu"}), ("hidden", {"n_h": 5}),
                           ("cost", {"n_h": 5, "hidden": "relu", "cost": "brier"})):
        with pytest.raises(ValueError, match=rf"^{name} must be that of the network in state, "):
            nn_model(X, Y, num_iterations=9, state=states[-1], **settings)


def test_what_was_trained_in_memory_does_not_go_on_in_another_order_from_disk(problem, small_chunks):
    parameters, X, Y = problem(m=40)
    settings = {"batch_size": 8, "report_every": 2}
    for first, then in ((X, Slices(X)), (Slices(X), X)):
        states = []
        train(first, Y, parameters, 4, callbacks=[states.append], **settings)
        with pytest.raises(ValueError, match="Use the data of that training, in memory or on disk as they were"):
            train(then, Y, None, 8, state=states[-1], **settings)
