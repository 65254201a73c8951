"""What programs and agents may ask for: a small set of calls, over HTTP and as MCP tools.

Everything else in the app is private to its own page. Answers are plain JSON without paths of this
machine; what cannot be done is said in a sentence. The docstrings are what an agent reads of a call, so
each argument has one line.
"""

from __future__ import annotations

import inspect
import json
import re
import threading
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_type_hints

import gradio as gr
from gradio.events import api as endpoint
from pydantic import Field, ValidationError, validate_call

from backend.errors import Fault, InvalidInput, IsthmusError, NotAllowed, NotFound
from backend.schemas import Hit, Item, Query, QueryPart, RetrievalReport, RunRequest, RunSummary
from backend.services import Services
from ui.context import finished

if TYPE_CHECKING:
    from collections.abc import Iterator

#: calls that are answered at once; the next ones wait for their turn
AT_ONCE: Final = 4
#: seconds that they wait
_PATIENCE: Final = 60.0
_LONGEST: Final = 500

#: the folders of an absolute path, but no address of the web
_FOLDERS: Final = re.compile(r"(?<![\w/:.])(?:/|[A-Za-z]:\\)(?:[^\s/\\'\"“”]+[/\\])+")

Text = Annotated[str, Field(max_length=_LONGEST)]
Id = Annotated[str, Field(max_length=1000)]
Count = Annotated[int, Field(ge=1, le=200)]


