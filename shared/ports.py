"""The three ports between the systems and the engines they run on; one contract suite holds every adapter to them.

    Engine    SQL and kernels over datasets     DuckDB + a process pool    Spark
    EventLog  ordered, partitioned messages     SQLite                     Kafka
    Store     small values by key               SQLite                     Redis

They are narrow on purpose. An engine never hands input-sized data to its caller: SQL results are small, kernels read a shard and
write a shard. The log never stores a consumer's offset: whoever counts commits the offset together with the counts (exactly once).
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from shared.errors import BadInput, NotFound
from shared.lake import Dataset, Lake

Json = dict[str, Any]


class Engine(Protocol):
    """Runs SQL and kernels where the data lies."""

    def version(self) -> str:
        """Name and version, asked of the engine itself: `Spark 4.2.1`."""
        ...

    def query(self, sql: str, tables: Mapping[str, Dataset]) -> pa.Table:
        """The result of `sql` as a small Arrow table; each dataset is a view under its key in `tables`."""
        ...

    def write(self, sql: str, tables: Mapping[str, Dataset], lake: Lake, name: str, version: str) -> Dataset:
        """Publish the result of `sql` as version `version` of dataset `name`; it never passes through the caller."""
        ...

    def map_shards(self, kernel: str, shards: Sequence[str], arguments: Json) -> list[Json]:
        """Call `kernel(shard, **arguments)` for every shard, each in a worker, and return its small results in shard order.

        kernel: `module:function`; shards: what the kernel opens (paths, names); arguments and results: JSON.
        Kernels write what is large with `shared.lake.write_shard` and return its record.
        """
        ...

    def close(self) -> None:
        """Release processes and connections."""
        ...


class Message(NamedTuple):
    """One message of a log partition."""

    offset: int
    value: bytes


class Subscription(Protocol):
    """A group member's share of a topic; `poll` also runs the rebalance callbacks."""

    def poll(self, timeout_ms: int) -> dict[int, list[Message]]:
        """Messages by partition, in offset order, from where `on_assign` said to begin; {} when nothing came in time."""
        ...

    def close(self) -> None:
        """Leave the group; the other members take over at once."""
        ...


class EventLog(Protocol):
    """Topics of partitions of messages with gapless offsets from 0. A message is durable when `append` returns."""

    def version(self) -> str:
        """Name and version, asked of the engine itself: `Kafka 4.1`."""
        ...

    def create(self, topic: str, partitions: int) -> None:
        """Make the topic if it is not there; BadInput when it is there with another number of partitions."""
        ...

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; NotFound when there is no such topic."""
        ...

    def append(self, topic: str, partition: int, messages: Sequence[bytes]) -> int:
        """Append messages in order and return the offset of the first."""
        ...

    def read(self, topic: str, partition: int, offset: int, max_bytes: int, timeout_ms: int) -> list[Message]:
        """Messages from `offset` on, at least one if there is any, about `max_bytes` of them; [] after `timeout_ms`.

        BadInput when the log never reached `offset`.
        """
        ...

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next message will get."""
        ...

    def subscribe(
        self,
        topic: str,
        group: str,
        on_assign: Callable[[Iterable[int]], Mapping[int, int]],
        on_revoke: Callable[[Iterable[int]], None],
    ) -> Subscription:
        """Join `group`: `on_assign(partitions)` returns the offset to begin at for each, `on_revoke` ends their use."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


class Store(Protocol):
    """Small values by key. Keys are text such as `discover_weekly/2026-W48/7`."""

    def version(self) -> str:
        """Name and version, asked of the engine itself: `Redis 7.4.1`."""
        ...

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of several keys, read at one moment; None for each that is absent or expired."""
        ...

    def put(self, values: Mapping[str, bytes], ttl_ms: int | None = None) -> None:
        """Set several keys atomically; they expire after `ttl_ms`."""
        ...

    def compare_and_set(self, key: str, expected: bytes | None, value: bytes) -> bool:
        """Set `key` only if it still holds `expected` (None: absent); whether it was set."""
        ...

    def delete(self, keys: Sequence[str]) -> None:
        """Remove keys; absent ones are no error."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...


def check_topic(topic: str, partitions: int) -> None:
    """BadInput unless every log can hold a topic of that name and size."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}", topic) or topic.endswith(".groups"):
        raise BadInput(f"topic {topic!r}: expected up to 200 letters, digits, '.', '_' and '-'")
    if not 1 <= partitions <= 1024:
        raise BadInput(f"topic {topic!r}: {partitions} partitions; expected 1 to 1024")


def check_partition(topic: str, partition: int, partitions: int) -> None:
    """NotFound for a partition that the topic does not have."""
    if not 0 <= partition < partitions:
        raise NotFound(f"topic {topic!r}: no partition {partition}; it has 0 to {partitions - 1}")


def check_offset(topic: str, partition: int, offset: int, end: int) -> None:
    """BadInput for an offset that the log never reached: a commit from another log, or a log that lost messages."""
    if not 0 <= offset <= end:
        raise BadInput(
            f"topic {topic!r} partition {partition}: offset {offset}; expected 0 to {end}; "
            "the offset belongs to another log, or this one lost messages"
        )


def partition_of(key: int, partitions: int) -> int:
    """The partition of an integer key: SplitMix64's finaliser modulo `partitions`, the same for every engine and client."""
    mixed = (key + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return int((mixed ^ (mixed >> 31)) % partitions)


def partitions_of(keys: Any, partitions: int) -> Any:
    """`partition_of` for a whole column: int64 [N] → int64 [N]."""
    mixed = keys.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(partitions)).astype(np.int64)
