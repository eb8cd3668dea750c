"""The synthetic world's podcasts as this system reads them: a catalogue, profiles, and events in the order of time. The truth
stays behind.
"""

from collections.abc import Iterator

import numpy as np

from podcast_recs.library import Profile
from podcast_recs.records import Catalogue, Event
from shared.clock import from_ms
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


def behaviors_of(audience: Audience, since: int) -> Iterator[str]:
    """The log's slates from `since` on, as rows of MIND's format: what was clicked before, what was shown and whether it was
    started.
    """
    log = audience.log
    started = {
        (u, e): at
        for u, e, w, at in zip(log.user.tolist(), log.episode.tolist(), log.what.tolist(), log.at.tolist(), strict=True)
        if w == 1
    }
    history: dict[int, list[str]] = {}
    number, row = 0, 0
    while row < len(log.user):
        user, at = int(log.user[row]), int(log.at[row])
        if log.what[row] == 1:
            history.setdefault(user, []).append(f"N{log.episode[row]}")
        if log.what[row] != 0:
            row += 1
            continue
        end = row
        while end < len(log.user) and log.what[end] == 0 and (log.user[end], log.at[end]) == (user, at):
            end += 1
        if at >= since:
            number += 1
            shown = " ".join(f"N{e}-{int(started.get((user, e), -1) == at + 1)}" for e in log.episode[row:end].tolist())
            yield f"{number}\tU{user}\t{from_ms(at):%m/%d/%Y %I:%M:%S %p}\t{' '.join(history.get(user, []))}\t{shown}\n"
        row = end


def news_of(audience: Audience) -> Iterator[str]:
    """The episodes as rows of MIND's news file: id, category (the show's first word), show, title, description."""
    catalogue = catalogue_of(audience)
    for episode, show in enumerate(catalogue.show.tolist()):
        title = catalogue.show_titles[show]
        yield f"N{episode}\t{title.split()[0]}\t{title}\t{catalogue.titles[episode]}\t{catalogue.descriptions[episode]}\n"
