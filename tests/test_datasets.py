import inspect
from itertools import pairwise

import numpy as np
import pytest

from shallownet import datasets
from shallownet.datasets import (
    blobs,
    circles,
    disc,
    gaussian_quantiles,
    moons,
    noisy_sine,
    planar_flower,
    spiral,
)

ALL = [planar_flower, moons, circles, blobs, gaussian_quantiles, spiral, noisy_sine, disc]
NOISY = [moons, circles, blobs, spiral, noisy_sine, disc]
TWO_CLASSES = [planar_flower, moons, circles, blobs, gaussian_quantiles]


def test_every_generator_of_the_module_is_tested():
    public = {f for name, f in inspect.getmembers(datasets, inspect.isfunction)
              if f.__module__ == datasets.__name__ and not name.startswith("_")}
    assert public == set(ALL)


@pytest.mark.parametrize("dataset", ALL)
def test_samples_are_float64_columns_that_go_with_their_labels(dataset):
    X, Y = dataset(m=144)
    assert X.shape == (1 if dataset is noisy_sine else 2, 144)
    assert Y.shape == (3 if dataset is spiral else 1, 144)
    assert X.dtype == Y.dtype == np.float64
    assert np.isfinite(X).all()


@pytest.mark.parametrize("dataset", ALL)
def test_the_default_seed_gives_the_same_numbers_and_leaves_the_global_state_alone(dataset):
    np.random.seed(5)
    expected = np.random.random_sample()
    np.random.seed(5)
    first, second = dataset(), dataset()
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])
    assert np.random.random_sample() == expected


@pytest.mark.parametrize("dataset", ALL)
def test_every_kind_of_random_state_is_used(dataset):
    noise = {"noise": 0.5} if dataset is disc else {}
    np.random.seed(7)
    seeded = dataset(m=36, random_state=7, **noise)[0]
    np.testing.assert_array_equal(dataset(m=36, random_state=np.random.RandomState(7), **noise)[0], seeded)
    np.testing.assert_array_equal(dataset(m=36, random_state=None, **noise)[0], seeded)
    assert not np.array_equal(dataset(m=36, random_state=8, **noise)[0], seeded)
    generated = dataset(m=36, random_state=np.random.default_rng(7), **noise)[0]
    np.testing.assert_array_equal(dataset(m=36, random_state=np.random.default_rng(7), **noise)[0], generated)
    assert not np.array_equal(generated, seeded)


