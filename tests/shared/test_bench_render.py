"""The renderer: recorded JSON becomes tables; one digit typed by hand is found."""

import json
from xml.etree import ElementTree

import pytest

from shared.bench import budgets, pictures, render
from shared.bench.run import RESULTS, machine_class, record
from shared.errors import BadInput


def report(median):
    rows = [
        {
            "group": "top-k",
            "name": f"test[{name}]",
            "param": name,
            "stats": {"median": m, "iqr": m / 10, "rounds": 5},
            "extra_info": info,
        }
        for name, m, info in (
            ("ours", median, {"show": {"overlap": "100 %"}, "digest": "a1"}),
            ("peer", 3 * median, {"show": {}}),
        )
    ]
    return {"benchmarks": rows, "machine_info": {"cpu": {"brand_raw": "A CPU"}}, "datetime": "2026-11-23T01:02:03"}


@pytest.fixture
def project(tmp_path):
    readme = tmp_path / "system" / "README.md"
    readme.parent.mkdir()
    readme.write_text(
        "Before\n<!-- table: top-k -->\n<!-- end -->\nours: <!-- value: top-k; ours; median --><!-- end -->, "
        "overlap <!-- value: top-k; ours; overlap --><!-- end -->\n<!-- command: liner discover-weekly capacity --><!-- end -->\n"
    )
    record(tmp_path, report(0.0123), "tiny")
    return tmp_path


def test_rendered_then_checked(project, capsys):
    assert render.render(project, check_only=True) == 1
    assert "disagrees" in capsys.readouterr().out
    assert render.render(project, check_only=False) == 0
    text = (project / "system" / "README.md").read_text()
    assert "| ours | 12.3 ms | 1.23 ms | 1.00 | 100 % |" in text
    assert "| peer | 36.9 ms | 3.69 ms | 3.00 | – |" in text
    assert "ours: <!-- value: top-k; ours; median -->12.3 ms<!-- end -->" in text
    assert "$ liner discover-weekly capacity" in text
    assert render.render(project, check_only=True) == 0


def test_a_picture_is_drawn_and_its_drift_found(project, capsys):
    readme, drawn = project / "README.md", project / "system" / "times.svg"
    readme.write_text("| <!-- picture: system/times.svg; top-k; median; Times --><!-- end --> |\n")
    assert render.render(project, check_only=True) == 1
    render.render(project, check_only=False)
    assert "![Times](system/times.svg)" in readme.read_text()
    bars = ElementTree.fromstring(drawn.read_text()).findall("{http://www.w3.org/2000/svg}rect")[1:]
    assert float(bars[1].get("width")) == pytest.approx(3 * float(bars[0].get("width")), abs=0.2)
    assert render.render(project, check_only=True) == 0
    drawn.write_text(drawn.read_text().replace("12.3 ms", "11.3 ms"))
    assert render.render(project, check_only=True) == 1
    assert "system/times.svg: disagrees" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cell", "value"), [("2,719 µs", 2719.0), ("99.81%", 99.81), (".5 s", 0.5), ("1.00 (≥ 0.89)", 1.0), ("–", None)]
)
def test_numbers_of_cells(cell, value):
    assert pictures.number(cell) == value


def test_a_digit_typed_by_hand_is_found(project):
    render.render(project, check_only=False)
    readme = project / "system" / "README.md"
    readme.write_text(readme.read_text().replace("12.3 ms", "11.3 ms"))
    assert render.render(project, check_only=True) == 1


def test_recorded_file_keeps_what_was_measured(project):
    result = json.loads((project / RESULTS / machine_class() / "top-k.json").read_text())
    assert result["size"] == "tiny"
    assert result["rows"][0]["digest"] == "a1"


def test_a_group_that_was_never_recorded(project):
    with pytest.raises(BadInput, match="liner bench --only nothing"):
        render.load(project, "nothing")


def test_lines_of_code_are_counted_without_comments_and_docstrings():
    source = '"""Doc.\n\nMore."""\n\n# comment\ndef f() -> None:\n    """Doc."""\n    text = """two\nlines"""\n    print(text)\n'
    assert budgets.code_lines(source) == 4
