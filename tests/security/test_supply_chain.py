"""What we ship: pinned to its hashes, listed in a bill of materials, and asked about."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy"))

from audit import CLEAN, UNKNOWN, WEAK, verdict  # noqa: E402 - a script, no package

FILES = ("constraints.txt", "constraints-dev.txt", "constraints-audit.txt")


def pinned(file: str) -> dict[str, tuple[str, int]]:
    """Each package of a file, with its version and the number of its hashes."""
    text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = re.match(r"([a-z0-9][a-z0-9._-]*)==(\S+)", line)
            assert match, f"{file}: {line[:60]} is not pinned"
            found[match[1]] = (match[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", line)))
    return found


@pytest.mark.parametrize("file", FILES)
def test_every_file_we_install_is_known_by_its_hash(file: str):
    """One version each, at least one SHA-256, and no index, no address, no local path beside them."""
    packages = pinned(file)
    assert len(packages) > 20
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []
    assert not re.search(r"https?:|file:|git\+|--index-url|--extra-index|--find-links", (ROOT / file).read_text())


def test_all_that_pyproject_asks_for_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]

    def names(wanted: list[str]) -> set[str]:
        return {re.split(r"[\[<>=!~; ]", each)[0].lower().replace("_", "-") for each in wanted}

    shipped, others = pinned("constraints.txt"), pinned("constraints-dev.txt")
    assert names(project["dependencies"]) <= shipped.keys()
    assert names(extras["dev"]) <= shipped.keys() | others.keys()
    # A package that is in both files would be installed in one version and tested in another.
    assert shipped.keys() & others.keys() == set()


def test_nothing_is_installed_without_its_hash():
    """Wherever we install for ourselves, pip is told to refuse what it does not know."""
    for file in ("Makefile", "deploy/docker/Dockerfile"):
        text = (ROOT / file).read_text(encoding="utf-8").replace("\\\n", " ")
        for command in re.findall(r"pip install [^\n|&;]*", text):
            is_ours = "--no-index" in command or "-e ." in command
            # The tool that writes the pins cannot be pinned by them.
            assert "--require-hashes" in command or is_ours or command.strip().endswith("uv"), command


def test_what_is_tested_is_what_is_pinned():
    for name, (pin, _) in pinned("constraints.txt").items():
        if name in ("fastapi", "pydantic", "sqlalchemy", "asyncpg", "aiokafka", "cryptography", "pyjwt", "httpx"):
            assert version(name) == pin


@pytest.mark.long
def test_the_bill_of_materials_names_what_is_pinned():
    """CycloneDX 1.6 by its own schema: every package, its version, its hashes, and where it comes from."""
    subprocess.run(["make", "-s", "sbom"], cwd=ROOT, check=True, timeout=300)
    bill = json.loads((ROOT / "build" / "tam.cdx.json").read_bytes())

    assert list(_validator().iter_errors(bill)) == []
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "tam"
    found = {each["name"].lower(): each for each in bill["components"]}
    shipped = pinned("constraints.txt")
    assert {name: each["version"] for name, each in found.items()} == {name: pin for name, (pin, _) in shipped.items()}
    for name, each in found.items():
        assert each["purl"].startswith("pkg:pypi/")
        hashes = [one for way in each["externalReferences"] for one in way.get("hashes", ())]
        assert len({one["content"] for one in hashes}) == shipped[name][1]
    assert not re.search(r"/root|/home|/tmp", json.dumps(bill))


def _validator() -> Any:
    """The schema of CycloneDX, as the tool brings it."""
    (folder,) = (ROOT / ".cache" / "audit").glob("lib/python*/site-packages/cyclonedx/schema/_res")
    names = ("bom-1.6", "jsf-0.82", "spdx", "cryptography-defs")
    files = {name: json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_bytes()) for name in names}
    schema = files["bom-1.6"]
    base = schema["$id"].rpartition("/")[0]
    registry: Any = Registry().with_resources(
        (f"{base}/{name}.SNAPSHOT.schema.json", Resource.from_contents(each)) for name, each in files.items()
    )
    return Draft7Validator(schema, registry=registry)


def test_an_audit_that_could_ask_nobody_is_no_clean_bill():
    """pip-audit ends with 0 when it found no package in its database: that is told apart from having found nothing."""
    clean = {"name": "httpx", "version": "1", "vulns": []}
    weak = {"name": "jinja2", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    skipped = {"name": "orjson", "skip_reason": "not found"}

    assert verdict([clean]) == (CLEAN, ["Known weaknesses: 0 in 1 of 1 packages that could be looked up."])
    assert verdict([clean, skipped])[0] == UNKNOWN
    assert verdict([])[0] == UNKNOWN
    assert "nothing was checked" in verdict([skipped])[1][0]
    code, said = verdict([clean, weak, skipped])
    assert code == WEAK
    assert said[0] == "jinja2 1: PYSEC-1, mended in 2"
