"""What ``noria serve`` refuses and teaches; services themselves are in tests/server."""

from __future__ import annotations

import pytest

from noria.cli.serve import _show
from noria.server.run import Address


def test_help_teaches(noria):
    said = noria("serve", "--help").out
    for option in (
        "--workers",
        "--split",
        "--by",
        "--shadow",
        "--log-share",
        "--mask",
        "--watch",
        "--keys",
        "--public",
        "--allow-host",
    ):
        assert option in said
    assert "curl localhost:8000/v1/models/titanic/predict" in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["pest"], 4, "There is no model 'pest'."),
        (["pets@9"], 4, "There is no version 9 of 'pets'."),
        (["pets", "pets@1"], 2, "The model 'pets' is named twice."),
        (["pets", "--mask", "wieght"], 2, "No served model has a field 'wieght' to mask."),
        (["pets", "--split", "challenger=2"], 2, "A share is a number above 0, up to 1."),
        (["pets", "--host", "192.0.2.1"], 2, "A service on 192.0.2.1 needs keys, and there is no valid one."),
        (["pets", "--keys"], 2, "A service on 127.0.0.1 needs keys, and there is no valid one."),
        (["pets", "--keys", "--public"], 2, "A service that is public asks for no keys."),
        (["pets", "--log-share", "2"], 2, "Invalid value for '--log-share'"),
    ],
)
def test_what_is_refused(trained, arguments, code, said):
    done = trained("serve", *arguments, "--port", "0")
    assert (done.code, done.out) == (code, "")
    assert said in done.err


def test_what_is_shown_once_it_is_ready(capsys):
    _show(Address("http://127.0.0.1:8000", ("titanic", "churn"), 4), as_json=False)
    assert capsys.readouterr().out == (
        "Serving at http://127.0.0.1:8000 with 4 workers; Ctrl-C ends it.\n\n"
        "titanic      http://127.0.0.1:8000/v1/models/titanic/predict\n"
        "churn        http://127.0.0.1:8000/v1/models/churn/predict\n"
        "pages        http://127.0.0.1:8000/\n"
        "description  http://127.0.0.1:8000/openapi.json\n"
        "health       http://127.0.0.1:8000/health\n"
    )
