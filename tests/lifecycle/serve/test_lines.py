from __future__ import annotations

import time

from noria.lifecycle.serve import Privacy, request_id


def test_ids_of_requests_grow_and_differ():
    first = request_id()
    time.sleep(0.002)
    ids = [request_id() for _ in range(1_000)]
    assert len({first, *ids}) == 1_001
    assert all(len(one) == 32 and int(one, 16) and one > first for one in ids)


def test_the_share_that_is_logged_is_a_share_of_any_moment():
    kept = sum(map(Privacy(0.25).keeps, [request_id() for _ in range(4_000)]))
    assert 800 < kept < 1_200
