// The room as last told: changes are applied in order, a gap is noticed. No rule of the room is repeated here.

export class Gap extends Error {}

export function follow(room, heard) {
  if (heard.type === "room") return !room || heard.version >= room.version ? heard : room;
  if (!room || heard.version > room.version + 1) throw new Gap();
  if (heard.version <= room.version) return room;
  return changed(room, heard, heard.change);
}

function changed(room, event, change) {
  return {
    ...room,
    version: event.version,
    epoch: event.epoch,
    queue: requeued(room.queue, change),
    now: change.silent ? null : change.now ?? room.now,
    members: merged(room.members, change.members ?? []),
    host: change.host || room.host,
    rights: change.rights ?? room.rights,
    levels: change.levels ?? room.levels,
    exhausted: change.exhausted ?? room.exhausted,
  };
}

function requeued(queue, { items = [], order = null }) {
  const known = new Map([...queue, ...items].map((item) => [item.item, item]));
  const ids = order ?? queue.map((item) => item.item);
  if (ids.some((id) => !known.has(id))) throw new Gap();
  return ids.map((id) => known.get(id));
}

function merged(members, altered) {
  const faces = new Map([...members, ...altered].map((face) => [face.member, face]));
  return [...faces.values()];
}
