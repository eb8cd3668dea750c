"""Bugs that peers shipped, planted one at a time: a checker that never failed proves nothing."""

from itertools import islice

from msgspec import json, structs

from jam_recs import room as room_module
from jam_recs.log import Log
from jam_recs.records import Skip
from jam_recs.room import Pending, Room, Rooms
from tests.jam_recs.simulator import Parts


class ForgetsAnswers(Log):
    """Dedupe lost at restart: the answers were only in memory."""

    def __init__(self, path):
        super().__init__(path)
        for name, tail in self.recovered.tails.items():
            room = room_module._revive(self.recovered.rooms.get(name) or room_module.empty(name), tail)
            bare = {key: structs.replace(member, answers=()) for key, member in room.state.members.items()}
            self.recovered.rooms[name] = structs.replace(room.state, members=bare)
            self.recovered.tails[name] = []


class TrustsTails(Log):
    """A torn tail is left in the file and written behind: what follows it is never read again."""

    def __init__(self, path):
        size = path.stat().st_size if path.exists() else 0
        super().__init__(path)
        if size > self._end:
            self._end = size


class OneTooFew(Room):
    """Catch-up that begins one event too late."""

    def catch_up(self, seat, version):
        missed = self.durable.version - version - 1
        if 0 <= missed <= len(self.frames) and version:
            for frame in islice(self.frames, len(self.frames) - missed, None):
                seat.put(frame)
        else:
            super().catch_up(seat, version)


class CatchesUpBadly(Rooms):
    def __init__(self, log, recovered):
        super().__init__(log, recovered)
        for name, room in self.rooms.items():
            self.rooms[name] = OneTooFew(room.state, room.durable, room.frames)


class KeepsWhatTheDiskRefused(Rooms):
    """A full disk is reported, the room in memory goes on as if it had not been."""

    def undo(self, batch):
        newest = {id(pending.room): pending.room.state for pending in batch.pending}
        super().undo(batch)
        for pending in batch.pending:
            pending.room.state = newest[id(pending.room)]


class SkipsWhateverPlays(Rooms):
    """A skip that does not look at the track it names: two who press at once skip two."""

    def submit(self, name, member, seq, body, at_ms, tell=None):
        now = self.rooms[name].state.now if name in self.rooms else None
        before = self.rooms[name].state if name in self.rooms else None
        if not isinstance(body, Skip) or now is None:
            return super().submit(name, member, seq, body, at_ms, tell)
        reply = super().submit(name, member, seq, Skip(now.item.item), at_ms, tell)
        assert before is not None
        return reply


class AppliesTwice(Rooms):
    """Dedupe that looks at what is durable only: a retry that overtakes the disk is applied again."""

    def submit(self, name, member, seq, body, at_ms, tell=None):
        room = self.rooms.get(name)
        if room and seq and room.state is not room.durable and seq not in _seqs(room.durable, member):
            bare = structs.replace(room.state.members[member], answers=room.durable.members[member].answers)
            room.state = structs.replace(room.state, members={**room.state.members, member: bare})
        return super().submit(name, member, seq, body, at_ms, tell)


def _seqs(state, member):
    return [answer.seq for answer in state.members[member].answers] if member in state.members else []


class TellsBeforeOthers(Rooms):
    """Broadcast at once, disk later: what members saw may never have happened."""

    def submit(self, name, member, seq, body, at_ms, tell=None):
        before = self.rooms[name].state.version if name in self.rooms else 0
        reply = super().submit(name, member, seq, body, at_ms, tell)
        room = self.rooms[name]
        if room.state.version > before and before:
            for seat in room.seats:
                seat.put(json.encode(reply))
        return reply

    def publish(self, batch):
        for room, after, reply, news, tell in batch.pending:
            room.durable = after
            if news:
                room.frames.append(json.encode(reply))
            if tell:
                tell(json.encode(reply))
        return []


class RenumbersAtRestart(Rooms):
    """Rejections are not logged: after a restart their retry is accepted."""

    def __init__(self, log, recovered):
        super().__init__(log, recovered)
        for room in self.rooms.values():
            members = {
                key: structs.replace(member, answers=tuple(one for one in member.answers if not one.code))
                for key, member in room.state.members.items()
            }
            room.state = room.durable = structs.replace(room.state, members=members)


class AwaitsEverySocket(Rooms):
    """`for member in room: await send(…)`, a task an event: two events overtake each other on their way, and nobody numbers them."""

    def publish(self, batch):
        late = [one for one in batch.pending if one.news]
        if len(late) < 2 or late[0].room is not late[1].room:
            return super().publish(batch)
        first, second = late[0], late[1]
        twisted = first._replace(reply=structs.replace(second.reply, version=first.reply.version))
        twisted_back = second._replace(reply=structs.replace(first.reply, version=second.reply.version))
        order = {id(first): twisted, id(second): twisted_back}
        return super().publish(batch._replace(pending=[order.get(id(one), one) for one in batch.pending]))


class MovesByPlace(Rooms):
    """Swap for shift, the classic of drag and drop: the two items change places."""

    def submit(self, name, member, seq, body, at_ms, tell=None):
        room = self.rooms.get(name)
        before = room.state if room else None
        reply = super().submit(name, member, seq, body, at_ms, tell)
        if before and getattr(reply, "kind", "") == "move" and body.after:
            queue = list(before.queue)
            ids = [item.item for item in queue]
            one, other = ids.index(body.item), ids.index(body.after)
            queue[one], queue[other] = queue[other], queue[one]
            room.state = structs.replace(room.state, queue=tuple(queue))
            last = self.pending[-1]
            change = structs.replace(reply.change, order=tuple(item.item for item in queue))
            self.pending[-1] = Pending(room, room.state, structs.replace(reply, change=change), last.news, tell)
        return reply


PLANTED = {
    "acknowledges before the log": Parts(eager=True),
    "broadcasts before the log": Parts(rooms=TellsBeforeOthers),
    "moves by position": Parts(by_place=True),
    "swaps where it should shift": Parts(rooms=MovesByPlace),
    "forgets answers at restart": Parts(log=ForgetsAnswers),
    "forgets rejections at restart": Parts(rooms=RenumbersAtRestart),
    "looks for retries among durable ops only": Parts(rooms=AppliesTwice),
    "catches up one event late": Parts(rooms=CatchesUpBadly),
    "keeps what the disk refused": Parts(rooms=KeepsWhatTheDiskRefused),
    "skips whatever plays": Parts(rooms=SkipsWhateverPlays),
    "awaits every socket in turn": Parts(rooms=AwaitsEverySocket),
    "writes behind a torn tail": Parts(log=TrustsTails),
}
