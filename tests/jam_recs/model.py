"""The room again, plain and slow: one mutable object, lists and dictionaries, no shared line with `jam_recs.state`.

The independent judge: the checker replays histories on it, the state machine of hypothesis runs beside it.
"""

import copy

from jam_recs import records as r


class Model:
    def __init__(self):
        self.epoch = self.version = self.host = 0
        self.rights = {"add": True, "skip": True, "move": False, "explicit": True, "alpha": 30}
        self.people = []  # {"id", "profile", "here", "kicked", "answers": {seq: (body, version, code)}}; in order of their last join
        self.hand, self.picks, self.now, self.past = [], [], None, []
        self.made = 0

    def copy(self):
        return copy.deepcopy(self)

    def queue(self):
        return self.hand + self.picks

    def shown(self):
        """What can be compared with a View."""
        return {
            "version": self.version,
            "host": self.host,
            "here": sorted(p["id"] for p in self.people if p["here"]),
            "queue": [(i["id"], i["track"].track_id, i["by"], tuple(i["up"]), tuple(i["down"])) for i in self.queue()],
            "now": self.now and (self.now["id"], self.now["track"].track_id),
        }

    def person(self, number):
        return next((p for p in self.people if p["id"] == number), None)

    def do(self, op):
        """(version, code) as the room would answer; code is empty when accepted."""
        me = self.person(op.member)
        if op.epoch < self.epoch:
            return self.version, "fenced"
        wish = not isinstance(op.body, r.Create | r.Join) and op.member != 0
        if wish:
            if op.seq <= 0:
                return self.version, "sequence"
            if me and op.seq in me["answers"]:
                body, version, code = me["answers"][op.seq]
                return (version, code) if body == op.body else (self.version, "other_body")
            if me and len(me["answers"]) == r.KEPT_ANSWERS and op.seq < min(me["answers"]):
                return self.version, "forgotten"
        code = self.attempt(op, me) or ""
        if not code:
            self.version += 1
            self.epoch = op.epoch
        me = self.person(op.member)
        if wish and me and code != "not_here":
            me["answers"][op.seq] = (op.body, self.version, code)
            if len(me["answers"]) > r.KEPT_ANSWERS:
                del me["answers"][min(me["answers"])]
        return self.version, code

    def attempt(self, op, me):
        body = op.body
        is_host = self.host == op.member
        if isinstance(body, r.Create):
            if self.version:
                return "exists"
            if not 0 <= body.rights.alpha_tenths <= 60:
                return "out_of_range"
            code = self.come(op, me, body.profile)
            if not code:
                self.set_rights(body.rights)
                self.host = op.member
            return code
        if isinstance(body, r.Join):
            return self.come(op, me, body.profile)
        if isinstance(body, r.Lapse | r.Ended | r.Refill):
            return self.of_room(op, body)
        if not me or not me["here"]:
            return "not_here"
        if isinstance(body, r.Leave):
            return self.go(me)
        if isinstance(body, r.Kick | r.Handover | r.SetRights):
            return "no_right" if not is_host else self.as_host(me, body)
        if isinstance(body, r.Add):
            return "no_right" if not (is_host or self.rights["add"]) else self.add(op, body.track)
        if isinstance(body, r.Skip):
            mine = self.now is not None and self.now["by"] == op.member
            if not (is_host or self.rights["skip"] or mine):
                return "no_right"
            if self.now is None or self.now["id"] != body.item:
                return "not_playing"
            self.past.append(self.now["track"].track_id)
            return self.next()
        item = self.find(body.item)
        if item is None:
            return "no_such_item"
        if isinstance(body, r.Vote):
            return self.vote(op.member, item, body.vote)
        if not (is_host or self.rights["move"] or item["by"] == op.member):
            return "no_right"
        if isinstance(body, r.Remove):
            (self.hand if item in self.hand else self.picks).remove(item)
            return ""
        return self.move(op.member, item, body.after)

    def of_room(self, op, body):
        if op.member != 0:
            return "no_right"
        if isinstance(body, r.Lapse):
            person = self.person(body.member)
            return "not_here" if not person or not person["here"] else self.go(person)
        if isinstance(body, r.Ended):
            if self.now is None or self.now["id"] != body.item:
                return "not_playing"
            self.past.append(self.now["track"].track_id)
            return self.next()
        if body.if_version != self.version:
            return "stale"
        first = max(0, 2 - len(self.hand))
        keep = self.picks[:first] + [i for i in self.picks[first:] if len(i["up"]) > len(i["down"])]
        keep = [i for i in keep if i["id"] not in body.drop]
        new = [pick.track.track_id for pick in body.picks]
        old = [i["track"].track_id for i in self.hand + keep] + self.past
        old += [self.now["track"].track_id] if self.now else []
        if len(set(new)) < len(new) or set(new) & set(old):
            return "repeat"
        known, self.picks = {i["track"].track_id: i for i in self.picks}, keep
        for pick in body.picks[: r.MAX_QUEUE - len(self.queue())]:
            self.picks.append(known.get(pick.track.track_id) or self.make(pick.track, 0))
        return self.next() if self.now is None else ""

    def make(self, track, by):
        self.made += 1
        return {"id": self.made, "track": track, "by": by, "up": [], "down": []}

    def find(self, number):
        return next((i for i in self.queue() if i["id"] == number), None)

    def next(self):
        self.now = self.hand.pop(0) if self.hand else self.picks.pop(0) if self.picks else None
        return ""

    def come(self, op, me, profile):
        if op.member <= 0:
            return "no_member"
        if me and me["kicked"]:
            return "kicked"
        if me and me["here"]:
            return "here_already"
        if sum(p["here"] for p in self.people) >= r.MAX_PRESENT or (not me and len(self.people) >= r.MAX_EVER):
            return "full"
        answers = me["answers"] if me else {}
        if me:
            self.people.remove(me)
        host = self.person(self.host)
        self.people.append({"id": op.member, "profile": profile, "here": True, "kicked": False, "answers": answers})
        if self.host != op.member and not (host and host["here"]):
            self.host = op.member
        self.clean()
        return ""

    def go(self, person):
        person["here"] = False
        if person["id"] == self.host:
            self.host = next((p["id"] for p in self.people if p["here"]), self.host)
        return ""

    def as_host(self, me, body):
        if isinstance(body, r.SetRights):
            if not 0 <= body.rights.alpha_tenths <= 60:
                return "out_of_range"
            self.set_rights(body.rights)
            return ""
        other = self.person(body.member)
        if not other or other is me:
            return "no_member"
        if isinstance(body, r.Handover):
            if not other["here"]:
                return "no_member"
            self.host = other["id"]
            return ""
        other["kicked"] = True
        return self.go(other)

    def set_rights(self, rights):
        self.rights = {n: getattr(rights, n) for n in ("add", "skip", "move", "explicit")} | {
            "alpha": rights.alpha_tenths
        }
        self.clean()

    def decent(self):
        return not self.rights["explicit"] or any(p["here"] and p["profile"].minor for p in self.people)

    def clean(self):
        if self.decent():
            self.hand = [i for i in self.hand if not i["track"].explicit]
            self.picks = [i for i in self.picks if not i["track"].explicit]
            if self.now and self.now["track"].explicit:
                self.past.append(self.now["track"].track_id)
                self.next()

    def add(self, op, track):
        if len(self.queue()) >= r.MAX_QUEUE:
            return "queue_full"
        if track.explicit and self.decent():
            return "explicit"
        if any(i["track"].track_id == track.track_id for i in self.hand):
            return "in_queue"
        self.picks = [i for i in self.picks if i["track"].track_id != track.track_id]
        self.hand.append(self.make(track, op.member))
        return self.next() if self.now is None else ""

    def vote(self, member, item, vote):
        for side in ("up", "down"):
            item[side] = [v for v in item[side] if v != member]
        if vote:
            item["up" if vote > 0 else "down"].append(member)
        part = self.hand if item in self.hand else self.picks

        def score(i):
            return len(i["up"]) - len(i["down"])

        at = part.index(item)
        while at > 0 and score(part[at - 1]) < score(item):
            part[at - 1], part[at] = part[at], part[at - 1]
            at -= 1
        while at + 1 < len(part) and score(part[at + 1]) > score(item):
            part[at + 1], part[at] = part[at], part[at + 1]
            at += 1
        return ""

    def move(self, member, item, after):
        rest = [i for i in self.queue() if i is not item]
        places = [i["id"] for i in rest]
        if after and after not in places:
            return "no_such_item"
        at = places.index(after) + 1 if after else 0
        hands = [i for i in rest if i in self.hand]
        if item in self.hand:
            at = min(at, len(hands))
        elif at < len(hands):
            item["by"] = member
        rest.insert(at, item)
        self.hand = [i for i in rest if i["by"]]
        self.picks = [i for i in rest if not i["by"]]
        return ""
