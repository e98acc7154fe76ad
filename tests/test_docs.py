"""The documentation builds, its links lead somewhere, and what it shows can be typed."""

import ast
import html.parser
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

import cli
from zoo import registry
from zoo.errors import RequestError

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *DOCS,
    ROOT / "benchmarks/study/README.md",
]
FOLDERS = ("zoo", "export", "tests", "benchmarks", "model_cards", "docs")
COMMANDS: Any = typer.main.get_command(cli.app)
# "train" alone is a command that is spoken of; with anything behind it, it is one to be typed.
TYPED = re.compile(rf"(python cli\.py |genzoo )?({'|'.join(COMMANDS.commands)}) \S")
NOT_SET = ("seed", "preset")  # what `sweep --set` takes beside hyperparameters


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tokens(path: Path) -> list[Token]:
    """The tokens of a page, those inside paragraphs included."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")):
        found += [token, *(token.children or ())]
    return found


def links(path: Path) -> list[str]:
    """The addresses of a page's links and pictures."""
    found = []
    for token in tokens(path):
        if token.type in ("link_open", "image"):
            found.append(str(token.attrGet("href") or token.attrGet("src")))
        elif token.type in ("html_inline", "html_block"):
            found += re.findall(r'(?:src|href)="([^"]*)"', token.content)
    return found


def anchors(path: Path) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    inside, found = False, set()
    for token in tokens(path):
        if inside and token.type == "inline":
            plain = re.sub(r"[^\w\- ]", "", token.content.lower())
            found.add(plain.replace(" ", "-"))
        inside = token.type == "heading_open"
    return found


def codes(path: Path) -> list[str]:
    """What a page shows to be typed or read: lines of its blocks, and code within sentences."""
    found = []
    for token in tokens(path):
        if token.type in ("fence", "code_block"):
            found += token.content.replace("\\\n", " ").splitlines()
        elif token.type == "code_inline":
            found.append(token.content)
    return [line.strip() for line in found]


def commands(path: Path) -> Iterator[list[str]]:
    """The command lines of a page, without the program's name."""
    for line in codes(path):
        for part in line.split("&&"):
            part = part.strip().removeprefix(".venv/bin/")
            program = part.startswith(("python cli.py ", "genzoo "))
            if program or TYPED.match(part):
                words = shlex.split(part, comments=True)
                yield words[(2 if words[0] == "python" else 1) if program else 0 :]


def check_command(words: list[str]) -> None:
    """Parses a command line as the program does, and the hyperparameters that it sets."""
    if words[0] == "COMMAND":
        return
    with COMMANDS.make_context("genzoo", list(words)) as context:
        name, command, rest = COMMANDS.resolve_command(context, words)
        with command.make_context(name, [w for w in rest if w != "..."], parent=context) as parsed:
            settings = parsed.params.get("settings") or ()
            model = parsed.params.get("model") or parsed.params.get("source")
    if settings:
        check_settings(settings, model if name in ("train", "sweep") else None)


def check_settings(settings: Iterable[str], model: str | None = None) -> None:
    """Refuses KEY=A,B,... settings that no model takes together, or not the one that is named."""
    known = registry.entries()
    entries = [known[model]] if model in known else list(known.values())
    wrong = {}
    for entry in entries:
        try:
            for key, values in (setting.split("=") for setting in settings):
                for value in values.split(","):
                    if value.isupper() or value == "...":  # a placeholder
                        assert key in entry.hyperparameters, f"{entry.name} has no {key}"
                    elif key not in NOT_SET:
                        entry.parse([f"{key}={value}"])
            return
        except (AssertionError, RequestError) as error:
            wrong[entry.name] = str(error)
    raise AssertionError(wrong)


# ---- the pages


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_the_two_commands_are_those_of_the_continuous_integration() -> None:
    blocks = [t.content.strip() for t in tokens(ROOT / "README.md") if t.type == "code_block"]
    install = "python3 -m venv .venv && .venv/bin/pip install "
    assert (
        blocks[0] == f"{install}-e '.[train]' && .venv/bin/python cli.py train cgan --preset quick"
    )
    assert blocks[1] == f"{install}torch==2.13.0 -e '.[dev]' && .venv/bin/python -m tests"
    assert blocks[1] in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme in ("http", "https") and "." in parts.netloc, link
            assert not re.search(r"\s", link), link
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        assert target.is_relative_to(ROOT) and target.exists(), link
        if parts.fragment:
            assert parts.fragment in anchors(target), link


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_files_that_are_named_exist(path: Path) -> None:
    for code in codes(path):
        for name in re.findall(rf"(?<![\w./])(?:{'|'.join(FOLDERS)})/[\w./<>-]+", code):
            assert "<" in name or (ROOT / name).exists(), name


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_commands_parse(path: Path) -> None:
    for words in commands(path):
        check_command(words)


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_settings_are_hyperparameters(path: Path) -> None:
    for line in codes(path):
        if line.split(" --")[0] in registry.entries() or line.startswith("--set "):
            check_settings(re.findall(r"--set (\S+)", line), line.split()[0])


def test_all_commands_are_shown() -> None:
    shown = [words for path in PAGES for words in commands(path)]
    assert len(shown) > 60
    assert {words[0] for words in shown} >= set(COMMANDS.commands)


@pytest.mark.parametrize(
    "line",
    [
        "trains gan",  # no command
        "train gan --datasets mnist",
        "train gan --steps many",
        "train gan --set layers=2",
        "train iwae --set stochastic_layers=3",
        "sweep wgan --set clip=0.01,-1",
        "export --precision fp8",
    ],
)
def test_a_wrong_command_is_found(line: str) -> None:
    with pytest.raises((typer.TyperException, AssertionError)):
        check_command(line.split())


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_python_is_python(path: Path) -> None:
    blocks = [t.content for t in tokens(path) if t.type == "fence" and t.info == "python"]
    for block in blocks:
        ast.parse(block)


def test_names_of_the_python_api_exist() -> None:
    genzoo = pytest.importorskip("genzoo")
    text = "".join(path.read_text() for path in PAGES)
    for name in set(re.findall(r"\bgenzoo\.([A-Za-z]\w*)\b(?! = )", text)) - {"models"}:
        assert hasattr(genzoo, name), name


# ---- the website


class Page(html.parser.HTMLParser):
    """The links and the names inside a built page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("href", "src") and value:
                self.links.append(value)
            elif key == "id" and value:
                self.names.add(value)


def test_the_website_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "docs"]
    done = subprocess.run(
        [*command, str(tmp_path / "site"), "-d", str(tmp_path / "doctrees")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    pages = {path: Page(path) for path in (tmp_path / "site").glob("*.html")}
    names = {path.stem for path in pages}
    assert {path.stem for path in DOCS} <= names
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in pages:
                assert parts.fragment in pages[target].names, f"{path.name}: {link}"
