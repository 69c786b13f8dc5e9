"""What vectors must do wherever they are kept; whoever keeps them elsewhere inherits this class in a test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from noria.core.ports import Vectors

__all__ = ["VectorsContract"]

Keep = Callable[[NDArray[np.float32], NDArray[np.int64]], Vectors]
_CHUNKS, _DIMENSIONS, _DOCUMENTS = 1_200, 16, 40


class VectorsContract:
    """Tests of a `noria.core.ports.Vectors`, for pytest.

    A subclass whose name begins with ``Test`` has a fixture ``keep``: a function that keeps vectors of chunks
    of some documents, and opens them.

    Examples
    --------
    >>> class TestMine(VectorsContract):
    ...     def keep(self):  # decorate it with pytest.fixture
    ...         return lambda rows, documents: MyVectors(rows, documents)
    """

    def test_all_are_there(self, keep: Keep) -> None:
        """As many as were kept."""
        assert keep(*_drawn()).count() == _CHUNKS

    def test_the_nearest_are_first_and_exact(self, keep: Keep) -> None:
        """No other one is said to be as near."""
        rows, documents = _drawn()
        kept = keep(rows, documents)
        for at in (0, 7, _CHUNKS - 1):
            asked = rows[at]
            exact, found = rows @ asked, kept.similar(asked)
            assert found.shape == (_CHUNKS,)
            assert found.dtype == np.float32
            best = np.argsort(-exact)[:10]
            assert set(np.argsort(-found)[:10]) == set(best)
            assert np.allclose(found[best], exact[best], atol=1e-3)
            assert found.argmax() == at

    def test_of_some_documents_the_nearest_are_found(self, keep: Keep) -> None:
        """However far they are from what is asked."""
        rows, documents = _drawn()
        asked = rows[0]
        chosen = np.array([3, 39])
        inside = np.isin(documents, chosen)
        exact, found = rows @ asked, keep(rows, documents).similar(asked, chosen)
        assert np.allclose(found[inside], exact[inside], atol=1e-3)

    def test_of_no_document_nothing_is_found(self, keep: Keep) -> None:
        """It is no fault."""
        rows, documents = _drawn()
        assert keep(rows, documents).similar(rows[0], np.array([], dtype=np.int64)).shape == (_CHUNKS,)

    def test_two_sets_do_not_mix(self, keep: Keep) -> None:
        """Versions of a model stand beside each other."""
        (rows, documents), (others, _) = _drawn(), _drawn(1)
        first, second = keep(rows, documents), keep(others, documents)
        assert first.similar(rows[5]).argmax() == 5
        assert second.similar(others[9]).argmax() == 9

    def test_the_same_set_may_be_kept_again(self, keep: Keep) -> None:
        """As a process does that was killed in between."""
        rows, documents = _drawn()
        keep(rows, documents)
        again = keep(rows, documents)
        assert again.count() == _CHUNKS
        assert again.similar(rows[3]).argmax() == 3


def _drawn(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors in half precision, as models keep them, and the documents of their chunks."""
    made = np.random.default_rng(seed).normal(size=(_CHUNKS, _DIMENSIONS))
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    owners = np.sort(np.arange(_CHUNKS) % _DOCUMENTS)
    return made.astype(np.float16).astype(np.float32), owners
