"""URLs, cache, mirror, hubs and object stores, against real servers on loopback."""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import polars as pl
import pytest

from noria._lazy import installed
from noria.core.events import Events
from noria.data import documents
from noria.data.sources import read
from noria.errors import MissingExtraError, SourceError, StorageError
from noria.settings import Settings

CSV = b"a,b\n1,x\n2,y\n"


class _Server:
    """A web server of pages by path, with headers that every answer has; `asked` is what clients wanted."""

    def __init__(self):
        self.pages, self.asked, self.headers = {}, [], {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                status, body, length, kind = outer.pages.get(self.path, (404, b"none", None, None))
                known = [self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")]
                if outer.headers and known == [outer.headers.get("ETag"), outer.headers.get("Last-Modified")]:
                    status, body, length, kind = 304, b"", None, None
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                if kind is not None:
                    self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def put(self, path, body, status=200, length=None, kind=None):
        self.pages[path] = (status, body, length, kind)


@pytest.fixture
def server():
    made = _Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", mirror=None, offline=False)


def _parquet(tmp_path, frame):
    frame.write_parquet(tmp_path / "made.parquet")
    return (tmp_path / "made.parquet").read_bytes()


def test_url_is_downloaded_once_and_progress_is_told(server, settings):
    server.put("/a/t.csv", CSV)
    events, seen = Events(), []
    events.listen(seen.append)
    url = f"{server.url}/a/t.csv"
    assert read(url, settings=settings, events=events).rows() == [(1, "x"), (2, "y")]
    assert [(event.kind, event.data) for event in seen] == [
        ("download.progress", {"source": url, "done": len(CSV), "total": len(CSV)})
    ]
    assert read(url, settings=settings).height == 2
    assert read(url, settings=settings.model_copy(update={"offline": True})).height == 2
    assert server.asked == ["/a/t.csv"]
    assert [path.name for path in settings.cache.rglob("*") if path.is_file()] == ["t.csv"]


def _heard():
    events, seen = Events(), []
    events.listen(lambda event: seen.append(event) if event.kind == "copy.used" else None)
    return events, seen


@pytest.mark.parametrize("validators", [("ETag",), ("Last-Modified",), ("ETag", "Last-Modified")])
def test_a_copy_is_used_until_its_server_has_another(server, settings, validators):
    events, seen = _heard()
    url = f"{server.url}/t.csv"
    for rows, version in ((1, "Sat, 01 Nov 2025 00:00:00 GMT"), (2, "Sun, 02 Nov 2025 00:00:00 GMT")):
        server.put("/t.csv", b"a\n" + b"1\n" * rows)
        server.headers = dict.fromkeys(validators, version)
        assert read(url, settings=settings, events=events).height == rows
        server.put("/t.csv", b"must not be sent", status=500)
        assert read(url, settings=settings, events=events).height == rows
    assert seen == []
    assert len(server.asked) == 4


def test_a_copy_of_which_nobody_says_whether_it_has_changed_is_told(server, settings):
    events, seen = _heard()
    url = f"{server.url}/t.csv"
    server.put("/t.csv", CSV)
    read(url, settings=settings, events=events)
    copy = next(path for path in settings.cache.rglob("t.csv"))
    os.utime(copy, (0, time.time() - 7 * 86_400))
    server.put("/t.csv", b"a\n1\n")
    assert read(url, settings=settings, events=events).height == 2
    off = settings.model_copy(update={"offline": True})
    assert read(url, settings=off, events=events, fresh=True).height == 2
    server.put("/t.csv", b"<html>Sign in", status=200)
    assert read(url, settings=settings, events=events, fresh=True).height == 2
    server.http.shutdown()
    server.http.server_close()
    assert read(url, settings=settings, events=events, fresh=True).height == 2
    why = [
        f"The server of {url} does not say whether it has changed.",
        f"{url} was not looked at, for Noria is offline.",
        f"{url} is a web page, not data.",
        f"{url} cannot be reached ([Errno 111] Connection refused).",
    ]
    said = [event.data["what"] for event in seen]
    assert said == [f"{one} The copy of 7 days ago was read." for one in why]
    assert min(event.data["age"] for event in seen) >= 7 * 86_400


def test_fresh_data_are_fetched_anew(server, settings):
    url = f"{server.url}/t.csv"
    server.put("/t.csv", CSV)
    assert read(url, settings=settings).height == 2
    server.put("/t.csv", CSV + b"3,z\n")
    assert read(url, settings=settings, fresh=True).height == 3
    assert read(url, settings=settings).height == 3


@pytest.mark.parametrize("path", ["/export?format=csv", "/data.php", "/"])
def test_url_without_an_extension(server, settings, path):
    server.put(path, CSV)
    assert read(server.url + path, settings=settings).height == 2


def test_url_without_an_extension_of_another_format(server, settings, tmp_path):
    server.put("/download", _parquet(tmp_path, pl.DataFrame({"a": [1]})))
    assert read(f"{server.url}/download", settings=settings).rows() == [(1,)]


def test_url_errors_leave_nothing_behind(server, settings):
    server.put("/cut.csv", CSV, length=len(CSV) + 10)
    server.put("/page.csv", b"<!DOCTYPE html><p>Sign in</p>")
    server.put("/down.csv", b"", status=503)
    for path, text in [
        ("/none.csv", "{url} cannot be read.\n  got: HTTP 404 Not Found"),
        ("/down.csv", "{url} cannot be read.\n  got: HTTP 503 Service Unavailable"),
        ("/cut.csv", "{url} was cut short.\n  got: 12 of 22 bytes\n  do:  Try again."),
        ("/page.csv", "{url} is a web page, not data.\n  do:  Use the address of the file itself."),
    ]:
        url = server.url + path
        with pytest.raises(SourceError) as caught:
            read(url, settings=settings)
        assert str(caught.value) == text.format(url=url)
    assert [path for path in settings.cache.rglob("*") if path.is_file()] == []


def test_a_url_may_hold_any_letters_and_blanks(server, settings):
    server.put("/donn%C3%A9es/a%20b%2F.csv?ville=K%C3%B6ln&q=1%25", CSV)
    url = f"{server.url}/données/a b%2F.csv?ville=Köln&q=1%25"
    assert read(url, settings=settings).height == 2


@pytest.mark.parametrize("url", ["https://[::1", "https://a..ü/t.csv", "http://localhost:many/t.csv"])
def test_a_url_that_is_none_is_one_error(settings, url):
    with pytest.raises(SourceError) as caught:
        read(url, settings=settings)
    assert url in str(caught.value)


def test_no_error_and_no_event_tells_a_secret_of_a_url(server, settings):
    server.put("/t.csv?token=hidden", b"a,b\n1\n")
    events, heard = Events(), []
    events.listen(heard.append)
    for url in (
        f"{server.url}/t.csv?token=hidden",
        f"{server.url}/none.csv?token=hidden",
        server.url.replace("//", "//ann:hidden@") + "/t.csv",
        "http://127.0.0.1:1/t.csv?token=hidden",
        "https://[::1?token=hidden",
        "nosuch://ann:hidden@host/t.csv",
    ):
        with pytest.raises(SourceError) as caught:
            read(url, settings=settings, events=events)
        assert "hidden" not in str(caught.value)
    assert heard
    assert "hidden" not in str([event.data for event in heard])


def test_errors_in_the_data_name_the_url(server, settings):
    server.put("/t.csv", b"a,b\n1\n")
    with pytest.raises(SourceError, match=f"^{server.url}/t.csv, line 2: the header has 2 fields"):
        read(f"{server.url}/t.csv", settings=settings)


def test_unreachable_and_offline(server, settings):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(SourceError, match="cannot be reached"):
        read(f"{server.url}/t.csv", settings=settings)
    off = settings.model_copy(update={"offline": True})
    for source in (f"{server.url}/t.csv", "openml:31", "hf:user/set", "memory://t.csv"):
        with pytest.raises(SourceError, match="Noria is offline"):
            read(source, settings=off)


def test_cache_that_cannot_be_written(server, tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    server.put("/t.csv", CSV)
    with pytest.raises(StorageError, match="cannot be written"):
        read(f"{server.url}/t.csv", settings=Settings(home=tmp_path / "home", mirror=None))


@pytest.fixture
def mirror(tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    return folder


@pytest.fixture
def mirrored(tmp_path, mirror):
    return Settings(home=tmp_path / "home", mirror=str(mirror), offline=True)


def _put(folder, name, content=CSV):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("kept", "url"),
    [
        ("host.org/a/t.csv", "https://host.org/a/t.csv"),
        ("host.org/a b/t.csv", "https://host.org/a%20b/t.csv"),
        ("host.org/get?id=3", "https://host.org/get?id=3"),
        ("host.org/get", "https://host.org/get?id=3"),
        ("titanic/titanic.csv", "https://host.org/x/master/titanic.csv"),
        ("telco_churn/Telco.csv", "https://host.org/telco-customer-churn/Telco.csv"),
        ("deep/er/t.csv", "https://host.org/deeper/t.csv"),
    ],
)
def test_mirror_folder_answers_urls(mirror, mirrored, kept, url):
    _put(mirror, kept)
    events, seen = Events(), []
    events.listen(seen.append)
    assert read(url, settings=mirrored, events=events).height == 2
    assert [(event.kind, event.data["path"]) for event in seen] == [("mirror.used", str(mirror / kept))]


@pytest.mark.parametrize(
    "kept", ["banking/train.csv", "train.csv", "host.org/other/train.csv", "a/b/c/train.csv"]
)
def test_mirror_does_not_give_another_set_of_the_same_name(mirror, mirrored, kept):
    _put(mirror, kept)
    with pytest.raises(SourceError, match="neither in the mirror nor in the cache"):
        read("https://host.org/cats/train.csv", settings=mirrored)


def test_mirror_with_two_answers_or_none(mirror, mirrored, tmp_path):
    _put(mirror, "cats/t.csv")
    _put(mirror, "host/t.csv")
    with pytest.raises(SourceError, match=r"The mirror has 2 files for https://host\.org/cats/t\.csv\."):
        read("https://host.org/cats/t.csv", settings=mirrored)
    with pytest.raises(SourceError, match="leads out of the mirror"):
        read("https://host.org/../../../etc/t.csv", settings=mirrored)
    lost = mirrored.model_copy(update={"mirror": str(tmp_path / "nowhere")})
    with pytest.raises(SourceError, match="The mirror is not a folder"):
        read("https://host.org/t.csv", settings=lost)


def test_mirror_url_before_the_origin(server, settings):
    server.put("/mirror/far.org/t.csv", CSV)
    server.put("/t2.csv", b"z\n9\n")
    at = settings.model_copy(update={"mirror": f"{server.url}/mirror/"})
    assert read("http://far.org/t.csv", settings=at).height == 2
    assert read(f"{server.url}/t2.csv", settings=at).rows() == [(9,)]
    host = server.url.removeprefix("http://")
    assert server.asked == ["/mirror/far.org/t.csv", f"/mirror/{host}/t2.csv", "/t2.csv"]


def test_mirror_folder_answers_hubs(mirror, mirrored):
    _put(mirror, "adult/adult-train.csv")
    _put(mirror, "adult/adult-test.csv", CSV + b"3,z\n")
    _put(mirror, "adult/SOURCE.txt", b"notes")
    _put(mirror, "one/data.csv.gz.csv")
    _put(mirror, "two/two.csv")
    _put(mirror, "two/more.csv", b"q\n1\n")
    assert read("openml:adult", settings=mirrored).height == 2
    assert read("hf:user/adult:test", settings=mirrored).height == 3
    assert read("hf:one", settings=mirrored).height == 2
    assert read("openml:two", settings=mirrored).columns == ["a", "b"]
    with pytest.raises(SourceError, match="has several files"):
        read("hf:user/adult:validation", settings=mirrored)


def test_mirror_folder_answers_packages_by_package_only(mirror, mirrored):
    _put(mirror, "iris/iris.csv")
    assert read("package:sklearn/iris", settings=mirrored).height == 150
    _put(mirror, "sklearn/iris.csv")
    assert read("package:sklearn/iris", settings=mirrored).height == 2


ARFF = rb"""% a comment
@RELATION credit
@attribute 'check\'s status' {'<0', 'no checking'}
@attribute duration numeric
@attribute id INTEGER
@attribute note string
@attribute class {good,bad}
@data
'<0',6,1,"it's, so",good
'no checking',?,2,?,bad

"""


def _openml(mirror, number, **fields):
    base = "api.openml.org/api/v1/json/data"
    description = {"id": str(number), "url": "https://api.openml.org/data/v1/download/7/c.arff", **fields}
    _put(mirror, f"{base}/{number}", json.dumps({"data_set_description": description}).encode())


def test_openml_by_arff(mirror, mirrored):
    _openml(mirror, 31, row_id_attribute="id")
    _put(mirror, "api.openml.org/data/v1/download/7/c.arff", ARFF)
    frame = read("openml:31", settings=mirrored)
    assert frame.to_dict(as_series=False) == {
        "check's status": ["<0", "no checking"],
        "duration": [6, None],
        "note": ["it's, so", None],
        "class": ["good", "bad"],
    }


def test_openml_by_name_and_parquet(mirror, mirrored, tmp_path):
    versions = [{"did": 99, "version": 2}, {"did": 31, "version": 1}]
    _put(
        mirror,
        "api.openml.org/api/v1/json/data/list/data_name/credit-g/status/active",
        json.dumps({"data": {"dataset": versions}}).encode(),
    )
    _openml(mirror, 31, parquet_url="https://data.openml.org/31/dataset_31.pq", ignore_attribute=["b", "c"])
    frame = pl.DataFrame({"a": [1], "b": [2], "c": [3]})
    _put(mirror, "data.openml.org/31/dataset_31.pq", _parquet(tmp_path, frame))
    assert read("openml:credit-g", settings=mirrored).columns == ["a"]


@pytest.mark.parametrize(
    ("arff", "text"),
    [
        (b"@attribute a numeric\n@data\n1,2\n", "line 3: the header has 1 fields and this line has 2"),
        (b"@attribute a numeric\n@data\n{0 1}\n", "is a sparse ARFF file"),
        (b"@attribute\n@data\n", "line 1 is not an attribute"),
        (b"@attribute a numeric\n@data\n", "has a header and no rows"),
    ],
)
def test_openml_bad_arff(mirror, mirrored, arff, text):
    _openml(mirror, 31)
    _put(mirror, "api.openml.org/data/v1/download/7/c.arff", arff)
    with pytest.raises(SourceError, match=text):
        read("openml:31", settings=mirrored)


def test_openml_unknown(server, settings):
    list_path = "/m/api.openml.org/api/v1/json/data/list/data_name/nothing/status/active"
    server.put(list_path, b"{}", status=412)
    at = settings.model_copy(update={"mirror": f"{server.url}/m"})
    with pytest.raises(SourceError) as caught:
        read("openml:nothing", settings=at)
    assert caught.value.what == "OpenML has no data set called 'nothing'."


def test_huggingface(mirror, mirrored, tmp_path):
    def item(config, split, part):
        url = f"https://huggingface.co/d/{config}/{split}/{part}.parquet"
        content = _parquet(tmp_path, pl.DataFrame({"where": [f"{config} {split} {part}"]}))
        _put(mirror, url.removeprefix("https://"), content)
        return {"dataset": "user/set", "config": config, "split": split, "url": url}

    files = [item("en", "test", 0), item("en", "train", 0), item("en", "train", 1), item("de", "dev", 0)]
    answer = json.dumps({"parquet_files": files}).encode()
    _put(mirror, "datasets-server.huggingface.co/parquet", answer)
    for address, where in [
        ("hf:user/set", ["en train 0", "en train 1"]),
        ("hf:user/set:test", ["en test 0"]),
        ("hf:user/set/de", ["de dev 0"]),
        ("hf:user/set/de:dev", ["de dev 0"]),
    ]:
        assert read(address, settings=mirrored)["where"].to_list() == where
    with pytest.raises(SourceError) as caught:
        read("hf:user/set/en:tests", settings=mirrored)
    assert (
        str(caught.value) == "hf:user/set/en:tests: there is no split 'tests'.\n  do:  Did you mean 'test'?"
    )
    with pytest.raises(SourceError, match="names no data set"):
        read("hf:", settings=mirrored)


def test_any_fsspec_store(settings):
    import fsspec

    store = fsspec.filesystem("memory")
    store.pipe("/noria-test/p1.csv", CSV)
    store.pipe("/noria-test/p2.csv", b"b,a\nz,3\n")
    try:
        assert read("memory://noria-test/p1.csv", settings=settings).height == 2
        assert read("memory://noria-test/*.csv", settings=settings)["a"].to_list() == [1, 2, 3]
        with pytest.raises(SourceError, match=r"Nothing matches memory://noria-test/\*\.tsv"):
            read("memory://noria-test/*.tsv", settings=settings)
        with pytest.raises(SourceError, match=r"There is no memory://noria-test/none\.csv"):
            read("memory://noria-test/none.csv", settings=settings)
    finally:
        store.rm("/noria-test", recursive=True)
    with pytest.raises(SourceError, match=r"nosuch:// is not a scheme that Noria can read\."):
        read("nosuch://x/y.csv", settings=settings)


@pytest.mark.skipif(installed("s3fs"), reason="s3fs is installed")
def test_s3_without_its_extra(settings):
    with pytest.raises(MissingExtraError) as caught:
        read("s3://bucket/t.csv", settings=settings)
    assert caught.value.do == 'Run: pip install "noria[s3]"'


def test_s3(settings, bucket):
    import s3fs

    store = s3fs.S3FileSystem()
    store.pipe(f"{bucket}/p1.csv", CSV)
    store.pipe(f"{bucket}/p2.csv", b"a,b\n3,z\n")
    assert read(f"s3://{bucket}/p1.csv", settings=settings).height == 2
    assert read(f"s3://{bucket}/*.csv", settings=settings)["a"].to_list() == [1, 2, 3]
    with pytest.raises(SourceError, match=rf"There is no s3://{bucket}/none\.csv"):
        read(f"s3://{bucket}/none.csv", settings=settings)


@pytest.mark.skipif(not installed("s3fs"), reason="s3fs is not installed")
@pytest.mark.parametrize("key", ["key", ""], ids=["no server", "no credentials"])
@pytest.mark.parametrize("name", ["t.csv", "*.csv"])
def test_s3_that_cannot_be_reached(settings, monkeypatch, tmp_path, key, name):
    import s3fs

    for variable in [variable for variable in os.environ if variable.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    for variable, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        **({"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": key} if key else {}),
    }.items():
        monkeypatch.setenv(variable, value)
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceError) as caught:
        read(f"s3://bucket/{name}", settings=settings)
    assert caught.value.what == f"s3://bucket/{name} cannot be reached."
    assert ("connect to the endpoint" if key else "locate credentials") in str(caught.value.got)
    assert caught.value.do == "Check the address, the credentials and the network."


def test_mirror_folder_answers_a_url_that_its_note_names(mirror, mirrored):
    _put(mirror, "shop_sales/t.csv")
    (mirror / "shop_sales" / "SOURCE.txt").write_text(
        "t.csv <- github:me/data@abc123:files/t.csv\nlicence: none\n"
    )
    url = "https://raw.githubusercontent.com/{}/abc123/{}/t.csv"
    assert read(url.format("me/data", "files"), settings=mirrored).height == 2
    for other in (url.format("you/data", "files"), url.format("me/data", "other")):
        with pytest.raises(SourceError):
            read(other, settings=mirrored)


PAGE = b"<html><head><title>t</title></head><body><h1>Pumps</h1><p>They leak.</p></body></html>"


def test_pages_are_documents_read_by_their_content_type(server, settings):
    server.put("/pumps.php?id=1", PAGE, kind="text/html; charset=utf-8")
    server.put("/wheels", b"Wheels turn.\n\nAll day.", kind="text/plain")
    server.put("/notes.md", b"# Notes\n\nOn water.", kind="text/plain")
    server.put("/picture", b"\x89PNG", kind="image/png")
    urls = [f"{server.url}/{path}" for path in ("pumps.php?id=1", "wheels", "notes.md", "picture")]
    table, notes = documents.read(urls, settings=settings)
    assert table.select("document", "title", "text").rows() == [
        (urls[0], "Pumps", "Pumps"),
        (urls[0], "Pumps", "They leak."),
        (urls[1], "wheels", "Wheels turn."),
        (urls[1], "wheels", "All day."),
        (urls[2], "Notes", "Notes"),
        (urls[2], "Notes", "On water."),
    ]
    assert notes == [f"1 document left out, its kind is not known: {urls[3]}"]


def test_a_page_is_read_anew_and_its_copy_serves_offline(server, settings):
    url = f"{server.url}/a"
    for text in (b"One.", b"Two."):
        server.put("/a", text, kind="text/plain")
        assert documents.read(url, settings=settings)[0]["text"].to_list() == [text.decode()]
    assert server.asked == ["/a", "/a"]
    off = settings.model_copy(update={"offline": True})
    assert documents.read(url, settings=off)[0]["text"].to_list() == ["Two."]
    with pytest.raises(SourceError, match="neither in the mirror nor in the cache"):
        documents.read(f"{server.url}/b", settings=off)


def test_a_page_comes_from_the_mirror_first(server, settings, tmp_path):
    (tmp_path / "mirror" / "example.org").mkdir(parents=True)
    (tmp_path / "mirror" / "example.org" / "about").write_bytes(PAGE)
    mirrored = settings.model_copy(update={"mirror": str(tmp_path / "mirror")})
    assert documents.read("https://example.org/about", settings=mirrored)[0]["title"][0] == "Pumps"
    server.put("/example.org/about", b"Text.", kind="text/plain")
    mirrored = settings.model_copy(update={"mirror": server.url})
    assert documents.read("https://example.org/about", settings=mirrored)[0]["text"][0] == "Text."


def test_a_page_that_cannot_be_had_is_one_error(server, settings, monkeypatch):
    server.put("/cut", PAGE, length=len(PAGE) + 10, kind="text/html")
    server.put("/large", PAGE * 10, kind="text/html")
    monkeypatch.setattr(documents, "LARGEST", 500)
    for path, text in [
        ("/none", "{url} cannot be read.\n  got: HTTP 404 Not Found"),
        ("/cut", f"{{url}} was cut short.\n  got: {len(PAGE)} of {len(PAGE) + 10} bytes\n  do:  Try again."),
        ("/large", "{url} is larger than 500 B."),
    ]:
        url = server.url + path
        with pytest.raises(SourceError) as caught:
            documents.read([url], settings=settings)
        assert str(caught.value) == text.format(url=url)
    assert [path for path in settings.cache.rglob("*") if path.is_file()] == []
