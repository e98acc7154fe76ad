"""Downloads, from a server on the loopback interface."""

import hashlib
import http.server
import os
import threading

import pytest

from tests.data.build import write_mnist
from zoo import data
from zoo.data import cifar, download, flowers, mnist
from zoo.errors import FailedError

pytestmark = pytest.mark.once


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves `root`; yields (root, its address)."""
    root = tmp_path / "served"
    root.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=root)

        def log_message(self, *args):
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield root, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_good_file_arrives_whole(server, tmp_path):
    root, url = server
    (root / "file.gz").write_bytes(b"content")
    path = tmp_path / "new" / "folder" / "file.gz"
    download.fetch(url + "file.gz", path, sha256(b"content"), by_hand=["file.gz"])
    assert path.read_bytes() == b"content"
    assert os.listdir(path.parent) == ["file.gz"]


def test_a_wrong_hash_leaves_nothing_behind(server, tmp_path):
    root, url = server
    (root / "file.gz").write_bytes(b"altered")
    path = tmp_path / "into" / "file.gz"
    with pytest.raises(FailedError) as caught:
        download.fetch(url + "file.gz", path, sha256(b"content"), by_hand=["file.gz"])
    assert sha256(b"altered") in str(caught.value) and sha256(b"content") in str(caught.value)
    assert os.listdir(path.parent) == []


def test_an_existing_file_survives_a_failure(server, tmp_path):
    root, url = server
    (root / "file.gz").write_bytes(b"altered")
    path = tmp_path / "file.gz"
    path.write_bytes(b"before")
    with pytest.raises(FailedError):
        download.fetch(url + "file.gz", path, sha256(b"content"), by_hand=["file.gz"])
    assert path.read_bytes() == b"before"


def test_a_missing_file_says_what_to_do_by_hand(server, tmp_path):
    _, url = server
    path = tmp_path / "into" / "file.gz"
    with pytest.raises(FailedError) as caught:
        download.fetch(url + "file.gz", path, "0" * 64, by_hand=["file.gz", "other.gz"])
    message = str(caught.value)
    assert message == (
        f"file.gz must be in {path.parent} or downloadable; without a download put file.gz, "
        f"other.gz there by hand. Received: HTTP Error 404: File not found from {url}file.gz"
    )
    assert os.listdir(path.parent) == []


def test_a_folder_that_cannot_be_made(server, tmp_path):
    root, url = server
    (root / "file.gz").write_bytes(b"content")
    (tmp_path / "taken").write_bytes(b"a file where the folder should be")
    with pytest.raises(FailedError, match="by hand. Received: .*taken"):
        download.fetch(url + "file.gz", tmp_path / "taken" / "file.gz", sha256(b"content"), [])


@pytest.fixture
def refused(monkeypatch):
    """Every official address leads to a port where nothing listens."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as httpd:
        url = f"http://127.0.0.1:{httpd.server_port}/"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(mnist, "URLS", {"mnist": url, "fashion_mnist": url})
    monkeypatch.setattr(cifar, "URL", url + cifar.OFFICIAL)
    monkeypatch.setattr(flowers, "URL", url)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "flowers102"])
def test_no_network_names_the_files_and_the_folder(refused, tmp_path, name):
    with pytest.raises(FailedError) as caught:
        data.load(name, data_dir=tmp_path)
    message = str(caught.value)
    assert str(tmp_path / name) in message and "\n" not in message
    files = flowers.SHA256 if name == "flowers102" else mnist.SHA256[name]
    assert all(file in message for file in files)
    assert "Connection refused" in message
    assert data.locate(name, tmp_path) is None


def test_no_network_with_only_the_pickled_cifar(refused, tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(FailedError) as caught:
        data.load("cifar10", data_dir=tmp_path)
    assert (
        "put cifar-10-binary.tar.gz there by hand (cifar-10-batches-py is there but is pickled, "
        "and never opened). Received: <urlopen error [Errno"
    ) in str(caught.value)


def test_load_downloads_what_is_missing_and_nothing_else(server, tmp_path, monkeypatch):
    root, url = server
    files = write_mnist(root)
    hashes = {name: sha256((root / name).read_bytes()) for name in files}
    monkeypatch.setattr(mnist, "URLS", {"mnist": url})
    monkeypatch.setattr(mnist, "SHA256", {"mnist": hashes})
    (tmp_path / "data").mkdir()
    home = tmp_path / "data" / "mnist"

    dataset = data.load("mnist", data_dir=tmp_path / "data")
    assert dataset.images.shape == (5, 28, 28, 1)
    assert sorted(os.listdir(home)) == ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert data.locate("mnist", tmp_path / "data") is None  # the test files are still missing

    for file in root.iterdir():
        file.unlink()
    again = data.load("mnist", data_dir=tmp_path / "data")  # now without the server's files
    assert again.fingerprint == dataset.fingerprint


def test_the_default_folder_is_made_by_the_first_download(server, tmp_path, monkeypatch):
    root, url = server
    files = write_mnist(root)
    hashes = {name: sha256((root / name).read_bytes()) for name in files}
    monkeypatch.setattr(mnist, "URLS", {"mnist": url})
    monkeypatch.setattr(mnist, "SHA256", {"mnist": hashes})
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path / "not" / "yet"))
    assert data.locate("mnist") is None
    dataset = data.load("mnist", split="test")
    assert dataset.source == str(tmp_path / "not" / "yet" / "mnist")
