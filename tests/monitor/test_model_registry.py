"""Deployed posteriors in an MLflow registry, kept in a local SQLite store."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import learning_debt as ld
from learning_debt.errors import RegistryError
from learning_debt.monitor.model_registry import MlflowRegistry

mlflow = pytest.importorskip("mlflow")
FIRST, SECOND = "0f" * 32, "a1" * 32


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Address of a store, made once: its tables take seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture
def client(store):
    return mlflow.MlflowClient(store, store)


@pytest.fixture
def registry(store, request, tmp_path):
    name = request.node.name.replace("[", " ").replace("]", "")
    return MlflowRegistry(name, tracking_uri=store, experiment=name, artifact_location=(tmp_path / "runs").as_uri())


@pytest.fixture
def posterior(tmp_path):
    path = tmp_path / "deployed.nc"
    draws = xr.Dataset({"beta": (("chain", "draw"), np.random.default_rng(1).normal(size=(2, 50)))})
    xr.DataTree.from_dict({"posterior": draws}).to_netcdf(path, engine="h5netcdf")
    return path


@pytest.mark.slow
def test_a_redeploy_registers_and_a_rollback_moves_the_alias_back(registry, client, posterior, tmp_path):
    first = registry.serve(posterior, FIRST, tags={"label": "2026-10", "reason": "the debt is large"})
    other = tmp_path / "retrained.nc"
    other.write_bytes(b"another posterior")
    second = registry.serve(other, SECOND)
    assert (first.version, first.new, second.version, second.new) == ("1", True, "2", True)
    serving = client.get_model_version_by_alias(registry.model, "deployed")
    assert int(serving.version) == 2
    assert serving.tags["learning_debt_receipt"] == SECOND

    back = registry.serve(posterior, FIRST)
    assert (back.version, back.new) == ("1", False)
    serving = client.get_model_version_by_alias(registry.model, "deployed")
    assert int(serving.version) == 1
    assert serving.tags == {
        "label": "2026-10",
        "reason": "the debt is large",
        "learning_debt_receipt": FIRST,
        "learning_debt_sha256": hashlib.sha256(posterior.read_bytes()).hexdigest(),
        "learning_debt_version": ld.__version__,
    }
    assert len(client.search_model_versions(f"name = '{registry.model}'")) == 2


@pytest.mark.slow
def test_what_is_registered_can_be_fetched_and_opened(registry, client, posterior, tmp_path):
    registry.serve(posterior, FIRST)
    run = client.get_model_version_by_alias(registry.model, "deployed").run_id
    (tmp_path / "fetched").mkdir()
    folder = Path(client.download_artifacts(run, "posterior", str(tmp_path / "fetched")))
    assert (folder / "deployed.nc").read_bytes() == posterior.read_bytes()
    with xr.open_datatree(folder / "deployed.nc", engine="h5netcdf") as tree:
        assert tree["posterior"]["beta"].sizes == {"chain": 2, "draw": 50}


@pytest.mark.slow
def test_serving_again_changes_nothing(registry, client, posterior):
    for _ in range(3):
        registry.serve(posterior, FIRST)
    assert len(client.search_model_versions(f"name = '{registry.model}'")) == 1


@pytest.mark.slow
@pytest.mark.parametrize("step", ["log_artifact", "create_registered_model", "create_model_version"])
@pytest.mark.parametrize("failure", [OSError("no room left"), mlflow.exceptions.MlflowException("refused")])
def test_a_registry_that_fails_says_so_and_the_next_call_mends_it(
    registry, client, posterior, monkeypatch, step, failure
):
    def fails(*_, **__):
        raise failure

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, step, fails)
        with pytest.raises(RegistryError, match=f"{FIRST[:12]} as .*{failure}.*the ledger's deployment stands"):
            registry.serve(posterior, FIRST)
    assert registry.serve(posterior, FIRST).new
    assert client.get_model_version_by_alias(registry.model, "deployed").tags["learning_debt_receipt"] == FIRST


@pytest.mark.slow
def test_the_name_of_a_series_takes_its_place_in_the_models_name(store, client, posterior, tmp_path):
    registry = MlflowRegistry("sales-{series}", tracking_uri=store, artifact_location=(tmp_path / "runs").as_uri())
    assert registry.serve(posterior, FIRST, series="north/1").model == "sales-north%2F1"
    assert registry.serve(posterior, FIRST, series="south").model == "sales-south"
    assert int(client.get_model_version_by_alias("sales-south", "deployed").version) == 1
    assert int(client.get_model_version_by_alias("sales-north%2F1", "deployed").version) == 1


@pytest.mark.slow
def test_a_store_that_cannot_be_reached_is_a_registry_error(tmp_path, posterior):
    (tmp_path / "file").write_text("no folder")
    registry = MlflowRegistry("sales", tracking_uri=f"sqlite:///{tmp_path}/file/mlflow.db")
    with pytest.raises(RegistryError, match="the ledger's deployment stands"):
        registry.serve(posterior, FIRST)


def test_without_mlflow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r"extra 'mlflow'\): pip install 'mlflow-skinny>=3\.1'"):
        MlflowRegistry("sales")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"model": ""}, ValueError, "model must be text, not empty"),
        ({"model": 3}, TypeError, "model must be text"),
        ({"model": "a/b"}, ValueError, "model must be a name without '/'"),
        ({"model": "a' or name like '%"}, ValueError, 'model must be a name without "\'"'),
        ({"alias": "latest"}, ValueError, "alias must be letters"),
        ({"alias": "v3"}, ValueError, "alias must be letters"),
        ({"alias": "in service"}, ValueError, "alias must be letters"),
        ({"tracking_uri": 3}, TypeError, "tracking_uri must be an address"),
    ],
)
def test_what_mlflow_would_not_take_is_refused(given, error, message):
    with pytest.raises(error, match=message):
        MlflowRegistry(**{"model": "sales"} | given)


def test_what_is_no_receipt_or_no_file_is_refused(posterior, tmp_path):
    registry = MlflowRegistry("sales", tracking_uri="sqlite:////nowhere/mlflow.db")
    with pytest.raises(ValueError, match="receipt must be a receipt of the ledger"):
        registry.serve(posterior, "' or '1' = '1")
    with pytest.raises(ValueError, match="posterior must be a file; there is none"):
        registry.serve(tmp_path / "nothing.nc", FIRST)
