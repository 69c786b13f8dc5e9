from __future__ import annotations

import asyncio

import pytest

from noria.backends.predictions_sql import SqlPredictions
from noria.core.serving import LoggedPrediction
from noria.lifecycle.serve.commit import GroupCommit
from noria.settings import Settings

pytestmark = pytest.mark.anyio
LINE = LoggedPrediction("a", "a", "demo", 1, "champion", 1.0, 0.001, None, "{}", "{}")


@pytest.fixture
def log(tmp_path) -> SqlPredictions:
    return SqlPredictions(Settings(home=tmp_path))


class Once(SqlPredictions):
    """A log on which something fails once that nobody foresaw."""

    def append(self, lines, *, wait=True):
        if not hasattr(self, "failed"):
            self.failed = True
            raise MemoryError
        return super().append(lines, wait=wait)


async def test_what_nobody_foresaw_is_told_and_the_next_lines_are_kept(tmp_path):
    log = Once(Settings(home=tmp_path))
    commit = GroupCommit(log)
    with pytest.raises(MemoryError):
        await asyncio.wait_for(commit.add([LINE]), 5)
    assert commit.failed == "MemoryError"
    await asyncio.wait_for(commit.add([LINE]), 5)
    assert (log.count(), commit.failed) == (1, None)


async def test_who_counts_and_fails_keeps_nobody_waiting(log):
    def fail(lines, seconds):
        raise ValueError

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    commit = GroupCommit(log, fail)
    for at in range(2):
        await asyncio.wait_for(commit.add([LINE._replace(id=f"{at}")]), 5)
    assert log.count() == 2


async def test_lines_that_nobody_waits_for_any_more_are_left_out(log):
    commit = GroupCommit(log)
    given_up, kept = commit.add([LINE]), commit.add([LINE._replace(id="b")])
    given_up.cancel()
    await kept
    assert [line.id for line in log.read()] == ["b"]
    commit.add([LINE]).cancel()
    await asyncio.sleep(0)
    await commit.add([LINE._replace(id="c")])
    assert log.count() == 2
