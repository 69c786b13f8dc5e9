"""What the name of a passenger tells: title, family, marriage."""

from __future__ import annotations

import polars as pl

__all__ = ["passenger_features"]

_TITLES = {
    **dict.fromkeys(("Mr", "Mrs", "Miss", "Master"), None),
    **dict.fromkeys(("Mme", "Madame"), "Mrs"),
    **dict.fromkeys(("Ms", "Mlle"), "Miss"),
    **dict.fromkeys(("Capt", "Captain", "Col", "Colonel", "Major"), "Officer"),
    **dict.fromkeys(("Dr", "Rev"), "Profession"),
    **dict.fromkeys(("Sir", "Lady", "Countess", "Jonkheer"), "Noble"),
}
_NAMESAKES = {
    11: "Sage",
    10: "Andersson",
    8: "Goodwin",
    7: "Asplund",
    6: "Brown, Carter, Ford, Fortune, Johnson, Panula, Rice, Skoog, Williams",
    5: "Carlsson, Davies, Johansson, Kelly, Kink, Lefebre, Paulsson, Ryerson, Smith, Thomas",
    4: "Allison, Baclini, Becker, Boulos, Cacic, Dean, Goldsmith, Gustafsson, Hansen, Harper, Harris, "
    "Hart, Herman, Hocking, Jensen, Johnston, LaRoche, Olsen, Van der Planke, Ware, West",
    3: "Abbott, Bourke, Caldwell, Chapman, Collyer, Compton, Cor, Coutts, Crosby, Daly, Danbom, Davis, "
    "Dodge, Douglas, Drew, Elias, Flynn, Frauenthal, Giles, Graham, Hays, Hickman, Howard, Hoyt, "
    "Jussila, Karlsson, Keane, Khalil, Klasen, Mallet, McCoy, Meyer, Minahan, Moran, Moubarek, "
    "Murphy, Nackid, Navratil, Newell, Nilsson, O'Brien, Olsson, Oreskovic, Peacock, Peter (Joseph), "
    "Quick, Richards, Rosblom, Samaan, Sandstrom, Spedden, Svensson, Taussig, Thayer, Touma "
    "(Thomas), Van Billiard, Van Impe, Warren, Wells, White, Wick, Widener",
}
_BY_SURNAME = {name: float(count) for count, names in _NAMESAKES.items() for name in names.split(", ")}
_AGES = {"infant": 5, "child": 13, "youth": 18, "adult": 35, "middle": 55}


def passenger_features(table: pl.DataFrame) -> pl.DataFrame:
    """Add title, surname, size of the family and age group; leave out the name itself.

    How many passengers share a surname is counted on the whole passenger list and written down here, so that
    a single row gives the same features as a row among others. It says nothing about who survived.

    Parameters
    ----------
    table : Table
        With the columns `name`, as ``"Allen, Miss Elisabeth Walton"``, `class`, `age` in years and `sex`.

    Returns
    -------
    Table
        The same rows.
    """
    name, sex = pl.col("name"), pl.col("sex")
    surname = name.str.split(",").list.first().str.strip_chars()
    word = name.str.extract(r",\s*(?:the\s+)?([A-Za-z]+)")
    known = {word: other or word for word, other in _TITLES.items()}
    guess = pl.when(sex == "female").then(pl.lit("Miss")).otherwise(pl.lit("Mr"))
    title = word.replace_strict(known, default=None, return_dtype=pl.String).fill_null(guess)
    namesakes = surname.replace_strict(_BY_SURNAME, default=1.0, return_dtype=pl.Float64)
    made = table.with_columns(
        surname.alias("surname"),
        title.alias("title"),
        namesakes.alias("namesakes"),
        _age_group(pl.col("age")).alias("age_group"),
        name.str.contains("(", literal=True).alias("own_name_in_brackets"),
    )
    rank = pl.col("class").replace_strict({"1st": 1.0, "2nd": 2.0, "3rd": 3.0}, default=None)
    woman_or_child = (
        (sex == "female") | (pl.col("title") == "Master") | (pl.col("age") < 13).fill_null(value=False)
    )
    return made.with_columns(
        rank.alias("rank"),
        woman_or_child.alias("woman_or_child"),
        pl.concat_str(pl.col("title"), pl.lit(" "), pl.col("class")).alias("title_and_class"),
        pl.when(pl.col("namesakes") > 1).then(pl.col("surname")).otherwise(pl.lit("alone")).alias("family"),
    ).drop("name", "surname")


def _age_group(age: pl.Expr) -> pl.Expr:
    """The age in words; unknown is a group of its own."""
    group = pl.when(age.is_null()).then(pl.lit("unknown"))
    for label, below in _AGES.items():
        group = group.when(age < below).then(pl.lit(label))
    return group.otherwise(pl.lit("old"))
