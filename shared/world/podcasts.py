"""Podcasts: shows with followers, and their episodes, each in one language; titles are invented from the word banks.

Followers are Zipf-like. A show has a handful of episodes or hundreds, one a week until its last.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from shared.world.countries import COUNTRIES, SPAN_END_DAY
from shared.world.rng import generator, integers
from shared.world.schema import table
from shared.world.sizes import Size
from shared.world.words import BANKS

Ints = NDArray[np.int64]

FORMATS = {
    "en": "Hour Diaries Files Letters Talk Stories Report Theory",
    "sv": "Podden Timmen Samtal Historier",
    "de": "Stunde Gespräche Geschichten Akte",
    "fr": "Heure Causerie Histoires Dossier",
    "es": "Hora Charlas Historias Crónicas",
    "pt": "Hora Conversas Histórias Crônicas",
    "it": "Ora Chiacchiere Storie Cronache",
    "pl": "Godzina Rozmowy Historie Kroniki",
    "tr": "Saati Sohbetler Hikâyeler Günlük",
    "uk": "Година Розмови Історії Хроніки",
    "ja": "ラジオ 物語 対談 日記",
    "ko": "라디오 이야기 대화 일기",
    "zh": "電台 故事 對談 日記",
    "ar": "ساعة حديث قصص يوميات",
    "hi": "रेडियो कहानियाँ बातें डायरी",
}


def show_count(size: Size) -> int:
    """One show for every twenty tracks."""
    return size.tracks // 20


def podcast_tables(size: Size, seed: int) -> dict[str, pa.Table]:
    """`shows` and `episodes`, each in its schema."""
    rng = generator(seed, "podcasts/shows")
    count = show_count(size)
    shares = np.array([country.artists for country in COUNTRIES], np.float64)
    country = rng.choice(len(COUNTRIES), count, p=shares / shares.sum())
    languages = [COUNTRIES[at].language for at in country.tolist()]
    followers = integers(1.0 / (rng.permutation(count) + 4.0), size.users)
    titles = [_title(language, dice) for language, dice in zip(languages, _dice(rng, count), strict=True)]
    show_id = np.arange(count)
    shows = {"show_id": show_id.astype(np.int32), "title": titles, "language": languages, "followers": followers}
    return {"shows": table("shows", shows), "episodes": _episodes(seed, show_id, languages)}


def _episodes(seed: int, show_id: Ints, languages: list[str]) -> pa.Table:
    rng = generator(seed, "podcasts/episodes")
    lengths = np.rint(np.exp(rng.normal(2.3, 0.8, show_id.size))).astype(np.int64).clip(1, 200)
    show = np.repeat(show_id, lengths)
    number = np.arange(show.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)  # 0 is a show's first
    last_day = SPAN_END_DAY - 1 - rng.integers(0, 60, show_id.size)
    days = last_day[show] - 7 * (lengths[show] - 1 - number)
    dice = _dice(rng, show.size)
    titles = [
        _episode(languages[at], n + 1, die) for at, n, die in zip(show.tolist(), number.tolist(), dice, strict=True)
    ]
    columns = {
        "episode_id": np.arange(show.size, dtype=np.int32),
        "show_id": show.astype(np.int32),
        "title": titles,
        "language": [languages[at] for at in show.tolist()],
        "released": pa.array(days.astype(np.int32)).cast(pa.date32()),
        "duration_ms": np.rint(np.exp(rng.normal(np.log(2_400_000), 0.5, show.size)))
        .astype(np.int32)
        .clip(300_000, 14_400_000),
    }
    return table("episodes", columns)


def _dice(rng: np.random.Generator, rows: int) -> list[list[int]]:
    dice: list[list[int]] = rng.integers(0, 1 << 31, (rows, 4)).tolist()
    return dice


def _title(language: str, dice: list[int]) -> str:
    bank, formats = BANKS[language], FORMATS[language].split()
    first, second = (bank.words[die % len(bank.words)] for die in dice[:2])
    form = formats[dice[2] % len(formats)]
    name = bank.given[dice[2] % len(bank.given)] if bank.given else second
    templates = (
        bank.joint.join((first, form)),
        f"{bank.the} {first} {form}".strip(),
        f"{name} & {first}",
        bank.joint.join((first, second, form)),
    )
    return templates[dice[3] % len(templates)]


def _episode(language: str, number: int, dice: list[int]) -> str:
    bank = BANKS[language]
    first, second = (bank.words[die % len(bank.words)] for die in dice[:2])
    title = bank.joint.join((first, second)) if dice[2] % 3 else first
    return f"{number}. {title}" if dice[3] % 2 else title
