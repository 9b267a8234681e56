import io
import pickle
import sys
import threading

import numpy as np
import pytest
from tqdm import tqdm

from shallownet.callbacks import checkpoint, early_stopping, print_cost, progress_bar, record_validation, snapshots
from shallownet.evaluation import accuracy, r2_score
from shallownet.network import compute_cost, forward_propagation, initialize_parameters
from shallownet.optimizers import adam, gradient_descent
from shallownet.storage import load_checkpoint
from shallownet.training import nn_model, train


def report(iteration, cost=0.5, finished=False, **entries):
    """A training state as a callback gets it."""
    return {"iteration": iteration, "num_iterations": 100, "cost": cost, "finished": finished, **entries}


# print_cost

def test_the_line_is_that_of_the_texts(capsys):
    callback = print_cost()
    assert callback(report(1000, 0.25862504)) is None
    callback(report(2000, 1e-9))
    callback(report(2500, 0.2, finished=True))
    assert capsys.readouterr().out == "Cost after iteration 1000: 0.258625\nCost after iteration 2000: 0.000000\n"


# progress_bar

class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, problem, **settings):
    """What a terminal shows of a training with a progress bar."""
    parameters, X, Y = problem()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    train(X, Y, parameters, 50, **{"report_every": 10, "callbacks": [progress_bar()]} | settings)
    assert not tqdm._instances                                            # the bar is closed
    return terminal.getvalue()


def test_the_bar_is_silent_without_a_terminal(problem, capfd):
    parameters, X, Y = problem()
    train(X, Y, parameters, 50, report_every=10, callbacks=[progress_bar()])
    assert capfd.readouterr() == ("", "")
    assert not tqdm._instances


def test_the_bar_shows_progress_and_cost_and_is_closed(problem, monkeypatch):
    parameters, X, Y = problem()
    _, history = train(X, Y, parameters, 50, report_every=10)
    text = shown(monkeypatch, problem)
    last = text.splitlines()[-1].split("\r")[-1]
    assert "0/50" in text
    assert text.endswith("\n")
    assert "50/50" in last
    assert f"cost {history['cost'][-1]:.6f}" in last


def test_the_bar_is_closed_where_a_callback_stops_the_training(problem, monkeypatch):
    text = shown(monkeypatch, problem, callbacks=[progress_bar(), lambda state: state["iteration"] == 20])
    assert text.endswith("\n")
    assert "20/50" in text.splitlines()[-1].split("\r")[-1]


def test_the_bar_begins_where_a_resumed_training_does(problem, monkeypatch):
    parameters, X, Y = problem()
    states = []
    train(X, Y, parameters, 20, report_every=10, callbacks=[lambda state: states.append(dict(state))])
    assert "20/50" in shown(monkeypatch, problem, state=states[-1]).split("\r")[1]


@pytest.mark.parametrize("settings", [{}, {"batch_size": 3}])
def test_the_bar_serves_a_training_without_iterations(settings, problem, monkeypatch):
    parameters, X, Y = problem()
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _, history = train(X, Y, parameters, 0, callbacks=[progress_bar()], **settings)
    assert len(history["cost"]) <= 1
    assert terminal.getvalue().endswith("\n")


def test_a_bar_that_was_interrupted_begins_anew(problem, monkeypatch):
    bar = progress_bar()

    def interrupt(state):
        if state["iteration"] == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shown(monkeypatch, problem, callbacks=[bar, interrupt])
    lines = shown(monkeypatch, problem, callbacks=[bar])
    assert " 0/50" in lines
    assert "50/50" in lines


def test_a_bar_serves_one_training_after_the_other(problem, monkeypatch):
    bar = progress_bar()
    assert "50/50" in shown(monkeypatch, problem, callbacks=[bar])
    assert "50/50" in shown(monkeypatch, problem, callbacks=[bar])


def test_trainings_in_threads_that_share_a_bar_have_one_each(problem, monkeypatch):
    parameters, X, Y = problem()
    monkeypatch.setattr(sys, "stderr", Terminal())
    shown_at_once, bar, errors = [], progress_bar(), []
    meeting = threading.Barrier(2, lambda: shown_at_once.append(len(tqdm._instances)), timeout=30)

    def training():
        try:
            train(X, Y, parameters, 50, report_every=10, callbacks=[bar, lambda state: meeting.wait()])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=training) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert shown_at_once == 5 * [2] + [0]


