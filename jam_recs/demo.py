"""What `liner jam-recs demo` shows: a party of four on a real server process that is killed in the middle of it.

Members are clients at sockets. They join, wish, vote, drag and skip; the queue refills for all of them; then everybody wishes at once while
the server gets kill −9, and afterwards each answer that anybody was given is looked up in the log.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from jam_recs.catalogue import NAME, Catalogue, load_catalogue, publish_tracks
from jam_recs.log import history, state_hash
from jam_recs.member import Guest
from jam_recs.process import ServerProcess
from jam_recs.records import Event, Item, View
from shared.bootstrap import Engines, engines
from shared.clock import DEMO_NOW, fixed_clock
from shared.errors import CheckFailed
from shared.output import print_json, print_next, short, size_of
from shared.world import make_world

NAMES = ("Ann", "Ben", "Cleo", "Dora")
WISHES = 40
"""A member, while the server is killed."""
SETTLED_S = 0.3


def demo(size: str, seed: int, as_json: bool) -> None:
    """Publish what is missing, hold the party, check it, say where everything lies. CheckFailed if an acknowledged wish is lost."""
    with engines(clock=fixed_clock(DEMO_NOW)) as opened:
        catalogue = catalogue_of(opened, size, seed)
        home = opened.settings.home
        listeners = choose_listeners(catalogue)
        with ServerProcess(home) as server:
            found = asyncio.run(Party(server, listeners, quiet=as_json).hold())
        path = home / "jam_recs" / "rooms.log"
        found |= check_answers(path, found.pop("room"), found.pop("replies"))
    if as_json:
        print_json(found)
        return
    print(f"\nkill −9: {found['acknowledged']} wishes were answered, {found['after_restart']} of them after the restart; "
          f"0 lost, 0 applied twice, {found['version']} versions without a gap\n"
          f"replayed from the log: state {found['state']}, equal to what every member holds\n"
          f"log {short(path)}  ({size_of(path)})")  # fmt: skip
    print_next("liner jam-recs capacity --members 32", "liner jam-recs serve", "jam_recs/README.md")


def catalogue_of(opened: Engines, size: str, seed: int) -> Catalogue:
    """Tracks and vectors; where Discover Weekly never published any, it runs first, as a process of its own."""
    if not opened.lake.versions("discover_weekly/track_vectors"):
        print("Discover Weekly has published no vectors yet; running it first …", file=sys.stderr, flush=True)
        verb = ["-m", "shared", "discover-weekly", "demo", "--size", size, "--seed", str(seed), "--json"]
        subprocess.run([sys.executable, *verb], check=True, stdout=subprocess.DEVNULL)
    if not opened.lake.versions(NAME):
        publish_tracks(opened.lake, make_world(opened.settings.home / "world" / f"{size}-{seed}", size, seed))
    return load_catalogue(opened.lake)


def choose_listeners(catalogue: Catalogue) -> list[int]:
    """Three listeners of one taste and the one who differs most from them: the party that plain averages fail."""
    users = catalogue.users / np.maximum(np.linalg.norm(catalogue.users, axis=1, keepdims=True), 1e-9)
    near = users @ users[0]
    alike = np.lexsort((catalogue.user_ids, -near))[:3]
    outlier = int(np.lexsort((catalogue.user_ids, np.where(catalogue.users.any(axis=1), near, np.inf)))[0])
    return [int(catalogue.user_ids[row]) for row in (*alike, outlier)]


class Party:
    """The course of the evening."""

    def __init__(self, server: ServerProcess, listeners: list[int], quiet: bool) -> None:
        self.server, self.listeners, self.quiet, self.loud = server, listeners, quiet, True
        self.names: dict[int, str] = {}
        self.guests: list[Guest] = []

    async def hold(self) -> dict[str, Any]:
        """Everything in order; returns what is to be checked and shown."""
        await self.arrive()
        host = self.guests[0]
        await host.until(lambda view: len(view.queue) > 4 and view.now is not None)
        fair = await self.compare_sliders(host)
        await self.wish_and_vote()
        await asyncio.sleep(SETTLED_S)
        self.say("")
        for item in host.view.queue[:8] if host.view else ():
            self.say(f"  {self.line(item)}")
        before = await self.wish_while_killed()
        while len({guest.view.version for guest in self.guests if guest.view}) > 1:
            await asyncio.sleep(SETTLED_S)
        view = host.view
        if any(guest.view != view for guest in self.guests):
            raise CheckFailed("the members hold different rooms at one version")
        for guest in self.guests:
            await guest.stop()
        replies = {(guest.member, seq): reply for guest in self.guests for seq, reply in guest.replies.items()}
        return {"room": view, "replies": replies, "after_restart": len(replies) - before, "fairness": fair}

    async def arrive(self) -> None:
        """The host makes the party, the others follow its link."""
        made = self.server.post("/rooms", {"name": NAMES[0], "user_id": self.listeners[0]})
        self.say(f"{NAMES[0]} makes a party: {made['link'][:52]}…")
        for name, user in zip(NAMES, self.listeners, strict=True):
            body = {"invite": made["invite"], "name": name, "user_id": user}
            card = made if not self.guests else self.server.post(f"/rooms/{made['room']}/members", body)
            self.names[card["member"]] = name
            heard = None if self.guests else self.tell
            guest = Guest(self.server.address, made["room"], card["member"], card["token"], heard)
            self.guests.append(guest)
            guest.start()
            await guest.until(bool)

    async def compare_sliders(self, host: Guest) -> dict[str, dict[str, int]]:
        """What the queue gives to each with a plain average, and with fairness as it is."""
        found = {}
        for title, alpha in (("plain average", 0), ("fair, the default", 30)):
            rights = {"add": True, "skip": True, "move": True, "explicit": True, "alpha_tenths": alpha}
            await host.wish(type="rights", rights=rights)
            await asyncio.sleep(SETTLED_S)
            rows = [dict(item.shares) for item in host.view.queue if item.shares] if host.view else []
            found[title] = {name: sum(row.get(member, 0) for row in rows) // max(1, len(rows))
                            for member, name in self.names.items()}  # fmt: skip
            shown = "  ".join(f"{name} {share / 1000:.2f}" for name, share in found[title].items())
            self.say(f"queue, {title:<18} {shown}")
        return found

    async def wish_and_vote(self) -> None:
        """Hand-added tracks, votes, a drag, and a skip that two press at once."""
        host, ben, cleo, dora = self.guests
        track = host.view.queue[-1].track.track_id if host.view else 0
        added = await dora.wish(type="add", track_id=track)
        other = await ben.wish(type="add", track_id=track - 1 if track else 1)
        view = await host.until(lambda view: view.version >= max(added.version, other.version))
        mine, his = view.queue[0].item, view.queue[1].item
        await asyncio.gather(*(guest.wish(type="vote", item=his, vote=1) for guest in (host, cleo, dora)))
        await ben.wish(type="move", item=mine, after=his)
        assert view.now is not None
        pressed = await asyncio.gather(*(guest.wish(type="skip", item=view.now.item.item) for guest in (ben, cleo)))
        if sum(isinstance(reply, Event) for reply in pressed) != 1:
            raise CheckFailed("two pressed skip at once, and not one track was skipped")

    async def wish_while_killed(self) -> int:
        """All members wish at once; the server dies among it and is started again. Returns the answers given before."""
        self.say("everybody wishes at once …")
        self.loud = False
        work = [asyncio.create_task(self.keep_wishing(guest, number)) for number, guest in enumerate(self.guests)]
        least = self.answers() + WISHES
        while self.answers() < least:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(self.server.kill)
        before = self.answers()
        self.say(f"kill −9 of the server after {before} answers; starting it again on its log")
        await asyncio.to_thread(self.server.start)
        await asyncio.gather(*work)
        return before

    def answers(self) -> int:
        """How many wishes of all were answered so far."""
        return sum(len(guest.replies) for guest in self.guests)

    async def keep_wishing(self, guest: Guest, number: int) -> None:
        """Adds and votes, one after the other."""
        for count in range(WISHES):
            queue = guest.view.queue if guest.view else ()
            if count % 3 == 0 or not queue:
                await guest.wish(type="add", track_id=100 + WISHES * number + count)
            else:
                await guest.wish(type="vote", item=queue[count % len(queue)].item, vote=(-1, 1)[count % 2])
            await asyncio.sleep(0.01)

    def say(self, line: str) -> None:
        """A line, unless the output is JSON."""
        if not self.quiet:
            print(line, flush=True)

    def tell(self, event: Event) -> None:
        """What the host hears, in words; not in the storm around the kill."""
        if self.loud and event.kind in ("join", "skip", "move", "refill", "add", "vote"):
            who = self.names.get(event.member, "the room")
            now = event.change.now.item if event.change.now else None
            self.say(f"  v{event.version:<4} {who:<9} {event.kind}" + (f" → now: {self.line(now)}" if now else ""))

    def line(self, item: Item) -> str:
        """A track, and whose it is."""
        whose = f"wished by {self.names[item.added_by]}" if item.added_by else f"for {self.names.get(item.served, '?')}"
        return f"{item.track.title[:26]} · {item.track.artist[:18]} ({whose})"


def check_answers(path: Path, view: View, replies: dict[tuple[int, int], Any]) -> dict[str, Any]:
    """Look every answer up in the log. CheckFailed if one is missing or another, or if the log's room is not the members'."""
    past = list(history(path, view.room))
    room = past[-1][1]
    kept = {(m.member, a.seq): (a.version, a.code) for m in room.members.values() for a in m.answers}
    for whose, reply in replies.items():
        if kept.get(whose) != (reply.version, getattr(reply, "code", "")):
            raise CheckFailed(f"wish {whose} was answered {reply}, and the log holds {kept.get(whose)}")
    ids = [(op.member, op.seq) for op, _ in past if op.seq]
    if len(set(ids)) < len(ids):
        raise CheckFailed(f"{len(ids) - len(set(ids))} wishes stand in the log twice")
    if {state.version: state.queue for _, state in past}[view.version] != view.queue:
        raise CheckFailed("the log replays to another queue than the members hold")
    return {
        "acknowledged": len(replies),
        "lost": 0,
        "applied_twice": 0,
        "version": room.version,
        "state": state_hash(room),
    }
