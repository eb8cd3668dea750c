"""The cluster's store: Redis. What must be atomic is one command or one MULTI; comparison runs as a script inside the server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from shared.adapters import INSTALL
from shared.errors import BadInput, EngineUnavailable

try:
    import redis
except ImportError as error:
    raise EngineUnavailable(f"Redis: {INSTALL}") from error

TIMEOUT_SECONDS = 5
COMPARE_AND_SET = """
if redis.call('GET', KEYS[1]) == (ARGV[1] == '1' and ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[3])
  return 1
end
return 0
"""  # GET of an absent key is false, and so is `'0' == '1' and …`


class RedisStore:
    """A `Store` on a Redis server."""

    def __init__(self, url: str) -> None:
        """url: redis://[:password@]host:port/database; EngineUnavailable when it does not answer within seconds."""
        address = urlsplit(url)
        self._name = f"redis://{address.hostname}:{address.port or 6379}{address.path}"
        try:
            self._client = redis.Redis.from_url(
                url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
            )
        except ValueError as error:
            raise BadInput(f"LINER_STORE={self._name}: {error}; expected redis://host:port/database") from error
        with self._errors():
            self._client.ping()

    def version(self) -> str:
        """`Redis 7.4.1`."""
        with self._errors():
            return f"Redis {self._client.info('server')['redis_version']}"

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of several keys, read at one moment; None for each that is absent or expired."""
        with self._errors():
            values: list[bytes | None] = self._client.mget(keys) if keys else []
        return values

    def put(self, values: Mapping[str, bytes], ttl_ms: int | None = None) -> None:
        """Set several keys atomically; they expire after `ttl_ms` on the server's clock."""
        with self._errors(), self._client.pipeline(transaction=True) as pipeline:
            for key, value in values.items():
                pipeline.set(key, value, px=ttl_ms)
            pipeline.execute()

    def compare_and_set(self, key: str, expected: bytes | None, value: bytes) -> bool:
        """Set `key`, without expiry, only if it still holds `expected` (None: absent); whether it was set."""
        present = 0 if expected is None else 1
        with self._errors():
            return bool(self._client.eval(COMPARE_AND_SET, 1, key, present, expected or b"", value))

    def delete(self, keys: Sequence[str]) -> None:
        """Remove keys; absent ones are no error."""
        if keys:
            with self._errors():
                self._client.delete(*keys)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise EngineUnavailable(
                f"{self._name} does not answer ({error}); start it, or unset LINER_STORE"
            ) from error
