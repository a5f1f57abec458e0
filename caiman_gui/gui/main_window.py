"""The window: tabs, menus, status bar, messages. It arranges; the app layer does the work."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QDockWidget,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QStatusBar,
    QTabWidget,
    QToolButton,
    QWidget,
)

from caiman_gui.app.topics import Topic
from caiman_gui.gui import actions as action_table
from caiman_gui.gui import layout_memory, resources, theme, words
from caiman_gui.gui.clip_command import ClipCommand
from caiman_gui.gui.dialogs import Dialogs
from caiman_gui.gui.file_menu import FileCommands
from caiman_gui.gui.menus import build_menus
from caiman_gui.gui.step_icons import TabRings
from caiman_gui.gui.tabs.step_tab import SIDE_WIDTH_PX
from caiman_gui.gui.widgets.drop import DropTarget
from caiman_gui.gui.widgets.log_panel import LogPanel
from caiman_gui.gui.widgets.task_bar import MemoryMeter, TaskBar
from caiman_gui.gui.widgets.toast import ToastStack
from caiman_gui.pipeline.steps import STEP_NAMES, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QCloseEvent, QKeyEvent

    from caiman_gui.app.context import AppContext
    from caiman_gui.app.reporter import UserMessage
    from caiman_gui.gui.tabs.step_tab import StepTab
    from caiman_gui.logs import MemoryHandler

#: Name of a tab -> its class, in order of the workflow.
TABS: tuple[tuple[str, str], ...] = (
    ("load", "caiman_gui.gui.tabs.load_tab:LoadTab"),
    ("motion", "caiman_gui.gui.tabs.motion_tab:MotionTab"),
    ("inspect", "caiman_gui.gui.tabs.inspect_tab:InspectTab"),
    ("extract", "caiman_gui.gui.tabs.extract_tab:ExtractTab"),
    ("review", "caiman_gui.gui.tabs.review_tab:ReviewTab"),
    ("traces", "caiman_gui.gui.tabs.traces_tab:TracesTab"),
)
_STATUS_PX = 32
_LOG_PX = 200


class MainWindow(QMainWindow):
    """The main window.

    Parameters
    ----------
    ctx : AppContext
    dialogs : Dialogs, optional
        Asks and tells; tests pass a fake.
    log : MemoryHandler, optional
        Where the Log panel reads.
    tabs : sequence, optional
        (name, ``module:class``) of the tabs.
    """

    def __init__(
        self,
        ctx: AppContext,
        dialogs: Dialogs | None = None,
        log: MemoryHandler | None = None,
        tabs: Sequence[tuple[str, str]] = TABS,
    ) -> None:
        super().__init__()
        self.ctx = ctx
        self.dialogs = dialogs if dialogs is not None else Dialogs(self)
        self.files = FileCommands(ctx, self.dialogs, self)
        self.setWindowIcon(resources.app_icon())
        self.setMinimumSize(960, 600)
        self.toasts = ToastStack(self, SIDE_WIDTH_PX, _STATUS_PX, self._player)
        self._build_tabs(tabs)
        self._build_status(log)
        self.actions_by_key = action_table.build_actions(self, self._handlers())
        self._build_menus()
        self._add_tab_keys()
        self.clips = ClipCommand(ctx, self.dialogs, self.toasts.show, self)
        self._drop = DropTarget(self)
        self._drop.dropped.connect(self.files.open_paths)
        self._finished_steps: list[str] = []
        self._connect()
        self._restore()
        self._show_document()

    # ------------------------------------------------------------------ build
    def _build_tabs(self, specs: Sequence[tuple[str, str]]) -> None:
        self.tab_widget = QTabWidget()
        self.tab_widget.setObjectName("steps")
        self.tab_widget.setDocumentMode(True)
        self.tabs: dict[str, StepTab] = {}
        self._rings = TabRings(
            self.tab_widget, lambda: [(tab.title, tab.status) for tab in self.tabs.values()]
        )
        for name, place in specs:
            module, _, cls = place.partition(":")
            tab: StepTab = getattr(importlib.import_module(module), cls)(self.ctx)
            self.tabs[name] = tab
            tab.requestTab.connect(self.show_tab)
            tab.statusChanged.connect(self._rings.show)
            tab.exportRequested.connect(self._on_export_clip)
            self.tab_widget.addTab(tab, tab.title)
        self.run_all_button = QPushButton("Run all")
        theme.set_icon(self.run_all_button, "run-all")
        self.run_all_button.setToolTip("Run all steps that are not up to date (Ctrl+Shift+R)")
        # it is disabled while steps run: focus taken by a click would move on to another button
        self.run_all_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.run_all_button.clicked.connect(self._on_run_all)
        corner = QWidget()
        corner_layout = QHBoxLayout(corner)
        corner_layout.setContentsMargins(8, 0, 16, 4)
        corner_layout.addWidget(self.run_all_button)
        self.tab_widget.setCornerWidget(corner, Qt.Corner.TopRightCorner)
        self.tab_widget.currentChanged.connect(self._on_tab_changed)
        self.setCentralWidget(self.tab_widget)
        load = self.tabs.get("load")
        if load is not None:
            self.files.connect_load_tab(load)

    def _build_status(self, log: MemoryHandler | None) -> None:
        bar = QStatusBar()
        bar.setSizeGripEnabled(False)
        self.setStatusBar(bar)
        self.task_bar = TaskBar(self.ctx.tasks)
        self.last_message = theme.label("", "muted")
        self.last_message.setTextFormat(Qt.TextFormat.PlainText)
        self.memory = MemoryMeter(self._memory_budget())
        self.log_button = QToolButton()
        self.log_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.log_button.setText("Log")
        theme.set_icon(self.log_button, "log", "muted")
        self.log_button.clicked.connect(lambda: self.actions_by_key["show_log"].trigger())
        bar.addWidget(self.task_bar, 1)
        bar.addPermanentWidget(self.last_message)
        bar.addPermanentWidget(self.memory)
        bar.addPermanentWidget(self.log_button)
        self.log_panel = LogPanel(log)
        self.log_panel.warningsChanged.connect(self._on_warnings)
        self.log_panel.saveRequested.connect(self._on_save_log)
        self.log_dock = QDockWidget("Log")
        self.log_dock.setObjectName("log")
        self.log_dock.setWidget(self.log_panel)
        self.log_dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.log_dock)
        self.resizeDocks([self.log_dock], [_LOG_PX], Qt.Orientation.Vertical)
        self.log_dock.hide()

    def _memory_budget(self) -> int:
        from caiman_gui.pipeline.measure import default_memory_bytes

        gib = self.ctx.settings.memory_gib
        return int(gib * 2**30) if gib else default_memory_bytes()

    def _handlers(self) -> dict[str, Callable[[], object]]:
        files = self.files
        return {
            "open_movie": files.open_movie,
            "open_folder": files.open_folder,
            "open_project": files.open_project,
            "open_demo": files.open_demo,
            "save": files.save,
            "save_as": files.save_as,
            "export_clip": self._on_export_clip,
            "quit": self.close,
            "theme_dark": lambda: self.set_theme("dark"),
            "theme_light": lambda: self.set_theme("light"),
            "theme_system": lambda: self.set_theme("system"),
            "show_log": self._on_show_log,
            "full_screen": self._on_full_screen,
            "run_step": lambda: self.current_tab.run(),
            "run_all": self._on_run_all,
            "cancel": self.ctx.tasks.cancel_all,
            "shortcuts": lambda: self.dialogs.shortcuts(action_table.shortcut_groups()),
            "tutorial": self.dialogs.tutorial,
            "open_log_folder": self.files.open_log_folder,
            "about": self.dialogs.about,
        }

    def _build_menus(self) -> None:
        undo_stack = self.ctx.document.undo_stack
        self.menus = build_menus(self, self.actions_by_key, self.files, undo_stack)
        self.recording_label = theme.label("", "muted")
        self.recording_label.setContentsMargins(0, 4, 16, 0)

    def _add_tab_keys(self) -> None:
        for index in range(self.tab_widget.count()):
            shortcut = QShortcut(QKeySequence(f"Ctrl+{index + 1}"), self)
            shortcut.activated.connect(lambda i=index: self.tab_widget.setCurrentIndex(i))

    def _connect(self) -> None:
        ctx = self.ctx
        ctx.document.changed.connect(self._on_document_changed)
        ctx.document.dirtyChanged.connect(self._on_title)
        ctx.document.pathChanged.connect(self._on_title)
        ctx.document.saved.connect(self._on_title)
        ctx.reporter.message.connect(self._on_message)
        ctx.workflow.stepFinished.connect(self._on_step_finished)
        ctx.workflow.runFinished.connect(self._on_run_finished)
        self.task_bar.runningChanged.connect(self._on_running)
        ctx.tasks.taskFinished.connect(self._on_task_finished)
        QApplication.styleHints().colorSchemeChanged.connect(self._on_system_scheme)

    # ------------------------------------------------------------------- tabs
    @Slot(str)
    def show_tab(self, name: str) -> None:
        """Go to a tab by name."""
        self.tab_widget.setCurrentWidget(self.tabs[name])

    @property
    def current_tab(self) -> StepTab:
        """The tab shown."""
        return self.tabs[list(self.tabs)[self.tab_widget.currentIndex()]]

    @Slot()
    def _on_export_clip(self) -> None:
        self.clips.open(self.current_tab)

    def _player(self) -> QWidget | None:
        return self.current_tab.players()[1]

    @Slot(int)
    def _on_tab_changed(self, _index: int) -> None:
        self.toasts.clear_offers()
        QTimer.singleShot(0, self.toasts, self.toasts.place)  # once the tab has its layout
        self._show_enabled()

    # --------------------------------------------------------------- document
    @Slot(object)
    def _on_document_changed(self, topics: Topic) -> None:
        self._show_document()
        if topics is Topic.ALL:
            self._drop.shade.hide()
            self.toasts.clear()  # they were about what was open before

    @Slot()
    def _on_title(self, _value: object = None) -> None:
        self.setWindowTitle(self.files.window_title())
        self.setWindowModified(self.ctx.document.is_dirty)

    def _show_document(self) -> None:
        self.recording_label.setText(words.recording_line(self.ctx.document.state))
        # A menu bar gives its corner a new width only when the corner is set.
        self.menuBar().setCornerWidget(self.recording_label, Qt.Corner.TopRightCorner)
        self.recording_label.show()
        self._on_title()
        self._rings.show()
        self._show_enabled()

    def _show_enabled(self) -> None:
        has_recording = self.ctx.document.state.recording is not None
        is_busy = bool(self.ctx.tasks.tasks)
        action_table.enable_actions(
            self.actions_by_key, has_recording=has_recording, is_busy=is_busy
        )
        self.actions_by_key["run_step"].setEnabled(
            has_recording and not is_busy and bool(self.current_tab.steps)
        )
        self.run_all_button.setEnabled(has_recording and not is_busy)
        self.menus.export.setEnabled(has_recording)

    # -------------------------------------------------------------------- run
    @Slot()
    def _on_run_all(self) -> None:
        self.ctx.workflow.run(STEP_NAMES)

    @Slot(bool)
    def _on_running(self, running: bool) -> None:
        if running:
            self.last_message.clear()  # it was about what came before
        self._show_enabled()

    @Slot(str)
    def _on_step_finished(self, name: str) -> None:
        self._finished_steps.append(STEPS[name].title)

    @Slot(bool)
    def _on_run_finished(self, is_ok: bool) -> None:
        names, self._finished_steps = self._finished_steps, []
        if is_ok and names and names != [STEPS["prepare"].title]:  # that runs by itself
            title = f"{names[0]} finished" if len(names) == 1 else "All steps finished"
            detail = "" if len(names) == 1 else ", ".join(names)
            self.toasts.show(title, detail, action=self._way_on(len(names)))
        self._rings.show()

    def _way_on(self, n_steps: int) -> tuple[str, Callable[[], object]] | None:
        """Return where to go after a run: the next tab, or Review after several steps."""
        names = list(self.tabs)
        index = names.index("review") if n_steps > 1 else self.tab_widget.currentIndex() + 1
        if index >= len(names) or index == self.tab_widget.currentIndex():
            return None
        return f"Go to {self.tabs[names[index]].title}", lambda: self.show_tab(names[index])

    @Slot(object)
    def _on_task_finished(self, _task: object) -> None:
        self._show_enabled()
        if self.files.is_closing and not self.ctx.tasks.tasks:
            QTimer.singleShot(0, self, self.close)

    # --------------------------------------------------------------- messages
    @Slot(object)
    def _on_message(self, message: UserMessage) -> None:
        self.last_message.setText(message.title)
        if message.level == "error":
            self.dialogs.show_error(message)
        else:
            detail = "\n".join(part for part in (message.detail, message.hint) if part)
            self.toasts.show(message.title, detail, message.level)

    @Slot(int)
    def _on_warnings(self, n_warnings: int) -> None:
        self.log_button.setText(
            f"Log ({words.count(n_warnings, 'warning')})" if n_warnings else "Log"
        )

    @Slot()
    def _on_save_log(self) -> None:
        self.files.save_text("Save log", "caiman_gui-log.txt", self.log_panel.text())

    # ------------------------------------------------------------------- view
    def set_theme(self, name: str) -> None:
        """Change the theme and remember it."""
        self.ctx.settings.theme = name  # type: ignore[assignment]
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, name, self)
        self._rings.show()

    @Slot()
    def _on_system_scheme(self) -> None:
        if self.ctx.settings.theme == "system":
            self.set_theme("system")

    def _on_show_log(self) -> None:
        self.log_dock.setVisible(self.actions_by_key["show_log"].isChecked())

    def _on_full_screen(self) -> None:
        if self.actions_by_key["full_screen"].isChecked():
            self.showFullScreen()
        else:
            self.showNormal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.isFullScreen():
            self.actions_by_key["full_screen"].trigger()
            return
        super().keyPressEvent(event)

    def _restore(self) -> None:
        settings = self.ctx.settings
        self.actions_by_key[f"theme_{settings.theme}"].setChecked(True)
        layout_memory.restore(self, self.tabs, settings)
        self.actions_by_key["show_log"].setChecked(settings.show_log)
        self.log_dock.setVisible(settings.show_log)
        self.log_dock.visibilityChanged.connect(self._on_log_visible)

    @Slot(bool)
    def _on_log_visible(self, visible: bool) -> None:
        if self.isVisible():
            self.actions_by_key["show_log"].setChecked(visible)

    def _remember(self) -> None:
        settings = self.ctx.settings
        layout_memory.remember(self, self.tabs, settings)
        settings.show_log = self.actions_by_key["show_log"].isChecked()
        settings.save()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.files.may_close():
            event.ignore()
            return
        self._remember()
        self._rings.stop()
        self.toasts.clear()
        self.log_panel.detach()
        event.accept()
