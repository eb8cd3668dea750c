"""The room as a pure function: `apply(state, op) -> (state, Event | Rejection)`.

No clock, no randomness, no I/O: time comes with the op. So the same function is the server, the specification that the checker replays,
the replay tool and the simulator. Every op that changes it is logged, a member's rejected one too: its retry is then told the same
after a restart.
"""

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

from msgspec import msgpack, structs

from jam_recs import records as r


class Refused(Exception):
    """An op that must not happen; `code` is what its sender is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def empty(room: str) -> r.State:
    """A room before its first op."""
    return r.State(room, 0, 0, 0, r.Rights(), {}, (), None, (), 0, 0)


def apply(state: r.State, op: r.Op) -> tuple[r.State, r.Event | r.Rejection]:
    """The room after `op`, and what is answered. A retry changes nothing and is answered as it was the first time."""
    digest = crc32(msgpack.encode(op.body))
    try:
        known = _answer_of(state, op, digest)
        if known:
            return state, _again(state, op, known)
        after = _RULES[type(op.body)](state, op, op.body)
    except Refused as refusal:
        return _remember(state, op, digest, refusal.code), r.Rejection(op.seq, refusal.code, state.version)
    after = structs.replace(after, version=state.version + 1, epoch=op.epoch)
    after = _remember(after, op, digest, "")
    kind = type(op.body).__struct_config__.tag
    return after, r.Event(after.version, op.epoch, op.at_ms, op.member, op.seq, str(kind), difference(state, after))


def _answer_of(state: r.State, op: r.Op, digest: int) -> r.Answer | None:
    """The answer that `op`'s id was given before; Refused when that id cannot be taken (again)."""
    if op.epoch < state.epoch:
        raise Refused("fenced")
    if op.member == r.ROOM or isinstance(op.body, r.Create | r.Join):
        return None  # the server's own: nobody retries them by number
    if op.seq <= 0:
        raise Refused("sequence")
    answers = state.members[op.member].answers if op.member in state.members else ()
    if not answers or op.seq > answers[-1].seq:
        return None
    for answer in answers:
        if answer.seq == op.seq:
            if answer.digest != digest:
                raise Refused("other_body")
            return answer
    if len(answers) == r.KEPT_ANSWERS and op.seq < answers[0].seq:
        raise Refused("forgotten")
    return None


def _again(state: r.State, op: r.Op, known: r.Answer) -> r.Event | r.Rejection:
    """An old answer in words; the change itself was broadcast then, so it is not repeated."""
    if known.code:
        return r.Rejection(op.seq, known.code, known.version)
    return r.Event(known.version, state.epoch, op.at_ms, op.member, op.seq, "again", r.Change())


def _remember(state: r.State, op: r.Op, digest: int, code: str) -> r.State:
    """Keep the answer to `op` with its member, unless the id itself was refused, or he was out and sends it again when he is back."""
    member = state.members.get(op.member)
    if member is None or op.seq <= 0 or code in ("fenced", "other_body", "forgotten", "not_here"):
        return state
    answers = (*member.answers, r.Answer(op.seq, digest, state.version, code))
    if len(answers) > 1 and answers[-2].seq > op.seq:  # it overtook an older one on its way
        answers = tuple(sorted(answers, key=lambda answer: answer.seq))
    return _with_member(state, structs.replace(member, answers=answers[-r.KEPT_ANSWERS :]))


def difference(before: r.State, after: r.State) -> r.Change:
    """What a client that stands at `before` must change to stand at `after`; found by identity, so no rule can be forgotten here."""
    items, order = _requeued(before.queue, after.queue) if after.queue is not before.queue else ((), None)
    return r.Change(
        items=items,
        order=order,
        now=after.now if after.now is not before.now else None,
        silent=after.now is None and before.now is not None,
        members=_altered(before, after),
        host=after.host if after.host != before.host else 0,
        rights=after.rights if after.rights is not before.rights else None,
        levels=after.levels if after.levels != before.levels else None,
        exhausted=after.exhausted if after.exhausted != before.exhausted else None,
    )


