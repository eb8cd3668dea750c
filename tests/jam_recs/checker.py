"""Is a history linearizable? Twice: from versions and real time in O(n log n), and by search, which assumes nothing, on short histories.

The room is specified by `model.Model`, not by the reducer under test.
"""

from dataclasses import dataclass, field

from tests.jam_recs.model import Model

TRANSIENT = ("log_full", "slow_down", "other_body", "forgotten", "fenced", "not_here")
"""Answers that are not kept: the op did not happen, and the id may be sent again."""


@dataclass
class Call:
    """One op id, from its first sending to its first answer, on one global order of moments."""

    op: object
    called: int
    returned: int | None = None
    answers: list = field(default_factory=list)  # (version, code)

    @property
    def id(self):
        return self.op.member, self.op.seq


def check(calls, ops, seen):
    """Violations of a whole run. calls: dict id → Call; ops: the log's, in order; seen: (member, model-like view) in the order shown."""
    wrong, outcomes, at_version = replayed(ops)
    for op in ops:
        call = calls.get((op.member, op.seq))
        if call and call.op.body != op.body:
            wrong.append(f"{call.id}: wished {call.op.body}, the log holds {op.body}")
    for call in calls.values():
        if len(set(call.answers)) > 1:
            wrong.append(f"{call.id}: told differently at each retry: {call.answers}")
        if call.answers and call.id not in outcomes:
            wrong.append(f"{call.id}: acknowledged as {call.answers[0]} and lost")
        elif call.answers and outcomes[call.id][1] != call.answers[0]:
            wrong.append(f"{call.id}: told {call.answers[0]}, the log leads to {outcomes[call.id][1]}")
    wrong += out_of_order([call for call in calls.values() if call.answers and call.id in outcomes], outcomes)
    wrong += unlike(seen, at_version)
    return wrong


def replayed(ops):
    """Violations of the log itself, {id: (place in the log, (version, code))}, {version: what the room then was}."""
    model, wrong, outcomes, at_version = Model(), [], {}, {}
    for place, op in enumerate(ops):
        answer = model.do(op)
        at_version[model.version] = model.shown()
        if op.seq and (op.member, op.seq) in outcomes:
            wrong.append(f"{(op.member, op.seq)}: applied twice")
        elif op.seq:
            outcomes[op.member, op.seq] = place, answer
    return wrong, outcomes, at_version


def out_of_order(calls, outcomes):
    """A returned before B was called, so A stands before B: one sweep over both orders, O(n log n)."""
    wrong, latest, behind = [], (-1, None), sorted(calls, key=lambda call: call.returned)
    done = 0
    for call in sorted(calls, key=lambda call: call.called):
        while done < len(behind) and behind[done].returned < call.called:
            latest = max(latest, (outcomes[behind[done].id][0], behind[done].id))
            done += 1
        if latest[0] > outcomes[call.id][0]:
            wrong.append(f"{call.id}: was called after {latest[1]} had returned, and stands before it")
    versions = [outcomes[call.id][1][0] for call in calls if not outcomes[call.id][1][1]]
    if len(set(versions)) < len(versions):
        wrong.append("two ops were given one version")
    return wrong


def unlike(seen, at_version):
    """Whatever anybody was shown is the room as it was at that version, and nobody went back in time."""
    wrong, newest = [], {}
    for member, shown in seen:
        version = shown["version"]
        if shown != at_version.get(version):
            wrong.append(f"member {member} was shown another room at version {version}")
        if version < newest.get(member, 0):
            wrong.append(f"member {member} went back from version {newest[member]} to {version}")
        newest[member] = version
    return wrong


def search(calls, start):
    """Whether some order of the calls, true to real time, gives these answers (Wing and Gong, 1993); unanswered ones may never happen."""
    todo = frozenset(range(len(calls)))
    failed = set()

    def place(left, model):
        open_calls = [calls[number] for number in left]
        if not any(call.answers for call in open_calls):
            return True
        key = left, repr((model.shown(), [(p["id"], sorted(p["answers"])) for p in model.people]))
        if key in failed:
            return False
        horizon = min(call.returned for call in open_calls if call.returned is not None)
        for number in left:
            call = calls[number]
            if call.called > horizon:
                continue
            after = model.copy()
            answer = after.do(call.op)
            if (not call.answers or set(call.answers) == {answer}) and place(left - {number}, after):
                return True
        failed.add(key)
        return False

    return place(todo, start)
