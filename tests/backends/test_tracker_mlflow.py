"""The mirror, against a real MLflow server with a SQLite store on a free port of this machine."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import polars as pl
import pytest

import noria
from noria.backends.tracker_mlflow import _begin, _model
from noria.core.runs import Condition, RunQuery
from noria.errors import ArtifactError, NotFoundError, ParamError, RecipeError, StorageError, TrustError
from noria.settings import Settings

mlflow = pytest.importorskip("mlflow", reason="needs noria[mlflow]")
pytest.importorskip("flask_cors", reason="an MLflow server needs flask-cors")

SEARCH = {"budget": "60s", "trials": 2, "learners": ["naive_bayes", "logistic"], "folds": 2}
FEATURES = "def f(table):\n    return table.with_columns(old=table['age'] > 50)\n"
QUIET = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
SECONDS = 60


@contextmanager
def serving(*arguments: str, health: str, folder: Path, **environment: str):
    """An MLflow command that serves on a free port for as long as the block lasts; gives its address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", *arguments, "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "log.txt"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=file,
            stderr=file,
            env={**os.environ, **QUIET, "PATH": path, **environment},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + SECONDS
        while not answers(address + health):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(SECONDS)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """The folder that the server keeps everything in."""
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(place):
    kept = ["--backend-store-uri", f"sqlite:///{place}/ml.db", "--artifacts-destination", str(place / "kept")]
    with serving("server", *kept, "--workers", "1", health="/health", folder=place) as address:
        yield address


@pytest.fixture
def known(server, monkeypatch) -> str:
    """MLflow's own functions, called as a user calls them, find the server through the environment."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    return server


@pytest.fixture(scope="module")
def client(server):
    return mlflow.MlflowClient(tracking_uri=server)


def at(home: Path, server: str | None) -> noria.Session:
    return noria.Session(Settings(home=home, workers=2, mlflow=server))


def trained(session: noria.Session, name: str, rows: pl.DataFrame, folder: Path, **keys) -> noria.Run:
    path = folder / "rows.parquet"
    rows.write_parquet(path)
    fields = {"name": name, "data": {"source": str(path), "target": "y"}, "search": SEARCH, **keys}
    (folder / "recipe.yaml").write_text(json.dumps(fields))
    return noria.run(folder, session=session)


@pytest.fixture(scope="module")
def team(server, tmp_path_factory, people):
    """A home with two versions of 'toy', the first of them the champion, mirrored as they were made."""
    folder = tmp_path_factory.mktemp("team")
    session = at(folder / "home", server)
    runs = [trained(session, "toy", people(), folder, promote={"rule": rule}) for rule in ("always", "never")]
    return session, *runs


@pytest.fixture(scope="module")
def featured(server, tmp_path_factory, people):
    """A home with a model that has a feature function."""
    folder = tmp_path_factory.mktemp("featured")
    (folder / "features.py").write_text(FEATURES)
    session = at(folder / "home", server)
    return session, trained(session, "aged", people(), folder, features="features.py:f")


def aliases(client, name: str) -> dict[str, str]:
    """MLflow's aliases of a name, each with the run that it means."""
    meant = client.get_registered_model(name).aliases
    return {
        alias: client.get_model_version(name, number).tags["noria.run"] for alias, number in meant.items()
    }


def runs_of(client, run: noria.Run) -> list:
    """All runs and all logged models on the server that a run of Noria has there."""
    experiment = client.get_experiment_by_name(run.name).experiment_id
    found = client.search_runs([experiment], f"tags.`noria.run` = '{run.id}'")
    models = client.search_logged_models([experiment], f"source_run_id = '{found[0].info.run_id}'")
    versions = client.search_model_versions(f"name = '{run.name}' and tags.`noria.run` = '{run.id}'")
    return [found, models, versions]


# -- what is there -------------------------------------------------------------------------------------------


