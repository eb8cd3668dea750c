"""Feeds with everything that feeds get wrong: what can be used is, the rest is counted, and nothing is half imported."""

import json

import pytest

from podcast_recs.feeds import import_feeds, plain, read_feed
from podcast_recs.records import Kind
from podcast_recs.store import Store
from shared.cli import main
from shared.clock import DEMO_NOW
from shared.errors import BadInput

HEAD = '<?xml version="1.0" encoding="UTF-8"?><rss xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>'


def item(title="One", guid="g1", date="Mon, 02 Nov 2026 06:00:00 GMT", duration="1800", more=""):
    return (
        f"<item><title>{title}</title><guid>{guid}</guid><pubDate>{date}</pubDate>"
        f"<itunes:duration>{duration}</itunes:duration><description>About whales</description>{more}</item>"
    )


@pytest.fixture
def feed(tmp_path):
    def write(*items, name="show.xml", head="<title>Deep Sea</title><language>en-us</language>"):
        path = tmp_path / name
        path.write_text(f"{HEAD}{head}{''.join(items)}</channel></rss>")
        return path

    return write


def test_a_feed_becomes_a_show_with_its_episodes_oldest_first(feed, tmp_path):
    path = feed(item("Two", "g2", "Mon, 09 Nov 2026 06:00:00 GMT", "1:02:03"), item("One", "g1", duration="62:03"))
    report = import_feeds(tmp_path / "p.sqlite", [str(path)], DEMO_NOW)
    assert (report["shows"], report["episodes"], report["rejected"]) == (1, 2, {})
    store = Store(tmp_path / "p.sqlite")
    known = store.catalogue()
    store.close()
    assert known.titles == ["One", "Two"]
    assert known.duration.tolist() == [3_723_000, 3_723_000]
    assert known.languages == ("en",)


def test_files_of_one_name_in_two_folders_are_two_shows(feed, tmp_path):
    (tmp_path / "b").mkdir()
    paths = [str(feed(item())), str(feed(item(), name="b/show.xml"))]
    import_feeds(tmp_path / "p.sqlite", paths, DEMO_NOW)
    store = Store(tmp_path / "p.sqlite")
    assert len(store.catalogue().show_titles) == 2
    store.close()


def test_a_repost_under_its_guid_is_known_whatever_its_new_date(feed, tmp_path):
    import_feeds(tmp_path / "p.sqlite", [str(feed(item()))], DEMO_NOW)
    again = import_feeds(
        tmp_path / "p.sqlite", [str(feed(item(date="Sun, 22 Nov 2026 06:00:00 GMT"), item("Two", "g2")))], DEMO_NOW
    )
    assert (again["episodes"], again["known"]) == (1, 1)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (item(title=""), "no title"),
        (item(title="<![CDATA[<b> </b>]]>"), "no title"),
        (item(date="Mon, 01 Jan 2035 00:00:00 GMT"), "published in the future"),
        (item(duration="999999"), "longer than a day"),
        (item(more="<itunes:episodeType>trailer</itunes:episodeType>"), "trailer or bonus"),
        (item() + item(), "guid stands twice in the feed"),
    ],
)
def test_an_unusable_item_is_left_out_with_its_reason(feed, broken, reason):
    found = read_feed(feed(broken, item("Good", "good")), DEMO_NOW)
    assert "Good" in [each.title for each in found.items]
    assert found.rejected == {reason: 1}


@pytest.mark.parametrize(
    "date", ["", "yesterday", "99 Foo 2026", "Mon, 02 Nov 1926 06:00:00 GMT", "Mon, 01 Jan 99999999999 00:00:00 GMT"]
)
def test_a_date_that_cannot_be_read_makes_an_old_episode_never_a_new_one(feed, date):
    assert read_feed(feed(item(date=date)), DEMO_NOW).items[0].published == 0


def test_without_guids_episodes_are_told_apart_by_their_sound_or_their_date(feed):
    days = [item("Daily", "", f"{day:02} Nov 2026 06:00:00 GMT") for day in (1, 2)]
    sounds = [item("Daily", "", more=f'<enclosure url="{name}.mp3"/>') for name in "ab"]
    assert len(read_feed(feed(*days), DEMO_NOW).items) == len(read_feed(feed(*sounds), DEMO_NOW).items) == 2


