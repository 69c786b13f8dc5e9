"""Decision trees of every library, kept as LightGBM model text and run by its C library."""

from noria.methods.trees._fit import FittedTrees
from noria.methods.trees._text import CATEGORICAL, DEFAULT_LEFT, NAN_MISSING, Trees
from noria.methods.trees.predictor import TreePredictor, arrays

__all__ = ["CATEGORICAL", "DEFAULT_LEFT", "NAN_MISSING", "FittedTrees", "TreePredictor", "Trees", "arrays"]
