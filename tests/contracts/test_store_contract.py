"""What every `Store` promises."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from secrets import token_hex

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from shared.adapters.sqlite import SQLiteStore
from shared.errors import BadInput
from tests.contracts import kernels


def test_several_keys_are_set_and_read_together(store, prefix):
    store.put({f"{prefix}a": b"1", f"{prefix}b": b"\x00\xff"})
    assert store.get([f"{prefix}b", f"{prefix}absent", f"{prefix}a"]) == [b"\x00\xff", None, b"1"]


def test_nothing_is_no_error(store, prefix):
    store.put({})
    store.delete([])
    store.delete([f"{prefix}absent"])
    assert store.get([]) == []


@pytest.mark.parametrize("key", ["ключ/日本/🎧", "with space", "quote'\"", "%_*?[]", "x" * 1000, "null\0inside"])
def test_keys_are_any_text_and_values_any_bytes(store, prefix, key):
    for value in (b"", b"\0", bytes(range(256)), b"x" * (1 << 20)):
        store.put({prefix + key: value})
        assert store.get([prefix + key]) == [value]


def test_a_deleted_key_is_absent(store, prefix):
    store.put({f"{prefix}a": b"1", f"{prefix}b": b"2"})
    store.delete([f"{prefix}a"])
    assert store.get([f"{prefix}a", f"{prefix}b"]) == [None, b"2"]


def test_compare_and_set_sets_only_what_was_expected(store, prefix):
    key = f"{prefix}a"
    assert store.compare_and_set(key, None, b"1")
    assert not store.compare_and_set(key, None, b"2")
    assert not store.compare_and_set(key, b"other", b"2")
    assert store.get([key]) == [b"1"]
    assert store.compare_and_set(key, b"1", b"")
    assert not store.compare_and_set(key, None, b"3"), "an empty value is not an absent one"
    assert store.compare_and_set(key, b"", b"4")
    assert store.get([key]) == [b"4"]


def test_processes_that_compare_and_set_lose_no_increment(store, store_settings, prefix):
    key = f"{prefix}counter"
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        url, home = store_settings.store, str(store_settings.home)
        for run in [pool.submit(kernels.increment, url, home, key, 40) for _ in range(3)]:
            run.result()
    assert store.get([key]) == [b"120"]


def test_readers_never_see_half_of_a_put(store, store_settings, prefix):
    keys = [f"{prefix}{i}" for i in range(20)]
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        run = pool.submit(kernels.put_rounds, store_settings.store, str(store_settings.home), keys, 100)
        while not run.done():
            assert len(set(store.get(keys))) == 1
        run.result()
    assert store.get(keys) == [b"99"] * 20


def test_a_value_outlives_its_process(store_settings, store, prefix):
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(kernels.put_rounds, store_settings.store, str(store_settings.home), [f"{prefix}a"], 1).result()
    assert store.get([f"{prefix}a"]) == [b"0"]


class StoreMachine(RuleBasedStateMachine):
    """Any sequence of calls answers as a dict does; keys are few, so that calls meet."""

    store = None
    keys = st.sampled_from(["a", "b", "ü/1"])
    values = st.sampled_from([b"", b"1", b"\x00\xff"])

    @initialize()
    def start(self):
        self.prefix = f"test/{token_hex(6)}/"
        self.model = {}

    @rule(values=st.dictionaries(keys, values))
    def put(self, values):
        self.store.put({self.prefix + key: value for key, value in values.items()})
        self.model.update(values)

    @rule(keys=st.lists(keys))
    def delete(self, keys):
        self.store.delete([self.prefix + key for key in keys])
        for key in keys:
            self.model.pop(key, None)

    @rule(key=keys, expected=st.none() | values, value=values)
    def compare_and_set(self, key, expected, value):
        should = self.model.get(key) == expected
        assert self.store.compare_and_set(self.prefix + key, expected, value) == should
        if should:
            self.model[key] = value

    @rule(keys=st.lists(keys))
    def get(self, keys):
        assert self.store.get([self.prefix + key for key in keys]) == [self.model.get(key) for key in keys]


def test_the_store_behaves_as_a_dict(store):
    machine = type("Machine", (StoreMachine,), {"store": store})
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=15, deadline=None))


@pytest.fixture
def sqlite_store(tmp_path, clock):
    store = SQLiteStore(tmp_path / "store.sqlite", clock)
    yield store
    store.close()


def test_sqlite_expires_on_the_clock_that_was_passed(sqlite_store, clock):
    sqlite_store.put({"a": b"1"}, ttl_ms=1000)
    sqlite_store.put({"b": b"2"})
    clock.now += 999
    assert sqlite_store.get(["a", "b"]) == [b"1", b"2"]
    clock.now += 1
    assert sqlite_store.get(["a", "b"]) == [None, b"2"]
    assert sqlite_store.compare_and_set("a", None, b"3"), "an expired value is an absent one"
    clock.now += 10_000
    assert sqlite_store.get(["a"]) == [b"3"], "a value set by comparison does not expire"


def test_sqlite_forgets_expiry_with_a_new_put(sqlite_store, clock):
    sqlite_store.put({"a": b"1"}, ttl_ms=10)
    sqlite_store.put({"a": b"2"})
    clock.now += 10
    assert sqlite_store.get(["a"]) == [b"2"]


def test_a_file_that_is_no_store_is_named(tmp_path, clock):
    path = tmp_path / "store.sqlite"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(BadInput, match=r"store\.sqlite: file is not a database"):
        SQLiteStore(path, clock)
