"""What the test's Hub keeps: accounts, repositories with their commits, and what a card may say."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import NamedTuple

import yaml

LFS_SUFFIXES = (".onnx", ".tflite", ".h5", ".npz", ".png", ".bin", ".pkl")
LFS_SIZE = 1_000_000
ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES)
FRONT_MATTER = re.compile(r"\s*---\r?\n(.*?)\r?\n---[ \t]*(\r?\n|$)", re.DOTALL)
# The shape of a model card's fields, each of which may be missing.
METRIC = {"type": str, "value": (str, int, float)}
RESULT = {"task": {"type": str}, "dataset": {"type": str, "name": str}, "metrics": [METRIC]}
CARD = {
    **dict.fromkeys(("license", "library_name", "pipeline_tag"), str),
    **dict.fromkeys(("tags", "datasets"), [str]),
    "model-index": [{"name": str, "results": [RESULT]}],
}


class Account(NamedTuple):
    name: str
    writes: bool


@dataclass(frozen=True)
class Blob:
    """A file's content. Of an LFS file, git itself holds a pointer only."""

    data: bytes
    lfs: bool = False

    @cached_property
    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def pointer(self):
        version, size = "version https://git-lfs.github.com/spec/v1", len(self.data)
        return f"{version}\noid sha256:{self.sha256}\nsize {size}\n".encode()

    @cached_property
    def oid(self):
        content = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass(frozen=True)
class Commit:
    """A state of the repository; `files` has the Blob of every path."""

    oid: str
    parent: str | None
    files: dict
    message: str
    description: str = ""
    author: str = ""
    date: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")


# What the Hub puts into a new static Space.
PAGE = {
    "README.md": Blob(b"---\nsdk: static\n---\n"),
    "index.html": Blob(b"<h1>Welcome to your static Space!</h1>\n"),
    "style.css": Blob(b"h1 { font-size: 16px; }\n"),
}


class Repository:
    """Commits, oldest first, and the heads of the branches, "refs/pr/N" among them."""

    def __init__(self, private=False, first=None):
        self.private = private
        self.commits = []
        self.branches = {}
        attributes = {".gitattributes": Blob(ATTRIBUTES.encode())}
        self.add("main", None, attributes | (first or {}), "initial commit")

    def add(self, branch, parent, files, *message):
        """Commit `files`, all there are to be, and move the branch there."""
        self.commits.append(Commit(secrets.token_hex(20), parent, files, *message))
        self.branches[branch] = self.commits[-1].oid
        return self.branches[branch]

    def find(self, revision):
        """The commit of a branch or an oid, or None."""
        oid = self.branches.get(revision, revision)
        return next((commit for commit in self.commits if commit.oid == oid), None)

    def history(self, revision="main"):
        """The commits up to a revision, oldest first."""
        commits = [self.find(revision)]
        while commits[0].parent:
            commits.insert(0, self.find(commits[0].parent))
        return commits


def is_lfs(path, size):
    return path.endswith(LFS_SUFFIXES) or size > LFS_SIZE


def read_card(text):
    """The front matter of a model card, and what is wrong with it."""
    match = FRONT_MATTER.match(text)
    try:
        card = yaml.safe_load(match[1]) if match else None
    except (yaml.YAMLError, ValueError) as error:
        return {}, [f"The front matter is not YAML: {error}"]
    card = {} if card is None else card
    if not isinstance(card, dict):
        return {}, ["The front matter must be a mapping"]
    return card, list(misfits(card, {key: CARD[key] for key in CARD if key in card}))


def misfits(value, shape, where=""):
    """What of a value does not fit a shape: types, {key: shape} or [shape of every item]."""
    if isinstance(shape, dict) and isinstance(value, dict):
        for key, inner in shape.items():
            yield from misfits(value.get(key), inner, f"{where}.{key}".strip("."))
    elif isinstance(shape, list) and isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(item, shape[0], f"{where}[{number}]")
    elif isinstance(shape, dict | list) or not isinstance(value, shape):
        yield f'"{where}" is missing or of the wrong type'
