"""The room as a pure function: `apply(state, op) -> (state, Event | Rejection)`.

No clock, no randomness, no I/O: time comes with the op. So the same function is the server, the specification that the checker replays,
the replay tool and the simulator. Every op that reaches it is logged, a rejected one too: a retry is then told the same after a restart.
"""

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

from msgspec import msgpack, structs

from jam_recs.records import (
    KEPT_ANSWERS,
    MAX_DISLIKED,
    MAX_EVER,
    MAX_PLAYED,
    MAX_PRESENT,
    MAX_QUEUE,
    ROOM,
    UNTOUCHED,
    Add,
    Answer,
    Change,
    Create,
    Ended,
    Event,
    Face,
    Handover,
    Item,
    Join,
    Kick,
    Lapse,
    Leave,
    Member,
    Move,
    Op,
    Played,
    Refill,
    Rejection,
    Remove,
    Rights,
    SetRights,
    Skip,
    State,
    View,
    Vote,
)


class Refused(Exception):
    """An op that must not happen; `code` is what its sender is told."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def empty(room: str) -> State:
    """A room before its first op."""
    return State(room, 0, 0, 0, Rights(), {}, (), None, (), 0, 0)


def apply(state: State, op: Op) -> tuple[State, Event | Rejection]:
    """The room after `op`, and what is answered. A retry changes nothing and is answered as it was the first time."""
    digest = crc32(msgpack.encode(op.body))
    try:
        known = _answer_of(state, op, digest)
        if known:
            return state, _again(state, op, known)
        after = _RULES[type(op.body)](state, op, op.body)
    except Refused as refusal:
        return _remember(state, op, digest, refusal.code), Rejection(op.seq, refusal.code, state.version)
    after = structs.replace(after, version=state.version + 1, epoch=op.epoch)
    after = _remember(after, op, digest, "")
    kind = type(op.body).__struct_config__.tag
    return after, Event(after.version, op.epoch, op.at_ms, op.member, op.seq, str(kind), difference(state, after))


def _answer_of(state: State, op: Op, digest: int) -> Answer | None:
    """The answer that `op`'s id was given before; Refused when that id cannot be taken (again)."""
    if op.epoch < state.epoch:
        raise Refused("fenced")
    if op.member == ROOM or isinstance(op.body, Create | Join):
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
    if len(answers) == KEPT_ANSWERS and op.seq < answers[0].seq:
        raise Refused("forgotten")
    return None


def _again(state: State, op: Op, known: Answer) -> Event | Rejection:
    """An old answer in words; the change itself was broadcast then, so it is not repeated."""
    if known.code:
        return Rejection(op.seq, known.code, known.version)
    return Event(known.version, state.epoch, op.at_ms, op.member, op.seq, "again", Change())


def _remember(state: State, op: Op, digest: int, code: str) -> State:
    """Keep the answer to `op` with its member, unless the id itself was refused."""
    member = state.members.get(op.member)
    if member is None or op.seq <= 0 or code in ("fenced", "other_body", "forgotten"):
        return state
    answers = (*member.answers, Answer(op.seq, digest, state.version, code))
    if len(answers) > 1 and answers[-2].seq > op.seq:  # it overtook an older one on its way
        answers = tuple(sorted(answers, key=lambda answer: answer.seq))
    return _with_member(state, structs.replace(member, answers=answers[-KEPT_ANSWERS:]))


