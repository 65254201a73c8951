"""The Hugging Face Hub: what lies in its cache on this disk, and fetching what does not.

Only configuration, tokenizer and safetensors files are ever fetched: no pickles, no code. An
unreachable Hub is told within seconds. huggingface_hub is imported on first use.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from backend.errors import EncoderError
from backend.reporting import Report, silent

#: "owner/name"
HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")

#: configurations and tokenizers, of modules in folders of their own, too
_SMALL: Final = (".json", ".txt", ".model", ".jinja")
#: the same model in formats that are not used here
_OTHER_FORMATS: Final = frozenset({"onnx", "openvino", "coreml", "original", "gguf"})
#: one file, or shards; anything else (other precisions, other programs' names) is a copy
_WHOLE: Final = "model.safetensors"
_SHARD: Final = re.compile(r"model-\d+-of-\d+\.safetensors")
#: weights of a module of sentence-transformers
_MODULE: Final = re.compile(r"\d+_\w+/model\.safetensors")
#: who converts pickles on the Hub's own machines, and what its pull requests are called
_ROBOT: Final = "SFconvertbot"
_CONVERSION: Final = "Adding `safetensors` variant of this model"
#: under refs/ in the cache: which conversion was taken for a commit
_OURS: Final = "isthmus"
_ANSWER_WITHIN_S: Final = 4.0
_LOOK_EVERY_S: Final = 0.3

T = TypeVar("T")


def cached_folder(hub_id: str, revision: str | None) -> Path | None:
    """The snapshot on this disk that holds a configuration and some weights, or None.

    Without a revision it is that of the main branch. Where a revision has pickled weights alone, it
    is the Hub's own conversion of it (:func:`fetch`).
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    names = (revision, f"{_OURS}/{revision}") if revision else (None, *_cached_conversions(hub_id))
    for name in names:
        try:
            found = try_to_load_from_cache(hub_id, "config.json", revision=name)
        except HFValidationError:
            return None
        folder = Path(found).parent if isinstance(found, str) else None
        if folder is not None and any(folder.glob("*.safetensors")):
            return folder
    return None


def _cached_conversions(hub_id: str) -> list[str]:
    """Pull requests that were downloaded before, as fetch() does with conversions alone."""
    return sorted(f"refs/pr/{path.name}" for path in _cache_folder(hub_id).glob("refs/refs/pr/*"))


