"""The whole suite: ruff, then the tests on each backend. `python -m tests`

Tests marked `once` do not depend on the backend and run with PyTorch only, which compiles nothing
and so is through first. Two processes share the tests, in runs of neighbours, which share what a
file's fixtures make.
"""

import os
import subprocess
import sys
import tempfile

from zoo import BACKENDS


def run(commands, changes):
    """Runs (words of Python, backend or None) one after the other, to the first that fails."""
    for arguments, backend in commands:
        print(f"== {' '.join(arguments)}" + (f"  on {backend}" if backend else ""), flush=True)
        environment = {**os.environ, **changes, **({"KERAS_BACKEND": backend} if backend else {})}
        code = subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode
        if code:
            sys.exit(code)


def main():
    commands = [(["-m", "ruff", "check", "."], None), (["-m", "ruff", "format", "--check"], None)]
    for backend in BACKENDS:
        selection = [] if backend == "torch" else ["-m", "not once"]
        pytest = ["-m", "pytest", "-n", "2", "--dist", "worksteal"]
        commands.append(([*pytest, *selection, *sys.argv[1:]], backend))
    if not sys.dont_write_bytecode:
        run(commands, {})
        return
    # Dozens of processes would each compile what they import: here once, in a folder that goes.
    with tempfile.TemporaryDirectory(prefix="genzoo-bytecode-") as folder:
        run(commands, {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder})


if __name__ == "__main__":
    main()
