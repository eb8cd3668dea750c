"""Recommending in a served room: for everybody who is there, within what all may hear, and without a catalogue not at all."""

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from jam_recs import records as r
from jam_recs.recommend import WANT, Library, open_library
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.lake import Lake
from shared.settings import Settings
from tests.jam_recs.home import publish
from tests.jam_recs.rooms import catalogue, guest, party, pools


def full(view):
    return view.now and len(view.queue) >= WANT - 1


def without(track):
    return lambda view: track not in [item.track.track_id for item in view.queue]


@pytest.fixture
def published(tmp_path):
    """A home with a catalogue."""
    publish(tmp_path)
    return tmp_path


def test_the_queue_refills_for_both_and_leaves_the_next_two(served, published):
    async def test(house):
        ann = await house.post("/rooms", {"name": "Ann", "user_id": 0})
        body = {"invite": ann["invite"], "name": "Ben", "user_id": 1}
        ben = await house.post(f"/rooms/{ann['room']}/members", body)
        async with house.guests([ann]) as (host,):
            alone = await host.until(full)
            assert {item.served for item in alone.queue} == {ann["member"]}
            async with house.guests([ben]):
                both = await host.until(
                    lambda view: {item.served for item in view.queue} == {ann["member"], ben["member"]}
                )
                assert both.queue[:2] == alone.queue[:2]
                tastes = [item.track.track_id // 60 for item in both.queue[2:]]
                assert {0, 1} <= set(tastes)
                assert all(dict(item.shares).keys() == {ann["member"], ben["member"]} for item in both.queue[2:])

    served(test, published)


def test_a_veto_of_everything_is_exhaustion_not_a_broken_veto(served, published):
    async def test(house):
        everything = {"vetoed_artists": list(range(80))}
        card = await house.post("/rooms", {"name": "Ann", "user_id": 0, **everything})
        async with house.guests([card]) as (host,):
            view = await host.until(lambda view: view.exhausted)
            assert (view.queue, view.now) == ((), None)
            assert (await host.wish(type="add", track_id=7)).kind == "add"  # what people add themselves is theirs

    served(test, published)


def test_what_a_newcomer_may_not_hear_leaves_the_queue(served, published):
    async def test(house):
        ann = await house.post("/rooms", {"name": "Ann", "user_id": 0})
        async with house.guests([ann]) as (host,):
            view = await host.until(full)
            veto = view.queue[0].track.artist_id
            body = {"invite": ann["invite"], "name": "Ben", "user_id": 0, "vetoed_artists": [veto]}
            async with house.guests([await house.post(f"/rooms/{ann['room']}/members", body)]):
                view = await host.until(lambda view: veto not in [item.track.artist_id for item in view.queue])
                assert len(view.queue) >= WANT - 1

    served(test, published)


def test_an_up_vote_on_a_pick_outlives_the_next_refill(served, published):
    async def test(house):
        card = await house.post("/rooms", {"name": "Ann", "user_id": 2})
        async with house.guests([card]) as (host,):
            view = await host.until(full)
            liked, unloved = view.queue[6].item, view.queue[7]
            await host.wish(type="vote", item=liked, vote=1)
            await host.wish(type="vote", item=unloved.item, vote=-1)
            view = await host.until(without(unloved.track.track_id))
            assert {item.item: item.up for item in view.queue}[liked] == (card["member"],)

    served(test, published)


def test_what_somebody_adds_is_not_recommended_as_well():
    known = catalogue()
    room = party(guest(0), queue=(80, 90))  # two ids of one recording: the first was added by hand
    by_hand = structs.replace(room.queue[0], added_by=1)
    body = Library(known, pools(known)).refill(structs.replace(room, queue=(by_hand, room.queue[1])))
    assert body.drop == (room.queue[1].item,)


def test_an_unknown_track_is_refused_and_a_newcomer_without_history_is_served(served, published):
    async def test(house):
        card = await house.post("/rooms", {"name": "New"})
        async with house.guests([card]) as (host,):
            view = await host.until(full)
            assert len({item.track.track_id for item in view.queue}) == len(view.queue)
            assert (await host.wish(type="add", track_id=10**6)).code == "no_such_track"

    served(test, published)


def test_a_down_vote_on_a_pick_is_a_veto_for_this_party(served, published):
    async def test(house):
        card = await house.post("/rooms", {"name": "Ann", "user_id": 2})
        async with house.guests([card]) as (host,):
            view = await host.until(full)
            unloved = view.queue[5]
            await host.wish(type="vote", item=unloved.item, vote=-1)
            await host.until(without(unloved.track.track_id))

    served(test, published)


def test_without_a_catalogue_the_room_works_and_search_says_what_to_do(served, tmp_path):
    async def test(house):
        (card,) = await house.party(0)
        async with house.guests([card]) as (host,):
            reply = await host.wish(type="add", track_id=7)
            view = await host.until(lambda view: view.version >= reply.version)
            assert (view.now.item.track.title, view.queue) == ("Track 7", ())

    served(test)
    with TestClient(build_app(Engines(Settings(home=tmp_path)), "jam_recs")) as client:
        answer = client.get("/jam-recs/tracks?q=x")
        assert answer.status_code == 404
        assert b"liner jam-recs demo" in answer.content


def test_an_empty_room_is_recommended_nothing(published):
    state = r.State("", 0, 0, 0, r.Rights(), {}, (), None, (), 0, 0)
    assert open_library(Lake(published / "lake")).refill(state) is None
