"""The engines behind the ports, one file each: `duckdb`, `sqlite` (embedded), `spark`, `kafka`, `redis` (cluster).

Only `shared.bootstrap` imports them. The three of the cluster need the extra of that name, and say so when it is not there.
"""

INSTALL = "install the cluster extra: make setup-cluster"