# record_validation

@pytest.mark.parametrize(("cost", "name", "score"), [
    ("cross_entropy", "validation_accuracy", accuracy), ("softmax_cross_entropy", "validation_accuracy", accuracy),
    ("brier", "validation_accuracy", accuracy), ("squared_error", "validation_r2", r2_score),
])
@pytest.mark.parametrize("batch_size", [None, 3])
def test_validation_is_recorded_at_every_report(cost, name, score, batch_size, problem):
    parameters, X, Y = problem(n_y=2, cost=cost)
    _, X_val, Y_val = problem(n_y=2, cost=cost, m=20, seed=1)
    seen = snapshots()
    _, history = train(X, Y, parameters, 10, report_every=4, l2=0.5, batch_size=batch_size,
                       optimizer=gradient_descent(0.01), callbacks=[record_validation(X_val, Y_val), seen])
    assert set(history) == {"iteration", "cost", "validation_cost", name}
    assert [iteration for iteration, _ in seen] == history["iteration"] == [0, 4, 8, 10]
    for k, (_, network) in enumerate(seen):
        A2, cache = forward_propagation(X_val, network)
        assert history["validation_cost"][k] == pytest.approx(compute_cost(A2, Y_val, network, cache=cache), rel=1e-12)
        assert history[name][k] == score(network, X_val, Y_val)
        assert type(history["validation_cost"][k]) is type(history[name][k]) is float


@pytest.mark.parametrize("order", [1, -1])
def test_validation_is_recorded_once_beside_early_stopping(order, problem):
    parameters, X, Y = problem()
    _, X_val, Y_val = problem(m=20, seed=1)
    callbacks = [record_validation(X_val, Y_val), early_stopping(X_val, Y_val, 100)][::order]
    _, both = train(X, Y, parameters, 20, report_every=4, callbacks=callbacks)
    _, alone = train(X, Y, parameters, 20, report_every=4, callbacks=[record_validation(X_val, Y_val)])
    assert both == alone
    assert {len(values) for values in both.values()} == {6}


def test_early_stopping_watches_its_own_samples_whatever_others_record(problem):
    arguments, settings, (X_val, Y_val) = overfitting(problem)
    X, Y, *_ = arguments                                                  # their cost goes on falling
    alone, alone_history = train(*arguments, **settings, callbacks=[early_stopping(X_val, Y_val, 5)])
    trained, history = train(
        *arguments, **settings, callbacks=[record_validation(X, Y), early_stopping(X_val, Y_val, 5)]
    )
    assert history["iteration"] == alone_history["iteration"]
    assert history["validation_cost"] != alone_history["validation_cost"]
    np.testing.assert_array_equal(trained["W1"], alone["W1"])


def test_two_early_stoppings_watch_each_its_samples(problem):
    arguments, settings, (X_val, Y_val) = overfitting(problem)
    alone, history = train(*arguments, **settings, callbacks=[early_stopping(X_val, Y_val, 5)])
    both = [early_stopping(*arguments[:2], 10**6), early_stopping(X_val, Y_val, 5)]
    trained, both_history = train(*arguments, **settings, callbacks=both)
    assert both_history["iteration"] == history["iteration"]
    np.testing.assert_array_equal(trained["W1"], alone["W1"])


def test_a_resumed_training_with_other_validation_samples_begins_its_watch_anew(problem):
    arguments, settings, (X_val, Y_val) = overfitting(problem)
    states = []
    callbacks = [early_stopping(X_val, Y_val, 5), lambda state: states.append(dict(state))]
    stopped, _ = train(*arguments, **settings, callbacks=callbacks)
    _, X_new, Y_new = problem(m=50, seed=4)
    trained, history = train(
        *arguments[:2], None, 400, **settings, state=states[-1], callbacks=[early_stopping(X_new, Y_new, 5)]
    )
    assert (trained["W1"] != stopped["W1"]).any()
    assert history["iteration"][-1] >= states[-1]["iteration"] + 20


