"""The engines behind the ports, one file each: `duckdb`, `sqlite` (embedded), `spark`, `kafka`, `redis` (cluster).

Only `shared.bootstrap` imports them. The three of the cluster need the extra of that name, and say so when it is not there.
"""

import socket
from urllib.parse import urlsplit

from shared.errors import EngineUnavailable

INSTALL = "install the cluster extra: make setup-cluster"
CONNECT_SECONDS = 5


def probe(url: str, variable: str) -> None:
    """EngineUnavailable unless one of the URL's host:port[,host:port…] listens: the clients themselves would go on asking."""
    scheme, servers = urlsplit(url)[:2]
    reasons = []
    for server in servers.split(","):
        try:
            address = urlsplit(f"{scheme}://{server}")
            socket.create_connection((address.hostname or "", address.port or 0), CONNECT_SECONDS).close()
            return
        except (OSError, ValueError) as error:
            reasons.append(str(error))
    raise EngineUnavailable(f"{url} does not answer ({'; '.join(reasons)}); start it, or unset {variable}")
