"""A user's feature function, applied in training and in serving alike."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.core.deadline import Deadline
from noria.core.explanation import Explanation
from noria.core.schema import Schema
from noria.core.signature import Signature
from noria.errors import NotFoundError, RecipeError, suggestion

if TYPE_CHECKING:
    import polars as pl

    from noria.core.protocol import Model

__all__ = ["FeatureFunction", "FeaturedModel"]


@dataclass(frozen=True)
class FeatureFunction:
    """A pure Table -> Table function and the source file that it stands in.

    Parameters
    ----------
    name : str
    source : str
        The text of its file.
    call : callable
    """

    name: str
    source: str
    call: Callable[[pl.DataFrame], pl.DataFrame]

    @property
    def sha256(self) -> str:
        """Of the source."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    @classmethod
    def read(cls, reference: str, folder: Path | None) -> FeatureFunction:
        """Load ``"features.py:passenger_features"``, relative to the recipe's folder.

        Raises
        ------
        NotFoundError, RecipeError
            If the file, or the function in it, is not there, or it cannot be read.
        """
        file, _, name = reference.partition(":")
        if not name:
            raise RecipeError(
                "A feature function is named by file and function.",
                got=repr(reference),
                do="Write it as features.py:my_features.",
            )
        path = (folder or Path()) / file
        if not path.is_file():
            raise NotFoundError(f"There is no file {path} for the features.", do="Check 'features:'.")
        try:
            source = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(
                f"{path} cannot be read.", got=str(error), do="Save it as UTF-8, where it may be read."
            ) from error
        return cls.compile(name, source, str(path))

    @classmethod
    def compile(cls, name: str, source: str, origin: str) -> FeatureFunction:
        """Run the source as a module and take the function out of it."""
        spec = importlib.util.spec_from_loader("noria_features", loader=None, origin=origin)
        if spec is None:
            raise RecipeError(f"{origin} cannot be loaded.")
        module = importlib.util.module_from_spec(spec)
        try:
            exec(compile(source, origin, "exec"), module.__dict__)
        except SyntaxError as error:
            raise RecipeError(f"{origin} is not valid Python.", got=str(error)) from error
        except Exception as error:  # the code of a user may raise what it likes
            raise RecipeError(
                f"{origin} cannot be imported.", got=f"{type(error).__name__}: {error}"
            ) from error
        call = getattr(module, name, None)
        if not callable(call):
            known = [
                key for key, value in vars(module).items() if callable(value) and not key.startswith("_")
            ]
            raise RecipeError(f"{origin} has no function {name!r}.", do=suggestion(name, known))
        return cls(name, source, call)

    def __call__(self, table: pl.DataFrame) -> pl.DataFrame:
        """Apply it; the rows must stay the same in number.

        Raises
        ------
        RecipeError
            If it fails, or gives back something else than a table of as many rows.
        """
        import polars as pl

        try:
            made = self.call(table)
        except Exception as error:  # the code of a user may raise what it likes
            raise RecipeError(
                f"The feature function {self.name!r} failed.",
                got=f"{type(error).__name__}: {error}",
                do="Correct the function, and run again.",
            ) from error
        if not isinstance(made, pl.DataFrame) or made.height != table.height:
            got = f"{made.height} rows" if isinstance(made, pl.DataFrame) else type(made).__name__
            raise RecipeError(
                f"The feature function {self.name!r} must give one row per row.",
                got=got,
                do=f"Return a polars DataFrame of {table.height} rows.",
            )
        return made


class FeaturedModel:
    """A model behind a feature function: it takes the raw columns.

    Parameters
    ----------
    model : Model
        Takes the columns that the function makes.
    function : FeatureFunction
    inputs : Schema
        Of the raw columns.
    prepare : callable
        ``prepare(rows, inputs)`` gives the raw columns their types.
    example : mapping, optional
        One raw row, JSON-ready.
    """

    def __init__(
        self,
        model: Model,
        function: FeatureFunction,
        inputs: Schema,
        prepare: Callable[[pl.DataFrame, Schema], pl.DataFrame],
        example: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.function = function
        self.signature = Signature(inputs, model.signature.outputs, example)
        self._prepare = prepare

    @property
    def size(self) -> int:
        """Bytes on disk, nearly."""
        return self.model.size + len(self.function.source)

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row of predictions per raw row."""
        return self.model.predict(self.featured(rows))

    def predict_one(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The prediction of one raw row."""
        import polars as pl

        return self.predict(pl.DataFrame([dict(row)], infer_schema_length=None)).row(0, named=True)

    def explain(self, rows: pl.DataFrame, *, deadline: Deadline | None = None) -> Explanation:
        """What each column that the function makes added to each prediction.

        The model sees these and no raw column, and a raw column may stand behind several of them; their
        values are in the explanation.
        """
        return self.model.explain(self.featured(rows), deadline=deadline)

    def featured(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Raw rows with their types and through the function."""
        return self.function(self._prepare(rows, self.signature.inputs))

    def save(self, folder: Path) -> None:
        """Write the inner model and the function's source."""
        self.model.save(folder)
        (folder / "features.py").write_text(self.function.source, encoding="utf-8")
