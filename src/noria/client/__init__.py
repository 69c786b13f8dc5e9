"""A client of a Noria service: rows in, answers out, over one connection that stays open."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, get_args, overload
from urllib.parse import quote, urlencode

import orjson

from noria.client.line import WAIT, Answer, Line, named
from noria.client.rows import ARROW, JSON, body, dumped
from noria.client.rows import table as as_table
from noria.core.explanation import Explanation
from noria.core.signature import Signature
from noria.errors import ParamError, suggestion

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Client", "Served"]

Row: TypeAlias = Mapping[str, Any]
OnError: TypeAlias = Literal["raise", "null"]

_RAW = "application/octet-stream"
_BODY = 8 * 2**20  # bytes from which a request is cut in two
_TABLE, _DICTS, _EXPLAINED = 20_000, 5_000, 100  # rows of one request


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
        self._line = Line(url, key, timeout=timeout, retries=retries)
        self.url, self._call = self._line.url, self._line.call
        self._only: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; the next call opens a new one."""
        self._line.close()

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
        return self._table(as_table(rows), model, on_error, ids)

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
        listed = listed if isinstance(listed, Sequence) else as_table(listed).to_dicts()
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
            table = as_table(labels)
            if "id" not in table.columns:
                told = self._feedback(model, "rows", table.to_dicts(), replace)["outcomes"]
                return dict(told)
            labels = dict(table.select("id", "label").iter_rows())
        named = [{"id": id_, "label": label} for id_, label in labels.items()]
        told = self._feedback(model, "labels", named, replace)["results"]
        return {one["id"]: one["outcome"] for one in told}

    def _feedback(self, model: str | None, key: str, told: list[Any], replace: bool) -> Any:
        sent = dumped({key: told, "replace": replace})
        return orjson.loads(self._call("POST", self._path(model, "feedback"), sent, kind=JSON).body)

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
            time.sleep(WAIT)
            told = orjson.loads(self._call("GET", f"{path}/{told['id']}").body)
        if told["state"] == "failed":
            raise named(told["error"], 500)
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
            table = pl.read_ipc_stream(io.BytesIO(answer.body)) if answer.kind == ARROW else pl.DataFrame()
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

    def _pieces(self, rows: Any, path: str, most: int) -> Iterator[tuple[int, Answer]]:
        """Answers for pieces of the rows, with the place of their first row."""
        waiting = [(start, min(start + most, len(rows))) for start in range(0, len(rows), most)][::-1]
        while waiting:
            start, end = waiting.pop()
            content, kind = body(rows[start:end])
            if len(content) > _BODY and end - start > 1:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
                continue
            yield start, self._call("POST", path, content, kind=kind)

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


def _raise_first(answers: Sequence[Mapping[str, Any]], start: int) -> None:
    """Raise the error of the first row that was refused."""
    for at, answer in enumerate(answers, start):
        if "error" in answer:
            raise named({**answer["error"], "what": f"Row {at}: {answer['error']['what']}"}, 422)


def _said(error: Mapping[str, Any]) -> str:
    return " ".join(str(error[part]) for part in ("what", "do") if error.get(part))
