"""A client's half: hold the room as last told, apply changes in order, notice a gap. The page does the same in JavaScript.

Events are version + 1 or nothing: an older one was heard before, a later one means that something is missing, and the client asks to be
caught up from the version at which it stands. No rule of the room is repeated here.
"""

from msgspec import json, structs

from jam_recs.records import Change, Event, Face, Item, Rejection, View

_frames = json.Decoder(View | Event | Rejection)


class Gap(Exception):
    """An event is missing between the room as held and the one just heard of."""


def read_frame(frame: bytes | str) -> View | Event | Rejection:
    """What the server said; its `resync` is no such frame, for the room itself follows it."""
    heard: View | Event | Rejection = _frames.decode(frame)
    return heard


def follow(view: View | None, heard: View | Event) -> View:
    """The room after `heard`. Gap: ask again from `view.version`."""
    if isinstance(heard, View):
        return heard if view is None or heard.version >= view.version else view
    if view is None or heard.version > view.version + 1:
        raise Gap
    return view if heard.version <= view.version else _changed(view, heard, heard.change)


def _changed(view: View, event: Event, change: Change) -> View:
    return structs.replace(
        view,
        version=event.version,
        epoch=event.epoch,
        queue=_queue(view.queue, change),
        now=None if change.silent else change.now or view.now,
        members=_members(view.members, change.members),
        host=change.host or view.host,
        rights=change.rights or view.rights,
        levels=view.levels if change.levels is None else change.levels,
        exhausted=view.exhausted if change.exhausted is None else change.exhausted,
    )


def _queue(queue: tuple[Item, ...], change: Change) -> tuple[Item, ...]:
    items = {item.item: item for item in (*queue, *change.items)}
    order = [item.item for item in queue] if change.order is None else change.order
    if not items.keys() >= set(order):
        raise Gap
    return tuple(items[item] for item in order)


def _members(members: tuple[Face, ...], changed: tuple[Face, ...]) -> tuple[Face, ...]:
    faces = {face.member: face for face in (*members, *changed)}
    return tuple(faces.values())