def test_an_explicit_show_has_explicit_episodes_unless_they_say_otherwise(feed):
    items = [item("a", "a"), item("b", "b", more="<itunes:explicit>no</itunes:explicit>")]
    found = read_feed(feed(*items, head="<itunes:explicit>yes</itunes:explicit>"), DEMO_NOW)
    assert {each.title: each.explicit for each in found.items} == {"a": True, "b": False}


@pytest.mark.parametrize("duration", ["", "abc", "-5", "1:2:3:4", "١٢", "0:          :0"])
def test_a_length_that_cannot_be_read_is_half_an_hour(feed, duration):
    assert read_feed(feed(item(duration=duration)), DEMO_NOW).items[0].duration_ms == 30 * 60_000


def test_kinds_are_taken_from_the_feed_or_its_cadence(feed):
    daily = [item(f"{day}", f"g{day}", f"{day:02} Nov 2026 06:00:00 GMT") for day in range(1, 9)]
    weekly = [item(f"{day}", f"g{day}", f"{day:02} Nov 2026 06:00:00 GMT") for day in (1, 8, 15)]
    assert read_feed(feed(*daily), DEMO_NOW).kind == Kind.NEWS
    assert read_feed(feed(*weekly), DEMO_NOW).kind == Kind.EVERGREEN
    assert read_feed(feed(*daily, head="<itunes:type>serial</itunes:type>"), DEMO_NOW).kind == Kind.SERIAL


def test_markup_and_entities_become_text():
    assert plain("<p>Salt &amp;amp; <a href='x'>sea</a></p>\n\n water") == "Salt & sea water"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "not XML"),
        ("<rss><channel>", "not XML"),
        ("<html></html>", "no <channel>"),
        (
            '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss><channel><title>&b;</title></channel></rss>',
            "declares XML entities",
        ),
    ],
)
def test_a_file_that_is_no_feed_is_one_line(tmp_path, capsys, monkeypatch, content, complaint):
    monkeypatch.setenv("LINER_HOME", str(tmp_path / "home"))
    path = tmp_path / "bad.xml"
    path.write_text(content)
    assert main(["podcast-recs", "import", str(path)]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_an_opml_list_names_feeds_beside_it(feed, tmp_path):
    feed(item())
    listing = tmp_path / "list.opml"
    listing.write_text(
        '<opml><body><outline xmlUrl="show.xml"/><outline xmlUrl="https://example.org/other.xml"/></body></opml>'
    )
    assert import_feeds(tmp_path / "p.sqlite", [str(listing)], DEMO_NOW)["shows"] == 1


def test_no_such_file():
    with pytest.raises(BadInput, match="no such file"):
        read_feed_of("/nowhere/feed.xml")


def read_feed_of(path):
    from pathlib import Path

    return read_feed(Path(path), DEMO_NOW)


def test_imported_episodes_are_found_and_recommended(feed, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LINER_HOME", str(tmp_path / "home"))
    words = ["whales", "volcano", "sourdough", "marathon"]
    path = feed(
        *(
            item(f"All about {word}", f"g{n}", more=f"<itunes:summary>{word}</itunes:summary>")
            for n, word in enumerate(words)
        )
    )
    assert main(["podcast-recs", "import", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == 4
    assert main(["podcast-recs", "search", "sourdough", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"][0]["title"] == "All about sourdough"
    assert main(["podcast-recs", "recommend", "7", "--json"]) == 0
    slots = json.loads(capsys.readouterr().out)["slots"]
    assert len(slots) == 1  # one show, one episode of it
    assert slots[0]["reason"]


def test_numbers_are_by_date_whatever_came_first(feed, tmp_path):
    import_feeds(tmp_path / "p.sqlite", [str(feed(*(item(guid=f"g{n}") for n in range(3))))], DEMO_NOW)
    store = Store(tmp_path / "p.sqlite")
    for n in (3, 4):
        store.add_episode(n, 0, n, DEMO_NOW, 60_000, False, "By hand", "")
    import_feeds(tmp_path / "p.sqlite", [str(feed(*(item(guid=f"g{n}") for n in range(4))))], DEMO_NOW)
    assert store.catalogue().number.tolist() == [0, 1, 2, 4, 5, 3]
    store.close()