def test_a_longer_training_is_the_same_though_the_first_one_closed_between_two_reports(problem):
    arguments, settings, validation = overfitting(problem)
    X, Y, parameters, _ = arguments
    whole, history = train(*arguments, **settings, callbacks=[early_stopping(*validation, 5)])
    for stop in range(history["iteration"][-1] - 30, history["iteration"][-1]):
        states = []
        train(X, Y, parameters, stop, **settings, callbacks=[early_stopping(*validation, 5), states.append])
        again = [early_stopping(*validation, 5)]
        trained, resumed = train(X, Y, None, 400, **settings, state=states[-1], callbacks=again)
        assert resumed["iteration"] == history["iteration"]
        np.testing.assert_array_equal(trained["W1"], whole["W1"])


def test_early_stopping_watches_the_weighted_validation_cost(problem):
    parameters, X, Y = problem()
    _, X_val, Y_val = problem(m=20, seed=1)
    weights = np.arange(20) % 2
    _, weighted = train(X, Y, parameters, 20, report_every=4,
                        callbacks=[early_stopping(X_val, Y_val, 100, sample_weight=weights.reshape(1, -1))])
    _, chosen = train(X, Y, parameters, 20, report_every=4,
                      callbacks=[early_stopping(X_val[:, 1::2], Y_val[:, 1::2], 100)])
    np.testing.assert_allclose(weighted["validation_cost"], chosen["validation_cost"], rtol=1e-12)


def test_a_callback_that_is_new_at_a_resumption_keeps_the_lists_as_long_as_the_reports(problem):
    parameters, X, Y = problem()
    callbacks = [record_validation(X, Y), early_stopping(X, Y, 100)]
    states = []
    train(X, Y, parameters, 10, report_every=2, callbacks=[lambda state: states.append(dict(state))])
    trained, history = train(X, Y, None, 20, report_every=2, state=states[-1], callbacks=callbacks)
    expected, whole = train(X, Y, parameters, 20, report_every=2, callbacks=callbacks)
    for name in ("validation_cost", "validation_accuracy"):
        assert len(history[name]) == len(history["iteration"]) == 11
        assert np.isnan(history[name][:5]).all()
        assert history[name][5:] == whole[name][5:]
    np.testing.assert_array_equal(trained["W1"], expected["W1"])


# early_stopping

def outcome_of(costs, patience, **settings):
    """At which of the reports with these validation costs a training is stopped, and which network is the best."""
    stopping = early_stopping(*DATA, patience, **settings)
    constant = initialize_parameters(3, 1, 1, cost="squared_error", scale=0)
    networks = [{**constant, "b2": np.array([[np.sqrt(cost)]])} for cost in costs]          # whose cost on zeros it is
    state = {"history": {"iteration": []}, "finished": False}
    stops_at = None
    for k, network in enumerate(networks):
        state["history"]["iteration"].append(k)
        state |= {"parameters": network, "iteration": k}
        if stopping(state):
            stops_at = k
            break
    return stops_at, [network is state["best_parameters"] for network in networks].index(True)


DATA = np.zeros((3, 5)), np.zeros((1, 5))


@pytest.mark.parametrize(("costs", "patience", "stops_at", "best"), [
    ([5, 4, 3, 2, 1], 1, None, 4),                                        # it always improves
    ([5, 4, 4.1, 3], 1, 2, 1),
    ([5, 4, 4.1, 3], 2, None, 3),
    ([5, 4, 4.1, 4.2, 3], 2, 3, 1),
    ([5, 6, 7, 8], 3, 3, 0),
    ([5, 5, 5], 2, 2, 0),
    ([5, np.nan, np.nan], 2, 2, 0),
    ([0, 0, 0], 2, 2, 0),
])
def test_it_stops_after_so_many_reports_without_improvement(costs, patience, stops_at, best):
    assert outcome_of(costs, patience) == (stops_at, best)


