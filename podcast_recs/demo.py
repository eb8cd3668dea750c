"""The demo: a world is listened to for weeks, the recommender learns, an episode is published and stands in the right slates at once."""

from time import perf_counter
from typing import Any

import numpy as np

from podcast_recs.ablate import popular
from podcast_recs.evaluate import by_user, judge
from podcast_recs.moment import Request
from podcast_recs.records import Ints, What
from podcast_recs.serving import Serving, save
from podcast_recs.setting import Setting, make_setting
from podcast_recs.store import path_of
from podcast_recs.world import events_of
from shared.output import print_json, print_next, short, size_of
from shared.settings import Settings
from shared.world.podcast_topics import LANGUAGES, NAMES, episode_text, topic_words

JUDGED = {"tiny": 20, "small": 60, "medium": 100}
WATCHED = 40
INTENTS = ("on the way", "to learn", "to relax")


def demo(size: str, seed: int, as_json: bool) -> None:
    """Run it and print it."""
    began = perf_counter()
    setting = make_setting(size, seed)
    if not as_json:
        print_world(setting)
    quality = quality_of(setting, JUDGED[size])
    path = path_of(Settings().home)
    said = [setting.profile(user) for user in range(len(setting.audience.listeners.language))]
    profiles = [(user, tuple(LANGUAGES[at] for at in own.languages), own.minor) for user, own in enumerate(said)]
    save(path, setting.recommender, setting.encoder, list(events_of(setting.audience)), profiles)
    serving = Serving(path)
    slates = [slate_of(serving, user, intent) for intent, user in enumerate(serving.listeners_with_plays(3))]
    news = publish_one(serving)
    found: dict[str, Any] = {
        "quality": quality,
        "slates": slates,
        "published": news,
        "seconds": round(perf_counter() - began, 1),
    }
    if as_json:
        print_json(found)
        return
    print_found(found)
    print(f"\nstore   {short(path)}  ({size_of(path)}); whole demo {found['seconds']} s")
    print_next("liner podcast-recs capacity --listeners 1e8", "liner console", "podcast_recs/README.md")


def quality_of(setting: Setting, count: int) -> dict[str, float]:
    """Share of the best possible slates' worth that the recommender and popularity reach on later sessions."""
    recommender = setting.recommender

    def ours(request: Request) -> Ints:
        return np.array([slot.episode for slot in recommender.slate(request, 10)], np.int64)

    def most_started(request: Request) -> Ints:
        return popular(recommender.library, recommender.state, request)

    chosen = setting.test_sessions(count)
    worths = judge(setting.audience, recommender, {"ours": ours, "popularity": most_started}, chosen)
    users = np.array([session.request.user for session in chosen])
    best = float(by_user(users, worths["oracle"]).mean())
    return {name: round(float(by_user(users, worths[name]).mean()) / best, 3) for name in ("ours", "popularity")}


def slate_of(serving: Serving, user: int, intent: int) -> dict[str, Any]:
    """A slate as a page shows it."""
    known = serving.recommender.library.catalogue
    slots = serving.slate(user, intent, 0, 8, serving.now)
    return {
        "user": user,
        "intent": INTENTS[intent],
        "slots": [
            {
                "title": known.titles[slot.episode],
                "show": known.show_titles[int(known.show[slot.episode])],
                "reason": slot.reason,
            }
            for slot in slots
        ],
    }


def publish_one(serving: Serving) -> dict[str, Any]:
    """Publish an episode of the most followed show that is heard newest first; look who finds it in a slate, take it down, look again."""
    state, library = serving.recommender.state, serving.recommender.library
    known = library.catalogue
    shows = np.arange(len(state.followers))
    newest_first = ~state.oldest_first(shows)  # of the others a listener first gets what they have not heard
    show = int(np.lexsort((shows, -state.followers * newest_first))[0])
    language = known.languages[int(known.language[show])]
    named = set(known.show_titles[show].lower().split())
    topic = next((at for at in range(len(NAMES)) if named & {word.lower() for word in topic_words(language, at)}), 0)
    text = episode_text(1, len(known.show), language, topic, topic, int(known.number[library.of_show[show][-1]]) + 2)
    followers = [user for user, own in sorted(state.listeners.items()) if show in own.follows][:WATCHED]
    others = [user for user in serving.listeners_with_plays(10**6) if user not in set(followers)][:WATCHED]
    began = perf_counter()
    episode = serving.publish(show, serving.now + 1, 30 * 60_000, text.title, text.description)
    published = perf_counter() - began
    shown_to = [user for user in followers if holds(serving, user, episode)]
    first = perf_counter() - began
    shown_to_others = sum(holds(serving, user, episode) for user in others)
    serving.take_down(episode)
    return {
        "title": text.title,
        "show": known.show_titles[show],
        "publish_ms": round(published * 1000, 1),
        "followers": len(followers),
        "in_followers_slates": len(shown_to),
        "all_asked_s": round(first, 2),
        "others": len(others),
        "in_others_slates": int(shown_to_others),
        "after_take_down": int(sum(holds(serving, user, episode) for user in followers)),
    }


def holds(serving: Serving, user: int, episode: int) -> bool:
    """Whether a listener's next slate holds an episode."""
    return any(slot.episode == episode for slot in serving.slate(user, 0, 0, 10, serving.now))


def print_world(setting: Setting) -> None:
    """What there is to learn from."""
    audience, log = setting.audience, setting.audience.log
    starts = int((log.what == What.STARTED).sum())
    print(
        f"{len(audience.shows.language):,} shows, {len(audience.episodes.show):,} episodes, "
        f"{len(audience.listeners.language):,} listeners; "
        f"{int((log.what == What.SHOWN).sum()):,} impressions, {starts:,} starts"
    )
    print(f"ranker learned from {len(setting.examples.slates):,} slates, each described before its outcome")


def print_found(found: dict[str, Any]) -> None:
    """Slates with their reasons, the new episode, the quality."""
    for slate in found["slates"]:
        print(f"\nListener {slate['user']}, {slate['intent']}")
        for rank, slot in enumerate(slate["slots"], 1):
            print(f"  {rank:>2}. {slot['title'][:34]:<34}  {slot['show'][:26]:<26}  {slot['reason']}")
    news = found["published"]
    print(f"\nPublished «{news['title']}» in {news['show']}: findable after {news['publish_ms']} ms")
    print(
        f"  in the next slate of {news['in_followers_slates']} of {news['followers']} followers ({news['all_asked_s']} s for all of them)"
    )
    print(
        f"  and of {news['in_others_slates']} of {news['others']} others; taken down: in {news['after_take_down']} slates"
    )
    quality = found["quality"]
    print(
        f"\nShare of the best possible slates' worth: ours {quality['ours']:.1%}, popularity {quality['popularity']:.1%}"
    )
