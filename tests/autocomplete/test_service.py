"""The service: one answer by two roads, cache and timing headers, bad parameters refused, a new index taken up at once."""

import asyncio
import json
import shutil

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from autocomplete import index, service
from autocomplete.service import CACHE, PATH, index_folder, keystroke_first, router
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.autocomplete.by_hand import terms_of

TERMS = terms_of(
    ("Björk", 9, "artist", "7"), ("Bjørn", 1, "artist", None), ("<b>B</b>", 1, "track", None), ("🎤 sing", 1)
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    index.save(index.build(TERMS), home / "autocomplete" / "index")
    return home


@pytest.fixture(scope="module")
def roads(home):
    """The console's app, and the same behind the plain route."""
    engines = Engines(Settings(home=home))
    app = build_app(engines, "autocomplete")
    yield {"framework": app, "plain": keystroke_first(app, index_folder(engines))}
    engines.close()


def get(app, url):
    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(url)

    return asyncio.run(ask())


@pytest.fixture(params=["framework", "plain"])
def app(request, roads):
    return roads[request.param]


def test_an_answer_has_suggestions_spans_and_headers(app):
    response = get(app, f"{PATH}?q=bjork&k=3")
    assert response.status_code == 200
    first = response.json()["suggestions"][0]
    assert (first["text"], first["type"], first["id"], first["spans"]) == ("Björk", "artist", "7", [[0, 5]])
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == CACHE
    assert response.headers["server-timing"].startswith("index;dur=")
    assert response.headers["x-content-type-options"] == "nosniff"


def test_k_is_respected(app):
    assert len(get(app, f"{PATH}?q=b&k=1").json()["suggestions"]) == 1


@pytest.mark.parametrize("k", ["0", "-1", "101", "1000000000", "x", "", "1e2", "٣٣٣", "1" * 5000])
def test_a_bad_k_is_refused(app, k):
    assert get(app, f"{PATH}?q=b&k={k}").status_code == 422


@pytest.mark.parametrize(
    "q", ["", "%", "%zz", "%ff%fe", "%00", "%ED%A0%80", "a" * 1000, "%F0%9F%8E%A4", "a&q=b", "+", "%2B"]
)
def test_any_query_has_an_answer(app, q):
    response = get(app, f"{PATH}?q={q}")
    assert response.status_code == 200
    assert set(response.json()) == {"query", "partial", "suggestions"}


def test_a_query_of_ten_thousand_letters_is_refused(app):
    assert get(app, f"{PATH}?q={'a' * 10_000}").status_code == 422


def test_fields_that_nobody_asked_for_are_passed_over(app):
    assert get(app, f"{PATH}?q=bj&" + "&".join(f"f{n}=1" for n in range(20))).json()["suggestions"]


def test_other_paths_and_methods_go_on_to_the_app(app):
    assert get(app, "/healthz").json() == {"status": "ok"}
    assert get(app, "/autocomplete/").status_code == 200


@given(q=st.text(max_size=60), k=st.integers(1, 20))
@settings(max_examples=100, deadline=None)
def test_both_roads_give_the_same_bytes(roads, q, k):
    url = httpx.URL("http://test" + PATH, params={"q": q.encode("utf-8", "replace").decode(), "k": k})
    framework, plain = (get(app, url) for app in roads.values())
    assert (framework.status_code, framework.content) == (plain.status_code, plain.content)


def test_without_an_index_the_answer_says_how_to_make_one(tmp_path):
    engines = Engines(Settings(home=tmp_path))
    for app in (build_app(engines, "autocomplete"), keystroke_first(FastAPI(), index_folder(engines))):
        response = get(app, f"{PATH}?q=a")
        assert response.status_code == 404
        assert "liner autocomplete demo" in response.json()["error"]
    engines.close()


def test_a_new_index_answers_the_next_keystroke(tmp_path):
    engines = Engines(Settings(home=tmp_path))
    index.save(index.build(TERMS), index_folder(engines))
    app = keystroke_first(FastAPI(), index_folder(engines))
    assert get(app, f"{PATH}?q=bj").json()["suggestions"][0]["text"] == "Björk"
    index.save(index.build(terms_of(("Bjarne", 1))), index_folder(engines))
    assert [line["text"] for line in get(app, f"{PATH}?q=bj").json()["suggestions"]] == ["Bjarne"]
    engines.close()


def test_a_torn_index_deployed_over_a_good_one_is_not_taken_up(tmp_path):
    engines = Engines(Settings(home=tmp_path))
    folder = index_folder(engines)
    index.save(index.build(TERMS), folder)
    app = keystroke_first(FastAPI(), folder)
    assert get(app, f"{PATH}?q=bj").status_code == 200
    (folder / "manifest.json").write_text("{}")
    assert [line["text"] for line in get(app, f"{PATH}?q=bj").json()["suggestions"]] == ["Björk", "Bjørn"]
    engines.close()


def test_an_index_that_vanishes_is_answered_from_memory_until_another_is_published(tmp_path):
    now = [0]
    index.save(index.build(TERMS), tmp_path)
    published = service.Published(tmp_path, lambda: now[0])
    answer = published.answer("bj", 5)[0]
    shutil.rmtree(tmp_path)
    assert published.answer("bj", 5)[0] == answer
    index.save(index.build(terms_of(("Bjarne", 1))), tmp_path)
    now[0] = service.RETRY_MS
    assert b"Bjarne" in published.answer("bj", 5)[0]


def test_an_index_whose_arrays_arrive_after_its_manifest_is_tried_again(tmp_path):
    now = [0]
    index.save(index.build(TERMS), tmp_path / "live")
    index.save(index.build(terms_of(("Bjarne", 1))), tmp_path / "new")
    published = service.Published(tmp_path / "live", lambda: now[0])

    def first():
        return json.loads(published.answer("bj", 5)[0])["suggestions"][0]["text"]

    assert first() == "Björk"
    shutil.copy(tmp_path / "new" / "manifest.json", tmp_path / "live" / "manifest.json")
    assert first() == "Björk"
    shutil.copytree(tmp_path / "new", tmp_path / "live", dirs_exist_ok=True, copy_function=shutil.copyfile)
    assert first() == "Björk"
    now[0] = service.RETRY_MS
    assert first() == "Bjarne"


def test_answers_are_kept_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(service, "KEPT_ANSWERS", 2)
    index.save(index.build(terms_of(*((f"b{'e' * 900}{n}", 1) for n in range(9)))), tmp_path)
    published = service.Published(tmp_path)
    for _ in range(2):
        assert published.answer("b", 9)[1] > 0  # too large to be kept
    small = {text: published.answer(text, 1) for text in ("b", "be", "bee")}
    assert published.answer("bee", 1) == (small["bee"][0], 0.0)
    assert published.answer("b", 1)[1] > 0  # pushed out


def test_the_route_is_in_the_schema(home):
    engines = Engines(Settings(home=home))
    app = FastAPI()
    app.include_router(router(engines))
    assert json.dumps(app.openapi()).count(PATH) == 1
    engines.close()
