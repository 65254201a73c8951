"""Ways to ask that few need every day: away from words, with a further picture, with a vector."""

from __future__ import annotations

from typing import Final

import gradio as gr

LONGEST_VECTOR: Final = 200_000
_LONGEST_WORDS: Final = 500


class MoreWays:
    """The fields, folded away."""

    def __init__(self) -> None:
        with (
            gr.Accordion("More ways to ask", open=False, elem_id="i-more-ways"),
            gr.Row(elem_classes="i-ways"),
        ):
            with gr.Column(min_width=260):
                self.less = gr.Textbox(
                    label="Away from these words", placeholder="for example: blue", max_lines=1,
                    max_length=_LONGEST_WORDS, elem_id="i-less",
                )  # fmt: skip
                self.subtract = gr.Button("Subtract them", size="sm", elem_id="i-subtract")
                self.upload = gr.UploadButton(
                    "Add a picture…", file_types=["image"], size="sm", elem_id="i-add-upload"
                )
            with gr.Column(min_width=260):
                self.vector = gr.Textbox(
                    label="A vector of the shared space", lines=3, max_lines=3,
                    placeholder="its numbers, with commas or spaces between them",
                    max_length=LONGEST_VECTOR, elem_id="i-vector",
                )  # fmt: skip
                self.add_vector = gr.Button("Add it", size="sm", elem_id="i-add-vector")
