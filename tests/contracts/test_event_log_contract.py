"""What every `EventLog` promises: order, durability, redelivery, and partitions that have one owner at a time."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from secrets import token_hex
from threading import get_ident

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from shared.adapters.sqlite import LEASE_MS, SQLiteLog
from shared.bootstrap import engines
from shared.errors import BadInput, NotFound
from shared.ports import Message
from tests.contracts import kernels

BYTES = 1 << 20


def read_all(log, topic, partition, offset=0, max_bytes=BYTES):
    """Everything from `offset` to the end, in as many reads as it takes."""
    found = []
    while offset < log.end(topic, partition):
        found += log.read(topic, partition, offset, max_bytes, timeout_ms=5000)
        offset = found[-1].offset + 1
    return found


def test_topics_have_partitions(log, topic):
    with pytest.raises(NotFound, match=topic):
        log.partitions(topic)
    log.create(topic, 3)
    log.create(topic, 3)
    assert log.partitions(topic) == 3
    assert [log.end(topic, partition) for partition in range(3)] == [0, 0, 0]
    with pytest.raises(BadInput, match="has 3 partitions, not 4"):
        log.create(topic, 4)
    for touch in (lambda: log.append(topic, 3, [b"x"]), lambda: log.end(topic, -1)):
        with pytest.raises(NotFound, match="no partition"):
            touch()


@pytest.mark.parametrize("name", ["", "../up", "a/b", "ü", "x" * 300, ".", "a b"])
def test_names_that_no_log_can_hold_are_refused(log, name):
    with pytest.raises(BadInput, match="topic"):
        log.create(name, 1)


def test_messages_keep_their_order_and_get_gapless_offsets(log, topic):
    log.create(topic, 2)
    assert log.append(topic, 0, [b"a", b"b"]) == 0
    assert log.append(topic, 1, [b"other"]) == 0
    assert log.append(topic, 0, []) == 2
    assert log.append(topic, 0, [b"c"]) == 2
    assert read_all(log, topic, 0) == [Message(0, b"a"), Message(1, b"b"), Message(2, b"c")]
    assert read_all(log, topic, 1) == [Message(0, b"other")]
    assert (log.end(topic, 0), log.end(topic, 1)) == (3, 1)


def test_what_was_read_is_delivered_again_alike(log, topic):
    log.create(topic, 1)
    log.append(topic, 0, [b"%d" % i for i in range(50)])
    for offset in (0, 49, 7, 7, 20, 0):
        assert read_all(log, topic, 0, offset) == [Message(i, b"%d" % i) for i in range(offset, 50)]


def test_poison_passes_through_unharmed(log, topic):
    poison = [b"", b"\0", bytes(range(256)), b"{torn json", "日本 🎧".encode("utf-16"), b"ARROW1\0\0torn", b""]
    log.create(topic, 1)
    log.append(topic, 0, poison)
    assert [message.value for message in read_all(log, topic, 0)] == poison


def test_a_read_gives_about_the_bytes_asked_for_and_never_nothing(log, topic):
    log.create(topic, 1)
    big = [bytes([i]) * 1_000_000 for i in range(4)]
    for message in big:
        log.append(topic, 0, [message])
    first = log.read(topic, 0, 0, 10, 5000)
    assert first[0] == Message(0, big[0])
    assert len(first) < 4
    assert read_all(log, topic, 0, max_bytes=10) == [Message(i, value) for i, value in enumerate(big)]
    assert len(log.read(topic, 0, 0, 2_500_000, 5000)) >= 2


def test_the_end_is_waited_at_and_not_passed(log, topic):
    log.create(topic, 1)
    assert log.read(topic, 0, 0, BYTES, timeout_ms=20) == []
    log.append(topic, 0, [b"a"])
    assert log.read(topic, 0, 1, BYTES, timeout_ms=20) == []
    for offset in (2, 1000):
        with pytest.raises(BadInput, match=rf"offset {offset}; expected 0 to 1"):
            log.read(topic, 0, offset, BYTES, timeout_ms=1000)


def test_processes_that_append_together_lose_and_mix_nothing(log, log_settings, topic):
    log.create(topic, 1)
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        home = str(log_settings.home)
        runs = [pool.submit(kernels.append_rounds, log_settings.log, home, topic, writer, 30) for writer in "abc"]
        acknowledged = {writer: run.result() for writer, run in zip("abc", runs, strict=True)}
    messages = read_all(log, topic, 0)
    assert [message.offset for message in messages] == list(range(270))
    for writer, offsets in acknowledged.items():
        mine = [message for message in messages if message.value.startswith(writer.encode())]
        assert [message.value.decode() for message in mine] == [
            f"{writer}/{i}/{part}" for i in range(30) for part in range(3)
        ]
        assert [message.offset for message in mine[::3]] == offsets


def test_another_process_reads_what_was_acknowledged(log, log_settings, clock, topic):
    log.create(topic, 1)
    log.append(topic, 0, [b"a"])
    with engines(log_settings, clock) as later:
        assert later.log.read(topic, 0, 0, BYTES, 5000) == [Message(0, b"a")]


class LogMachine(RuleBasedStateMachine):
    """Any sequence of calls answers as a list for each partition does."""

    log = None
    partitions = st.integers(0, 1)

    @initialize()
    def start(self):
        self.topic = f"test-{token_hex(6)}"
        self.model = [[], []]
        self.log.create(self.topic, 2)

    @rule(partition=partitions, values=st.lists(st.binary(max_size=20), max_size=5))
    def append(self, partition, values):
        assert self.log.append(self.topic, partition, values) == len(self.model[partition])
        self.model[partition] += values

    @rule(partition=partitions, where=st.floats(0, 1), max_bytes=st.sampled_from([1, 50, BYTES]))
    def read(self, partition, where, max_bytes):
        held = self.model[partition]
        if held:
            offset = int(where * (len(held) - 1))
            found = self.log.read(self.topic, partition, offset, max_bytes, 5000)
            assert found == [Message(offset + i, value) for i, value in enumerate(held[offset : offset + len(found)])]
            assert found

    @rule(partition=partitions)
    def end(self, partition):
        assert self.log.end(self.topic, partition) == len(self.model[partition])


def test_the_log_behaves_as_a_list(log):
    machine = type("Machine", (LogMachine,), {"log": log})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=15, deadline=None))


class Member:
    """A group member that keeps its own offsets, as every consumer here does: `committed` outlives it."""

    def __init__(self, log, topic, committed, group="counters"):
        self.committed, self.held, self.seen, self.thread = committed, set(), [], get_ident()
        self.subscription = log.subscribe(topic, group, self.assign, self.revoke)

    def assign(self, partitions):
        assert get_ident() == self.thread, "SQLite state is opened here"
        self.held |= set(partitions)
        return {partition: self.committed.get(partition, 0) for partition in partitions}

    def revoke(self, partitions):
        assert get_ident() == self.thread
        self.held -= set(partitions)

    def poll(self, commit=True):
        for partition, messages in self.subscription.poll(100).items():
            assert partition in self.held
            for message in messages:
                self.seen.append((partition, message.offset))
                if commit:
                    self.committed[partition] = message.offset + 1


def poll_until(done, *members, commit=True):
    """Let the members take turns until `done()`; a bounded number of turns, since a broken group would never be done."""
    for _ in range(200):
        if done():
            return
        for member in members:
            member.poll(commit)
    raise AssertionError(f"not done: {[(sorted(member.held), len(member.seen)) for member in members]}")


@pytest.fixture
def full_topic(log, topic):
    """Four partitions of ten messages."""
    log.create(topic, 4)
    for partition in range(4):
        log.append(topic, partition, [b"%d" % i for i in range(10)])
    return topic


EVERYTHING = [(partition, offset) for partition in range(4) for offset in range(10)]


def test_a_member_alone_gets_every_partition_from_its_own_offsets(log, full_topic):
    member = Member(log, full_topic, {0: 0, 1: 9, 2: 5, 3: 10})
    poll_until(lambda: len(member.seen) == 16, member)
    assert sorted(member.seen) == [each for each in EVERYTHING if each[1] >= {0: 0, 1: 9, 2: 5, 3: 10}[each[0]]]
    member.subscription.close()
    assert member.held == set(), "closing ends the use of every partition"


def test_the_log_remembers_no_offset_for_the_consumer(log, full_topic):
    """Redelivery: a consumer that died before its own commit gets the same messages again."""
    for _ in range(2):
        member = Member(log, full_topic, {})
        poll_until(lambda: len(member.seen) >= 40, member, commit=False)  # noqa: B023
        assert sorted(member.seen) == EVERYTHING
        member.subscription.close()


def test_two_members_share_and_the_last_one_takes_over(log, full_topic):
    committed = {}
    first = Member(log, full_topic, committed)
    poll_until(lambda: len(first.held) == 4, first)
    second = Member(log, full_topic, committed)
    poll_until(lambda: len(first.held) == len(second.held) == 2, first, second)
    assert first.held | second.held == {0, 1, 2, 3}
    for partition in range(4):
        log.append(full_topic, partition, [b"more"])
    poll_until(lambda: sum(committed.values()) == 44, first, second)
    first.subscription.close()
    poll_until(lambda: len(second.held) == 4, second)
    log.append(full_topic, 0, [b"last"])
    poll_until(lambda: committed[0] == 12, second)
    assert sorted(first.seen + second.seen) == sorted([*EVERYTHING, *((part, 10) for part in range(4)), (0, 11)])
    second.subscription.close()


def test_groups_do_not_share(log, full_topic):
    members = [Member(log, full_topic, {}, group) for group in ("counters", "auditors")]
    poll_until(lambda: all(len(member.seen) == 40 for member in members), *members)
    for member in members:
        assert sorted(member.seen) == EVERYTHING
        member.subscription.close()


def test_a_zombie_learns_that_it_lost_its_partitions(tmp_path, clock):
    """A member that stood still for longer than its lease: the others go on, and it neither reads nor keeps what they took."""
    log = SQLiteLog(tmp_path, clock)
    log.create("plays", 2)
    committed = {}
    zombie, heir = Member(log, "plays", committed), Member(log, "plays", committed)
    poll_until(lambda: len(zombie.held) == len(heir.held) == 1, zombie, heir)
    clock.now += LEASE_MS // 2
    heir.poll()
    clock.now += LEASE_MS // 2
    poll_until(lambda: len(heir.held) == 2, heir)
    log.append("plays", 0, [b"a"])
    log.append("plays", 1, [b"b"])
    poll_until(lambda: len(heir.seen) == 2, heir)
    zombie.poll()
    assert (zombie.held, zombie.seen) == (set(), [])
    poll_until(lambda: len(zombie.held) == len(heir.held) == 1, zombie, heir)
    assert zombie.seen == []
    zombie.subscription.close()
    heir.subscription.close()
    log.close()
