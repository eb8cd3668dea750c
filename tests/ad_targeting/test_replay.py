"""Pacing through second-price auctions: near the knapsack on markets that moved, never overspent, and files of every kind."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ad_targeting.replay import POLICIES, Log, knapsack, replay, threshold
from ad_targeting.replay_files import MICROS, read_log, read_shares, replay_files
from shared.cli import main
from shared.errors import BadInput

DAY = 12_000


def market(seed, price=1.0, pctr=1.0, spread=0.8, count=DAY):
    """Gamma prices and log-normal scores; `price` and `pctr` are levels, numbers or one a position in the day."""
    rng = np.random.default_rng(seed)
    prices = np.minimum(300, np.round(rng.gamma(2, 35, count) * price)) + 1
    scores = np.minimum(1, 0.003 * pctr * np.exp(spread * rng.standard_normal(count)))
    return Log(rng.random(count) < scores, prices.astype(np.int64) * MICROS, scores)


def share(train, log, part, policy="resolve"):
    budget = int(log.price.sum()) // part
    result = replay(train, log, budget, policy)
    assert result.spent <= budget
    return result.value / knapsack(log, budget)[0]


TIME = np.linspace(0, 1, DAY)
MARKETS = {
    "as yesterday": {},
    "dearer": {"price": 1.6},
    "cheaper": {"price": 0.6},
    "scores halved": {"pctr": 0.5},
    "scores tripled": {"pctr": 3.0},
    "drifting up": {"price": np.exp(0.3 * TIME)},
    "a wave": {"price": np.exp(0.2 * np.sin(4 * np.pi * TIME))},
    "a jump": {"price": np.where(TIME > 0.5, 1.3, 1.0)},
}


@pytest.mark.parametrize("part", [4, 32])
@pytest.mark.parametrize("moved", MARKETS)
def test_near_the_optimum_in_a_market_that_moved(moved, part):
    assert share(market(1), market(2, **MARKETS[moved]), part) > 0.99


@pytest.mark.parametrize("part", [4, 32])
def test_yesterdays_price_breaks_where_ours_holds(part):
    train, log = market(1, spread=0.3), market(2, price=1.4, pctr=0.6, spread=0.3)
    assert share(train, log, part, "static_price") < 0.8
    assert share(train, log, part) > 0.98


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_train_log_of_five_lines_holds_nobody_back(seed):
    """Its whole prior lies in five bins; λ must not be stuck in one of them."""
    assert share(market(seed, count=5), market(2), 16) > 0.99


def test_equal_scores_are_a_matter_of_price_alone():
    assert share(market(1, spread=0.0), market(2, spread=0.0), 8) > 0.99


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.booleans(), st.integers(0, 10**9), st.floats(0, 1, allow_subnormal=False)), min_size=1, max_size=60
    ),
    part=st.integers(1, 100),
)
def test_nothing_is_overspent_and_no_bidder_beats_hindsight(policy, rows, part):
    log = Log(
        *(np.array(column, kind) for column, kind in zip(zip(*rows, strict=True), (bool, np.int64, float), strict=True))
    )
    budget = int(log.price.sum()) // part
    result = replay(log, log, budget, policy)
    assert 0 <= result.spent <= budget
    assert result.value <= knapsack(log, budget)[0] * (1 + 1e-12) + 1e-300


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), min_size=1, max_size=10), st.integers(0, 200))
def test_the_knapsack_is_that_of_all_subsets_up_to_one_auction(rows, budget):
    price, score = (np.array(column) for column in zip(*rows, strict=True))
    log = Log(np.zeros(len(rows), bool), price.astype(np.int64), score / 20)
    subsets = (np.arange(1 << len(rows))[:, None] >> np.arange(len(rows))) & 1
    best = (subsets @ log.pctr)[subsets @ price <= budget].max()
    value, _ = knapsack(log, budget)
    assert best - 1e-9 <= value <= best + log.pctr.max() + 1e-9


def test_the_threshold_leaves_exactly_the_rate():
    curve = np.array([1.0, 4.0, 0.0, 2.0])
    assert threshold(curve, 1.0) == 3.5
    assert threshold(curve, 4.0) == 1.5
    assert threshold(curve, 7.5) == 0.0


def write(path, log):
    rows = zip(log.click, log.price, log.pctr, strict=True)
    path.write_text("".join(f"{int(click)}\t{price // MICROS}\t{pctr:.6f}\t3\n" for click, price, pctr in rows))
    return str(path)


@pytest.fixture
def files(tmp_path):
    return write(tmp_path / "train.txt", market(1, count=2_000)), write(tmp_path / "log.txt", market(2, count=2_000))


def test_the_verb(files, capsys):
    assert main(["ad-targeting", "replay", "--train", files[0], "--log", files[1], "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report) == {"budgets", "policies"}
    assert list(report["budgets"]) == ["1/4", "1/8", "1/16", "1/32"]
    assert report["policies"]["resolve"]["budgets"] == report["budgets"]
    assert set(report["policies"]) == set(POLICIES)
    assert all(set(found) == {"share_of_optimum", "spent", "clicks"} for found in report["budgets"].values())
    assert all(type(found["spent"]) is int for found in report["budgets"].values())
    assert main(["ad-targeting", "replay", "--train", files[0], "--log", files[1], "--budget-share", "0.25"]) == 0
    assert "resolve" in capsys.readouterr().out


def test_commas_spaces_and_tabs_say_the_same(tmp_path):
    for name, text in (
        ("a", "0,50,0.01\n1,60,0.02\n"),
        ("b", "0 50 0.01 7\n1   60 0.02 x y\n\n"),
        ("c", "\ufeff0\t50\t0.01\r\n1\t60\t2e-2"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        log = read_log(tmp_path / name)
        assert log.click.tolist() == [False, True]
        assert log.price.tolist() == [50 * MICROS, 60 * MICROS]
        assert log.pctr.tolist() == [0.01, 0.02]


@pytest.mark.parametrize(
    "line",
    [
        "0 nan 0.1",
        "0 -5 0.1",
        "0 5 nan",
        "0 5 1.5",
        "0 5 -0.1",
        "2 5 0.1",
        "nan 5 0.1",
        "0 5",
        "0 inf 0.1",
        "a b c",
        "0 1e300 0.1",
    ],
)
def test_a_poison_line_is_left_out_and_counted(tmp_path, capsys, line):
    path = tmp_path / "log.txt"
    path.write_text(f"0 50 0.01\n{line}\n1 60 0.02\n")
    assert len(read_log(path).price) == 2
    assert "left out 1 of 3 lines; the first: row 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no auctions"),
        ("\n \n", "no auctions"),
        ("click,market_price\n0,x\n", "2 of 2 lines cannot be used"),
        ("\x00\x01\x02\n", "1 of 1 lines cannot be used"),
        ("0 1e9 0.1\n" * 5_000, "field market_price: sums to 5e+12"),
    ],
)
def test_a_file_of_something_else(tmp_path, files, capsys, text, message):
    path = tmp_path / "odd.txt"
    path.write_text(text)
    assert main(["ad-targeting", "replay", "--train", files[0], "--log", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "odd.txt" in captured.err
    assert message in captured.err


def test_a_file_that_is_not_there(files, capsys):
    assert main(["ad-targeting", "replay", "--train", "/nowhere.txt", "--log", files[1]]) == 2
    assert "/nowhere.txt: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("shares", ["1/0", "-1/4", "0", "2", "abc", "", "1/4,,1/8", "nan", "inf"])
def test_bad_shares(files, capsys, shares):
    assert main(["ad-targeting", "replay", "--train", files[0], "--log", files[1], f"--budget-share={shares}"]) == 2
    assert "--budget-share" in capsys.readouterr().err


def test_shares_are_exact():
    assert read_shares("1/3, 0.1")["0.1"] * 10 == 1
    with pytest.raises(BadInput, match="above 0"):
        read_shares("1/-3")


@pytest.mark.parametrize("row", ["0 0 0\n", "0 0 0.5\n", "0 7 0\n", "1 1 1\n"])
def test_logs_of_one_kind_of_auction(tmp_path, row):
    path = tmp_path / "log.txt"
    path.write_text(row * 3)
    report = replay_files(str(path), str(path), "1/2,1")
    worth = row.split()[2] != "0"
    for found in report["policies"].values():
        assert all((entry["share_of_optimum"] is not None) == worth for entry in found["budgets"].values())
    assert report["budgets"]["1"]["share_of_optimum"] == (1 if worth else None)
