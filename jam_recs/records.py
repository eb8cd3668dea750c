"""What members send, what a room is, and what everybody is told: frozen records, the same in memory, in the log and on the wire.

An `Op` is a wish: who, his own sequence number, when, and a body. The reducer answers with an `Event` (the room changed, `version` + 1) or
a `Rejection` (it did not). Times are ms since the epoch, UTC, and enter with the op; 0 stands for «nobody», «nothing» and «the top».
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ROOM = 0
"""The member id of the room itself: refills, natural ends and lapses are its ops."""
MAX_PRESENT = 32
MAX_EVER = 512
"""Members of one room over its whole life; nobody is forgotten, so that no old op can be applied anew."""
MAX_QUEUE = 200
MAX_PLAYED = 2_000
MAX_DISLIKED = 100
KEPT_ANSWERS = 64
"""Sequence numbers of a member whose answers are kept: a retry that comes later than 64 newer ops is `forgotten`, never applied anew."""
UNTOUCHED = 2
"""The next tracks that a refill leaves alone: nobody sees the queue shuffle under his finger."""


class Record(Struct, frozen=True, gc=False):
    """Base of all records. They are frozen, so they form no cycles, and a server full of rooms spares the collector a million objects."""


Number = Annotated[int, Meta(ge=0, le=2**53)]
"""An id or a count that a client sends: exact in every JSON reader."""
Share = tuple[int, int]
"""(member, thousandths): how much of what a member could have wished for a track gives him."""


class Track(Record, frozen=True, omit_defaults=True):
    """A track as the catalogue knows it."""

    track_id: int
    title: str
    artist_id: int = 0
    artist: str = ""
    duration_ms: int = 0
    explicit: bool = False


class Item(Record, frozen=True, omit_defaults=True):
    """A track in the queue. `item` is its identity there: ops name items, never positions."""

    item: int
    track: Track
    added_by: int = ROOM
    """The member who added it by hand; ROOM: recommended."""
    up: tuple[int, ...] = ()
    down: tuple[int, ...] = ()
    """Members who voted so, in the order of their votes."""
    served: int = 0
    """Recommended: the member whom it serves most."""
    shares: tuple[Share, ...] = ()

    @property
    def votes(self) -> int:
        """Up minus down."""
        return len(self.up) - len(self.down)


class Played(Record, frozen=True, omit_defaults=True):
    """An item that began to play."""

    item: Item
    started_ms: int
    ended_ms: int = 0
    skipped_by: int = 0
    """The member who skipped it; 0: it ran to its end (or still runs)."""


class Profile(Record, frozen=True, omit_defaults=True):
    """What a listener brings along."""

    name: str
    user_id: int = -1
    """The listener whose vector Discover Weekly published; -1: unknown, no history."""
    market: str = ""
    """ISO 3166 code; empty: anywhere."""
    minor: bool = False
    vetoed_artists: tuple[int, ...] = ()


class Answer(Record, frozen=True, array_like=True, omit_defaults=True):
    """What an op id was told, kept so that its retry is told the same."""

    seq: int
    digest: int
    """CRC-32 of the body: the same id with another body is refused."""
    version: int
    """Of its event; of the room at that time, if it was rejected."""
    code: str = ""
    """Of its rejection; empty: it was accepted."""


class Member(Record, frozen=True, omit_defaults=True):
    """Somebody who is or was in the room."""

    member: int
    profile: Profile
    joined_ms: int
    joined_order: int
    """The how-manieth join of the room: the longest present has the lowest."""
    joined_played: int
    """Index in `played` of what came after he last came: his fairness account begins there, at the group's level."""
    present: bool = True
    kicked: bool = False
    disliked: tuple[int, ...] = ()
    """Tracks that he voted against while they were recommended: not for this party."""
    answers: tuple[Answer, ...] = ()


class Rights(Record, frozen=True):
    """What guests may do, and how the room recommends; the host sets it."""

    add: bool = True
    skip: bool = True
    move: bool = False
    """Move or remove what others added; one's own is always one's own."""
    explicit: bool = True
    """False: no explicit track at all; with a minor present there is none anyway."""
    alpha_tenths: Number = 30
    """Fairness: 0 plain average … 30 (the default) … 60 nearly the worst-off member alone."""


class State(Record, frozen=True):
    """A room. Never changed, only replaced: an old state stays valid for whoever holds it."""

    room: str
    epoch: int
    """Of the newest writer seen; an op of an older one is refused."""
    version: int
    """Events so far: 1, 2, 3 … without a gap."""
    host: int
    rights: Rights
    members: dict[int, Member]
    queue: tuple[Item, ...]
    """Hand-added items first, then recommended ones."""
    now: Played | None
    played: tuple[Played, ...]
    """What began before `now`, oldest first."""
    items: int
    """Items ever made: the next one is items + 1."""
    joins: int
    levels: tuple[Share, ...] = ()
    """What each member has had lately, in thousandths of an ideal queue; as of the last refill."""
    exhausted: bool = False
    """Nothing more that everybody may hear: no veto is ever broken to fill the queue."""

    @property
    def present(self) -> list[Member]:
        """Members in the room, the longest present first."""
        return sorted((m for m in self.members.values() if m.present), key=lambda m: m.joined_order)


