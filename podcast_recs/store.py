"""What outlives a process: the catalogue, listeners, events and the trained model, in one SQLite file.

Events are the truth and everything else follows from them: a service that starts replays them into its state, so killed and
started again it answers as before. An event, an episode or a take-down is durable when its call returns, and is then applied in
memory; the same event id again is no error and changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import numpy as np

from podcast_recs.library import Profile
from podcast_recs.records import Catalogue, Event, Float32
from shared.errors import NotFound
from shared.sqlite import connect, explained, transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS shows (show INTEGER PRIMARY KEY, language TEXT, kind INTEGER, title TEXT, description TEXT, feed TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS episodes (episode INTEGER PRIMARY KEY, show INTEGER NOT NULL, number INTEGER, published INTEGER,
  duration INTEGER, explicit INTEGER, title TEXT, description TEXT, guid TEXT, alive INTEGER NOT NULL DEFAULT 1, UNIQUE (show, guid));
CREATE TABLE IF NOT EXISTS listeners (user INTEGER PRIMARY KEY, languages TEXT, minor INTEGER);
CREATE TABLE IF NOT EXISTS events (event_id INTEGER UNIQUE, user INTEGER, episode INTEGER, what INTEGER, at INTEGER,
  played_ms INTEGER, position INTEGER, propensity REAL);
CREATE TABLE IF NOT EXISTS forgotten (user INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS arrays (name TEXT PRIMARY KEY, kind TEXT, shape TEXT, value BLOB);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT);
"""


NONE_YET = "no podcasts yet; run `liner podcast-recs demo`, or `liner podcast-recs import FEED`"
REMEDY = "move it away, then import or run the demo again"


def path_of(home: Path) -> Path:
    """Where the file lies under LINER_HOME."""
    return home / "podcast_recs" / "podcasts.sqlite"


def forget(path: Path, user: int) -> int:
    """`Store.forget` by a connection of its own, which a service that has the file open notices; NotFound when there is none."""
    if not path.exists():
        raise NotFound(f"{path}: {NONE_YET}")
    with closing(Store(path)) as store:
        return store.forget(user)


