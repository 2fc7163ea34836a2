"""
What is shipped: the files of each function's package, and the layer of third-party packages.

A package holds the function's own folder, the shared code and the compiled playbook, by allow-list: an edit of a test
or of another function changes no package. Nothing here needs Docker.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda as lambda_
from constructs import Construct
from uv import find_uv_bin

from infra import botocore_data
from infra.names import ROOT
from shared import bundle
from shared.playbook import compile_playbook

LOCK = ROOT / "requirements" / "runtime.txt"

COMPILE_TIME_ONLY = ("shared/crawlers", "shared/playbook", "shared/mail_domains")
"""Starts of what only the compilation of a playbook needs: documents, lists, models a cold start must not pay."""

PYTHON = "3.13"
PLATFORM = "aarch64-manylinux2014"

LAYER = "/opt/python"
"""Where functions find what is in the layer."""


def package_files(name: str, playbook: str) -> dict[str, bytes]:
    """Return the files of the function's package: path within it to content."""
    found = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in _source_files(name)}
    found[f"shared/{bundle.FILE}"] = _packed(playbook)
    return found


def _source_files(name: str) -> Iterator[Path]:
    yield ROOT / "functions" / "__init__.py"
    for folder in (ROOT / "functions" / name, ROOT / "shared"):
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(ROOT).as_posix()
            generated = "__pycache__" in path.parts or path.name == bundle.FILE
            if path.is_file() and not generated and not place.startswith(COMPILE_TIME_ONLY):
                yield path


@cache
def compiled(playbook: str) -> dict[str, Any]:
    """Return the playbook of that name as the functions will read it."""
    return compile_playbook(ROOT / "shared" / "playbooks" / f"{playbook}.yaml")


def _packed(playbook: str) -> bytes:
    return json.dumps(compiled(playbook), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@cache
def _workshop() -> Path:
    """Return a folder that lives as long as this synthesis."""
    folder = tempfile.TemporaryDirectory(prefix="ripen-packages-")
    _KEPT_ALIVE.append(folder)
    return Path(folder.name)


_KEPT_ALIVE: list[tempfile.TemporaryDirectory[str]] = []


def function_code(name: str, playbook: str) -> lambda_.Code:
    """Return the function's package as an asset, named by its content."""
    folder = _workshop() / playbook / name
    for place, content in package_files(name, playbook).items():
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return lambda_.Code.from_asset(str(folder))


@jsii.implements(cdk.ILocalBundling)
class LockedWheels:
    """Unpacks the locked wheels of the target platform, whatever machine this is."""

    def try_bundle(self, output_dir: str, *_options: Any, **_more: Any) -> bool:
        target = Path(output_dir, "python")
        subprocess.run(
            [
                find_uv_bin(), "pip", "install", "--quiet", "--no-config", "--require-hashes", "--no-deps",
                "--only-binary", ":all:", "--python-platform", PLATFORM, "--python-version", PYTHON,
                "--target", str(target), "--requirement", str(LOCK),
            ],
            check=True,
        )  # fmt: skip
        botocore_data.slim(target / "botocore" / "data")
        for needless in [*target.glob("bin"), *target.rglob("tests"), *target.rglob("__pycache__"), target / ".lock"]:
            shutil.rmtree(needless) if needless.is_dir() else needless.unlink(missing_ok=True)
        python = target_python()
        if python is not None:
            write_bytecode(target, python)
        return True


@cache
def target_python() -> str | None:
    """Return an interpreter of the functions' version, if this machine has one."""
    wanted = [find_uv_bin(), "python", "find", "--no-config", "--no-project", "--no-python-downloads", PYTHON]
    found = subprocess.run(wanted, capture_output=True, text=True, check=False)
    return found.stdout.strip() if found.returncode == 0 else None


def write_bytecode(folder: Path, python: str) -> None:
    """
    Write the bytecode of every module, never to be checked against its source.

    Functions cannot write where the layer is: without this, each cold start compiles all that it imports.
    """
    how = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", LAYER]
    subprocess.run([python, *how, str(folder)], check=True)


def dependency_layer(scope: Construct, construct_id: str) -> lambda_.LayerVersion:
    """Return the layer of third-party packages, named by its lock file and by what is left out of them."""
    made_of = (LOCK.read_bytes(), Path(botocore_data.__file__).read_bytes(), PLATFORM.encode(), PYTHON.encode())
    lock = hashlib.sha256(b"".join(made_of) + str(target_python() is not None).encode()).hexdigest()
    return lambda_.LayerVersion(
        scope,
        construct_id,
        description="Third-party packages of requirements/runtime.txt",
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
        compatible_architectures=[lambda_.Architecture.ARM_64],
        code=lambda_.Code.from_asset(
            str(LOCK.parent),
            exclude=["*", f"!{LOCK.name}"],
            asset_hash=lock,
            asset_hash_type=cdk.AssetHashType.CUSTOM,
            bundling=cdk.BundlingOptions(
                image=cdk.DockerImage.from_registry("never-used"),  # required by the type; the local way never declines
                local=LockedWheels(),
            ),
        ),
    )
