"""What `liner copyright-detect demo` shows: the world's songs indexed, a podcast streamed through the log, the alarm while it
still runs, the owners' decisions by territory, and the evidence.

The podcast opens with a jingle that its show has licensed, plays a song under speech, quotes a few seconds of another,
and ends on music that nobody has indexed, which must raise nothing. Its sender sends some chunks twice, and out of order.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from copyright_detect.audio import decode_all
from copyright_detect.catalogue import Catalogue
from copyright_detect.chunks import Chunk, cut
from copyright_detect.evidence import collect, write_evidence
from copyright_detect.index import add_references
from copyright_detect.picture import clock
from copyright_detect.records import SAMPLE_RATE, Match
from copyright_detect.rights_file import COLUMNS, import_rights
from copyright_detect.store import PartitionStore
from copyright_detect.views import upload_report
from copyright_detect.worker import Run, Worker, send
from shared.bootstrap import engines
from shared.clock import DEMO_NOW, fixed_clock
from shared.errors import CheckFailed
from shared.lake import Lake
from shared.output import print_json, print_next, progress, short, size_of
from shared.partition import free_run
from shared.world.sound import Release, catalogue, mix, song, voice

SONGS, SONG_SECONDS = 40, 60.0
UPLOAD, SHOW, SPEAKER, SECONDS = "episode-41", "morning-show", 7, 100.0
PARTITIONS = 2
README = "copyright_detect/README.md"


class Piece(NamedTuple):
    """Music in the podcast: which song of the catalogue, from where in it, when, for how long, how loud against the voice."""

    song: int
    from_s: float
    at: float
    seconds: float
    level_db: float


JINGLE = Piece(0, 4.0, 1.0, 8.0, 0.0)
UNDER_SPEECH = Piece(5, 12.0, 20.0, 20.0, -6.0)
QUOTE = Piece(1, 30.0, 58.0, 6.0, 3.0)
UNKNOWN = Piece(SONGS + 5, 0.0, 78.0, 16.0, 0.0)


def demo(size: str, seed: int, as_json: bool) -> None:
    """Make the world's songs, stream the podcast, decide, write the evidence, and say where everything lies."""
    from shared.world import make_world

    with engines(clock=fixed_clock(DEMO_NOW)) as opened:
        home = opened.settings.home
        world = make_world(home / "world" / f"{size}-{seed}", size, seed)
        folder = home / "copyright_detect" / f"world-{size}-{seed}"
        db, names = index_world(folder, world, seed, quiet=as_json)
        run = free_run(Run, opened)
        opened.log.create(run.topic, PARTITIONS)
        worker = Worker(opened.log, run, Catalogue(db), opened.clock)
        worker.assign(range(PARTITIONS))
        alarms = list(stream(worker, podcast(world, seed), quiet=as_json))
        store = next(own.store for own in worker.owned.values() if own.store.upload(UPLOAD))
        report = {**upload_report(store, UPLOAD), "alarms": alarms, "tallies": store.tallies()}
        report["evidence"] = write_all(worker, store, run.folder / "evidence")
        worker.revoke(range(PARTITIONS))
        check(report, names)
    if as_json:
        print_json(report)
        return
    print_report(report, folder)
    own = "liner copyright-detect index MY_MUSIC --db DB; liner copyright-detect scan EPISODE --db DB"
    print_next("liner copyright-detect capacity --catalogue 6700", "liner copyright-detect serve", README)
    print(f"  {own}    the same for your own audio")


def index_world(folder: Path, world: Lake, seed: int, quiet: bool) -> tuple[Path, list[str]]:
    """The first minute of the world's first songs as FLAC, indexed, with rights; what is there already is kept."""
    db, releases = folder / "db", catalogue(world, SONGS)
    names = [f"{release.track_id:03d} {release.title.replace('/', '_')}.flac" for release in releases]
    if not (db / "rights.csv").exists():
        songs = folder / "songs"
        songs.mkdir(parents=True, exist_ok=True)

        def recordings() -> Iterator[tuple[str, NDArray[np.float32]]]:
            todo = zip(names, releases, strict=True)
            for name, release in todo if quiet else progress(todo, "composing", SONGS):
                sound = song(seed, release, SONG_SECONDS)
                soundfile.write(songs / name, sound, SAMPLE_RATE, format="FLAC")
                yield name, decode_all(songs / name)  # as rounded: the file must hold what is indexed

        add_references(db, recordings(), sources={name: str((songs / name).absolute()) for name in names})
        (folder / "rights.csv").write_text(rights_of(names), encoding="utf-8")
        import_rights(folder / "rights.csv", db)
    return db, names