class Create(Record, frozen=True, tag="create"):
    """Make the room; its sender becomes host."""

    profile: Profile
    rights: Rights = Rights()


class Join(Record, frozen=True, tag="join"):
    """Come in, or come back."""

    profile: Profile


class Leave(Record, frozen=True, tag="leave"):
    """Go; the op of the member himself."""


class Add(Record, frozen=True, tag="add"):
    """Append a track to the hand-added part of the queue."""

    track: Track


class Vote(Record, frozen=True, tag="vote"):
    """For (1), against (-1) or take back (0)."""

    item: Number
    vote: Literal[-1, 0, 1]


class Skip(Record, frozen=True, tag="skip"):
    """End the item that plays; it is named, so two who press at once skip one."""

    item: Number


class Move(Record, frozen=True, tag="move"):
    """Put an item behind another one; after 0: to the top."""

    item: Number
    after: Number = 0


class Remove(Record, frozen=True, tag="remove"):
    """Take an item out of the queue."""

    item: Number


class Handover(Record, frozen=True, tag="handover"):
    """Make another present member host."""

    member: Number


class SetRights(Record, frozen=True, tag="rights"):
    """Set what guests may do."""

    rights: Rights


class Kick(Record, frozen=True, tag="kick"):
    """Put a member out; his id never comes back (the invitation lets him in as somebody new)."""

    member: Number


class Pick(Record, frozen=True, omit_defaults=True):
    """One recommended track: what a refill consists of."""

    track: Track
    served: int
    shares: tuple[Share, ...]


class Refill(Record, frozen=True, omit_defaults=True, tag="refill"):
    """The room's op: new recommendations behind the next two tracks; refused if the room has moved on since `if_version`."""

    if_version: int
    picks: tuple[Pick, ...]
    drop: tuple[int, ...] = ()
    """Recommended items that somebody present may not hear, a later comer or whoever voted one down."""
    levels: tuple[Share, ...] = ()
    exhausted: bool = False


class Ended(Record, frozen=True, tag="ended"):
    """The room's op: the item that plays ran to its end."""

    item: int


class Lapse(Record, frozen=True, tag="lapse"):
    """The room's op: nothing was heard of a member for 15 s, or 90 s at an open line; the host's lease ends with it."""

    member: int


Wish = Add | Vote | Skip | Move | Remove | Handover | SetRights | Kick | Leave
"""What a member may send by himself; joins come with his token."""
Body = Wish | Create | Join | Refill | Ended | Lapse


class Op(Record, frozen=True):
    """A wish with its id: (member, seq)."""

    room: str
    epoch: int
    member: int
    seq: int
    """The member's own counter, from 1; the room's own ops have 0 and are never retried."""
    at_ms: int
    body: Body


class Change(Record, frozen=True, omit_defaults=True):
    """What differs between two versions; a client needs no rule of the room to follow it."""

    items: tuple[Item, ...] = ()
    """New or altered items of the queue."""
    order: tuple[int, ...] | None = None
    """All items of the queue, when their order or number changed."""
    now: Played | None = None
    """The item that plays, when it changed."""
    silent: bool = False
    """Nothing plays any more."""
    members: tuple["Face", ...] = ()
    """Members who came, went or altered."""
    host: int = 0
    rights: Rights | None = None
    levels: tuple[Share, ...] | None = None
    exhausted: bool | None = None


class Face(Record, frozen=True, omit_defaults=True):
    """What members see of each other: no user id, no vetoes, no answers."""

    member: int
    name: str
    present: bool = True


class View(Record, frozen=True, tag="room"):
    """A room as its members see it: what a client holds, and gets whole when it is too far behind."""

    room: str
    epoch: int
    version: int
    host: int
    rights: Rights
    members: tuple[Face, ...]
    queue: tuple[Item, ...]
    now: Played | None
    levels: tuple[Share, ...]
    exhausted: bool


class Event(Record, frozen=True, omit_defaults=True, tag="event"):
    """An accepted op, as everybody is told it."""

    version: int
    epoch: int
    at_ms: int
    member: int
    seq: int
    kind: str
    change: Change


class Rejection(Record, frozen=True, tag="rejected"):
    """A refused op, as its sender is told it: nothing changed."""

    seq: int
    code: str
    version: int
