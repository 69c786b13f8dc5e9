"""Decision trees of every library, kept as LightGBM model text and run by its C library."""

from noria.methods.trees.predictor import TreePredictor

__all__ = ["TreePredictor"]
