from __future__ import annotations

import threading

from noria.lifecycle.serve import Watch


def test_no_fault_ends_it_and_each_is_told_once(caplog):
    faults = [ImportError("no such module"), MemoryError(), MemoryError()]
    ended = threading.Event()

    def work() -> None:
        if not faults:
            ended.set()
            return
        raise faults.pop(0)

    watch = Watch([work], 0.001)
    watch.start()
    assert ended.wait(10)
    watch.stop()
    watch.join(10)
    assert [record.getMessage() for record in caplog.records] == ["no such module", "MemoryError"]


def test_nothing_more_is_begun_once_it_is_stopped():
    done = []
    watch = Watch([lambda: watch.stop(), lambda: done.append(1)], 0.001)
    watch.start()
    watch.join(10)
    assert (watch.is_alive(), done) == (False, [])