class Told(gr.Error):
    """A sentence for a program. Gradio's own would quote it, and pages show theirs as HTML."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, print_exception=False)

    def __str__(self) -> str:
        return str(self.message)


class Api:
    """The calls. Every public method is one, under its own name.

    Args:
        services: the one door.
        asked: told of every call, so that memory is let go of afterwards.
    """

    def __init__(self, services: Services, asked: Callable[[], None] = lambda: None) -> None:
        self._services = services
        self._asked = asked
        self._turns = threading.BoundedSemaphore(AT_ONCE)

    def list_runs(self) -> list[dict[str, Any]]:
        """Lists all runs, newest first. A run is one alignment of an image encoder with a text encoder.

        Returns:
            of each its id, name, status, data set, encoders, method, and recall at rank 1 once finished
        """
        with self._turn():
            return [_run(each) for each in self._services.runs()]

    def run_status(self, run: Id) -> dict[str, Any]:
        """Tells how far a run is, or what came out of it.

        Args:
            run: id of the run, as list_runs gives it

        Returns:
            the run with its progress while it is live, its scores with interval and chance once finished
        """
        with self._turn():
            summary = self._services.run(run).summary
            return {
                **_run(summary),
                "progress": _progress(summary),
                "scores": _scores(summary.test),
            }

    def search(
        self,
        query: Text,
        run: Id = "",
        k: Count = 10,
        among: Literal["image", "text", "both"] = "image",
    ) -> dict[str, Any]:
        """Searches the held-out images and captions of a run by words, across modalities.

        Args:
            query: what to look for, in words, for example "a red circle"
            run: id of a finished run; empty for the newest one
            k: how many answers of each modality, 1 to 200
            among: image, text (captions) or both

        Returns:
            answers by modality, best first, with rank, cosine similarity, item id, captions and attributes
        """
        with self._turn():
            chosen = self._finished(run)
            part = QueryPart(kind="text", value=query)
            found = self._services.search(chosen, Query(parts=(part,), target=among, k=k))
            return {
                "run": chosen,
                "seconds": found.seconds,
                "answers": {
                    each.side: {
                        "searched": each.searched,
                        "exact": each.index.exact,
                        "hits": [_hit(hit) for hit in each.hits],
                    }
                    for each in found.answers
                },
            }

    def neighbours(self, item: Id, run: Id = "", k: Count = 8) -> dict[str, Any]:
        """Finds what lies nearest to an item of a run in the shared space, in both modalities.

        Args:
            item: id of an image or a caption, as search gives it
            run: id of a finished run; empty for the newest one
            k: how many neighbours of each modality, 1 to 200

        Returns:
            the item, its nearest images and captions, its true partners and the rank of the best of them
        """
        with self._turn():
            chosen = self._finished(run)
            near = self._services.neighbours(chosen, item, k)
            return {
                "run": chosen,
                "item": _item(near.item),
                "image": [_hit(hit) for hit in near.images],
                "text": [_hit(hit) for hit in near.texts],
                "partners": list(near.partners),
                "partner_rank": near.partner_rank,
            }

    def embed(self, text: Text, run: Id = "") -> dict[str, Any]:
        """Puts a text into the shared space of a run.

        Args:
            text: read as a caption
            run: id of a finished run; empty for the newest one

        Returns:
            a vector of unit length; the dot product of two is their cosine similarity
        """
        with self._turn():
            chosen = self._finished(run)
            vector = self._services.embed(chosen, QueryPart(kind="text", value=text))
            return {"run": chosen, "dimensions": len(vector), "vector": vector}

    def drift(
        self, item: Id, run: Id = "", generations: Annotated[int, Field(ge=2, le=40)] = 10
    ) -> dict[str, Any]:
        """Lets meaning drift: from an item to its nearest of the other modality, and so on in turn.

        Args:
            item: id of the image or caption to start from, as search gives it
            run: id of a finished run; empty for the newest one
            generations: how many steps, 2 to 40

        Returns:
            the chain of items with their similarity to the start, and where it closes to a loop
        """
        with self._turn():
            chosen = self._finished(run)
            cycle = self._services.drift(chosen, item, generations)
            steps = [
                {
                    "generation": step.generation,
                    "item": _item(step.item),
                    "similarity_to_start": step.similarity_to_start,
                    "similarity_to_previous": step.similarity_to_previous,
                }
                for step in cycle.steps
            ]
            return {
                "run": chosen,
                "steps": steps,
                "closes_at": cycle.closes_at,
                "period": cycle.period,
            }

    def start_run(
        self,
        dataset: Id,
        image_encoder: Id,
        text_encoder: Id,
        method: Text = "linear-infonce",
        options: dict[str, Any] | None = None,
        seed: int = 0,
        seeds: int = 1,
        train_images: int | None = None,
        name: Text = "",
    ) -> dict[str, Any]:
        """Starts a run: aligns two frozen encoders on a data set and evaluates it. Refused where read-only.

        Args:
            dataset: id of a data set, for example "scenes-small", or a folder where the app runs
            image_encoder: id of the encoder of the items, for example "scene-resnet-classes"
            text_encoder: id of the encoder of the captions, for example "minilm"
            method: id of the alignment method, for example "linear-infonce" or "ridge"
            options: the method's own options by name; left out for the defaults
            seed: decides every draw
            seeds: how many seeds, counted up from seed, 1 to 20
            train_images: use only so many training images; left out for all
            name: of the run; empty for one made of its parts

        Returns:
            the run as it waits in the queue; ask run_status how far it is
        """
        with self._turn():
            self._services.may_change()
            request = RunRequest(
                dataset=dataset,
                image_encoder=image_encoder,
                text_encoder=text_encoder,
                method=method,
                options=options or {},
                seed=seed,
                seeds=seeds,
                train_images=train_images,
                name=name or None,
            )
            return _run(self._services.launch(request))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One of the few calls that are answered at once."""
        if not self._turns.acquire(timeout=_PATIENCE):
            raise NotAllowed("Too much is asked at once; try again in a moment.")
        try:
            yield
        finally:
            self._turns.release()
            self._asked()

    def _finished(self, run: str) -> str:
        """A run that can be asked, the newest where none is named."""
        if run:
            return run
        ready = finished(self._services)
        if not ready:
            raise NotFound("No run has finished yet. Start one with start_run, or wait for it.")
        return ready[0].id


