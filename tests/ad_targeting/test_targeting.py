"""What advertisers may write: a closed list of fields, whole micros, no empty lists, nothing about minors or sensitive traits."""

import numpy as np
import pytest

from ad_targeting.ledger import MAX_MICROS
from ad_targeting.records import ADULT, ALL_AGES, ALL_COUNTRIES, Campaigns
from ad_targeting.targeting import FIELDS, to_campaigns
from shared.clock import DEMO_NOW
from shared.errors import BadInput
from shared.world.ads import CONTEXTS
from shared.world.countries import CODES
from shared.world.schema import AGE_BANDS
from tests.ad_targeting.by_hand import TARGETS, rule

NUMBERS, NAMES = ([field for field in FIELDS if FIELDS[field][0] == kind] for kind in ("number", "name"))


def test_what_is_left_out_means_everybody():
    campaigns = to_campaigns([rule()])
    assert (campaigns.countries, campaigns.ages) == (ALL_COUNTRIES, ALL_AGES)
    assert (campaigns.contexts, campaigns.hours) == ((1 << len(CONTEXTS)) - 1, (1 << 24) - 1)


def test_lists_become_masks_in_the_order_of_the_full_lists():
    campaigns = to_campaigns([rule(countries=["SE", "US"], ages=["18-24", "55+"], hours=[0, 23])])
    assert campaigns.countries[0] == 1 << CODES.index("SE") | 1 << CODES.index("US")
    assert campaigns.ages[0] == 1 << ADULT | 1 << len(AGE_BANDS) - 1
    assert campaigns.hours[0] == 1 | 1 << 23


def test_columns_are_ascending_in_id():
    campaigns = to_campaigns([rule(3, cap_per_day=9), rule(1, cap_per_day=4)])
    assert campaigns.campaign_id.tolist() == [1, 3]
    assert campaigns.cap.tolist() == [4, 9]
    assert {len(column) for column in to_campaigns([])} == {0}
    assert Campaigns(*(column.dtype for column in campaigns)).budget == np.int64


def test_an_id_twice():
    with pytest.raises(BadInput, match="campaign_id 4 twice"):
        to_campaigns([rule(4), rule(4)])


@pytest.mark.parametrize(
    "field", ["religion", "health", "ethnicity", "gender", "orientation", "income", "Countries", ""]
)
def test_nothing_but_the_closed_list_can_be_targeted(field):
    with pytest.raises(BadInput, match="list is closed"):
        to_campaigns([rule() | {field: ["x"]}])
    assert [field for field in FIELDS if FIELDS[field][0] == "list"] == ["countries", "ages", "contexts", "hours"]


def test_minors_cannot_be_targeted():
    with pytest.raises(BadInput, match="ages '13-17'"):
        to_campaigns([rule(ages=["13-17"])])


@pytest.mark.parametrize("field", TARGETS)
@pytest.mark.parametrize("value", [[], "SE", 7, {}, ["nowhere"], [None], [float("nan")], [[]], [True]])
def test_lists_name_known_values(field, value):
    with pytest.raises(BadInput, match=f"row 1: {field} .*: expected"):
        to_campaigns([rule(**{field: value})])


@pytest.mark.parametrize("field", NUMBERS)
@pytest.mark.parametrize("value", [None, -1, 0.5, float("nan"), float("inf"), True, "5", MAX_MICROS + 1, 1 << 64])
def test_numbers_are_whole_and_bounded(field, value):
    with pytest.raises(BadInput, match=f"row 1: {field} .*expected a whole number from"):
        to_campaigns([rule() | {field: value}])


@pytest.mark.parametrize("field", ["budget_micros", "bid_micros"])
def test_money_is_above_zero(field):
    with pytest.raises(BadInput, match=f"{field} 0"):
        to_campaigns([rule(**{field: 0})])


@pytest.mark.parametrize("field", NAMES)
@pytest.mark.parametrize("value", ["", "nothing", 3, []])
def test_names_are_known(field, value):
    with pytest.raises(BadInput, match=f"{field} .*: expected one of"):
        to_campaigns([rule(**{field: value})])


def test_a_flight_ends_after_it_starts():
    with pytest.raises(BadInput, match="ends_ms"):
        to_campaigns([rule(ends_ms=DEMO_NOW)])


def test_the_row_and_the_source_are_named():
    with pytest.raises(BadInput, match=r"mine\.json, row 2: expected an object"):
        to_campaigns([rule(), 5], "mine.json")
