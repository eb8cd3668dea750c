"""How big a world is. `tiny` is for tests, `small` for demos, `medium` and `large` for those who want to see the machine sweat."""

from dataclasses import dataclass

from shared.errors import BadInput


@dataclass(frozen=True)
class Size:
    """Counts of one world. A block is a contiguous range of users, made and written as one shard whatever the number of workers."""

    name: str
    users: int
    tracks: int
    plays: int
    scenes: int
    block_users: int

    @property
    def artists(self) -> int:
        """A quarter of the tracks: 2,500 artists share the 10,000 tracks of `small`."""
        return self.tracks // 4

    @property
    def blocks(self) -> int:
        """Number of user blocks, the last one perhaps shorter."""
        return -(-self.users // self.block_users)


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 500, 1_000, 250_000, 20, 128),
        Size("small", 10_000, 10_000, 5_000_000, 60, 1_250),
        Size("medium", 100_000, 100_000, 50_000_000, 200, 2_500),
        Size("large", 1_000_000, 1_000_000, 500_000_000, 500, 2_500),
    )
}


def size_named(name: str) -> Size:
    """The size of that name; BadInput otherwise."""
    if name not in SIZES:
        raise BadInput(f"world size {name!r}: expected one of {', '.join(SIZES)}")
    return SIZES[name]
