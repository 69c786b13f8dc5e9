"""What MLflow calls to run a mirrored model; it needs this package and the model's folder, nothing else.

The module's name stands in every mirrored model (``loader_module`` in ``MLmodel``), so it may not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.core import artifact
from noria.data import sources
from noria.data.conform import conform
from noria.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PyfuncModel"]


class PyfuncModel:
    """A Noria model with the face of MLflow's flavour ``python_function``.

    A feature function in the folder is run without asking: MLflow models are code by design, and whoever
    loads one trusts the server that it comes from. The hashes of the files are checked all the same.

    Parameters
    ----------
    folder : Path
        Of the model.
    """

    def __init__(self, folder: Path) -> None:
        self.model = artifact.load(folder, prepare=conform, trusted=lambda _: True)

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Noria's predictions for these rows; there are no `params`."""
        import pandas as pd

        del params
        rows = sources.read(model_input, settings=Settings())
        return pd.DataFrame(self.model.predict(rows).to_dict(as_series=False))


def _load_pyfunc(data_path: str) -> PyfuncModel:
    """The entry that MLflow looks for in a loader module."""
    return PyfuncModel(Path(data_path))