def test_a_run_is_there_with_its_parameters_scores_and_trials(team, client):
    _, run, _ = team
    [[found], [model], _] = runs_of(client, run)
    data = found.data
    assert (found.info.run_name, found.info.status) == (run.id, "FINISHED")
    assert found.info.end_time == int(1000 * run.record["ended"])
    assert data.tags["noria.snapshot"] == run.record["snapshot"]
    assert data.tags["noria.task"] == "classification"
    assert data.tags.get("mlflow.source.git.commit") == run.record["commit"]
    assert data.params["search.trials"] == "2"
    assert data.params["search.learners"] == '["naive_bayes", "logistic"]'
    for name, score in run.evaluation.scores.items():
        assert (data.metrics[name], data.metrics[f"{name}/low"]) == (score.value, score.low)
        assert data.metrics[f"baseline/{name}"] == run.evaluation.baseline[name].value
    assert {one.key for one in model.metrics} >= set(run.evaluation.scores)
    trials = map(json.loads, (run.folder / "trials.jsonl").read_text().splitlines())
    steps = client.get_metric_history(found.info.run_id, f"trial/{run.evaluation.metric}")
    assert [(one.step, one.value) for one in steps] == [(one["number"], one["score"]) for one in trials]


def test_artefacts_are_there(team, client):
    _, run, _ = team
    [[found], _, _] = runs_of(client, run)
    there = client.list_artifacts(found.info.run_id)
    assert [one.path for one in there] == ["figures", "report.md", "run.json"]
    figures = {f"figures/{path.name}" for path in (run.folder / "figures").iterdir()}
    assert {one.path for one in client.list_artifacts(found.info.run_id, "figures")} == figures


def test_versions_say_which_run_they_are(team, client):
    _, *runs = team
    for number, run in enumerate(runs, 1):
        version = client.get_model_version("toy", str(number))
        identity = {"noria.run": run.id, "noria.ended": str(run.record["ended"])}
        assert version.tags == {**identity, "noria.version": str(number)}


def test_nothing_on_the_server_is_a_pickle(team, featured, place):
    names = {path.name for path in (place / "kept").rglob("*") if path.is_file()}
    assert {"MLmodel", "manifest.json"} <= names
    assert [
        name for name in names if Path(name).suffix in {".pkl", ".pickle", ".joblib", ".cloudpickle"}
    ] == []


def test_the_signature_names_the_columns_and_the_example_is_a_row(team, known):
    _, run, _ = team
    info = mlflow.models.get_model_info("models:/toy/1")
    assert info.signature.inputs.input_names() == [one.name for one in run.model.signature.columns]
    assert info.signature.outputs.input_names() == [one.name for one in run.model.signature.outputs]
    model = mlflow.pyfunc.load_model("models:/toy/1")
    assert model.predict(model.input_example)["prediction"][0] in ("yes", "no")


def test_passwords_and_long_values_are_cut(server, client, tmp_path, people):
    session, password = at(tmp_path / "home", None), uuid.uuid4().hex
    run = trained(
        session, "long", people(80), tmp_path, about="x" * 7_000, title=f"s3://me:{password}@host/a"
    )
    with (run.folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"source": f"postgresql://me:{password}@host/a"}) + "\n")
    noria.mirror("long", session=at(tmp_path / "home", server))
    [[found], _, _] = runs_of(client, run)
    assert found.data.params["about"] == "x" * 5_997 + "..."
    assert found.data.params["title"] == "s3://host/a"
    path = client.download_artifacts(found.info.run_id, "run.json", str(tmp_path))
    assert password not in Path(path).read_text()
    where = mlflow.artifacts.download_artifacts(
        client.get_model_version_download_uri("long", "1"),
        tracking_uri=server,
        dst_path=str(tmp_path / "there"),
    )
    sent = [path for path in Path(where).rglob("*") if path.is_file()]
    assert "events.jsonl" in [path.name for path in sent]
    assert [path.name for path in sent if password.encode() in path.read_bytes()] == []


# -- what it predicts ----------------------------------------------------------------------------------------

