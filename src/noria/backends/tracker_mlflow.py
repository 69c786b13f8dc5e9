"""Runs, models and aliases on an MLflow server, as its own users expect them there."""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from noria._lazy import require
from noria._version import __version__
from noria.core.artifact import read_manifest
from noria.core.result import Evaluation, Score
from noria.core.runs import Version
from noria.core.schema import Type
from noria.core.signature import Signature
from noria.errors import ArtifactError, NoriaError, NotFoundError, ParamError, StorageError
from noria.pages.units import without_password
from noria.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, ModelVersion, Param
    from mlflow.models import ModelSignature

__all__ = ["MlflowTracker"]

LOADER = "noria.backends.mlflow_pyfunc"
_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<number>\d+)|@(?P<alias>[\w-]+))")
_TEXTS = (".json", ".jsonl", ".md", ".diff")  # files of a run that may hold addresses
_ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""How MLflow's client behaves while it is used here, as far as the user has not said it himself."""


class MlflowTracker:
    """An MLflow server: an experiment and a registered model per name, a run and a version per version.

    MLflow numbers versions itself, in the order in which they come; the tags ``noria.run`` and
    ``noria.version`` say which of Noria's versions one is.

    Parameters
    ----------
    settings : Settings
        ``settings.mlflow`` is the tracking address.
    """

    def __init__(self, settings: Settings) -> None:
        self.home = settings.home
        self.uri = settings.mlflow or ""
        self.address = without_password(self.uri)

    def mirror(self, version: Version, folder: Path, aliases: Sequence[str] = ()) -> bool:
        """Send a run and its model unless they are there, and let the aliases mean it; whether it was sent.

        A run is there once its model is a registered version; what was cut off before is gone on with.
        """
        with self._client() as client, _locked(self.home / "mirror.lock"):
            known = self._number(client, version, _record(folder))
            number = known or _send(client, version, folder)
            for alias in aliases:
                client.set_registered_model_alias(version.name, alias, number)
        return known is None

    def fetch(self, address: str, folder: Path) -> dict[str, Any]:
        """Bring ``models:/titanic@champion`` or ``models:/titanic/3`` into a folder; return where it was.

        Raises
        ------
        ParamError, NotFoundError
            If the address is none, or nothing is there.
        ArtifactError
            If it is a model that was not mirrored from Noria.
        """
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            raise ParamError(
                "That is not the address of a registered model.",
                got=repr(address),
                do="Write it as models:/titanic@champion or models:/titanic/3.",
            )
        with self._client() as client, TemporaryDirectory() as draft:
            found = self._found(client, address, **parts.groupdict())
            where = client.get_model_version_download_uri(found.name, found.version)
            if where.startswith("models:/"):
                where = client.get_logged_model(where.removeprefix("models:/")).artifact_location
            _refuse_foreign(address, self._download(f"{where}/MLmodel", draft))
            got = self._download(where, draft)
            if (got / "run").is_dir():
                shutil.copytree(got / "run", folder, dirs_exist_ok=True)
            shutil.copytree(got / "data" / "model", folder / "model")
        return {"server": self.address, "model": found.name, "version": int(found.version)}

    def pack(self, run: Path, folder: Path) -> None:
        """Write the model of a run's folder as the pyfunc model that `mirror` would send."""
        with self._library(), TemporaryDirectory() as draft:
            copy = _copy(run, Path(draft) / "run")
            shutil.copytree(_pyfunc(run / "model", copy), folder)

    def _number(self, client: MlflowClient, version: Version, record: Mapping[str, Any]) -> str | None:
        """MLflow's number of a version, if it was mirrored, or came from there."""
        origin = record.get("imported", {})
        if (origin.get("server"), origin.get("model")) == (self.address, version.name):
            return str(origin["version"])
        found = client.search_model_versions(f"name = '{version.name}' and {_asked(record)}")
        return found[0].version if found else None

    def _download(self, where: str, folder: str) -> Path:
        from mlflow import artifacts

        return Path(artifacts.download_artifacts(where, dst_path=folder, tracking_uri=self.uri))

    def _found(
        self, client: MlflowClient, address: str, name: str, number: str | None, alias: str | None
    ) -> ModelVersion:
        from mlflow.exceptions import MlflowException

        try:
            if number is not None:
                return client.get_model_version(name, number)
            return client.get_model_version_by_alias(name, alias or "")
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise NotFoundError(f"{self.address} has no {address}.", got=_first_line(error)) from error

    @contextmanager
    def _client(self) -> Iterator[MlflowClient]:
        """A client of the server; making one looks for the server, and where there is none begins one."""
        with self._library() as mlflow:
            yield mlflow.MlflowClient(tracking_uri=self.uri)

    @contextmanager
    def _library(self) -> Iterator[Any]:
        """MLflow, quiet and soon giving up, with errors that are our own."""
        with _environment(self.uri), _Telling(self.address):
            mlflow = require("mlflow", extra="mlflow")
            logger = logging.getLogger("mlflow")
            level = logger.level
            logger.setLevel(logging.ERROR)
            try:
                yield mlflow
            finally:
                logger.setLevel(level)


