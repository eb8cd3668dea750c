"""The synthetic world's log in MIND's format: rows of behaviors and of news, as the real files have them."""

from podcast_recs.world import catalogue_of
from shared.clock import from_ms


def behaviors_of(audience, since):
    """The log's slates from `since` on, as rows of MIND's format: what was clicked before, what was shown and whether it was
    started.
    """
    log = audience.log
    started = {
        (u, e): at
        for u, e, w, at in zip(log.user.tolist(), log.episode.tolist(), log.what.tolist(), log.at.tolist(), strict=True)
        if w == 1
    }
    history = {}
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


def news_of(audience):
    """The episodes as rows of MIND's news file: id, category (the show's first word), show, title, description."""
    catalogue = catalogue_of(audience)
    for episode, show in enumerate(catalogue.show.tolist()):
        title = catalogue.show_titles[show]
        yield f"N{episode}\t{title.split()[0]}\t{title}\t{catalogue.titles[episode]}\t{catalogue.descriptions[episode]}\n"