ELSEWHERE = """
import os, sys
import mlflow, pandas
rows = pandas.read_parquet(sys.argv[2])
made = mlflow.pyfunc.load_model(sys.argv[1]).predict(rows)
made.to_json(sys.argv[3], orient="records", double_precision=15)
assert not os.path.exists(os.environ["NORIA_HOME"])
"""


@pytest.mark.parametrize("address", ["models:/toy@champion", "models:/aged/1"])
def test_a_process_that_knows_nothing_of_noria_predicts_the_same(
    team, featured, known, people, tmp_path, address
):
    run = featured[1] if "aged" in address else team[1]
    rows = people(30, seed=4).drop("y")
    rows.write_parquet(tmp_path / "rows.parquet")
    nowhere = {"NORIA_HOME": str(tmp_path / "nowhere"), "NORIA_STATE": "", "NORIA_MLFLOW": ""}
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE, address, tmp_path / "rows.parquet", tmp_path / "said.json"],
        env={**os.environ, **nowhere},
        check=True,
    )
    expected = run.model.predict(rows)
    said = pl.DataFrame(json.loads((tmp_path / "said.json").read_text()))
    assert said.columns == expected.columns
    for name, kind in expected.schema.items():
        if kind == pl.Float64:
            assert said[name].to_list() == pytest.approx(expected[name].to_list(), abs=1e-14)
        else:
            assert said[name].to_list() == expected[name].to_list()


def test_the_prediction_of_a_data_frame_is_noria_s_own(team, known, people):
    _, run, _ = team
    rows = people(50, seed=7).drop("y")
    made = mlflow.pyfunc.load_model("models:/toy@champion").predict(rows.to_pandas())
    expected = run.model.predict(rows)
    assert made.to_dict("list") == expected.to_dict(as_series=False)
    whole = rows.with_columns(age=pl.col("age").round().cast(pl.Int64).fill_null(40))
    made = mlflow.pyfunc.load_model("models:/toy@champion").predict(whole.to_pandas())
    assert made.to_dict("list") == run.model.predict(whole).to_dict(as_series=False)


def test_mlflow_serves_it(featured, known, people, tmp_path):
    _, run = featured
    rows = people(20, seed=5).drop("y").with_columns(pl.col("joined").dt.to_string("iso:strict"))
    command = ["models", "serve", "--model-uri", "models:/aged@champion", "--env-manager", "local"]
    nowhere = {"NORIA_HOME": str(tmp_path / "nowhere")}
    with serving(*command, health="/health", folder=tmp_path, **nowhere) as address:
        body = json.dumps({"dataframe_records": rows.to_dicts()}).encode()
        request = urllib.request.Request(
            f"{address}/invocations", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            said = json.load(answer)["predictions"]
    assert said == run.model.predict(rows).to_dicts()
    assert not (tmp_path / "nowhere").exists()


# -- promotions ----------------------------------------------------------------------------------------------


def test_aliases_follow_promotions_and_roll_backs(team, client):
    session, one, two = team
    assert aliases(client, "toy") == {"champion": one.id, "challenger": two.id}
    session.registry.promote("toy", 2, why="by hand")
    assert aliases(client, "toy") == {"champion": two.id, "challenger": two.id}
    session.registry.rollback("toy")
    assert aliases(client, "toy") == {"champion": one.id, "challenger": two.id}


def test_mirrored_twice_is_mirrored_once(team, client):
    session, one, two = team
    before = [*map(len, runs_of(client, one)), *map(len, runs_of(client, two))]
    assert before == [1] * 6
    assert [(done.version.number, done.sent) for done in noria.mirror("toy", session=session)] == [
        (1, False),
        (2, False),
    ]
    assert [*map(len, runs_of(client, one)), *map(len, runs_of(client, two))] == before


def test_a_mirror_that_was_cut_off_is_gone_on_with(server, client, tmp_path, people):
    session = at(tmp_path / "home", None)
    run = trained(session, "cut", people(80), tmp_path)
    _model(client, *_begin(client, "cut", run.record), "cut")
    assert runs_of(client, run)[0][0].info.status == "RUNNING"
    [done] = noria.mirror(run.id, session=at(tmp_path / "home", server))
    assert done.sent
    found = runs_of(client, run)
    assert [len(one) for one in found] == [1, 1, 1]
    assert (found[0][0].info.status, found[1][0].status) == ("FINISHED", "READY")


def test_two_homes_that_gave_the_same_id_do_not_mix(server, client, tmp_path, people):
    run = trained(at(tmp_path / "home", server), "same", people(80), tmp_path)
    shutil.copytree(tmp_path / "home", tmp_path / "other")
    path = tmp_path / "other/runs" / run.id / "run.json"
    path.write_text(json.dumps({**run.record, "ended": run.record["ended"] + 1}))
    assert [done.sent for done in noria.mirror("same", session=at(tmp_path / "other", server))] == [True]
    assert len(client.search_model_versions("name = 'same'")) == 2


TOGETHER = """
import sys, noria
noria.mirror(sys.argv[1])
"""


def test_two_at_once_send_it_once(server, client, tmp_path, people):
    run = trained(at(tmp_path / "home", None), "both", people(80), tmp_path)
    environment = {**os.environ, "NORIA_HOME": str(tmp_path / "home"), "NORIA_MLFLOW": server}
    command = [sys.executable, "-c", TOGETHER, "both"]
    processes = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(SECONDS) for process in processes] == [0, 0]
    assert [len(one) for one in runs_of(client, run)] == [1, 1, 1]


