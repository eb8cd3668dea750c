"""What a listener can pick from, laid out for constant-time draws: alias tables per scene, and each scene's tracks by day of release."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.world.catalogue import Catalogue
from shared.world.countries import SPAN_START_DAY
from shared.world.rng import alias_tables

Ints = NDArray[np.signedinteger[Any]]


class Sampler(NamedTuple):
    """Read-only arrays that all threads share, int32 to stay in the cache. Scene s owns places first[s]:first[s + 1]."""

    first: Ints  # (scenes + 1)
    track: Ints  # (tracks) by scene
    threshold: Ints  # (tracks) alias table over each scene
    alias: Ints  # (tracks)
    fresh_track: Ints  # (tracks) by scene and day of release
    fresh_day: Ints  # (tracks)
    classic: Ints  # (scenes) each scene's most popular track from before the span
    hit_threshold: Ints  # (tracks) alias table over everything
    hit_alias: Ints  # (tracks)
    weight: Ints  # (tracks) int64
    scene: Ints  # (tracks)
    artist: Ints  # (tracks)
    album: Ints  # (tracks)
    artist_first: Ints  # (artists + 1)
    released: Ints  # (tracks)
    duration_ms: Ints  # (tracks)


def make_sampler(catalogue: Catalogue) -> Sampler:
    """Lay the catalogue out for drawing, scene by scene."""
    scenes = np.arange(catalogue.scenes.genre.size + 1)
    by_scene = np.argsort(catalogue.track_scene, kind="stable")
    fresh = np.lexsort((catalogue.released, catalogue.track_scene))
    first = np.searchsorted(catalogue.track_scene[by_scene], scenes)
    threshold, alias = alias_tables(catalogue.track_weight[by_scene], first)
    hit_threshold, hit_alias = alias_tables(catalogue.track_weight, np.array([0, by_scene.size]))
    old = np.where(catalogue.released < SPAN_START_DAY, catalogue.track_weight, -1)
    classic = np.array([by_scene[a:b][np.argmax(old[by_scene[a:b]])] for a, b in pairwise(first)])
    arrays = (
        *(first, by_scene, threshold, alias, fresh, catalogue.released[fresh], classic, hit_threshold, hit_alias),
        catalogue.track_weight,
        *(catalogue.track_scene, catalogue.track_artist, catalogue.track_album, catalogue.artist_first),
        *(catalogue.released, catalogue.duration_ms),
    )
    # The weights keep their 64 bits; every other column fits into 32.
    return Sampler(*(a if a is catalogue.track_weight else a.astype(np.int32) for a in arrays))