def _requeued(
    before: tuple[r.Item, ...], after: tuple[r.Item, ...]
) -> tuple[tuple[r.Item, ...], tuple[int, ...] | None]:
    """New or altered items, and all item ids if they are others or stand otherwise."""
    known = {id(item) for item in before}
    order = [item.item for item in after]
    moved = order != [item.item for item in before]
    return tuple([item for item in after if id(item) not in known]), tuple(order) if moved else None


def _altered(before: r.State, after: r.State) -> tuple[r.Face, ...]:
    pairs = ((before.members.get(key), member) for key, member in after.members.items())
    return tuple(face(new) for old, new in pairs if new is not old and (old is None or face(old) != face(new)))


def view(state: r.State) -> r.View:
    """The room as members see it."""
    faces = tuple(face(member) for member in state.members.values())
    return r.View(
        state.room, state.epoch, state.version, state.host, state.rights, faces, state.queue, state.now, state.levels,
        state.exhausted,
    )  # fmt: skip


def face(member: r.Member) -> r.Face:
    """What others see of a member."""
    return r.Face(member.member, member.profile.name, member.present)


def _with_member(state: r.State, member: r.Member) -> r.State:
    return structs.replace(state, members={**state.members, member.member: member})


def _sender(state: r.State, op: r.Op) -> r.Member:
    member = state.members.get(op.member)
    if member is None or not member.present:
        raise Refused("not_here")
    return member


def _may(state: r.State, op: r.Op, right: bool) -> None:
    """Refused unless the sender is here and is host, or guests have the right."""
    _sender(state, op)
    if not right and op.member != state.host:
        raise Refused("no_right")


def _of_room(op: r.Op) -> None:
    if op.member != r.ROOM:
        raise Refused("no_right")


def _place(queue: tuple[r.Item, ...], item: int) -> int:
    for place, candidate in enumerate(queue):
        if candidate.item == item:
            return place
    raise Refused("no_such_item")


def _create(state: r.State, op: r.Op, body: r.Create) -> r.State:
    if state.version:
        raise Refused("exists")
    state = _join(structs.replace(state, epoch=op.epoch, rights=_sane(body.rights)), op, r.Join(body.profile))
    return structs.replace(state, host=op.member)


def _join(state: r.State, op: r.Op, body: r.Join) -> r.State:
    known = state.members.get(op.member)
    if op.member <= r.ROOM:
        raise Refused("no_member")
    if known and known.kicked:
        raise Refused("kicked")
    if known and known.present:
        raise Refused("here_already")
    if len(state.present) >= r.MAX_PRESENT or (known is None and len(state.members) >= r.MAX_EVER):
        raise Refused("full")
    heard = len(state.played) + (state.now is not None)
    answers, disliked = (known.answers, known.disliked) if known else ((), ())
    member = r.Member(op.member, body.profile, op.at_ms, state.joins + 1, heard, disliked=disliked, answers=answers)
    state = structs.replace(_with_member(state, member), joins=state.joins + 1)
    if not state.members.get(state.host, member).present or not state.host:
        state = structs.replace(state, host=op.member)  # an empty room: whoever comes first holds it
    return _without_explicit(state, op) if body.profile.minor else state


def _leave(state: r.State, op: r.Op, _: r.Leave) -> r.State:
    return _gone(state, _sender(state, op))


def _lapse(state: r.State, op: r.Op, body: r.Lapse) -> r.State:
    _of_room(op)
    member = state.members.get(body.member)
    if member is None or not member.present:
        raise Refused("not_here")
    return _gone(state, member)


def _kick(state: r.State, op: r.Op, body: r.Kick) -> r.State:
    _may(state, op, False)
    member = state.members.get(body.member)
    if member is None or body.member == op.member:
        raise Refused("no_member")
    return _gone(state, structs.replace(member, kicked=True))


def _gone(state: r.State, member: r.Member) -> r.State:
    """Without `member`; a host is followed by whoever has been present longest, so every replay finds the same."""
    state = _with_member(state, structs.replace(member, present=False))
    if state.host == member.member and state.present:
        return structs.replace(state, host=state.present[0].member)
    return state


