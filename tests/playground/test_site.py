"""The site that `playground` writes, what it says of each model, and how it is served."""

import http.client
import json
import shutil
import socket
import threading
from pathlib import Path

import numpy as np
import pytest

from export import runtime
from export.hub import bundled
from export.playground import directions, entries, serve, write
from tests.test_cli import done, genzoo
from tests.test_cli_errors import refused
from zoo import files

pytestmark = pytest.mark.once
CGAN = "cgan-fashion_mnist"


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def models_of(site):
    return {m["id"]: m for m in json.loads((Path(site) / "models.json").read_text())["models"]}


def test_all_bundled_models_without_a_source():
    assert done("playground", "--out", "site") == "site\n"
    found = models_of("site")
    assert list(found) == bundled.names()
    for name, model in found.items():
        for graph in (model, *([model["encoder"]] if model["encoder"] else [])):
            path = Path("site") / graph["file"]
            assert files.sha256(path) == graph["sha256"]
            opened = runtime.open_graph(path)
            assert (opened.inputs, opened.output) == (graph["inputs"], graph["output"])
        assert model["bytes"] == (Path("site") / model["file"]).stat().st_size
        assert model["licence"] and dict(model["facts"])["Images"], name
        assert all((Path("site") / real).is_file() for real in model["real"])
    assert found[CGAN]["class_names"][1] == "Trouser" and len(found[CGAN]["real"]) == 12
    assert dict(found[CGAN]["facts"])["Parameters"] == "1,091,874"
    for file in write.PAGE.rglob("*"):
        assert (Path("site") / file.relative_to(write.PAGE)).exists()


def test_an_earlier_site_is_replaced_and_nothing_else():
    done("playground", CGAN, "--out", "site")
    done("playground", CGAN, CGAN, "--out", "site")
    assert list(models_of("site")) == [CGAN, f"{CGAN}-2"]
    Path("site/mine.txt").write_text("mine")
    refused(f"playground {CGAN} --out site", "new, empty or holds an earlier playground", "site")
    assert Path("site/mine.txt").read_text() == "mine" and len(models_of("site")) == 2
    Path("mine").mkdir()
    Path("mine/index.html").write_text("mine")
    refused(f"playground {CGAN} --out mine", "new, empty or holds an earlier playground", "mine")
    assert not list(Path().glob(".*"))


def test_wrong_requests():
    Path("run").mkdir()
    Path("run/config.json").write_text("{}")
    refused("playground", "--out", "--serve")
    refused("playground nothing --out site", "A source is a run", "Received: nothing")
    refused("playground run --out site", "genzoo export RUN", "Received: run")
    refused(f"playground {CGAN} --serve --port 70000", "a free port", "Received: 70000")
    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(f"playground {CGAN} --serve --port {port}", f"Received: {port}, which is in use")
    assert not Path("site").exists()


def test_a_file_of_unknown_noise_is_refused(monkeypatch):
    monkeypatch.setattr(entries, "PRIORS", {"class"})
    refused(f"playground {CGAN} --out site", "noise of a known prior", "class, normal")
    assert not Path("site").exists()


def test_names_become_file_names():
    (source,) = bundled.find(CGAN).glob("onnx/*.onnx")
    shutil.copy(source, "<b>Ä & B.onnx")
    code, _, err = genzoo("playground", "<b>Ä & B.onnx", "--out", "site")
    assert code == 0, err
    ((name, model),) = models_of("site").items()
    assert (name, model["title"]) == ("b-b", "<b>Ä & B")
    assert model["encoder"] is None  # nothing lies beside it


def test_what_is_served():
    done("playground", CGAN, "--out", "site")
    Path("secret.txt").write_text("secret")
    with serve.server(Path("site"), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def get(path):
            connection = http.client.HTTPConnection(serve.HOST, server.server_port)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

        assert server.server_address[0] == "127.0.0.1"
        status, headers, body = get("/")
        assert (status, body) == (200, Path("site/index.html").read_bytes())
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        kinds = {f"/ort/{path.name}": path.suffix for path in Path("site/ort").iterdir()}
        for path, suffix in kinds.items():
            if suffix in serve.TYPES:
                assert get(path)[1]["Content-Type"] == serve.TYPES[suffix]
        for path in ("/models/", "/../secret.txt", "/%2e%2e/secret.txt", "/none"):
            assert get(path)[0] == 404, path
        server.shutdown()


class Linear(runtime.Sampler):
    """Images A z, of a matrix of our own."""

    def __init__(self, matrix, prior="normal"):
        super().__init__({"z": {"shape": [3], "dtype": "float32", "prior": prior}}, ())
        self.matrix = np.asarray(matrix, "float32")

    def draw(self, inputs):
        return (inputs["z"] @ self.matrix.T).reshape(-1, 2, 2, 1)


def test_directions_of_a_linear_map():
    """A^T A has the eigenvalues 16, 4 and 1, of vectors that are told at sight."""
    half = np.sqrt(0.5)
    columns = np.array([[half, half, 0], [0, 0, -1], [half, -half, 0]])
    matrix = np.zeros((4, 3))
    matrix[:3] = np.array([[4.0], [2.0], [1.0]]) * columns
    found = directions.leading_directions(Linear(matrix), count=2)
    vectors = [direction["vector"] for direction in found]
    np.testing.assert_allclose(np.abs(vectors), [[half, half, 0], [0, 0, 1]], atol=1e-4)
    assert vectors[1][2] > 0  # the largest entry is positive
    assert {direction["deviation"] for direction in found} == {1.0}
    (uniform,) = directions.leading_directions(Linear(matrix, "uniform"), count=1)
    assert uniform["deviation"] == pytest.approx(0.57735, abs=1e-5)
    assert directions.leading_directions(Linear(matrix, "mixture")) == []
