from __future__ import annotations

import gzip

import numpy as np
import pytest

from noria.systems.tabular.predictors import Kernel, Neighbours


def table(rows, columns, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize("by_distance", [True, False])
@pytest.mark.parametrize("neighbours", [1, 7, 50])
def test_neighbours_are_those_of_a_full_sort(neighbours, by_distance):
    points, X = table(50, 3), table(3000, 3, seed=1)
    outputs, shrink = np.eye(2)[(points[:, 0] > 0).astype(int)], np.array([0.4, 0.6])
    predictor = Neighbours(points, outputs, shrink, neighbours, by_distance)
    distance = np.sqrt(((X[:, None].astype(float) - points) ** 2).sum(axis=2))
    near = np.argsort(distance, axis=1)[:, :neighbours]
    weight = 1 / (np.take_along_axis(distance, near, axis=1) + 1e-3) if by_distance else np.ones(near.shape)
    mean = (weight[:, :, None] * outputs[near]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    want = (neighbours * mean + shrink) / (neighbours + 1)
    np.testing.assert_allclose(predictor.predict(X), want, atol=1e-4)
    np.testing.assert_allclose(predictor.predict_one(X[0]), predictor.predict(X)[0], rtol=1e-5)


def test_of_points_at_the_same_place_the_first_are_neighbours():
    points, outputs = np.repeat(table(4, 2), 25, axis=0), np.arange(100.0)[:, None]
    predictor = Neighbours(points, outputs, np.zeros(1), 5, by_distance=False)
    want = [(25 * place + np.arange(5)).sum() / 6 for place in range(4)]
    assert predictor.predict(points[::25])[:, 0] == pytest.approx(want)


@pytest.mark.parametrize(("cost", "precision"), [(1.0, 1e-5), (300.0, 1e-12)])
def test_kernel_scores_are_those_of_the_formula(cost, precision):
    X, vectors = table(3000, 8), table(500, 8, seed=1).astype(float)
    dual = cost * np.random.default_rng(2).uniform(-1, 1, (500, 2))
    bias = np.array([1.0, -2.0])
    kernel = Kernel(vectors, dual, bias, slope=np.ones(2), shift=np.zeros(2), gamma=0.1, link="identity")
    distance = ((X[:, None].astype(float) - vectors) ** 2).sum(axis=2)
    want = np.exp(-0.1 * distance) @ dual + bias
    np.testing.assert_allclose(kernel.predict(X), want, atol=precision * np.abs(want).max())


def test_what_is_derived_is_not_saved(tmp_path):
    X = table(20, 3)
    neighbours = Neighbours(X, X[:, :1].astype(float), np.zeros(1), 3, by_distance=True)
    kernel = Kernel(
        X, X[:, :1].astype(float), np.zeros(1), np.ones(1), np.zeros(1), gamma=0.5, link="identity"
    )
    for predictor in (neighbours, kernel):
        predictor.save(tmp_path / "file.gz")
        again = type(predictor).load(tmp_path / "file.gz")
        assert (tmp_path / "file.gz").stat().st_size < predictor.size + 1000
        np.testing.assert_array_equal(again.predict(X), predictor.predict(X))


def test_arrays_are_saved_compressed_and_read_with_and_without(tmp_path):
    vectors = np.eye(300, dtype=np.float32)
    kernel = Kernel(vectors, np.ones((300, 1)), np.zeros(1), np.ones(1), np.zeros(1), 0.1, "identity")
    path = tmp_path / f"member.{kernel.suffix}"
    kernel.save(path)
    assert path.stat().st_size < kernel.size / 20
    plain = tmp_path / "member.safetensors"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    for saved in (path, plain):
        loaded = Kernel.load(saved)
        assert (loaded.gamma, loaded.link) == (0.1, "identity")
        np.testing.assert_array_equal(loaded.predict(vectors), kernel.predict(vectors))