def test_a_session_imports_mlflow_only_when_it_mirrors(team):
    session, _, _ = team
    code = "import sys, noria; noria.Session().registry.model('toy'); assert 'mlflow' not in sys.modules"
    environment = {"NORIA_HOME": str(session.settings.home), "NORIA_MLFLOW": session.settings.mlflow}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, check=True)


# -- a server that is away -----------------------------------------------------------------------------------


def test_a_run_is_kept_while_the_server_is_away_and_sent_later(
    server, client, tmp_path, people, caplog, capfd
):
    home = tmp_path / "home"
    away = at(home, "http://me:secret@127.0.0.1:1")
    heard = []
    away.events.listen(heard.append)
    with caplog.at_level(logging.WARNING, "noria"):
        one = trained(away, "late", people(80), tmp_path)
    note = (
        f"Run {one.id} is kept, but not mirrored: The MLflow server http://127.0.0.1:1 does not answer. "
        f"Send it later: noria mirror {one.id}"
    )
    assert [event.data["text"] for event in heard if event.kind == "note"] == [note]
    assert [record.message for record in caplog.records if record.name == "noria"] == [note]
    two = trained(away, "late", people(80), tmp_path, promote={"rule": "never"})
    away.registry.promote("late", 2)
    assert noria.load("late", session=away).predict(people(5)).height == 5
    with pytest.raises(NotFoundError):
        noria.import_model("mlflow:models:/late@champion", session=at(tmp_path / "other", server))
    assert [done.sent for done in noria.mirror(one.id, session=at(home, server))] == [True, True]
    assert aliases(client, "late") == {"champion": two.id, "challenger": two.id}
    assert client.get_model_version("late", "1").tags["noria.run"] == one.id
    assert capfd.readouterr().out == ""


class Strange(BaseHTTPRequestHandler):
    """A server that is none of MLflow's."""

    status, body = 200, b""

    def answer(self):
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            403,
            b'{"error_code": "PERMISSION_DENIED", "message": "You may not."}',
            "PERMISSION_DENIED: You may not.",
        ),
        (200, b"<html>", ""),
        (200, b'{"model_versions": 3}', ""),
        (500, b"", ""),
    ],
    ids=["refuses", "HTML", "other JSON", "broken"],
)
def test_a_server_that_refuses_or_is_no_mlflow(status, body, said, tmp_path, team):
    session, run, _ = team
    given = {"status": status, "body": body, "do_GET": Strange.answer, "do_POST": Strange.answer}
    other = HTTPServer(("127.0.0.1", 0), type("Here", (Strange,), given))
    Thread(target=other.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{other.server_port}"
    try:
        with pytest.raises(StorageError) as caught:
            noria.mirror(run.id, session=at(session.settings.home, address))
    finally:
        other.shutdown()
        other.server_close()
    assert caught.value.what == f"The MLflow server {address} fails."
    assert said in str(caught.value.got)
    assert caught.value.do == "See that it runs and lets you in, and that NORIA_MLFLOW is its address."


def test_a_server_that_never_answers(team, monkeypatch):
    session, run, _ = team
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StorageError, match="does not answer"):
            noria.mirror(run.id, session=at(session.settings.home, address))


