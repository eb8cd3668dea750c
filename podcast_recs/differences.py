"""How podcasts differ from music, each difference a switch: the same code with one of them off says what it is worth."""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Differences:
    """All on is the podcast recommender; all off recommends episodes as if they were songs."""

    no_repeats: bool = True  # an episode is heard once; a song a hundred times
    freshness: bool = True  # news are old tomorrow; a song is not
    resume: bool = True  # an hour is heard in parts
    serial_order: bool = True  # the second part after the first
    completion: bool = True  # an hour is a commitment: a start means little, a finish much
    subscriptions: bool = True  # listeners follow shows and come back
    text: bool = True  # what is said is known before anybody listened
    show_level: bool = True  # taste is for shows, choice is of episodes
    intent: bool = True  # on the way, to learn, to relax; and the time one has
    exploration: bool = True  # most episodes are new and have no plays


NAMES = tuple(field.name for field in fields(Differences))


def without(name: str) -> Differences:
    """All but one."""
    return replace(Differences(), **{name: False})


AS_MUSIC = Differences(**dict.fromkeys(NAMES, False))
