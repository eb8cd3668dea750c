"""The checker: silent on sound runs, loud on every planted bug; and the search, which shares nothing with it, says the same."""

import pytest

from jam_recs import records as r
from tests.jam_recs.checker import Call, check, out_of_order, search
from tests.jam_recs.model import Model
from tests.jam_recs.planted import PLANTED
from tests.jam_recs.simulator import QUIET, Faults, Simulation, violations

WITHIN = 30
"""Runs within which a planted bug has to be found."""


def test_a_quiet_party_has_no_violation(tmp_path):
    run = Simulation(tmp_path, 1, faults=QUIET).run()
    assert run.violations() == []
    assert len(run.calls) == 48


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(tmp_path, bug):
    found = (violations(tmp_path, seed, wishes=8, parts=PLANTED[bug]) for seed in range(WITHIN))
    assert any(found), f"{bug}: not noticed in {WITHIN} runs"


SHORT = {"members": 3, "wishes": 3, "faults": Faults(own=False, crashes=1)}


@pytest.mark.parametrize("seed", range(8))
def test_the_search_agrees_on_sound_runs(tmp_path, seed):
    run = Simulation(tmp_path, seed, **SHORT).run()
    assert run.violations() == []
    assert not run.found_by_search()


@pytest.mark.parametrize("bug", ["acknowledges before the log", "forgets answers at restart"])
def test_the_search_finds_bugs_by_itself(tmp_path, bug):
    runs = (Simulation(tmp_path, seed, **SHORT, parts=PLANTED[bug]).run() for seed in range(WITHIN))
    assert any(run.found_by_search() for run in runs)


def vote(member, seq, called, returned, version, vote=1):
    return Call(r.Op("party", 1, member, seq, 0, r.Vote(1, vote)), called, returned, [(version, "")])


@pytest.fixture
def start():
    model = Model()
    model.do(r.Op("party", 1, 1, 0, 0, r.Create(r.Profile("1"))))
    model.do(r.Op("party", 1, 2, 0, 0, r.Join(r.Profile("2"))))
    for seq in (1, 2):
        model.do(r.Op("party", 1, 1, seq, 0, r.Add(r.Track(seq, "t"))))
    return model


def test_real_time_is_judged_by_both(start):
    """B was called after A had returned and was given the lower version: no order explains that."""
    later_first = [
        Call(r.Op("party", 1, 1, 9, 0, r.Vote(2, 1)), 1, 2, [(6, "")]),
        Call(r.Op("party", 1, 2, 1, 0, r.Vote(2, 1)), 3, 4, [(5, "")]),
    ]
    assert search(later_first, start) is False
    assert out_of_order(later_first, {(1, 9): (6, (6, "")), (2, 1): (5, (5, ""))})
    at_once = [later_first[0], Call(later_first[1].op, 1, 4, [(5, "")])]
    assert search(at_once, start) is True
    assert not out_of_order(at_once, {(1, 9): (6, (6, "")), (2, 1): (5, (5, ""))})


def test_an_unanswered_call_may_have_happened_or_not(start):
    unanswered = Call(r.Op("party", 1, 1, 9, 0, r.Vote(2, 1)), 1)
    for version in (5, 6):
        assert search([unanswered, Call(r.Op("party", 1, 2, 1, 0, r.Vote(2, 1)), 3, 4, [(version, "")])], start)
    assert not search([unanswered, Call(r.Op("party", 1, 2, 1, 0, r.Vote(2, 1)), 3, 4, [(7, "")])], start)


def test_words_of_the_checker():
    create = r.Op("party", 1, 1, 0, 0, r.Create(r.Profile("1")))
    add = r.Op("party", 1, 1, 1, 0, r.Add(r.Track(1, "t")))
    told = {(1, 1): Call(add, 1, 2, [(2, "")])}
    assert check(told, [create, add], []) == []
    assert "and lost" in check(told, [create], [])[0]
    assert "applied twice" in check(told, [create, add, add], [])[0]
    assert "told differently" in check({(1, 1): Call(add, 1, 2, [(2, ""), (3, "")])}, [create, add], [])[0]
    assert "the log leads to" in check({(1, 1): Call(add, 1, 2, [(3, "")])}, [create, add], [])[0]
    other = {(1, 1): Call(r.Op("party", 1, 1, 1, 0, r.Leave()), 1, 2, [(2, "")])}
    assert "the log holds" in check(other, [create, add], [])[0]
    assert "another room" in check({}, [create], [(1, {**Model().shown(), "version": 1})])[0]
