import numpy as np
import pytest

from noria.methods.bm25 import top
from noria.systems.retrieval import dense
from noria.systems.retrieval.dense import Arrays, Dense
from noria.testing import VectorsContract


class Asked:
    """An embedder whose questions are the numbers of rows of a table."""

    def __init__(self, vectors):
        self.vectors = vectors

    def question(self, text):
        return self.vectors[int(text)]


@pytest.fixture(scope="module")
def vectors():
    """Of themes and noise, as texts have them: most of the weight lies along few directions."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(3_000, 60)) * np.geomspace(1, 0.05, 60) @ rng.normal(size=(60, 384))
    made += 0.02 * rng.normal(size=made.shape)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


class TestVectorsInAModelFolder(VectorsContract):
    @pytest.fixture(params=["few", "many"])
    def keep(self, request, monkeypatch):
        if request.param == "many":
            monkeypatch.setattr(dense, "_MANY", 1_000)
        return lambda rows, documents: Arrays(rows)


def test_few_chunks_are_compared_exactly(vectors):
    searched = Dense(Arrays(vectors[100:]), Asked(vectors))
    assert searched.scores("3") == pytest.approx(vectors[100:] @ vectors[3], abs=1e-5)
    assert not searched.scores("  ").any()


def test_of_many_chunks_the_best_are_found_and_their_scores_are_exact(vectors, monkeypatch):
    monkeypatch.setattr(dense, "_MANY", 1_000)
    searched = Dense(Arrays(vectors[100:]), Asked(vectors))
    hits = 0
    for number in range(100):
        exact, found = vectors[100:] @ vectors[number], searched.scores(str(number))
        best = top(found, 10)
        hits += len(set(best.tolist()) & set(top(exact, 10).tolist()))
        assert found[best] == pytest.approx(exact[best], abs=1e-5)
        assert found == pytest.approx(exact, abs=0.2)
    assert hits / 1_000 >= 0.97
