"""The cluster's log: Kafka, through kafka-python with crc32c (its checksum in plain Python would be ten times slower).

A broker acknowledges when every in-sync replica has a message, and drops what an idempotent producer sends twice: offsets stay gapless.
Bulk is fast because a message is large: up to a megabyte of Arrow, thousands of records; a live message is flushed at once. Consumers
say where they begin; Kafka's own committed offsets are never written nor read, since they cannot commit together with our counts.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from threading import Lock
from typing import Any

from shared.adapters import INSTALL, probe
from shared.errors import BadInput, EngineUnavailable, LinerError, NotFound
from shared.ports import Message, check_offset, check_partition, check_topic

try:
    import crc32c  # noqa: F401  kafka-python takes it when it is there
    from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
    from kafka import errors as kafka_errors
except ImportError as error:
    raise EngineUnavailable(f"Kafka: {INSTALL}") from error

logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what fails is raised; the client would also print every retry
Configuration = dict[str, Any]

TIMEOUT_MS = 10_000
MAX_MESSAGE_BYTES = 4 << 20
POLL_BYTES = 8 << 20
TOPIC_CONFIGURATION = {"max.message.bytes": str(MAX_MESSAGE_BYTES), "retention.ms": "-1", "retention.bytes": "-1"}


class KafkaLog:
    """An `EventLog` on a Kafka cluster."""

    def __init__(self, servers: str) -> None:
        """servers: host:port[,host:port…]; EngineUnavailable when none answers within seconds."""
        probe(f"kafka://{servers}", "LINER_LOG")
        self._servers = servers
        self._lock = Lock()  # the admin client and the consumers belong to one thread at a time
        self._partitions: dict[str, int] = {}
        self._readers: dict[tuple[str, int, int], _Reader] = {}
        with self._errors():
            self._admin = KafkaAdminClient(**self._client(), request_timeout_ms=TIMEOUT_MS)
            self._producer = KafkaProducer(
                **self._client(),
                acks="all",
                enable_idempotence=True,
                linger_ms=0,
                batch_size=1 << 20,
                max_request_size=MAX_MESSAGE_BYTES,
                max_block_ms=TIMEOUT_MS,
                request_timeout_ms=TIMEOUT_MS,
                delivery_timeout_ms=2 * TIMEOUT_MS,
                allow_auto_create_topics=False,
            )

    def version(self) -> str:
        """`Kafka 4.1`: the newest that the broker's protocol versions fit."""
        with self._lock, self._errors():
            broker = self._admin.describe_cluster()["brokers"][0]["broker_id"]
            return "Kafka " + ".".join(map(str, self._admin.get_broker_version_data(broker).broker_version))

    def create(self, topic: str, partitions: int) -> None:
        """Make the topic if it is not there; BadInput when it is there with another number of partitions."""
        check_topic(topic, partitions)
        wanted = {topic: {"num_partitions": partitions, "configs": TOPIC_CONFIGURATION}}
        with self._lock, self._errors(), suppress(kafka_errors.TopicAlreadyExistsError):
            self._admin.create_topics(wanted, wait_for_metadata=True)
        if (found := self.partitions(topic)) != partitions:
            raise BadInput(f"topic {topic!r} has {found} partitions, not {partitions}; take another name")

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; NotFound when there is no such topic."""
        if topic not in self._partitions:
            check_topic(topic, 1)
            with self._lock, self._errors():
                (description,) = self._admin.describe_topics([topic])
            if not description["partitions"]:
                raise NotFound(f"kafka://{self._servers}: no topic {topic!r}; create it first")
            self._partitions[topic] = len(description["partitions"])
        return self._partitions[topic]

    def append(self, topic: str, partition: int, messages: Sequence[bytes]) -> int:
        """Append messages in order, wait until all are acknowledged, and return the offset of the first."""
        check_partition(topic, partition, self.partitions(topic))
        if not messages:
            return self.end(topic, partition)
        with self._errors():
            sent = [self._producer.send(topic, value=message, partition=partition) for message in messages]
            return min(int(each.get(2 * TIMEOUT_MS / 1000).offset) for each in sent)

    def read(self, topic: str, partition: int, offset: int, max_bytes: int, timeout_ms: int) -> list[Message]:
        """Messages from `offset` on, at least one if there is any; [] after `timeout_ms`; BadInput past the end."""
        check_partition(topic, partition, self.partitions(topic))
        try:
            with self._lock, self._errors():
                return self._reader(topic, partition, max_bytes).read(offset, timeout_ms)
        except kafka_errors.OffsetOutOfRangeError:
            check_offset(topic, partition, offset, self.end(topic, partition))
            raise

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next message will get."""
        check_partition(topic, partition, self.partitions(topic))
        with self._lock, self._errors():
            reader = self._reader(topic, partition, POLL_BYTES)
            return int(reader.consumer.end_offsets([reader.partition])[reader.partition])

    def subscribe(
        self,
        topic: str,
        group: str,
        on_assign: Callable[[Iterable[int]], Mapping[int, int]],
        on_revoke: Callable[[Iterable[int]], None],
    ) -> "KafkaSubscription":
        """Join `group`; Kafka's coordinator shares the partitions out."""
        self.partitions(topic)
        with self._errors():
            consumer = KafkaConsumer(
                **self._reading(POLL_BYTES // 4), group_id=group, session_timeout_ms=10_000, heartbeat_interval_ms=1000
            )
        return KafkaSubscription(consumer, topic, on_assign, on_revoke, self._errors)

    def close(self) -> None:
        """Close the connections."""
        while self._readers:
            self._readers.popitem()[1].consumer.close()
        self._producer.close()
        self._admin.close()

    def _client(self) -> Configuration:
        return {"bootstrap_servers": self._servers.split(","), "bootstrap_timeout_ms": TIMEOUT_MS}

    def _reading(self, max_bytes: int) -> Configuration:
        """A consumer that neither stores offsets nor guesses one: where to begin is always said."""
        return self._client() | {
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "allow_auto_create_topics": False,
            "fetch_max_wait_ms": 100,
            "metadata_max_age_ms": 10_000,
            "max_partition_fetch_bytes": max_bytes,
        }

    def _reader(self, topic: str, partition: int, max_bytes: int) -> "_Reader":
        key = (topic, partition, max_bytes)
        if key not in self._readers:
            self._readers[key] = _Reader(KafkaConsumer(**self._reading(max_bytes)), TopicPartition(topic, partition))
        return self._readers[key]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (kafka_errors.TopicAlreadyExistsError, kafka_errors.OffsetOutOfRangeError):
            raise
        except kafka_errors.MessageSizeTooLargeError as error:
            raise BadInput(f"kafka://{self._servers}: {error}; send at most {MAX_MESSAGE_BYTES:,} bytes") from error
        except kafka_errors.KafkaError as error:
            if isinstance(error.__cause__, LinerError):  # raised by a rebalance callback
                raise error.__cause__ from None
            raise EngineUnavailable(
                f"kafka://{self._servers} does not answer ({error}); start it, or unset LINER_LOG"
            ) from error


class _Reader:
    """A consumer on one partition and where it stands: reading on needs no seek, so what was fetched ahead is used."""

    def __init__(self, consumer: Any, partition: TopicPartition) -> None:
        self.consumer, self.partition = consumer, partition
        self._offset: int | None = None
        consumer.assign([partition])

    def read(self, offset: int, timeout_ms: int) -> list[Message]:
        if offset != self._offset:
            self.consumer.seek(self.partition, offset)
        self._offset = None  # unknown until the poll returns
        records = self.consumer.poll(timeout_ms, max_records=1 << 30).get(self.partition, [])
        self._offset = records[-1].offset + 1 if records else offset
        return [Message(record.offset, record.value) for record in records]


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """A `Subscription` through Kafka's group protocol; every start is a seek to the caller's own offset.

    The client calls its listener in a thread of its own while `poll` waits. So the listener only notes what happened, with new
    partitions paused, and `poll` runs the caller's functions in the caller's thread before it hands out another message.
    """

    def __init__(
        self,
        consumer: Any,
        topic: str,
        on_assign: Callable[[Iterable[int]], Mapping[int, int]],
        on_revoke: Callable[[Iterable[int]], None],
        errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._consumer, self._topic, self._errors = consumer, topic, errors
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._held: set[int] = set()
        self._gone: set[int] = set()
        self._fresh: set[int] = set()
        consumer.subscribe([topic], listener=self)
        with errors():
            consumer.partitions_for_topic(topic)  # a leader that knows no partitions yet would share out none

    def poll(self, timeout_ms: int) -> dict[int, list[Message]]:
        """Messages by partition from where `on_assign` said to begin; {} when nothing came in time."""
        with self._errors():
            found = self._consumer.poll(timeout_ms, max_records=1 << 30)
            self._rebalance()
        return {
            partition.partition: [Message(record.offset, record.value) for record in records]
            for partition, records in found.items()
            if partition.partition in self._held
        }

    def close(self) -> None:
        """Leave the group, and stop using the partitions."""
        with self._errors():
            self._consumer.close(autocommit=False)
        self._fresh.clear()
        self._rebalance()

    def _rebalance(self) -> None:
        """Run the caller's functions for what the listener noted."""
        if gone := self._gone & self._held:
            self._held -= gone
            self._on_revoke(sorted(gone))
        self._gone.clear()
        if fresh := sorted(self._fresh):
            for partition, offset in self._on_assign(fresh).items():
                self._consumer.seek(TopicPartition(self._topic, partition), offset)
            self._consumer.resume(*(TopicPartition(self._topic, partition) for partition in fresh))
            self._held.update(fresh)
            self._fresh.clear()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the client, in its thread: hold the partitions still until `poll` knows where to begin."""
        for partition in assigned:
            self._consumer.seek(partition, 0)
            self._consumer.pause(partition)
            self._fresh.add(partition.partition)

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the client, in its thread; also when this member was away too long and others already took over."""
        partitions = {partition.partition for partition in revoked}
        self._gone |= partitions
        self._fresh -= partitions
