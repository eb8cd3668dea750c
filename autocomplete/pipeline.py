"""The way of the data, top to bottom: terms → index → gate → publish; and a keystroke the other way: index → suggestions.

The terms are anybody's (`terms.py`), or the world's artists, tracks, shows and playlists weighted by what people play. A folder is the
published index; publishing renames one manifest, and whoever serves the folder takes the new index up at the next keystroke.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from autocomplete import index
from autocomplete.folding import fold
from autocomplete.records import TERMS
from autocomplete.suggest import MOST_SUGGESTIONS, Suggester
from autocomplete.terms import read_terms
from shared.bootstrap import Engines
from shared.errors import CheckFailed
from shared.lake import Lake

GATE_NAMES = 50

PLAYS_SQL = "SELECT track_id, CAST(count(*) AS BIGINT) AS weight FROM plays GROUP BY track_id"
CHOSEN_SQL = """
SELECT title, CAST(count(*) AS BIGINT) AS weight, min(playlist_id) AS playlist_id FROM playlists GROUP BY title
"""


def world_terms(engines: Engines, world: Lake) -> pa.Table:
    """The names of a synthetic world, weighted by plays, followers and, for playlists, by how many people chose the title."""
    engine = engines.engine
    plays = engine.query(PLAYS_SQL, {"plays": world.dataset("plays")})
    lists = engine.query(CHOSEN_SQL, {"playlists": world.dataset("playlists")})
    titles = world.dataset("tracks").table(["track_id", "title", "artist_ids"])
    titles = titles.set_column(2, "artist_id", pc.list_element(titles["artist_ids"], 0))
    tracks = titles.join(plays, "track_id", join_type="inner")
    heard = tracks.group_by("artist_id").aggregate([("weight", "sum")]).rename_columns(["artist_id", "weight"])
    artists = world.dataset("artists").table(["artist_id", "name"])
    parts = (
        ("artist", artists.join(heard, "artist_id", join_type="inner")),
        ("track", tracks.select(["track_id", "title", "weight"])),
        ("show", world.dataset("shows").table(["show_id", "title", "followers"])),
        ("playlist", lists.select(["playlist_id", "title", "weight"])),
    )
    tables = []
    for kind, part in parts:
        identifier, text, weight = part.sort_by(part.column_names[0]).columns
        columns = [text, weight.cast(pa.float64()), pa.array([kind] * len(part)), identifier.cast(pa.string())]
        tables.append(pa.table(columns, schema=TERMS))
    return pa.concat_tables(tables)


def build_from_file(terms: Path, out: Path) -> index.Index:
    """Read, index, check and publish somebody's terms; what was in `out` stays until the new index is whole."""
    return publish(index.build(read_terms(terms)), out)


def publish(built: index.Index, out: Path) -> index.Index:
    """Let the gate look at an index, save it, and return it mapped."""
    check(built)
    index.save(built, out)
    return index.load(out)


def check(built: index.Index) -> None:
    """CheckFailed unless each of the heaviest names is in the longest list when it is typed whole."""
    suggester = Suggester(built)
    for term in range(min(GATE_NAMES, len(built))):
        text = built.text(term)
        found = {fold(suggestion.text) for suggestion in suggester.suggest(text, MOST_SUGGESTIONS).suggestions}
        if fold(text) not in found:
            raise CheckFailed(f"the index does not find its own {text!r}; nothing was published")
