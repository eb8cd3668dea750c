"""Somebody's own files, small and under the names that the READMEs give them: what the commands shown there are run on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

from shared.clock import DAY_MS, DEMO_NOW
from shared.world.podcast_audience import make_audience
from shared.world.sound import RATE, song, voice
from tests.charts.test_files import PLAIN
from tests.copyright_detect.uploads import RELEASES, make_podcast
from tests.discover_weekly.by_hand import HEALTHY, write_files
from tests.jam_recs.test_groups import MEMBERS, NEGATIVE, TEST, TRAIN, USERS
from tests.podcast_recs.mind_format import behaviors_of, news_of
from tests.podcast_recs.test_feeds import HEAD, item
from tests.wrapped.exports import write_export, zipped


def ad_targeting(folder: Path) -> None:
    """Two days of second-price auctions, and a table of clicks."""
    rng = np.random.default_rng(1)
    for name in ("yesterday.txt", "today.txt"):
        pctr = rng.beta(1, 200, 3_000)
        price = 1 + rng.lognormal(3, 0.8, 3_000).astype(int)
        click = rng.random(3_000) < pctr
        rows = zip(click.astype(int), price, pctr, strict=True)
        (folder / name).write_text("".join(f"{c} {p} {x:.6f}\n" for c, p, x in rows))
    for name in ("train.csv", "test.csv"):
        hour, site = rng.integers(24, size=2_000), rng.integers(9, size=2_000)
        click = (rng.random(2_000) < 0.05 + 0.05 * site).astype(int)
        rows = zip(click, hour, site, strict=True)
        (folder / name).write_text("click,hour,site\n" + "".join(f"{c},{h},s{s}\n" for c, h, s in rows))


def autocomplete(folder: Path) -> None:
    """Names with a weight each."""
    (folder / "names.tsv").write_text("text\tweight\nBjörk\t50\nBeyoncé\t90\nBeck\t20\nBeirut\t10\n")


def charts(folder: Path) -> None:
    """Two plays, and a chart of two weeks."""
    pq.write_table(pa.table(PLAIN), folder / "plays.parquet")
    (folder / "ranks.csv").write_text(
        "chart_week,rank,entry\n2026-11-14,1,a\n2026-11-14,2,b\n2026-11-21,1,b\n2026-11-21,2,a\n"
    )


def copyright_detect(folder: Path) -> None:
    """Music, more music that is never asked for, people who speak, and an episode with some of the music."""
    for name in ("music", "speech", "filler"):
        (folder / name).mkdir()
    for release in RELEASES:
        soundfile.write(folder / "music" / f"{release.title}.wav", song(1, release), RATE)
        soundfile.write(folder / "filler" / f"other {release.title}.wav", song(2, release), RATE)
    for speaker in range(5):
        soundfile.write(folder / "speech" / f"{speaker}.wav", voice(1, speaker, 60.0), RATE)
    soundfile.write(folder / "episode.wav", make_podcast(), RATE)


def discover_weekly(folder: Path) -> None:
    """A week of plays, its catalogue and users; and ratings of forty people with two tastes."""
    write_files(folder, HEALTHY)
    rng = np.random.default_rng(1)
    pairs = {(user, int(item) + 20 * (user % 2)) for user in range(40) for item in rng.integers(20, size=12)}
    (folder / "ratings.csv").write_text("user_id,item_id\n" + "".join(f"{u},{i}\n" for u, i in sorted(pairs)))


def jam_recs(folder: Path) -> None:
    """Groups in AGREE's format, and who listened to what."""
    for groups in ("mafengwo", "camra2011"):
        (folder / groups).mkdir()
        for name, text in {"groupMember": MEMBERS, "userRatingTrain": USERS, "groupRatingTrain": TRAIN,
                           "groupRatingTest": TEST, "groupRatingNegative": NEGATIVE}.items():  # fmt: skip
            (folder / groups / f"{name}.txt").write_text(text)
    rng = np.random.default_rng(1)
    plays = {(u, int(a) + 60 * (u % 5)): int(n) for u in range(200) for a, n in rng.integers(1, 60, (30, 2))}
    (folder / "listening.tsv").write_text("".join(f"{u}\t{a}\t{n}\n" for (u, a), n in sorted(plays.items())))


def podcast_recs(folder: Path) -> None:
    """A feed, and a log of impressions in MIND's format."""
    (folder / "feed.xml").write_text(HEAD + "<title>Deep Sea</title>" + item() + "</channel></rss>")
    audience = make_audience(1, 200, 40, 10)
    (folder / "behaviors.tsv").write_text("".join(behaviors_of(audience, DEMO_NOW - 30 * DAY_MS)))
    (folder / "news.tsv").write_text("".join(news_of(audience)))


def wrapped(folder: Path) -> None:
    """The export of one listener."""
    write_export(folder / "export", seed=1)
    shutil.move(zipped(folder / "export", folder / "export.zip"), folder / "my_spotify_data.zip")


SAMPLES: list[Callable[[Path], None]] = [
    ad_targeting, autocomplete, charts, copyright_detect, discover_weekly, jam_recs, podcast_recs, wrapped,
]  # fmt: skip


def write(folder: Path) -> None:
    """Each system's files in a folder of its name."""
    for make in SAMPLES:
        (folder / make.__name__).mkdir()
        make(folder / make.__name__)
