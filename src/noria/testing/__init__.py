"""What proves a system or a backend right; shipped, so that third parties can use it on their own."""

from noria.testing.artefacts_contract import ArtefactsContract
from noria.testing.check import Check, CheckFailed, check_system, checks
from noria.testing.predictions_contract import PredictionLogContract
from noria.testing.state_contract import StateContract
from noria.testing.tiny_language import write_gguf
from noria.testing.toy import Problem, problems
from noria.testing.vectors_contract import VectorsContract

__all__ = [
    "ArtefactsContract",
    "Check",
    "CheckFailed",
    "PredictionLogContract",
    "Problem",
    "StateContract",
    "VectorsContract",
    "check_system",
    "checks",
    "problems",
    "write_gguf",
]
