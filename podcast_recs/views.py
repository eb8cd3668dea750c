"""Slates, shows and episodes as JSON, for the service, the page and `--json`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from podcast_recs.records import Kind, Slot, Source
from podcast_recs.serving import Serving
from shared.clock import from_ms

SHOWN_TEXT = 400


def episode_view(serving: Serving, episode: int) -> dict[str, Any]:
    """An episode for a person."""
    known = serving.recommender.library.catalogue
    show = int(known.show[episode])
    return {
        "episode": episode,
        "title": known.titles[episode],
        "description": known.descriptions[episode][:SHOWN_TEXT],
        "show_id": show,
        "show": known.show_titles[show],
        "kind": Kind(int(known.kind[show])).name.lower(),
        "language": known.languages[int(known.language[show])],
        "number": int(known.number[episode]) + 1,
        "published": from_ms(int(known.published[episode])).isoformat(),
        "minutes": round(int(known.duration[episode]) / 60_000),
        "explicit": bool(known.explicit[episode]),
    }


def slate_view(serving: Serving, user: int, slots: Sequence[Slot]) -> dict[str, Any]:
    """A slate with the reason of each slot."""
    return {
        "user": user,
        "slots": [
            episode_view(serving, slot.episode)
            | {
                "rank": rank,
                "reason": slot.reason,
                "source": Source(slot.source).name.lower(),
                "propensity": float(f"{slot.propensity:.4g}"),
            }
            for rank, slot in enumerate(slots, 1)
        ],
    }


def show_view(serving: Serving, show: int) -> dict[str, Any]:
    """A show with its episodes, the newest first."""
    library, state = serving.recommender.library, serving.recommender.state
    known = library.catalogue
    alive = [episode for episode in reversed(library.of_show[show]) if library.alive[episode]]
    return {
        "show_id": show,
        "title": known.show_titles[show],
        "description": known.show_descriptions[show],
        "kind": Kind(int(known.kind[show])).name.lower(),
        "followers": int(state.followers[show]),
        "oldest_first": bool(state.oldest_first(np.array([show]))[0]),
        "episodes": [episode_view(serving, episode) for episode in alive[:50]],
    }
