from __future__ import annotations

import pytest

from noria.backends.keys_sql import SqlKeys
from noria.core.serving import Verb
from noria.errors import AccessError, ForbiddenError, NotFoundError, ParamError
from noria.lifecycle.keys import Keyring, check, create, revoke
from noria.settings import Settings


@pytest.fixture
def keys(tmp_path) -> SqlKeys:
    return SqlKeys(Settings(home=tmp_path))


def test_a_key_is_kept_nowhere(keys, tmp_path):
    line, text = create(keys, "ann", ["titanic"], ["predict"])
    assert len(text) == len("noria_") + 8 + 1 + 43
    for file in tmp_path.glob("state.db*"):
        assert text.encode() not in file.read_bytes()
        assert text[-43:].encode() not in file.read_bytes()
    assert "digest" not in line.to_dict()
    assert keys.all() == [line]


def test_every_key_is_another_one(keys):
    made = [create(keys, "ann") for _ in range(5)]
    assert len({text for _, text in made}) == len({line.id for line, _ in made}) == 5
    ring = Keyring(keys)
    assert [ring.caller(text).id for _, text in made] == [line.id for line, _ in made]
    assert len(ring) == 5


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"name": " "}, "A key has the name of who uses it.\n  do:  Run: noria keys create --name ci"),
        ({"name": "a", "verbs": ["predikt"]}, "There is no verb 'predikt'.\n  do:  Did you mean 'predict'?"),
    ],
)
def test_keys_that_cannot_be(keys, wish, said):
    with pytest.raises(ParamError) as caught:
        create(keys, **wish)
    assert str(caught.value) == said


def test_a_key_is_revoked_by_its_id_or_all_of_a_name(keys):
    first, _ = create(keys, "ann")
    create(keys, "bob"), create(keys, "bob")
    assert [key.id for key in revoke(keys, first.id)] == [first.id]
    when = keys.all()[0].revoked
    assert len(revoke(keys, "bob")) == 2
    revoke(keys, first.id)
    assert keys.all()[0].revoked == when, "the moment of the first time stays"
    assert len(Keyring(keys)) == 0
    with pytest.raises(NotFoundError) as caught:
        revoke(keys, "bib")
    assert caught.value.do == "Did you mean 'bob'?"


def test_a_ring_learns_when_it_is_refreshed(keys):
    ring = Keyring(keys)
    line, text = create(keys, "ann")
    with pytest.raises(AccessError, match="The key is not known"):
        ring.caller(text)
    ring.refresh()
    assert ring.caller(text) == line


def test_what_a_key_is_for(keys):
    line, _ = create(keys, "ann", ["titanic"], ["predict"])
    check(None, "titanic", Verb.ADMIN)
    check(line, "titanic", Verb.PREDICT)
    check(line, None, Verb.PREDICT)
    with pytest.raises(ForbiddenError) as caught:
        check(line, "titanic", Verb.EXPLAIN)
    assert str(caught.value) == f"The key {line.id} (ann) is not for explain.\n  got: for predict"
    with pytest.raises(ForbiddenError) as caught:
        check(line, "churn", Verb.PREDICT)
    assert str(caught.value) == f"The key {line.id} (ann) is not for 'churn'.\n  got: for titanic"
    everything, _ = create(keys, "bob")
    check(everything, "anything", Verb.FEEDBACK)
    with pytest.raises(ForbiddenError):
        check(everything, None, Verb.ADMIN)
