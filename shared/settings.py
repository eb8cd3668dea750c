"""Settings: where output lies and which engines run, from `LINER_*` environment variables.

LINER_HOME    .liner                                          everything the program writes
LINER_ENGINE  duckdb:                 or  spark://host:7077   (spark://local: Spark inside this process)
LINER_LOG     sqlite:                 or  kafka://localhost:9092
LINER_STORE   sqlite:                 or  redis://localhost:6379/0
"""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One frozen record; `Settings()` reads the environment."""

    model_config = SettingsConfigDict(env_prefix="LINER_", frozen=True)

    home: Path = Path(".liner")
    engine: str = "duckdb:"
    log: str = "sqlite:"
    store: str = "sqlite:"
