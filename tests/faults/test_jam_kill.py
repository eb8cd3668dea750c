"""A party in which everything goes wrong: 0 acknowledged wishes lost, 0 applied twice, 0 violations of linearizability.

Simulated: lost, doubled, overtaking messages, cut connections, crashes with torn tails, full disks, clock jumps, lapsed hosts.
Real: kill −9 and SIGSTOP of a server process under members at real sockets.
Reproduce one seed: LINER_FAULT_SEED=3 pytest tests/faults/test_jam_kill.py
"""

import asyncio
import contextlib
import itertools
import os
import random
import signal

import pytest

from jam_recs import records as r
from jam_recs.log import COMPACT_AT, history, replay, state_hash
from jam_recs.member import Guest
from jam_recs.process import free_port, post, wait_for
from tests.faults.jam_killed import serve
from tests.jam_recs.checker import Call, check
from tests.jam_recs.simulator import shown, violations
from tests.processes import forked

RUNS = int(os.environ.get("LINER_FAULT_RUNS", "10"))
ONE = [int(os.environ["LINER_FAULT_SEED"])] if "LINER_FAULT_SEED" in os.environ else []
processes = forked("tests.faults.jam_killed")


@pytest.mark.fault
@pytest.mark.parametrize("seed", ONE or range(5 * RUNS))
def test_everything_goes_wrong_at_once(tmp_path, seed):
    assert violations(tmp_path, 10_000 + seed, wishes=8) == []


class Killed:
    """A server that is forked, killed and forked again on one port and one log."""

    def __init__(self, home, compact_at=COMPACT_AT):
        self.home, self.port, self.compact_at = home, free_port(), compact_at
        self.start()

    def start(self):
        self.process = processes.Process(target=serve, args=(str(self.home), self.port, self.compact_at), daemon=True)
        self.process.start()
        self.process.poll = lambda: self.process.exitcode
        wait_for(self.port, self.process)

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL

    def post(self, path, body):
        return post(f"127.0.0.1:{self.port}", path, body)


@pytest.fixture
def server(tmp_path, request):
    server = Killed(tmp_path, getattr(request, "param", COMPACT_AT))
    yield server
    if server.process.is_alive():
        server.kill()


class Watched:
    """Members at real sockets, whose every wish and every view is written down for the checker."""

    def __init__(self, server, seed, members=4):
        self.server, self.rng, self.moments = server, random.Random(seed), itertools.count()
        self.calls, self.seen, self.guests = {}, [], []
        made = server.post("/rooms", {"name": "1"})
        cards = [made] + [
            server.post(f"/rooms/{made['room']}/members", {"name": str(n), "invite": made["invite"]})
            for n in range(2, members + 1)
        ]
        self.room = made["room"]
        for card in cards:
            guest = Guest(f"127.0.0.1:{server.port}", self.room, card["member"], card["token"], lambda _: None)
            guest._heard = lambda _, guest=guest: self.seen.append((guest.member, shown(guest.view)))
            self.guests.append(guest)

    @contextlib.asynccontextmanager
    async def inside(self):
        for guest in self.guests:
            guest.start()
            await guest.until(bool)
        yield
        newest = max(guest.view.version for guest in self.guests)
        for guest in self.guests:
            await guest.until(lambda view: view.version >= newest)
        for guest in self.guests:
            await guest.stop()

    async def wish(self, guest, body, **wish):
        call = Call(r.Op(self.room, 1, guest.member, guest.seq + 1, 0, body), next(self.moments))
        self.calls[call.id] = call
        reply = await guest.wish(**wish)
        call.answers.append((reply.version, getattr(reply, "code", "")))
        call.returned = next(self.moments)

    async def wishes(self, guest, count):
        for _ in range(count):
            items = [item.item for item in guest.view.queue]
            kind = self.rng.choice(["add", "vote", "move", "skip", "handover"])
            if kind == "add" or not items:
                track = self.rng.randint(1, 50)
                await self.wish(guest, r.Add(r.Track(track, f"Track {track}")), type="add", track_id=track)
            elif kind == "vote":
                item, vote = self.rng.choice(items), self.rng.choice([-1, 0, 1])
                await self.wish(guest, r.Vote(item, vote), type="vote", item=item, vote=vote)
            elif kind == "move":
                item, after = self.rng.choice(items), self.rng.choice([0, *items])
                await self.wish(guest, r.Move(item, after), type="move", item=item, after=after)
            elif kind == "skip":
                item = guest.view.now.item.item
                await self.wish(guest, r.Skip(item), type="skip", item=item)
            else:
                heir = self.rng.choice(self.guests).member
                await self.wish(guest, r.Handover(heir), type="handover", member=heir)

    def answers(self):
        return sum(bool(call.answers) for call in self.calls.values())

    def violations(self):
        path = self.server.home / "jam_recs" / "rooms.log"
        past = list(history(path, self.room))
        wrong = check(self.calls, [op for op, _ in past], self.seen)
        wrong += [f"{call.id}: never answered" for call in self.calls.values() if not call.answers]
        rooms, _, _ = replay(path)
        assert state_hash(rooms[self.room]) == state_hash(past[-1][1])
        return wrong


