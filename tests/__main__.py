"""The whole suite: ruff, then the tests on each backend. `python -m tests`

Tests marked `once` do not depend on the backend and run with PyTorch only, which compiles nothing
and so is through first. Two processes share the tests, in runs of neighbours, which share what a
file's fixtures make.
"""

import os
import subprocess
import sys

from zoo import BACKENDS


def main():
    commands = [(["-m", "ruff", "check", "."], None), (["-m", "ruff", "format", "--check"], None)]
    for backend in BACKENDS:
        selection = [] if backend == "torch" else ["-m", "not once"]
        pytest = ["-m", "pytest", "-n", "2", "--dist", "worksteal"]
        commands.append(([*pytest, *selection, *sys.argv[1:]], backend))
    for arguments, backend in commands:
        print(f"== {' '.join(arguments)}" + (f"  on {backend}" if backend else ""), flush=True)
        environment = {**os.environ, "KERAS_BACKEND": backend} if backend else None
        code = subprocess.run([sys.executable, *arguments], env=environment, check=False).returncode
        if code:
            sys.exit(code)


if __name__ == "__main__":
    main()
