"""A registered model as a service, whatever carries the requests: endpoints, group commit, the desk."""

from __future__ import annotations

from noria.lifecycle.serve.commit import GroupCommit
from noria.lifecycle.serve.desk import Answers, Desk
from noria.lifecycle.serve.endpoint import Endpoint, Serving

__all__ = ["Answers", "Desk", "Endpoint", "GroupCommit", "Serving"]
