"""Records made to harm: the JSON of runs, exports and repositories, and the names in it."""

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from export import sources
from export.convert import report
from export.hub.folders import new_folder
from export.hub.pretrained import PublishedRun
from export.hub.record import public_config
from export.hub.repository import open_repository
from tests.attacks.harness import Attack
from tests.attacks.mutations import WRONG, damage, with_value
from tests.export.build import generator
from tests.export.test_strangers import REPORT
from zoo import registry
from zoo.training.run import Run

RUN = "records of a run"
PUBLISHED = "records of a published model"
EXPORT = "verification.json of an export"
NAMES = "names that lead elsewhere"
FOLDERS = "folders that are somebody else's"
DAMAGE = "damaged records"
CHECKPOINT = {"file": "step-0000003.safetensors", "sha256": "b" * 64, "step": 3, "previous": None}
ROW = {"epoch": 1, "step": 3, "loss": 0.5}


def _config() -> dict[str, Any]:
    """A whole config.json."""
    return {
        "format": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "model": "gan",
        "preset": "default",
        "hyperparameters": registry.entry("gan").configure(),
        "total_steps": 3,
        "dataset": {
            "name": "digits", "request": "digits", "data_dir": None, "image_shape": [8, 8, 1],
            "class_names": ["a", "b"], "image_size": None, "color": None, "fingerprint": "0" * 64,
        },
        "evaluation": None,
        "seed": 0,
        "backend": "torch",
        "step": 3,
        "command": "genzoo train gan",
        "versions": {"python": "3.11"},
    }  # fmt: skip


