"""Published models, on the Hugging Face Hub or in a folder: every file is checked before use.

A repository holds these files and no others; no pickle and no code is among them:

    README.md                the model card
    config.json              the run's record, as a run's own config.json, with its step
    onnx/model.onnx          the generator; model_fp16.onnx, model_int8.onnx, encoder.onnx, ...
    model.tflite             the same for LiteRT
    model.weights.h5         the weights, for Keras
    samples.png, curves.png  what it draws, and how it was trained
    verification.json        how far the exported files are from the trained model
    manifest.json            size and sha256 of all of the above

What the Hub itself or a person adds there and cannot do harm (`HARMLESS`) is passed over. Cache,
offline mode, token and endpoint are those of `huggingface_hub`.
"""

import json
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

from export import runtime
from zoo import files
from zoo.errors import FailedError, RequestError

MANIFEST = runtime.MANIFEST
CONFIG = "config.json"
CARD = "README.md"
WEIGHTS = "model.weights.h5"
SAMPLES, CURVES = "samples.png", "curves.png"
GRAPHS = {".onnx": "onnx/", ".tflite": ""}  # where the exported files of a suffix lie
PULLED = "pulled.json"  # beside the files of a folder made by `pull`: where they come from
FORMAT = 1  # of the layout; raised when an older reader could not read a newer repository
LAYOUT = re.compile(
    r"README\.md|config\.json|verification\.json|(samples|curves)\.png|model\.weights\.h5"
    r"|onnx/\w+\.onnx|\w+\.tflite"
)
HARMLESS = re.compile(
    r".*\.(md|txt|bib|png|jpe?g|gif|webp)|\.gitattributes|\.gitignore|LICENSE", re.IGNORECASE
)
LARGEST_JSON = 2**20  # bytes
ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>\S+))?")


def parse_id(source):
    """(owner/name, revision or None) of a Hub id, or None for what is none or lies on this disk."""
    match = ID.fullmatch(str(source))
    if match is None or ".." in str(source) or os.path.lexists(source):
        return None
    return match["repository"], match["revision"]


def check_id(repository):
    """Refuses what is not the full id of a repository, owner/name."""
    from huggingface_hub.utils import validate_repo_id

    with explained(repository):
        validate_repo_id(repository)
    if repository.count("/") != 1:
        raise RequestError(f"A repository's id is owner/name, in full. Received: {repository}")


def require_token():
    """Refuses to go on without a token; the Hub's library knows where one is kept."""
    from huggingface_hub import get_token

    if get_token() is None:
        raise RequestError(
            "Pushing needs a token: `hf auth login` keeps one, or HF_TOKEN has it. Received: none"
        )


def is_published(source):
    """Whether a source is a repository's folder or reads like a Hub id."""
    return (Path(source) / MANIFEST).is_file() or parse_id(source) is not None


class Repository:
    """A published model. `open_repository` opens one.

    Attributes:
        origin: what it is called in messages: "owner/name@commit", or the folder.
        commit: of the Hub, None of a folder.
        manifest: path of the manifest.
        files: dict of file name to {"bytes", "sha256"}, what the manifest says.
    """

    def __init__(self, origin, fetch, commit=None):
        self.origin, self.commit, self._fetch = origin, commit, fetch
        self.manifest = fetch(MANIFEST)
        self.files = _read_manifest(self.manifest, origin)

    def file(self, name):
        """The path of a file, whole and as the manifest says."""
        if name not in self.files:
            raise RequestError(
                f"A file must be one of {', '.join(self.files)}. Received: {name}, of {self.origin}"
            )
        path = self._fetch(name)
        if self.commit and not self._is_whole(path, name):  # in the cache, which may be damaged
            path = self._fetch(name, force=True)
        if not self._is_whole(path, name):
            raise RequestError(
                f"A published file must have the size and sha256 that {MANIFEST} names. "
                f"Received: {name} of {self.origin}, which differs"
            )
        return path

    def _is_whole(self, path, name):
        expected = self.files[name]
        same_size = path.stat().st_size == expected["bytes"]
        return same_size and files.sha256(path) == expected["sha256"]

    def generator(self):
        """The path of the generator's graph, with the other graphs beside it.

        Of ONNX and TFLite the one whose runtime is here, ONNX where both are.
        """
        names = [GRAPHS[Path(name).suffix] + name for name in runtime.FILES]
        there = [name for name in names if name in self.files]
        if not there:
            raise RequestError(f"A generator is {' or '.join(names)}. Received: {self.origin}")
        chosen = next((n for n in there if runtime.is_installed(Path(n).suffix)), there[0])
        suffix = Path(chosen).suffix
        beside = GRAPHS[suffix] + r"\w+(?<!_fp16|_int8)" + re.escape(suffix)
        paths = {name: self.file(name) for name in self.files if re.fullmatch(beside, name)}
        return paths[chosen]


