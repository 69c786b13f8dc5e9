import pytest

import noria
from noria.data import documents, sources
from noria.errors import SourceError
from noria.settings import Settings

CRANFIELD = {
    "cran.all.1400.xml": "<doc><docno>1</docno><title>wings .</title><text>wings .\nlift so .</text></doc>\n"
    "<doc><docno>2</docno><title>tails .</title><text></text></doc>",
    "cran.qry.xml": "<?xml version='1.0'?><xml><top><num> 7</num><title>\nwhat lifts\n</title></top>"
    "<top><num> 9</num><title>nothing</title></top></xml>",
    "cranqrel.trec.txt": "1 0 1 1\n1 0 2 3\n2 0 1 0\n",
}


@pytest.fixture
def settings(tmp_path):
    folder = tmp_path / "cranfield"
    folder.mkdir()
    for name, text in CRANFIELD.items():
        (folder / name).write_text(text)
    return Settings(home=tmp_path / "home", mirror=str(tmp_path), offline=True)


def test_questions_are_judged_by_their_order_in_the_file(settings):
    table = sources.read("collection:cranfield", settings=settings)
    assert table.rows() == [("what lifts", "1; 2=3")]


def test_a_text_does_not_repeat_its_title(settings):
    table, _ = documents.read("collection:cranfield", settings=settings)
    assert table.select("document", "title", "text").rows() == [
        ("1", "wings .", "lift so ."),
        ("2", "tails .", "tails ."),
    ]


def test_an_unknown_collection_offers_the_nearest():
    with pytest.raises(SourceError, match=r"no collection 'cranfeld'.*\n.*'cranfield'"):
        sources.read("collection:cranfeld", settings=Settings())


@pytest.mark.parametrize(
    ("name", "pages", "asked", "judgements"), [("cranfield", 1_400, 225, 1_612), ("cacm", 3_204, 52, 796)]
)
def test_the_real_ones(name, pages, asked, judgements):
    settings = noria.Settings()
    if settings.mirror is None:
        pytest.skip("needs the network, or a mirror that NORIA_MIRROR names")
    offline = settings.model_copy(update={"offline": True})
    questions = sources.read(f"collection:{name}", settings=offline)
    table, _ = documents.read(f"collection:{name}", settings=offline)
    assert table["document"].n_unique() == table.height == pages
    assert questions.height == asked
    assert questions["relevant"].str.split(";").list.len().sum() == judgements
