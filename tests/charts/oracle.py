"""The slow, obvious answer: a set of plays as dicts, judged one by one; `charts.step` must agree in any order and
split.
"""

from collections import Counter, defaultdict

from charts.records import ISO_3166
from charts.rules import Rules, week_of
from shared.clock import DAY_MS


def alone(play, rules, now):
    """The reason against a play taken alone, None when there is none."""
    if any(play[name] is None for name in ("event_id", "user_id", "track_id")):
        return "missing_id"
    credits = play["artist_ids"]
    if not credits or None in credits or len(credits) > rules.most_credits:
        return "bad_credits"
    if play["started_at"] is None or not rules.earliest_ms <= play["started_at"] <= now + rules.clock_skew_ms:
        return "impossible_time"
    if play["played_ms"] is None or not 0 <= play["played_ms"] <= rules.longest_ms:
        return "impossible_length"
    if play["track_ms"] and play["played_ms"] > 1.5 * play["track_ms"]:
        return "impossible_length"
    if play["country"] not in [*ISO_3166, "--"]:
        return "unknown_country"
    if play["tier"] not in (0, 1, 2):
        return "unknown_tier"
    return None


def payload(play):
    country = (26 * 26,) if play["country"] == "--" else tuple(map(ord, play["country"]))
    credits = tuple(sorted(set(play["artist_ids"])))
    return (play["started_at"], play["user_id"], play["track_id"], country, play["tier"], play["played_ms"], credits)


def recount(plays, rules=Rules(), now=10**14):  # noqa: B008
    """(verdicts by name, counts by (week, day, country, artist) as (units, plays)) of plays that are never too late."""
    verdicts, by_id, groups = Counter(), defaultdict(Counter), defaultdict(list)
    for play in plays:
        reason = alone(play, rules, now)
        if reason:
            verdicts[reason] += 1
        else:
            by_id[week_of(play["started_at"]), play["event_id"]][payload(play)] += 1
    for (_, event_id), payloads in by_id.items():
        verdicts["duplicate"] += sum(payloads.values()) - len(payloads)
        verdicts["conflicting_payload"] += len(payloads) - 1
        winner = min(payloads)
        if winner[5] < rules.counted_from_ms:
            verdicts["too_short"] += 1
        else:
            groups[winner[1], winner[2], winner[0] // DAY_MS].append((winner[0], event_id, winner))
    counts = defaultdict(lambda: [0, 0])
    for group in groups.values():
        for rank, (started, _, winner) in enumerate(sorted(group)):
            verdicts["counted" if rank < rules.daily_cap else "over_daily_cap"] += 1
            if rank < rules.daily_cap:
                week = week_of(started)
                for artist in winner[6]:
                    count = counts[week, (started - DAY_MS) // DAY_MS % 7, winner[3], artist]
                    count[0] += rules.weights[winner[4]]
                    count[1] += 1
    return +verdicts, {key: tuple(value) for key, value in counts.items()}
