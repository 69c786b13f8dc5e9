"""A client of a Noria service: rows in, answers out, over one connection that stays open."""

from __future__ import annotations

import contextlib
import http.client
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args, overload
from urllib.parse import quote, urlencode, urlsplit

import orjson

from noria import errors
from noria._version import __version__
from noria.core.explanation import Explanation
from noria.core.signature import Signature
from noria.errors import BudgetError, NoriaError, ParamError, UnreachableError, suggestion

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Client", "Served"]

Row: TypeAlias = Mapping[str, Any]
OnError: TypeAlias = Literal["raise", "null"]

_ARROW = "application/vnd.apache.arrow.stream"
_JSON = "application/json"
_RAW = "application/octet-stream"
_BODY = 8 * 2**20  # bytes from which a request is cut in two
_TABLE, _DICTS, _EXPLAINED = 20_000, 5_000, 100  # rows of one request
_INFINITE = (float("inf"), float("-inf"))
_WAIT = 0.2  # seconds before the second retry; doubled with each


@dataclass(frozen=True)
class Served:
    """A model that a service answers for.

    Attributes
    ----------
    name : str
    version : int
        The one that answers.
    aliases : mapping of str to int
        The versions of all aliases that are loaded.
    """

    name: str
    version: int
    aliases: Mapping[str, int] = field(default_factory=dict)


