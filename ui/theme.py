"""How the app looks: Gradio's theme, set from one small table of colours for light and for dark.

The same table is written as CSS variables (``--i-...``), which ``assets/style.css`` and the plots use.
Contrast of text on its ground is at least 4.5 to 1 in both.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import gradio as gr

ASSETS: Final = Path(__file__).parent / "assets"

#: name -> (light, dark)
COLOURS: Final[dict[str, tuple[str, str]]] = {
    "ground": ("#f5f6f4", "#101517"),
    "surface": ("#ffffff", "#171d20"),
    "raised": ("#fafbfa", "#1d2528"),
    "sunken": ("#eef0ed", "#0c1012"),
    "line": ("#e2e5e1", "#2a3438"),
    "line-strong": ("#c9cfca", "#3d4a4f"),
    "text": ("#182024", "#e8edec"),
    "soft": ("#5a666a", "#9dabad"),
    "accent": ("#0b6770", "#58bcc4"),
    "accent-strong": ("#084f56", "#7fd0d6"),
    "accent-soft": ("#e1f0f0", "#143438"),
    "on-accent": ("#ffffff", "#04272b"),
    "image": ("#2268b5", "#6fb0f0"),
    "image-soft": ("#e4eefa", "#182c42"),
    "caption": ("#b4570a", "#f2a65a"),
    "caption-soft": ("#fbeedd", "#3a2a17"),
    "scale-low": ("#e4e7e4", "#263035"),
    "scale-high": ("#05474d", "#8ff0f5"),
    "good": ("#16704c", "#63c79b"),
    "good-soft": ("#e0f2ea", "#15352a"),
    "warn": ("#875500", "#e5b454"),
    "warn-soft": ("#fbf0d9", "#382c14"),
    "bad": ("#ab2a2a", "#f28b82"),
    "bad-soft": ("#fbe7e5", "#412020"),
    "busy": ("#2268b5", "#6fb0f0"),
    "busy-soft": ("#e4eefa", "#182c42"),
}

#: the semi-bold that Gradio ships lacks most Latin letters
_WEIGHTS: Final = (400, 700)

_SET: Final[dict[str, str]] = {
    "body_background_fill": "ground",
    "body_text_color": "text",
    "body_text_color_subdued": "soft",
    "background_fill_primary": "surface",
    "background_fill_secondary": "raised",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "border_color_accent_subdued": "line-strong",
    "color_accent_soft": "accent-soft",
    "block_border_color": "line",
    "block_info_text_color": "soft",
    "block_label_background_fill": "surface",
    "block_label_text_color": "soft",
    "block_label_border_color": "line",
    "block_title_text_color": "text",
    "panel_background_fill": "surface",
    "input_background_fill": "surface",
    "input_background_fill_focus": "surface",
    "input_background_fill_hover": "surface",
    "input_border_color": "line-strong",
    "input_border_color_focus": "accent",
    "input_border_color_hover": "soft",
    "input_placeholder_color": "soft",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-strong",
    "button_primary_border_color": "accent",
    "button_primary_text_color": "on-accent",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "sunken",
    "button_secondary_border_color": "line-strong",
    "button_secondary_border_color_hover": "soft",
    "button_secondary_text_color": "text",
    "button_cancel_background_fill": "bad-soft",
    "button_cancel_background_fill_hover": "bad-soft",
    "button_cancel_border_color": "bad",
    "button_cancel_text_color": "bad",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color_selected": "accent",
    "checkbox_border_color": "line-strong",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "sunken",
    "checkbox_label_background_fill_selected": "accent-soft",
    "checkbox_label_border_color": "line-strong",
    "checkbox_label_text_color": "text",
    "checkbox_label_text_color_selected": "accent-strong",
    "slider_color": "accent",
    "table_border_color": "line",
    "table_even_background_fill": "surface",
    "table_odd_background_fill": "surface",
    "error_background_fill": "bad-soft",
    "error_border_color": "bad",
    "error_text_color": "bad",
}


def theme() -> gr.themes.Base:
    """The theme: system-like sans in IBM Plex (served by Gradio itself), flat, fine lines."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        text_size=gr.themes.sizes.text_md,
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_md,
        font=(
            gr.themes.LocalFont("IBM Plex Sans", _WEIGHTS),
            "ui-sans-serif",
            "system-ui",
            "sans-serif",
        ),
        font_mono=(gr.themes.LocalFont("IBM Plex Mono", _WEIGHTS), "ui-monospace", "monospace"),
    )
    values: dict[str, str] = {
        "block_background_fill": "transparent",
        "block_background_fill_dark": "transparent",
        "block_border_width": "0px",
        "block_shadow": "none",
        "block_padding": "0px",
        "block_label_text_size": "*text_sm",
        "block_title_text_weight": "600",
        "block_title_text_size": "*text_sm",
        "block_info_text_size": "*text_sm",
        "input_border_width": "1px",
        "input_shadow": "none",
        "input_shadow_focus": "0 0 0 3px var(--i-accent-soft)",
        "button_border_width": "1px",
        "button_large_text_size": "*text_md",
        "button_large_text_weight": "600",
        "button_large_padding": "9px 18px",
        "button_small_text_weight": "500",
        "button_small_text_size": "*text_sm",
        "button_small_padding": "6px 14px",
        "button_medium_text_weight": "600",
        "button_primary_shadow": "none",
        "button_secondary_shadow": "none",
        "color_accent": "var(--i-accent)",
        "layout_gap": "20px",
        "form_gap_width": "0px",
        "checkbox_label_shadow": "none",
    }
    for name, colour in _SET.items():
        values[name], values[f"{name}_dark"] = COLOURS[colour]
    values["block_border_width_dark"] = "0px"
    values["block_shadow_dark"] = "none"
    base.set(**values)
    return base


def css() -> str:
    """The colour variables and the style sheets: the one of all pages, then those of single pages."""
    light = "".join(f"--i-{name}:{pair[0]};" for name, pair in COLOURS.items())
    dark = "".join(f"--i-{name}:{pair[1]};" for name, pair in COLOURS.items())
    first = ASSETS / "style.css"
    files = [first, *sorted(each for each in ASSETS.glob("*.css") if each != first)]
    sheets = "\n".join(each.read_text(encoding="utf-8") for each in files)
    return f":root{{{light}}}\n.dark{{{dark}}}\n{sheets}"


@cache
def script(name: str) -> str:
    """The text of one of the scripts in ``assets/``."""
    return (ASSETS / f"{name}.js").read_text(encoding="utf-8")