class Store:
    """One open file; every write is one transaction."""

    def __init__(self, path: Path) -> None:
        """path: made when it is not there."""
        self.path = path
        self._db = connect(path)
        with explained(path, REMEDY):
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            self._db.executescript(SCHEMA)
        self._version = self._data_version()

    def changed(self) -> bool:
        """Whether another connection, `import`'s say, has written since this one was opened."""
        return self._data_version() != self._version

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(self.path, REMEDY), transaction(self._db) as db:
            yield db

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def put_catalogue(self, catalogue: Catalogue) -> None:
        """Write a whole catalogue; ids that are there are replaced."""
        show_rows = zip(
            range(len(catalogue.kind)),
            (catalogue.languages[code] for code in catalogue.language.tolist()),
            catalogue.kind.tolist(),
            catalogue.show_titles,
            catalogue.show_descriptions,
            strict=True,
        )
        columns = (catalogue.show, catalogue.number, catalogue.published, catalogue.duration, catalogue.explicit)
        episode_rows = zip(
            range(len(catalogue.show)),
            *(column.tolist() for column in columns),
            catalogue.titles,
            catalogue.descriptions,
            strict=True,
        )
        with self._writing() as db:
            db.executemany("INSERT OR REPLACE INTO shows VALUES (?, ?, ?, ?, ?, NULL)", show_rows)
            db.executemany("INSERT OR REPLACE INTO episodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, 1)", episode_rows)

    def catalogue(self) -> Catalogue:
        """The whole catalogue, rows in the order of ids; NotFound while there is none."""
        shows = self._db.execute("SELECT language, kind, title, description FROM shows ORDER BY show").fetchall()
        episodes = self._db.execute(
            "SELECT show, number, published, duration, explicit, title, description FROM episodes ORDER BY episode"
        ).fetchall()
        if not shows or not episodes:
            raise NotFound(f"{self.path}: {NONE_YET}")
        languages = tuple(sorted({row[0] for row in shows}))
        show, number, published, duration, explicit, titles, descriptions = zip(*episodes, strict=True)
        return Catalogue(
            show=np.array(show, np.int32),
            number=np.array(number, np.int32),
            published=np.array(published, np.int64),
            duration=np.array(duration, np.int32),
            explicit=np.array(explicit, bool),
            language=np.array([languages.index(row[0]) for row in shows], np.int16),
            kind=np.array([row[1] for row in shows], np.int8),
            languages=languages,
            titles=list(titles),
            descriptions=list(descriptions),
            show_titles=[row[2] for row in shows],
            show_descriptions=[row[3] for row in shows],
        )

    def dead(self) -> list[int]:
        """Episodes that were taken down."""
        return [row[0] for row in self._db.execute("SELECT episode FROM episodes WHERE NOT alive ORDER BY episode")]

    def add_episode(self, *row: Any) -> None:
        """Write an episode before the library takes it in: id, show, number, published, duration, explicit, title, description."""
        with self._writing() as db:
            db.execute("INSERT INTO episodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, 1)", row)

    def add_feed(self, feed: str, title: str, description: str, language: str, kind: int, items: Sequence[Any]) -> int:
        """Add a show and those of its items whose guid is new, oldest first; how many were new. An item's date never moves;
        its number does when older ones come after it.
        """
        with self._writing() as db:
            row = db.execute("SELECT show FROM shows WHERE feed = ?", (feed,)).fetchone()
            show = row[0] if row else db.execute("SELECT coalesce(max(show) + 1, 0) FROM shows").fetchone()[0]
            db.execute(
                "INSERT OR REPLACE INTO shows VALUES (?, ?, ?, ?, ?, ?)",
                (show, language, kind, title, description, feed),
            )
            guids = "SELECT coalesce(guid, episode) FROM episodes WHERE show = ?"
            known = {guid for (guid,) in db.execute(guids, (show,))}
            episode = db.execute("SELECT coalesce(max(episode) + 1, 0) FROM episodes").fetchone()[0]
            new = sorted((item for item in reversed(items) if item.guid not in known), key=lambda item: item.published)
            for at, item in enumerate(new, episode):
                values = (item.published, item.duration_ms, item.explicit, item.title, item.description, item.guid)
                db.execute("INSERT INTO episodes VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, 1)", (at, show, *values))
            earlier = "(e.published, e.episode) < (episodes.published, episodes.episode)"
            count = f"(SELECT count(*) FROM episodes e WHERE e.show = episodes.show AND {earlier})"
            db.execute(f"UPDATE episodes SET number = {count} WHERE show = ?", (show,))
        return len(new)

    def take_down(self, episode: int) -> None:
        """Remember that an episode is gone."""
        with self._writing() as db:
            db.execute("UPDATE episodes SET alive = 0 WHERE episode = ?", (episode,))

    def put_listeners(self, profiles: Iterable[tuple[int, tuple[str, ...], bool]]) -> None:
        """(user, languages, minor) of listeners."""
        with self._writing() as db:
            rows = ((user, " ".join(languages), minor) for user, languages, minor in profiles)
            db.executemany("INSERT OR REPLACE INTO listeners VALUES (?, ?, ?)", rows)

    def profile(self, user: int, catalogue: Catalogue) -> Profile:
        """A listener's profile; every language, and no minor, for whoever never said."""
        row = self._db.execute("SELECT languages, minor FROM listeners WHERE user = ?", (user,)).fetchone()
        if row is None:
            return Profile(tuple(range(len(catalogue.languages))))
        spoken = tuple(at for at, language in enumerate(catalogue.languages) if language in row[0].split())
        return Profile(spoken, bool(row[1]))

    def add_events(self, events: Iterable[Event]) -> set[int]:
        """Append events; those whose id is known stay as they were. Returns the forgotten, whose events are left out."""
        with self._writing() as db:
            gone = {row[0] for row in db.execute("SELECT user FROM forgotten")}
            kept = (event for event in events if event.user not in gone)
            db.executemany("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", kept)
        return gone

    def forget(self, user: int) -> int:
        """Delete a listener's factors, profile and events, and take no event of theirs from now on; how many events that
        took. A service that has the file open sees that it changed, and replays what is left.
        """
        users = self.array("user_factors")
        if users is not None and user < len(users):
            self.put_arrays({"user_factors": np.where(np.arange(len(users))[:, None] == user, 0, users)})
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO forgotten VALUES (?)", (user,))
            db.execute("DELETE FROM listeners WHERE user = ?", (user,))
            count = db.execute("DELETE FROM events WHERE user = ?", (user,)).rowcount
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def events(self) -> Iterator[Event]:
        """All events in the order of their arrival, as the state took them."""
        with closing(self._db.execute("SELECT * FROM events ORDER BY rowid")) as rows:
            yield from (Event(*row) for row in rows)

    def put_arrays(self, arrays: dict[str, Float32]) -> None:
        """Keep float32 arrays by name."""
        with self._writing() as db:
            for name, array in arrays.items():
                shape = " ".join(map(str, array.shape))
                value = np.ascontiguousarray(array, np.float32).tobytes()
                db.execute("INSERT OR REPLACE INTO arrays VALUES (?, 'float32', ?, ?)", (name, shape, value))

    def array(self, name: str) -> Float32 | None:
        """An array by name; None when there is none."""
        row = self._db.execute("SELECT shape, value FROM arrays WHERE name = ?", (name,)).fetchone()
        return None if row is None else np.frombuffer(row[1], np.float32).reshape([int(n) for n in row[0].split()])

    def put_fact(self, name: str, value: str) -> None:
        """Keep a text by name."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def fact(self, name: str) -> str | None:
        """A text by name; None when there is none."""
        row: Any = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])
