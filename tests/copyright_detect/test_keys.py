import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect.keys import REFERENCE_FAN, UPLOAD_FAN, triplets
from tests.copyright_detect import oracle

PEAKS = st.sets(st.tuples(st.integers(0, 120), st.integers(4, 511)), min_size=1, max_size=80)


def arrays(peaks):
    ordered = np.array(sorted(peaks), np.int32).reshape(-1, 2)
    return ordered[:, 0].copy(), ordered[:, 1].copy()


@settings(max_examples=50, deadline=None)
@given(PEAKS, st.sampled_from([REFERENCE_FAN, UPLOAD_FAN]), st.integers(0, 120))
def test_triplets_are_all_pairs_of_the_first_targets(peaks, fan, since):
    frames, bins = arrays(peaks)
    keys, anchors, lasts = triplets(frames, bins, fan, since)
    expected = oracle.triplets(frames, bins, fan, since)
    assert anchors.tolist() == sorted(anchor for anchor, _ in expected)
    assert sorted(lasts.tolist()) == sorted(v for _, (_, _, _, v, _) in expected)
    shapes = {(f, g, h, (u - t) // 2, (v - t) // 2) for t, (f, u, g, v, h) in expected}
    assert len(set(keys.tolist())) == len(shapes)  # one key per shape: no two of a hundred collide in 32 bits


@settings(max_examples=30, deadline=None)
@given(PEAKS, st.integers(1, 119))
def test_step_by_step_gives_every_triplet_once(peaks, cut):
    frames, bins = arrays(peaks)
    early = frames < cut
    first = triplets(frames[early], bins[early], UPLOAD_FAN, 0)[0].tolist()
    then = triplets(frames, bins, UPLOAD_FAN, cut)[0].tolist()
    assert sorted(first + then) == sorted(triplets(frames, bins, UPLOAD_FAN, 0)[0].tolist())


@settings(max_examples=30, deadline=None)
@given(PEAKS)
def test_an_upload_asks_for_all_that_a_reference_stores(peaks):
    frames, bins = arrays(peaks)
    stored = set(triplets(frames, bins, REFERENCE_FAN, 0)[0].tolist())
    assert stored <= set(triplets(frames + np.int32(1000), bins, UPLOAD_FAN, 0)[0].tolist())
