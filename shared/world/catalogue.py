"""The catalogue: genres hold hidden scenes, scenes hold artists, artists hold albums, albums hold tracks.

Popularity is Zipf-like over artists and again over an artist's tracks. Ids carry no order of popularity. A quarter of the albums
appear during the two years, mostly on Fridays. A few per cent of the tracks are the same recording under another id (compilation,
deluxe edition), a few take the title of somebody else's song. Each scene has a centre, from which the tracks' content features deviate:
what a model for cold tracks can find.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.world.countries import COUNTRIES, SPAN_END_DAY, SPAN_START_DAY
from shared.world.rng import apportion, generator, integers
from shared.world.schema import FEATURES
from shared.world.sizes import Size

Ints = NDArray[np.int64]

GENRES = (
    "pop", "hip hop", "rock", "electronic", "latin", "r&b", "indie", "metal", "jazz", "classical",
    "folk", "country", "reggae", "soul", "punk", "ambient", "house", "techno", "k-pop", "afrobeats",
)  # fmt: skip


class Scenes(NamedTuple):
    """Hidden tastes, each [scenes]: genre, country (-1: none) and age band as indices, weight; centre int64[scenes, FEATURES] in 1/64."""

    genre: Ints
    country: Ints
    age: Ints
    weight: Ints
    centre: Ints


class Catalogue(NamedTuple):
    """Columns of the catalogue. An artist's tracks are consecutive, and so are an album's.

    artist_*: [artists]; album_*: [albums]; track_*: [tracks]; days since the epoch; copy_of and cover_of are -1 where there is none;
    guests int64[tracks, 2], -1 where there is none.
    """

    scenes: Scenes
    artist_scene: Ints
    artist_country: Ints
    artist_first: Ints  # (artists + 1): tracks artist_first[a]:artist_first[a + 1]
    album_first: Ints  # (albums + 1)
    album_released: Ints
    track_artist: Ints
    track_album: Ints
    track_scene: Ints
    track_weight: Ints
    duration_ms: Ints
    copy_of: Ints
    cover_of: Ints
    guests: Ints

    @property
    def released(self) -> Ints:
        """Day of release of each track."""
        return self.album_released[self.track_album]


def make_catalogue(size: Size, seed: int) -> Catalogue:
    """The whole catalogue; memory is about 150 B a track."""
    scenes = make_scenes(size, seed)
    artist_scene, artist_country, artist_weight = _artists(size, seed, scenes)
    artist_first = _artist_first(size, seed, artist_weight)
    track_artist = np.repeat(np.arange(size.artists), np.diff(artist_first))
    album_first = _album_first(seed, artist_first)
    track_album = np.repeat(np.arange(album_first.size - 1), np.diff(album_first))
    rng = generator(seed, "catalogue/tracks")
    copy_of = _copies(rng, track_artist, artist_first, track_album)
    original = np.where(copy_of >= 0, copy_of, np.arange(size.tracks))
    return Catalogue(
        scenes,
        artist_scene,
        artist_country,
        artist_first,
        album_first,
        _release_days(seed, album_first.size - 1),
        track_artist,
        track_album,
        artist_scene[track_artist],
        _track_weights(rng, artist_weight[track_artist], copy_of),
        np.rint(np.exp(rng.normal(np.log(205_000), 0.28, size.tracks)))
        .astype(np.int64)
        .clip(45_000, 1_200_000)[original],
        copy_of,
        _covers(rng, size.tracks, copy_of),
        _guests(seed, artist_scene, track_artist)[original],
    )


def make_scenes(size: Size, seed: int) -> Scenes:
    """Hidden scenes; two in three have a home country."""
    rng = generator(seed, "catalogue/scenes")
    count = size.scenes
    shares = np.array([country.artists for country in COUNTRIES], np.float64)
    country = rng.choice(len(COUNTRIES), count, p=shares / shares.sum())
    return Scenes(
        np.arange(count) % min(len(GENRES), count // 2),
        np.where(rng.random(count) < 0.65, country, -1),
        rng.integers(0, 6, count),
        integers(1.0 / (np.arange(count) + 6.0) ** 0.6)[rng.permutation(count)],
        np.rint(rng.normal(0, 64, (count, FEATURES))).astype(np.int64),
    )


def _artists(size: Size, seed: int, scenes: Scenes) -> tuple[Ints, Ints, Ints]:
    """Scene, country and weight of each artist; every scene has at least four artists."""
    rng = generator(seed, "catalogue/artists")
    extra = apportion(np.maximum(scenes.weight >> 8, 1), size.artists - 4 * size.scenes)
    scene = rng.permutation(np.repeat(np.arange(size.scenes), 4 + extra))
    shares = np.array([country.artists for country in COUNTRIES], np.float64)
    anywhere = rng.choice(len(COUNTRIES), size.artists, p=shares / shares.sum())
    at_home = (scenes.country[scene] >= 0) & (rng.random(size.artists) < 0.8)
    rank = rng.permutation(size.artists)
    return scene, np.where(at_home, scenes.country[scene], anywhere), integers(1.0 / (rank + 8.0) ** 1.0, 1 << 30)


def _artist_first(size: Size, seed: int, artist_weight: Ints) -> Ints:
    """Where each artist's tracks begin: at least one track each, and more for the well known, though far less than in proportion."""
    rng = generator(seed, "catalogue/discographies")
    weights = integers(artist_weight**0.25 * rng.gamma(1.5, 1.0, size.artists).clip(0.1, 8), 1 << 12)
    return np.concatenate(([0], np.cumsum(1 + apportion(weights, size.tracks - size.artists))))


