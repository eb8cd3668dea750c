"""The service: every change is seen by the next request, and is there again after a restart."""

import json
from contextlib import closing
from shutil import copyfile
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from podcast_recs import service
from podcast_recs.feeds import Item
from podcast_recs.records import HOUR_MS, Event, Slot, Source, What
from podcast_recs.serving import Serving, save
from podcast_recs.store import Store, path_of
from podcast_recs.views import slate_view
from podcast_recs.world import events_of
from shared.bootstrap import Engines
from shared.cli import main
from shared.clock import DEMO_NOW
from shared.console.app import build_app
from shared.errors import BadInput, LinerError
from shared.settings import Settings


@pytest.fixture(scope="module")
def saved(setting, tmp_path_factory):
    """The store of the learned world; each test takes a copy."""
    path = path_of(tmp_path_factory.mktemp("saved"))
    path.parent.mkdir()
    languages = setting.recommender.library.catalogue.languages
    profiles = [(user, (languages[setting.profile(user).languages[0]],), False) for user in range(60)]
    save(path, setting.recommender, setting.encoder, list(events_of(setting.audience)), profiles)
    return path


@pytest.fixture
def home(saved, tmp_path):
    path_of(tmp_path).parent.mkdir()
    copyfile(saved, path_of(tmp_path))
    return tmp_path


@pytest.fixture
def client(home):
    engines = Engines(Settings(home=home))
    with TestClient(build_app(engines, "podcast_recs")) as client:
        yield client
    engines.close()


def slate(client, user, **more):
    answer = client.get("/podcast-recs/slate", params={"user": user, "slots": 20, **more})
    assert answer.status_code == 200
    return answer.json()["slots"]


def post_event(client, what, user, episode, event_id=1 << 40, **more):
    event = {"event_id": event_id, "user": user, "episode": episode, "what": what, **more}
    return client.post("/podcast-recs/events", json=[event])


def test_every_slot_has_a_reason(client):
    user = client.get("/podcast-recs/listeners").json()[0]
    slots = slate(client, user)
    assert slots
    assert all(slot["reason"] and 0 < slot["propensity"] <= 1 for slot in slots)
    assert len({slot["show_id"] for slot in slots}) == len(slots)


def test_a_publish_a_follow_and_a_take_down_are_seen_at_once(client):
    user = client.get("/podcast-recs/listeners").json()[0]
    show = slate(client, user)[0]["show_id"]
    assert post_event(client, "followed", user, slate(client, user)[0]["episode"]).json() == {"new": 1}
    new = client.post("/podcast-recs/episodes", json={"show": show, "title": "Just now", "minutes": 25})
    assert new.status_code == 201
    page = client.get(f"/podcast-recs/shows/{show}").json()
    assert page["episodes"][0]["title"] == "Just now"
    episode = new.json()["episode"]
    assert client.get("/podcast-recs/search", params={"q": "Just now"}).json()["episodes"][0]["episode"] == episode
    assert client.delete(f"/podcast-recs/episodes/{episode}").status_code == 200
    assert episode not in {slot["episode"] for slot in slate(client, user)}
    assert client.get(f"/podcast-recs/shows/{show}").json()["episodes"][0]["episode"] != episode


def test_not_this_show(client):
    user = client.get("/podcast-recs/listeners").json()[0]
    first = slate(client, user)[0]
    post_event(client, "refused", user, first["episode"])
    assert first["show_id"] not in {slot["show_id"] for slot in slate(client, user)}


def test_time_and_clock_are_heeded(client):
    user = client.get("/podcast-recs/listeners").json()[0]
    assert all(slot["minutes"] <= 24 for slot in slate(client, user, minutes=20))
    morning = client.get("/podcast-recs/slate", params={"user": user, "hour": 8}).json()["at"]
    assert morning % 86_400_000 == 8 * 3_600_000


def test_a_restart_answers_as_before(client, home):
    user = client.get("/podcast-recs/listeners").json()[1]
    post_event(client, "started", user, slate(client, user)[0]["episode"])
    show = slate(client, user)[0]["show_id"]
    client.post("/podcast-recs/episodes", json={"show": show, "title": "Kept", "minutes": 30})
    before = [slot["episode"] for slot in slate(client, user, hour=9)]
    again = Serving(path_of(home))
    after = [slot.episode for slot in again.slate(user, 0, 0, 20, again.moment_of(9))]
    again.store.close()
    assert after == before


