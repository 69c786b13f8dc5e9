"""Runs and histories in a store: a folder, memory, and a real S3 server."""

from __future__ import annotations

import uuid

import pytest

from noria.settings import Settings
from noria.testing import ArtefactsContract


@pytest.fixture(params=["s3", "file", "memory"])
def url(request, tmp_path) -> str:
    """The address of an empty store."""
    if request.param == "s3":
        return f"s3://{request.getfixturevalue('bucket')}/team/noria"
    if request.param == "file":
        return str(tmp_path / "share")
    return f"memory://noria-{uuid.uuid4().hex}"


@pytest.fixture
def machine(tmp_path, url):
    """The settings of a machine, by its name."""
    return lambda name: Settings(home=tmp_path / name, artefacts=url)


class TestContract(ArtefactsContract):
    backend = "remote"
