"""Commands in processes of their own, hundreds of them: forked from one that has imported it all.

A nursery is a process that imports Keras and one backend, computes nothing, and forks a child for
each command that it is told. A child is a process like any other, with parts of a second to
its first line instead of several seconds.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Ending(NamedTuple):
    """How a command ended: its exit code, or minus the signal; what it said; its points."""

    code: int
    said: str
    points: list


class Nursery:
    """See above. Use it in a `with` block.

    Args:
        backend: of its children.
    """

    def __init__(self, backend):
        self.backend = backend
        self._orders = 0

    def __enter__(self):
        self._logs = tempfile.TemporaryDirectory(prefix="endurance-logs-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.endurance.processes"],
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": self.backend, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *exception):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._logs.cleanup()

    def start(self, *words, folder, at=None, kind="kill"):
        """Starts a command in a folder, with a fault (see `Faults`); `ended` waits for it."""
        self._orders += 1
        order = {
            "words": [str(word) for word in words],
            "folder": str(folder),
            "log": f"{self._logs.name}/{self._orders}",
            "at": at,
            "kind": kind,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def ended(self):
        """The `Ending` of a command that was started: of the first that ends."""
        answer = json.loads(self._process.stdout.readline())
        log = Path(answer["log"])
        output = log.with_suffix(".out")
        points = log.read_text().splitlines() if log.exists() else []
        said = output.read_text(errors="replace")
        return Ending(answer["code"], said, points)

    def run(self, *words, **options):
        """The `Ending` of one command."""
        self.start(*words, **options)
        return self.ended()

    def done(self, *words, **options):
        """As `run`, of a command that must succeed."""
        ending = self.run(*words, **options)
        assert ending.code == 0, ending.said
        return ending


def sha_of(ending):
    """The sha256 that `train` prints when it ends."""
    return re.search(r"checkpoint sha256 ([0-9a-f]{64})", ending.said)[1]


def serve():
    """The nursery itself: reads an order from each line of its stdin, and answers with a line."""
    from zoo.start import start_backend

    start_backend(None)
    import selectors

    import sklearn.datasets  # noqa: F401 (the digits)

    import cli  # noqa: F401
    import zoo.training.report
    import zoo.training.setup  # noqa: F401

    living = {}
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    pending, open_input = b"", True
    while open_input or living:
        for key, _ in selector.select():
            if key.fd != sys.stdin.fileno():
                selector.unregister(key.fd)
                os.close(key.fd)
                pid, log = living.pop(key.fd)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                print(json.dumps({"code": status, "log": log}), flush=True)
                continue
            received = os.read(key.fd, 65_536)
            if not received:
                selector.unregister(key.fd)
                open_input = False
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                order = json.loads(line)
                ends, keeps = os.pipe()  # closed when the child is dead, however it died
                pid = os.fork()
                if not pid:
                    os.close(ends)
                    _be(order)
                os.close(keeps)
                living[ends] = pid, order["log"]
                selector.register(ends, selectors.EVENT_READ)


def _be(order):
    """What a child does, which never returns."""
    from tests.endurance.faults import Faults

    os.setsid()
    os.chdir(order["folder"])
    output = os.open(f"{order['log']}.out", os.O_WRONLY | os.O_CREAT)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 70
    try:
        import cli

        faults = Faults(order["log"], order["at"], order["kind"], order["folder"])
        faults.install()
        faults.install_steps()
        sys.argv = ["genzoo", *order["words"]]
        cli.main()
    except SystemExit as ending:
        code = ending.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
