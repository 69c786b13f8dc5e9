from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import polars as pl
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import noria
from noria._lazy import installed
from noria.api import desk
from noria.core import keep
from noria.core.serving import LoggedPrediction
from noria.errors import ArtifactError, NotFoundError, ParamError
from noria.settings import Settings

NAME = "Toy_Model.v2"
FEATURES = """
import polars as pl


def doubled(table: pl.DataFrame) -> pl.DataFrame:
    import holidays.constants

    return table.with_columns(twice=pl.col("age") * 2)
"""


@pytest.fixture(scope="module")
def home(people, tmp_path_factory) -> noria.Session:
    """A home with two versions of a model, of which the first is the champion."""
    folder = tmp_path_factory.mktemp("home")
    session = noria.Session(Settings(home=folder, workers=2))
    wish = {"name": NAME, "session": session, "trials": 2, "folds": 2, "learners": ["naive_bayes"]}
    (folder / "features.py").write_text(FEATURES, encoding="utf-8")
    rows = people(90).drop("remark")
    noria.train(rows, "y", budget="60s", **wish)
    noria.train(rows, "y", budget="60s", features=f"{folder / 'features.py'}:doubled", **wish)
    noria.promote(f"{NAME}@1", session=session)
    return session


@pytest.fixture(scope="module")
def made(home, tmp_path_factory):
    """The folder of a target, written once."""
    root, known = tmp_path_factory.mktemp("exports"), {}

    def of(to: str, model: str = NAME) -> Path:
        if (to, model) not in known:
            known[to, model] = noria.export(model, to=to, output=root / f"{model}-{to}", session=home)
        return Path(known[to, model].folder)

    return of


