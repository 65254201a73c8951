"""The Hugging Face Hub: what lies in its cache on this disk, and fetching what does not.

Only configuration, tokenizer and safetensors files are ever fetched: no pickles, no code. An
unreachable Hub is told within seconds. huggingface_hub is imported on first use.
"""

from __future__ import annotations

import errno
import re
import threading
from pathlib import Path
from typing import Final

from backend.errors import EncoderError
from backend.reporting import Report, silent

#: "owner/name"
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

#: *_config.json of modules in folders of their own are wanted too, so no folder is excluded
_WANTED: Final = ("*.json", "*.txt", "*.model", "*.safetensors")
_UNWANTED: Final = ("onnx/*", "openvino/*", "*/onnx/*")
_ANSWER_WITHIN_S: Final = 4.0
_LOOK_EVERY_S: Final = 0.3


def cached_folder(hub_id: str, revision: str | None) -> Path | None:
    """The snapshot on this disk that holds a configuration and some weights, or None."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(hub_id, "config.json", revision=revision)
    except HFValidationError:
        return None
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    return folder if any(folder.glob("*.safetensors")) else None


def fetch(
    hub_id: str, revision: str | None, report: Report = silent, endpoint: str | None = None
) -> Path:
    """Downloads a model's safe files into the Hub cache.

    Args:
        hub_id: "owner/name".
        revision: branch, tag or commit; None for the newest.
        report: told the megabytes so far; when it raises, the download is left to end by itself.
        endpoint: address of the Hub; None for the official one.

    Returns:
        The snapshot's folder, named by its commit.

    Raises:
        EncoderError: no such model, no permission, no connection, or nothing safe to load.
    """
    total = _announced(hub_id, revision, endpoint)
    result: list[Path | Exception] = []
    worker = threading.Thread(
        target=_download, args=(hub_id, revision, endpoint, result), daemon=True
    )
    worker.start()
    while worker.is_alive():
        report(0, total // 1_000_000, "megabytes to download")
        worker.join(_LOOK_EVERY_S)
    outcome = result[0]
    if isinstance(outcome, Exception):
        raise _explained(hub_id, outcome) from outcome
    return outcome


def _announced(hub_id: str, revision: str | None, endpoint: str | None) -> int:
    """The bytes of its safetensors files; raises EncoderError."""
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint).model_info(
            hub_id, revision=revision, files_metadata=True, timeout=_ANSWER_WITHIN_S
        )
    except Exception as error:  # the client's own errors and its transport's share no base
        raise _explained(hub_id, error) from error
    files = info.siblings or []
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        raise EncoderError(
            f"{hub_id} has no weights in the safetensors format, and pickled weights are never "
            "loaded because they can run code. Choose a revision that has model.safetensors."
        )
    return sum(file.size or 0 for file in files if file.rfilename.endswith(".safetensors"))


def _download(
    hub_id: str, revision: str | None, endpoint: str | None, result: list[Path | Exception]
) -> None:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            hub_id,
            revision=revision,
            endpoint=endpoint,
            allow_patterns=list(_WANTED),
            ignore_patterns=list(_UNWANTED),
        )
        result.append(Path(str(folder)))
    except Exception as error:
        result.append(error)


def _explained(hub_id: str, error: Exception) -> EncoderError:
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return EncoderError(
            f"{hub_id} is gated: accept its terms on the Hub and log in with `hf auth login`."
        )
    if isinstance(error, RevisionNotFoundError):
        return EncoderError(f"{hub_id} has no such revision. Check the revision's name.")
    if isinstance(error, RepositoryNotFoundError | HFValidationError):
        return EncoderError(f"There is no model {hub_id} on the Hub. Check the spelling of its id.")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return EncoderError(f"The disk is full while downloading {hub_id}. Free some space.")
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return EncoderError(
        f"{hub_id} is not on this disk and the Hub cannot be reached ({reason}). Check the "
        "connection and try again, or download it on another machine and give the path of its "
        "folder."
    )