def _handover(state: r.State, op: r.Op, body: r.Handover) -> r.State:
    _may(state, op, False)
    heir = state.members.get(body.member)
    if heir is None or not heir.present or body.member == state.host:
        raise Refused("no_member")
    return structs.replace(state, host=body.member)


def _rights(state: r.State, op: r.Op, body: r.SetRights) -> r.State:
    _may(state, op, False)
    state = structs.replace(state, rights=_sane(body.rights))
    return state if body.rights.explicit else _without_explicit(state, op)


def _sane(rights: r.Rights) -> r.Rights:
    if not 0 <= rights.alpha_tenths <= 60:
        raise Refused("out_of_range")
    return rights


def explicit_allowed(state: r.State) -> bool:
    """Whether explicit tracks may be played: the host says so, and no minor is present."""
    return state.rights.explicit and not any(member.profile.minor for member in state.present)


def _without_explicit(state: r.State, op: r.Op) -> r.State:
    state = structs.replace(state, queue=tuple(item for item in state.queue if not item.track.explicit))
    return _end(state, op, state.now.item.item, 0) if state.now and state.now.item.track.explicit else state


def _add(state: r.State, op: r.Op, body: r.Add) -> r.State:
    _may(state, op, state.rights.add)
    if len(state.queue) >= r.MAX_QUEUE:
        raise Refused("queue_full")
    if body.track.explicit and not explicit_allowed(state):
        raise Refused("explicit")
    if any(item.track.track_id == body.track.track_id and item.added_by for item in state.queue):
        raise Refused("in_queue")
    queue = tuple(item for item in state.queue if item.track.track_id != body.track.track_id)  # recommended: now wished
    by_hand = _by_hand(queue)
    item = r.Item(state.items + 1, body.track, op.member)
    state = structs.replace(state, queue=(*queue[:by_hand], item, *queue[by_hand:]), items=item.item)
    return state if state.now else _play_next(state, op, state.played)


def _by_hand(queue: Sequence[r.Item]) -> int:
    """How many items, all in front, were added by hand."""
    for place, item in enumerate(queue):
        if item.added_by == r.ROOM:
            return place
    return len(queue)


def _vote(state: r.State, op: r.Op, body: r.Vote) -> r.State:
    """A vote lifts an item past those right above it that have fewer votes, or sinks it; only among its own kind."""
    member = _sender(state, op)
    place = _place(state.queue, body.item)
    item = state.queue[place]
    up, down = (tuple(voter for voter in votes if voter != op.member) for votes in (item.up, item.down))
    item = structs.replace(
        item, up=(*up, op.member) if body.vote > 0 else up, down=(*down, op.member) if body.vote < 0 else down
    )
    rest = [*state.queue[:place], *state.queue[place + 1 :]]
    first, last = (0, _by_hand(rest)) if item.added_by else (_by_hand(rest), len(rest))
    while place > first and rest[place - 1].votes < item.votes:
        place -= 1
    while place < last and rest[place].votes > item.votes:
        place += 1
    if item.added_by == r.ROOM:
        disliked = tuple(track for track in member.disliked if track != item.track.track_id)
        disliked = (*disliked[1 - r.MAX_DISLIKED :], item.track.track_id) if body.vote < 0 else disliked
        state = _with_member(state, structs.replace(member, disliked=disliked))
    return structs.replace(state, queue=(*rest[:place], item, *rest[place:]))


def _move(state: r.State, op: r.Op, body: r.Move) -> r.State:
    """Behind the item `after`. A recommended item that is put ahead of hand-added ones is from then on the mover's wish."""
    _sender(state, op)
    item = state.queue[_place(state.queue, body.item)]
    _may(state, op, state.rights.move or item.added_by == op.member)
    if body.after == body.item:
        raise Refused("no_such_item")
    rest = tuple(other for other in state.queue if other.item != body.item)
    place = _place(rest, body.after) + 1 if body.after else 0
    by_hand = _by_hand(rest)
    if item.added_by:
        place = min(place, by_hand)
    elif place < by_hand:
        item = structs.replace(item, added_by=op.member)
    return structs.replace(state, queue=(*rest[:place], item, *rest[place:]))


