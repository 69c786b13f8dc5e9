"""Runs and histories in a store: a folder, memory, and a real S3 server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import noria
from noria.backends.artefacts_remote import RemoteArtefacts
from noria.core.events import Events
from noria.core.runs import Change, RunQuery
from noria.errors import ArtifactError, NotFoundError, ParamError, StorageError
from noria.settings import Settings
from noria.testing import ArtefactsContract
from noria.testing.artefacts_contract import write_run


@pytest.fixture
def url(bucket) -> str:
    """The address of an empty store."""
    return f"s3://{bucket}/team/noria"


@pytest.fixture
def machine(tmp_path, url):
    """The settings of a machine, by its name."""
    return lambda name: Settings(home=tmp_path / name, artefacts=url)


class TestS3(ArtefactsContract):
    backend = "remote"


class TestFolder(ArtefactsContract):
    backend = "remote"

    @pytest.fixture(params=["{}", "file://{}", "memory:/{}"])
    def url(self, request, tmp_path) -> str:
        return request.param.format(tmp_path / "share")


# -- one machine trains, another one predicts ----------------------------------------------------------------

QUICK = {"budget": "60s", "trials": 2, "learners": ["naive_bayes"]}


def test_what_one_machine_trains_another_predicts_with(machine, postgres, people):
    state = postgres.database()
    here, there = (noria.Session(machine(name).model_copy(update={"state": state})) for name in "ab")
    run = noria.train(people(), "y", name="toy", session=here, **QUICK)
    assert run.report.is_file()
    assert list(here.settings.runs.iterdir()) == []
    rows = people(10, seed=4)
    assert noria.load("toy", session=there).predict(rows).equals(run.model.predict(rows))
    assert there.artefacts.folder(run.id) == there.settings.cache / "runs" / run.id
    assert noria.show("toy", session=there).entry.id == run.id
    assert noria.train(people(), "y", name="toy", session=there, **QUICK).id == run.id
    before = (here.registry.runs(RunQuery()), here.state.models())
    there.registry.reindex()
    assert (there.registry.runs(RunQuery()), there.state.models()) == before


def test_another_machine_reproduces_a_run(machine, people):
    here, there = noria.Session(machine("a")), noria.Session(machine("b"))
    run = noria.train(people(), "y", test=people(40, seed=1), name="toy", session=here, **QUICK)
    assert len(here.artefacts.snapshots.kept()) == 2
    again = noria.reproduce(run.id, session=there)
    assert again.exact
    assert again.run == run.id


def test_a_machine_with_a_database_of_its_own_reads_the_store_first(machine):
    here, there = noria.Session(machine("a")), noria.Session(machine("b"))
    here.registry.register("demo", run := published(here.artefacts))
    assert there.registry.find("demo@1").run == run


def test_a_trained_run_is_published_when_the_store_is_back(server, tmp_path, people):
    session = noria.Session(Settings(home=tmp_path / "a", artefacts=f"s3://{server.bucket}", workers=2))
    kinds = []

    def stop(event) -> None:
        if event.data.get("stage") == "keep":
            session.events.ignore(stop)
            server.stop()

    session.events.listen(stop)
    with pytest.raises(StorageError, match=r"The store s3://.* fails\."):
        noria.train(people(), "y", name="toy", session=session, **QUICK)
    server.start()
    session.events.listen(lambda event: kinds.append(event.kind))
    run = noria.train(people(), "y", name="toy", session=session, **QUICK)
    assert "run.resumed" in kinds
    assert "trial.finished" not in kinds
    assert session.artefacts.runs() == [run.id]
    assert noria.load("toy", session=session).predict(people(9)).height == 9


# -- a store that goes away ----------------------------------------------------------------------------------


class Server:
    """An S3 server that can be stopped, and started again with what it held."""

    def __init__(self, bucket: str) -> None:
        self.bucket, self.port = bucket, 0

    def start(self) -> None:
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def server(bucket, monkeypatch) -> Iterator[Server]:
    import s3fs

    made = Server(bucket)
    made.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.port}")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    s3fs.S3FileSystem.clear_instance_cache()
    yield made
    made.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def published(artefacts, name: str = "demo") -> str:
    run = artefacts.create(name)
    write_run(artefacts.folder(run), name)
    artefacts.publish(run)
    artefacts.release(run)
    return run


def test_a_store_that_goes_away_in_the_middle_of_an_upload(server, tmp_path):
    events, url = Events(), f"s3://{server.bucket}/x"
    here = RemoteArtefacts(Settings(home=tmp_path / "a", artefacts=url), events)
    there = RemoteArtefacts(Settings(home=tmp_path / "b", artefacts=url))
    run = here.create("demo")
    write_run(here.folder(run), "demo")
    (here.folder(run) / "model" / "large").write_bytes(bytes(3_000_000))
    whole = sorted(here.folder(run).rglob("*"))

    def stop(event) -> None:
        events.ignore(stop)
        server.stop()

    events.listen(stop)
    with pytest.raises(StorageError) as caught:
        here.publish(run)
    assert caught.value.what == f"The store s3://{server.bucket}/x fails."
    assert "Could not connect" in caught.value.got or "closed" in caught.value.got
    assert caught.value.do == (
        "Check its address, the credentials and the network, and run the same command again."
    )
    here.release(run)
    assert sorted(here.folder(run).rglob("*")) == whole
    server.start()
    assert there.entry(run) is None
    with pytest.raises(NotFoundError):
        there.folder(run)
    (here.folder(run) / "model" / "large").unlink()
    assert here.claim(run)
    here.publish(run)
    assert there.entry(run) == here.entry(run)


def test_a_process_that_is_killed_in_the_middle_of_an_upload(machine, url):
    code = (
        "import os, sys\n"
        "from noria.backends.artefacts_remote import RemoteArtefacts\n"
        "from noria.core.events import Events\n"
        "from noria.settings import Settings\n"
        "from noria.testing.artefacts_contract import write_run\n"
        "events = Events()\n"
        "made = RemoteArtefacts(Settings(home=sys.argv[1], artefacts=sys.argv[2]), events)\n"
        "run = made.create('demo'); write_run(made.folder(run), 'demo')\n"
        "made.store.add = lambda *_: os.kill(os.getpid(), 9)\n"
        "print(run, flush=True)\n"
        "made.publish(run)\n"
    )
    home = str(machine("a").home)
    done = subprocess.run(
        [sys.executable, "-c", code, home, url], capture_output=True, text=True, check=False
    )
    assert done.returncode == -9, done.stderr
    here, there, run = RemoteArtefacts(machine("a")), RemoteArtefacts(machine("b")), done.stdout.strip()
    assert there.runs() == [run]
    assert there.entry(run) is None
    assert here.claim(run)
    here.publish(run)
    here.release(run)
    assert there.entry(run).finished
    assert there.folder(run).is_dir()


def test_a_word_is_no_address(tmp_path):
    with pytest.raises(ParamError) as caught:
        noria.Session(Settings(home=tmp_path, artefacts="nonsense")).artefacts.runs()
    assert str(caught.value) == (
        "'nonsense' is no address that runs can be kept at.\n  got: NORIA_ARTEFACTS=nonsense\n"
        "  do:  Write it as s3://bucket/prefix, or as the whole path of a folder."
    )


@pytest.mark.parametrize("prefix", ["", "/deep/er"])
def test_a_bucket_that_is_not_there(bucket, tmp_path, prefix):
    url = f"s3://no-{bucket}{prefix}"
    artefacts = RemoteArtefacts(Settings(home=tmp_path, artefacts=url))
    for ask in (
        artefacts.runs,
        artefacts.names,
        artefacts.snapshots.kept,
        lambda: artefacts.changes("demo"),
        lambda: artefacts.add(Change("demo", 1, "registered", 1, 1.0, "me", run="r")),
        lambda: published(artefacts),
    ):
        with pytest.raises(StorageError) as caught:
            ask()
        assert str(caught.value) == (
            f"The store {url} fails.\n  got: The specified bucket does not exist\n"
            "  do:  Check its address, the credentials and the network, and run the same command again."
        )


def test_credentials_that_are_missing(bucket, tmp_path, monkeypatch):
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    s3fs.S3FileSystem.clear_instance_cache()
    artefacts = RemoteArtefacts(Settings(home=tmp_path, artefacts=f"s3://{bucket}"))
    with pytest.raises(StorageError) as caught:
        artefacts.runs()
    assert str(caught.value) == (
        f"The store s3://{bucket} fails.\n  got: Unable to locate credentials\n"
        "  do:  Check its address, the credentials and the network, and run the same command again."
    )


def test_an_address_that_means_nothing(tmp_path):
    with pytest.raises(ParamError) as caught:
        RemoteArtefacts(Settings(home=tmp_path, artefacts="nosuch://x")).runs()
    assert str(caught.value) == (
        "nosuch:// is not a scheme that runs can be kept in.\n  got: NORIA_ARTEFACTS=nosuch://x\n"
        "  do:  Write it as s3://bucket/prefix, or as the path of a folder."
    )


# -- what is damaged -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["changed", "missing"])
@pytest.mark.parametrize("name", ["model/deep/trees.txt", "report.md", "manifest.json"])
def test_a_damaged_run_is_not_brought_here(machine, harm, name):
    here, there = RemoteArtefacts(machine("a")), RemoteArtefacts(machine("b"))
    run = published(here)
    size = len(here.store.read([f"runs/{run}/{name}"])[0])
    here.store.remove(f"runs/{run}/{name}")
    if harm == "changed":
        here.store.add(f"runs/{run}/{name}", bytes(size))
    with pytest.raises(ArtifactError) as caught:
        there.folder(run)
    assert caught.value.what == f"The run '{run}' in {there.store.url} is damaged or was tampered with."
    assert caught.value.do == "Restore it there from a copy, or train again."
    if name != "manifest.json":
        problem = "is missing" if harm == "missing" else "has changed since the"
        assert f"file {name.removeprefix('model/')!r} {problem}" in caught.value.got
    assert list((there.settings.cache / "runs").iterdir()) == []


def test_a_name_that_leads_out_of_the_run(bucket, tmp_path):
    import s3fs

    here = RemoteArtefacts(Settings(home=tmp_path / "a", artefacts=f"s3://{bucket}"))
    there = RemoteArtefacts(Settings(home=tmp_path / "b", artefacts=f"s3://{bucket}"))
    run = published(here)
    s3fs.S3FileSystem().pipe_file(f"{bucket}/runs/{run}/../../evil", b"x")
    with pytest.raises(ArtifactError, match="leads out of its run"):
        there.folder(run)
    assert list(tmp_path.rglob("evil*")) == []


def test_a_damaged_record_is_told(machine):
    here, there = RemoteArtefacts(machine("a")), RemoteArtefacts(machine("b"))
    run = published(here)
    here.store.remove(f"runs/{run}/run.json")
    here.store.add(f"runs/{run}/run.json", b"{")
    with pytest.raises(ArtifactError, match=f"runs/{run}/run.json is damaged"):
        there.entry(run)


# -- what goes where -----------------------------------------------------------------------------------------


def test_what_only_the_work_needs_stays_here_and_progress_is_told(machine):
    events, seen = Events(), []
    here = RemoteArtefacts(machine("a"), events)
    events.listen(seen.append)
    run = here.create("demo")
    folder = here.folder(run)
    write_run(folder, "demo")
    (folder / "trials").mkdir()
    (folder / "trials" / "00001.arrow").write_bytes(b"x")
    (folder / ".report.md.77").write_bytes(b"x")
    here.publish(run)
    files = sorted(here.store.files(f"runs/{run}"))
    assert files == [
        "figures/one.json", "manifest.json", "model/deep/trees.txt", "model/manifest.json", "report.md",
        "run.json", "started.json",
    ]  # fmt: skip
    assert {event.kind for event in seen} == {"upload.progress"}
    total = sum((folder / name).stat().st_size for name in files if name != "run.json")
    assert seen[-1].data == {"source": run, "done": total, "total": total}


def test_two_machines_give_no_run_the_same_id(machine):
    ids = {RemoteArtefacts(machine(name)).create("demo") for name in "abcdefgh"}
    assert len(ids) == 8


def test_a_run_that_was_published_and_not_registered_can_be_taken_up_again(machine):
    here = RemoteArtefacts(machine("a"))
    run = published(here)
    assert here.folder(run) == here.settings.cache / "runs" / run
    assert here.claim(run)
    assert here.folder(run) == here.settings.runs / run
    there = RemoteArtefacts(machine("b"))
    there.folder(run)
    assert not there.claim(run)


def test_two_that_bring_the_same_run_share_the_copy(bucket, tmp_path):
    here, there = (
        RemoteArtefacts(Settings(home=tmp_path / name, artefacts=f"s3://{bucket}")) for name in "ab"
    )
    run = published(here)
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: there.folder(run), range(8)))
    assert set(folders) == {there.settings.cache / "runs" / run}
    assert [path.name for path in (there.settings.cache / "runs").iterdir()] == [run]
