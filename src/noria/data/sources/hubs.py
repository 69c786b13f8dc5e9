"""Hubs of public data: OpenML and Hugging Face."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from noria.data.sources.arff import open_arff
from noria.data.sources.ask import Ask, File, Reading
from noria.data.sources.files import open_files
from noria.data.sources.mirror import named_files, stem
from noria.data.sources.remote import fetch, fetch_json
from noria.errors import SourceError, suggestion

__all__ = ["open_huggingface", "open_openml"]

_OPENML = "https://api.openml.org/api/v1/json/data"
_HUGGINGFACE = "https://datasets-server.huggingface.co/parquet"


def open_openml(ask: Ask) -> Reading:
    """Read ``openml:31`` or ``openml:credit-g``, the first active version of that name.

    A version never changes, so it is downloaded once. The columns that OpenML marks as row identifier or as
    to be ignored are left out.

    Reference: https://www.openml.org/apis
    """
    name = ask.text.removeprefix("openml:").strip()
    if not name:
        raise SourceError("openml: names no data set.", do="Write it as openml:31 or openml:credit-g.")
    copies = named_files(name, ask)
    if copies:
        return open_files(_pick(copies, name, "train"), ask)
    number = int(name) if name.isdigit() else _openml_number(name, ask)
    description = _field(fetch_json(f"{_OPENML}/{number}", ask), "data_set_description", ask)
    left_out = {
        str(column)
        for key in ("row_id_attribute", "ignore_attribute")
        for column in _listed(description, key)
    }
    reading = _openml_file(description, ask)

    def whole() -> pl.DataFrame:
        frame = reading.whole()
        return frame.drop([column for column in frame.columns if column in left_out])

    return Reading(ask.text, whole)


def _openml_number(name: str, ask: Ask) -> int:
    """The number of the oldest active version."""
    try:
        answer = fetch_json(f"{_OPENML}/list/data_name/{quote(name, safe='')}/status/active", ask)
    except SourceError as error:
        if "HTTP 412" not in str(error.got):
            raise
        raise SourceError(
            f"OpenML has no data set called {name!r}.", do="Search on https://www.openml.org."
        ) from error
    versions = _field(_field(answer, "data", ask), "dataset", ask)
    return int(min(versions, key=lambda item: int(item["version"]))["did"])


def _openml_file(description: Mapping[str, Any], ask: Ask) -> Reading:
    """The table as Parquet where OpenML has it, else as ARFF."""
    parquet = description.get("parquet_url")
    if parquet:
        return open_files([replace(fetch(str(parquet), ask), suffix=".parquet")], replace(ask, table=None))
    return open_arff(fetch(str(_field(description, "url", ask)), ask), ask)


def open_huggingface(ask: Ask) -> Reading:
    """Read ``hf:user/dataset[/config][:split]``; the split is ``train`` unless given.

    Reference: https://huggingface.co/docs/dataset-viewer/parquet
    """
    address, _, split = ask.text.removeprefix("hf:").partition(":")
    parts = [part for part in address.split("/") if part]
    if not 1 <= len(parts) <= 3:
        raise SourceError(f"{ask.text} names no data set.", do="Write it as hf:user/dataset/config:split.")
    dataset, config = "/".join(parts[:2]), parts[2] if len(parts) == 3 else None
    for folder in (dataset, parts[:2][-1]):
        copies = named_files(folder, ask)
        if copies:
            return open_files(_pick(copies, parts[:2][-1], split or "train"), ask)
    answer = fetch_json(f"{_HUGGINGFACE}?dataset={quote(dataset, safe='')}", ask, current=True)
    files = _field(answer, "parquet_files", ask)
    chosen = _one(files, "config", config, ("default",), ask)
    chosen = _one(chosen, "split", split or None, ("train",), ask)
    copies = [replace(fetch(str(item["url"]), ask, current=True), suffix=".parquet") for item in chosen]
    return open_files(copies, ask)


def _one(
    files: list[dict[str, Any]], key: str, wanted: str | None, preferred: tuple[str, ...], ask: Ask
) -> list[dict[str, Any]]:
    """The files of one config or split: the one asked for, else the preferred or the first."""
    known = list(dict.fromkeys(str(item[key]) for item in files))
    if not known:
        raise SourceError(f"{ask.text} has no Parquet files on the hub.")
    if wanted is not None and wanted not in known:
        raise SourceError(f"{ask.text}: there is no {key} {wanted!r}.", do=suggestion(wanted, known))
    name = wanted or next((name for name in preferred if name in known), known[0])
    return [item for item in files if str(item[key]) == name]


def _pick(files: list[File], name: str, split: str) -> list[File]:
    """Of a mirror's files: the only one, the one of that name, or the ones of that split."""
    named = [file for file in files if stem(file.path) == name]
    if len(files) == 1 or named:
        return named[:1] or files
    found = [file for file in files if split in stem(file.path)]
    if not found:
        listed = ", ".join(file.path.name for file in files)
        raise SourceError(
            f"The mirror's folder {Path(files[0].path).parent} has several files.",
            got=listed,
            do="Name one by its path.",
        )
    return found


def _field(answer: Any, key: str, ask: Ask) -> Any:
    if not isinstance(answer, Mapping) or key not in answer:
        raise SourceError(f"{ask.text}: the hub's answer has no {key!r}.", got=str(answer)[:200])
    return answer[key]


def _listed(description: Mapping[str, Any], key: str) -> list[str]:
    """A field that OpenML writes as nothing, one name, names with commas, or a list."""
    value = description.get(key) or []
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else list(value)