def test_mlflow_is_left_as_it_was(team):
    session, _, _ = team
    logger, before = logging.getLogger("mlflow"), dict(os.environ)
    logger.setLevel(logging.INFO)
    noria.mirror("toy", session=session)
    assert (logger.level, dict(os.environ)) == (logging.INFO, before)


def test_what_needs_a_server_says_so(session):
    for call in (
        lambda: noria.mirror("toy", session=session),
        lambda: noria.import_model("x", session=session),
    ):
        with pytest.raises(ParamError) as caught:
            call()
        assert str(caught.value) == (
            "No MLflow server is set.\n  do:  Run: export NORIA_MLFLOW=http://localhost:5000"
        )


# -- models that are brought in ------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["models:/toy@challenger", "models:/toy/2"])
def test_a_model_is_brought_in(team, server, tmp_path, people, address):
    _, _, run = team
    session = at(tmp_path / "home", server)
    version = noria.import_model(f"mlflow:{address}", session=session)
    assert (version.name, version.number) == ("toy", 1)
    assert session.registry.model("toy").aliases == {}
    entry = session.registry.run(version.run)
    assert entry.finished
    assert (entry.task, entry.scores) == ("classification", run.evaluation.scores)
    record = json.loads((session.artefacts.folder(version.run) / "run.json").read_text())
    origin = {"from": f"mlflow:{address}", "server": server, "model": "toy", "version": 2}
    assert record["imported"] == {**origin, "run": run.id, "ended": run.record["ended"]}
    rows = people(10, seed=3)
    assert noria.load("toy@1", session=session).predict(rows).equals(run.model.predict(rows))
    names = {path.name for path in session.artefacts.folder(version.run).iterdir()}
    files = {"report.md", "run.json", "started.json", "trials.jsonl", "manifest.json"}
    assert names == {"figures", "lock", "model", *files}
    session.registry.reindex()
    assert session.registry.run(version.run) == entry


def test_what_was_brought_in_is_promoted_if_asked_and_no_second_version(team, server, client, tmp_path):
    session = at(tmp_path / "home", server)
    kept = aliases(client, "toy")
    one = noria.import_model("mlflow:models:/toy/1", session=session)
    two = noria.import_model("mlflow:models:/toy/1", session=session, promote=True)
    assert one == two
    assert session.registry.model("toy").aliases == {"champion": 1}
    assert session.state.changes("toy")[-1].why == "imported from mlflow:models:/toy/1"
    assert len(client.search_model_versions("name = 'toy'")) == 2
    assert aliases(client, "toy") == kept


def test_it_may_have_another_name(team, server, tmp_path):
    session = at(tmp_path / "home", server)
    version = noria.import_model("mlflow:models:/toy/1", name="theirs", session=session)
    assert session.registry.find("theirs@1") == version
    assert session.registry.run(version.run).name == "theirs"
    with pytest.raises(RecipeError, match="'name'"):
        noria.import_model("mlflow:models:/toy/1", name="a b", session=session)