def _run(file: str, content: str | bytes, folder: Path) -> Path:
    """A run of which one file is another."""
    run = folder / "run"
    (run / "checkpoints").mkdir(parents=True)
    files = {
        "config.json": json.dumps(_config()),
        "checkpoints/manifest.json": json.dumps(CHECKPOINT),
        "history.jsonl": json.dumps(ROW),
        file: content,
    }
    for name, text in files.items():
        (run / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return run


def _read_run(path: object) -> None:
    """What `list runs`, `push` and `resume` read before they begin."""
    run = Run.open(str(path))
    run.manifest()
    run.history()
    public_config(run)


def _published(file: str, content: str | bytes, folder: Path) -> Path:
    """A repository's folder, of which one file is another, under a manifest that fits it."""
    place = folder / "model"
    (place / "onnx").mkdir(parents=True)
    generator(place / "onnx" / "model.onnx")
    raw = content.encode() if isinstance(content, str) else content
    (place / "config.json").write_text(json.dumps(_config()))
    if file != "manifest.json":
        (place / file).write_bytes(raw)
    (place / "manifest.json").write_text(json.dumps(_manifest(place)))
    if file == "manifest.json":
        (place / file).write_bytes(raw)
    return place


def _manifest(place: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(place.rglob("*.*")):
        data = path.read_bytes()
        about = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        found[path.relative_to(place).as_posix()] = about
    return {"format": 1, "files": found}


def _read_published(path: object) -> None:
    """What `evaluate` and `generate` read."""
    PublishedRun(str(path), "torch", weights=False)
    sources.load(str(path))
    repository = open_repository(str(path))
    for name in repository.files:
        repository.file(name)


def _renamed(name: str, folder: Path) -> Path:
    """A manifest that names a file elsewhere."""
    place = _published("README.md", "words", folder)
    secret = (folder.parent / "outside" / "secret.txt").read_bytes()
    manifest = json.loads((place / "manifest.json").read_text())
    about = {"bytes": len(secret), "sha256": hashlib.sha256(secret).hexdigest()}
    manifest["files"][name.format(outside=folder.parent / "outside")] = about
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place


def _linked(name: str, folder: Path) -> Path:
    """A file of the repository that is a link to a secret."""
    place = _published("README.md", "precious", folder)
    (place / name).unlink()
    (place / name).symlink_to(folder.parent / "outside" / "secret.txt")
    return place


def _report(value: Any, folder: Path) -> Path:
    text = value if isinstance(value, (str, bytes)) else json.dumps(value)
    raw = text.encode() if isinstance(text, str) else text
    (folder / report.REPORT).write_bytes(raw)
    return folder


def _read_report(path: Any) -> None:
    report.read(path)


def _foreign(manifest: str, folder: Path) -> Path:
    """A folder of notes with some manifest, to which a repository is to be written."""
    place = folder / "notes"
    place.mkdir()
    (place / "notes.txt").write_text("precious")
    (place / "manifest.json").write_text(manifest)
    return place


def _write_there(path: Any) -> None:
    with new_folder(path) as work:
        (work / "README.md").write_text("new")


PATHS = (
    "../../outside/secret.txt", "{outside}/secret.txt", "onnx/../../../outside/secret.txt",
    "onnx\\..\\secret.txt", "C:\\secret.txt", "//server/secret", "onnx/model.onnx/../x.onnx", "",
    ".", "..", "onnx/", "onnx/x.onnx\n", "onnx/x.onnx\0", "\u202eonnx/model.onnx", "model.pkl",
    "model.py", "a" * 5_000 + ".tflite", "onnx/ｘ.onnx", "README.md/", "CON", ".git/hooks/x", "~/x",
)  # fmt: skip
FOREIGN = (
    "", "{}", "[]", '{"format": 1}', '{"format": 1, "files": []}',
    '{"format": 1, "files": {"notes.txt": {"bytes": 8, "sha256": "0"}}}',
    '{"format": 1, "files": {"../../outside/secret.txt": {"bytes": 8, "sha256": "0"}}}',
    '{"manifest_version": 3, "name": "x"}', '{"file": "step-1.safetensors", "step": 1}',
)  # fmt: skip
TEXTS = ("", "{", "[]", "null", "[" * 100_000, '{"format": NaN}', "\0", b"\xff\xfe{}", " " * 2**21)


def _keys(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all keys of nested objects."""
    for key, inner in value.items():
        yield (*above, key)
        if isinstance(inner, dict) and len(above) < 2:
            yield from _keys(inner, (*above, key))


def _wrong(kind: str, value: Any, make: Any, read: Any) -> Iterator[Attack]:
    """Every key of a record with values of every wrong type; some of these may be right ones."""
    for keys in _keys(value):
        for new in WRONG:
            text = f"{'.'.join(keys)} {new!r:.30}"
            changed = json.dumps(with_value(value, keys, new))
            yield Attack(kind, text, partial(make, changed), read, "Received: ", True)


def attacks(count: int) -> Iterator[Attack]:
    """All by hand, and some of `count` damaged files of each kind."""
    config = _config()
    # Of the many hyperparameters, which share their checks, two are enough.
    names = list(config["hyperparameters"])[:2]
    few = {**config, "hyperparameters": {name: config["hyperparameters"][name] for name in names}}
    yield from _wrong(RUN, few, partial(_run, "config.json"), _read_run)
    yield from _wrong(RUN, CHECKPOINT, partial(_run, "checkpoints/manifest.json"), _read_run)
    yield from _wrong(RUN, ROW, partial(_run, "history.jsonl"), _read_run)
    yield from _wrong(PUBLISHED, few, partial(_published, "config.json"), _read_published)
    about = {"format": 1, "files": {"onnx/model.onnx": {"bytes": 3, "sha256": "0" * 64}}}
    yield from _wrong(PUBLISHED, about, partial(_published, "manifest.json"), _read_published)
    yield from _wrong(EXPORT, REPORT, _report, _read_report)
    for text in TEXTS:
        for file in ("config.json", "checkpoints/manifest.json", "history.jsonl"):
            passes = file == "history.jsonl" and not str(text).strip()
            make = partial(_run, file, text)
            yield Attack(RUN, f"{file} of {text[:9]!r}", make, _read_run, "", passes)
        for file in ("config.json", "manifest.json"):
            make = partial(_published, file, text)
            yield Attack(PUBLISHED, f"{file} of {text[:9]!r}", make, _read_published, "Received: ")
        yield Attack(EXPORT, repr(text[:9]), partial(_report, text), _read_report, "Received: ")
    for name in PATHS:
        yield Attack(NAMES, repr(name)[:50], partial(_renamed, name), _read_published, "Received: ")
        changed = {**REPORT, "sha256": {name: "0" * 64}}
        yield Attack(
            NAMES, f"export, {name!r}"[:50], partial(_report, changed), _read_report, "name"
        )
    for name in ("README.md", "config.json", "onnx/model.onnx"):
        yield Attack(NAMES, f"a link {name}", partial(_linked, name), _read_published, "Received: ")
    for manifest in FOREIGN:
        make = partial(_foreign, manifest)
        yield Attack(FOLDERS, manifest[:60], make, _write_there, "Received: ")
    for index in range(count // 4):
        for name, good in (("config.json", config), ("checkpoints/manifest.json", CHECKPOINT)):
            content = damage(json.dumps(good).encode(), index)
            make = partial(_run, name, content)
            yield Attack(DAMAGE, f"{name} number {index}", make, _read_run, may_pass=True)
        content = damage(json.dumps(config).encode(), index)
        make = partial(_published, "config.json", content)
        yield Attack(DAMAGE, f"published number {index}", make, _read_published, may_pass=True)
        content = damage(json.dumps(REPORT).encode(), index)
        yield Attack(
            DAMAGE, f"report number {index}", partial(_report, content), _read_report, may_pass=True
        )
