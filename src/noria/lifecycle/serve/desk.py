"""What every way into a service calls: rows of a name in, logged answers out."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from noria.core.deadline import Deadline
from noria.core.ports import PredictionLog
from noria.core.protocol import Turn
from noria.core.serving import Label, Outcome
from noria.core.watch import Check, Step
from noria.errors import NotFoundError, OverloadError, ParamError, RequestError, StorageError, suggestion
from noria.lifecycle import feedback
from noria.lifecycle.serve.batch import Batcher
from noria.lifecycle.serve.commit import GroupCommit
from noria.lifecycle.serve.cpu import Cpu, timed
from noria.lifecycle.serve.endpoint import Endpoint
from noria.lifecycle.serve.limits import Limits
from noria.lifecycle.serve.lines import Asked, Privacy, lines
from noria.lifecycle.serve.meter import Meter
from noria.lifecycle.serve.serving import Answer, Row, Serving

__all__ = ["Answers", "Desk"]

Course: TypeAlias = tuple[Sequence[Check], Sequence[Step]]

_FEW = 256  # rows whose lines the event loop writes down itself
_THREADS = 2
_ANSWERING = 0.7  # of a request's time; the rest is for the log
_TALKS = 32  # questions that may wait for a language model at once
_SHADOWED = 4_096  # rows that may wait for a shadow
_logger = logging.getLogger("noria.serve")


@dataclass(frozen=True)
class Answers:
    """What a request gets back.

    Attributes
    ----------
    request : str
    servings : list of Serving
        The version that answered each row.
    rows : list of dict
        Outputs, or ``error``, in the order of the request.
    explanations : list of dict, optional
        What each field added, if that was asked for; None for rows that were refused.
    """

    request: str
    servings: list[Serving]
    rows: list[Answer]
    explanations: list[Answer | None] | None = None


class Desk:
    """The models of a service and the log of what they answered.

    Parameters
    ----------
    endpoints : mapping of str to Endpoint
    log : PredictionLog, optional
        Without it nothing is kept.
    limits : Limits, optional
    privacy : Privacy, optional
        What the log is spared.
    course : callable, optional
        From a name to what was found of it when somebody looked, and what was done, latest first.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        log: PredictionLog | None = None,
        limits: Limits | None = None,
        privacy: Privacy | None = None,
        course: Callable[[str], Course] | None = None,
    ) -> None:
        self.endpoints = dict(endpoints)
        self.log, self.limits, self.privacy = log, limits or Limits(), privacy or Privacy()
        self.course: Callable[[str], Course] = course or (lambda _: ([], []))
        self.meter = Meter()
        self.waiting = 0
        self._ahead = dict.fromkeys(self.endpoints, 0)
        self._cpu = Cpu()
        self._commit = GroupCommit(log, self.meter.kept, self._cpu) if log is not None else None
        self._threads = ThreadPoolExecutor(_THREADS, "noria-predict")
        self._talks = ThreadPoolExecutor(_TALKS, "noria-ask")
        self._shade = ThreadPoolExecutor(1, "noria-shadow")
        self._reasons = ThreadPoolExecutor(1, "noria-explain")
        self._finds = ThreadPoolExecutor(1, "noria-find")  # one reads the whole log at a time
        self._batchers = {name: Batcher(self._threads) for name in self.endpoints}
        self._shadows = {name: Batcher(self._shade) for name in self.endpoints}
        self._shadowed, self._said = 0, ""
        self._tasks: set[asyncio.Task[None]] = set()

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of a name. NotFoundError if it is not served here."""
        found = self.endpoints.get(name)
        if found is None:
            raise NotFoundError(
                f"No model {name[:80]!r} is served here.", do=suggestion(name, self.endpoints)
            )
        return found

    @property
    def problems(self) -> list[str]:
        """What keeps the service from doing all that it should, in words."""
        found = [
            f"{name}@{alias}: {why}"
            for name, one in self.endpoints.items()
            for alias, why in one.problems.items()
        ]
        return [*found, *([f"log: {self.log_failed}"] if self.log_failed else [])]

    @property
    def log_failed(self) -> str | None:
        """Why the last answers could not be kept, if they could not."""
        failed = self._commit.failed if self._commit is not None else None
        return failed.splitlines()[0] if failed else None

    async def predict(
        self,
        name: str,
        rows: Sequence[Row],
        request: str,
        caller: str | None = None,
        *,
        key: str | None = None,
        explain: bool = False,
    ) -> Answers:
        """Answers for rows, which are in the log before they are returned.

        Parameters
        ----------
        name : str
        rows : sequence of mapping
        request : str
            An id that no other request has.
        caller : str, optional
            The id of the key that was used.
        key : str, optional
            What decides for a version where the traffic is split and no field does; the request if absent.
        explain : bool
            Whether to add what each field added.

        Raises
        ------
        NotFoundError
            If there is no such model.
        RequestError
            If there are more rows than one request may have.
        OverloadError
            If there is no room for the rows now, or they took too long.
        StorageError
            If the answers cannot be kept; then nobody gets them.
        """
        asked = Asked(request, caller, time.perf_counter())
        endpoint, count = self.endpoint(name), len(rows)
        with self._room(endpoint, count, explain):
            servings = endpoint.routed(rows, key or request)
            told: list[Answer | None] | None = None
            async with asyncio.timeout(self.limits.seconds):
                if count and not explain and servings[0].pace.quick(count) and len(set(servings)) == 1:
                    answers, cpu = servings[0].answers(rows), [0.0] * count
                else:
                    answers, told, cpu = await self._answered(name, rows, servings, explain)
                with self._discreet():
                    await self._kept(asked, rows, servings, answers, cpu)
        self._count(servings, answers, time.perf_counter() - asked.begun)
        if endpoint.shadow is not None:
            self._cast(endpoint.shadow, rows, asked)
        return Answers(request, servings, answers, told)

    async def ask(
        self,
        name: str,
        question: str,
        request: str,
        caller: str | None = None,
        *,
        key: str | None = None,
        history: Sequence[Turn] = (),
        within: Sequence[str] = (),
        tell: Callable[[str], None] | None = None,
    ) -> Answers:
        """The answer to a question, which is in the log before it is returned.

        Parameters
        ----------
        name, question, request : str
        caller, key : str, optional
            As for `predict`.
        history : sequence of Turn
            What was asked and answered before.
        within : sequence of str
            Patterns of the documents that may be searched; of several such texts, a name must match each.
        tell : callable, optional
            Hears, in another thread, sentences of the answer as they come.

        Raises
        ------
        ParamError
            If the model takes no question.
        NotFoundError, OverloadError, StorageError
            As for `predict`.
        """
        asked, endpoint = Asked(request, caller, time.perf_counter()), self.endpoint(name)
        endpoint.serving.talker  # noqa: B018 - a model that takes no question is an error of the request
        row = {endpoint.serving.check.names[0]: question}
        with self._room(endpoint, 1):
            [serving] = endpoint.routed([row], key or request)
            async with asyncio.timeout(self.limits.seconds):
                loop = asyncio.get_running_loop()
                answer, cpu = await loop.run_in_executor(
                    self._talks, timed, serving.converse, row, history, within, tell
                )
                with self._discreet():
                    await self._kept(asked, [row], [serving], [answer], [cpu])
        self._count([serving], [answer], time.perf_counter() - asked.begun)
        if endpoint.shadow is not None:
            self._cast(endpoint.shadow, [row], asked)
        return Answers(request, [serving], [answer])

    async def tell(self, name: str, labels: Sequence[Label], *, replace: bool = False) -> list[Outcome]:
        """Keep what predictions should have been; what became of each label.

        Raises
        ------
        NotFoundError
            If there is no such model.
        ParamError
            If nothing is logged here.
        StorageError, OverloadError
            If they cannot be kept.
        """
        signatures = [one.model.signature for one in self.endpoint(name).servings.values()]
        work = partial(feedback.tell, self._told_to, name, signatures, labels, replace=replace)
        return await self._told(None, work, len(labels))

    async def tell_forecasts(
        self, name: str, rows: Sequence[Row], *, replace: bool = False, caller: str | None = None
    ) -> list[Outcome]:
        """Keep what forecasts should have been, found in the log by series and time; as `tell` otherwise.

        ParamError if the model does not forecast, ColumnError if rows have no series, time or target.
        """
        folder = self.endpoint(name).serving.folder
        work = partial(
            feedback.tell_forecasts, self._told_to, name, folder, rows, replace=replace, caller=caller
        )
        return await self._told(self._finds, work, len(rows))

    @property
    def _told_to(self) -> PredictionLog:
        if self.log is None:
            raise ParamError(
                "Nothing is logged here, so that no label can be kept.", do="Serve without --no-log."
            )
        return self.log

    async def _told(
        self, threads: ThreadPoolExecutor | None, work: Callable[[], list[Outcome]], count: int
    ) -> list[Outcome]:
        try:
            with self._discreet():
                async with asyncio.timeout(self.limits.seconds):
                    return await asyncio.get_running_loop().run_in_executor(threads, work)
        except TimeoutError as error:
            raise self._late("labels", count) from error

    def refresh(self) -> None:
        """Take up the versions that the aliases mean now; to be called from a thread, every second or so."""
        for endpoint in self.endpoints.values():
            for exchange in endpoint.refresh():
                self.meter.exchanged(exchange)
                if exchange.problem:
                    _logger.error("%s@%s stays at version %d: %s", *exchange[:3], exchange.problem)
                else:
                    _logger.warning(
                        "%s@%s is version %d now; it was %d.", *exchange[:2], exchange.after, exchange.before
                    )
        self.meter.observe(self.endpoints.values(), self.waiting)
        if self._commit is not None:
            self._commit.tidy()

    async def close(self) -> None:
        """Wait for what is still to be kept, and let go of the log."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.limits.seconds)
        for threads in (self._threads, self._talks, self._shade, self._reasons, self._finds):
            threads.shutdown(wait=False, cancel_futures=True)
        if self.log is not None:
            await asyncio.to_thread(self.log.close)

    # -- one request -----------------------------------------------------------------------------------------

    @contextmanager
    def _room(self, endpoint: Endpoint, count: int, explain: bool = False) -> Iterator[None]:
        """Count rows while they are worked on; OverloadError if that cannot be, or takes too long."""
        self._check_room(endpoint, count, explain)
        self.waiting += count
        self._ahead[endpoint.name] += count
        try:
            yield
        except TimeoutError as error:
            raise self._late("rows", count) from error
        finally:
            self.waiting -= count
            self._ahead[endpoint.name] -= count

    def _check_room(self, endpoint: Endpoint, count: int, explain: bool) -> None:
        """Refuse rows that are too many, ever or now."""
        most = self.limits.explained if explain else self.limits.rows
        if count > most:
            what = "are to be explained" if explain else "were sent"
            raise RequestError(
                f"Too many rows {what} at once.", status=413, got=f"{count:,}", do=f"Send at most {most:,}."
            )
        before = self._ahead[endpoint.name]
        ahead = endpoint.serving.pace.seconds(before) if before else 0.0
        if self.waiting + count > self.limits.waiting or ahead > self.limits.seconds:
            raise OverloadError(
                "The service has no room for more rows now.",
                got=f"{self.waiting:,} rows are being worked on",
                do="Send the request again later.", retry_after=min(60, max(1, math.ceil(ahead))),
            )  # fmt: skip

    def _late(self, what: str, count: int) -> OverloadError:
        return OverloadError(
            "The request took too long.", got=f"more than {self.limits.seconds:g} s",
            do="Send it again later." if count == 1 else f"Send fewer {what} at once.", retry_after=5,
        )  # fmt: skip

    async def _answered(
        self, name: str, rows: Sequence[Row], servings: Sequence[Serving], explain: bool
    ) -> tuple[list[Answer], list[Answer | None] | None, list[float]]:
        """Answers of the version that each row goes to, explanations if they are wanted, and CPU seconds.

        What the event loop itself has spent is not among these.
        """
        answers: list[Answer] = [{}] * len(rows)
        cpu = [0.0] * len(rows)
        told: list[Answer | None] | None = [None] * len(rows) if explain else None
        for serving in dict.fromkeys(servings):
            places = [at for at, one in enumerate(servings) if one is serving]
            mine = rows if len(places) == len(rows) else [rows[at] for at in places]
            used = 0.0
            if serving.pace.quick(len(mine)):
                found = serving.answers(mine)
            else:
                seconds = _ANSWERING * self.limits.seconds
                found, used = await self._batchers[name].answers(serving, mine, seconds)
            if told is not None:
                loop = asyncio.get_running_loop()
                deadline = Deadline(self.limits.explaining)
                why, more = await loop.run_in_executor(
                    self._reasons, timed, serving.explanations, mine, deadline
                )
                used += more
                for at, one in zip(places, why):
                    told[at] = one
            for at, answer in zip(places, found):
                answers[at], cpu[at] = answer, used / len(mine)
        return answers, told, cpu

    async def _kept(
        self,
        asked: Asked,
        rows: Sequence[Row],
        servings: Sequence[Serving],
        answers: Sequence[Answer],
        cpu: Sequence[float],
    ) -> None:
        """Keep answers with what they cost: their own work, and what the loop has done since the last."""
        shared = self._cpu.take()
        if self._commit is None or not rows or not self.privacy.keeps(asked.request):
            return
        cpu = [used + shared / len(rows) for used in cpu]
        if len(rows) <= _FEW:
            made = lines(asked, rows, servings, answers, self.privacy, cpu)
        else:
            work = partial(lines, asked, rows, servings, answers, self.privacy, cpu)
            made = await asyncio.to_thread(self._cpu.counted, work)
        await self._commit.add(made)

    @contextmanager
    def _discreet(self) -> Iterator[None]:
        """What the log says of hosts and folders is not for callers; it is logged once."""
        try:
            yield
        except (StorageError, OverloadError) as error:
            if str(error) != self._said:
                self._said = str(error)
                _logger.error("%s", error)
            raise type(error)(
                "Nothing can be kept now, and nothing is answered that is not kept.",
                do="Send it again later.",
            ) from error

    def _count(self, servings: Sequence[Serving], answers: Sequence[Answer], seconds: float) -> None:
        for serving in set(servings):
            mine = [answer for answer, one in zip(answers, servings) if one is serving]
            refused = sum(["error" in answer for answer in mine])
            self.meter.answered(serving, len(mine), refused, seconds)
            if serving.model.signature.question:
                self.meter.questions(serving, mine)

    # -- shadows ---------------------------------------------------------------------------------------------

    def _cast(self, shadow: Serving, rows: Sequence[Row], asked: Asked) -> None:
        """Let a shadow answer too, once the real answer is on its way; if it has time."""
        if self._shadowed + len(rows) > _SHADOWED:
            self.meter.shadowed(shadow.name, len(rows), "spared")
            return
        self._shadowed += len(rows)
        task = asyncio.get_running_loop().create_task(self._in_shadow(shadow, rows, asked))
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._shadow_gone(ended, shadow, len(rows)))

    async def _in_shadow(self, shadow: Serving, rows: Sequence[Row], asked: Asked) -> None:
        answers, used = await self._shadows[shadow.name].answers(shadow, rows)
        if self._commit is not None and self.privacy.keeps(asked.request):
            role: Any = [shadow] * len(rows)
            cpu = [used / len(rows)] * len(rows)
            made = lines(asked, rows, role, answers, self.privacy, cpu, role="shadow")
            await self._commit.add(made)

    def _shadow_gone(self, ended: asyncio.Task[None], shadow: Serving, rows: int) -> None:
        self._tasks.discard(ended)
        self._shadowed -= rows
        failed = ended.cancelled() or ended.exception() is not None
        self.meter.shadowed(shadow.name, rows, "failed" if failed else "answered")
        if failed and not ended.cancelled():
            _logger.warning("The shadow of %r failed: %s", shadow.name, ended.exception())