def test_foreign_code_needs_trust(featured, server, tmp_path, people):
    _, run = featured
    session = at(tmp_path / "home", server)
    with pytest.raises(TrustError) as caught:
        noria.import_model("mlflow:models:/aged/1", session=session)
    sha256 = hashlib.sha256(FEATURES.encode()).hexdigest()
    assert str(caught.value) == (
        "mlflow:models:/aged/1 holds Python code (features.py) that did not come from here.\n"
        f"  got: features.py with SHA-256 {sha256[:12]}...\n"
        "  do:  Read it in MLflow (data/model/features.py); if you trust it, use trust=True or --trust."
    )
    assert session.artefacts.runs() == []
    noria.import_model("mlflow:models:/aged/1", session=session, trust=True, promote=True)
    rows = people(10, seed=3)
    assert noria.load("aged", session=session).predict(rows).equals(run.model.predict(rows))


@pytest.fixture(scope="module")
def copied(team, server, client, tmp_path_factory):
    """A function that registers an altered copy of the model 'toy' under another name."""
    folder = tmp_path_factory.mktemp("copied")

    def make(name: str, change) -> str:
        draft = folder / name
        version = client.get_model_version("toy", "1")
        where = client.get_logged_model(version.source.rpartition("/")[2]).artifact_location
        got = mlflow.artifacts.download_artifacts(where, dst_path=str(draft), tracking_uri=server)
        change(Path(got))
        experiment = client.create_experiment(name)
        run = client.create_run(experiment).info.run_id
        client.log_artifacts(run, got, "model")
        client.create_registered_model(name)
        source = f"{client.get_run(run).info.artifact_uri}/model"
        client.create_model_version(name, source, run)
        return f"mlflow:models:/{name}/1"

    return make


def pickled(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "model.pkl").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    flavours = {
        "python_function": {"loader_module": "mlflow.sklearn"},
        "sklearn": {"pickled_model": "model.pkl"},
    }
    (folder / "MLmodel").write_text(json.dumps({"flavors": flavours}))


def spoilt(folder: Path) -> None:
    path = folder / "data/model/model.json"
    path.write_text(path.read_text().replace("0", "1", 1))


def unrecorded(folder: Path) -> None:
    (folder / "run/run.json").write_text("{}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            pickled,
            "models:/pickled/1 was not made by Noria, and is not imported: such a model is a pickle or code, "
            "which acts as soon as it is opened.\n"
            "  got: flavours python_function, sklearn, opened by mlflow.sklearn\n"
            "  do:  Train it again with Noria, or serve it with MLflow.",
        ),
        (spoilt, "was tampered with.\n  got: file 'model.json' has changed since the model was saved"),
        (unrecorded, "The record that came with mlflow:models:/unrecorded/1 is damaged."),
    ],
    ids=["a pickle", "a changed file", "no record"],
)
def test_what_is_foreign_or_damaged_is_refused(copied, change, said, server, tmp_path):
    session = at(tmp_path / "home", server)
    with pytest.raises(ArtifactError) as caught:
        noria.import_model(copied(change.__name__, change), session=session)
    assert said in str(caught.value)
    assert session.artefacts.runs() == []


def test_a_record_cannot_vouch_for_code(copied, server, tmp_path):
    evil = "0" * 64

    def vouching(folder: Path) -> None:
        path = folder / "run/run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "features": evil}))

    session = at(tmp_path / "home", server)
    noria.import_model(copied("vouching", vouching), session=session)
    assert session.registry.runs(RunQuery(where=(Condition("features", "=", evil),))) == []
    assert not session.trusts(evil)


@pytest.mark.parametrize(
    ("source", "error", "said"),
    [
        ("s3://bucket/model", ParamError, "Only models of an MLflow server can be imported."),
        ("mlflow:runs:/1/model", ParamError, "That is not the address of a registered model."),
        ("mlflow:models:/nothing/1", NotFoundError, "has no models:/nothing/1."),
        ("mlflow:models:/toy/99", NotFoundError, "has no models:/toy/99."),
        ("mlflow:models:/toy@nothing", NotFoundError, "has no models:/toy@nothing."),
    ],
)
def test_addresses_that_lead_nowhere(team, server, tmp_path, source, error, said):
    with pytest.raises(error) as caught:
        noria.import_model(source, session=at(tmp_path / "home", server))
    assert said in caught.value.what