def test_an_improvement_below_the_minimum_does_not_count_but_is_kept():
    assert outcome_of([1, 0.995, 0.99], 2, min_improvement=0.1) == (2, 2)
    assert outcome_of([1, 0.995, 0.8, 0.79], 2, min_improvement=0.1) == (None, 3)
    assert outcome_of([100, 99, 98], 2, min_improvement=0.1) == (2, 2)       # it is relative
    assert outcome_of([1, 1 - 1e-5, 1 - 2e-5], 2) == (2, 2)                  # 1e-4 is the default
    assert outcome_of([1, 1 - 1e-5, 1 - 2e-5], 2, min_improvement=0) == (None, 2)


def overfitting(problem):
    """A training that first improves and then worsens the validation cost."""
    parameters, X, Y = problem(n_h=20, m=20)
    _, X_val, Y_val = problem(m=50, seed=3)
    return (X, Y, parameters, 400), {"optimizer": adam(0.05), "report_every": 5}, (X_val, Y_val)


@pytest.mark.parametrize("batch_size", [None, 8])
def test_the_best_parameters_are_restored(batch_size, problem):
    arguments, settings, (X_val, Y_val) = overfitting(problem)
    settings["batch_size"] = batch_size
    seen = snapshots()
    trained, history = train(*arguments, **settings, callbacks=[early_stopping(X_val, Y_val, 5), seen])
    costs = history["validation_cost"]
    best = int(np.argmin(costs))
    assert 0 < best < len(costs) - 1
    assert history["iteration"][-1] < 400
    assert len(costs) - 1 - best >= 5
    for name in ("W1", "b1", "W2", "b2"):
        np.testing.assert_array_equal(trained[name], seen[best][1][name])


def test_the_best_parameters_are_restored_though_nothing_stopped_the_training(problem):
    arguments, settings, (X_val, Y_val) = overfitting(problem)
    trained, history = train(*arguments, **settings, callbacks=[early_stopping(X_val, Y_val, 10**6)])
    assert history["iteration"][-1] == 400
    A2, cache = forward_propagation(X_val, trained)
    assert compute_cost(A2, Y_val, trained, cache=cache) == pytest.approx(min(history["validation_cost"]), rel=1e-12)
    assert history["validation_cost"][-1] > min(history["validation_cost"])


def test_it_watches_the_cost_and_not_the_accuracy(planar):
    """The accuracy on the planar data stands still for the first thousand iterations."""
    X, Y = planar
    stopping = early_stopping(X[:, ::4], Y[:, ::4], patience=10)
    parameters = nn_model(X, Y, 4, 3000, callbacks=[stopping], report_every=50)
    assert accuracy(parameters, X, Y) > 0.89


# snapshots

def test_snapshots_of_another_training_take_the_place_of_the_first(problem):
    parameters, X, Y = problem()
    seen = snapshots()
    for iterations in (30, 20):
        train(X, Y, parameters, iterations, report_every=10, callbacks=[seen])
    assert [iteration for iteration, _ in seen] == [0, 10, 20]


def test_snapshots_come_at_every_report_and_are_the_networks(problem):
    parameters, X, Y = problem()
    frames = snapshots()
    trained, history = train(X, Y, parameters, 10, report_every=4, callbacks=[frames])
    assert [iteration for iteration, _ in frames] == history["iteration"] == [0, 4, 8, 10]
    np.testing.assert_array_equal(frames[0][1]["W1"], parameters["W1"])
    np.testing.assert_array_equal(frames[-1][1]["W1"], trained["W1"])


def test_snapshots_may_come_less_often_and_end_with_the_trained_network(problem):
    parameters, X, Y = problem()
    frames = snapshots(every=3)
    trained, _ = train(X, Y, parameters, 20, report_every=2, callbacks=[frames])
    assert [iteration for iteration, _ in frames] == [0, 6, 12, 18, 20]
    np.testing.assert_array_equal(frames[-1][1]["W1"], trained["W1"])


@pytest.mark.parametrize("most", [2, 3, 10, 200])
@pytest.mark.parametrize("reports", [1, 7, 100, 1000])
def test_snapshots_are_capped_and_cover_the_whole_training(most, reports):
    frames = snapshots(max_snapshots=most)
    for k in range(reports):
        frames({"iteration": k, "parameters": k, "history": {"iteration": list(range(k + 1))},
                "finished": k == reports - 1})
        assert len(frames) <= most
    iterations = [iteration for iteration, _ in frames]
    gaps = np.diff(iterations)
    assert (iterations[0], iterations[-1]) == (0, reports - 1)
    assert set(gaps[:-1]) <= {frames.every}                               # evenly, but for the last
    assert all(gaps[-1:] <= 2 * frames.every)
    assert len(frames) >= min(reports, most) / 2


