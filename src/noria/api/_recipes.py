"""The recipes that come with Noria, and those that a path names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.errors import NotFoundError, suggestion

if TYPE_CHECKING:
    from noria.core.recipe import Recipe

__all__ = ["find_recipe", "recipes", "shipped"]


def recipes() -> list[Recipe]:
    """The shipped recipes, by name.

    Examples
    --------
    >>> "iris" in [recipe.name for recipe in recipes()]
    True
    """
    from noria.core.recipe import Recipe

    return [Recipe.read(folder) for folder in shipped().values()]


def find_recipe(recipe: str | Path | Recipe | Mapping[str, Any]) -> Recipe:
    """The recipe that a name, a path or a mapping stands for.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    from noria.core.recipe import Recipe

    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Mapping):
        return Recipe.parse(recipe, folder=Path())
    path = Path(recipe)
    if (path / "recipe.yaml").is_file() or path.suffix in (".yaml", ".yml"):
        return Recipe.read(path)
    known = shipped()
    if str(recipe) in known:
        return Recipe.read(known[str(recipe)])
    raise NotFoundError(f"There is no recipe {str(recipe)!r}.", do=suggestion(str(recipe), known))


def shipped() -> dict[str, Path]:
    """The folders of the shipped recipes by name."""
    root = Path(str(resources.files("noria"))) / "recipes"
    return {path.name: path for path in sorted(root.iterdir()) if (path / "recipe.yaml").is_file()}
