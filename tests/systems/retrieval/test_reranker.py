import json
import shutil

import numpy as np
import polars as pl
import pytest

import noria
from noria.core.protocol import Task
from noria.core.schema import Column, Role, Schema, Type
from noria.errors import ArtifactError, SourceError
from noria.settings import Settings
from noria.systems.retrieval import RetrievalSystem
from noria.systems.retrieval.embedder import Embedder, usable
from noria.systems.retrieval.options import RetrievalOptions
from noria.systems.retrieval.reranker import Reranker

onnx = pytest.importorskip("onnx")
pytest.importorskip("tokenizers")
pytest.importorskip("onnxruntime")
NAME = "makers/counts-oak"
WORDS = ["[UNK]", "[SEP]", "oak", "wheel", "water", "lifts", "zinc"]


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """A cross-encoder that answers every question with texts about oak."""
    root = tmp_path_factory.mktemp("mirror")
    folder = root / "weights" / NAME
    folder.mkdir(parents=True)
    _model(folder / "model.onnx", [[1]])
    _tokenizer(folder / "tokenizer.json")
    return root


def _model(path, shape):
    from onnx import TensorProto, helper

    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
    mask = helper.make_tensor_value_info("attention_mask", TensorProto.INT64, [1, "tokens"])
    logit = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    constants = [
        helper.make_tensor("oak", TensorProto.INT64, [1], [WORDS.index("oak")]),
        helper.make_tensor("axes", TensorProto.INT64, [1], [1]),
        helper.make_tensor("shape", TensorProto.INT64, [2], [1, -1] if shape is None else [1, 1]),
    ]
    nodes = [
        helper.make_node("Equal", ["input_ids", "oak"], ["is"]),
        helper.make_node("Cast", ["is"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["seen"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["number", "seen"], ["both"]),
        *([] if shape is None else [helper.make_node("ReduceSum", ["both", "axes"], ["sum"], keepdims=1)]),
        helper.make_node("Reshape", ["both" if shape is None else "sum", "shape"], ["logits"]),
    ]
    graph = helper.make_graph(nodes, "counts", [ids, mask], [logit], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, path)


def _tokenizer(path):
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A [SEP] $B:1", special_tokens=[("[SEP]", 1)]
    )
    tokenizer.save(str(path))


def test_texts_are_read_with_the_question(mirror):
    scores = Reranker(NAME, Settings(mirror=str(mirror))).scores(
        "which wheel", ["of zinc", "of oak", "oak oak"]
    )
    assert scores == pytest.approx(1 / (1 + np.exp([0.0, -1.0, -2.0])))


def test_weights_that_were_exchanged_since_are_refused(mirror, tmp_path):
    told = Reranker(NAME, Settings(mirror=str(mirror))).to_dict()
    assert json.loads(json.dumps(told)) == told
    shutil.copytree(mirror / "weights", tmp_path / "weights")
    _model(tmp_path / "weights" / NAME / "model.onnx", None)
    other = Settings(mirror=str(tmp_path))
    with pytest.raises(ArtifactError, match=r"model\.onnx is not model\.onnx of makers/counts-oak"):
        Reranker(NAME, other, told["known"]).scores("which wheel", ["oak"])
    with pytest.raises(ArtifactError, match=r"is no cross-encoder\.\n  got: an output of shape \(1, 4\)"):
        Reranker(NAME, other).scores("which wheel", ["oak"])


def test_weights_that_cannot_be_had_are_one_error(tmp_path):
    with pytest.raises(SourceError, match="neither in the mirror nor in the cache, and Noria is offline"):
        Reranker("no/such", Settings(home=tmp_path, offline=True)).scores("x", ["y"])


def test_the_learner_is_offered_where_a_cross_encoder_is_named():
    schema = Schema((Column("question", Type.TEXT), Column("relevant", Type.TEXT, Role.TARGET)), rows=9)
    for options, offered in ((None, False), (RetrievalOptions(reranker=NAME), usable())):
        names = [one.name for one in RetrievalSystem(schema, Task.QUESTION_ANSWERING, options).learners()]
        assert ("reranked" in names) == offered


def test_the_first_places_are_ordered_anew_and_so_they_are_once_loaded(mirror, tmp_path, monkeypatch):
    settings = Settings(home=tmp_path, mirror=str(mirror), offline=True, workers=1)
    try:
        Embedder(settings).question("ready")
    except SourceError as error:
        pytest.skip(str(error))
    pages = {f"page-{at}": f"The wheel number {at} lifts water." for at in range(12)} | {
        "oak": "Some oak, and a wheel that lifts water."
    }
    table = pl.DataFrame({"document": list(pages), "text": list(pages.values())})
    asked = pl.DataFrame({"question": [f"wheel {at} water" for at in range(12)], "relevant": ["oak"] * 12})
    session = noria.Session(settings)
    run = noria.train(
        asked, "relevant", documents=table, name="oak", learners=["reranked"], trials=2, folds=2,
        budget="60s", options={"reranker": NAME}, session=session,
    )  # fmt: skip
    assert run.model.predict(asked)["documents"].list.first().unique().to_list() == ["oak"]
    monkeypatch.setenv("NORIA_MIRROR", str(mirror))
    again = noria.load("oak", session=session)
    assert again.predict(asked)["documents"].to_list() == run.model.predict(asked)["documents"].to_list()