class _Telling(AbstractContextManager[None]):
    """Turns whatever fails into our own error: the stores behind MLflow raise those of many packages."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, NoriaError):
            return
        from requests.exceptions import ConnectionError as Away
        from requests.exceptions import Timeout

        if isinstance(error.__context__, Away | Timeout):
            what, got = f"The MLflow server {self.address} does not answer.", None
        else:
            what, got = f"The MLflow server {self.address} fails.", _first_line(error)
        raise StorageError(
            what, got=got, do="See that it runs and lets you in, and that NORIA_MLFLOW is its address."
        ) from error


@contextmanager
def _environment(uri: str) -> Iterator[None]:
    """The settings of MLflow's client, which it knows only as variables of the environment."""
    names = [*_ENVIRONMENT, "MLFLOW_TRACKING_URI"]
    before = {name: os.environ[name] for name in names if name in os.environ}
    os.environ.update({**_ENVIRONMENT, **before, "MLFLOW_TRACKING_URI": uri})
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, so that nothing is sent twice."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# -- what is sent --------------------------------------------------------------------------------------------


def _record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def _identity(record: Mapping[str, Any]) -> dict[str, str]:
    """Tags that tell a run from all others: two homes may have given the same id in the same second."""
    return {"noria.run": record["id"], "noria.ended": str(record["ended"])}


def _asked(record: Mapping[str, Any]) -> str:
    """The same as a condition of MLflow's search."""
    return " and ".join(f"tags.`{key}` = '{value}'" for key, value in _identity(record).items())


def _copy(folder: Path, copy: Path) -> Path:
    """A run's folder without its model, and without the passwords of the addresses in its files."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("model", "lock", "trials"))
    for path in copy.rglob("*"):
        if path.suffix in _TEXTS:
            path.write_text(without_password(path.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


def _send(client: MlflowClient, version: Version, folder: Path) -> str:
    """Everything about a run, its registered model last; MLflow's number of it."""
    with TemporaryDirectory() as draft:
        copy = _copy(folder, Path(draft) / "run")
        record = _record(copy)
        experiment, run = _begin(client, version.name, record)
        model = _model(client, experiment, run, version.name)
        _measure(client, run, model, copy, record)
        for path in (copy / "run.json", copy / "report.md", copy / "figures"):
            if path.exists():
                client.log_artifact(run, str(path))
        client.log_model_artifacts(model, str(_pyfunc(folder / "model", copy, run, model)))
    client.finalize_logged_model(model, "READY")
    client.set_terminated(run, "FINISHED", end_time=_milliseconds(record["ended"]))
    return _register(client, version, run, model, _identity(record))


def _begin(client: MlflowClient, name: str, record: Mapping[str, Any]) -> tuple[str, str]:
    """The ids of the experiment and of the run, made if they are not there."""
    _unless_there(client.create_experiment, name)
    experiment = client.get_experiment_by_name(name).experiment_id
    begun = client.search_runs([experiment], _asked(record))
    if begun:
        return experiment, begun[0].info.run_id
    tags = {
        **_identity(record),
        "noria.task": record["task"],
        "noria.snapshot": record["snapshot"],
        "noria.package": record["noria"],
        "mlflow.source.name": "noria",
        "mlflow.source.git.commit": record["commit"],
    }
    start = _milliseconds(record["ended"] - record["seconds"])
    told = {key: value for key, value in tags.items() if value}
    run = client.create_run(experiment, start_time=start, tags=told, run_name=record["id"])
    return experiment, run.info.run_id


def _model(client: MlflowClient, experiment: str, run: str, name: str) -> str:
    """The id of the run's logged model, made if it is not there."""
    from mlflow.entities import LoggedModelOutput

    begun = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run}'")
    if begun:
        return begun[0].model_id
    model = client.create_logged_model(experiment, name=name, source_run_id=run).model_id
    client.log_outputs(run, [LoggedModelOutput(model, step=0)])
    return model


def _measure(client: MlflowClient, run: str, model: str, folder: Path, record: Mapping[str, Any]) -> None:
    """The recipe as parameters; scores, intervals, baseline and trials as metrics."""
    from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAMS_TAGS_PER_BATCH

    params = list(_params(record["recipe"]))
    for start in range(0, len(params), MAX_PARAMS_TAGS_PER_BATCH):
        client.log_batch(run, params=params[start : start + MAX_PARAMS_TAGS_PER_BATCH])
    metrics = [*_scores(record, model), *_trials(folder / "trials.jsonl", record)]
    for start in range(0, len(metrics), MAX_METRICS_PER_BATCH):
        client.log_batch(run, metrics=metrics[start : start + MAX_METRICS_PER_BATCH])


