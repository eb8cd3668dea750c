"""The synthetic world's podcasts as this system reads them: a catalogue, profiles, and events in the order of time. The truth
stays behind.
"""

from collections.abc import Iterator

import numpy as np

from podcast_recs.library import Profile
from podcast_recs.records import Catalogue, Event
from shared.world.podcast_audience import Audience
from shared.world.podcast_topics import LANGUAGES, Text, episode_text, show_text


def catalogue_of(audience: Audience) -> Catalogue:
    """Shows and episodes with their texts."""
    shows, episodes = audience.shows, audience.episodes
    about_shows = [
        show_text(audience.seed, show, LANGUAGES[language], topic, second)
        for show, (language, topic, second) in enumerate(
            zip(shows.language.tolist(), shows.topic.tolist(), shows.second.tolist(), strict=True)
        )
    ]
    about = [text_of(audience, episode) for episode in range(len(episodes.show))]
    return Catalogue(
        show=episodes.show,
        number=episodes.number,
        published=episodes.published,
        duration=episodes.duration,
        explicit=shows.explicit[episodes.show],
        language=shows.language,
        kind=shows.kind,
        languages=LANGUAGES,
        titles=[text.title for text in about],
        descriptions=[text.description for text in about],
        show_titles=[text.title for text in about_shows],
        show_descriptions=[text.description for text in about_shows],
    )


def text_of(audience: Audience, episode: int) -> Text:
    """Title and description of an episode."""
    episodes, show = audience.episodes, int(audience.episodes.show[episode])
    language = LANGUAGES[int(audience.shows.language[show])]
    topic, second = int(episodes.topic[episode]), int(episodes.second[episode])
    return episode_text(audience.seed, episode, language, topic, second, int(episodes.number[episode]) + 1)


def profile_of(audience: Audience, user: int) -> Profile:
    """What a listener said when they signed up."""
    return Profile((int(audience.listeners.language[user]),), bool(audience.listeners.minor[user]))


def events_of(audience: Audience) -> Iterator[Event]:
    """The log, one event at a time; the id is the row."""
    log = audience.log
    columns = (log.user, log.episode, log.what, log.at, log.played_ms, log.position, log.propensity)
    for row, values in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        yield Event(row, *values)


def intents_of(audience: Audience) -> dict[tuple[int, int], int]:
    """Intent by (user, ms) of each slate: what a client would send with the request."""
    log = audience.log
    shown = np.flatnonzero(log.what == 0)
    keys = zip(log.user[shown].tolist(), log.at[shown].tolist(), strict=True)
    return dict(zip(keys, log.intent[shown].tolist(), strict=True))
