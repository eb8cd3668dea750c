"""The compose file and the image keep their shape: no Docker is needed to hold it, and `.ci/cluster` runs the same layout for real."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from shared.cli import build_parser

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
LINER = ["spark-master", "spark-worker", "console", "driver"]
ENGINES = ["kafka", "redis", "spark-master", "spark-worker"]
DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
WITHOUT_DOCKER = (ROOT / ".ci" / "cluster").read_text()
UNITS = {"m": 1 << 20, "g": 1 << 30}
each_service = pytest.mark.parametrize("name", SERVICES)


def size(text):
    """`512m` in bytes."""
    number, unit = re.fullmatch(r"(\d+)([mg])b?", text).groups()
    return int(number) * UNITS[unit]


def instructions(word):
    """The arguments of every Dockerfile instruction of that name, in order."""
    return re.findall(rf"^{word} (.*)", DOCKERFILE, re.MULTILINE)


def listeners(variable):
    """Kafka's listeners by name: host (may be empty) and port."""
    pairs = (entry.split("://") for entry in SERVICES["kafka"]["environment"][variable].split(","))
    return {name: (address.rpartition(":")[0], int(address.rpartition(":")[2])) for name, address in pairs}


def listens(name):
    """The ports on which a service listens, as its own command or environment says."""
    if name == "kafka":
        return {port for _, port in listeners("KAFKA_LISTENERS").values()}
    if name == "redis":
        return {6379}
    return {int(value) for flag, value in pairwise(SERVICES[name]["command"]) if flag in ("--port", "--webui-port")}


def is_exact(image):
    """Whether an image is named with a tag that is a whole version."""
    return re.fullmatch(r"[a-z/]+:\d+\.\d+\.\d+(-[a-z]+)*", image) is not None


def test_the_services_are_the_engines_the_console_and_the_driver():
    assert sorted(SERVICES) == sorted([*ENGINES, "console", "driver"])
    assert {name: SERVICES[name].get("profiles", []) for name in SERVICES} == {
        **{name: [] for name in ENGINES},
        "console": ["app"],
        "driver": ["run"],
    }
    assert "version" not in COMPOSE


@each_service
def test_every_image_is_pinned(name):
    assert is_exact(SERVICES[name]["image"])


@each_service
def test_every_service_reports_its_health_by_a_command_that_fits_it(name):
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)
    assert {int(port) for port in re.findall(r":(\d{4,5})\b", " ".join(check["test"]))} <= listens(name)


@each_service
def test_ports_are_open_to_this_machine_alone_and_lead_to_something(name):
    for port in SERVICES[name].get("ports", []):
        address, _, inside = port.split(":")
        assert address == "127.0.0.1"
        assert int(inside) in listens(name)


def test_no_host_port_is_taken_twice():
    taken = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(taken) == len(set(taken))


def test_memory_is_bounded_and_fits_a_laptop():
    limits = {name: size(service["mem_limit"]) for name, service in SERVICES.items()}
    assert sum(limits.values()) < 6_000_000_000
    heap = re.search(r"-Xmx(\w+)", SERVICES["kafka"]["environment"]["KAFKA_HEAP_OPTS"])[1]
    assert size(heap) < limits["kafka"]
    command = SERVICES["redis"]["command"]
    assert size(command[command.index("--maxmemory") + 1]) < limits["redis"]
    for name in ("spark-master", "spark-worker"):
        assert size(SERVICES[name]["environment"]["SPARK_DAEMON_MEMORY"]) < limits[name]


@each_service
def test_services_wait_for_healthy_ones_and_get_time_to_stop(name):
    assert re.fullmatch(r"\d+s", SERVICES[name]["stop_grace_period"])
    for other, rule in SERVICES[name].get("depends_on", {}).items():
        assert other in ENGINES, "an engine starts without a profile"
        assert rule == {"condition": "service_healthy"}


def test_the_liner_services_wait_for_every_engine():
    for name in ("console", "driver"):
        assert set(SERVICES[name]["depends_on"]) == {"kafka", "redis", "spark-worker"}
    assert set(SERVICES["spark-worker"]["depends_on"]) == {"spark-master"}


def test_the_liner_services_are_one_image_one_environment_one_lake():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in LINER:
        service = SERVICES[name]
        assert (service["build"], service["image"]) == (".", f"linernotes:{version}")
        assert service["volumes"] == ["lake:/lake"]
        assert service["environment"] == SERVICES["driver"]["environment"]
    assert instructions("VOLUME") == ["/lake"]
    assert "LINER_HOME=/lake/" in instructions("ENV")[0]


def test_volumes_are_named_and_declared():
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert used == set(COMPOSE["volumes"])


@pytest.mark.parametrize(
    ("variable", "scheme", "host"),
    [("LINER_ENGINE", "spark", "spark-master"), ("LINER_LOG", "kafka", "kafka"), ("LINER_STORE", "redis", "redis")],
)
def test_each_engine_is_where_the_settings_point(variable, scheme, host):
    url = urlsplit(SERVICES["driver"]["environment"][variable])
    assert (url.scheme, url.hostname) == (scheme, host)
    assert url.port in listens(host)


