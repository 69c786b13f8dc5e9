from __future__ import annotations

import os
import threading
import time

import pytest

from noria.backends.executor_local import LocalExecutor


def test_results_come_in_the_order_of_the_items():
    first_done = threading.Event()

    def work(item: int) -> int:
        if item == 0:
            first_done.wait(10)
        else:
            first_done.set()
        return item * item

    assert list(LocalExecutor(2).map(work, range(5))) == [0, 1, 4, 9, 16]


def test_pieces_run_at_the_same_time():
    together = threading.Barrier(2, timeout=20)
    assert len(list(LocalExecutor(2).map(lambda _: together.wait(), range(2)))) == 2


def test_the_first_error_ends_it_and_the_rest_is_not_begun():
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            raise ValueError("no")
        time.sleep(0.02)
        return item

    results = []
    with pytest.raises(ValueError, match="no"):
        results.extend(LocalExecutor(1).map(work, range(100)))
    assert len(begun) < 100


def test_an_interrupt_does_not_wait_for_what_has_begun():
    begun, stop, ended = threading.Event(), threading.Event(), threading.Event()

    def work(item: int) -> None:
        if item == 0:
            begun.wait(20)
            raise KeyboardInterrupt
        begun.set()
        stop.wait(20)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        list(LocalExecutor(2).map(work, range(2)))
    assert not ended.is_set()
    stop.set()
    assert ended.wait(20)


def test_no_work_gives_no_results():
    assert list(LocalExecutor(2).map(abs, [])) == []


def test_zero_workers_means_one_per_core():
    assert LocalExecutor(0).workers == len(os.sched_getaffinity(0))


def test_numerical_libraries_keep_to_one_thread_meanwhile():
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    for pools in LocalExecutor(2).map(lambda _: threadpool_info(), range(2)):
        assert pools
        assert {pool["num_threads"] for pool in pools} == {1}