def _remove(state: r.State, op: r.Op, body: r.Remove) -> r.State:
    _sender(state, op)
    place = _place(state.queue, body.item)
    _may(state, op, state.rights.move or state.queue[place].added_by == op.member)
    return structs.replace(state, queue=(*state.queue[:place], *state.queue[place + 1 :]))


def _skip(state: r.State, op: r.Op, body: r.Skip) -> r.State:
    _may(state, op, state.rights.skip or (state.now is not None and state.now.item.added_by == op.member))
    return _end(state, op, body.item, op.member)


def _ended(state: r.State, op: r.Op, body: r.Ended) -> r.State:
    _of_room(op)
    return _end(state, op, body.item, 0)


def _end(state: r.State, op: r.Op, item: int, skipped_by: int) -> r.State:
    """The track that plays becomes history and the next one begins, if it is the one that is meant."""
    if state.now is None or state.now.item.item != item:
        raise Refused("not_playing")
    ended = structs.replace(state.now, ended_ms=max(op.at_ms, state.now.started_ms), skipped_by=skipped_by)
    if len(state.played) == r.MAX_PLAYED:  # the oldest is forgotten, so everybody came one track earlier
        members = state.members.items()
        earlier = {one: structs.replace(m, joined_played=max(0, m.joined_played - 1)) for one, m in members}
        state = structs.replace(state, members=earlier, played=state.played[1:])
    return _play_next(state, op, (*state.played, ended))


def _play_next(state: r.State, op: r.Op, played: tuple[r.Played, ...]) -> r.State:
    now = r.Played(state.queue[0], op.at_ms) if state.queue else None
    return structs.replace(state, now=now, queue=state.queue[1:], played=played)


def kept_by_refill(queue: Sequence[r.Item]) -> tuple[r.Item, ...]:
    """Hand-added items, the next two, and what has more votes for it than against."""
    first = max(r.UNTOUCHED, _by_hand(queue))
    return (*queue[:first], *(item for item in queue[first:] if item.votes > 0))


def _refill(state: r.State, op: r.Op, body: r.Refill) -> r.State:
    """Behind what is kept everything is picked anew; a track that is picked again keeps its item, and so its votes."""
    _of_room(op)
    if body.if_version != state.version:
        raise Refused("stale")
    kept = tuple(item for item in kept_by_refill(state.queue) if item.item not in body.drop)
    tracks = [pick.track.track_id for pick in body.picks]
    taken = heard(state) | {item.track.track_id for item in kept}
    if len(set(tracks) - taken) < len(tracks):
        raise Refused("repeat")
    known, queue, items = {item.track.track_id: item for item in state.queue}, list(kept), state.items
    for pick in body.picks[: r.MAX_QUEUE - len(kept)]:
        item = known.get(pick.track.track_id)
        if item is None:
            items += 1
            item = r.Item(items, pick.track)
        queue.append(structs.replace(item, served=pick.served, shares=pick.shares))
    state = structs.replace(state, queue=tuple(queue), items=items, levels=body.levels, exhausted=body.exhausted)
    return state if state.now else _play_next(state, op, state.played)


def heard(state: r.State) -> set[int]:
    """Tracks that were played in this session, the current one too."""
    played = (*state.played, state.now) if state.now else state.played
    return {one.item.track.track_id for one in played}


_RULES: dict[type, Callable[[r.State, r.Op, Any], r.State]] = {
    r.Create: _create, r.Join: _join, r.Leave: _leave, r.Lapse: _lapse, r.Kick: _kick, r.Handover: _handover,
    r.SetRights: _rights, r.Add: _add, r.Vote: _vote, r.Move: _move, r.Remove: _remove, r.Skip: _skip, r.Ended: _ended,
    r.Refill: _refill,
}  # fmt: skip