def test_workers_register_with_the_master_that_drivers_use():
    assert SERVICES["spark-worker"]["command"][-1] == SERVICES["driver"]["environment"]["LINER_ENGINE"]


def test_kafka_advertises_an_address_to_containers_and_one_to_the_host():
    bound, advertised = listeners("KAFKA_LISTENERS"), listeners("KAFKA_ADVERTISED_LISTENERS")
    assert {name: host for name, (host, _) in advertised.items()} == {"INTERNAL": "kafka", "EXTERNAL": "localhost"}
    assert f"kafka:{advertised['INTERNAL'][1]}" == urlsplit(SERVICES["driver"]["environment"]["LINER_LOG"]).netloc
    assert advertised["INTERNAL"][1] == bound["INTERNAL"][1]
    assert SERVICES["kafka"]["ports"] == [f"127.0.0.1:{advertised['EXTERNAL'][1]}:{bound['EXTERNAL'][1]}"]


@pytest.mark.parametrize("name", ["console", "driver"])
def test_the_commands_are_verbs_that_there_are(name):
    program, *words = SERVICES[name]["command"]
    assert program == "liner"
    assert callable(build_parser().parse_args(words).run)


def test_documented_compose_commands_name_profiles_and_services_that_exist():
    profiles = {profile for service in SERVICES.values() for profile in service.get("profiles", [])}
    texts = [path.read_text() for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docker-compose.yml")]
    commands = [command for text in texts for command in re.findall(r"docker compose ([^`\n]+)", text)]
    assert len(commands) > 1
    for command in commands:
        assert set(re.findall(r"--profile (\S+)", command)) <= profiles
        assert set(re.findall(r"\brun (?:--\S+ )*([\w-]+)", re.sub(r"--profile \S+", "", command))) <= set(SERVICES)


def test_the_image_installs_the_lock_by_its_hashes_and_nothing_else():
    assert all(is_exact(image) for image in instructions("FROM"))
    installs = re.findall(r"pip install ([^&\n]+)", DOCKERFILE)
    assert all("--no-deps" in install for install in installs)
    *locked, package = installs
    assert [install.split()[-3:] for install in locked] == [
        ["--require-hashes", "-r", f"{part}.lock"] for part in ("bootstrap", "base", "cluster")
    ]
    assert "--no-build-isolation" in package
    assert package.split()[-1] == "."


@pytest.mark.parametrize("part", ["bootstrap", "base", "cluster"])
def test_the_image_splits_the_lock_as_the_makefile_does(part):
    split = rf"^\s*(?:RUN |&& )?((?:awk|sed) .*?) > (?:\$\(VENV\)/)?{part}\.lock"
    makefile = (ROOT / "Makefile").read_text().replace("$$", "$")
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(split, dockerfile, re.MULTILINE) == re.findall(split, makefile, re.MULTILINE) != []


def test_the_image_runs_as_a_user_who_owns_the_lake():
    (user,) = instructions("USER")
    assert user not in ("root", "0")
    assert f"--owner {user}" in DOCKERFILE
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nCMD ")


def test_the_image_leaves_out_what_is_private_or_large_and_nothing_that_it_is_built_from():
    left_out = set((ROOT / ".dockerignore").read_text().split("\n"))
    assert {".git", ".venv", ".liner", "tests"} <= left_out
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert not left_out & {"pyproject.toml", "requirements.lock", "README.md", "LICENSE", *packages["packages"]}


def test_the_layout_is_the_one_that_ci_runs_without_docker():
    launched = re.findall(r"^ +launch (\w+) ", WITHOUT_DOCKER, re.MULTILINE)
    assert [re.sub("^(master|worker)$", r"spark-\1", name) for name in launched] == ENGINES
    version = re.search(r"^kafka=(\S+)$", WITHOUT_DOCKER, re.MULTILINE)[1]
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"
    assert f"-t {SERVICES['kafka']['environment']['CLUSTER_ID']} " in WITHOUT_DOCKER
    assert "--appendonly yes" in WITHOUT_DOCKER
    assert "--appendonly yes" in " ".join(SERVICES["redis"]["command"])
    for name in ("master", "worker"):
        shared = {"--cores", "--memory", f"org.apache.spark.deploy.{name}.{name.title()}"}
        words = SERVICES[f"spark-{name}"]["command"]
        for word, value in pairwise(words):
            if word in shared:
                assert word in WITHOUT_DOCKER
                assert not word.startswith("--") or f"{word} {value} " in WITHOUT_DOCKER


def test_the_broker_is_configured_as_in_ci():
    """Every property that is no address: those differ, since ports are free ones there and fixed ones here."""
    text = WITHOUT_DOCKER.split("<<PROPERTIES\n")[1].split("\nPROPERTIES")[0]
    wanted = dict(line.split("=", 1) for line in text.splitlines())
    for address in ("listeners", "advertised.listeners", "listener.security.protocol.map", "controller.quorum.voters"):
        del wanted[address]
    del wanted["log.dirs"]
    found = SERVICES["kafka"]["environment"]
    assert {key: found[f"KAFKA_{key.replace('.', '_').upper()}"] for key in wanted} == wanted