def open_repository(source):
    """The `Repository` of a Hub id "owner/name[@revision]", or of a folder with a manifest.json.

    Raises:
        RequestError: there is none, it may not be read, or it holds what it must not.
        FailedError: the Hub does not answer, and the cache does not have it.
    """
    if (Path(source) / MANIFEST).is_file():
        return _in_folder(Path(source))
    known = parse_id(source)
    if known is None:
        raise RequestError(
            f"A published model is owner/name[@revision] on the Hub, or a folder with a {MANIFEST}."
            f" Received: {source}"
        )
    return _on_hub(*known)


def _in_folder(folder):
    # A snapshot in the Hub's cache is made of links to the blobs beside it.
    inside = folder.resolve().parents[1] if folder.parent.name == "snapshots" else folder.resolve()

    def fetch(name, force=False):
        path = folder / name
        if not path.resolve().is_relative_to(inside) or not path.is_file():
            raise RequestError(
                f"A published file must lie in its repository. Received: {path}, which does not"
            )
        return path

    return Repository(str(folder), fetch)


def _on_hub(repository, revision):
    from huggingface_hub import HfApi, hf_hub_download, resolve_revision, try_to_load_from_cache

    with explained(repository, revision):
        commit = resolve_revision(repository, revision=revision).resolved
        if not isinstance(try_to_load_from_cache(repository, MANIFEST, revision=commit), str):
            refuse_foreign(repository, HfApi().list_repo_files(repository, revision=commit))

    def fetch(name, force=False):
        with explained(repository, revision, name):
            path = hf_hub_download(repository, name, revision=commit, force_download=force)
        return Path(path)

    return Repository(f"{repository}@{commit}", fetch, commit)


def refuse_foreign(repository, names):
    """Refuses a repository with files that this project does not make and that could do harm."""
    for name in sorted(names):
        if name != MANIFEST and not LAYOUT.fullmatch(name) and not HARMLESS.fullmatch(name):
            raise RequestError(
                "A published model holds graphs, weights, pictures and text, no pickle and no "
                f"code. Received: {repository} with {name!r}"
            )


