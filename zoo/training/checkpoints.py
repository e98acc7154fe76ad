"""The checkpoints of a run: the newest, and the one before it in case the newest is damaged.

    checkpoints/step-0000937.safetensors
    checkpoints/step-0000468.safetensors
    checkpoints/manifest.json               {"file": ..., "sha256": ..., "step": 937,
                                             "previous": {"file": ..., "sha256": ..., "step": 468}}

A checkpoint is written whole, then the manifest that names it, and last of all older ones are
removed: a process that is killed anywhere in between leaves a manifest whose files are there.
"""

from pathlib import Path
from typing import Any

import numpy as np

from zoo import files
from zoo.errors import RequestError
from zoo.training import schema

MANIFEST = "manifest.json"
Entry = dict[str, Any]  # "file", "sha256" and "step" of a checkpoint


class Checkpoints:
    """The checkpoints in a folder.

    Args:
        folder: of the checkpoints; made when the first is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def exist(self) -> bool:
        """Whether there is any: a manifest, or steps whose manifest is lost.

        The first write of all, of step 0, may have ended before its manifest: then there is none.
        """
        others = {path.name for path in self.folder.glob("step-*.safetensors")}
        return (self.folder / MANIFEST).exists() or bool(others - {schema.checkpoint_name(0)})

    def entries(self) -> list[Entry]:
        """What the manifest says of the newest checkpoint and, if there is one, of that before.

        Raises:
            RequestError: there is no manifest, or it does not name checkpoints.
        """
        path = self.folder / MANIFEST
        try:
            manifest = schema.read_object(path, "A checkpoints' manifest")
        except FileNotFoundError:
            raise RequestError(
                f"A run's checkpoints have a {MANIFEST}. Received: {self.folder}, without one"
            ) from None
        schema.check_manifest(manifest, path)
        found = (manifest, manifest.get("previous"))
        return [{key: entry[key] for key in schema.CHECKPOINT} for entry in found if entry]

    def save(self, tensors: dict[str, np.ndarray], step: int) -> Entry:
        """Writes the checkpoint of a step and returns its entry; the newest one becomes previous.

        The file's bytes depend on the tensors and the step alone.
        """
        import safetensors.numpy

        path = self.folder / schema.checkpoint_name(step)
        files.write_bytes(path, safetensors.numpy.save(tensors, {"step": str(step)}))
        entry = {"file": path.name, "sha256": files.sha256(path), "step": step}
        try:
            older = self.entries() if self.exist else []
        except RequestError:  # damaged while the run trains: it is written anew
            older = []
        self._name(entry, next((old for old in older if old["step"] != step), None))
        return entry

    def fall_back(self, entry: Entry) -> None:
        """Makes an entry the newest checkpoint, and removes all others."""
        self._name(entry, None)

    def _name(self, newest: Entry, previous: Entry | None) -> None:
        files.write_json(self.folder / MANIFEST, {**newest, "previous": previous})
        kept = {entry["file"] for entry in (newest, previous) if entry}
        for path in self.folder.glob("step-*.safetensors"):
            if path.name not in kept:
                path.unlink()

    def fault(self, entry: Entry) -> str | None:
        """What is wrong with a checkpoint's file, as a phrase after "which"; None if nothing is."""
        from safetensors import SafetensorError, safe_open

        path = self.folder / entry["file"]
        if not path.is_file():
            return "is missing"
        if files.sha256(path) != entry["sha256"]:
            return f"was changed: its sha256 is not that in {MANIFEST}"
        try:
            with safe_open(path, framework="numpy") as file:
                step = (file.metadata() or {}).get("step")
        except SafetensorError as error:
            return f"cannot be read ({str(error).splitlines()[0]})"
        if step != str(entry["step"]):
            return f"says that it is of step {step}, and {MANIFEST} of {entry['step']}"
        return None

    def usable(self) -> Entry:
        """The newest checkpoint that is as it was written.

        Raises:
            RequestError: none is.
        """
        faults = []
        for entry in self.entries():
            fault = self.fault(entry)
            if fault is None:
                return entry
            faults.append(f"{entry['file']}, which {fault}")
        raise RequestError(
            f"A checkpoint must be as it was written, and none in {self.folder} is. "
            f"Received: {'; '.join(faults)}"
        )

    def load(self, entry: Entry) -> dict[str, np.ndarray]:
        """The tensors of a checkpoint without fault, by name."""
        import safetensors.numpy

        return safetensors.numpy.load_file(self.folder / entry["file"])