def program(name: str) -> str:
    """A tool beside this Python, or on the path."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


# -- the folder ----------------------------------------------------------------------------------------------


def test_what_is_written_is_told(home, tmp_path):
    done = noria.export(f"{NAME}@1", to="onnx", output=tmp_path / "new" / "out", session=home)
    folder = tmp_path / "new" / "out"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {*done.files, "noria-export.json"} == {"model.onnx", "model.json", "noria-export.json"}
    assert (done.model, done.version, done.target, done.written) == (NAME, 1, "onnx", True)
    assert done.bytes == sum(done.to_dict()["files"].values()) == done.frame()["bytes"].sum()
    assert all(str(folder) in line for line in done.next)
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_a_dry_run_leaves_nothing(home, tmp_path):
    done = noria.export(NAME, to="onnx", output=tmp_path / "new" / "out", dry_run=True, session=home)
    assert not done.written
    assert "model.onnx" in done.files
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(home, tmp_path):
    out = tmp_path / "out"
    (out / "precious").mkdir(parents=True)
    for force in (False, True):
        with pytest.raises(ParamError) as caught:
            noria.export(NAME, to="onnx", output=out, force=force, session=home)
        assert str(caught.value) == (
            f"{out} is there already, and is not an export of Noria.\n"
            "  got: a folder without noria-export.json\n"
            "  do:  Name another folder with -o."
        )
    (out / "precious").rmdir()
    noria.export(NAME, to="onnx", output=out, session=home)
    with pytest.raises(ParamError) as caught:
        noria.export(NAME, to="onnx", output=out, session=home)
    assert str(caught.value) == (
        f"{out} is there already.\n"
        "  do:  Give --force to replace it (your own files in it stay), or name another folder with -o."
    )


def test_force_replaces_an_export_and_keeps_what_others_put_there(home, tmp_path):
    out = tmp_path / "out"
    noria.export(NAME, to="onnx", output=out, session=home)
    (out / ".env").write_text("POSTGRES_PASSWORD=mine\n", encoding="utf-8")
    (out / "overlay").mkdir()
    (out / "overlay" / "more.yaml").write_text("a: 1\n", encoding="utf-8")
    (out / "model.json").write_text("{}", encoding="utf-8")
    noria.export(NAME, to="onnx", output=out, force=True, session=home)
    assert (out / ".env").read_text(encoding="utf-8") == "POSTGRES_PASSWORD=mine\n"
    assert (out / "overlay" / "more.yaml").is_file()
    assert json.loads((out / "model.json").read_text(encoding="utf-8"))["model"] == NAME
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_export_that_fails_leaves_the_earlier_one(home, tmp_path):
    out = tmp_path / "out"
    noria.export(NAME, to="onnx", output=out, session=home)
    before = {path: path.read_bytes() for path in out.rglob("*")}
    with pytest.raises(ParamError):
        noria.export(f"{NAME}@2", to="onnx", output=out, force=True, session=home)
    assert {path: path.read_bytes() for path in out.rglob("*")} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_unknown_target_and_an_unknown_model(home, tmp_path):
    with pytest.raises(ParamError) as caught:
        noria.export(NAME, to="dokcer", output=tmp_path / "out", session=home)
    assert str(caught.value) == ("There is no such target.\n  got: 'dokcer'\n  do:  Did you mean 'docker'?")
    with pytest.raises(NotFoundError):
        noria.export("nobody", to="docker", output=tmp_path / "out", session=home)


@pytest.mark.parametrize("file", ["model/model.json", "report.md"])
def test_a_damaged_run_is_not_exported(home, tmp_path, file):
    copy = noria.Session(Settings(home=shutil.copytree(home.settings.home, tmp_path / "home"), workers=2))
    path = copy.registry.folder(NAME) / file
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(ArtifactError, match="has changed since"):
        noria.export(NAME, to="docker", output=tmp_path / "out", session=copy)
    assert not (tmp_path / "out").exists()


def test_passwords_in_addresses_stay_here(home, tmp_path):
    copy = noria.Session(Settings(home=shutil.copytree(home.settings.home, tmp_path / "home"), workers=2))
    run = copy.registry.folder(NAME)
    for name in ("run.json", "started.json"):
        told = json.loads((run / name).read_text(encoding="utf-8"))
        told["recipe"]["data"]["source"] = "postgresql://ann:hunter2@db/rows"
        (run / name).write_text(json.dumps(told), encoding="utf-8")
    keep.seal(run, run.name)
    noria.export(NAME, to="docker", output=tmp_path / "out", session=copy)
    texts = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(b"hunter2" in text for text in texts)
    assert any(b"postgresql://db/rows" in text for text in texts)
    keep.verify(next((tmp_path / "out" / "home" / "runs").iterdir()))


# -- the image -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["docker", "kubernetes", "space"])
def test_the_dockerfile_passes_its_linter(made, to):
    folder = made(to) / ("image" if to == "kubernetes" else "")
    subprocess.run([program("hadolint"), folder / "Dockerfile"], check=True)
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    *_, last = re.findall(r"^USER (\S+)", text, re.MULTILINE)
    assert last == ("1000:1000" if to == "space" else "10001:10001")
    assert "/ready" in text.split("HEALTHCHECK")[1]
    assert text.count("\nFROM ") == 2


def test_requirements_are_pinned_and_no_more_than_is_needed(made):
    plain, more = (
        (made("docker", model) / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
        for model in (NAME, f"{NAME}@2")
    )
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line) for line in more)
    assert f"noria=={noria.__version__}" in plain
    assert any(line.startswith("psycopg[binary]==") for line in plain)
    assert not any(line.startswith(("torch", "mlflow", "pandas", "catboost")) for line in more)
    assert [line.partition("==")[0] for line in more if line not in plain] == ["holidays"]


def environment(dockerfile: str) -> dict[str, str]:
    """What ``ENV`` sets in the last stage."""
    *_, last = re.findall(r"^ENV ((?:.*\\\n)*.*)", dockerfile, re.MULTILINE)
    return dict(pair.split("=", 1) for pair in last.replace("\\\n", " ").split())


@pytest.mark.parametrize(
    ("to", "model", "workers"), [("docker", NAME, 1), ("docker", f"{NAME}@2", 2), ("space", NAME, 1)]
)
def test_the_very_command_serves_from_a_read_only_home(
    home, made, people, tmp_path, small_disk, to, model, workers
):
    folder = made(to, model)
    disk = small_disk("32m")
    copy = shutil.copytree(folder / "home", disk.folder / "home")
    disk.lock()
    text = (folder / "Dockerfile").read_text(encoding="utf-8")
    scratch, port = tmp_path / "scratch", _free_port()
    scratch.mkdir()
    moved = {"/tmp": scratch, "/srv/noria": copy, "/var/lib/noria": scratch}
    places = re.compile("|".join(moved))
    variables = {
        name: places.sub(lambda found: str(moved[found[0]]), value)
        for name, value in environment(text).items()
        if name != "PATH"
    }
    assert variables["NORIA_HOME"] == str(copy)
    command = [Path(sys.executable).with_name("noria"), *json.loads(text.rsplit("CMD ", 1)[1])[1:]]
    command[command.index("--port") + 1] = str(port)
    command += ["--workers", str(workers)]
    around = {"cwd": scratch, "env": variables}
    caller = httpx.Client(base_url=f"http://127.0.0.1:{port}/v1/models/{NAME}", trust_env=False)
    if to == "docker":
        keys = [command[0], "keys", "create", "--name", "me"]
        key = subprocess.run(keys, **around, check=True, capture_output=True, text=True).stdout.strip()
        caller.headers["authorization"] = f"Bearer {key}"
    process = subprocess.Popen(command, **around)
    try:
        _wait(f"http://127.0.0.1:{port}/ready", process)
        rows = people(5, seed=4).drop("y", "remark")
        answer = caller.post("/predict", json={"rows": json.loads(rows.write_json())})
        raw = {"content-type": "application/octet-stream"}
        whole = {"params": {"file": "rows.csv", "to": "csv"}, "headers": raw, "content": rows.write_csv()}
        taken = caller.post("/files", **whole)
        while caller.get(f"/files/{taken.json()['id']}").json()["state"] == "running":
            time.sleep(0.05)
        scored = caller.get(f"/files/{taken.json()['id']}/result")
    finally:
        process.terminate()
        process.wait(20)
    assert answer.status_code == 200, answer.text
    assert answer.json()["version"] == (2 if "@" in model else 1)
    expected = noria.load(model, session=home).predict(rows)["prediction"].to_list()
    assert [row["prediction"] for row in answer.json()["predictions"]] == expected
    assert pl.read_csv(scored.content)["prediction"].to_list() == expected


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(address: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        assert process.poll() is None, "the service ended"
        try:
            if httpx.get(address, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not come up")


# -- compose, Prometheus, Grafana ----------------------------------------------------------------------------


def test_the_compose_file_follows_its_specification(made):
    if not installed("compose_spec"):
        pytest.skip("compose-spec is not installed")
    from compose_spec import PyCompose

    text = (made("docker") / "compose.yaml").read_text(encoding="utf-8")
    filled = re.sub(r"\$\{\w+:[?-]([^}]*)\}", r"\1", text)  # as Compose does before it looks at the rest
    PyCompose.from_yaml(filled.replace("Copy .env.example to .env and set it", "secret")).validate()
    told = yaml.safe_load(text)
    assert set(told["services"]) == {"api", "db", "prometheus", "grafana"}
    assert told["name"] == "toy-model-v2"
    assert told["services"]["api"]["read_only"] is True
    for name, service in told["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        for key, value in service.get("environment", {}).items():
            if "PASSWORD" in key or "@" in value:
                assert "${" in value, f"{name} holds a literal secret"
    asked = {*re.findall(r"\$\{(\w+):\?", text)}
    example = (made("docker") / ".env.example").read_text(encoding="utf-8")
    assert {line for line in example.splitlines() if line.endswith("=")} == {f"{name}=" for name in asked}
    for service in told["services"].values():
        for volume in service.get("volumes", ()):
            if volume.startswith("./"):
                assert (made("docker") / volume.split(":")[0]).exists(), volume


def test_prometheus_accepts_its_settings_and_alerts(made, tmp_path):
    folder = shutil.copytree(made("docker") / "prometheus", tmp_path / "prometheus")
    (folder / "key").write_text("the key that its reader was told to save here", encoding="utf-8")
    subprocess.run([program("promtool"), "check", "config", folder / "prometheus.yml"], check=True)
    assert "prometheus/key\n" in (made("docker") / ".gitignore").read_text(encoding="utf-8")


def dashboard(folder: Path) -> dict:
    return json.loads((folder / "grafana" / "dashboards" / "noria.json").read_text(encoding="utf-8"))


def test_the_dashboard_is_whole(made):
    board = dashboard(made("docker"))
    provisioning = made("docker") / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioning / "datasources" / "noria.yaml").read_text(encoding="utf-8"))
    known = {(source["type"], source["uid"]) for source in sources["datasources"]}
    provider = yaml.safe_load((provisioning / "dashboards" / "noria.yaml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((made("docker") / "compose.yaml").read_text(encoding="utf-8"))
    mounted = [volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]]
    assert provider["providers"][0]["options"]["path"] in mounted
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies on another panel"
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["description"]
        for target in panel["targets"]:
            assert (target["datasource"]["type"], target["datasource"]["uid"]) in known
    titles = " ".join(panel["title"].lower() for panel in board["panels"])
    for wanted in ("requests", "rows", "errors", "latency", "versions", "log", "over time"):
        assert wanted in titles


def test_prometheus_understands_the_dashboard(made, tmp_path):
    asked = [
        target["expr"]
        for panel in dashboard(made("docker"))["panels"]
        for target in panel["targets"]
        if "expr" in target
    ]
    assert len(asked) > 8
    rules = [
        {"record": f"q{at}", "expr": expr.replace("$__rate_interval", "1m").replace("$model", ".*")}
        for at, expr in enumerate(asked)
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "q", "rules": rules}]}), "utf-8")
    subprocess.run([program("promtool"), "check", "rules", tmp_path / "rules.yml"], check=True)


def test_dashboard_and_alerts_ask_for_what_a_service_counts(made, home, people):
    counted = desk(NAME, session=home)
    rows = people(2, seed=4).drop("y", "remark").to_dicts()
    with ThreadPoolExecutor(1) as thread:  # this one may have the loop of a browser's test
        thread.submit(asyncio.run, counted.predict(NAME, [*rows, {}], "0" * 32)).result()
    counted.meter.failed(NAME, "ParamError")
    labels: dict[str, set[str]] = {}
    text = counted.meter.text(counted.endpoints.values(), counted.waiting).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    rules = yaml.safe_load((made("docker") / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    for panel in dashboard(made("docker"))["panels"]:
        asked += [target["expr"] for target in panel["targets"] if "expr" in target]
    for expression in asked:
        names = set(re.findall(r"\bnoria_\w+", expression))
        assert names <= set(labels), expression
        grouped = {name for part in re.findall(r"by \(([^)]*)\)", expression) for name in part.split(", ")}
        wanted = grouped | set(re.findall(r"[{,](\w+)=", expression))
        known = {"service", "job"}.union(*(labels[name] for name in names))
        assert wanted <= known, expression


def test_postgresql_answers_the_dashboard(made, postgres):
    from noria.core import registry

    address = postgres.database()
    log = registry.backend("predictions", "sql")(Settings(state=address))
    fields = dict.fromkeys(LoggedPrediction._fields)
    fields |= {
        "request": "r",
        "name": "toy",
        "version": 3,
        "role": "champion",
        "seconds": 0.001,
        "inputs": "{}",
    }
    answers = ({"prediction": "yes"}, {"prediction": 2.5}, {"error": {"error": "bad"}})
    log.append(
        [
            LoggedPrediction(
                **{**fields, "id": f"r-{at}", "when": 1000.0 + at, "outputs": json.dumps(answer)}
            )
            for at, answer in enumerate(answers)
        ]
    )
    found = {}
    for panel in dashboard(made("docker"))["panels"]:
        for target in panel["targets"]:
            if "rawSql" in target:
                found[panel["title"]] = _asked(address, target["rawSql"])
    log.close()
    assert found["Predictions kept"] == [(3,)]
    assert [row[1:] for row in found["Rows by version"]] == [("toy@3 champion", 3)]
    assert [row[1:] for row in found["Predicted classes over time"]] == [("toy: yes", 1)]
    assert [row[1:] for row in found["Predicted numbers over time"]] == [("toy", 2.5)]


def _asked(address: str, query: str) -> list[tuple]:
    """What a query of Grafana's finds, its macros replaced as Grafana would."""
    import psycopg

    query = re.sub(r"\$__timeGroupAlias\((.*), \$__interval\)", r"date_trunc('hour', \1) AS time", query)
    query = query.replace("$__unixEpochFrom()", "0").replace("$__unixEpochTo()", "2000")
    query = query.replace("$model", "'toy'")
    with psycopg.connect(address) as connection:
        return connection.execute(query).fetchall()