def _cache_folder(hub_id: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    return Path(HF_HUB_CACHE, repo_folder_name(repo_id=hub_id, repo_type="model"))


def fetch(
    hub_id: str, revision: str | None, report: Report = silent, endpoint: str | None = None
) -> Path:
    """Downloads a model's safe files into the Hub cache.

    Where a revision has pickled weights alone, the Hub's own robot has often converted them: its
    pull request is taken if it is made of that very commit.

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
    unit = "megabytes to download"
    taken, sizes = _patiently(
        partial(_announced, hub_id, revision, endpoint), lambda: report(0, 0, unit)
    )
    total, before = _of_weights(sizes), _cached_bytes(hub_id)

    def tell() -> None:
        done = min(_cached_bytes(hub_id) - before, total)
        report(done // 1_000_000, total // 1_000_000, unit)

    folder = _patiently(partial(_download, hub_id, taken, endpoint, sorted(sizes)), tell)
    if revision is not None and taken != revision:
        # so that the pinned commit's conversion is found again, and no other's
        reference = _cache_folder(hub_id) / "refs" / _OURS / revision
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(folder.name)
    return folder


def _patiently(call: Callable[[], T], on_wait: Callable[[], None]) -> T:
    """Makes a long call in a thread that ends with the process; tells meanwhile."""
    found: list[T] = []
    wrong: list[Exception] = []

    def run() -> None:
        try:
            found.append(call())
        except Exception as error:
            wrong.append(error)

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    while worker.is_alive():
        on_wait()
        worker.join(_LOOK_EVERY_S)
    if wrong:
        raise wrong[0]
    return found[0]


def _cached_bytes(hub_id: str) -> int:
    """Of a model in the Hub's cache, what has arrived of unfinished files too."""
    size = 0
    for path in _cache_folder(hub_id).glob("blobs/*"):
        with suppress(OSError):  # renamed when it was complete
            size += path.stat().st_size
    return size


def remote_size(hub_id: str, revision: str | None = None, endpoint: str | None = None) -> int:
    """The bytes of the weights that :func:`fetch` would download; asks the Hub.

    Raises:
        EncoderError: as :func:`fetch`.
    """
    return _of_weights(_announced(hub_id, revision, endpoint)[1])


def _of_weights(sizes: dict[str, int]) -> int:
    return sum(size for name, size in sizes.items() if name.endswith(".safetensors"))


def _announced(
    hub_id: str, revision: str | None, endpoint: str | None
) -> tuple[str | None, dict[str, int]]:
    """The revision to take, and the wanted files with their bytes; raises EncoderError."""
    sizes = _listed(hub_id, revision, endpoint)
    if not _weights(sizes):
        revision = _conversion(hub_id, revision, endpoint)
        sizes = _listed(hub_id, revision, endpoint) if revision else {}
    weights = _weights(sizes)
    if not weights:
        raise EncoderError(
            f"{hub_id} has no weights in the safetensors format, and pickled weights are never "
            "loaded because they can run code. Choose a revision that has model.safetensors."
        )
    return revision, {n: size for n, size in sizes.items() if n in weights or _is_small(n)}


def _listed(hub_id: str, revision: str | None, endpoint: str | None) -> dict[str, int]:
    """All files of a revision with their bytes; raises EncoderError."""
    from huggingface_hub import HfApi

    try:
        info = HfApi(endpoint=endpoint).model_info(
            hub_id, revision=revision, files_metadata=True, timeout=_ANSWER_WITHIN_S
        )
    except Exception as error:  # the client's own errors and its transport's share no base
        raise _explained(hub_id, error) from error
    return {file.rfilename: file.size or 0 for file in info.siblings or []}


def _conversion(hub_id: str, revision: str | None, endpoint: str | None) -> str | None:
    """The robot's open pull request that adds safetensors to a revision, or None.

    Source: transformers.safetensors_conversion, which finds it in the same way; anybody may open a
    pull request of that title, so its author counts.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint)
    try:
        wanted = api.list_repo_commits(hub_id, revision=revision)[0].commit_id
        asked = api.get_repo_discussions(
            hub_id, author=_ROBOT, discussion_type="pull_request", discussion_status="open"
        )
        for request in asked:
            if request.author != _ROBOT or request.title != _CONVERSION:
                continue
            reference = f"refs/pr/{request.num}"
            commits = api.list_repo_commits(hub_id, revision=reference)
            if len(commits) > 1 and commits[1].commit_id == wanted:
                return reference
    except Exception as error:
        raise _explained(hub_id, error) from error
    return None


def _weights(names: Iterable[str]) -> set[str]:
    """The safetensors files that make up one model, without its copies."""
    listed = set(names)
    whole = {_WHOLE} & listed or {name for name in listed if _SHARD.fullmatch(name)}
    return whole | {name for name in listed if _MODULE.fullmatch(name)}


def _is_small(name: str) -> bool:
    return name.endswith(_SMALL) and not _OTHER_FORMATS.intersection(name.split("/")[:-1])


def _download(hub_id: str, revision: str | None, endpoint: str | None, names: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    # in a pattern a bracket would begin a set of characters
    patterns = [name.replace("[", "[[]") for name in names]
    try:
        folder = snapshot_download(
            hub_id, revision=revision, endpoint=endpoint, allow_patterns=patterns
        )
    except Exception as error:
        raise _explained(hub_id, error) from error
    return Path(str(folder))


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
