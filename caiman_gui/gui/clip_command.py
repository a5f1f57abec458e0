"""The command "Export clip or frame": from what the tab shows to the dialog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

    from caiman_gui.app.context import AppContext
    from caiman_gui.gui.clip_export import ClipExporter, Notify
    from caiman_gui.gui.dialogs import Dialogs
    from caiman_gui.gui.tabs.step_tab import StepTab


class ClipCommand(QObject):
    """Exports what the players of a tab show.

    Parameters
    ----------
    ctx : AppContext
    dialogs : Dialogs
    notify : callable
        Tells that an export is done, with a button.
    window : QWidget
    """

    def __init__(self, ctx: AppContext, dialogs: Dialogs, notify: Notify, window: QWidget) -> None:
        super().__init__(window)
        self._ctx = ctx
        self._rest = (dialogs, notify, window)
        self._exporter: ClipExporter | None = None

    def open(self, tab: StepTab) -> None:
        """Open the dialog for the players of a tab; says so if it has none."""
        from caiman_gui.gui.clip_export import ClipExporter
        from caiman_gui.gui.clip_source import shown_source

        state = self._ctx.document.state
        movies, player = tab.players()
        source = None
        if player is not None and state.recording is not None:
            source = shown_source(
                self._ctx.frames,
                movies,
                player.scale,
                played=player.timeline.played,
                pixel_size_um=tab.shown_pixel_size_um(),
                name=state.recording.paths[0].stem,
            )
        if source is None:
            self._ctx.reporter.tell(
                "There is no movie here to export",
                "Clips and frames are exported from a player.",
                "Go to Load, Motion correction or Extract, and open a movie.",
                "warning",
            )
            return
        if self._exporter is None:
            self._exporter = ClipExporter(self._ctx, *self._rest)
        self._exporter.open(source, protected=self._own_files())

    def _own_files(self) -> list[Path]:
        document = self._ctx.document
        recording = document.state.recording
        own = list(recording.paths) if recording is not None else []
        if document.path is not None:
            own += [document.path, document.path.with_suffix(".cgdata")]
        return own