def _album_first(seed: int, artist_first: Ints) -> Ints:
    """Where each album begins: singles, EPs and albums, laid end to end and cut where an artist's tracks end."""
    rng = generator(seed, "catalogue/albums")
    lengths = rng.choice([1, 1, 1, 4, 5, 8, 10, 11, 12, 14], int(artist_first[-1]))
    return np.union1d(artist_first, np.minimum(np.cumsum(lengths), artist_first[-1]))


def _release_days(seed: int, count: int) -> Ints:
    """A quarter during the span, four in five of those on a Friday; the others up to sixty years back, recent years most."""
    rng = generator(seed, "catalogue/releases")
    new = rng.integers(SPAN_START_DAY, SPAN_END_DAY, count)
    friday = np.maximum(new - (new - 1) % 7, SPAN_START_DAY)  # day 1 of the epoch, 1970-01-02, was a Friday
    new = np.where(rng.random(count) < 0.8, friday, new)
    old = SPAN_START_DAY - 1 - np.rint(rng.exponential(9 * 365, count)).astype(np.int64).clip(0, 60 * 365)
    return np.where(rng.random(count) < 0.25, new, old)


def _copies(rng: np.random.Generator, track_artist: Ints, artist_first: Ints, track_album: Ints) -> Ints:
    """For one track in twenty-five, another track of the same artist on another album, whose recording it repeats; else -1."""
    tracks = np.arange(track_artist.size)
    counts = np.diff(artist_first)[track_artist]
    other = artist_first[track_artist] + rng.integers(0, counts)
    chosen = (rng.random(tracks.size) < 0.12) & (track_album[other] != track_album)
    return np.where(chosen & ~chosen[other], other, -1)  # never a copy of a copy


def _covers(rng: np.random.Generator, count: int, copy_of: Ints) -> Ints:
    """One original in fifty takes the title of a random track; else -1."""
    other = rng.integers(0, count, count)
    chosen = (rng.random(count) < 0.02) & (copy_of < 0)
    return np.where(chosen & ~chosen[other] & (copy_of[other] < 0), other, -1)


def _track_weights(rng: np.random.Generator, artist_weight: Ints, copy_of: Ints) -> Ints:
    """An artist's weight, spread unevenly over the tracks; a copy has a quarter of it."""
    uneven = integers(np.exp(rng.normal(0, 1.1, copy_of.size)).clip(0.02, 30), 1 << 8)
    weights: Ints = np.maximum((artist_weight >> 10) * uneven >> np.where(copy_of >= 0, 10, 8), 1)
    return weights


def _guests(seed: int, artist_scene: Ints, track_artist: Ints) -> Ints:
    """Featured artists int64[tracks, 2]: one in eight tracks has one, one in sixty two, of the same scene; else -1."""
    rng = generator(seed, "catalogue/guests")
    by_scene = np.argsort(artist_scene, kind="stable")
    first = np.searchsorted(artist_scene[by_scene], np.arange(artist_scene.max() + 2))
    scene = artist_scene[track_artist]
    choice = by_scene[first[scene] + rng.integers(0, np.diff(first)[scene], (2, scene.size))].T  # (tracks, 2)
    chance = rng.random(scene.size)
    guests = np.where(chance[:, None] < np.array([0.125, 0.0167]), choice, -1)
    guests[guests == track_artist[:, None]] = -1
    guests[guests[:, 0] == guests[:, 1], 1] = -1
    return guests