class Client:
    """Calls a service.

    Connections stay open between calls, and any number of threads may share a client. A request that meets a
    service that is overloaded (503) or away is sent again, after the time that the service names or after
    0.2, 0.4, 0.8, ... seconds; asking for a prediction twice changes nothing but the log.

    Parameters
    ----------
    url : str
        ``http://127.0.0.1:8000``
    key : str, optional
        An API key of the service.
    timeout : float
        Seconds that the service may be silent.
    retries : int
        How often a request is sent again.

    Examples
    --------
    >>> Client("localhost:8000")
    Traceback (most recent call last):
    noria.errors.ParamError: This is not the address of a service.
      got: 'localhost:8000'
      do:  Write http://HOST:PORT
    """

    def __init__(self, url: str, key: str | None = None, *, timeout: float = 30.0, retries: int = 5) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ParamError(
                "This is not the address of a service.", got=repr(url), do="Write http://HOST:PORT"
            )
        self.url, self.timeout, self.retries = url.rstrip("/"), timeout, retries
        self._secure, self._at, self._root = parts.scheme == "https", parts.netloc, parts.path.rstrip("/")
        self._headers = {"user-agent": f"noria/{__version__}"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._idle: list[http.client.HTTPConnection] = []
        self._only: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; the next call opens a new one."""
        while self._idle:
            self._idle.pop().close()

    def health(self) -> dict[str, Any]:
        """What the service says of its state."""
        return orjson.loads(self._call("GET", "/health").body)

    def models(self) -> list[Served]:
        """What is served, and in which versions."""
        told = orjson.loads(self._call("GET", "/v1/models").body)
        return [Served(one["name"], one["version"], one.get("aliases", {})) for one in told]

    def schema(self, model: str | None = None) -> Signature:
        """What a model takes and gives.

        Parameters
        ----------
        model : str, optional
            The only one that is served if absent, here and below.

        Raises
        ------
        NotFoundError
            If it is not served.
        """
        return Signature.from_dict(orjson.loads(self._call("GET", self._path(model, "schema")).body))

    @overload
    def predict(
        self, rows: Row, model: str | None = None, *, on_error: OnError = "raise", ids: bool = False
    ) -> dict[str, Any]: ...
    @overload
    def predict(
        self, rows: Sequence[Row], model: str | None = None, *, on_error: OnError = "raise", ids: bool = False
    ) -> list[dict[str, Any]]: ...
    @overload
    def predict(
        self, rows: Any, model: str | None = None, *, on_error: OnError = "raise", ids: bool = False
    ) -> pl.DataFrame: ...
    def predict(
        self, rows: Any, model: str | None = None, *, on_error: OnError = "raise", ids: bool = False
    ) -> Any:
        """Predictions, in the order of the rows.

        Parameters
        ----------
        rows : mapping, sequence of mapping, or table
            A table is one of Polars, pandas or Arrow, and travels as an Arrow stream. Large ones are sent in
            pieces.
        model : str, optional
        on_error : {"raise", "null"}
            What a row that the service refuses does: raise its error, which names the row, or leave its
            outputs empty and say why in a further field ``error``.
        ids : bool
            Whether to add the field ``id``, by which `feedback` names the row.

        Returns
        -------
        dict, list of dict, or polars.DataFrame
            As `rows` is.

        Raises
        ------
        NoriaError
            What the service raised, by the same class: ColumnError, NotFoundError, ...
        """
        if on_error not in get_args(OnError):
            raise ParamError(
                f"on_error is not {on_error!r}.", do=suggestion(str(on_error), get_args(OnError))
            )
        if isinstance(rows, Mapping):
            return self._dicts([rows], model, on_error, ids)[0]
        if isinstance(rows, Sequence) and not isinstance(rows, str | bytes):
            return self._dicts(rows, model, on_error, ids)
        return self._table(_polars(rows), model, on_error, ids)

    def explain(self, rows: Any, model: str | None = None) -> Explanation:
        """What each column added to each prediction.

        Parameters
        ----------
        rows : mapping, sequence of mapping, or table
        model : str, optional

        Raises
        ------
        NoriaError
            If a row is refused, or the model cannot tell.
        """
        listed = [rows] if isinstance(rows, Mapping) else rows
        listed = listed if isinstance(listed, Sequence) else _polars(listed).to_dicts()
        found: list[dict[str, Any]] = []
        for start, answer in self._pieces(listed, self._path(model, "explain"), _EXPLAINED):
            told = orjson.loads(answer.body)
            _raise_first(told.get("predictions", []), start)
            found += told["explanations"]
        about = found[0] if found else {"unit": "", "method": "exact"}
        return Explanation.from_dict({"unit": about["unit"], "method": about["method"], "rows": found})

    @overload
    def feedback(
        self, labels: Mapping[str, Any], model: str | None = None, *, replace: bool = False
    ) -> dict[str, str]: ...
    @overload
    def feedback(self, labels: Any, model: str | None = None, *, replace: bool = False) -> dict[str, Any]: ...
    def feedback(self, labels: Any, model: str | None = None, *, replace: bool = False) -> dict[str, Any]:
        """Say what predictions should have been.

        Parameters
        ----------
        labels : mapping of str to value, table, or sequence of mapping
            By the ids of the rows; or with the columns ``id`` and ``label``. For forecasts also what came
            true, with the columns of the series, the time and the target: every forecast of that moment gets
            its truth.
        model : str, optional
        replace : bool
            Whether a label that is there already may be changed.

        Returns
        -------
        dict
            What became of each by its id: ``kept``, ``known already``, ``replaced``, ``contradicts``,
            ``unknown``, ``is no number`` or ``is no class of this model``. Without ids: how many came to
            which end.
        """
        if not isinstance(labels, Mapping):
            table = _polars(labels)
            if "id" not in table.columns:
                told = self._feedback(model, "rows", table.to_dicts(), replace)["outcomes"]
                return dict(told)
            labels = dict(table.select("id", "label").iter_rows())
        named = [{"id": id_, "label": label} for id_, label in labels.items()]
        told = self._feedback(model, "labels", named, replace)["results"]
        return {one["id"]: one["outcome"] for one in told}

    def _feedback(self, model: str | None, key: str, told: list[Any], replace: bool) -> Any:
        sent = _dumped({key: told, "replace": replace})
        return orjson.loads(self._call("POST", self._path(model, "feedback"), sent, kind=_JSON).body)

    def upload(
        self, document: str | Path, model: str | None = None, *, replace: bool = False, wait: float = 300.0
    ) -> dict[str, Any]:
        """Add a document to those that a model answers from.

        Parameters
        ----------
        document : str or Path
        model : str, optional
        replace : bool
            Whether another one of its name may go.
        wait : float
            Seconds to wait until the model was fitted on it; 0 not at all.

        Returns
        -------
        dict
            ``id``, ``state``, once that is ``done`` the ``version``, whether it is ``promoted``, and ``why``.

        Raises
        ------
        NoriaError
            If it is refused, or the model cannot be fitted.
        """
        file, path, until = Path(document), self._path(model, "documents"), time.monotonic() + wait
        query = urlencode({"document": file.name, "replace": str(replace).lower()})
        told = orjson.loads(self._call("POST", f"{path}?{query}", file.read_bytes(), kind=_RAW).body)
        while told["state"] in ("waiting", "indexing") and time.monotonic() < until:
            time.sleep(_WAIT)
            told = orjson.loads(self._call("GET", f"{path}/{told['id']}").body)
        if told["state"] == "failed":
            raise _named(told["error"], 500)
        return told

    # --- rows -----------------------------------------------------------------------------------------------

    def _dicts(
        self, rows: Sequence[Row], model: str | None, on_error: OnError, ids: bool
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start, answer in self._pieces(rows, self._path(model, "predict"), _DICTS):
            told = orjson.loads(answer.body)["predictions"]
            if on_error == "raise":
                _raise_first(told, start)
            if ids:
                told = [{**one, "id": id_} for one, id_ in zip(told, answer.ids(len(told)), strict=True)]
            found += told
        if on_error == "raise":
            return found
        outputs = [key for one in found if "error" not in one for key in one]
        blank = dict.fromkeys(outputs or self._outputs(model))
        return [{**blank, **one, "error": _said(one["error"]) if "error" in one else None} for one in found]

    def _table(self, rows: pl.DataFrame, model: str | None, on_error: OnError, ids: bool) -> pl.DataFrame:
        import polars as pl

        found = []
        for start, answer in self._pieces(rows, self._path(model, "predict"), _TABLE):
            table = pl.read_ipc_stream(io.BytesIO(answer.body)) if answer.kind == _ARROW else pl.DataFrame()
            if on_error == "raise" and "error" in table.columns:
                first = table["error"].is_not_null().arg_true()[0]
                _raise_first([{"error": orjson.loads(table["error"][first])}], start + first)
            found.append(table.with_columns(id=pl.Series(answer.ids(table.height))) if ids else table)
        table = pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame()
        if on_error == "raise":
            return table
        known = "error" in table.columns
        if known and table["error"].null_count() == 0:
            table = table.select(*[pl.lit(None).alias(name) for name in self._outputs(model)], pl.all())
        told = [_said(orjson.loads(text)) if text else None for text in table["error"]] if known else None
        return table.with_columns(error=pl.Series(told or [None] * table.height, dtype=pl.String))

    def _outputs(self, model: str | None) -> list[str]:
        """What an answer would have had, where no row got one."""
        return [output.name for output in self.schema(model).outputs]

    def _pieces(self, rows: Any, path: str, most: int) -> Iterator[tuple[int, _Answer]]:
        """Answers for pieces of the rows, with the place of their first row."""
        waiting = [(start, min(start + most, len(rows))) for start in range(0, len(rows), most)][::-1]
        while waiting:
            start, end = waiting.pop()
            body, kind = _body(rows[start:end])
            if len(body) > _BODY and end - start > 1:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
                continue
            yield start, self._call("POST", path, body, kind=kind)

    def _path(self, model: str | None, verb: str) -> str:
        return f"/v1/models/{quote(model or self._model(), safe='')}/{verb}"

    def _model(self) -> str:
        """The only model of the service."""
        if self._only is None:
            names = [one.name for one in self.models()]
            if len(names) != 1:
                raise ParamError(
                    "The service has more than one model.", do=f"Name it. {suggestion('', names)}"
                )
            self._only = names[0]
        return self._only

    # --- requests -------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, body: bytes | None = None, *, kind: str | None = None) -> _Answer:
        """The answer to a request, sent again where that may help."""
        headers = dict(self._headers)
        if kind:
            headers |= {"content-type": kind, "accept": kind}
        wait = 0.0
        for left in range(self.retries, -1, -1):
            try:
                answer = self._send(method, path, body, headers)
            except TimeoutError as error:
                raise BudgetError(
                    f"The service at {self.url} did not answer within {self.timeout:g} s.",
                    do="Send fewer rows at once, or give it more time: Client(url, timeout=...).",
                ) from error
            except (OSError, http.client.HTTPException) as error:
                if not left:
                    raise UnreachableError(
                        f"The service at {self.url} cannot be reached.",
                        got=str(error) or type(error).__name__,
                        do="Check the address, and that noria serve runs there.",
                    ) from error  # fmt: skip
                time.sleep(wait)
                wait = 2 * wait or _WAIT
                continue
            if answer.status == 503 and left:
                time.sleep(answer.retry_after or _WAIT)
                continue
            if answer.status >= 400 and not answer.answered:
                raise _error(answer)
            return answer
        raise AssertionError("the last try returns or raises")

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        with contextlib.suppress(IndexError):
            return self._exchange(self._idle.pop(), method, path, body, headers)
        return self._exchange(kind(self._at, timeout=self.timeout), method, path, body, headers)

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> _Answer:
        with contextlib.ExitStack() as failed:
            failed.callback(self.close)  # the others are as old
            failed.callback(connection.close)
            connection.request(method, self._root + path, body, dict(headers))
            came = connection.getresponse()
            answer = _Answer(came.status, came.headers, came.read())
            failed.pop_all()
        self._idle.append(connection)
        return answer


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def retry_after(self) -> float:
        """Seconds; 0 if none are named, or a date is."""
        told = self.headers.get("retry-after", "")
        return min(float(told), 60.0) if told.isdigit() else 0.0

    @property
    def answered(self) -> bool:
        """Whether it holds an answer for each row, though all of them were refused."""
        return self.status == 422 and b'"predictions"' in self.body

    def ids(self, rows: int) -> list[str]:
        """Of the rows."""
        request = self.headers.get("x-request-id", "")
        return [request] if rows == 1 else [f"{request}-{at}" for at in range(rows)]


def _body(rows: Any) -> tuple[bytes, str]:
    """Rows as a request, and of which type it is."""
    if isinstance(rows, Sequence):
        return _dumped({"rows": [_finite(row) for row in rows]}), _JSON
    written = io.BytesIO()
    rows.write_ipc_stream(written)
    return written.getvalue(), _ARROW


def _finite(row: Any) -> Any:
    """A row whose infinite numbers are words, which the service refuses: JSON would make nulls of them."""
    if not isinstance(row, Mapping):
        return row
    odd = {name: str(value) for name, value in row.items() if isinstance(value, Real) and value in _INFINITE}
    return {**row, **odd} if odd else row


def _dumped(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except orjson.JSONEncodeError as error:
        raise ParamError(
            "The rows hold values that JSON cannot.", got=str(error), do="Send a table."
        ) from error


def _plain(value: Any) -> Any:
    """A mapping that is no dict, or a number of another library."""
    return (
        dict(value) if isinstance(value, Mapping) else value.item() if hasattr(value, "item") else str(value)
    )


def _polars(rows: Any) -> pl.DataFrame:
    """A table of any kind as one of Polars."""
    import polars as pl

    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    try:
        if rows is None or isinstance(rows, str | bytes):
            raise TypeError
        return rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows)
    except (TypeError, ValueError) as error:
        raise ParamError(
            "These are no rows.", got=type(rows).__name__,
            do="Give a dict, a list of dicts, or a table of Polars, pandas or Arrow.",
        ) from error  # fmt: skip


def _raise_first(answers: Sequence[Mapping[str, Any]], start: int) -> None:
    """Raise the error of the first row that was refused."""
    for at, answer in enumerate(answers, start):
        if "error" in answer:
            raise _named({**answer["error"], "what": f"Row {at}: {answer['error']['what']}"}, 422)


def _said(error: Mapping[str, Any]) -> str:
    return " ".join(str(error[part]) for part in ("what", "do") if error.get(part))


def _error(answer: _Answer) -> NoriaError:
    """What a service answered with, as the error that it was there."""
    try:
        told = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        told = None
    if not isinstance(told, dict) or "what" not in told:
        told = {
            "what": f"The service answered with status {answer.status}.",
            "got": answer.body[:200].decode("utf-8", "replace"),
        }
    return _named(told, answer.status)


def _named(told: Mapping[str, Any], status: int) -> NoriaError:
    name = told.get("error")
    found = getattr(errors, name) if name in errors.__all__ else None
    kind = found if isinstance(found, type) and issubclass(found, NoriaError) else NoriaError
    error = kind.__new__(kind)  # some classes ask for more than the service tells
    NoriaError.__init__(error, told["what"], got=told.get("got"), do=told.get("do"))
    error.http_status = status
    return error
