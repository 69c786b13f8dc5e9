"""What the target of a question says: which documents are relevant, and how much."""

from __future__ import annotations

from collections.abc import Mapping

from noria.errors import TargetError

__all__ = ["NOWHERE", "judged"]

NOWHERE = "not in the documents"


def judged(target: str | None) -> Mapping[str, float]:
    """The grade of each relevant document; none where the answer is not in the documents.

    Parameters
    ----------
    target : str
        ``"a.md; b.md=3"``: names with grades, 1 unless told; or ``"not in the documents"``.

    Raises
    ------
    TargetError
        If a grade is not a positive number.

    Examples
    --------
    >>> judged("a.md; b.md=3")
    {'a.md': 1.0, 'b.md': 3.0}
    """
    text = (target or "").strip()
    if not text or text == NOWHERE:
        return {}
    grades = {}
    for part in text.split(";"):
        name, equals, grade = part.strip().rpartition("=")
        if not equals:
            name, grade = part.strip(), "1"
        try:
            grades[name.strip()] = float(grade)
        except ValueError as error:
            raise TargetError(
                "A relevant document has a grade that is not a number.",
                got=repr(part.strip()),
                do="Write NAME or NAME=GRADE, several with ';' in between.",
            ) from error
    return {name: grade for name, grade in grades.items() if name and grade > 0}
