"""What the layer leaves out and adds: botocore's data of our services alone, and bytecode."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest

from infra.botocore_data import SERVICES, slim
from infra.names import ROOT
from infra.packages import write_bytecode
from tests.infra import calls


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Botocore's data as the layer ships it."""
    folder = tmp_path_factory.mktemp("layer") / "data"
    shutil.copytree(Path(botocore.loaders.__file__).parent / "data", folder)
    slim(folder)
    return folder


def test_the_layer_has_the_data_of_every_client_a_function_makes_and_of_no_other(data):
    assert set(SERVICES) == set(calls.SERVICES.values())
    made = set(re.findall(r'_client\("(\w+)"', (ROOT / "shared/aws/clients.py").read_text(encoding="utf-8")))
    assert made - set(SERVICES) == {"cloudformation", "lambda"}  # the command line's, which runs where it is installed
    assert {path.name for path in data.iterdir() if path.is_dir()} == set(SERVICES)
    assert sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) < 800_000


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_of_slim_data_is_the_client_of_all_data_without_the_words(data, service):
    slim_session, whole = botocore.session.Session(), botocore.session.Session()
    loader = botocore.loaders.Loader([str(data)], include_default_search_paths=False)
    slim_session.register_component("data_loader", loader)
    ours, theirs = (
        each.create_client(service, region_name="eu-north-1", aws_access_key_id="a", aws_secret_access_key="b")
        for each in (slim_session, whole)
    )
    assert ours.meta.endpoint_url == theirs.meta.endpoint_url
    assert ours.meta.config.signature_version == theirs.meta.config.signature_version
    assert ours.meta.method_to_api_mapping == theirs.meta.method_to_api_mapping
    for operation in ours.meta.method_to_api_mapping.values():
        one, other = (each.meta.service_model.operation_model(operation) for each in (ours, theirs))
        assert (one.http, _names(one.error_shapes)) == (other.http, _names(other.error_shapes))
        assert _members(one.input_shape) == _members(other.input_shape)
        assert _members(one.output_shape) == _members(other.output_shape)


def _names(shapes):
    return [shape.name for shape in shapes]


def _members(shape):
    return {} if shape is None else {name: each.type_name for name, each in shape.members.items()}


def test_bytecode_of_the_layer_is_read_without_a_look_at_its_source(tmp_path):
    (tmp_path / "said.py").write_text("WORD = 'compiled'")
    write_bytecode(tmp_path, sys.executable)
    (tmp_path / "said.py").write_text("WORD = 'changed since'")
    done = subprocess.run(
        [sys.executable, "-c", "import json, said; print(json.dumps([said.WORD, said.__cached__]))"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    word, cached = json.loads(done.stdout)
    assert word == "compiled"
    assert cached == importlib.util.cache_from_source(str(tmp_path / "said.py"))
