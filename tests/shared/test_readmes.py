"""The answers hold together: links resolve, `file:function` and named tests exist, boxes are modules, sections stand in order."""

import ast
import re
import shlex

import pytest

from shared.cli import build_parser
from tests.readmes import ANSWERS, READMES, ROOT, commands


def ids(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("readme", READMES, ids=ids(READMES))
def test_links_resolve_to_something_with_content(readme):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", readme.read_text()):
        path = (readme.parent / target).resolve()
        assert path.exists(), target
        assert path.is_dir() or path.stat().st_size > 0, target


@pytest.mark.parametrize("readme", READMES, ids=ids(READMES))
def test_symbols_exist(readme):
    for file, symbol in re.findall(r"`([\w/]+\.py):{1,2}(\w+)`", readme.read_text()):
        path = next((base / file for base in (ROOT, readme.parent) if (base / file).exists()), None)
        assert path is not None, file
        tree = ast.parse(path.read_text())
        names = {getattr(node, "name", "") for node in ast.walk(tree)}
        names |= {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert symbol in names, f"{file}:{symbol}"


@pytest.mark.parametrize("readme", READMES, ids=ids(READMES))
def test_named_files_exist(readme):
    for file in re.findall(r"`((?:tests|shared)/[\w/.-]+\.\w+)`", readme.read_text()):
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize("readme", ANSWERS, ids=ids(ANSWERS))
def test_an_answer_has_its_sections_and_is_not_too_long(readme):
    text = readme.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[0] == "The answer in one minute"
    assert [heading.split(".")[0] for heading in headings[1:]] == [str(n) for n in range(1, 15)]
    prose = re.sub(r"<!-- \w+: .+? -->.*?<!-- end -->|```.*?```", "", text, flags=re.DOTALL)
    assert len(prose.split()) <= 3300


@pytest.mark.parametrize("readme", ANSWERS, ids=ids(ANSWERS))
def test_boxes_of_the_diagram_are_modules(readme):
    diagram = re.search(r"```mermaid\n(.*?)```", readme.read_text(), re.DOTALL)[1]
    boxes = re.findall(r"\b[\w.]+\.py\b", diagram)
    assert boxes
    for box in boxes:
        assert list((readme.parent).rglob(box)), box


def parses(words):
    try:
        build_parser().parse_args(words)
    except SystemExit as ended:  # `--help` ends with 0
        return ended.code == 0
    return True


@pytest.mark.parametrize("readme", READMES, ids=ids(READMES))
def test_commands_are_understood(readme):
    """The documentation and the command line cannot drift apart: the parser takes each command that a README shows."""
    for command in commands(readme.read_text()):
        assert parses(shlex.split(command)[1:]), command


@pytest.mark.parametrize("readme", READMES, ids=ids(READMES))
def test_make_targets_exist(readme):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(re.findall(r"`make ([\w-]+)`", readme.read_text())) <= set(targets)


@pytest.mark.parametrize("readme", ANSWERS, ids=ids(ANSWERS))
def test_an_answer_lists_its_verbs(readme):
    """As `--help` prints them: `liner bench --check` holds the region to it."""
    assert f"<!-- command: liner {readme.parent.name.replace('_', '-')} --help -->" in readme.read_text()