def difference(before: State, after: State) -> Change:
    """What a client that stands at `before` must change to stand at `after`; found by identity, so no rule can be forgotten here."""
    items, order = _requeued(before.queue, after.queue) if after.queue is not before.queue else ((), None)
    return Change(
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


def _requeued(before: tuple[Item, ...], after: tuple[Item, ...]) -> tuple[tuple[Item, ...], tuple[int, ...] | None]:
    """New or altered items, and all item ids if they are others or stand otherwise."""
    known = {id(item) for item in before}
    order = [item.item for item in after]
    moved = order != [item.item for item in before]
    return tuple([item for item in after if id(item) not in known]), tuple(order) if moved else None


def _altered(before: State, after: State) -> tuple[Face, ...]:
    pairs = ((before.members.get(key), member) for key, member in after.members.items())
    return tuple(face(new) for old, new in pairs if new is not old and (old is None or face(old) != face(new)))


def view(state: State) -> View:
    """The room as members see it."""
    faces = tuple(face(member) for member in state.members.values())
    return View(
        state.room, state.epoch, state.version, state.host, state.rights, faces, state.queue, state.now, state.levels,
        state.exhausted,
    )  # fmt: skip


def face(member: Member) -> Face:
    """What others see of a member."""
    return Face(member.member, member.profile.name, member.present, member.profile.minor)


def _with_member(state: State, member: Member) -> State:
    return structs.replace(state, members={**state.members, member.member: member})


def _sender(state: State, op: Op) -> Member:
    member = state.members.get(op.member)
    if member is None or not member.present:
        raise Refused("not_here")
    return member


def _may(state: State, op: Op, right: bool) -> None:
    """Refused unless the sender is here and is host, or guests have the right."""
    _sender(state, op)
    if not right and op.member != state.host:
        raise Refused("no_right")


def _of_room(op: Op) -> None:
    if op.member != ROOM:
        raise Refused("no_right")


def _place(queue: tuple[Item, ...], item: int) -> int:
    for place, candidate in enumerate(queue):
        if candidate.item == item:
            return place
    raise Refused("no_such_item")


def _create(state: State, op: Op, body: Create) -> State:
    if state.version:
        raise Refused("exists")
    state = _join(structs.replace(state, epoch=op.epoch, rights=_sane(body.rights)), op, Join(body.profile))
    return structs.replace(state, host=op.member)


def _join(state: State, op: Op, body: Join) -> State:
    known = state.members.get(op.member)
    if op.member <= ROOM:
        raise Refused("no_member")
    if known and known.kicked:
        raise Refused("kicked")
    if known and known.present:
        raise Refused("here_already")
    if len(state.present) >= MAX_PRESENT or (known is None and len(state.members) >= MAX_EVER):
        raise Refused("full")
    heard = len(state.played) + (state.now is not None)
    answers, disliked = (known.answers, known.disliked) if known else ((), ())
    member = Member(op.member, body.profile, op.at_ms, state.joins + 1, heard, disliked=disliked, answers=answers)
    state = structs.replace(_with_member(state, member), joins=state.joins + 1)
    if not state.members.get(state.host, member).present or not state.host:
        state = structs.replace(state, host=op.member)  # an empty room: whoever comes first holds it
    return _without_explicit(state) if body.profile.minor else state


def _leave(state: State, op: Op, _: Leave) -> State:
    return _gone(state, _sender(state, op))


def _lapse(state: State, op: Op, body: Lapse) -> State:
    _of_room(op)
    member = state.members.get(body.member)
    if member is None or not member.present:
        raise Refused("not_here")
    return _gone(state, member)


def _kick(state: State, op: Op, body: Kick) -> State:
    _may(state, op, False)
    member = state.members.get(body.member)
    if member is None or body.member == op.member:
        raise Refused("no_member")
    return _gone(state, structs.replace(member, kicked=True))


def _gone(state: State, member: Member) -> State:
    """Without `member`; a host is followed by whoever has been present longest, so every replay finds the same."""
    state = _with_member(state, structs.replace(member, present=False))
    if state.host == member.member and state.present:
        return structs.replace(state, host=state.present[0].member)
    return state


def _handover(state: State, op: Op, body: Handover) -> State:
    _may(state, op, False)
    heir = state.members.get(body.member)
    if heir is None or not heir.present or body.member == state.host:
        raise Refused("no_member")
    return structs.replace(state, host=body.member)


def _rights(state: State, op: Op, body: SetRights) -> State:
    _may(state, op, False)
    state = structs.replace(state, rights=_sane(body.rights))
    return state if body.rights.explicit else _without_explicit(state)


def _sane(rights: Rights) -> Rights:
    if not 0 <= rights.alpha_tenths <= 60:
        raise Refused("out_of_range")
    return rights


def explicit_allowed(state: State) -> bool:
    """Whether explicit tracks may be played: the host says so, and no minor is present."""
    return state.rights.explicit and not any(member.profile.minor for member in state.present)


def _without_explicit(state: State) -> State:
    return structs.replace(state, queue=tuple(item for item in state.queue if not item.track.explicit))


def _add(state: State, op: Op, body: Add) -> State:
    _may(state, op, state.rights.add)
    if len(state.queue) >= MAX_QUEUE:
        raise Refused("queue_full")
    if body.track.explicit and not explicit_allowed(state):
        raise Refused("explicit")
    if any(item.track.track_id == body.track.track_id and item.added_by for item in state.queue):
        raise Refused("in_queue")
    queue = tuple(item for item in state.queue if item.track.track_id != body.track.track_id)  # recommended: now wished
    by_hand = _by_hand(queue)
    item = Item(state.items + 1, body.track, op.member)
    state = structs.replace(state, queue=(*queue[:by_hand], item, *queue[by_hand:]), items=item.item)
    return state if state.now else _play_next(state, op, state.played)


def _by_hand(queue: Sequence[Item]) -> int:
    """How many items, all in front, were added by hand."""
    for place, item in enumerate(queue):
        if item.added_by == ROOM:
            return place
    return len(queue)


def _vote(state: State, op: Op, body: Vote) -> State:
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
    if item.added_by == ROOM:
        disliked = tuple(track for track in member.disliked if track != item.track.track_id)
        disliked = (*disliked[1 - MAX_DISLIKED :], item.track.track_id) if body.vote < 0 else disliked
        state = _with_member(state, structs.replace(member, disliked=disliked))
    return structs.replace(state, queue=(*rest[:place], item, *rest[place:]))


def _move(state: State, op: Op, body: Move) -> State:
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


def _remove(state: State, op: Op, body: Remove) -> State:
    _sender(state, op)
    place = _place(state.queue, body.item)
    _may(state, op, state.rights.move or state.queue[place].added_by == op.member)
    return structs.replace(state, queue=(*state.queue[:place], *state.queue[place + 1 :]))


def _skip(state: State, op: Op, body: Skip) -> State:
    _may(state, op, state.rights.skip or (state.now is not None and state.now.item.added_by == op.member))
    return _end(state, op, body.item, op.member)


def _ended(state: State, op: Op, body: Ended) -> State:
    _of_room(op)
    return _end(state, op, body.item, 0)


def _end(state: State, op: Op, item: int, skipped_by: int) -> State:
    """The track that plays becomes history and the next one begins, if it is the one that is meant."""
    if state.now is None or state.now.item.item != item:
        raise Refused("not_playing")
    ended = structs.replace(state.now, ended_ms=max(op.at_ms, state.now.started_ms), skipped_by=skipped_by)
    return _play_next(state, op, (*state.played[1 - MAX_PLAYED :], ended))


def _play_next(state: State, op: Op, played: tuple[Played, ...]) -> State:
    now = Played(state.queue[0], op.at_ms) if state.queue else None
    return structs.replace(state, now=now, queue=state.queue[1:], played=played)


def _refill(state: State, op: Op, body: Refill) -> State:
    """Hand-added items and the next two stay where they are; recommended ones behind them are picked anew."""
    _of_room(op)
    if body.if_version != state.version:
        raise Refused("stale")
    kept = state.queue[: max(UNTOUCHED, _by_hand(state.queue))]
    tracks = [pick.track.track_id for pick in body.picks]
    taken = heard(state) | {item.track.track_id for item in kept}
    if len(set(tracks) - taken) < len(tracks):
        raise Refused("repeat")
    fresh = tuple(
        Item(state.items + 1 + number, pick.track, ROOM, (), (), pick.served, pick.shares, pick.filters)
        for number, pick in enumerate(body.picks[: MAX_QUEUE - len(kept)])
    )
    state = structs.replace(
        state,
        queue=kept + fresh,
        items=state.items + len(fresh),
        levels=body.levels,
        exhausted=body.exhausted,
    )
    return state if state.now else _play_next(state, op, state.played)


def heard(state: State) -> set[int]:
    """Tracks that were played in this session, the current one too."""
    played = (*state.played, state.now) if state.now else state.played
    return {one.item.track.track_id for one in played}


_RULES: dict[type, Callable[[State, Op, Any], State]] = {
    Create: _create,
    Join: _join,
    Leave: _leave,
    Add: _add,
    Vote: _vote,
    Skip: _skip,
    Move: _move,
    Remove: _remove,
    Handover: _handover,
    SetRights: _rights,
    Kick: _kick,
    Refill: _refill,
    Ended: _ended,
    Lapse: _lapse,
}
