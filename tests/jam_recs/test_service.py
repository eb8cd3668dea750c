"""The service by real sockets: who gets in, what each bad frame is answered, catch-up, leases, limits."""

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from jam_recs import records as r
from jam_recs.log import history
from jam_recs.member import Guest
from shared.cli import main
from tests.jam_recs.house import closed, hello


def test_a_party_from_its_link_to_its_log(served, tmp_path):
    async def test(house):
        cards = await house.party()
        async with house.guests(cards) as (ann, ben):
            reply = await ben.wish(type="add", track_id=5)
            again = await ann.wish(type="vote", item=99, vote=1)
            assert (reply.kind, again.code) == ("add", "no_such_item")
            await ann.until(lambda view: view.version == reply.version)
            assert ann.view == await ben.until(lambda view: view.version == reply.version)
        room, path = cards[0]["room"], tmp_path / "jam_recs" / "rooms.log"
        assert [type(op.body) for op, _ in history(path, room)] == [r.Create, r.Join, r.Add, r.Vote]
        for path in (f"/rooms/{room}/qr", f"/rooms/{room}/members", "/rooms/nowhere/qr"):
            assert (await house.call("POST", path, {"invite": "forged", "name": "x"}))[0] == 403

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


def test_what_is_said_before_one_sits_is_heard_first_and_in_order(served, times):
    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as socket:
            await socket.send(json.dumps({"type": "hello", "token": card["token"]}))
            for seq in range(1, 31):
                ask = json.dumps({"type": "ask", "seq": seq, "wish": {"type": "add", "track_id": seq}})
                await socket.send([ask[:9], ask[9:]])  # in two fragments
            answers = [json.loads(await socket.recv()) for _ in range(31)]
            assert [answer["version"] for answer in answers] == list(range(1, 32))
            assert [answer["seq"] for answer in answers[1:]] == list(range(1, 31))

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
            times.lease += 1_000  # whatever the wall clock does
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


def test_a_party_that_is_over_makes_room_for_another(served, times, monkeypatch):
    monkeypatch.setattr("jam_recs.server.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("jam_recs.server.MAX_ROOMS", 1)

    async def test(house):
        await house.party(0)
        assert (await house.call("POST", "/rooms", {"name": "Ben"}))[0] != 200
        times.lease += 16_000
        times.wall += 25 * 3_600_000
        while (await house.call("POST", "/rooms", {"name": "Ben"}))[0] != 200:
            await asyncio.sleep(0.01)

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


def test_whoever_lapses_at_an_open_line_comes_back_by_himself(served, times, monkeypatch):
    monkeypatch.setattr("jam_recs.server.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("jam_recs.server.GOODBYE_S", 0.0)

    async def test(house):
        (card,) = await house.party(0)
        async with house.socket(card["room"]) as socket:
            await hello(socket, card["token"])
            times.lease = 91_000
            assert (await closed(socket))[0] == 4408
        async with house.socket(card["room"]) as socket:
            assert (await hello(socket, card["token"]))["members"][0].get("present", True)

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


def test_who_is_kicked_does_not_knock_again(served):
    async def test(house):
        ann, ben = await house.party()
        async with house.guests([ann, ben]) as (host, guest):
            await host.wish(type="kick", member=ben["member"])
            await asyncio.wait_for(guest.stayed(), 10)

    served(test)


def test_all_leave_and_the_room_waits(served):
    async def test(house):
        cards = await house.party()
        async with house.guests(cards) as (ann, ben):
            await ann.wish(type="add", track_id=3)
            await ann.wish(type="leave")
            await ben.wish(type="leave")
            await asyncio.wait_for(asyncio.gather(ann.stayed(), ben.stayed()), 10)  # neither comes back
        async with house.guests(cards[1:]) as (ben,):
            view = await ben.until(lambda view: view.host == ben.member)
            assert view.now.item.track.track_id == 3

    served(test)


@pytest.mark.parametrize("flags", ["--rooms 0", "--members 33", "--rooms 1000", "--rate 0", "--seconds 0"])
def test_a_load_that_no_server_seats_is_one_line(flags, capsys):
    assert main(["jam-recs", "loadtest", *flags.split()]) == 2
    assert "expected at least one of each" in capsys.readouterr().err
