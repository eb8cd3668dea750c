"""Members' wishes, told to the reducer one after the other."""

from jam_recs import records as r
from jam_recs.state import apply, empty

EPOCH = 1


def track(number, explicit=False):
    return r.Track(number, f"Track {number}", explicit=explicit)


def pick(number, served=1):
    return r.Pick(track(number), served, ((served, 900),))


class Party:
    """A room that is told wishes one after the other."""

    def __init__(self, guests=0, rights=None):
        self.state, self.seqs, self.at = empty("r"), {}, 1_000
        self.do(1, r.Create(r.Profile("Ann"), rights or r.Rights()))
        for guest in range(2, 2 + guests):
            self.do(guest, r.Join(r.Profile(f"Guest {guest}")))

    def do(self, member, body, seq=None, epoch=EPOCH):
        if seq is None:
            wish = not isinstance(body, r.Create | r.Join | r.Lapse | r.Ended | r.Refill)
            seq = self.seqs[member] = self.seqs.get(member, 0) + wish
        self.at += 10
        self.state, reply = apply(self.state, r.Op("r", epoch, member, seq, self.at, body))
        return reply

    def ids(self):
        return [item.item for item in self.state.queue]

    def tracks(self):
        return [item.track.track_id for item in self.state.queue]


def code(reply):
    return getattr(reply, "code", "")
