"""The catalogue as datasets: names and titles put on, integers turned into records, and the hidden truth set apart."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shared.world import names
from shared.world.catalogue import GENRES, Catalogue
from shared.world.countries import CODES, COUNTRIES
from shared.world.rng import generator
from shared.world.schema import FEATURES, table


def catalogue_tables(catalogue: Catalogue, seed: int) -> dict[str, pa.Table]:
    """`artists`, `albums`, `tracks`, `truth/scenes` and `truth/tracks`, each in its schema."""
    language = np.array([country.language for country in COUNTRIES])[catalogue.artist_country]  # (artists)
    title = _track_titles(catalogue, seed, language)
    return {
        "artists": _artists(catalogue, seed, language),
        "albums": _albums(catalogue, seed, language, title),
        "tracks": _tracks(catalogue, seed, title),
        "truth/scenes": _scenes(catalogue),
        "truth/tracks": _true_tracks(catalogue),
    }


def _days(days: NDArray[np.int64]) -> pa.Array:
    return pa.array(days.astype(np.int32)).cast(pa.date32())


def _or_null(ids: NDArray[np.int64]) -> pa.Array:
    return pa.array(ids.astype(np.int32), mask=ids < 0)


def _artists(catalogue: Catalogue, seed: int, language: NDArray[np.str_]) -> pa.Table:
    return table(
        "artists",
        {
            "artist_id": np.arange(language.size, dtype=np.int32),
            "name": names.artist_names(generator(seed, "names/artists"), language.tolist()),
            "genre": np.array(GENRES)[catalogue.scenes.genre[catalogue.artist_scene]],
            "country": np.array(CODES)[catalogue.artist_country],
        },
    )


def _track_titles(catalogue: Catalogue, seed: int, language: NDArray[np.str_]) -> NDArray[np.str_]:
    """Titles str[tracks]; copies and covers carry the title of their original."""
    title = np.array(
        names.titles(generator(seed, "names/tracks"), language[catalogue.track_artist].tolist()), dtype=object
    )
    source = np.where(catalogue.copy_of >= 0, catalogue.copy_of, np.arange(title.size))
    source = np.where(catalogue.cover_of[source] >= 0, catalogue.cover_of[source], source)
    return title[source]


def _albums(catalogue: Catalogue, seed: int, language: NDArray[np.str_], title: NDArray[np.str_]) -> pa.Table:
    first = catalogue.album_first[:-1]
    artist = catalogue.track_artist[first]
    own = np.array(names.titles(generator(seed, "names/albums"), language[artist].tolist()), dtype=object)
    return table(
        "albums",
        {
            "album_id": np.arange(first.size, dtype=np.int32),
            "title": np.where(np.diff(catalogue.album_first) == 1, title[first], own),
            "artist_id": artist.astype(np.int32),
            "released": _days(catalogue.album_released),
        },
    )


def _tracks(catalogue: Catalogue, seed: int, title: NDArray[np.str_]) -> pa.Table:
    tracks = np.arange(title.size)
    original = np.where(catalogue.copy_of >= 0, catalogue.copy_of, tracks)
    genre = catalogue.scenes.genre[catalogue.track_scene]
    rng = generator(seed, "tracks/marks")
    explicit_rate = np.where(genre == GENRES.index("hip hop"), 0.45, 0.08)
    return table(
        "tracks",
        {
            "track_id": tracks.astype(np.int32),
            "recording": _recordings(catalogue, original),
            "title": title,
            "album_id": catalogue.track_album.astype(np.int32),
            "artist_ids": _artist_ids(catalogue),
            "genre": np.array(GENRES)[genre],
            "released": _days(catalogue.released),
            "duration_ms": catalogue.duration_ms.astype(np.int32),
            "explicit": (rng.random(tracks.size) < explicit_rate)[original],
            "features": _features(catalogue, seed, original),
        },
    )


def _recordings(catalogue: Catalogue, original: NDArray[np.int64]) -> list[str]:
    """ISRC-like codes: country, registrant, year, number."""
    country = np.array(CODES)[catalogue.artist_country[catalogue.track_artist[original]]].tolist()
    year = ((catalogue.released[original] // 365 + 70) % 100).tolist()
    return [
        f"{c}LN{n // 100_000:01d}{y:02d}{n % 100_000:05d}"
        for c, y, n in zip(country, year, original.tolist(), strict=True)
    ]


def _artist_ids(catalogue: Catalogue) -> pa.Array:
    """Main artist and guests of each track, list<int32>."""
    credits = np.column_stack((catalogue.track_artist, catalogue.guests)).astype(np.int32)  # (tracks, 3), -1 where none
    lengths = (credits >= 0).sum(axis=1)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, credits[credits >= 0])


def _features(catalogue: Catalogue, seed: int, original: NDArray[np.int64]) -> pa.Array:
    """Scene centre plus noise of artist and track, float32[tracks, FEATURES]; in steps of 1/64, so that every CPU has the same bytes."""
    rng = generator(seed, "tracks/features")
    artist = np.rint(rng.normal(0, 32, (catalogue.artist_scene.size, FEATURES)))
    track = np.rint(rng.normal(0, 48, (original.size, FEATURES)))
    values = catalogue.scenes.centre[catalogue.track_scene] + artist[catalogue.track_artist] + track[original]
    return pa.FixedSizeListArray.from_arrays((values / 64).astype(np.float32).ravel(), FEATURES)


def _scenes(catalogue: Catalogue) -> pa.Table:
    scenes = catalogue.scenes
    return table(
        "truth/scenes",
        {
            "scene_id": np.arange(scenes.genre.size, dtype=np.int16),
            "genre": np.array(GENRES)[scenes.genre],
            "country": pa.array(np.array(CODES)[scenes.country], mask=scenes.country < 0),
            "weight": scenes.weight,
        },
    )


def _true_tracks(catalogue: Catalogue) -> pa.Table:
    return table(
        "truth/tracks",
        {
            "track_id": np.arange(catalogue.track_scene.size, dtype=np.int32),
            "scene_id": catalogue.track_scene.astype(np.int16),
            "weight": catalogue.track_weight,
            "copy_of": _or_null(catalogue.copy_of),
            "cover_of": _or_null(catalogue.cover_of),
        },
    )
