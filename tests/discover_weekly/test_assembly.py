"""Assembly against a slow, obvious version, on random pools."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from discover_weekly.assembly import assemble


def slowly(pool, scores, popular, heard, artists_of, out_now, length, cap):
    taken, result, from_popular = [], [], []
    for source, recordings in ((False, pool), (True, popular)):
        for recording in recordings:
            if len(taken) == length:
                break
            if recording < 0:
                continue
            crowded = any(sum(artist in artists_of[t] for t in taken) >= cap for artist in artists_of[recording])
            if recording in taken or crowded or not out_now[recording] or (source and recording in heard):
                continue
            taken.append(recording)
            result.append(recording)
            from_popular.append(source)
    return result, from_popular


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(1, 8), cap=st.integers(1, 3))
def test_equals_the_slow_version(seed, length, cap):
    rng = np.random.default_rng(seed)
    recordings, users = 25, 3
    artists_of = [list(rng.choice(6, size=rng.integers(1, 4), replace=False)) for _ in range(recordings)]
    indptr = np.concatenate([[0], np.cumsum([len(a) for a in artists_of])]).astype(np.int32)
    artists = np.concatenate(artists_of).astype(np.int32)
    out_now = rng.random(recordings) < 0.9
    heard = [
        np.sort(rng.choice(recordings, size=rng.integers(0, 8), replace=False)).astype(np.int32) for _ in range(users)
    ]
    heard_indptr = np.concatenate([[0], np.cumsum([len(h) for h in heard])]).astype(np.int32)
    pool = np.full((users, 10), -1, np.int32)
    for u in range(users):
        closed = set(heard[u].tolist())
        found = [r for r in rng.permutation(recordings) if r not in closed][: rng.integers(0, 11)]
        pool[u, : len(found)] = found
    scores = rng.random((users, 10)).astype(np.float32)
    popular = np.stack(
        [np.append(rng.permutation(recordings)[:12], [-1, *rng.permutation(recordings)[:4]]) for _ in range(users)]
    )
    popular = popular.astype(np.int32)
    lists, list_scores, from_popular = assemble(
        pool, scores, popular, heard_indptr, np.concatenate(heard), indptr, artists, out_now, length, cap
    )
    for u in range(users):
        wanted, source = slowly(
            pool[u].tolist(), scores[u], popular[u].tolist(), set(heard[u].tolist()), artists_of, out_now, length, cap
        )
        n = len(wanted)
        assert lists[u, :n].tolist() == wanted
        assert (lists[u, n:] == -1).all()
        assert from_popular[u, :n].tolist() == source
        expected = [
            0.0 if s else float(scores[u, pool[u].tolist().index(r)]) for r, s in zip(wanted, source, strict=True)
        ]
        assert list_scores[u, :n].tolist() == expected
