"""Embedding models that a recipe names: of Hugging Face in ONNX, or behind an endpoint."""

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zlib import crc32

import numpy as np
import polars as pl
import pytest

import noria
from noria.backends.embeddings_openai import OpenAiEmbeddings
from noria.backends.endpoint import KEY
from noria.core.deadline import Deadline
from noria.errors import ArtifactError, SourceError, UnreachableError
from noria.settings import Settings
from noria.systems.retrieval.dense import Arrays
from noria.systems.retrieval.embedder import Embedder
from noria.systems.retrieval.options import EmbedderOptions, RetrievalOptions

NAME = "makers/rows"
WORDS = ["[UNK]", "[CLS]", "oak", "wheel", "query", "passage", ":"]
DIMENSIONS = 256


class Endpoint:
    """Speaks as OpenAI's embeddings do: the words of a text, counted by their digests."""

    def __init__(self):
        self.asked, self.faults, self.dimensions = [], [], DIMENSIONS
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append((self.path, dict(self.headers), sent))
                status, body, headers = outer.faults.pop(0) if outer.faults else (200, None, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if body is None:
                    rows = [
                        {"index": at, "embedding": outer.vector(one)} for at, one in enumerate(sent["input"])
                    ]
                    body = json.dumps({"data": rows[::-1]}).encode()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def vector(self, text):
        counts = Counter(crc32(word.encode()) % self.dimensions for word in re.findall(r"\w+", text.lower()))
        return [0.1 + counts[at] for at in range(self.dimensions)]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint():
    made = Endpoint()
    yield made
    made.stop()


@pytest.fixture
def wish(endpoint):
    return EmbedderOptions(endpoint=endpoint.url, model="small", question="query: ", passage="passage: ")


@pytest.fixture
def mirror(tmp_path):
    """A model whose tokens are rows of a table: the first token of every text is the same."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path / "weights" / NAME
    folder.mkdir(parents=True)
    rows = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype(np.float32)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
    states = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, None)
    table = helper.make_tensor("table", TensorProto.FLOAT, rows.shape, rows.ravel())
    node = helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])
    graph = helper.make_graph([node], "rows", [ids], [states], [table])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, folder / "model.onnx")
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    return tmp_path, rows


def of(root, home):
    return Settings(mirror=str(root), home=root / home, offline=True)


def named(root, home):
    return Embedder(of(root, home), wish=EmbedderOptions(model=NAME))


def unit(vector):
    return pytest.approx(vector / np.linalg.norm(vector), abs=1e-3)


def test_tokens_of_a_model_of_the_hub_are_averaged(mirror):
    root, rows = mirror
    embedder = named(root, "a")
    assert embedder.texts(["oak wheel"])[0] == unit(rows[[1, 2, 3]].mean(axis=0))
    assert embedder.texts([]).shape == (0, 0)


def test_the_first_token_counts_where_the_model_says_so(mirror):
    root, rows = mirror
    averaged = named(root, "a")
    told = averaged.to_dict()
    (root / "weights" / NAME / "pooling.json").write_text('{"pooling_mode_cls_token": true}')
    embedder = named(root, "b")
    assert embedder.texts(["oak wheel"])[0] == unit(rows[1])
    assert embedder.name != averaged.name, "vectors of one kind would be taken for the other's"
    assert Embedder.loaded(told, of(root, "b")).texts(["oak"])[0] == unit(rows[[1, 2]].mean(axis=0))


def test_a_model_remembers_which_weights_it_was_made_with(mirror, tmp_path):
    root, _ = mirror
    told = json.loads(json.dumps(named(root, "a").to_dict()))
    path = root / "weights" / NAME / "tokenizer.json"
    path.write_text(path.read_text().replace('"oak"', '"elm"'))
    with pytest.raises(ArtifactError, match=r"tokenizer\.json is not"):
        Embedder.loaded(told, of(root, "a")).question("oak")
    with pytest.raises(SourceError, match="no/such"):
        Embedder(Settings(home=tmp_path, offline=True), wish=EmbedderOptions(model="no/such")).question("oak")


def test_questions_and_passages_are_told_apart(wish, endpoint, tmp_path):
    embedder = Embedder(Settings(home=tmp_path), threads=2, wish=wish)
    found = embedder.texts([f"text {number}" for number in range(130)])
    assert found.shape == (130, DIMENSIONS)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-3)
    assert sorted(len(sent["input"]) for _, _, sent in endpoint.asked) == [2, 64, 64]
    assert found[7] == unit(endpoint.vector("passage: text 7"))
    assert embedder.question("text 7") == unit(endpoint.vector("query: text 7"))
    calls = len(endpoint.asked)
    assert np.array_equal(Embedder(Settings(home=tmp_path), wish=wish).texts(["text 7"])[0], found[7])
    assert len(endpoint.asked) == calls, "it was in the cache"
    path, _, sent = endpoint.asked[0]
    assert path == "/v1/embeddings"
    assert sent["model"] == "small"


def test_no_more_of_a_text_is_sent_than_is_read(wish, endpoint, tmp_path):
    Embedder(Settings(home=tmp_path), wish=wish.model_copy(update={"tokens": 16})).texts(["x" * 1000])
    assert len(endpoint.asked[0][2]["input"][0]) == 64


def test_a_busy_endpoint_is_asked_again(wish, endpoint, tmp_path):
    endpoint.faults = [(429, b"slow down", {"retry-after": "0"}), (503, b"", {"retry-after": "0"})]
    assert Embedder(Settings(home=tmp_path), wish=wish).question("oak") == unit(endpoint.vector("query: oak"))
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "form that is not known"),
        (b'{"data": []}', "form that is not known"),
        (b'{"data": [{"index": 0, "embedding": []}]}', "form that is not known"),
        (b'{"data": [{"index": 0, "embedding": [NaN, 1]}]}', "form that is not known"),
        (b'{"data": [{"index": 0, "embedding": [0, 0]}]}', "without a direction"),
        (b'{"data": [{"index": 0, "embedding": "QUJD"}]}', "form that is not known"),
    ],
)
def test_nonsense_is_one_clear_error(wish, endpoint, tmp_path, body, said):
    endpoint.faults = [(200, body, {})]
    with pytest.raises(UnreachableError, match=said):
        Embedder(Settings(home=tmp_path), wish=wish).question("oak")
    assert not list(tmp_path.rglob("*.npz"))


def test_who_is_not_asked_and_who_does_not_answer(wish, endpoint, tmp_path):
    away = OpenAiEmbeddings(Settings(offline=True), "https://api.example.com/v1", "small")
    with pytest.raises(UnreachableError, match="Noria is offline"):
        away.vectors(["oak"], Deadline(1))
    with pytest.raises(UnreachableError, match="took too long"):
        OpenAiEmbeddings(Settings(), endpoint.url, "small").vectors(["oak"], Deadline(0))
    endpoint.faults = [(401, b"", {})]
    with pytest.raises(UnreachableError, match=f"(?s)wants a key.*{KEY}"):
        Embedder(Settings(home=tmp_path), wish=wish).question("oak")


def test_the_key_goes_to_this_machine(wish, endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY, "secret-key")
    Embedder(Settings(home=tmp_path), wish=wish).question("oak")
    assert endpoint.asked[0][1]["authorization"] == "Bearer secret-key"


def test_vectors_of_other_dimensions_are_refused():
    with pytest.raises(ArtifactError, match="4 dimensions, and 3 in the index"):
        Arrays(np.eye(3, dtype=np.float32)).similar(np.ones(4, dtype=np.float32))


def test_an_endpoint_holds_no_key():
    with pytest.raises(ValueError, match="holds no key"):
        RetrievalOptions(embedder={"endpoint": "https://me:key@api.example.com/v1", "model": "small"})


def test_an_index_of_a_named_model_answers(endpoint, tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    for name in ("pumps", "wheels", "gloves", "ladders"):
        (folder / f"{name}.md").write_text(f"# The {name}\n\nAll {name} are looked after by Ann.\n")
    asked = pl.DataFrame({
        "question": [f"who looks after the {name}" for name in ("pumps", "wheels", "gloves", "ladders") * 4],
        "relevant": [f"{name}.md" for name in ("pumps", "wheels", "gloves", "ladders") * 4],
    })  # fmt: skip
    session = noria.Session(Settings(home=tmp_path / "home"))
    wish = {"embedder": {"endpoint": endpoint.url, "model": "small"}}
    run = noria.train(
        asked, target="relevant", documents=folder, name="pages", learners=["dense"], trials=2,
        options=wish, session=session,
    )  # fmt: skip
    assert next(leader.learner for leader in run.evaluation.leaderboard) == "dense"
    answer = noria.predict("pages", ask="who looks after the gloves", session=session)
    assert answer["documents"][0][0] == "gloves.md"
    endpoint.stop()
    answer = noria.predict("pages", ask="who looks after the ladders now", session=session)
    assert answer["documents"][0][0] == "ladders.md"
    assert "embedding model cannot be reached" in answer["reason"][0]
    assert "found by their words" in answer["reason"][0]
    with pytest.raises(UnreachableError, match="embedding model cannot be reached"):
        noria.predict("pages", [{"question": "who looks after all ladders"}], session=session)
