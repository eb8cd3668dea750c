"""A small catalogue, a podcast that uses it, and a worker over the SQLite log: what the tests of uploads stand on."""

import shutil
import sqlite3
from itertools import islice

import numpy as np
import soundfile

from copyright_detect import demo
from copyright_detect.catalogue import Catalogue
from copyright_detect.chunks import cut, to_float, to_pcm
from copyright_detect.detector import Detector
from copyright_detect.index import add_references
from copyright_detect.rights_file import COLUMNS, import_rights
from copyright_detect.worker import Run, Worker
from shared.bootstrap import Engines
from shared.clock import DEMO_NOW
from shared.settings import Settings
from shared.world.sound import RATE, Release, mix, song, voice

GENRES = ("pop", "rock", "jazz", "house")
RELEASES = [Release(number, f"song {number}", genre, 30.0, number) for number, genre in enumerate(GENRES)]
RIGHTS = f"""{",".join(COLUMNS)}
song 1,Northlight,WORLD -US,2024-01-01,,block,5,
song 1,Eastside,WORLD,,,monetise,,
song 2,Northlight,DE,,,block,3600,
song 1,Northlight,WORLD,2026-01-01,2026-12-31,allow,,licensed
"""


def make_db(db):
    """An index of four songs, and rights on two of them."""
    db.mkdir(parents=True)
    soundfile.write(db.with_suffix(".wav"), song(1, RELEASES[1]), RATE, subtype="FLOAT")
    index_songs(db, db)
    write_rights(db, RIGHTS)
    return db


def index_songs(db, of):
    """Index the four songs, as those of the index `of`."""
    sounds = [(release.title, song(1, release)) for release in RELEASES]
    add_references(db, sounds, sources={"song 1": str(of.with_suffix(".wav"))})


def write_rights(db, text):
    file = db.with_suffix(".label.csv")
    file.write_text(text)
    import_rights(file, db)


def make_podcast(seconds=40.0, music=1, at=10.0, music_s=15.0, speaker=7):
    """float32: a voice with music under it, as 16-bit PCM would carry it."""
    sound = song(1, RELEASES[music])[int(5 * RATE) : int((5 + music_s) * RATE)]
    return to_float(to_pcm(mix(voice(1, speaker, seconds), sound, 0.0, at)).tobytes())


def cut_all(samples, upload="u", show="s", began=DEMO_NOW):
    """The chunks of an upload, sent a second apart."""
    times = iter(range(began, began + 10**9, 1000))
    return list(cut(upload, show, [samples], lambda: next(times)))


def heard_whole(db, samples):
    """What one detector says about the whole of it at once."""
    detector = Detector(Catalogue(db).index)
    return detector.push(samples) + detector.finish()


class Clock:
    """A clock that the test sets."""

    def __init__(self, now=DEMO_NOW + 3_600_000):
        self.now = now

    def __call__(self):
        return self.now


class Desk:
    """A log, a run and a worker over a db, in a folder."""

    def __init__(self, home, db, partitions=1, **urls):
        self.engines = Engines(Settings(home=home, **urls), Clock())
        self.run, self.db = Run("t", home), db
        self.log = self.engines.log
        self.log.create(self.run.topic, partitions)
        self.worker = self.hire()

    def hire(self):
        """A worker that owns every partition, as after a restart."""
        worker = Worker(self.log, self.run, Catalogue(self.db), self.engines.clock)
        worker.assign(range(self.log.partitions(self.run.topic)))
        return worker

    def restart(self):
        self.worker.revoke(list(self.worker.owned))
        self.worker = self.hire()

    @property
    def store(self):
        return self.worker.owned[0].store

    def waiting(self):
        """How many chunks wait for an earlier one."""
        connection = sqlite3.connect(self.store.path)
        (found,) = connection.execute("select count(*) from chunks where waiting is not null").fetchone()
        connection.close()
        return found

    def tables(self):
        """What others read, in full."""
        return [(each.store.verdicts(), each.store.decisions()) for each in self.worker.owned.values()]

    def close(self):
        self.worker.revoke(list(self.worker.owned))
        self.engines.close()


def shuffled(chunks, rng, reach=8):
    """The chunks out of order, none more than `reach` places early."""
    keys = np.arange(len(chunks)) + rng.uniform(0, reach, len(chunks))
    return [chunks[at] for at in np.argsort(keys, kind="stable").tolist()]


def in_parts(messages, rng):
    """An iterator over lists of messages, of any length."""
    rest = iter(messages)
    while part := list(islice(rest, int(rng.integers(1, 12)))):
        yield part


def small_demo(patch, world, songs=None, home=None):
    """The demo on the tiny world with the fewest songs that hold its pieces; indexed already, if `songs` is given."""
    patch.setattr("shared.world.make_world", lambda *_: world)
    patch.setattr(demo, "SONGS", 6)
    patch.setattr(demo, "SONG_SECONDS", 37.0)
    if songs:
        shutil.copytree(songs, home / "copyright_detect" / "world-tiny-1")
