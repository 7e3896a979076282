"""The generated contract is current, valid by its own standards, and accepts what we really send."""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from jsonschema import Draft7Validator, Draft202012Validator, ValidationError

from schemas.export import asyncapi, documents, json_schema, render, write
from schemas.priority import Priority
from tests.conftest import absent
from tests.strategies import priorities

GENERATED = Path(__file__).parents[2] / "schemas" / "generated"
SPECS = "@asyncapi/specs@6.11.1"
SPECS_SHA256 = "01af8744dc33c0c7eb2e908f6a955319ee58b70ecadc9387d1aeb16c0cd28928"


@pytest.fixture(scope="session")
def official_schema(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """AsyncAPI's own JSON Schema of version 3.0.0, from its npm package."""
    npm = shutil.which("npm")
    if npm is None:
        absent("AsyncAPI's official schema is an npm package and npm is not installed")
    folder = tmp_path_factory.mktemp("asyncapi")
    packed = subprocess.run([npm, "pack", SPECS, "--silent"], cwd=folder, capture_output=True, text=True, timeout=120)
    if packed.returncode:
        absent(f"npm could not fetch {SPECS}: {packed.stderr[-300:]}")
    archive = (folder / packed.stdout.split()[-1]).read_bytes()
    assert hashlib.sha256(archive).hexdigest() == SPECS_SHA256
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return json.load(tar.extractfile("package/schemas/3.0.0.json"))


def test_the_generated_files_are_current(tmp_path: Path) -> None:
    fresh = {path.name: path.read_text("utf-8") for path in write(tmp_path)}
    kept = {path.name: path.read_text("utf-8") for path in GENERATED.iterdir()}
    assert kept == fresh, "run `severity schema export schemas/generated`"


def test_the_asyncapi_document_is_valid_by_its_official_schema(official_schema: dict) -> None:
    Draft7Validator(official_schema).validate(asyncapi())


def test_the_official_schema_catches_a_wrong_document(official_schema: dict) -> None:
    document = asyncapi()
    document["operations"]["receive-crime-reports"]["action"] = "get"
    with pytest.raises(ValidationError):
        Draft7Validator(official_schema).validate(document)


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = asyncapi()

    def visit(node: object) -> None:
        if isinstance(node, dict):
            target: object = document
            for part in node.get("$ref", "#").split("/")[1:]:
                target = target[part]  # a KeyError here is the failure
            for child in node.values():
                visit(child)
        elif isinstance(node, list):
            for child in node:
                visit(child)

    visit(document)


@pytest.mark.parametrize("name", [name for name in documents() if name != "asyncapi.json"])
def test_each_schema_is_valid_json_schema_2020_12(name: str) -> None:
    Draft202012Validator.check_schema(json.loads(render(documents()[name])))


@given(priorities)
def test_what_we_send_is_what_the_schema_says(priority: Priority) -> None:
    Draft202012Validator(json_schema(Priority)).validate(json.loads(priority.model_dump_json()))
