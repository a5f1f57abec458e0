"""Write docs/parameters.md from the declarations: ``python docs/make_parameters.py``."""

from __future__ import annotations

from pathlib import Path

from caiman_gui.cli.params import markdown

if __name__ == "__main__":
    target = Path(__file__).with_name("parameters.md")
    target.write_text(markdown(), encoding="utf-8", newline="\n")
    print(f"written: {target}")