def rights_of(names: list[str]) -> str:
    """Claims on every song, two that compete on the song under the speech, and the licence of the jingle."""
    rows = [(name, "Northlight Records", "WORLD", "2024-01-01", "", "track", "", "") for name in names]
    main, jingle, quote = (names[piece.song] for piece in (UNDER_SPEECH, JINGLE, QUOTE))
    rows += [
        (main, "Northlight Records", "WORLD -US", "2024-01-01", "", "block", "10", ""),
        (main, "Eastside Publishing", "US CA JP", "2025-06-01", "", "monetise", "5", ""),
        (jingle, "Northlight Records", "WORLD", "2026-01-01", "2026-12-31", "allow", "", SHOW),
        (quote, "Northlight Records", "WORLD", "2024-01-01", "", "block", "10", ""),
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    return text.getvalue()


def podcast(world: Lake, seed: int, level_db: float = UNDER_SPEECH.level_db) -> NDArray[np.float32]:
    """float32: the episode, 100 s of a voice with the four pieces under it; level_db: how loud the song under the speech is."""
    releases: list[Release] = catalogue(world, UNKNOWN.song + 1)
    sound = voice(seed, SPEAKER, SECONDS)
    for piece in (JINGLE, UNDER_SPEECH._replace(level_db=level_db), QUOTE, UNKNOWN):
        music = song(seed, releases[piece.song], piece.from_s + piece.seconds)[round(piece.from_s * SAMPLE_RATE) :]
        sound = mix(sound, music, piece.level_db, piece.at)
    return sound


def delivered(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Chunks as a phone sends them: some pairs in the wrong order, some twice."""
    held: list[Chunk] = []
    for chunk in chunks:
        held.append(chunk)
        if chunk.number % 7 == 3 and not chunk.last:
            continue  # overtaken by the next one
        yield held[::-1]
        held = held[:1] if chunk.number % 11 == 5 else []  # the first of them once more


def stream(worker: Worker, samples: NDArray[np.float32], quiet: bool, upload: str = UPLOAD) -> Iterator[dict[str, Any]]:
    """Send and hear, a second at a time; yields each first alarm with the second of the upload at which it came."""
    seen: dict[int, str] = {}
    for chunks in delivered(cut(upload, SHOW, [samples], worker.clock)):
        send(worker.log, worker.run, chunks)
        worker.drain()
        for row in (row for own in worker.owned.values() for row in own.store.verdicts(upload)):
            if seen.get(row["match_id"]) == row["kind"]:
                continue
            if row["match_id"] not in seen:
                yield {"reference": row["reference"], "at_s": row["alarm_s"], "running": not chunks[-1].last}
            seen[row["match_id"]] = row["kind"]
            if not quiet:
                print(alarm_line(row), flush=True)


def alarm_line(row: Mapping[str, Any]) -> str:
    """A verdict as it stands, for a person."""
    begin, end, ref_begin, ref_end = (clock(row[name]) for name in Match._fields[1:5])
    odds = f"{row['score']:.0f} bits, {row['expected_false_alarms_per_1000h']:.0e} false alarms per 1,000 h"
    return f"{clock(row['at_s']):>7} heard  {row['kind']:<11} {row['reference']}: {begin} to {end} = {ref_begin} to {ref_end} of it; {odds}"


def write_all(worker: Worker, store: PartitionStore, folder: Path) -> list[dict[str, Any]]:
    """The evidence of every match of the upload."""
    written = []
    for row in store.verdicts(UPLOAD):
        evidence = collect(worker.log, worker.run.topic, store, worker.catalogue.index, row)
        picture, record = write_evidence(evidence, folder, f"{UPLOAD}-{row['match_id']}")
        written.append({"reference": row["reference"], "picture": str(picture), "record": str(record)})
    return written


def check(report: Mapping[str, Any], names: list[str]) -> None:
    """CheckFailed unless the song under the speech raised its alarm while the upload ran, and unindexed music raised none."""
    early = [alarm for alarm in report["alarms"] if alarm["reference"] == names[UNDER_SPEECH.song] and alarm["running"]]
    false = [row for row in report["matches"] if row["end_s"] > UNKNOWN.at]
    if not early or false:
        raise CheckFailed(f"demo: {len(early)} alarms for the song under speech, {len(false)} for unindexed music")


def print_report(report: Mapping[str, Any], folder: Path) -> None:
    """Decisions, what became of the messages, and where everything lies."""
    actions = ", ".join(f"{code} {action}" for code, action in report["actions"].items())
    print(f"\n{report['upload']} of {report['show']}: {report['status']}, {report['heard_s']:.0f} s; {actions}")
    for row in report["decisions"]:
        print(f"  {row['reference']}: {row['because']}")
    messages = ", ".join(f"{number} {outcome}" for outcome, number in report["tallies"].items())
    print(f"\nmessages  {messages}")
    for each in report["evidence"]:
        for path in (Path(each["picture"]), Path(each["record"])):
            print(f"evidence  {short(path.absolute())}  ({size_of(path)})")
    print(f"songs     {short((folder / 'songs').absolute())}  ({size_of(folder / 'songs')})")
    print(f"index     {short((folder / 'db').absolute())}  ({size_of(folder / 'db')})")
