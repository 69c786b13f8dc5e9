"""Short answers: by rules, by a model of ONNX, and how they are judged."""

import polars as pl
import pytest

from noria.errors import ArtifactError
from noria.settings import Settings
from noria.systems.retrieval.hub import HubModel
from noria.systems.retrieval.metrics import metrics
from noria.systems.retrieval.reader import RuleReader, TunedReader, loaded
from noria.systems.retrieval.spans import exact, f1
from noria.systems.retrieval.target import judged, true_answers

TEXTS = [
    "The Panthers defense gave up just 308 points in 2015. Their coach was Ron Rivera of California.",
    "The summer theatre was in operation from 1870 to 1939.",
]
NAME = "makers/starts-and-ends"
WORDS = ["[UNK]", "[SEP]", "from", "to", "which", "years"]


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ("How many points did the defense give up?", "308"),
        ("Who was the coach of the Panthers?", "Ron Rivera of California"),
        ("In what year did the defense give up points?", "2015"),
        ("When was the theatre in operation?", "1870"),
        ("What did the Panthers have?", "just 308 points"),
    ],
)
def test_rules_cut_what_the_question_asks_for(question, span):
    reader = RuleReader()
    assert reader.read(question, TEXTS) == span
    assert reader.to_dict() == {"model": None}


@pytest.mark.parametrize("texts", [[], [""], ["?!"], ["the of"]])
def test_rules_find_nothing_where_nothing_is(texts):
    assert RuleReader().read("When was it?", texts) == ""


@pytest.mark.parametrize(
    ("said", "answers", "same", "overlap"),
    [
        ("The Panthers.", ["panthers"], 1, 1),
        ("308 points", ["308"], 0, 2 / 3),
        ("308", ["points", "308"], 1, 1),
        ("", ["308"], 0, 0),
        ("a", ["the"], 1, 1),
        ("x", [], 0, 0),
    ],
)
def test_answers_are_judged_as_squad_does(said, answers, same, overlap):
    assert exact(said, answers) == same
    assert f1(said, answers) == pytest.approx(overlap)


def test_questions_without_a_short_answer_do_not_count():
    truth = pl.DataFrame({"relevant": ["a :: 308 | 308 points", "b", "not in the documents"]})
    found, ranked = [True, True, False], [["a"], ["b"], []]
    said = pl.DataFrame({"span": ["308", "x", ""], "found": found, "documents": ranked})
    scores = {one.name: one.bind(truth, said)(None) for one in metrics("relevant", short=True)}
    assert (scores["exact_match"], scores["f1"], scores["decided"]) == (1, 1, 1)
    assert judged("a=2; b :: 308") == {"a": 2.0, "b": 1.0}
    assert true_answers("a") == []


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    """A reader whose answers begin at "from" and end at "to"."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("tokenizers")
    pytest.importorskip("onnxruntime")
    from onnx import TensorProto, helper
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    root = tmp_path_factory.mktemp("mirror")
    folder = root / "weights" / NAME
    folder.mkdir(parents=True)
    names = ("starts", "ends")
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])
    logits = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "tokens"]) for name in names]
    marks = [
        helper.make_tensor(f"{name}_at", TensorProto.INT64, [1], [at]) for at, name in zip((2, 3), names)
    ]
    nodes = [
        node
        for name in names
        for node in (
            helper.make_node("Equal", ["input_ids", f"{name}_at"], [f"is_{name}"]),
            helper.make_node("Cast", [f"is_{name}"], [name], to=TensorProto.FLOAT),
        )
    ]
    graph = helper.make_graph(nodes, "reads", [ids], logits, marks)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, folder / "model.onnx")
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A [SEP] $B:1", special_tokens=[("[SEP]", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return Settings(mirror=str(root))


def test_a_tuned_reader_takes_the_best_span_of_the_text_and_none_of_the_question(mirror):
    reader = TunedReader(NAME, mirror)
    assert reader.read("from which years to", ["nothing here", "open from 1870 to 1939"]) == "from 1870 to"
    again = loaded(reader.to_dict(), mirror)
    assert again.read("which years", ["open from 1870 to 1939"]) == "from 1870 to"
    assert loaded(None, mirror) is None
    assert isinstance(loaded({"model": None}, mirror), RuleReader)


def test_a_model_that_is_no_reader_is_refused(mirror, monkeypatch):
    whole = HubModel.run
    monkeypatch.setattr(HubModel, "run", lambda *asked: (whole(*asked)[0][:1], None))
    with pytest.raises(ArtifactError, match="is no reader"):
        TunedReader(NAME, mirror).read("which", ["open from 1870"])
