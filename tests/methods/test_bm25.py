import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.methods.bm25 import Postings, top


def made(counts):
    """Postings of a (terms, texts) table of counts."""
    counts = np.asarray(counts, dtype=np.float64)
    terms, texts = np.nonzero(counts)
    return Postings.of(terms, texts, counts[terms, texts], *counts.shape)


def test_scores_are_those_of_the_formula():
    counts = np.array([[2, 0, 1], [1, 3, 0]])
    postings, k1, b = made(counts), 1.4, 0.6
    lengths, found = counts.sum(axis=0), (counts > 0).sum(axis=1)
    expected = np.zeros(3)
    for term, share in {0: 1.0, 1: 2.0}.items():
        idf = math.log(1 + (3 - found[term] + 0.5) / (found[term] + 0.5))
        held = k1 * (1 - b + b * lengths / lengths.mean())
        expected += share * idf * counts[term] * (k1 + 1) / (counts[term] + held)
    assert postings.score({0: 1.0, 1: 2.0}, postings.weights(k1, b)) == pytest.approx(expected, rel=1e-5)


def test_the_order_of_entries_does_not_matter():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.5, (20, 30))
    terms, texts = np.nonzero(counts)
    order = rng.permutation(len(terms))
    turned = Postings.of(terms[order], texts[order], counts[terms, texts][order], *counts.shape)
    weights = made(counts).weights(1.2, 0.75)
    assert np.array_equal(turned.weights(1.2, 0.75), weights)


def test_a_term_in_no_text_and_no_text_at_all():
    postings = made([[0, 0], [1, 2]])
    assert postings.score({0: 1.0}, postings.weights(1.2, 0.75)).tolist() == [0, 0]
    none = made(np.zeros((1, 0)))
    assert len(none.score({0: 1.0}, none.weights(1.2, 0.75))) == 0


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, -np.inf]), max_size=30), st.integers(0, 35))
def test_top_is_a_stable_sort_cut_off(scores, count):
    array = np.array(scores)
    assert top(array, count).tolist() == np.argsort(-array, kind="stable")[:count].tolist()