# -- Kubernetes ----------------------------------------------------------------------------------------------


def manifests(folder: Path) -> dict[str, dict]:
    told = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")}
    return {one["kind"]: one for one in told.values()}


def test_manifests_follow_their_schemas(made):
    validate = pytest.importorskip("kubernetes_validate")
    found = manifests(made("kubernetes"))
    kustomization = found.pop("Kustomization")
    assert set(found) == {
        "ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget",
        "NetworkPolicy",
    }  # fmt: skip
    for manifest in found.values():
        validate.validate(manifest, "1.33", strict=True)
    assert {*kustomization["resources"]} == {path.name for path in made("kubernetes").glob("*.yaml")} - {
        "kustomization.yaml"
    }


def test_manifests_fit_each_other(made):
    found = manifests(made("kubernetes"))
    pod = found["Deployment"]["spec"]["template"]
    chosen = found["Deployment"]["spec"]["selector"]["matchLabels"]
    labels = pod["metadata"]["labels"]
    for selector in (
        chosen,
        found["Service"]["spec"]["selector"],
        found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
        assert "app.kubernetes.io/version" not in selector, "a later version could not be rolled out"
    assert found["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]["name"] == "toy-model-v2"
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "toy-model-v2:1"
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert {"requests", "limits"} <= set(container["resources"])
    named = {next(iter(source.values()))["name"] for source in container["envFrom"]}
    kustomization = found["Kustomization"]
    assert named == {found["ConfigMap"]["metadata"]["name"], kustomization["secretGenerator"][0]["name"]}
    assert (made("kubernetes") / "secret.env.example").is_file()
    assert (made("kubernetes") / ".gitignore").read_text(encoding="utf-8") == "secret.env\n"


# -- Space, ONNX, MLflow -------------------------------------------------------------------------------------


def test_a_space_says_what_it_is(made):
    text = (made("space") / "README.md").read_text(encoding="utf-8")
    _, front, _ = text.split("---\n", 2)
    told = yaml.safe_load(front)
    assert (told["sdk"], told["app_port"], told["title"]) == ("docker", 7860, NAME)
    dockerfile = (made("space") / "Dockerfile").read_text(encoding="utf-8")
    command = json.loads(dockerfile.rsplit("CMD ", 1)[1])
    assert command[command.index("--port") + 1] == "7860"
    assert {"--no-log", "--public"} < set(command)


def test_onnx_says_what_goes_in(made, home):
    pytest.importorskip("onnxruntime")
    told = json.loads((made("onnx") / "model.json").read_text(encoding="utf-8"))
    assert (told["model"], told["version"], told["labels"]) == (NAME, 1, ["no", "yes"])
    assert [(one["name"], one["type"]) for one in told["inputs"]] == [
        ("age", "float64"), ("town", "string"), ("member", "float64"), ("joined", "float64")
    ]  # fmt: skip
    assert told["checked"]["largest_difference"] < 1e-4


def test_a_feature_function_is_no_graph(home, tmp_path):
    with pytest.raises(ParamError) as caught:
        noria.export(f"{NAME}@2", to="onnx", output=tmp_path / "out", session=home)
    assert str(caught.value) == (
        f"{NAME}@2 cannot be written as ONNX: it computes its features in Python.\n"
        "  got: the feature function 'doubled'\n"
        "  do:  Use --to docker or --to mlflow, or train without features."
    )
    assert list(tmp_path.iterdir()) == []


def test_mlflow_reads_what_was_written(home, people, tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("pandas")
    from mlflow import pyfunc

    monkeypatch.chdir(tmp_path)
    noria.export(NAME, to="mlflow", output="out", session=home)
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "MLflow has begun a store of its own"
    rows: pl.DataFrame = people(20, seed=3).drop("y", "remark")
    found = pyfunc.load_model("out/model").predict(rows.to_pandas())
    expected = noria.load(NAME, session=home).predict(rows)
    assert found["prediction"].tolist() == expected["prediction"].to_list()