def test_who_is_forgotten_was_never_there(client, home):
    user, other = client.get("/podcast-recs/listeners").json()[:2]
    shown, serving = slate(client, user)[0]["episode"], Serving(path_of(home))  # another process, which reads meanwhile
    kept = [event for event in serving.store.events() if event.user != user]
    gone = client.delete(f"/podcast-recs/listeners/{user}").json()["events"]
    assert gone == len(serving.recommender.state.events) - len(kept) > 0
    # on its way when the listener went: by the process that has not seen it yet, and by the one that has
    assert serving.take([Event(1 << 50, user, shown, What.STARTED, serving.now)]) == 0
    assert post_event(client, "started", user, shown).json() == {"new": 0}
    assert list(serving.store.events()) == kept
    serving.store.close()
    with pytest.MonkeyPatch.context() as patch:  # as if they had never been
        patch.setattr(Store, "events", lambda _: iter(kept))
        without = Serving(path_of(home))
    again = Serving(path_of(home))
    np.testing.assert_array_equal(again.recommender.state.counters, without.recommender.state.counters)
    assert not again.recommender.state.listeners[user].heard
    assert not again.recommender.factors.users[user].any()
    assert [slot.episode for slot in again.slate(other, 0, 0, 9, again.now)] == [
        slot["episode"]
        for slot in client.get(f"/podcast-recs/slate?user={other}&slots=9&intent=commute").json()["slots"]
    ]
    again.store.close()
    without.store.close()


def test_a_listener_is_forgotten_even_where_the_ranker_is_broken(home, monkeypatch, capsys):
    with closing(Store(path_of(home))) as store:
        store.put_fact("ranker", "none")
        monkeypatch.setenv("LINER_HOME", str(home))
        assert main(["podcast-recs", "forget", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["events"] > 0
        assert all(event.user != 1 for event in store.events())


def test_the_same_event_twice_is_new_once(client):
    assert post_event(client, "started", 1, 3).json() == {"new": 1}
    assert post_event(client, "started", 1, 3).json() == {"new": 0}


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"what": "loved"}, 422),
        ({"episode": 10**6}, 404),
        ({"played_ms": -5}, 422),
        ({"propensity": 0}, 422),
        ({"extra": 1}, 422),
        ({"user": -1}, 422),
    ],
)
def test_an_event_that_cannot_be_is_refused_with_all_its_batch(client, event, status):
    good = {"event_id": (1 << 40) + 77, "user": 1, "episode": 3, "what": "started"}
    answer = client.post("/podcast-recs/events", json=[good, {**good, "event_id": (1 << 40) + 78, **event}])
    assert answer.status_code == status
    assert client.post("/podcast-recs/events", json=[good]).json() == {"new": 1}


@pytest.mark.parametrize("path", ["/podcast-recs/shows/9999", "/podcast-recs/slate?user=1"])
def test_nothing_there_is_one_line(client, tmp_path_factory, path):
    engines = Engines(Settings(home=tmp_path_factory.mktemp("empty")))
    with TestClient(build_app(engines, "podcast_recs")) as empty:
        answer = empty.get(path)
    assert answer.status_code == 404
    assert "liner podcast-recs demo" in answer.json()["error"]


def test_an_unknown_show_or_episode(client):
    assert client.get("/podcast-recs/shows/9999").status_code == 404
    assert client.delete("/podcast-recs/episodes/999999").status_code == 404
    assert client.post("/podcast-recs/episodes", json={"show": 9999, "title": "x", "minutes": 1}).status_code == 404