#: in the order in which they are listed
CALLS: Final = (
    "search", "neighbours", "embed", "list_runs", "start_run", "run_status", "drift",
)  # fmt: skip


def publish(services: Services, asked: Callable[[], None]) -> None:
    """Adds the calls to the Blocks that are being laid out."""
    api = Api(services, asked)
    for name in CALLS:
        endpoint(
            _checked(getattr(api, name)), api_name=name, queue=False, concurrency_limit=AT_ONCE
        )


def _checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """A call that takes nothing but what it says it takes, and fails in sentences."""
    strict = validate_call(call)
    names = tuple(inspect.signature(call).parameters)

    @wraps(call)
    def answer(*given: Any) -> Any:
        try:
            return strict(**dict(zip(names, given, strict=False)))
        except ValidationError as error:
            faults = [
                Fault(".".join(str(part) for part in each["loc"]), each["msg"])
                for each in error.errors()
            ]
            summary = f"{call.__name__} cannot be called like this."
            raise Told(str(InvalidInput(summary, faults))) from error
        except IsthmusError as error:
            raise Told(_without_folders(str(error))) from error

    # Gradio reads the type of the answer off the signature alone, and there it is still a text
    told = inspect.signature(call).replace(return_annotation=get_type_hints(call)["return"])
    answer.__signature__ = told  # type: ignore[attr-defined]
    return answer


def mcp_installed() -> bool:
    """Whether the calls can be MCP tools, too."""
    return find_spec("mcp") is not None


def answer_in_json(demo: gr.Blocks) -> None:
    """Lets MCP tools answer in JSON; Gradio would write Python's own notation. After the launch."""
    server: Any = demo.mcp_server_obj
    if server is not None:
        server.postprocess_output_data = lambda data, root_url: [
            server.types.TextContent(type="text", text=json.dumps(each, ensure_ascii=False))
            for each in data
        ]


# --- as JSON ------------------------------------------------------------------------------------


def _run(run: RunSummary) -> dict[str, Any]:
    test = run.test
    return {
        "id": run.id,
        "name": run.name,
        "status": run.status,
        "queue_position": run.queue_position,
        "dataset": _public(run.dataset),
        "items": run.modality,
        "image_encoder": _public(run.image_encoder),
        "text_encoder": _public(run.text_encoder),
        "method": run.method,
        "seed": run.seed,
        "created_at": run.created_at.isoformat(),
        "error": _without_folders(run.error) if run.error else None,
        "text_to_image_recall_at_1": test.recall("text_to_image", 1).value if test else None,
        "image_to_text_recall_at_1": test.recall("image_to_text", 1).value if test else None,
    }


def _progress(run: RunSummary) -> dict[str, Any] | None:
    return run.progress.model_dump() if run.progress and run.live else None


def _scores(report: RetrievalReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    scores: dict[str, Any] = {"images": report.images, "captions": report.captions}
    for way in ("text_to_image", "image_to_text"):
        for k in (1, 5, 10):
            found = report.recall(way, k)
            scores[f"{way}_recall_at_{k}"] = {
                "value": found.value,
                "interval": list(found.shares),
                "chance": getattr(getattr(report, way), f"chance_at_{k}"),
            }
    return scores


def _hit(hit: Hit) -> dict[str, Any]:
    return {"rank": hit.rank, "score": hit.score, "pair": hit.ground_truth, **_item(hit.item)}


def _item(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "side": item.side,
        "belongs_to": item.image_id,
        "text": item.text,
        "captions": list(item.captions),
        "attributes": dict(item.attributes),
    }


def _public(name: str) -> str:
    """A data set's or an encoder's id; of a folder on this machine the last part alone."""
    base, mark, options = name.partition("?")
    local = base.startswith(("/", "~", ".")) or base[1:3] in (":\\", ":/")
    return (
        base.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] + mark + options if local else name
    )


def _without_folders(sentence: str) -> str:
    """A sentence in which files of this machine are named by their last part."""
    return _FOLDERS.sub("", sentence)
