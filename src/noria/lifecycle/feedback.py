"""What predictions should have been, as far as it can be."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from noria.core.ports import PredictionLog
from noria.core.schema import Type
from noria.core.serving import Label, Outcome
from noria.core.signature import Signature
from noria.data.conform import FALSE_WORDS, TRUE_WORDS

__all__ = ["tell"]

_WORDS = {**dict.fromkeys(TRUE_WORDS, "true"), **dict.fromkeys(FALSE_WORDS, "false")}


def tell(
    log: PredictionLog,
    name: str,
    signatures: Sequence[Signature],
    labels: Sequence[Label],
    *,
    replace: bool = False,
) -> list[Outcome]:
    """Keep what predictions of a model should have been; what became of each label, in their order.

    Parameters
    ----------
    log : PredictionLog
    name : str
        Of the model.
    signatures : sequence of Signature
        Of its versions; a label that none of them could have predicted is not kept.
    labels : sequence of Label
    replace : bool
        Whether a label may take the place of another one that was told before.
    """
    read = [_read(label, signatures) for label in labels]
    kept = iter(log.tell(name, [one for one in read if isinstance(one, Label)], replace=replace))
    return [next(kept) if isinstance(one, Label) else one for one in read]


def _read(label: Label, signatures: Sequence[Signature]) -> Label | Outcome:
    """A label as predictions are written, or what is wrong with it."""
    if all(signature.outputs[0].type is Type.NUMBER for signature in signatures):
        return _number(label)
    known = {one for signature in signatures for one in signature.classes}
    return _class(label, known) if known else label


def _number(label: Label) -> Label | Outcome:
    value = json.loads(label.label)
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (ValueError, OverflowError):
        return Outcome.NO_NUMBER
    if not math.isfinite(number):
        return Outcome.NO_NUMBER
    return Label.of(label.id, number, label.when, label.caller) if isinstance(value, str) else label


def _class(label: Label, known: set[str]) -> Label | Outcome:
    value = json.loads(label.label)
    text = value.strip() if isinstance(value, str) else label.label
    if known == {"true", "false"}:
        text = _WORDS.get(text.lower(), text)
    return Label.of(label.id, text, label.when, label.caller) if text in known else Outcome.NO_CLASS
