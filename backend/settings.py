"""Settings: environment variables ISTHMUS_*, read here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.memory import memory

#: the checkout, where the committed data/demo/ lies
REPOSITORY = Path(__file__).resolve().parent.parent

#: of the machine's memory, what open indexes may take where nothing else is set; and where it cannot be told
_INDEX_SHARE = 4
_INDEX_BYTES = 2 * 1024**3
_MEGABYTE = 1024**2
_SERVERS = ("http://", "https://", "tcp://")


class Settings(BaseSettings):
    """Where things are kept and what is allowed. Every field is an environment variable ISTHMUS_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="ISTHMUS_", frozen=True)

    home: Path = Field(REPOSITORY, description="folder that holds data/ and indexes/")
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; default: SQLite under data/"
    )
    host: str = "127.0.0.1"
    port: int | None = Field(None, description="fixed port; default: 7860 or the next free one")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    mode: Literal["full", "readonly"] = Field(
        "full", description="readonly: nothing can be changed"
    )
    demo: bool = Field(True, description="make the demonstration run on first start")
    max_upload_mb: int = 200
    max_image_pixels: int = 50_000_000
    max_archive_items: int = Field(20_000, description="files in a zip that is imported")
    max_archive_mb: int = Field(2_000, description="megabytes of an imported zip, unpacked")
    index_memory_mb: int | None = Field(
        None, gt=0, description="megabytes that open indexes may take; default: a quarter of all"
    )
    vector_store: str = Field(
        "faiss", description="faiss, a Milvus server's URI, or a path for Milvus Lite (ends in .db)"
    )
    vector_store_token: str = Field("", repr=False, description="user:password or key of Milvus")

    @field_validator("vector_store")
    @classmethod
    def _known_store(cls, given: str) -> str:
        if given == "faiss" or given.endswith(".db") or given.startswith(_SERVERS):
            return given
        raise ValueError(
            f"{given!r} is no vector store; allowed are faiss, a Milvus server's address such as "
            "http://localhost:19530, and a path that ends in .db, for Milvus Lite"
        )

    @property
    def data_dir(self) -> Path:
        """What to back up: database, features, heads, uploads."""
        return self.home.resolve() / "data"

    @property
    def indexes_dir(self) -> Path:
        """What can be rebuilt: FAISS indexes, maps, thumbnails."""
        return self.home.resolve() / "indexes"

    @property
    def index_memory_bytes(self) -> int:
        """What open indexes may take together, and what one that is built is chosen for."""
        if self.index_memory_mb is not None:
            return self.index_memory_mb * _MEGABYTE
        found = memory()
        return found // _INDEX_SHARE if found else _INDEX_BYTES

    @property
    def features_dir(self) -> Path:
        return self.data_dir / "features"

    @property
    def runs_dir(self) -> Path:
        """One folder a run: heads, checkpoints, result.json."""
        return self.data_dir / "runs"

    @property
    def uploads_dir(self) -> Path:
        return self.data_dir / "uploads"

    @property
    def worlds_dir(self) -> Path:
        """Pictures of the built-in world, drawn on first use."""
        return self.data_dir / "scenes"

    @property
    def thumbnails_dir(self) -> Path:
        return self.indexes_dir / "thumbnails"

    @property
    def demo_dir(self) -> Path:
        """The committed encoders; always beside the code, wherever ``home`` is."""
        return REPOSITORY / "data" / "demo"

    @property
    def run_database_url(self) -> str:
        """Where runs and results live."""
        return self.database_url or f"sqlite:///{self.data_dir / 'isthmus.db'}"

    @property
    def job_database_url(self) -> str:
        """Where DBOS keeps its workflows: a file of its own, so that neither waits for the other's lock."""
        return self.database_url or f"sqlite:///{self.data_dir / 'jobs.db'}"

    def make_dirs(self) -> None:
        """Creates every folder that is written to."""
        for folder in (
            self.data_dir,
            self.features_dir,
            self.runs_dir,
            self.uploads_dir,
            self.worlds_dir,
            self.indexes_dir,
            self.thumbnails_dir,
        ):
            folder.mkdir(parents=True, exist_ok=True)
