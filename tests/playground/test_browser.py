"""The playground in headless Chromium: the bundled models, and toys of what they do not have.

What it needs, Chromium and the page's npm packages, `.ci/run` installs; without them it is skipped.
"""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from export.playground.serve import HOST, server
from export.playground.write import PAGE, write

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[2]
PACKAGES = PAGE.parent / "page" / "node_modules"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SCRIPTS = Path(__file__).parent / "page"


@pytest.fixture(autouse=True)
def browser():
    if not (CHROMIUM and shutil.which("node") and PACKAGES.is_dir()):
        pytest.skip("needs Chromium, Node and `npm ci` in export/playground/page")


def run(*words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CHROMIUM": str(CHROMIUM)}
    done = subprocess.run(
        words, cwd=PACKAGES.parent, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def checked(site):
    """The lines of the end-to-end checks of a site, all of which pass."""
    run(sys.executable, str(SCRIPTS / "expect.py"), str(site))
    with server(site, 0) as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
        thread.start()
        try:
            return run("node", "e2e/run.mjs", site, f"http://{HOST}:{serving.server_port}/")
        finally:
            serving.shutdown()
            thread.join()


def test_bundled_models(tmp_path):
    said = checked(write((), tmp_path / "site", tmp_path))
    for check in ("the runtime's pictures", "a slider changes them", "the quiz counts", "axe-core"):
        assert f"passed: {check}" in said


def test_toys_of_every_kind(tmp_path):
    run(sys.executable, str(SCRIPTS / "make_site.py"), str(tmp_path / "site"))
    assert "not run" not in checked(tmp_path / "site")


def test_the_built_page_is_that_of_the_sources(tmp_path):
    run("npx", "tsc")
    run("npx", "vitest", "run")
    run("npx", "vite", "build", "--outDir", str(tmp_path / "built"))
    for path in (tmp_path / "built").rglob("*"):
        if path.is_file():
            committed = PAGE / path.relative_to(tmp_path / "built")
            assert committed.read_bytes() == path.read_bytes(), path.name
