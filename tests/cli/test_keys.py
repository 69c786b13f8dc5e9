from __future__ import annotations

import json
import re


def test_a_life_of_a_key(trained):
    made = trained(
        "keys", "create", "--name", "ci", "--model", "pets", "--verbs", "predict", "--expires", "30d"
    )
    assert made.code == 0
    assert re.fullmatch(r"noria_[0-9a-f]{8}_[\w-]{43}\n", made.out)
    number = made.out.split("_")[1]
    assert made.err == (
        "\nKeep it: it cannot be shown again. Send it as the header  Authorization: Bearer KEY\n"
        f"To take it back:  noria keys revoke {number}\n"
    )
    listed = trained("keys", "list").out
    assert made.out.strip() not in listed
    assert re.search(rf"{number}  ci +pets +predict  valid", listed)
    (told,) = json.loads(trained("keys", "list", "--json").out)
    assert (told["id"], told["verbs"], told["state"]) == (number, ["predict"], "valid")
    assert trained("keys", "revoke", "ci").out == f"Revoked: {number} (ci)\n"
    assert json.loads(trained("keys", "list", "--json").out)[0]["state"] == "revoked"


def test_as_json(noria):
    told = json.loads(noria("keys", "create", "--name", "ci", "--json").out)
    assert told["key"].startswith(f"noria_{told['id']}_")
    assert told["verbs"] == ["predict", "explain", "feedback"]
    assert "digest" not in told


def test_none_yet(noria):
    assert noria("keys", "list").out == "There are no keys yet. Make one with:  noria keys create --name me\n"
    assert noria("keys", "list", "--json").out == "[]\n"


def test_what_cannot_be(noria):
    done = noria("keys", "create", "--name", "ci", "--verbs", "red")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: There is no verb 'red'.")
    done = noria("keys", "create", "--name", "ci", "--model", "nope")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("error: There is no model 'nope'.")
    assert noria("keys", "list", "--json").out == "[]\n"
    done = noria("keys", "revoke", "nobody")
    assert (done.code, done.err) == (4, "error: There is no key 'nobody'.\n  do:  There are none yet.\n")


def test_without_arguments_it_helps(noria):
    assert "revoke" in noria("keys").err + noria("keys").out
    assert "--expires" in noria("keys", "create", "--help").out
