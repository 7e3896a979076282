"""docker-compose.yml by its text: what every service promises, and who may see which secret. `deploy/check` runs it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
ONE_SHOT = {"ha", "topics", "keys"}
FORBIDDEN = {"privileged", "cap_add", "devices", "pid", "ipc", "userns_mode", "pull_policy"}

each_service = pytest.mark.parametrize("name", SERVICES)


@each_service
def test_a_service_runs_as_nobody_of_importance_and_can_write_to_its_volumes_alone(name: str) -> None:
    service = SERVICES[name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0
    assert group.isdigit()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not FORBIDDEN & service.keys()
    assert service.get("network_mode", "none") == "none"


@each_service
def test_a_service_is_bounded_in_memory_processors_processes_and_log(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    assert SERVICES[name]["logging"]["options"].keys() == {"max-size", "max-file"}


@each_service
def test_a_service_says_whether_it_is_well_and_one_that_ends_is_waited_for(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
        assert service["healthcheck"] == {"disable": True}
        waits = [other.get("depends_on", {}).get(name, {}).get("condition") for other in SERVICES.values()]
        assert "service_completed_successfully" in waits
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
        assert "start_interval" not in service["healthcheck"]


@each_service
def test_what_is_published_is_published_on_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


@each_service
def test_a_folder_of_the_checkout_is_never_written_to(name: str) -> None:
    for volume in SERVICES[name].get("volumes", []):
        if volume.startswith("."):
            assert volume.endswith(":ro"), volume


@each_service
def test_an_image_can_be_chosen_and_has_a_tag(name: str) -> None:
    assert re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[a-z/]+:[a-z0-9.]+\}", SERVICES[name]["image"])


def test_the_signing_key_is_the_trainers_alone_and_only_its_maker_may_write_it() -> None:
    assert _mounts("signing-key") == {"keys": False, "trainer": True}


def test_scorers_can_read_the_releases_and_the_public_keys_and_change_neither() -> None:
    assert _mounts("releases") == {"scorer-1": True, "scorer-2": True, "trainer": False}
    assert _mounts("public-keys") == {"keys": False, "scorer-1": True, "scorer-2": True}


def test_what_a_service_compiled_is_loaded_by_no_other() -> None:
    states = [volume for each in SERVICES.values() for volume in each.get("volumes", []) if "/severity/state" in volume]
    assert len(states) == len(set(states)) == 3


def test_scorers_differ_in_their_slot_and_their_volume_alone() -> None:
    one, other = SERVICES["scorer-1"], SERVICES["scorer-2"]
    assert one["environment"].pop("SEVERITY_KAFKA__SLOT") != other["environment"].pop("SEVERITY_KAFKA__SLOT")
    for scorer, name in ((one, "scorer-1"), (other, "scorer-2")):
        scorer["volumes"].remove(f"{name}:/var/lib/severity/state")
    assert one == other


def test_a_profile_names_what_it_adds_and_the_rest_starts_without_one() -> None:
    profiles = {name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service}
    assert profiles == {
        "kafka-2": ["ha"],
        "kafka-3": ["ha"],
        "ha": ["ha"],
        "cad": ["demo"],
        "grafana": ["grafana"],
    }


def test_brokers_are_reached_from_within_alone() -> None:
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    assert networks["bus"] == {"internal": True}
    for name in ("kafka-1", "kafka-2", "kafka-3"):
        assert SERVICES[name]["networks"].keys() == {"bus"}


def test_the_image_has_the_versions_that_were_tested() -> None:
    image, tested = (_locked(ROOT / name) for name in ("requirements-image.lock", "requirements.lock"))
    assert image <= tested
    assert {line.split("==")[0] for line in image} >= {"confluent-kafka", "scikit-learn", "numba", "deltalake"}


def test_the_image_is_built_from_every_package_and_from_nothing_that_may_be_secret() -> None:
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert first == "*"
    allowed = {line[1:] for line in rest if line.startswith("!")}
    assert allowed == {
        *packages["packages"],
        *("LICENSE", "README.md", "pyproject.toml", "requirements-image.lock", "deploy/compose"),
    }


def test_the_image_names_no_registry_and_no_syntax_of_its_own() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for forbidden in ("# syntax", "@sha256", "://", "--mount"):
        assert forbidden not in dockerfile


def _mounts(volume: str) -> dict[str, bool]:
    """Who mounts it, and whether to read alone."""
    return {
        name: mount.endswith(":ro")
        for name, service in SERVICES.items()
        for mount in service.get("volumes", [])
        if mount.split(":")[0] == volume
    }


def _locked(path: Path) -> set[str]:
    return {line.removesuffix(" \\") for line in path.read_text().splitlines() if "==" in line}