@pytest.mark.parametrize("dataset", TWO_CLASSES)
@pytest.mark.parametrize("m", [2, 7, 200])
def test_two_classes_are_as_large_as_they_can_equally_be(dataset, m):
    _, Y = dataset(m=m)
    np.testing.assert_array_equal(Y, [[0.0] * (m - m // 2) + [1.0] * (m // 2)])


@pytest.mark.parametrize("dataset", [blobs, gaussian_quantiles])
def test_more_classes_are_one_hot_and_differ_by_at_most_one_sample(dataset):
    X, Y = dataset(m=11, classes=4)
    assert X.shape == (2, 11)
    np.testing.assert_array_equal(Y.sum(axis=0), 1)
    np.testing.assert_array_equal(Y.sum(axis=1), [3, 3, 3, 2])
    np.testing.assert_array_equal(np.sort(Y.argmax(axis=0)), Y.argmax(axis=0))


def test_planar_flower_has_the_published_numbers():
    X, _ = planar_flower()
    np.testing.assert_allclose(X[:, :2], [[1.204442292254319, 0.15870990398255372],
                                          [3.5761141481288448, -1.4821709003683443]], rtol=1e-13)
    np.testing.assert_allclose([X.sum(), np.square(X).sum()], [10.087983277441666, 3156.783789349409], rtol=1e-12)


def test_moons_are_half_circles_about_their_centres():
    X, Y = moons(m=101, noise=0)
    upper, lower = X[:, Y[0] == 0], X[:, Y[0] == 1]
    np.testing.assert_allclose(np.hypot(*upper), 1, rtol=1e-14)
    np.testing.assert_allclose(np.hypot(lower[0] - 1, lower[1] - 0.5), 1, rtol=1e-14)
    assert upper[1].min() >= 0
    assert lower[1].max() <= 0.5


def test_circles_have_the_radii_1_and_factor_and_even_angles():
    X, Y = circles(m=20, noise=0, factor=0.25)
    np.testing.assert_allclose(np.hypot(*X), np.where(Y[0] == 0, 1, 0.25), rtol=1e-14)
    np.testing.assert_allclose(X[:, Y[0] == 0].sum(axis=1), 0, atol=1e-14)
    assert len(np.unique(X.round(9), axis=1).T) == 20


def test_blobs_lie_around_even_points_of_the_unit_circle():
    X, Y = blobs(m=40_000, classes=4, noise=0.1)
    clouds = [X[:, k == 1] for k in Y]
    centres = [cloud.mean(axis=1) for cloud in clouds]
    np.testing.assert_allclose(centres, [(1, 0), (0, 1), (-1, 0), (0, -1)], atol=0.005)
    np.testing.assert_allclose([cloud.std(axis=1) for cloud in clouds], 0.1, rtol=0.03)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_gaussian_quantiles_are_rings_of_a_normal_cloud(classes):
    X, Y = gaussian_quantiles(m=1000, classes=classes)
    radius = np.hypot(*X)
    assert (np.diff(radius) > 0).all()
    rings = [radius[k == 1] for k in (np.vstack([1 - Y, Y]) if classes == 2 else Y)]
    assert all(inner.max() < outer.min() for inner, outer in pairwise(rings))
    np.testing.assert_allclose(X.std(axis=1), 1, rtol=0.1)


def test_spiral_has_the_published_checksums_and_its_recipe():
    X, Y = spiral()
    np.testing.assert_allclose([X.sum(), np.square(X).sum()], [-13.916731190759947, 98.505], rtol=1e-12)
    np.testing.assert_array_equal(Y, np.repeat(np.eye(3), 100, axis=1))
    generator = np.random.RandomState(1984)
    for j in range(3):
        for i in range(100):
            r = i / 100
            t = 4 * j + 4 * r + 0.2 * generator.randn()
            np.testing.assert_allclose(X[:, 100 * j + i], (r * np.sin(t), r * np.cos(t)), rtol=1e-13)


def test_spiral_without_noise_turns_by_the_radius():
    X, _ = spiral(m=30, noise=0)
    r = np.arange(10) / 10
    np.testing.assert_allclose(X[:, 10:20], [r * np.sin(4 + 4 * r), r * np.cos(4 + 4 * r)], rtol=1e-14)


def test_noisy_sine_is_the_texts_recipe():
    X, Y = noisy_sine()
    generator = np.random.RandomState(0)
    x = generator.rand(100)
    np.testing.assert_array_equal(X, [x])
    np.testing.assert_array_equal(Y, [np.sin(2 * np.pi * x) + generator.rand(100)])


def test_noisy_sine_leaves_a_shared_generator_where_the_text_draws_its_weights():
    ours, texts = np.random.RandomState(0), np.random.RandomState(0)
    noisy_sine(random_state=ours)
    texts.rand(200)
    assert ours.standard_normal() == texts.standard_normal()


def test_noisy_sine_without_noise_is_the_sine():
    X, Y = noisy_sine(m=10, noise=0)
    np.testing.assert_array_equal(Y, np.sin(2 * np.pi * X))


def test_disc_is_the_texts_grid_in_its_order():
    X, Y = disc()
    grid = [(-2.0 + 4 * x / 10, -2.0 + 4 * y / 10) for x in range(11) for y in range(11)]
    np.testing.assert_array_equal(X.T, grid)
    np.testing.assert_array_equal(Y, [[float(x * x + y * y < 1) for x, y in grid]])


def test_disc_moves_the_labelled_points_by_the_noise():
    X, Y = disc(m=400, noise=0.1)
    grid, labels = disc(m=400)
    np.testing.assert_array_equal(Y, labels)
    np.testing.assert_allclose((X - grid).std(), 0.1, rtol=0.1)


def test_the_edge_of_the_disc_is_outside():
    X, Y = disc(m=25)
    assert Y[0, (X == [[0], [1]]).all(axis=0)] == 0
    assert Y.sum() == 1


@pytest.mark.parametrize(("dataset", "minimum"), [(planar_flower, 2), (moons, 2), (circles, 2), (blobs, 2), (disc, 4),
                                                  (gaussian_quantiles, 2), (spiral, 3), (noisy_sine, 1)])
def test_too_few_samples_are_refused(dataset, minimum):
    dataset(m=minimum)
    with pytest.raises(ValueError, match=f"m must be at least {minimum}; got {minimum - 1}"):
        dataset(m=minimum - 1)
    with pytest.raises(TypeError, match=r"^m must .*got 9\.0"):
        dataset(m=9.0)


@pytest.mark.parametrize("dataset", NOISY)
def test_a_negative_noise_is_refused(dataset):
    with pytest.raises(ValueError, match=r"^noise must .*got -0\.1"):
        dataset(noise=-0.1)


@pytest.mark.parametrize("dataset", [blobs, gaussian_quantiles])
def test_a_wrong_number_of_classes_is_refused(dataset):
    with pytest.raises(ValueError, match=r"^classes must .*got 1"):
        dataset(classes=1)
    with pytest.raises(ValueError, match=r"^m must .*got 5"):
        dataset(m=5, classes=6)


@pytest.mark.parametrize(("factor", "message"), [(-0.5, "at least 0; got -0.5"), (1, "below 1; got 1.0")])
def test_a_circle_that_is_not_inside_is_refused(factor, message):
    with pytest.raises(ValueError, match=f"factor must be {message}"):
        circles(factor=factor)


def test_a_disc_that_is_no_square_is_refused():
    with pytest.raises(ValueError, match=r"m must be a square number, as disc is a grid; got 120. Use 100 or 121\."):
        disc(m=120)


@pytest.mark.parametrize("dataset", ALL)
def test_a_wrong_random_state_is_refused(dataset):
    with pytest.raises(TypeError, match=r"^random_state must .*got 'x'"):
        dataset(random_state="x")


@pytest.mark.parametrize("m", [121, 441, 1681])
def test_the_disc_is_symmetric_where_points_lie_on_the_circle(m):
    side = round(m**0.5)
    labels = disc(m)[1].reshape(side, side)
    for mirrored in (labels[::-1], labels[:, ::-1], labels.T):
        np.testing.assert_array_equal(mirrored, labels)
