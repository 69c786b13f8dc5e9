from __future__ import annotations

import numpy as np
import pytest

from noria.systems.tabular import _cores
from noria.systems.tabular._cores import pieces


@pytest.mark.parametrize("cores", [1, 2, 64])
@pytest.mark.parametrize("rows", [0, 1, 10, 11, 21, 1234])
def test_pieces_hold_every_row_once_and_are_not_too_long(rows, cores, monkeypatch):
    monkeypatch.setattr(_cores, "_cores", lambda: cores)
    found = pieces(rows, 10, 5)
    assert np.concatenate([np.arange(rows)[piece] for piece in found]).tolist() == list(range(rows))
    assert max(piece.stop - piece.start for piece in found) <= 10


def test_pieces_are_as_many_for_each_core_and_even(monkeypatch):
    monkeypatch.setattr(_cores, "_cores", lambda: 4)
    assert [piece.stop - piece.start for piece in pieces(100, 18, 9)] == [13] * 7 + [9]
    assert len(pieces(17, 18, 9)) == 1
    assert len(pieces(18, 18, 9)) == 2
