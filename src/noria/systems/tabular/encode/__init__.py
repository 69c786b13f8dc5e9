"""Typed tables and single rows become float32 matrices, by the same fitted code."""

from noria.systems.tabular.encode.encoder import Encoder

__all__ = ["Encoder"]