async def killed(watched, server, seed, wishes=15):
    """kill −9 after a random number of answers, and again before the members are done."""
    async with watched.inside():
        work = [asyncio.create_task(watched.wishes(guest, wishes)) for guest in watched.guests]
        for least in sorted(random.Random(seed).sample(range(2, wishes * 3), 2)):
            while watched.answers() < least:
                await asyncio.sleep(0.001)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
        await asyncio.gather(*work)


@pytest.mark.fault
@pytest.mark.parametrize("seed", ONE or range(max(1, RUNS // 3)))
def test_kill_minus_nine_under_members_at_sockets(server, seed):
    watched = Watched(server, seed)
    asyncio.run(asyncio.wait_for(killed(watched, server, seed), 120))
    assert watched.violations() == []
    assert watched.answers() == 60


@pytest.mark.fault
@pytest.mark.parametrize("seed", ONE or range(max(1, RUNS // 10)))
@pytest.mark.parametrize("server", [0], indirect=True)
def test_kill_minus_nine_while_the_log_is_compacted(server, seed):
    """Its ops are gone, so the answers are looked up in the room that is left, which all members must hold alike."""
    watched = Watched(server, seed)
    asyncio.run(asyncio.wait_for(killed(watched, server, seed), 120))
    rooms, ops, _ = replay(server.home / "jam_recs" / "rooms.log")
    room = rooms[watched.room]
    kept = {(m.member, one.seq): (one.version, one.code) for m in room.members.values() for one in m.answers}
    assert {call.id: call.answers for call in watched.calls.values()} == {
        call.id: [kept[call.id]] for call in watched.calls.values()
    }
    versions = [version for version, code in kept.values() if not code]
    assert len(set(versions)) == len(versions)
    at_version = {}
    for _, seen in watched.seen:
        assert at_version.setdefault(seen["version"], seen) == seen
    assert all(shown(guest.view) == at_version[guest.view.version] for guest in watched.guests)
    assert (watched.answers(), ops < 60) == (60, True)


@pytest.mark.fault
def test_a_stopped_server_answers_nobody_and_goes_on(server):
    watched = Watched(server, 1)

    async def stopped():
        async with watched.inside():
            await watched.wishes(watched.guests[0], 3)
            os.kill(server.process.pid, signal.SIGSTOP)
            work = [asyncio.create_task(watched.wishes(guest, 5)) for guest in watched.guests]
            for _ in range(20):  # all have asked, and wait
                await asyncio.sleep(0)
            before = watched.answers()
            assert before == 3
            os.kill(server.process.pid, signal.SIGCONT)
            await asyncio.gather(*work)

    asyncio.run(asyncio.wait_for(stopped(), 60))
    assert watched.violations() == []


@pytest.mark.fault
def test_a_torn_tail_is_cut_and_the_party_goes_on(server):
    watched = Watched(server, 2)

    async def torn():
        async with watched.inside():
            await watched.wishes(watched.guests[0], 3)
            server.kill()
            with (server.home / "jam_recs" / "rooms.log").open("ab") as file:
                file.write(b"\x40\x00\x00\x00half of a record")
            server.start()
            await watched.wishes(watched.guests[1], 3)

    asyncio.run(asyncio.wait_for(torn(), 60))
    assert watched.violations() == []