def test_a_stopped_training_is_no_snapshot_twice(problem):
    parameters, X, Y = problem()
    frames = snapshots()
    train(X, Y, parameters, 50, report_every=10, callbacks=[frames, lambda state: state["iteration"] == 20])
    assert [iteration for iteration, _ in frames] == [0, 10, 20]


# No callback without a report

@pytest.mark.parametrize("callback", [
    print_cost, progress_bar, snapshots, lambda: early_stopping(*DATA), lambda: record_validation(*DATA),
])
@pytest.mark.parametrize("batch_size", [None, 2])
def test_every_callback_serves_a_training_without_iterations(callback, batch_size, problem):
    parameters, X, Y = problem()
    trained, history = train(X, Y, parameters, 0, batch_size=batch_size, callbacks=[callback()])
    np.testing.assert_array_equal(trained["W1"], parameters["W1"])
    assert len({len(values) for values in history.values()}) == 1


# Errors

@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: early_stopping(*DATA, 0), ValueError, r"^patience must .*got 0\."),
    (lambda: early_stopping(*DATA, 2.5), TypeError, r"^patience must .*got 2\.5\."),
    (lambda: early_stopping(*DATA, min_improvement=-1), ValueError, r"^min_improvement must .*got -1\.0"),
    (lambda: early_stopping(*DATA, min_improvement="a"), TypeError, r"^min_improvement must .*got 'a'\."),
    (lambda: snapshots(0), ValueError, r"^every must .*got 0\."),
    (lambda: snapshots(1, 1), ValueError, r"^max_snapshots must .*got 1\."),
    (lambda: snapshots(1, None), TypeError, "^max_snapshots must"),
])
def test_a_wrong_setting_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("callback", [early_stopping, record_validation])
@pytest.mark.parametrize(("change", "message"), [
    (lambda X, Y: (X.T, Y), r"^X_val must .*got \(7, 3\)\."),
    (lambda X, Y: (X, Y[0]), r"^Y_val must .*got \(7,\)\."),
    (lambda X, Y: (X, Y + 1), "^Y_val must"),
    (lambda X, Y: (X * np.nan, Y), r"^X_val must .*got 21 .*X_val\[0, 0\]"),
])
def test_wrong_validation_data_is_refused_by_its_name(callback, change, message, problem):
    parameters, X, Y = problem()
    with pytest.raises(ValueError, match=message):
        train(X, Y, parameters, 5, callbacks=[callback(*change(X, Y))])


# Where they run

@pytest.mark.parametrize("callback", [
    print_cost, progress_bar, snapshots, lambda: early_stopping(*DATA), lambda: record_validation(*DATA),
    lambda: checkpoint("run.h5"),
])
@pytest.mark.parametrize("used", [False, True])
def test_a_callback_can_be_pickled(callback, used, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters, X, Y = problem()
    callback = callback()
    if used:
        train(X, Y, parameters, 4, report_every=2, callbacks=[callback])
    trained, history = train(X, Y, parameters, 4, report_every=2, callbacks=[pickle.loads(pickle.dumps(callback))])
    expected, expected_history = train(X, Y, parameters, 4, report_every=2, callbacks=[callback])
    np.testing.assert_array_equal(trained["W1"], expected["W1"])
    assert history == expected_history


def test_a_checkpoint_is_of_the_folder_that_was_current_when_it_was_asked_for(problem, tmp_path, monkeypatch):
    parameters, X, Y = problem()
    monkeypatch.chdir(tmp_path)
    callback = checkpoint("run.h5")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    train(X, Y, parameters, 4, callbacks=[callback])
    assert load_checkpoint(tmp_path / "run.h5")["iteration"] == 4
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("path", [None, 3])
def test_a_checkpoint_without_a_path_is_refused_at_once(path):
    with pytest.raises(TypeError, match=rf"^path must be a str or a pathlib\.Path; got {path}\.$"):
        checkpoint(path)
