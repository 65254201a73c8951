"""A run whose vectors are in Milvus, from its making to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.checkup import examine
from backend.errors import NotFound, StorageError
from backend.runs.pipeline import run_pipeline
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.asking import ask
from tests.integration.home import Home

pytest.importorskip("milvus_lite", reason="milvus-lite is not installed (requirements-milvus.txt)")


def test_a_run_is_searched_in_milvus_and_leaves_nothing_there(
    place: Home, small: RunRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_VECTOR_STORE", "milvus.db")
    settings = Settings()
    run_id = run_pipeline(settings, place.store, small, with_map=False).summary.id
    assert len(list((home / "milvus.db").glob("*.db"))) == 2
    services = Services(settings)
    hits = ask(services, run_id, "red beside blue").hits
    note = services.index_notes(run_id)["image"]
    assert (note.kind, note.exact) == ("milvus", True)

    monkeypatch.delenv("ISTHMUS_VECTOR_STORE")
    plain = Services(Settings())
    with pytest.raises(NotFound, match="being built again"):
        ask(plain, run_id, "red beside blue")
    plain.stop()
    monkeypatch.setenv("ISTHMUS_VECTOR_STORE", "http://127.0.0.1:1")
    # one that is to be there, and one that is to be brought there
    for kind in ("milvus", "flat"):
        facts = settings.indexes_dir / run_id / "image" / "index.json"
        facts.write_text(facts.read_text().replace('"milvus"', f'"{kind}"'))
        far = Services(Settings())
        with pytest.raises(StorageError, match="http://127.0.0.1:1 does not answer"):
            ask(far, run_id, "red beside blue")
        far.stop()
    looked_at = {each.what: each for each in examine(Settings())}["vector store"]
    assert not looked_at.fine and "http://127.0.0.1:1 does not answer" in looked_at.detail

    again = [hit.item.id for hit in ask(services, run_id, "red beside blue").hits]
    assert again == [hit.item.id for hit in hits]
    services.delete(run_id)
    assert list((home / "milvus.db").iterdir()) == []
    services.stop()