def _params(recipe: Mapping[str, Any]) -> Iterator[Param]:
    """``search.budget`` and its like; what lies deeper is JSON."""
    from mlflow.entities import Param
    from mlflow.utils.validation import MAX_PARAM_VAL_LENGTH

    for part, value in recipe.items():
        inner = (
            {f"{part}.{key}": one for key, one in value.items()} if isinstance(value, dict) else {part: value}
        )
        for key, one in inner.items():
            text = one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
            cut = text if len(text) <= MAX_PARAM_VAL_LENGTH else text[: MAX_PARAM_VAL_LENGTH - 3] + "..."
            yield Param(key, cut)


def _scores(record: Mapping[str, Any], model: str) -> Iterator[Metric]:
    from mlflow.entities import Metric

    evaluation = Evaluation.from_dict(record["evaluation"])
    ended = _milliseconds(record["ended"])
    for before, scores in (("", evaluation.scores), ("baseline/", evaluation.baseline)):
        for name, score in scores.items():
            for key, value in _numbers(before + name, score).items():
                if math.isfinite(value):
                    yield Metric(key, value, ended, 0, model_id=model)


def _numbers(name: str, score: Score) -> dict[str, float]:
    return {name: score.value, f"{name}/low": score.low, f"{name}/high": score.high}


def _trials(path: Path, record: Mapping[str, Any]) -> Iterator[Metric]:
    """The score of every finished trial; its number is the step."""
    from mlflow.entities import Metric

    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
    started = record["ended"] - record["seconds"]
    for trial in map(json.loads, lines):
        if trial["outcome"] == "finished" and math.isfinite(trial["score"]):
            when = _milliseconds(started + trial["elapsed"])
            yield Metric(f"trial/{record['evaluation']['metric']}", trial["score"], when, trial["number"])


def _pyfunc(folder: Path, copy: Path, run: str | None = None, model: str | None = None) -> Path:
    """The MLflow model around a model folder; `copy` goes into it, so that it can be imported again."""
    from mlflow import pyfunc
    from mlflow.models import Model

    path = copy.with_name("pyfunc")
    signature = Signature.from_dict(read_manifest(folder)["signature"])
    pyfunc.save_model(
        path,
        loader_module=LOADER,
        data_path=str(folder),
        mlflow_model=Model(run_id=run, model_id=model),
        signature=_signature(signature),
        input_example=_example(signature),
        pip_requirements=[f"noria[mlflow]=={__version__}"],
    )
    shutil.copytree(copy, path / "run")
    return path


def _signature(signature: Signature) -> ModelSignature:
    """Names of the columns, and types of the numbers that come out.

    Inputs are of any type: Noria reads numbers, dates and categories from what they are written as, and
    MLflow would refuse a column of whole numbers where it was told of fractions, and the other way round.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import AnyType

    inputs = [ColSpec(AnyType(), column.name) for column in signature.columns]
    outputs = [
        ColSpec(DataType.double if output.type is Type.NUMBER else AnyType(), output.name)
        for output in signature.outputs
    ]
    return ModelSignature(Schema(inputs), Schema(outputs))


def _example(signature: Signature) -> Any:
    """One row as a data frame, if the model has an example."""
    import pandas as pd

    if signature.example is None:
        return None
    return pd.DataFrame([{column.name: signature.example.get(column.name) for column in signature.columns}])


def _register(
    client: MlflowClient, version: Version, run: str, model: str, identity: Mapping[str, str]
) -> str:
    """A version of the registered model; its number."""
    _unless_there(client.create_registered_model, version.name)
    made = client.create_model_version(
        version.name,
        source=f"models:/{model}",
        run_id=run,
        tags={**identity, "noria.version": str(version.number)},
        description=f"Version {version.number} of {version.name} in Noria, of run {version.run}.",
        model_id=model,
    )
    return made.version


def _unless_there(make: Callable[[str], Any], name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        make(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


# -- what is brought -----------------------------------------------------------------------------------------


def _refuse_foreign(address: str, described: Path) -> None:
    """Raise unless an ``MLmodel`` file is of a model that was mirrored from Noria."""
    import yaml

    flavours: Mapping[str, Any] = yaml.safe_load(described.read_text(encoding="utf-8"))["flavors"]
    loader = flavours.get("python_function", {}).get("loader_module")
    if loader != LOADER:
        raise ArtifactError(
            f"{address} was not made by Noria, and is not imported: such a model is a pickle or code, which "
            "acts as soon as it is opened.",
            got=f"flavours {', '.join(sorted(flavours))}, opened by {loader}",
            do="Train it again with Noria, or serve it with MLflow.",
        )


def _first_line(error: Exception) -> str:
    """What an error says, on one line and without passwords."""
    line = next(iter(str(error).splitlines()), type(error).__name__)
    return without_password(line if len(line) <= 200 else f"{line[:200]}...")


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
