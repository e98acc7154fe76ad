"""The website of the documentation: `sphinx-build -W docs build/site`.

Its first page is the project's README, whose links are written for the project's folder.
"""

import re
from pathlib import Path
from typing import Any

project = "genzoo"
author = "the authors of genzoo"
html_title = "genzoo"
extensions = ["myst_parser"]
myst_enable_extensions = ["html_image"]
myst_heading_anchors = 3  # links to headings, as on GitHub
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False

README = Path(__file__).parents[1] / "README.md"
STUDY = "benchmarks/study/README.md"  # of which study.md is the page


def read_page(app: Any, page: str, source: list[str]) -> None:
    """Puts the README before the list of pages, and makes links out of docs/ links within it."""
    if page == "index":
        text = README.read_text(encoding="utf-8").replace(f"]({STUDY})", "](study.md)")
        text = re.sub(r'(]\(|src=")docs/', r"\1", text)
        source[0] = re.sub(r'(]\(|src=")model_cards/', r"\1../model_cards/", text) + source[0]
    source[0] = source[0].replace(f"](../{STUDY})", "](study.md)")


def setup(app: Any) -> None:
    app.connect("source-read", read_page)
