"""A registered model as a service, whatever carries the requests: endpoints, group commit, the desk."""

from __future__ import annotations

from noria.lifecycle.serve.commit import GroupCommit
from noria.lifecycle.serve.desk import Answers, Desk
from noria.lifecycle.serve.endpoint import Endpoint
from noria.lifecycle.serve.limits import Limits
from noria.lifecycle.serve.lines import Privacy, request_id
from noria.lifecycle.serve.serving import Serving
from noria.lifecycle.serve.traffic import Traffic
from noria.lifecycle.serve.watch import Watch

__all__ = [
    "Answers",
    "Desk",
    "Endpoint",
    "GroupCommit",
    "Limits",
    "Privacy",
    "Serving",
    "Traffic",
    "Watch",
    "request_id",
]
