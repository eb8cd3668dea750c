"""The tour: what a demo printed and drew reaches the page, a failure ends it and is said there."""

import os

from shared import systems
from shared.tour import MISSING, Stop, drawn_since, page_of, visit


def test_only_what_was_drawn_meanwhile_is_shown(tmp_path):
    for name, age in (("old.png", 100.0), ("b/new.svg", 300.0), ("a.png", 200.0), ("a.txt", 300.0)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
        os.utime(path, (age, age))
    assert [path.name for path in drawn_since(200_000, tmp_path)] == ["a.png", "new.svg"]


def test_the_page_shows_each_system_once(tmp_path):
    first, *rest = systems.installed()
    stop = Stop(first, 0, 12.3, 5_000_000, ["<30 tracks>", "done"], [tmp_path / "a" / "b.svg"])
    page = page_of([stop], tmp_path)
    assert all(page.count(f"<h2>{system.title}</h2>") == 1 for system in systems.installed())
    assert page.count(MISSING) == len(rest)
    for shown in ("12.3 s, 5.0 MB", "&lt;30 tracks&gt;\ndone", 'src="a/b.svg"'):
        assert shown in page


def test_a_demo_that_fails_says_so(tmp_path):
    unknown = systems.System("no_such_system", "None such", "It is not there.", commands="none:none")
    stop = visit(unknown, tmp_path)
    assert stop.status == 2
    assert stop.peak_bytes > 1_000_000
    assert "failed with exit code 2" in page_of([Stop(systems.installed()[0], 2, 1.0, 1, [])], tmp_path)
