"""Delimited text: CSV, TSV and whatever else has one record a line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.selectors import by_name

from noria.data.sources.ask import BATCH_ROWS, Ask, File, Reading
from noria.data.sources.encoding import decompress, utf8
from noria.data.sources.structure import NO_SEPARATOR, Records, count_lines, count_records, rewrite, sniff
from noria.data.sources.typed import Typing
from noria.errors import SourceError

__all__ = ["open_delimited", "same_columns", "telling", "unique_names"]

_CELL_BYTES = 8_192


@dataclass(frozen=True)
class _Text:
    """Regular UTF-8 text that a fast reader gets right, and where in it records begin, if that is known."""

    path: Path
    separator: str
    names: list[str]
    name: str
    headed: bool = True
    cuts: tuple[int, ...] = ()

    def lazy(self, source: Path | bytes | None = None, *, begins: bool = True) -> pl.LazyFrame:
        """All columns as text, of the file or of some of its records; only empty fields are null."""
        lines = self.separator == NO_SEPARATOR
        text = pl.scan_csv(
            self.path if source is None else source,
            has_header=False,
            skip_rows=int(begins and self.headed),
            separator=self.separator,
            schema=dict.fromkeys(self.names, pl.String),
            null_values=[""],
            quote_char=None if lines else '"',
            glob=False,
        )
        return text.drop_nulls() if lines else text

    def batches(self) -> Iterator[pl.DataFrame]:
        """The same piece by piece, each read on its own, so that no more of the file is held."""
        if not self.cuts:
            yield from self.lazy().collect_batches(chunk_size=BATCH_ROWS)
            return
        with self.path.open("rb") as file:
            for start, end in _pieces(self.cuts, least=_CELL_BYTES * len(self.names)):
                file.seek(start)
                piece = self.lazy(file.read(end - start), begins=start == 0).collect()
                yield from piece.iter_slices(BATCH_ROWS)


def _pieces(cuts: Sequence[int], least: int) -> Iterator[tuple[int, int]]:
    """Neighbouring stretches from cut to cut, of no fewer bytes than `least` save for the last."""
    start = cuts[0]
    for cut in cuts[1:]:
        if cut - start >= least or cut == cuts[-1]:
            yield start, cut
            start = cut


def open_delimited(files: Sequence[File], ask: Ask) -> Reading:
    """Read files that have the same columns, one after the other.

    Types are decided on all values of all files, so neither the order of rows nor the size of batches
    matters, and no value is lost to a type that was guessed too early.
    """

    def whole() -> pl.DataFrame:
        with ExitStack() as stack:
            texts = _prepare(files, ask, stack)
            with telling(texts[0].name):
                frame = pl.concat([text.lazy().select(by_name(*texts[0].names)) for text in texts]).collect()
            typing = Typing([name for name in frame.columns if name not in ask.written])
            typing.look(frame)
            return typing.apply(frame)

    def batches() -> Iterator[pl.DataFrame]:
        with ExitStack() as stack:
            texts = _prepare(files, ask, stack)
            typing = Typing([name for name in texts[0].names if name not in ask.written])
            for frame in _raw_batches(texts):
                typing.look(frame)
            yield from map(typing.apply, _raw_batches(texts))

    return Reading(files[0].name, whole, batches)


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Turn what Polars says of a file into a SourceError that names it."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{name} cannot be read.",
            got=str(error).splitlines()[0],
            do="Is it whole, and is its extension the right one?",
        ) from error


def _raw_batches(texts: Sequence[_Text]) -> Iterator[pl.DataFrame]:
    for text in texts:
        with telling(text.name):
            for frame in text.batches():
                yield frame.select(by_name(*texts[0].names))


def _prepare(files: Sequence[File], ask: Ask, stack: ExitStack) -> list[_Text]:
    """Regular texts with the same columns, in files that live as long as `stack`."""
    texts: list[_Text] = []
    for file in files:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noria-")))
        texts.append(_regular(file, folder, ask))
        same_columns(texts[0].name, texts[0].names, file.name, texts[-1].names)
    return texts


def _regular(file: File, folder: Path, ask: Ask) -> _Text:
    plain = decompress(file, folder)
    path = utf8(plain, folder, ask)
    separator, header = sniff(path, plain.format, file.name)
    if separator == NO_SEPARATOR:
        records = Records(count_lines(path), ())
    else:
        found = count_records(path, separator, len(header))
        if found is None:
            again = folder / "regular.csv"
            count = rewrite(path, again, separator, len(header), file.name)
            path, separator = again, ","
            found = count_records(path, separator, len(header))
        records = found or Records(count, ())
    if ask.names is not None:
        return _Text(path, separator, ask.named(len(header)), file.name, headed=False, cuts=records.cuts)
    if records.count < 2:
        raise SourceError(
            f"{file.name} has a header and no rows.",
            got=", ".join(header),
            do="Give a file with at least one row under the header.",
        )
    return _Text(path, separator, unique_names(header, file.name, ask), file.name, cuts=records.cuts)


def same_columns(first: str, names: Sequence[str], second: str, others: Sequence[str]) -> None:
    """Raise a SourceError that names the file and the column if two files do not have the same ones."""
    here, there = set(names), set(others)
    lost = [name for name in names if name not in there]
    added = [name for name in others if name not in here]
    if lost or added:
        what = f"lacks column {lost[0]!r}" if lost else f"has another column {added[0]!r}"
        raise SourceError(
            f"{second} {what}, unlike {first}.", do="Read only files together that have the same columns."
        )


def unique_names(header: Sequence[str], name: str, ask: Ask) -> list[str]:
    """Names without surrounding space, none empty and none twice; repairs are told.

    Examples
    --------
    >>> from noria.settings import Settings
    >>> unique_names(["a", "b ", "a", ""], "x.csv", Ask("x.csv", Settings(home="unused")))
    ['a', 'b', 'a_2', 'column_4']
    """
    names: list[str] = []
    used: set[str] = set()
    taken = {text.strip() for text in header}
    for place, text in enumerate(header, start=1):
        wanted = text.strip() or f"column_{place}"
        new, number = wanted, 1
        while new in used or (number > 1 and new in taken):
            number += 1
            new = f"{wanted}_{number}"
        if not text.strip():
            ask.repaired(name, f"column {place} has no name and is called {new!r}")
        elif number > 1:
            ask.repaired(name, f"a second column {wanted!r} is called {new!r}")
        names.append(new)
        used.add(new)
    return names
