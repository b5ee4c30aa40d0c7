"""The deployed posterior in an MLflow model registry: a version for each, and an alias on the one that serves.

The ledger is what counts, and the registry follows it. `MlflowRegistry.serve` brings the registry in line with what the
ledger says is deployed, after a redeploy and after a rollback alike, and may be called again at any time.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from learning_debt.errors import RegistryError
from learning_debt.validation import describe, require_instance, require_text

FOLDER = "posterior"
RECEIPT, CONTENT, VERSION = "learning_debt_receipt", "learning_debt_sha256", "learning_debt_version"
SERIES = "{series}"
UNNAMEABLE = r"[%/:'\"`\\]"
"""What a model's name may not hold; in the name of a series it is percent-encoded, so that no two become one."""
LONGEST_TAG = 500


class RegisteredVersion(NamedTuple):
    """A version of a registered model, on which the alias is.

    Attributes
    ----------
    model, version, alias : str
    new : bool
        Whether it had to be registered; False where its receipt was there already.
    """

    model: str
    version: str
    alias: str
    new: bool


@dataclass(frozen=True)
class MlflowRegistry:
    """A registered model of MLflow whose versions are deployed posteriors.

    Parameters
    ----------
    model : str
        Name of the registered model, made where it is not there. ``{series}`` in it stands for the name of a series.
    alias : str
        Moved to the version that serves.
    tracking_uri, registry_uri : str, optional
        Where MLflow keeps its runs and models; default: what MLflow itself is set to (``MLFLOW_TRACKING_URI``). Give no
        password in it: MLflow reads ``MLFLOW_TRACKING_USERNAME`` and its kin.
    experiment : str
        In which the runs that carry the files are.
    artifact_location : str, optional
        Where files go if the experiment has to be made; default: the server's choice.

    Raises
    ------
    ImportError
        Without MLflow, the extra ``mlflow``.
    TypeError, ValueError
        If an argument is no text that MLflow takes.

    Notes
    -----
    How long a server that does not answer is waited for is MLflow's setting: ``MLFLOW_HTTP_REQUEST_TIMEOUT`` and
    ``MLFLOW_HTTP_REQUEST_MAX_RETRIES``.
    """

    model: str
    alias: str = "deployed"
    tracking_uri: str | None = None
    registry_uri: str | None = None
    experiment: str = "learning-debt"
    artifact_location: str | None = None

    def __post_init__(self) -> None:
        for name in ("model", "alias", "experiment"):
            require_text(name, getattr(self, name))
        for name in ("tracking_uri", "registry_uri", "artifact_location"):
            if getattr(self, name) is not None:
                require_text(name, getattr(self, name), "an address, or left out")
        wrong = re.search(UNNAMEABLE, self.model)
        if wrong:
            raise ValueError(f"model must be a name without {wrong[0]!r}, not {describe(self.model)}")
        if not re.fullmatch(r"[\w-]+", self.alias, flags=re.ASCII) or re.fullmatch(r"[vV]\d+|latest", self.alias):
            raise ValueError(
                f"alias must be letters, digits, - and _, and not 'latest' or like 'v1'; it is {describe(self.alias)}"
            )
        _mlflow()

    def serve(
        self, posterior: Path, receipt: str, *, series: str = "", tags: Mapping[str, Any] | None = None
    ) -> RegisteredVersion:
        """Put the alias on the version of a receipt, which is registered first if it is not there.

        Parameters
        ----------
        posterior : path
            The file, kept as it is as the version's artefact.
        receipt : str
            Of the deployment, in hexadecimal: the version's tag ``learning_debt_receipt``, by which it is found again.
        series : str
            Takes the place of ``{series}`` in the model's name, percent-encoded where MLflow takes no such letter.
        tags : mapping of str to object, optional
            More tags, such as the label it was trained after and the reason; long ones are cut.

        Raises
        ------
        RegistryError
            If MLflow refuses or cannot be reached; nothing that was deployed in the ledger changes by that.
        TypeError, ValueError
            If there is no such file, or `receipt` is none.
        """
        require_instance("posterior", posterior, (str, Path), "a path")
        path = Path(posterior)
        if not path.is_file():
            raise ValueError(f"posterior must be a file; there is none at {path}")
        if not re.fullmatch(r"[0-9a-f]+", require_text("receipt", receipt, "a receipt of the ledger")):
            raise ValueError(f"receipt must be a receipt of the ledger, in hexadecimal, not {describe(receipt)}")
        model = self.model.replace(SERIES, re.sub(UNNAMEABLE, lambda found: f"%{ord(found[0]):02X}", series))
        said = {str(name): str(text)[:LONGEST_TAG] for name, text in (tags or {}).items()}
        try:
            return self._served(model, path, receipt, said)
        except Exception as error:  # MLflow's own, and those of whatever it keeps its runs with
            raise RegistryError(
                f"MLflow did not take receipt {receipt[:12]} as {model!r}: {type(error).__name__}: {_one_line(error)}; "
                "the ledger's deployment stands"
            ) from error

    def _served(self, model: str, path: Path, receipt: str, tags: Mapping[str, str]) -> RegisteredVersion:
        client = _mlflow().MlflowClient(self.tracking_uri, self.registry_uri)
        known = client.search_model_versions(f"name = '{model}' and tags.{RECEIPT} = '{receipt}'")
        if known:
            version = str(min(int(each.version) for each in known))
        else:
            version = self._registered(client, model, path, receipt, tags)
        client.set_registered_model_alias(model, self.alias, version)
        return RegisteredVersion(model, version, self.alias, not known)

    def _registered(self, client: Any, model: str, path: Path, receipt: str, tags: Mapping[str, str]) -> str:
        """A new version: a run with the file, then the version that points to it."""
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        ours = {RECEIPT: receipt, CONTENT: content, VERSION: version("learning-debt")}
        run = client.create_run(self._experiment(client), run_name=f"{model} {receipt[:12]}", tags={**tags, **ours})
        try:
            client.log_artifact(run.info.run_id, str(path), FOLDER)
        except BaseException:
            client.set_terminated(run.info.run_id, "FAILED")
            raise
        client.set_terminated(run.info.run_id)
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model)
        source = f"runs:/{run.info.run_id}/{FOLDER}"
        return str(client.create_model_version(model, source, run.info.run_id, tags={**tags, **ours}).version)

    def _experiment(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment, self.artifact_location))
        return str(found.experiment_id)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST_TAG]


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError as error:
        raise ImportError(
            "MlflowRegistry needs MLflow (this package's extra 'mlflow'): pip install 'mlflow-skinny>=3.1'"
        ) from error
    return mlflow