def files_of(folder):
    """Dict of name, as in a repository, to path of the files in a folder."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in paths}


def write_manifest(folder):
    """Writes the manifest of the files that lie in a folder."""
    folder = Path(folder)
    found = {
        name: {"bytes": path.stat().st_size, "sha256": files.sha256(path)}
        for name, path in files_of(folder).items()
    }
    files.write_json(folder / MANIFEST, {"format": FORMAT, "files": found})


def read_json(path, version):
    """The object in a JSON file that somebody else wrote, of this "format", or a ValueError."""
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(f"more than {LARGEST_JSON} bytes")
    value = json.loads(path.read_bytes())
    if value["format"] != version:
        raise ValueError(f"format {value['format']!r}, not {version}")
    return value


def _read_manifest(path, origin):
    """The "files" of a manifest, names and values checked."""
    try:
        manifest = read_json(path, FORMAT)
        for name, about in manifest["files"].items():
            if not LAYOUT.fullmatch(name):
                raise ValueError(f"the file name {name!r}")
            if not isinstance(about["bytes"], int) or not isinstance(about["sha256"], str):
                raise ValueError(f"no size and sha256 of {name}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RequestError(
            f"{MANIFEST} must name the files of a published model. Received: {MANIFEST} of "
            f"{origin}, with {error}"
        ) from error
    return manifest["files"]


def pull(source, out=None):
    """Fetches a whole repository.

    Args:
        source: as for `open_repository`.
        out: a folder for its files, with `PULLED` beside them; an earlier pull or an empty folder
            there is replaced. None leaves them in the cache.

    Returns:
        (repository, folder) of the files.
    """
    repository = open_repository(source)
    paths = {name: repository.file(name) for name in repository.files}
    if out is None:
        return repository, repository.manifest.parent
    with new_folder(out) as work:
        for name, path in {**paths, MANIFEST: repository.manifest}.items():
            (work / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, work / name)
        files.write_json(work / PULLED, {"source": str(source), "commit": repository.commit})
    return repository, Path(out)


@contextmanager
def new_folder(out):
    """Yields a folder to fill, which takes the place of a repository's folder `out` at the end."""
    out = Path(out)
    mine = out.is_dir() and ((out / MANIFEST).is_file() or not any(out.iterdir()))
    if out.exists() and not mine:
        raise RequestError(
            f"A repository goes to a folder that is new, empty or held one. Received: {out}"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-")
    except OSError as error:
        raise RequestError(
            f"A repository needs a folder that can be written. Received: {out} ({error.strerror})"
        ) from error
    with place as temporary:
        work = Path(temporary) / "new"
        work.mkdir()
        yield work
        if out.exists():
            out.rename(Path(temporary) / "old")
        work.rename(out)


@contextmanager
def explained(repository, revision=None, name=None):
    """Turns what `huggingface_hub` raises into one line, without what was sent with a request."""
    asked = repository if revision is None else f"{repository}@{revision}"
    try:
        yield
    except (RequestError, FailedError):
        raise
    except Exception as error:
        # An upload runs in a thread, and its error comes wrapped.
        wrapped = type(error) is RuntimeError and error.__cause__
        raise _in_words(wrapped or error, asked, name) from error


def _in_words(error, asked, name):
    """The project's own error for one of the Hub's library, or the same where there is none."""
    import httpx2
    from huggingface_hub import errors

    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
    if isinstance(error, errors.GatedRepoError):
        return RequestError(
            f"A gated repository must have let you in, on its page. Received: {asked}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return RequestError(
            "A source must exist, here or on the Hub, and be open to you (a private repository "
            f"needs a token: `hf auth login`, or HF_TOKEN). Received: {asked}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return RequestError(f"A revision must be a branch, a tag or a commit. Received: {asked}")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return RequestError(f"A published model must have its {name}. Received: {asked}, without")
    if isinstance(error, errors.HFValidationError):
        return RequestError(
            "A Hub id is owner/name of letters, digits, '-', '_' and '.', at most 96 of them. "
            f"Received: {asked}"
        )
    if status in (401, 403):
        return RequestError(
            "The Hub must know your token, and it must allow this (`hf auth login`, or HF_TOKEN). "
            f"Received: {status} for {asked}"
        )
    if status in (409, 412):
        return FailedError(
            f"{asked} has changed since it was looked at; nothing was written, try again"
        )
    if status:
        return FailedError(f"The Hub answered {status} for {asked}; try again later")
    if isinstance(error, (errors.LocalEntryNotFoundError, errors.RevisionResolutionError)):
        offline = isinstance(error.__cause__, errors.OfflineModeIsEnabled)
        why = "HF_HUB_OFFLINE is set" if offline else "the Hub cannot be reached"
        return FailedError(f"{asked} is neither here nor in the cache, and {why}")
    if isinstance(error, (httpx2.TransportError, errors.OfflineModeIsEnabled)):
        return FailedError(f"The Hub cannot be reached for {asked}; try again later")
    if isinstance(error, (OSError, ValueError)):  # a full disk, a card that is not accepted, ...
        return FailedError(f"{asked}: {' '.join(str(error).split())}")
    return error
