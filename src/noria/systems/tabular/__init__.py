"""Tables of numbers, categories, booleans, dates and short text: classification and regression."""

from noria.systems.tabular.system import TabularSystem

__all__ = ["TabularSystem"]
