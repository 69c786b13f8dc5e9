from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest

import noria
from noria._lazy import installed
from noria.settings import Settings


@pytest.fixture
def session(tmp_path) -> noria.Session:
    """A session with a home of its own."""
    return noria.Session(Settings(home=tmp_path / "home", workers=2))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server that lives as long as the tests."""
    if not (installed("s3fs") and installed("moto")):
        pytest.skip("s3fs and moto[server] are needed")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server, monkeypatch) -> str:
    """A new bucket on that server, which the environment leads to."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"noria-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem(use_listings_cache=False).mkdir(name)
    return name


@pytest.fixture(scope="session")
def people() -> Callable[..., pl.DataFrame]:
    """Tables of every type of column with missing values, and a target of two classes, three, or a number."""

    def make(rows: int = 160, target: str = "two", seed: int = 0) -> pl.DataFrame:
        rng = np.random.default_rng(seed)
        age = rng.normal(40, 12, rows).round(2)
        town = rng.choice(["Delft", "Gouda", "Leiden", "Breda"], rows, p=[0.4, 0.3, 0.2, 0.1])
        member = rng.random(rows) < 0.5
        joined = [datetime(2020, 1, 1) + timedelta(hours=int(h)) for h in rng.integers(0, 24 * 900, rows)]
        words = np.array(
            ["late", "good", "parcel", "broken", "thanks", "service", "fast", "again", "box", "door"]
        )
        texts = [" ".join(rng.choice(words, rng.integers(5, 12))) + f" {at}" for at in range(rows)]
        signal = (age - 40) / 12 + 1.5 * (town == "Delft") + member + rng.normal(0, 0.5, rows)
        targets = {
            "two": np.where(signal > 1, "yes", "no"),
            "three": np.array(["high", "low", "mid"])[np.digitize(signal, [0.2, 1.8]) - 1],
            "number": signal.round(6),
        }
        table = pl.DataFrame(
            {
                "age": age,
                "town": town,
                "member": member,
                "joined": joined,
                "remark": texts,
                "y": targets[target],
            }
        )
        holes = {name: rng.random(rows) < 0.1 for name in table.columns if name != "y"}
        return table.with_columns(
            pl.when(pl.Series(hole)).then(None).otherwise(pl.col(name)).alias(name)
            for name, hole in holes.items()
        )

    return make
