"""The service by real sockets: who gets in, what each bad frame is answered, catch-up, leases, limits, refills."""

import asyncio
import contextlib
import json

import pytest
import uvicorn
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from jam_recs import records as r
from jam_recs.member import Guest
from jam_recs.process import numbered_library
from jam_recs.recommend import WANT, Library, open_library
from jam_recs.service import router
from shared.bootstrap import Engines
from shared.console.app import build_app
from shared.settings import Settings
from tests.jam_recs.home import publish

NOW = 1_800_000_000_000


class Times:
    """Clocks that stand until they are set."""

    def __init__(self):
        self.wall, self.lease = NOW, 0


@pytest.fixture
def times(monkeypatch):
    times = Times()
    monkeypatch.setattr("jam_recs.service.monotonic_ns", lambda: times.lease * 1_000_000)
    return times


@pytest.fixture
def served(tmp_path, times):
    """A function that runs `test(house)` on a loop on which the app is served."""

    def run(test, library=None):
        asyncio.run(_serve(tmp_path, times, library, test))

    return run


class House:
    """Addresses and small talk."""

    def __init__(self, port, server):
        self.port, self.server = port, server

    async def call(self, method, path, body=None):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        data = json.dumps(body).encode() if body is not None else b""
        head = (
            f"{method} /jam-recs{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        )
        writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        answer = await reader.read()
        writer.close()
        status, _, rest = answer.partition(b"\r\n")
        return int(status.split()[1]), rest.partition(b"\r\n\r\n")[2]

    async def post(self, path, body):
        status, answer = await self.call("POST", path, body)
        assert status == 200, answer
        return json.loads(answer)

    async def party(self, guests=1, **profile):
        host = await self.post("/rooms", {"name": "Ann", **profile})
        cards = [host]
        for number in range(guests):
            cards.append(
                await self.post(f"/rooms/{host['room']}/members", {"invite": host["invite"], "name": f"G{number}"})
            )
        return cards

    def socket(self, room):
        return connect(f"ws://127.0.0.1:{self.port}/jam-recs/rooms/{room}/socket", compression=None)

    @contextlib.asynccontextmanager
    async def guests(self, cards):
        guests = [Guest(f"127.0.0.1:{self.port}", card["room"], card["member"], card["token"]) for card in cards]
        for guest in guests:
            guest.start()
            await guest.until(bool)
        try:
            yield guests
        finally:
            for guest in guests:
                await guest.stop()


async def _serve(home, times, library, test):
    from fastapi import FastAPI

    engines = Engines(Settings(home=home), lambda: times.wall)
    app = FastAPI()
    app.include_router(router(engines, library or numbered_library()))
    listener = __import__("socket").create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=65_536,
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        await asyncio.wait_for(test(House(listener.getsockname()[1], server)), 60)
    finally:
        server.should_exit = True
        await running
        engines.close()


async def hello(socket, token, version=0):
    await socket.send(json.dumps({"type": "hello", "token": token, "version": version}))
    return json.loads(await socket.recv())


async def forever(socket):
    while True:
        yield await socket.recv()


async def closed(socket):
    with pytest.raises(ConnectionClosed) as ended:
        await anext(frame async for frame in forever(socket) if frame is None)
    return ended.value.rcvd.code, ended.value.rcvd.reason


def test_a_party_from_link_to_export(served):
    async def test(house):
        cards = await house.party()
        async with house.guests(cards) as (ann, ben):
            reply = await ben.wish(type="add", track_id=5)
            again = await ann.wish(type="vote", item=99, vote=1)
            assert (reply.kind, again.code) == ("add", "no_such_item")
            await ann.until(lambda view: view.version == reply.version)
            assert ann.view == await ben.until(lambda view: view.version == reply.version)
        room, token = cards[0]["room"], cards[0]["token"]
        status, body = await house.call("GET", f"/rooms/{room}/replay?token={token}")
        found = json.loads(body)
        assert (status, found["room"]) == (200, found["log"])
        status, body = await house.call("GET", f"/rooms/{room}/export?token={token}")
        assert [json.loads(line)["body"]["type"] for line in body.splitlines()] == ["create", "join", "add", "vote"]
        assert (await house.call("GET", f"/rooms/{room}/export?token=forged"))[0] == 403
        assert (await house.call("GET", "/rooms/nowhere/replay?token=forged"))[0] == 403

    served(test)


@pytest.mark.parametrize(
    ("first", "why"),
    [
        ("nonsense", "expected"),
        ("{}", "expected"),
        ('{"type":"hello"}', "expected"),
        ('{"type":"hello","token":"forged"}', "token:"),
        ('{"type":"beat"}', "expected"),
    ],
)
def test_nobody_gets_in_with_another_first_frame(served, first, why):
    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as socket:
            await socket.send(first)
            code, reason = await closed(socket)
            assert code == 4403
            assert why in reason

    served(test)


def test_invitations_expired_tokens_and_other_rooms_open_nothing(served, times):
    async def test(house):
        one, other = (await house.party(0))[0], (await house.party(0))[0]
        for token in (one["invite"], other["token"]):
            async with house.socket(one["room"]) as socket:
                await socket.send(json.dumps({"type": "hello", "token": token}))
                assert (await closed(socket))[0] == 4403
        status, _ = await house.call("POST", f"/rooms/{one['room']}/members", {"invite": other["invite"], "name": "x"})
        assert status == 403
        times.wall += 12 * 3_600_000
        async with house.socket(one["room"]) as socket:
            await socket.send(json.dumps({"type": "hello", "token": one["token"]}))
            assert "expired" in (await closed(socket))[1]

    served(test)


def test_whoever_says_nothing_is_dropped(served, monkeypatch):
    monkeypatch.setattr("jam_recs.service.AUTH_S", 0.01)

    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as socket:
            assert (await closed(socket))[0] == 4403

    served(test)


BAD = [
    "nonsense",
    "[]",
    '{"type":"ask"}',
    '{"type":"ask","seq":0,"wish":{"type":"leave"}}',
    '{"type":"ask","seq":-1,"wish":{"type":"leave"}}',
    '{"type":"ask","seq":1e99,"wish":{"type":"leave"}}',
    '{"type":"ask","seq":9007199254740992,"wish":{"type":"leave"}}',
    '{"type":"ask","seq":NaN,"wish":{"type":"leave"}}',
    '{"type":"ask","seq":1,"wish":{"type":"seek","to":-1}}',
    '{"type":"ask","seq":1,"wish":{"type":"vote","item":2,"vote":7}}',
    '{"type":"ask","seq":1,"wish":{"type":"vote","item":1e400,"vote":1}}',
    '{"type":"ask","seq":1,"wish":{"type":"add","track_id":[1,2,3]}}',
    '{"type":"ask","seq":1,"wish":{"type":"add","track_id":1000000000000000000000000000000}}',
    '{"type":"ask","seq":1,"wish":{"type":"move","item":1000000000000000000000000000000}}',
    '{"type":"ask","seq":1,"wish":{"type":"kick","member":-1}}',
    '{"type":"ask","seq":1,"wish":{"type":"refill","if_version":1,"picks":[]}}',
    '{"type":"ask","seq":1,"wish":{"type":"lapse","member":1}}',
    '{"type":"hello","token":"x"}',
    "{" * 5_000,
]


def test_bad_frames_are_answered_and_change_nothing(served, times):
    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as socket:
            before = await hello(socket, card["token"])
            for frame in BAD:
                await socket.send(frame)
                assert json.loads(await socket.recv()) == {
                    "type": "rejected",
                    "seq": 0,
                    "code": "malformed",
                    "version": 1,
                }
            await socket.send('{"type":"beat"}')
            assert json.loads(await socket.recv()) == {"type": "beat"}
            await socket.send(b"\x00\xff")
            assert json.loads(await socket.recv())["code"] == "malformed"
            assert before["version"] == 1
            await socket.send("x" * 70_000)
            assert (await closed(socket))[0] == 1009

    served(test)


def test_a_flood_is_slowed_and_its_ids_stay_free(served, times):
    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as socket:
            await hello(socket, card["token"])
            for seq in range(1, 60):
                await socket.send(json.dumps({"type": "ask", "seq": seq, "wish": {"type": "add", "track_id": seq}}))
            answers = [json.loads(await socket.recv()) for _ in range(59)]
            slowed = [answer["seq"] for answer in answers if answer.get("code") == "slow_down"]
            assert slowed == list(range(41, 60))
            times.wall += 1_000
            await socket.send(json.dumps({"type": "ask", "seq": 41, "wish": {"type": "add", "track_id": 41}}))
            assert json.loads(await socket.recv())["version"] == 42

    served(test)


def test_versions_from_the_future_are_reset_and_old_ones_caught_up(served):
    async def test(house):
        cards = await house.party()
        async with house.guests(cards) as (ann, _):
            last = [await ann.wish(type="add", track_id=number) for number in range(5)][-1].version
        async with house.socket(cards[0]["room"]) as socket:
            assert await hello(socket, cards[0]["token"], last + 100) == {"type": "reset"}
            assert json.loads(await socket.recv())["version"] == last
        async with house.socket(cards[0]["room"]) as socket:
            assert (await hello(socket, cards[0]["token"], last - 2))["version"] == last - 1
            assert json.loads(await socket.recv())["version"] == last

    served(test)


def test_thirty_two_and_the_thirty_third_stays_outside(served):
    async def test(house):
        cards = await house.party(33)
        inside = [Guest(f"127.0.0.1:{house.port}", c["room"], c["member"], c["token"]) for c in cards[:31]]
        for guest in inside:
            guest.start()
        await inside[0].until(lambda view: len(view.members) == 31)

        async def race(card):
            async with house.socket(card["room"]) as socket:
                await socket.send(json.dumps({"type": "hello", "token": card["token"]}))
                try:
                    return json.loads(await socket.recv())["type"]
                except ConnectionClosed as ended:
                    return ended.rcvd.reason

        answers = await asyncio.gather(*(race(card) for card in cards[31:]))
        assert sorted(answers) == ["room", "the room answers 'full'", "the room answers 'full'"]
        for guest in inside:
            await guest.stop()

    served(test)


def test_a_lease_ends_when_nothing_was_heard_for_fifteen_seconds(served, times, monkeypatch):
    monkeypatch.setattr("jam_recs.server.LOOK_EVERY_S", 0.01)

    async def test(house):
        cards = await house.party()
        async with house.guests(cards[1:]) as (ben,):
            times.lease = 14_000
            await ben.wish(type="add", track_id=1)
            times.lease = 16_000
            view = await ben.until(lambda view: view.host == ben.member)
            assert [face.member for face in view.members if face.present] == [ben.member]
            times.wall += 86_400_000  # a jump of the wall clock ends tracks, not leases
            await ben.until(lambda view: view.now is None)
            assert ben.view.host == ben.member

    served(test)


def test_the_same_member_by_another_door_takes_his_seat(served):
    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as first, house.socket(card["room"]) as second:
            await hello(first, card["token"])
            await hello(second, card["token"])
            assert (await closed(first))[0] == 4410
            await second.send('{"type":"beat"}')
            assert json.loads(await second.recv()) == {"type": "beat"}

    served(test)


def test_kicked_means_kicked(served, monkeypatch):
    monkeypatch.setattr("jam_recs.server.GOODBYE_S", 0.0)

    async def test(house):
        ann, ben = await house.party()
        async with house.guests([ann]) as (host,), house.socket(ben["room"]) as socket:
            await hello(socket, ben["token"])
            await host.wish(type="kick", member=ben["member"])
            assert (await closed(socket))[0] == 4410
        async with house.socket(ben["room"]) as socket:
            await socket.send(json.dumps({"type": "hello", "token": ben["token"]}))
            assert (await closed(socket))[1] == "the room answers 'kicked'"

    served(test)


def test_all_leave_and_the_room_waits(served):
    async def test(house):
        cards = await house.party()
        async with house.guests(cards) as (ann, ben):
            await ann.wish(type="add", track_id=3)
            await ann.wish(type="leave")
            await ben.wish(type="leave")
        async with house.guests(cards[1:]) as (ben,):
            view = await ben.until(lambda view: view.host == ben.member)
            assert view.now.item.track.track_id == 3

    served(test)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return open_library(publish(tmp_path_factory.mktemp("lake")))


def test_the_queue_refills_for_both_and_leaves_the_next_two(served, library):
    async def test(house):
        ann, ben = (await house.post("/rooms", {"name": "Ann", "user_id": 0})), None
        body = {"invite": ann["invite"], "name": "Ben", "user_id": 1}
        ben = await house.post(f"/rooms/{ann['room']}/members", body)
        async with house.guests([ann]) as (host,):
            alone = await host.until(lambda view: view.now and len(view.queue) >= WANT - 1)
            assert {item.served for item in alone.queue} == {ann["member"]}
            async with house.guests([ben]):
                both = await host.until(
                    lambda view: {item.served for item in view.queue} == {ann["member"], ben["member"]}
                )
                assert both.queue[:2] == alone.queue[:2]
                tastes = [item.track.track_id // 60 for item in both.queue[2:]]
                assert {0, 1} <= set(tastes)
                assert all(dict(item.shares).keys() == {ann["member"], ben["member"]} for item in both.queue[2:])

    served(test, library)


def test_a_veto_of_everything_is_exhaustion_not_a_broken_veto(served, library):
    async def test(house):
        everything = {"vetoed_artists": list(range(80))}
        card = await house.post("/rooms", {"name": "Ann", "user_id": 0, **everything})
        async with house.guests([card]) as (host,):
            view = await host.until(lambda view: view.exhausted)
            assert (view.queue, view.now) == ((), None)
            assert (await host.wish(type="add", track_id=7)).kind == "add"  # what people add themselves is theirs

    served(test, library)


def test_an_unknown_track_is_refused_and_a_newcomer_without_history_is_served(served, library):
    async def test(house):
        card = await house.post("/rooms", {"name": "New"})
        async with house.guests([card]) as (host,):
            view = await host.until(lambda view: view.now and len(view.queue) >= WANT - 1)
            assert len({item.track.track_id for item in view.queue}) == len(view.queue)
            assert (await host.wish(type="add", track_id=10**6)).code == "no_such_track"

    served(test, library)


def test_a_down_vote_on_a_pick_is_a_veto_for_this_party(served, library):
    async def test(house):
        card = await house.post("/rooms", {"name": "Ann", "user_id": 2})
        async with house.guests([card]) as (host,):
            view = await host.until(lambda view: view.now and len(view.queue) >= WANT - 1)
            unloved = view.queue[5]
            await host.wish(type="vote", item=unloved.item, vote=-1)
            track = unloved.track.track_id
            await host.until(lambda view: track not in [item.track.track_id for item in view.queue])

    served(test, library)


def test_without_a_catalogue_the_room_works_and_search_says_what_to_do(tmp_path, serve_app):
    status, body = serve_app(build_app(Engines(Settings(home=tmp_path)), "jam_recs"), "GET", "/jam-recs/tracks?q=x")
    assert status == 404
    assert b"liner jam-recs demo" in body


@pytest.fixture
def serve_app():
    from starlette.testclient import TestClient

    def call(app, method, path):
        with TestClient(app) as client:
            response = client.request(method, path)
            return response.status_code, response.content

    return call


def test_the_library_changes_nothing_that_is_right(library):
    assert isinstance(library, Library)
    state = r.State("", 0, 0, 0, r.Rights(), {}, (), None, (), 0, 0)
    assert library.refill(state) is None  # nobody there, nothing to pick