def test_commands_say_where_to_begin(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LINER_HOME", str(tmp_path))
    assert main(["podcast-recs", "search", "x"]) == 2
    assert "run `liner podcast-recs demo`" in capsys.readouterr().err
    assert main(["podcast-recs", "capacity", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["estimate"]


def test_no_listener_is_below_zero(home, monkeypatch, capsys):
    monkeypatch.setenv("LINER_HOME", str(home))
    assert main(["podcast-recs", "recommend", "-1"]) == 2
    assert "listener -1: expected 0 or more" in capsys.readouterr().err


def test_a_publication_that_cannot_be_kept_is_not_shown(client, home, monkeypatch):
    serving = Serving(path_of(home))
    count = len(serving.recommender.library.catalogue.show)

    def full(*row):
        raise LinerError("disk full")

    monkeypatch.setattr(serving.store, "add_episode", full)
    with pytest.raises(LinerError, match="disk full"):
        serving.publish(0, serving.now, 60_000, "Lost", "")
    assert len(serving.recommender.library.catalogue.show) == len(serving.recommender.library.index) == count
    serving.store.close()


def test_two_first_requests_open_the_store_once(home, monkeypatch):
    opened = service.Opened(path_of(home), lambda: 0)
    alone = []

    def opening(path, clock):
        alone.append(opened.lock.locked())
        return SimpleNamespace(store=SimpleNamespace(changed=lambda: False))

    monkeypatch.setattr(service, "Serving", opening)
    assert opened.get() is opened.get()
    assert alone == [True]


def test_a_show_page_is_read_while_nothing_is_written(client, monkeypatch):
    alone = []

    def view(serving, show):
        alone.append(serving.lock.locked())
        return {"show_id": show}

    monkeypatch.setattr(service, "show_view", view)
    assert client.get("/podcast-recs/shows/0").json() == {"show_id": 0}
    assert alone == [True]


def test_a_damaged_store_is_one_line(tmp_path):
    path = tmp_path / "podcasts.sqlite"
    path.write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(BadInput, match="move it away"):
        Store(path)


def test_an_event_of_the_far_future_is_refused_and_freezes_no_counter(client, home):
    serving = Serving(path_of(home))
    before = serving.recommender.state.touched.copy()
    with pytest.raises(BadInput, match="expected at most a day after"):
        serving.take([Event(1 << 50, 0, 0, What.STARTED, serving.now + 366 * 24 * HOUR_MS)])
    np.testing.assert_array_equal(serving.recommender.state.touched, before)
    serving.store.close()


def test_a_listener_of_old_feeds_lives_now(home):
    serving = Serving(path_of(home), clock=lambda: DEMO_NOW + 366 * 24 * HOUR_MS)
    assert serving.take([Event(1 << 50, 0, 0, What.STARTED, DEMO_NOW + 366 * 24 * HOUR_MS)]) == 1
    serving.store.close()


def test_what_came_at_one_time_is_replayed_as_it_came(home):
    serving = Serving(path_of(home))
    came = ((900, 3, What.FOLLOWED), (100, 3, What.UNFOLLOWED), (800, 40, What.STARTED), (200, 3, What.STARTED))
    for event_id, episode, what in came:
        assert serving.take([Event((1 << 50) + event_id, 1, episode, what, serving.now)]) == 1
    before = serving.recommender.state.listeners[1]
    assert before.recent[-1][1] == 3
    assert int(serving.recommender.library.catalogue.show[3]) not in before.follows
    serving.store.close()
    reopened = Serving(path_of(home))
    assert reopened.recommender.state.listeners[1] == before
    reopened.store.close()


def test_vectors_of_another_encoder_are_made_again(home):
    store = Store(path_of(home))
    store.put_arrays({"vectors": np.ones((len(store.catalogue().show), 3), np.float32)})
    store.close()
    serving = Serving(path_of(home))
    assert serving.search("space", 3) is not None
    assert serving.publish(0, serving.now, 60_000, "New", "") == len(serving.recommender.library.index) - 1
    serving.store.close()


def test_the_clock_follows_what_is_listened_to(home):
    serving = Serving(path_of(home))
    at = serving.now + HOUR_MS
    serving.take([Event(1 << 50, 1, 3, What.STARTED, at)])
    assert serving.now == at
    serving.take([Event(1 << 50, 1, 3, What.STARTED, at + HOUR_MS)])  # known already
    assert serving.now == at
    serving.store.close()


def test_a_small_chance_is_told_as_it_is(home):
    serving = Serving(path_of(home))
    told = slate_view(serving, 1, [Slot(3, Source.EXPLORE, 1.23456e-7, 0.0, "new")])["slots"][0]["propensity"]
    assert told == 1.235e-7
    serving.store.close()


def test_what_is_imported_beside_the_service_is_there_at_once(client, home):
    show = client.get("/podcast-recs/slate", params={"user": 1}).json()["slots"][0]["show_id"]
    before = Store(path_of(home))
    count = len(before.catalogue().show)
    before.add_feed("deep.xml", "Deep Sea", "", "en", 2, [Item("g1", "Whales", "", 1, 60_000, False)])
    before.close()
    new = client.post("/podcast-recs/episodes", json={"show": show, "title": "After it", "minutes": 5})
    assert new.json() == {"episode": count + 1}


def test_an_episode_that_another_wrote_meanwhile_is_one_line(home):
    serving = Serving(path_of(home))
    other = Store(path_of(home))
    other.add_feed("deep.xml", "Deep Sea", "", "en", 2, [Item("g1", "Whales", "", 1, 60_000, False)])
    other.close()
    with pytest.raises(LinerError, match="constraint failed"):
        serving.publish(0, serving.now, 60_000, "Late", "")
    assert len(serving.recommender.library.catalogue.show) == len(serving.recommender.library.index)
    serving.store.close()


def test_a_store_that_is_not_yet_whole_replaces_nothing(setting, home, monkeypatch):
    def full(store, events):
        assert Serving(path_of(home)).recommender.state.events
        raise LinerError("disk full")

    monkeypatch.setattr(Store, "add_events", full)
    with pytest.raises(LinerError, match="disk full"):
        save(path_of(home), setting.recommender, setting.encoder, list(events_of(setting.audience)), [])
    assert Serving(path_of(home)).recommender.state.events


def test_a_full_disk_is_one_line_changes_nothing_and_is_over_when_there_is_room(home):
    serving = Serving(path_of(home))
    store, count = serving.store, len(serving.recommender.library.catalogue.show)
    (pages,) = store._db.execute("pragma page_count").fetchone()
    store._db.execute(f"pragma max_page_count = {pages}")
    for write in (
        lambda: serving.publish(0, serving.now, 60_000, "Long", "text " * 20_000),
        lambda: serving.take([Event((1 << 50) + n, 1, 3, What.SHOWN, serving.now) for n in range(20_000)]),
    ):
        with pytest.raises(LinerError, match="full; what was committed before still stands"):
            write()
    assert len(serving.recommender.library.catalogue.show) == count
    assert 1 << 50 not in serving.recommender.state.events
    store._db.execute("pragma max_page_count = 1000000")
    assert serving.publish(0, serving.now, 60_000, "Short", "") == count
    store.close()
