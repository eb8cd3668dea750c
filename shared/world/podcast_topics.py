"""What podcasts talk about: sixteen topics with words of their own, and texts of shows and episodes made from them.

A text carries its hidden topic as real ones do: some words of the topic, a name that comes back, and much that every
description has. In other languages than English the words of a topic are a fixed share of the language's word bank.
"""

from typing import NamedTuple

import numpy as np

from shared.world.rng import generator
from shared.world.words import BANKS

TOPICS = {
    "space": "rocket orbit astronomer telescope galaxy planet moon asteroid satellite cosmos launch mars gravity comet",
    "crime": "detective murder trial suspect evidence police cold-case victim confession jury alibi forensic heist witness",
    "history": "empire medieval war king revolution ancient dynasty archive treaty battle century monarch ruins colony",
    "politics": "election senate parliament minister campaign vote policy coalition scandal budget debate party reform law",
    "economy": "inflation market bank investor stocks currency trade recession startup pension tax bond crypto wages",
    "technology": "software chip robot algorithm startup encryption cloud privacy developer database hacker browser coding network",
    "health": "sleep nutrition doctor vaccine exercise anxiety therapy diet heart medicine hormone stress ageing immune",
    "comedy": "joke standup sketch laugh improv roast awkward prank punchline comedian absurd banter silly tour",
    "football": "goalkeeper striker league transfer coach penalty derby midfield stadium referee season cup offside defender",
    "running": "marathon trail pace training ultra shoes injury interval recovery endurance cycling triathlon altitude race",
    "food": "recipe chef bread wine kitchen spice restaurant dessert fermentation coffee harvest flavour vegan baking",
    "parenting": "toddler baby school teenager pregnancy bedtime family homework sibling daycare tantrum adoption chores playground",
    "books": "novel author poem library publisher chapter memoir translation plot essay bookshop fiction character writer",
    "music": "album guitar producer tour drummer vinyl melody studio concert songwriter jazz orchestra festival chorus",
    "nature": "forest whale climate bird river glacier insect ocean volcano wolf soil coral garden migration",
    "travel": "passport island train hostel border desert backpack ferry temple village customs airport itinerary coast",
}
NAMES = tuple(TOPICS)
WORDS = [words.split() for words in TOPICS.values()]
LANGUAGES = ("en", "es", "de", "sv")
_GENERAL = """people story world question idea life year week moment answer reason problem future change work place night friend
conversation truth mistake lesson secret beginning surprise choice"""
GENERAL = _GENERAL.split()
COMMON = {
    "en": (
        "In this episode",
        "talks about",
        "Subscribe wherever you listen. Support the show, and thanks to our sponsors.",
    ),
    "es": ("En este episodio", "habla de", "Suscríbete donde quieras. Gracias a quienes apoyan el programa."),
    "de": ("In dieser Folge", "spricht über", "Abonniert uns überall. Danke an alle, die uns unterstützen."),
    "sv": ("I det här avsnittet", "pratar om", "Prenumerera där du lyssnar. Tack till alla som stöder podden."),
}


class Text(NamedTuple):
    """A title and a description."""

    title: str
    description: str


def topic_words(language: str, topic: int) -> list[str]:
    """The words by which a topic is known in a language."""
    if language == "en":
        return WORDS[topic]
    words = BANKS[language].words
    return [words[(topic + step * len(TOPICS)) % len(words)] for step in range(3)] + [
        f"{words[topic % len(words)]}-{words[(topic * 5 + 3) % len(words)]}".lower()
    ]


def show_text(seed: int, show: int, language: str, topic: int, second: int) -> Text:
    """Title and blurb of a show: its host, its topics, what it promises."""
    rng = generator(seed, f"podcasts/show text/{show}")
    bank, own, other = BANKS[language], topic_words(language, topic), topic_words(language, second)
    host = _host(rng, language)
    first, *rest = rng.permutation(own).tolist()
    title = f"{bank.the} {first} {bank.words[int(rng.integers(len(bank.words)))]}".strip().title()
    common = COMMON[language]
    return Text(title, f"{host} {common[1]} {', '.join([first, *rest[:4], str(rng.choice(other))])}. {common[2]}")


def episode_text(seed: int, episode: int, language: str, topic: int, second: int, number: int) -> Text:
    """Title and description of an episode: about six words of its topic, two of its second, a guest, and what all of them say."""
    rng = generator(seed, f"podcasts/episode text/{episode}")
    own = rng.permutation(topic_words(language, topic)).tolist()
    other = rng.permutation(topic_words(language, second)).tolist()
    general = rng.permutation(GENERAL if language == "en" else BANKS[language].words).tolist()
    opening, verb, closing = COMMON[language]
    title = f"{own[0]} & {general[0]}".title()
    told = f"{opening}, {_host(rng, language)} {verb} {own[0]}, {own[1]}, {general[1]} & {own[2]}."
    more = f"{' '.join(general[2:5])} {' '.join(own[3:6])} {' '.join(other[:2])}."
    return Text(title if rng.integers(2) else f"{number}. {title}", f"{told} {more.capitalize()} {closing}")


def transcript(seed: int, episode: int, language: str, topic: int, second: int, words: int) -> str:
    """What is said in an episode: `words` words, of the topic two in ten, of the second topic in one stretch of its own."""
    rng = generator(seed, f"podcasts/transcript/{episode}")
    general = GENERAL if language == "en" else [word.lower() for word in BANKS[language].words]
    spoken = rng.choice(general, words)
    spoken = np.where(rng.random(words) < 0.2, rng.choice(topic_words(language, topic), words), spoken)
    start = int(rng.integers(0, max(1, words - words // 5)))
    aside = np.arange(words)
    inside = (aside >= start) & (aside < start + words // 5) & (rng.random(words) < 0.5)
    spoken = np.where(inside, rng.choice(topic_words(language, second), words), spoken)
    return " ".join(spoken.tolist())


def _host(rng: np.random.Generator, language: str) -> str:
    bank = BANKS[language]
    return f"{rng.choice(bank.given)} {rng.choice(bank.heads)}{rng.choice(bank.tails)}"
