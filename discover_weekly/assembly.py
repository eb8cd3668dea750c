"""Assembly: thirty tracks out of a ranked pool, under rules that a listener would notice if they were broken.

Walk down the pool, best first, and take a recording unless one of its artists, main or featured, already has two in the list. What
the user has heard, under any id, and what stood in their last eight lists never reached the pool. When it runs dry (a new user, a user
who has heard nearly everything) the list is filled from what is popular where the user lives, marked as such: a short list reads as a
failure.
"""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def assemble(
    pool: Any,
    scores: Any,
    popular: Any,
    closed_indptr: Any,
    closed: Any,
    artist_indptr: Any,
    artists: Any,
    is_out: Any,
    length: int,
    cap: int,
) -> Any:
    """Fill the lists of n users.

    pool int32[n, p], scores float32[n, p]: ranked, -1 ends a row, nothing closed in it; popular int32[n, q]: ranked, may hold closed ones;
    closed_indptr, closed: sorted recordings per user that may not be listed: heard, or in an earlier list;
    artist_indptr, artists: credited artists per recording; is_out bool[R]: released; at most `cap` recordings an artist.
    Returns (recordings int32[n, length], scores float32[n, length], from_popular bool[n, length]); a row ends with -1 where not even
    the popular ones suffice.
    """
    n = pool.shape[0]
    out = np.full((n, length), np.int32(-1))
    out_scores = np.zeros((n, length), np.float32)
    from_popular = np.zeros((n, length), np.bool_)
    for user in range(n):
        taken = 0
        for position in range(pool.shape[1]):
            if taken == length or pool[user, position] < 0:
                break
            if is_out[pool[user, position]] and _fits(
                pool[user, position], out[user, :taken], artist_indptr, artists, cap
            ):
                out[user, taken], out_scores[user, taken] = pool[user, position], scores[user, position]
                taken += 1
        own = closed[closed_indptr[user] : closed_indptr[user + 1]]
        for position in range(popular.shape[1]):
            recording = popular[user, position]
            if taken == length:
                break
            if recording < 0:  # here the country's end, and everywhere's begin
                continue
            place = np.searchsorted(own, recording)
            if place < len(own) and own[place] == recording:
                continue
            if is_out[recording] and _fits(recording, out[user, :taken], artist_indptr, artists, cap):
                out[user, taken], from_popular[user, taken] = recording, True
                taken += 1
    return out, out_scores, from_popular


@njit(cache=True, nogil=True)
def _fits(recording: int, chosen: Any, artist_indptr: Any, artists: Any, cap: int) -> bool:
    """Whether a recording is new to the list and each of its artists has fewer than `cap` in it."""
    for other in chosen:
        if other == recording:
            return False
    for a in range(artist_indptr[recording], artist_indptr[recording + 1]):
        count = 0
        for other in chosen:
            for b in range(artist_indptr[other], artist_indptr[other + 1]):
                if artists[b] == artists[a]:
                    count += 1
                    break
        if count >= cap:
            return False
    return True
