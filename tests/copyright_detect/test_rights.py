"""The decision: an obvious oracle beside it, and one case for each word of the rule."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copyright_detect.records import Match
from copyright_detect.rights import ELSEWHERE, STRICTNESS, WORLD, Claim, Rights, action_of, decide

DAY = date(2026, 11, 23)


def claim(row=2, reference="a.flac", owner="N", inside=(WORLD,), outside=(), begin=date.min, end=date.max, action="block",
          minimum_ms=0, show=""):  # fmt: skip
    return Claim(row, reference, owner, frozenset(inside), frozenset(outside), begin, end, action, minimum_ms, show)


def match(reference="a.flac", start_s=10.0, end_s=20.0):
    return Match(reference, start_s, end_s, 0.0, end_s - start_s, 40.0, 1e-6, 1.0)


def actions(claims, matches=None, show="s", day=DAY):
    matches = [match()] if matches is None else matches
    found = decide(matches, Rights(tuple(claims), "v1"), show, day)
    return {(each.reference, each.territory): each.action for each in found}


CLAIMS = st.lists(
    st.builds(
        claim,
        row=st.integers(2, 9),
        owner=st.sampled_from("NEX"),
        inside=st.sets(st.sampled_from(["DE", "FR", WORLD]), min_size=1),
        outside=st.sets(st.sampled_from(["US", "FR"])),
        begin=st.sampled_from([date.min, DAY, DAY + timedelta(1)]),
        end=st.sampled_from([date.max, DAY, DAY - timedelta(1)]),
        action=st.sampled_from(["block", "monetise", "track", "allow"]),
        minimum_ms=st.sampled_from([0, 9_999, 10_000, 10_001]),
        show=st.sampled_from(["s", "t"]),
    ),
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(claims=CLAIMS, order=st.randoms(use_true_random=False))
def test_the_oracle_agrees_and_the_order_of_rows_does_not_matter(claims, order):
    found = actions(claims)
    for (_, territory), action in found.items():
        speaking = [
            c.action
            for c in claims
            if c.action != "allow"
            and (territory in c.territories or (WORLD in c.territories and territory not in c.excluded))
            and c.valid_from <= DAY <= c.valid_until
            and c.minimum_ms <= 10_000
            and not any(
                a.action == "allow" and a.owner == c.owner and a.show == "s" and a.covers(territory, DAY)
                for a in claims
            )
        ]
        assert action == max(speaking, key=["none", "track", "monetise", "block"].index, default="none")
    claims = [each._replace(row=row) for row, each in enumerate(claims, 2)]
    shuffled = list(claims)
    order.shuffle(shuffled)
    first, second = (decide([match()], Rights(tuple(each), "v1"), "s", DAY) for each in (claims, shuffled))
    assert first == second


def test_territories_world_and_exceptions():
    claims = [claim(inside=["DE"]), claim(inside=[WORLD], outside=["US"], action="track")]
    found = actions(claims)
    assert found == {("a.flac", "DE"): "block", ("a.flac", "US"): "none", ("a.flac", ELSEWHERE): "track"}


@pytest.mark.parametrize(("day", "action"), [(-1, "none"), (0, "block"), (5, "block"), (6, "none")])
def test_both_dates_belong_to_the_term(day, action):
    term = claim(begin=DAY, end=DAY + timedelta(5))
    assert actions([term], day=DAY + timedelta(day)) == {("a.flac", ELSEWHERE): action}


def test_seconds_are_summed_over_the_spans_of_a_reference():
    rule = claim(minimum_ms=12_000)
    assert actions([rule]) == {("a.flac", ELSEWHERE): "none"}
    pieces = [match(), match(start_s=40.0, end_s=42.0)]
    assert actions([rule], pieces) == {("a.flac", ELSEWHERE): "block"}
    assert actions([rule], [match(), match("b.flac")])["a.flac", ELSEWHERE] == "none"


def test_a_second_in_two_matches_is_one_second():
    """As when a song is indexed again while it plays: the match of the new copy reaches back over that of the old one."""
    twice = [match(start_s=0.0, end_s=8.0), match(start_s=0.0, end_s=7.0), match(start_s=5.0, end_s=9.0)]
    assert actions([claim(minimum_ms=9_001)], twice) == {("a.flac", ELSEWHERE): "none"}
    assert actions([claim(minimum_ms=9_000)], twice) == {("a.flac", ELSEWHERE): "block"}


def test_a_licence_silences_its_owner_for_its_show_until_it_expires():
    claims = [claim(owner="N"), claim(owner="E", action="track"), claim(owner="N", action="allow", show="s", end=DAY)]
    assert actions(claims) == {("a.flac", ELSEWHERE): "track"}  # E never licensed anything
    assert actions(claims, show="other") == {("a.flac", ELSEWHERE): "block"}
    assert actions(claims, day=DAY + timedelta(1)) == {("a.flac", ELSEWHERE): "block"}


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_licences_the_one_that_ends_last_is_named(turn):
    licences = [claim(row, action="allow", show="s", end=DAY + timedelta(row)) for row in (3, 4)][::turn]
    (found,) = decide([match()], Rights((claim(), *licences)), "s", DAY)
    assert f"licensed this show until {DAY + timedelta(4)} (row 4)" in found.because


def test_equal_claims_go_to_the_earlier_then_to_the_first_name():
    early, late = claim(2, owner="Z", begin=date(2020, 1, 1)), claim(3, owner="A", begin=date(2021, 1, 1))
    (found,) = decide([match()], Rights((late, early)), "s", DAY)
    assert found.owner == "Z"
    (found,) = decide([match()], Rights((late, early._replace(valid_from=late.valid_from))), "s", DAY)
    assert found.owner == "A"


def test_the_audit_line_says_who_what_where_when_and_why():
    claims = (claim(2, minimum_ms=5_000), claim(3, owner="E", action="track"), claim(4, owner="X", minimum_ms=60_000))
    (found,) = decide([match()], Rights(claims, "v1"), "s", DAY)
    assert found.because == (
        "block in elsewhere on 2026-11-23: 10.0 s heard in 1 span; N asks block from 5.0 s (row 2); "
        "over track by E (row 3); X asks block from 60.0 s (row 4), not reached; rights v1"
    )


def test_names_are_the_same_with_composed_and_decomposed_accents():
    assert (
        actions([claim(reference="cafe\u0301.flac")], [match("caf\u00e9.flac")])["caf\u00e9.flac", ELSEWHERE] == "block"
    )


def test_claims_on_what_is_not_indexed_are_named():
    rights = Rights((claim(2, "cafe\u0301.flac"), claim(7, "b.flac")))
    assert rights.unknown(["caf\u00e9.flac", "c.flac"]) == [(7, "reference: 'b.flac' is not in the index")]


def test_without_rights_every_match_is_listed_with_none():
    decisions = decide([match(), match("b.flac")], Rights(), "s", DAY)
    assert [(d.reference, d.action) for d in decisions] == [("a.flac", "none"), ("b.flac", "none")]
    assert action_of(decisions, "a.flac") == action_of(decisions, "c.flac") == "none"


def test_the_action_of_a_reference_is_the_strictest_anywhere():
    decisions = decide([match()], Rights((claim(inside=["DE"]), claim(inside=["FR"], action="track"))), "s", DAY)
    assert action_of(decisions, "a.flac") == "block"
    assert STRICTNESS["block"] > STRICTNESS["monetise"] > STRICTNESS["track"] > STRICTNESS["none"]
